"""Evidence that a built model computes what it should: each check raises, or says how close."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.core.geometry import iou
from anonymizer_node.detectors.family import Size
from anonymizer_node.detectors.nanodet import NANODET
from anonymizer_node.modelling.nanodet import MEAN_BGR, STD_BGR
from anonymizer_node.modelling.quantize import fused_convolutions

SCORE_TOLERANCE = 1e-5
LOGIT_TOLERANCE = 1e-4
FOLDING_TOLERANCE = 1e-3
AGREEMENT_SCORE = 0.25
"""Cells that count as a person in the float model: the score, 0..1, that people are found at."""
LARGEST_SCORE_SHIFT = 0.05
LEAST_OVERLAP = 0.90


class Agreement(NamedTuple):
    """How a quantised model compares with its float twin, in the cells where that sees a person.

    Attributes:
        cells: How many those are, over all pictures.
        score_shift: Mean absolute difference of the scores, 0..1.
        overlap: Mean intersection over union of the boxes, 0..1.
    """

    cells: int
    score_shift: float
    overlap: float


def run(model: onnx.ModelProto, value: NDArray[Any]) -> list[NDArray[np.float32]]:
    """A model's outputs for its one input."""
    session = _session(model)
    return list(session.run(None, {session.get_inputs()[0].name: value}))


def check_reference(model: onnx.ModelProto, path: Path) -> float:
    """Compare the converted graph with the outputs of TensorFlow.

    Args:
        model: From `nanodet.published`.
        path: An .npz with the input `x` and the outputs `y0` to `y5`, scores first.

    Returns:
        The greatest difference.

    Raises:
        InputError: If the file isn't such an .npz.
        ModelError: If an output differs by more than the tolerance.
    """
    try:
        with np.load(path) as archive:
            reference = {name: archive[name] for name in ['x', *(f'y{i}' for i in range(6))]}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f'{str(path)!r} is no reference ({error}); it needs the arrays x and y0 to y5.'
        ) from error
    worst = 0.0
    for index, found in enumerate(run(model, reference['x'])):
        limit = SCORE_TOLERANCE if index < 3 else LOGIT_TOLERANCE
        difference = float(np.abs(found - reference[f'y{index}']).max())
        if not difference <= limit:
            raise ModelError(
                f'Output {index} is off TensorFlow by {difference:.2g}, more than {limit}: the '
                'conversion is wrong. Report it with the version of onnxruntime.'
            )
        worst = max(worst, difference)
    return worst


def check_folding(plain: onnx.ModelProto, folded: onnx.ModelProto, seed: int = 0) -> float:
    """Compare a model of normalised floats with its twin that takes bytes, on noise.

    Noise is bright at the border too, where folding goes wrong if it does.

    Args:
        plain: Input (1, 3, height, width), normalised.
        folded: Input (1, height, width, 3), uint8 BGR.
        seed: Of the noise.

    Returns:
        The greatest difference of any output.

    Raises:
        ModelError: If it is above the tolerance.
    """
    picture = np.random.default_rng(seed).integers(0, 256, (1, 96, 160, 3), np.uint8)
    normalised = (picture - np.array(MEAN_BGR)) / np.array(STD_BGR)
    expected = run(plain, normalised.transpose(0, 3, 1, 2).astype(np.float32))
    worst = max(
        float(np.abs(one - other).max())
        for one, other in zip(expected, run(folded, picture), strict=True)
    )
    if not worst <= FOLDING_TOLERANCE:
        raise ModelError(
            f'Folding the normalisation changed an output by {worst:.2g}, more than '
            f'{FOLDING_TOLERANCE}: the conversion is wrong. Report it.'
        )
    return worst


def check_fusion(model: onnx.ModelProto) -> int:
    """See that every convolution of a quantised model runs on integers.

    Returns:
        How many it has.

    Raises:
        ModelError: If one doesn't.
    """
    fused, total = fused_convolutions(model)
    if fused != total:
        raise ModelError(
            f'Only {fused} of {total} convolutions run on integers in onnxruntime '
            f'{onnxruntime.__version__}: the model would be slow. Use a version that fuses them.'
        )
    return total


def check_agreement(
    exact: onnx.ModelProto, quantised: onnx.ModelProto, pictures: Sequence[UInt8Array]
) -> Agreement:
    """Compare a quantised model with its float twin on pictures.

    Args:
        exact: The float model; takes bytes.
        quantised: The same contract.
        pictures: (height, width, 3) uint8 BGR each, both sizes multiples of 32.

    Raises:
        ModelError: If they disagree, or the pictures show nobody.
    """
    sessions = _session(exact), _session(quantised)
    shifts: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
    overlaps: list[float] = []
    for picture in pictures:
        height, width = picture.shape[:2]
        wanted, found = (session.run(None, {'image': picture[None]}) for session in sessions)
        for one, other in zip(wanted[:3], found[:3], strict=True):
            seen = one >= AGREEMENT_SCORE
            shifts.append(np.abs(one[seen] - other[seen]))
        # With the float model's scores in both, the boxes of both are those of the same cells.
        boxes, others = (
            NANODET.decode(outputs, Size(width, height), AGREEMENT_SCORE, 1).xyxy
            for outputs in (wanted, [*wanted[:3], *found[3:]])
        )
        overlaps += np.diagonal(iou(boxes, others)).tolist()
    if not overlaps:
        raise ModelError(
            f'In none of the {len(pictures)} calibration pictures does the float model see a '
            'person; calibrate with pictures of people.'
        )
    shift, overlap = float(np.concatenate(shifts).mean()), float(np.mean(overlaps))
    if not (shift <= LARGEST_SCORE_SHIFT and overlap >= LEAST_OVERLAP):
        raise ModelError(
            f'Quantised, scores shift by {shift:.3f} and boxes overlap by {overlap:.3f}; at most '
            f'{LARGEST_SCORE_SHIFT} and at least {LEAST_OVERLAP} are accepted. '
            'Calibrate with more pictures like those of the robot.'
        )
    return Agreement(len(overlaps), shift, overlap)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
