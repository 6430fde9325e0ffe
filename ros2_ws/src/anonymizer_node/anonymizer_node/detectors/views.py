"""How hard to look: at which parts of a frame, in which sizes, the same detector is run.

A detector finds people in a band of sizes. One who fills the picture is found best in a small
input, one far away only in a large one; a single size in between loses some of both. Looking in two
sizes, the larger one for small boxes alone, finds more and obscures less than one look that costs
as much. The figures are in docs/evaluation.md; the constants are where they were best on coco128.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Float32Array
from anonymizer_node.core.geometry import STRIDE, iou_of_pairs
from anonymizer_node.detectors.family import Decoded

FULL = (0.0, 0.0, 1.0, 1.0)
NEAR = 0.625
"""Input for near people, to the setting `input_size`: two fifths of the pixels."""

FAR = 1.15
"""Input for people further off: with `NEAR` both together cost less than twice the one."""

FURTHER = 1.625
"""The same where time allows."""

SMALL, SMALLER = 0.3, 0.2
"""A look at a large size counts for boxes whose side (the root of the area) is at most this share
of the frame's longer side: what is larger is better seen in a smaller input, and its parts, taken
for people, would only obscure more."""

OVERLAP = 0.2
"""Of neighbouring tiles, a share of their width: a person at most that wide is whole in one."""

AT_EDGE = 0.01
"""A box whose side is within this share of a tile's from the tile's border may be cut by it."""

SAME_PERSON_IOU = 0.5
"""Two cut boxes are of one person if what both tiles show of them overlaps by this."""

TWIN_IOU = 0.9
"""Boxes of one look that overlap by more say the same. They go first, since all pairs of boxes at
tile borders are compared; a lower bar here would take away boxes whose taker the merge takes."""

MERGE_IOU = 0.6
"""Boxes of different looks that overlap by more are taken for one, as `Family.nms_iou`."""


class View(NamedTuple):
    """One look at a frame.

    Attributes:
        crop: x0, y0, x1, y1 as shares of a frame that lies; one that stands is tiled the other way.
        size: Longer side of the detector's input, pixels.
        most: Only boxes up to this side count, a share of the frame's longer side; see `SMALL`.
    """

    crop: tuple[float, float, float, float]
    size: int
    most: float = np.inf

    @property
    def frame_size(self) -> int:
        """Pixels of the whole frame's longer side that it makes use of."""
        return round(self.size / min(self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]))


def plan_views(thoroughness: str, input_size: int, fixed: bool = False) -> tuple[View, ...]:
    """The looks of a thoroughness.

    Args:
        thoroughness: One of `config.THOROUGHNESS`.
        input_size: Longer side of the input, pixels.
        fixed: Whether the graph takes no other size: people further off are then looked for in
            tiles.
    """
    if thoroughness == 'fast':
        return (View(FULL, input_size),)
    if fixed:
        crops = tiles(2, 1) if thoroughness == 'balanced' else tiles(2, 2)
        return (View(FULL, input_size), *(View(crop, input_size, SMALL) for crop in crops))
    near = View(FULL, _sized(input_size * NEAR))
    if thoroughness == 'balanced':
        return (near, View(FULL, _sized(input_size * FAR), SMALL))
    return (
        near,
        View(FULL, _sized(input_size * FURTHER), SMALL),
        *(View(crop, input_size, SMALLER) for crop in tiles(2, 2)),
    )


def _sized(size: float) -> int:
    return max(STRIDE, round(size / STRIDE) * STRIDE)


def tiles(columns: int, rows: int) -> tuple[tuple[float, float, float, float], ...]:
    """Overlapping parts of equal size that make up the frame, as shares of it."""

    def spans(count: int) -> list[tuple[float, float]]:
        length = 1 / (count - (count - 1) * OVERLAP)
        return [
            (index * length * (1 - OVERLAP), min(1.0, index * length * (1 - OVERLAP) + length))
            for index in range(count)
        ]

    return tuple((x0, y0, x1, y1) for y0, y1 in spans(rows) for x0, x1 in spans(columns))


def join_cut(found: Decoded, crops: Float32Array, frame: Sequence[float]) -> Decoded:
    """Make one box of the parts of a person that lies across the border between two tiles.

    Args:
        found: Boxes in pixels of the frame. Only parts of one class are joined.
        crops: (N, 4), the part of the frame in which each box was found, pixels of the frame.
        frame: Width and height, pixels.

    Returns:
        The boxes and, behind them, those joined, with the greater score. The parts stay: to cover
        less is not for here to decide, and NMS takes those that say the same.
    """
    xyxy, scores, class_ids = found
    low, high = crops[:, :2], crops[:, 2:]
    margin = (high - low) * AT_EDGE
    cut = (xyxy[:, :2] <= low + margin) & (low > 0)
    cut |= (xyxy[:, 2:] >= high - margin) & (high < np.array(frame, np.float32))
    rows = np.flatnonzero(cut.any(axis=1))
    if len(rows) < 2:
        return found
    first, second = (rows[index] for index in np.triu_indices(len(rows), 1))
    apart = (crops[first] != crops[second]).any(axis=1) & (class_ids[first] == class_ids[second])
    first, second = first[apart], second[apart]
    shared_low, shared_high = (
        np.maximum(low[first], low[second]),
        np.minimum(high[first], high[second]),
    )
    shown = [
        np.concatenate(
            [np.maximum(xyxy[one, :2], shared_low), np.minimum(xyxy[one, 2:], shared_high)], axis=1
        )
        for one in (first, second)
    ]
    same = iou_of_pairs(*shown) >= SAME_PERSON_IOU
    first, second = first[same], second[same]
    union = np.concatenate(
        [
            np.minimum(xyxy[first, :2], xyxy[second, :2]),
            np.maximum(xyxy[first, 2:], xyxy[second, 2:]),
        ],
        axis=1,
    )
    return Decoded(
        np.concatenate([xyxy, union]),
        np.concatenate([scores, np.maximum(scores[first], scores[second])]),
        np.concatenate([class_ids, class_ids[first]]),
    )
