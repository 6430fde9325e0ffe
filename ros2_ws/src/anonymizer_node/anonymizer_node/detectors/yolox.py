"""YOLOX (Megvii-BaseDetection/YOLOX, arXiv 2107.08430): one output, (1, cells, 5 + C).

The numbers of a cell are x, y, width, height, objectness and C class scores, the latter two after
the sigmoid; the score is their product. As exported by default, the centre is (x + column, y +
row) x stride and the size exp(width), exp(height) x stride (`demo_utils.py`, `demo_postprocess`);
exports with `--decode_in_inference` have done that. Which of the two a graph is its shapes don't
say, but decoded centres follow the grid. Pictures go to the top left, filled with 114, as BGR
0..255 (`data_augment.py`, `preproc`); graphs of release 0.1.0 and before took others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import (
    candidates,
    check_classes,
    corners,
    decoded,
    grid,
    only_output,
)
from anonymizer_node.detectors.family import (
    BGR,
    TOP_LEFT,
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
FOLLOWS = 0.8
"""Correlation of the centres with the grid's from which on they are taken for decoded."""


def _fit(probe: Probe, is_decoded: bool) -> Fit:
    name, array = only_output(probe)
    cells = grid(STRIDES, *probe.size)
    if array.shape[1] != len(cells):
        raise Misfit(
            f'its output {name} is {list(array.shape)}; one anchor in each of {len(cells)} cells '
            'was expected'
        )
    classes = array.shape[2] - 5
    check_classes(probe, classes, BY_COUNT)
    follows = _correlation(array[0, :, 0], (cells[:, 0] + 0.5) * cells[:, 2]) > FOLLOWS
    if follows and not is_decoded:
        raise Misfit('its boxes are in pixels already; that is yolox_decoded')
    if is_decoded and not follows:
        raise Misfit("its boxes are not in pixels; that is yolox's default export")
    return Fit((name,), classes, f'one anchor a cell, {len(cells)}, and {classes} classes')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    anchors, scores, ids = candidates(outputs[0], size, score_threshold, (STRIDES,))
    cells = grid(STRIDES, *size)[anchors]
    strides = cells[:, 2:]
    values = outputs[0][0, anchors, :4]
    with np.errstate(over='ignore'):  # An infinite size is refused with the detections.
        sizes = np.exp(values[:, 2:]) * strides
    return decoded(corners((values[:, :2] + cells[:, :2]) * strides, sizes), scores, ids)


def _decode_pixels(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    anchors, scores, ids = candidates(outputs[0], size, score_threshold, (STRIDES,))
    values = outputs[0][0, anchors, :4]
    return decoded(corners(values[:, :2], values[:, 2:]), scores, ids)


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Pearson's, 0 where one doesn't vary or isn't finite."""
    a, b = a.astype(np.float64) - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 and np.isfinite(norm) else 0.0


_SOURCE = 'https://github.com/Megvii-BaseDetection/YOLOX'
_PREPROCESSING = Preprocessing(BGR, placement=TOP_LEFT, fill=114)
YOLOX = Family(
    'YOLOX as exported by default',
    _SOURCE,
    _PREPROCESSING,
    lambda probe: _fit(probe, is_decoded=False),
    _decode,
)
YOLOX_DECODED = Family(
    'YOLOX exported with --decode_in_inference',
    _SOURCE,
    _PREPROCESSING,
    lambda probe: _fit(probe, is_decoded=True),
    _decode_pixels,
)
