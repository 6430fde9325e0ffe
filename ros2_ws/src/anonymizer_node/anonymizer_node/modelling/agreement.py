"""Whether a quantised detector sees what its original sees."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.core.geometry import iou
from anonymizer_node.core.roles import Detector

MARGIN = 0.05
"""A detection this near the threshold may fall below it by the shift of a score that rounding to
eight bits causes on average: `checks.LARGEST_SCORE_SHIFT`. Whether those are found again is a coin
toss, and says nothing of the graph."""
SAME = 0.5
"""Boxes are of one thing from this intersection over union on, as detectors are usually scored."""
LEAST_FOUND = 0.9
"""Of the original's detections, the share that has to be found again. CenterFace, whose layers
are harder to quantise than most, reaches 0.97 and more; a graph whose scores were quantised
together with boxes reaches next to nothing."""
LEAST_CONFIRMED = 0.6
"""Of the quantised model's detections, the share that the original must have too. Lower, since
what is seen beside costs pixels and hides nobody less; a graph that sees people everywhere would
pass without it."""


class Agreement(NamedTuple):
    """What two detectors saw in the same frames.

    Attributes:
        frames: How many.
        expected: Detections of the original at the threshold and the margin or above.
        found: How many of those the quantised one has at the threshold or above.
        claimed: Detections of the quantised one at the threshold and the margin or above.
        confirmed: How many of those the original has at the threshold or above.
        before: All detections of the original at the threshold or above.
        after: The same of the quantised one.
        overlap: Mean intersection over union of what was found with its counterpart, 0..1.
        score_shift: Mean absolute difference of their scores, 0..1.
    """

    frames: int
    expected: int
    found: int
    claimed: int
    confirmed: int
    before: int
    after: int
    overlap: float
    score_shift: float


def compare(
    original: Detector,
    quantised: Detector,
    frames: Iterable[Frame],
    score_threshold: float,
    classes: Collection[str],
) -> Agreement:
    """Show both detectors the same frames.

    Args:
        original: What counts as right.
        quantised: With the same class names.
        frames: With people, or whatever else is detected.
        score_threshold: That detections are used from.
        classes: Names of those that are compared.

    Raises:
        ModelError: If the quantised one fails on a frame.
        DetectorError: If the original does.
    """
    counts = np.zeros(6, int)
    overlaps: list[float] = []
    shifts: list[float] = []
    number = 0
    for number, frame in enumerate(frames, 1):
        before = original.detect(frame, score_threshold).of_classes(classes)
        try:
            after = quantised.detect(frame, score_threshold).of_classes(classes)
        except DetectorError as error:
            raise ModelError(
                f'Quantised, the model fails on calibration picture {number}: {error} '
                'Use the original.'
            ) from error
        best, score = _counterparts(before, after)
        expected = before.scores >= score_threshold + MARGIN
        found = expected & (best >= SAME)
        overlaps += best[found].tolist()
        shifts += np.abs(before.scores - score)[found].tolist()
        claimed = after.scores >= score_threshold + MARGIN
        confirmed = claimed & (_counterparts(after, before)[0] >= SAME)
        sums = [expected.sum(), found.sum(), claimed.sum(), confirmed.sum()]
        counts += [*sums, len(before), len(after)]
    mean = [float(np.mean(values)) if values else 0.0 for values in (overlaps, shifts)]
    expected_, found_, claimed_, confirmed_, before_, after_ = counts.tolist()
    return Agreement(
        number, expected_, found_, claimed_, confirmed_, before_, after_, mean[0], mean[1]
    )


def check(agreement: Agreement, score_threshold: float, classes: Collection[str]) -> None:
    """Refuse a quantised model that sees something else than its original.

    Raises:
        ModelError: If it does, or the frames show too little to tell.
    """
    least = f'{score_threshold + MARGIN:.2f}'
    if not agreement.expected:
        raise ModelError(
            f'In none of the {agreement.frames} calibration pictures does the original see '
            f'{" or ".join(classes)} with a score of {least} or more, so whether the quantised '
            'model agrees with it can not be told. Calibrate with pictures that show some, or '
            'name other --classes.'
        )
    remedy = (
        'Calibrate with more pictures like those of the robot (--pictures), try another '
        '--target, or use the original.'
    )
    if agreement.found < LEAST_FOUND * agreement.expected:
        raise ModelError(
            f'Quantised, the model finds {_share(agreement.found, agreement.expected)} of what '
            f'the original detects with a score of {least} or more again; at least '
            f'{LEAST_FOUND:.0%} are asked for. Nothing was written. {remedy}'
        )
    if agreement.confirmed < LEAST_CONFIRMED * agreement.claimed:
        raise ModelError(
            'Of what the quantised model detects, the original sees '
            f'{_share(agreement.confirmed, agreement.claimed)}; at least {LEAST_CONFIRMED:.0%} '
            f'are asked for. Nothing was written. {remedy}'
        )


def _share(part: int, whole: int) -> str:
    return f'{part} of {whole} ({part / whole:.1%})'


def _counterparts(
    ours: Detections, theirs: Detections
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Overlap, 0..1, and score of the best fitting detection of the others for each of ours.

    One may be the counterpart of several: two boxes on one person that become one hide as much.
    """
    if not len(theirs):
        return np.zeros(len(ours)), np.zeros(len(ours), np.float32)
    overlaps = iou(ours.xyxy, theirs.xyxy)
    overlaps[ours.class_ids[:, None] != theirs.class_ids[None]] = 0
    best = overlaps.argmax(axis=1)
    return overlaps[np.arange(len(ours)), best], theirs.scores[best]
