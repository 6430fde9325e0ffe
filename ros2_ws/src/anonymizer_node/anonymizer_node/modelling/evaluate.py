"""How good detectors and settings are on a labelled data set.

AP50 says how well a detector ranks what it finds. What is hidden at the settings in force says
the rest: every picture goes through the pipeline that a robot runs, and the pixels of the regions
that it obscured are counted against the labels.

All labelled classes that are read, and all classes that the settings obscure, count as one: "to be
hidden". It is no matter under which name a person was hidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Float32Array, Frame, UInt8Array
from anonymizer_node.core.errors import DetectorError
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.roles import Detector
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.modelling.evaluation import Evaluation, Hidden, Person, Precision
from anonymizer_node.modelling.labelled import Dataset, Labelled, pixels_of
from anonymizer_node.modelling.precision import PrecisionTally

LEAST_SCORE = 0.05
"""Score from which detections count for AP50, whatever the settings' threshold."""

_CODEC = CODECS['sensor_msgs/msg/Image']


def evaluate(
    dataset: Dataset,
    settings: Settings,
    detectors: Mapping[str, Detector],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Measure.

    Args:
        dataset: Its pictures and labels.
        settings: In force for what is hidden. No time passes between pictures: nothing is held.
        detectors: By name; together they are what the pipeline runs.
        progress: Gets the pictures done and their number.

    Raises:
        ConfigError: If the detectors have not the classes that the settings name.
        InputError: If a picture can't be decoded, or isn't the one that was labelled.
    """
    pipeline = Pipeline(settings, list(detectors.values()))
    precisions = [
        _DetectorTally(name, detector, terms.wanted(detector.names), dataset.labels)
        for (name, detector), terms in zip(detectors.items(), settings.terms(), strict=True)
    ]
    frames, causes = [], Counter[str]()
    reasons: dict[str, str] = {}
    for index, picture in enumerate(dataset.pictures):
        pixels = pixels_of(picture)
        for tally in precisions:
            tally.add(pixels, picture)
        outcome = pipeline.process(_message(pixels), _CODEC, str(index))
        pipeline.forget(str(index))
        published = outcome.status in ('anonymized', 'untouched')
        if not published:
            causes[outcome.cause] += 1
            reasons.setdefault(outcome.cause, outcome.reason)
        mask = coverage_mask(outcome.regions, picture.width, picture.height)
        frames.append(
            Hidden(
                outcome.regions,
                published,
                int(mask.sum()),
                int(_mask_of(picture.boxes_of(dataset.labels), picture).sum()),
                tuple(_people(index, picture, mask)),
            )
        )
        progress(index + 1, len(dataset.pictures))
    return Evaluation(
        dataset,
        settings,
        tuple(tally.result() for tally in precisions),
        tuple(frames),
        dict(causes),
        reasons,
    )


def share_covered(mask: NDArray[np.bool_], xyxy: Sequence[float]) -> float:
    """How much of a box is hidden.

    Args:
        mask: (rows, columns), which pixels are.
        xyxy: Of the box, pixels; it is rounded outward and clipped to the picture.

    Returns:
        0..1; 1 for a box outside the picture.
    """
    part = mask[_within(xyxy)]
    return float(part.mean()) if part.size else 1.0


def _within(xyxy: Sequence[float]) -> tuple[slice, slice]:
    """Rows and columns of a box, rounded outward."""
    x0, y0, x1, y1 = (float(side) for side in xyxy)
    rows = slice(max(0, int(np.floor(y0))), max(0, int(np.ceil(y1))))
    columns = slice(max(0, int(np.floor(x0))), max(0, int(np.ceil(x1))))
    return rows, columns


def _mask_of(boxes: Float32Array, picture: Labelled) -> NDArray[np.bool_]:
    mask = np.zeros((picture.height, picture.width), bool)
    for box in boxes:
        mask[_within(box.tolist())] = True
    return mask


def _people(index: int, picture: Labelled, mask: NDArray[np.bool_]) -> list[Person]:
    people = []
    rows = zip(picture.names, picture.boxes.tolist(), picture.crowd, strict=True)
    for name, (x0, y0, x1, y1), is_crowd in rows:
        if not is_crowd:
            box = (x0, y0, x1, y1)
            people.append(Person(index, name, box, share_covered(mask, box), picture.height))
    return people


def _message(pixels: UInt8Array) -> Any:
    """A picture as a sensor_msgs/msg/Image, with pixels of its own: they will be edited."""
    height, width = pixels.shape[:2]
    return SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=0), frame_id=''),
        height=height,
        width=width,
        encoding='bgr8',
        is_bigendian=0,
        step=3 * width,
        data=pixels.reshape(-1).copy(),
    )


class _DetectorTally:
    """AP50 of one detector: of all that is to be hidden, and by class where labels have several."""

    def __init__(
        self, name: str, detector: Detector, classes: Sequence[str], labels: Sequence[str]
    ) -> None:
        self._name, self._detector, self._labels = name, detector, labels
        self._classes = tuple(known for known in detector.names if known in classes)
        shared = [label for label in labels if label in self._classes]
        self._by_class = {label: PrecisionTally() for label in shared if len(labels) > 1}
        self._all = PrecisionTally()
        self._unjudged = 0

    def add(self, pixels: UInt8Array, picture: Labelled) -> None:
        frame = Frame(pixels, 'bgr8', picture.width, picture.height)
        try:
            found = self._detector.detect(frame, LEAST_SCORE)
        except DetectorError:
            found = Detections.empty(tuple(self._detector.names))
            self._unjudged += 1
        _add(self._all, found, picture, self._classes, self._labels)
        for label, tally in self._by_class.items():
            _add(tally, found, picture, (label,), (label,))

    def result(self) -> Precision:
        by_class = {label: tally.average() for label, tally in self._by_class.items()}
        return Precision(self._name, self._classes, self._all.average(), by_class, self._unjudged)


def _add(
    tally: PrecisionTally,
    found: Detections,
    picture: Labelled,
    classes: Sequence[str],
    labels: Sequence[str],
) -> None:
    found = found.of_classes(classes)
    true, crowd = picture.boxes_of(labels), picture.boxes_of(labels, crowd=True)
    tally.add(found.xyxy, found.scores, true, crowd)
