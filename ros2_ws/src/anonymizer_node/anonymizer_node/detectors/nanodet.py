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

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
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
    classes, bins = scores[0].shape[-1], sides[0].shape[-1]
    if bins % 4 or not bins:
        raise DetectorError(f'The model answered with {bins} numbers for four sides of a box.')
    for count, level_scores, level_sides in zip(cells, scores, sides, strict=True):
        check_shape(level_scores, (1, count, classes), size)
        check_shape(level_sides, (1, count, bins), size)
    # All levels together: after an inference the code of every step comes from memory, which takes
    # longer than what it does.
    every = np.concatenate([level_scores.ravel() for level_scores in scores])
    check_scores(every)
    (found,) = (every >= score_threshold).nonzero()
    if not len(found):
        return decoded(np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    rows, ids = np.divmod(found, classes)
    kept, first = [], 0
    for begin, end, level_sides in zip(*_spans(rows.tolist(), cells), sides, strict=True):
        if begin < end:
            kept.append(level_sides[0, rows[begin:end] - first])
        first += level_sides.shape[1]
    cells_of = _grid(strides, size, middle)[rows]
    return decoded(_boxes(np.concatenate(kept), cells_of), every[found], ids)


def _spans(rows: list[int], cells: list[int]) -> tuple[list[int], list[int]]:
    """Where in ascending rows of all levels each level's begin and end."""
    ends = [bisect_left(rows, last) for last in accumulate(cells)]
    return [0, *ends[:-1]], ends


@lru_cache(maxsize=32)
def _grid(strides: tuple[int, ...], size: Size, middle: float) -> NDArray[np.float64]:
    """The cells of all levels, row by row: (N, 3) of the point that each measures from and stride.

    In pixels of the input.
    """
    levels = []
    for stride in strides:
        rows, columns = np.indices((-(-size.height // stride), -(-size.width // stride)))
        points = [(column_or_row + middle) * stride for column_or_row in (columns, rows)]
        levels.append(np.stack([*points, np.full(rows.shape, stride)], axis=2).reshape(-1, 3))
    cells = np.concatenate(levels).astype(np.float64)
    cells.setflags(write=False)
    return cells


def _boxes(sides: NDArray[Any], cells: NDArray[np.float64]) -> NDArray[Any]:
    """(K, 4 x bins) logits of K cells, (K, 3) as `_grid` has them -> (K, 4) xyxy, input pixels."""
    bins = sides.reshape(len(sides), 4, sides.shape[1] // 4).astype(np.float64)
    with np.errstate(invalid='ignore'):  # What is no number is refused with the detections.
        weights = np.exp(bins - bins.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
    distances = (weights * np.arange(weights.shape[2])).sum(axis=2) * cells[:, 2:]
    centres = cells[:, :2]
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
