"""What the decoders of several families share: checks of a graph's answer, grids, box corners."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array
from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors.family import Decoded, Misfit, Probe, Size

TOLERANCE = 0.05
"""Scores may leave 0..1 by this much: quantised graphs round them."""
_ONE = int(np.float32(1).view(np.uint32))
NORMALISED = 2.0
"""Coordinates of a whole grid that stay below this are shares of the input, not pixels."""


def check_scores(scores: NDArray[Any]) -> None:
    """Refuse scores that are none.

    A NaN is below every threshold: unchecked it would read as "nobody here". So would a logit.

    Raises:
        DetectorError: If one isn't finite or lies outside 0..1.
    """
    if not scores.size or _are_plainly_scores(scores):
        return
    low, high = float(scores.min()), float(scores.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DetectorError('The model answered with scores that are not finite.')
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise DetectorError(
            f'The model answered with scores from {low:g} to {high:g}, not 0 to 1; '
            'its family is another one, or it was exported without the sigmoid.'
        )


def _are_plainly_scores(scores: NDArray[Any]) -> bool:
    """Whether all are from 0 to 1, told in one go; if not, they may still pass.

    Taken for integers, floats are in order from 0 on; those below 0 and what is no number follow.
    """
    if scores.dtype != np.float32 or not scores.flags.c_contiguous:
        return False
    return bool(scores.view(np.uint32).max() <= _ONE)


def check_shape(array: NDArray[Any], shape: tuple[int, ...], size: Size) -> None:
    """Refuse an output of another shape.

    Raises:
        DetectorError: If it is.
    """
    if array.shape != shape:
        raise DetectorError(
            f'The model answered with {array.shape} to a {size.width}x{size.height} input; '
            f'{shape} was expected.'
        )


def class_ids(values: NDArray[Any]) -> NDArray[np.int64]:
    """Class numbers that a graph gives as integers or floats.

    Raises:
        DetectorError: If one is no whole number.
    """
    whole = np.rint(values)
    if not (np.isfinite(values).all() and (np.abs(values - whole) < 0.01).all()):
        raise DetectorError('The model answered with class ids that are not whole numbers.')
    ids: NDArray[np.int64] = whole.astype(np.int64)
    return ids


@lru_cache(maxsize=32)
def grid(strides: tuple[int, ...], width: int, height: int) -> Float32Array:
    """The cells of all levels, row by row: (N, 3) float32 of column, row and stride."""
    levels = []
    for stride in strides:
        rows, columns = np.indices((height // stride, width // stride))
        levels.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    cells = np.concatenate(levels).astype(np.float32)
    cells.setflags(write=False)
    return cells


def corners(centres: NDArray[Any], sizes: NDArray[Any]) -> NDArray[Any]:
    """(N, 2) centres and (N, 2) widths and heights -> (N, 4) xyxy."""
    with np.errstate(invalid='ignore'):  # What is no number is refused with the detections.
        return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def decoded(xyxy: NDArray[Any], scores: NDArray[Any], ids: NDArray[Any]) -> Decoded:
    """Arrays of any precision as `Decoded`."""
    return Decoded(xyxy.astype(np.float32), scores.astype(np.float32), ids.astype(np.int64))


def only_output(probe: Probe, dimensions: int = 3) -> tuple[str, NDArray[Any]]:
    """Name and answer of a graph's single output.

    Raises:
        Misfit: If it has another number of outputs or dimensions, or a batch.
    """
    if len(probe.outputs) != 1:
        raise Misfit(f'it has {len(probe.outputs)} outputs, not 1')
    ((name, array),) = probe.outputs.items()
    if array.ndim != dimensions or array.shape[0] != 1:
        raise Misfit(f'its output {name} is {list(array.shape)}, not (1, ...) in {dimensions}')
    return name, array


def check_classes(probe: Probe, count: int, known: Collection[int]) -> None:
    """Refuse a number of classes that is not that of the names.

    Raises:
        Misfit: If it isn't, or there are no names and the number doesn't tell the data set.
    """
    if count < 1:
        raise Misfit('its output has no room for a class')
    if probe.names and len(probe.names) != count:
        raise Misfit(f'it would have {count} classes, but {len(probe.names)} are named')
    if not probe.names and count not in known:
        raise Misfit(f'it would have {count} classes, and nothing says which')


def check_task(probe: Probe) -> None:
    """Refuse graphs that say they are no plain detectors (Ultralytics' metadata).

    Raises:
        Misfit: If the task is a known other one.
    """
    task = probe.graph.metadata.get('task', 'detect')
    if task != 'detect':
        raise Misfit(f'it is made for the task {task!r}, not "detect"')


def check_pixels(centres: NDArray[Any]) -> None:
    """Refuse the centres of a whole grid that are no pixels.

    Raises:
        Misfit: If all are as small as shares of the input's width and height.
    """
    if not centres.size or not float(np.abs(centres).max()) > NORMALISED:
        raise Misfit('its boxes are not in pixels of the input')


def cell_counts(size: Size, levels: Sequence[tuple[int, ...]], anchors: int = 1) -> tuple[int, ...]:
    """How many rows each choice of strides gives, with so many anchors in a cell."""
    return tuple(
        anchors * sum((size.height // stride) * (size.width // stride) for stride in strides)
        for strides in levels
    )


def candidates(
    output: NDArray[Any],
    size: Size,
    score_threshold: float,
    levels: Sequence[tuple[int, ...]],
    anchors: int = 1,
) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[np.intp]]:
    """What scores enough in an output of boxes, objectness and class scores.

    Args:
        output: (1, N, 5 + C).
        size: Of the input.
        score_threshold: Of objectness times class score.
        levels: The choices of strides that N may come from.
        anchors: In each cell.

    Returns:
        Row, score and class of each candidate, (K,).

    Raises:
        DetectorError: If shape or scores are wrong.
    """
    check_count(output.shape[1:2], cell_counts(size, levels, anchors), output.shape, size)
    check_scores(output[0, :, 4:])
    # No product exceeds its objectness by more than the tolerance: most rows need none at all.
    rows = np.flatnonzero(output[0, :, 4] * (1 + 2 * TOLERANCE) >= score_threshold)
    scores = output[0, rows, 4:5] * output[0, rows, 5:]
    kept, ids = np.nonzero(scores >= score_threshold)
    return rows[kept], scores[kept, ids], ids


def check_count(
    actual: tuple[int, ...], expected: Sequence[int], shape: tuple[int, ...], size: Size
) -> None:
    """Refuse an output whose number of rows isn't one that the input's size gives.

    Raises:
        DetectorError: If it isn't.
    """
    if actual not in [(count,) for count in expected]:
        raise DetectorError(
            f'The model answered with {shape} to a {size.width}x{size.height} input; '
            f'{" or ".join(map(str, expected))} anchors were expected.'
        )
