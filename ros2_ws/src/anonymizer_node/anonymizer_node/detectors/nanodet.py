"""NanoDet and NanoDet-Plus (RangiLyu/nanodet), with the scores after the sigmoid.

The four sides of a box are given as distributions over bins, as logits: left, top, right, bottom.
A side's distance from its cell is the expectation over the bins, times the stride (Generalized
Focal Loss, arXiv 2006.04388).

NanoDet has the strides 8, 16, 32 and measures from the cell's middle, (i + 0.5) x stride
(`gfl_head.py`, `get_single_level_center_point`). It comes with six outputs, scores (1, N, C) and
distributions (1, N, 4 x bins) for each stride, or with one, (1, N of all, C + 4 x bins). The
embedded model is the former with a uint8 input: mean and deviation are folded into its graph.

NanoDet-Plus has a stride of 64 too, measures from the cell's corner, i x stride
(`nanodet_plus_head.py`, `get_single_level_center_priors`), rounds sizes up, and has one output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors.answers import (
    check_classes,
    check_scores,
    check_shape,
    decoded,
    only_output,
)
from anonymizer_node.detectors.family import (
    BGR,
    Decoded,
    Family,
    Fit,
    Misfit,
    Preprocessing,
    Probe,
    Size,
)
from anonymizer_node.detectors.names import BY_COUNT

STRIDES = (8, 16, 32)
PLUS_STRIDES = (8, 16, 32, 64)
BINS = 11
"""Of NanoDet-g, the embedded model."""
MOST_BINS = 33


def _fit(probe: Probe) -> Fit:
    if len(probe.outputs) == 1:
        return _fit_one(probe, STRIDES)
    return _fit_six(probe)


def _fit_plus(probe: Probe) -> Fit:
    return _fit_one(probe, PLUS_STRIDES)


def _fit_six(probe: Probe) -> Fit:
    names = list(probe.outputs)
    if len(names) != 2 * len(STRIDES):
        raise Misfit(f'it has {len(names)} outputs, not 1 or {2 * len(STRIDES)}')
    shapes = {name: probe.outputs[name].shape for name in names}
    for name in names:
        if len(shapes[name]) != 3:
            raise Misfit(f'its output {name} is {list(shapes[name])}, not (1, N, ...)')
    # All scores and then all boxes, or the two of each stride in turn.
    if shapes[names[0]][1] == shapes[names[1]][1]:
        names = names[::2] + names[1::2]
    cells = _cells(STRIDES, probe.size)
    classes, bins = shapes[names[0]][2], shapes[names[-1]][2]
    if bins % 4 or not 2 <= bins // 4 <= MOST_BINS:
        raise Misfit(f'its box output {names[-1]} has {bins} numbers a cell, not 4 times its bins')
    for index, name in enumerate(names):
        expected = (1, cells[index % len(STRIDES)], classes if index < len(STRIDES) else bins)
        if shapes[name] != expected:
            role = 'score' if index < len(STRIDES) else 'box'
            raise Misfit(f'its {role} output {name} is {list(shapes[name])}, not {list(expected)}')
    check_classes(probe, classes, BY_COUNT)
    return Fit(tuple(names), classes, f'6 outputs, scores and {bins // 4} bins a side per stride')


def _fit_one(probe: Probe, strides: tuple[int, ...]) -> Fit:
    name, array = only_output(probe)
    cells = sum(_cells(strides, probe.size))
    if array.shape[1] != cells:
        raise Misfit(
            f'its output {name} is {list(array.shape)}; {cells} cells of the strides '
            f'{", ".join(map(str, strides))} were expected'
        )
    if probe.names:
        classes = len(probe.names)
    else:
        # 8 bins are usual, 11 are NanoDet-g's.
        classes = next((count for count in BY_COUNT if array.shape[2] - count in (32, 44)), 0)
    bins = array.shape[2] - classes
    if not classes or bins % 4 or not 2 <= bins // 4 <= MOST_BINS:
        raise Misfit(
            f'its output {name} has {array.shape[2]} numbers a cell, which are not '
            f'{classes or "a known number of"} classes and 4 times some bins'
        )
    return Fit((name,), classes, f'one output of {cells} cells with {bins // 4} bins a side')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    if len(outputs) == 1:
        return _decode_one(outputs[0], size, score_threshold, classes, STRIDES, 0.5)
    scores, sides = outputs[: len(STRIDES)], outputs[len(STRIDES) :]
    return _decode_levels(scores, sides, size, score_threshold, STRIDES, 0.5)


def _decode_plus(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    return _decode_one(outputs[0], size, score_threshold, classes, PLUS_STRIDES, 0.0)


def _decode_one(
    output: NDArray[Any],
    size: Size,
    score_threshold: float,
    classes: int,
    strides: tuple[int, ...],
    middle: float,
) -> Decoded:
    cells = _cells(strides, size)
    check_shape(output, (1, sum(cells), output.shape[-1]), size)
    ends = np.cumsum(cells)[:-1]
    scores = np.split(output[:, :, :classes], ends, axis=1)
    sides = np.split(output[:, :, classes:], ends, axis=1)
    return _decode_levels(scores, sides, size, score_threshold, strides, middle)


def _decode_levels(
    scores: Sequence[NDArray[Any]],
    sides: Sequence[NDArray[Any]],
    size: Size,
    score_threshold: float,
    strides: tuple[int, ...],
    middle: float,
) -> Decoded:
    cells = _cells(strides, size)
    bins = sides[0].shape[-1]
    if bins % 4 or not bins:
        raise DetectorError(f'The model answered with {bins} numbers for four sides of a box.')
    found = []
    for stride, count, level_scores, level_sides in zip(strides, cells, scores, sides, strict=True):
        check_shape(level_scores, (1, count, level_scores.shape[-1]), size)
        check_shape(level_sides, (1, count, bins), size)
        check_scores(level_scores)
        rows = np.flatnonzero(level_scores >= score_threshold)
        if not len(rows):
            continue
        anchors, ids = np.divmod(rows, level_scores.shape[-1])
        found.append(
            (
                level_sides[0, anchors],
                _centres(anchors, -(-size.width // stride), stride, middle),
                np.full(len(rows), stride),
                level_scores.ravel()[rows],
                ids,
            )
        )
    if not found:
        return decoded(np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    # What takes long is begun once for all levels: most have a few candidates or none.
    kept_sides, centres, kept_strides, kept, kept_ids = map(
        np.concatenate, zip(*found, strict=True)
    )
    return decoded(_boxes(kept_sides, centres, kept_strides), kept, kept_ids)


def _centres(
    anchors: NDArray[np.intp], columns: int, stride: int, middle: float
) -> NDArray[np.float64]:
    """(K,) cells of a level, row by row -> (K, 2) points that they measure from, input pixels."""
    rows, column = np.divmod(anchors, columns)
    return np.stack([column + middle, rows + middle], axis=1) * stride


def _boxes(
    sides: NDArray[Any], centres: NDArray[np.float64], strides: NDArray[np.intp]
) -> NDArray[Any]:
    """(K, 4 x bins) logits of K cells -> (K, 4) xyxy, input pixels."""
    bins = sides.reshape(len(sides), 4, sides.shape[1] // 4).astype(np.float64)
    with np.errstate(invalid='ignore'):  # What is no number is refused with the detections.
        weights = np.exp(bins - bins.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
    distances = weights @ np.arange(weights.shape[2]) * strides[:, None]
    return np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)


def _cells(strides: tuple[int, ...], size: Size) -> list[int]:
    """Cells of each level; sizes are rounded up."""
    return [-(-size.width // stride) * -(-size.height // stride) for stride in strides]


_PREPROCESSING = Preprocessing(BGR, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
NANODET = Family(
    'NanoDet, six outputs or one',
    'https://github.com/RangiLyu/nanodet, nanodet/model/head/gfl_head.py',
    _PREPROCESSING,
    _fit,
    _decode,
)
NANODET_PLUS = Family(
    'NanoDet-Plus',
    'https://github.com/RangiLyu/nanodet, nanodet/model/head/nanodet_plus_head.py',
    _PREPROCESSING,
    _fit_plus,
    _decode_plus,
)
