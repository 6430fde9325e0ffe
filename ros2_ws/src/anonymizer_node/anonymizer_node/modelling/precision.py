"""Average precision at an overlap of 0.5 (AP50): how well a detector ranks what it finds.

The area under the precision-recall curve, where precision counts as the best at that recall or
any above (PASCAL VOC from 2010 on, "all points"). Of several detections of one box the surest is
a hit and the others are false. What lies in a crowd region is neither: one can't tell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array
from anonymizer_node.core.geometry import iou

LEAST_IOU = 0.5
"""Overlap from which a detection is one of a labelled box."""

LEAST_IN_CROWD = 0.5
"""Share of a detection inside a crowd region from which it is ignored."""


class PrecisionTally:
    """Collects the detections of a data set, picture by picture."""

    def __init__(self) -> None:
        self._scores: list[NDArray[np.float32]] = []
        self._hits: list[NDArray[np.bool_]] = []
        self._labelled = 0

    def add(
        self,
        xyxy: Float32Array,
        scores: NDArray[np.float32],
        true: Float32Array,
        crowd: Float32Array,
    ) -> None:
        """Take one picture.

        Args:
            xyxy: (N, 4), what was detected, pixels.
            scores: (N,).
            true: (K, 4), what is labelled, without crowds.
            crowd: (C, 4), crowd regions.
        """
        order = np.argsort(-scores, kind='stable')
        hits, counts = judged(xyxy[order], true, crowd)
        self._labelled += len(true)
        self._scores.append(scores[order][counts])
        self._hits.append(hits[counts])

    def average(self) -> float | None:
        """The average precision, 0..1; None if nothing is labelled."""
        if not self._labelled:
            return None
        scores, hits = np.concatenate(self._scores), np.concatenate(self._hits)
        hits = hits[np.argsort(-scores, kind='stable')]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(best_from_here[hits]) / self._labelled)


def judged(
    xyxy: Float32Array, true: Float32Array, crowd: Float32Array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which detections of a picture are hits, and which count at all.

    Args:
        xyxy: (N, 4), surest first. Each takes the labelled box that it overlaps most of those
            that none before it took.
        true: (K, 4).
        crowd: (C, 4).

    Returns:
        (N,) bool whether a hit; (N,) bool whether counted.
    """
    overlaps = iou(xyxy, true)
    hits = np.zeros(len(xyxy), bool)
    for row in range(len(xyxy)) if len(true) else ():
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= LEAST_IOU:
            hits[row] = True
            overlaps[:, best] = 0
    return hits, hits | ~_in_crowd(xyxy, crowd)


def _in_crowd(xyxy: Float32Array, crowd: Float32Array) -> NDArray[np.bool_]:
    low = np.maximum(xyxy[:, None, :2], crowd[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], crowd[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    return np.asarray((shared >= LEAST_IN_CROWD * area[:, None]).any(axis=1))
