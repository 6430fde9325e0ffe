"""Boxes. Float boxes are xyxy (N, 4), half-open, in pixels; regions are whole pixels."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array, Region

STRIDE = 32
"""Detectors halve their input five times; an input side must be a multiple of this, in pixels."""


class Letterbox(NamedTuple):
    """How a frame lies in a detector's input: scaled by one factor and centred.

    Attributes:
        input_width: Columns of the detector's input, pixels.
        input_height: Rows of the detector's input, pixels.
        width: Columns that the scaled frame takes, pixels.
        height: Rows that the scaled frame takes, pixels.
        left: Columns of padding on the left, pixels.
        top: Rows of padding on top, pixels.
        scale_x: Input pixels per frame pixel, horizontally. Differs from `scale_y` by less than
            one rounding.
        scale_y: Input pixels per frame pixel, vertically.
    """

    input_width: int
    input_height: int
    width: int
    height: int
    left: int
    top: int
    scale_x: float
    scale_y: float

    @classmethod
    def fit(cls, width: int, height: int, input_size: int) -> Letterbox:
        """The smallest input in which the frame's longer side is `input_size` pixels.

        The shorter side is rounded up to the stride and no further: a 4:3 frame doesn't pay for
        a square.
        """
        scale = input_size / max(width, height)
        short = max(1, round(min(width, height) * scale))
        padded = -(-short // STRIDE) * STRIDE
        if width >= height:
            return cls.into(width, height, input_size, padded)
        return cls.into(width, height, padded, input_size)

    @classmethod
    def into(cls, width: int, height: int, input_width: int, input_height: int) -> Letterbox:
        """The largest centred placement of a frame in a given input."""
        scale = min(input_width / width, input_height / height)
        scaled_width = min(input_width, max(1, round(width * scale)))
        scaled_height = min(input_height, max(1, round(height * scale)))
        return cls(
            input_width,
            input_height,
            scaled_width,
            scaled_height,
            (input_width - scaled_width) // 2,
            (input_height - scaled_height) // 2,
            scaled_width / width,
            scaled_height / height,
        )

    def to_frame(self, xyxy: Float32Array) -> Float32Array:
        """Boxes in input pixels -> boxes in frame pixels, (N, 4) -> (N, 4), not clipped."""
        offset, scale = _offset_and_scale(self)
        return (xyxy - offset) / scale


@lru_cache(maxsize=32)
def _offset_and_scale(box: Letterbox) -> tuple[Float32Array, Float32Array]:
    """Of the frame in the input, for x, y, x and y."""
    offset = np.array([box.left, box.top] * 2, np.float32)
    return offset, np.array([box.scale_x, box.scale_y] * 2, np.float32)


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every pair, (..., N, 4) and (K, 4) -> (..., N, K)."""
    return iou_of_pairs(a[..., None, :], b)


def iou_of_pairs(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of boxes in (..., 4) that broadcast, 0 apart, 1 the same."""
    # Side by side and not as pairs of coordinates: loops over the last axis of two would cost ten
    # times as much.
    a, b = a.astype(np.float64), b.astype(np.float64)
    ax0, ay0, ax1, ay1 = (a[..., side] for side in range(4))
    bx0, by0, bx1, by1 = (b[..., side] for side in range(4))
    width = np.maximum(np.minimum(ax1, bx1) - np.maximum(ax0, bx0), 0)
    height = np.maximum(np.minimum(ay1, by1) - np.maximum(ay0, by0), 0)
    shared = width * height
    area_a = np.maximum(ax1 - ax0, 0) * np.maximum(ay1 - ay0, 0)
    area_b = np.maximum(bx1 - bx0, 0) * np.maximum(by1 - by0, 0)
    union = area_a + area_b - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0))


_MOST_PAIRWISE = 512
"""Above this many boxes their overlaps are computed row by row: all at once is N x N."""


def nms(
    xyxy: Float32Array,
    scores: Float32Array,
    iou_threshold: float,
    class_ids: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """Non-maximum suppression: of boxes that overlap by more than the threshold the best stays.

    Args:
        xyxy: (N, 4).
        scores: (N,).
        iou_threshold: 0..1; two boxes at exactly this overlap both stay.
        class_ids: (N,); boxes of different classes never suppress each other. None: one class.

    Returns:
        Indices of the boxes that stay, best first; equal scores in input order.
    """
    order = (-scores).argsort(kind='stable')
    boxes = xyxy[order]
    ids = np.zeros(len(order), np.int64) if class_ids is None else class_ids[order]
    alive = np.ones(len(order), bool)
    if len(order) <= _MOST_PAIRWISE:
        like = (iou(boxes, boxes) > iou_threshold) & (ids[:, None] == ids[None, :])
        # Few are like another one than themselves, and only those need a look.
        for index in (like.sum(axis=1) > like.diagonal()).nonzero()[0].tolist():
            if alive[index]:
                alive[index + 1 :][like[index, index + 1 :]] = False
        return order[alive]
    for index in range(len(order)):
        if not alive[index]:
            continue
        rest = index + 1 + np.flatnonzero(alive[index + 1 :])
        overlaps = iou_of_pairs(boxes[index], boxes[rest]) > iou_threshold
        alive[rest[overlaps & (ids[rest] == ids[index])]] = False
    return order[alive]


def grow(xyxy: Float32Array, fraction: float) -> Float32Array:
    """Boxes widened by a fraction of their own width and height on every side, (N, 4) -> (N, 4)."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.concatenate([xyxy[:, :2] - size * fraction, xyxy[:, 2:] + size * fraction], axis=1)


def to_regions(xyxy: Float32Array, width: int, height: int) -> tuple[Region, ...]:
    """Float boxes -> whole pixels, rounded outward and clipped to the frame.

    Args:
        xyxy: (N, 4), finite.
        width: Frame columns.
        height: Frame rows.

    Returns:
        At most N regions, in the order given; boxes that lie outside the frame are left out.

    Raises:
        ValueError: If a number of a box is none.
        OverflowError: If one is infinite.
    """
    regions = (
        Region(
            min(max(floor(x0), 0), width),
            min(max(floor(y0), 0), height),
            min(max(ceil(x1), 0), width),
            min(max(ceil(y1), 0), height),
        )
        for x0, y0, x1, y1 in xyxy.tolist()
    )
    return tuple(one for one in regions if one.x1 > one.x0 and one.y1 > one.y0)


def aligned(region: Region, step_x: int, step_y: int, width: int, height: int) -> Region:
    """A region widened outward to a grid, clipped to the frame (blocks, chroma samples)."""
    return Region(
        region.x0 // step_x * step_x,
        region.y0 // step_y * step_y,
        min(width, -(-region.x1 // step_x) * step_x),
        min(height, -(-region.y1 // step_y) * step_y),
    )


def coverage_mask(regions: Iterable[Region], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels lie in any region, (height, width) bool."""
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in regions:
        mask[y0:y1, x0:x1] = True
    return mask
