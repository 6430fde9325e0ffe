"""NanoDet (RangiLyu/nanodet) with the contract of the embedded model.

Input: uint8 (1, height, width, 3) BGR; mean and deviation are folded into the graph. Outputs:
class scores after the sigmoid, one (1, N, C) for each stride, then for each stride the
distributions of the four sides, (1, N, 4 x 11), before the softmax. N runs over rows, then columns
of a grid of centres (i + 0.5) x stride. A side's distance is the expectation over its 11 bins,
times the stride: left, top, right, bottom (Generalized Focal Loss, arXiv 2006.04388).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array, UInt8Array
from anonymizer_node.core.errors import DetectorError

NMS_IOU = 0.6
"""Lenient: a second box on one person costs nothing, one suppressed may leave a limb visible."""
STRIDES = (8, 16, 32)
BINS = 11


def misfit(graph: Any) -> str:
    """Why a graph is not of this family, or ''."""
    shapes = [shape for _, _, shape in graph.outputs]
    if len(shapes) != 2 * len(STRIDES):
        return f'it has {len(shapes)} outputs, not {2 * len(STRIDES)}'
    if len(graph.inputs) != 1:
        return f'it has {len(graph.inputs)} inputs, not 1'
    name, kind, shape = graph.inputs[0]
    if kind != 'tensor(uint8)' or len(shape) != 4 or shape[3] != 3:
        return f'its input {name} is {kind} {list(shape)}, not uint8 (1, height, width, 3)'
    if isinstance(shape[1], int) or isinstance(shape[2], int):
        return f'its input {name} has the fixed size {list(shape)}; height and width must be free'
    for shape in shapes[: len(STRIDES)]:
        if len(shape) != 3:
            return f'a score output is {list(shape)}, not (1, N, classes)'
    for shape in shapes[len(STRIDES) :]:
        if len(shape) != 3 or shape[2] != 4 * BINS:
            return f'a box output is {list(shape)}, not (1, N, {4 * BINS})'
    return ''


def prepare(canvas: UInt8Array) -> NDArray[Any]:
    """(height, width, 3) -> (1, height, width, 3), no copy."""
    return canvas[None]


def decode(
    outputs: Sequence[NDArray[Any]], input_width: int, input_height: int, score_threshold: float
) -> tuple[Float32Array, Float32Array, NDArray[np.int64]]:
    """Boxes of the candidates, see `families.Family.decode`."""
    boxes, scores, class_ids = [], [], []
    for index, stride in enumerate(STRIDES):
        columns, rows = input_width // stride, input_height // stride
        confidence, distribution = outputs[index], outputs[index + len(STRIDES)]
        for array, last in ((confidence, confidence.shape[-1]), (distribution, 4 * BINS)):
            if array.shape != (1, rows * columns, last):
                raise DetectorError(
                    f'The model answered with {array.shape} for stride {stride} of a '
                    f'{input_width}x{input_height} input; {(1, rows * columns, last)} was expected.'
                )
        # A NaN is below every threshold: unchecked it would read as "nobody here".
        if not np.isfinite(confidence).all():
            raise DetectorError('The model answered with scores that are not finite.')
        anchors, ids = np.nonzero(confidence[0] >= score_threshold)
        boxes.append(_boxes(distribution[0, anchors], anchors, columns, stride))
        scores.append(confidence[0, anchors, ids])
        class_ids.append(ids)
    return (
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(class_ids).astype(np.int64),
    )


def _boxes(
    distribution: NDArray[Any], anchors: NDArray[np.intp], columns: int, stride: int
) -> NDArray[Any]:
    """(K, 44) logits of K anchors -> (K, 4) xyxy, input pixels."""
    bins = distribution.reshape(-1, 4, BINS).astype(np.float64)
    weights = np.exp(bins - bins.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    sides = weights @ np.arange(BINS) * stride
    centre_x = (anchors % columns + 0.5) * stride
    centre_y = (anchors // columns + 0.5) * stride
    return np.stack(
        [
            centre_x - sides[:, 0],
            centre_y - sides[:, 1],
            centre_x + sides[:, 2],
            centre_y + sides[:, 3],
        ],
        axis=1,
    )
