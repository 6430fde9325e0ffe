"""Holding regions over time: a person whom the detector misses for a moment stays covered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array
from anonymizer_node.core.geometry import iou
from anonymizer_node.core.motion import NOBODY, Float64Array, Outlook, Tracks

LEAST_IOU = 0.2
"""A detection continues a track if it overlaps the track's predicted box by at least this."""

TRUST_IN_LAST = 0.75
"""Overlap with where a track was counts as this much of overlap with where it should be: of two
people who cross, each is where the other was."""

REACH = 1.0
"""A detection that overlaps no track may be the one that was this near, in sizes of its box: a
small person who runs, or a camera that turns, doesn't overlap from frame to frame."""

ALIKE = 2.0
"""And only if neither width nor height differ by more than this factor."""

LEAST_SHOWN = 0.6
"""A box that shows less of a track, where it was and where it should be, may be a part of it."""

MOST_TRACKS = 256
"""More are not held, but for those of one frame: under a driver that never sets the stamp no time
passes, and none would end."""

JUMP_LEAST_LOST = 3
"""So many tracks at least must be lost in one frame to make it a jump of the camera. One or two
are lost by a plain miss; a region too many is harmless, and one dropped wrongly shows somebody."""

JUMP_MOST_FOUND = 0.2
"""And at most this share found: by chance somebody may stand where another stood."""


Indices = NDArray[np.intp]
NONE: Indices = np.zeros(0, np.intp)


class Gaps(NamedTuple):
    """People who are found again after frames that missed them, K rows.

    Attributes:
        before: (K, 4) float64, where each was last detected.
        seen_ns: (K,) int64, when that was.
        after: (K, 4) float64, where each is detected now.
    """

    before: Float64Array
    seen_ns: NDArray[np.int64]
    after: Float64Array

    @classmethod
    def of(cls, tracks: Tracks, boxes: Float64Array) -> Gaps:
        """Of tracks and the boxes that continue them, (T, 4)."""
        if not len(tracks) or not tracks.misses.any():
            return _NO_GAPS
        missed = tracks.misses > 0
        return cls(tracks.box[missed], tracks.seen_ns[missed], boxes[missed])


_NO_GAPS = Gaps(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros((0, 4)))
_NO_SIGHTINGS = np.zeros(0, np.int64)


class Tracker:
    """Holds the regions of one source.

    Time may run backwards over a recording: feed it negated stamps.

    Attributes:
        gaps: Those that the last frame closed, one entry for each way in which a track goes on.
        sightings: (N,) int64, in how many frames up to the last one each of its N boxes was seen.

    A track ends when it was not detected for the hold, or at a jump of the camera. That is a frame
    in which at least `JUMP_LEAST_LOST` tracks that were seen in the last frame, and before, are
    all lost but for `JUMP_MOST_FOUND` of them, while as many people or more appear who touch no
    region held. Where any of this is in doubt the regions are held on, to the end of the hold.
    """

    def __init__(self, hold_whole: bool = False) -> None:
        """Nothing is held yet.

        Args:
            hold_whole: Hold a track, too, where only a part of it seems to be detected. It covers
                more, and those who really are smaller suddenly for longer.
        """
        self._hold_whole = hold_whole
        self._tracks = NOBODY
        self._size = (0, 0)
        self.gaps: tuple[Gaps, ...] = ()
        self.sightings: NDArray[np.int64] = np.zeros(0, np.int64)

    def fit(self, width: int, height: int) -> None:
        """Hold what is held in a frame of this size: a camera may change its resolution.

        Each axis is scaled by itself. What a camera that changes its aspect shows more or less of
        it doesn't say.
        """
        before, self._size = self._size, (width, height)
        if before != self._size and all(before):
            self._tracks = self._tracks.scaled(width / before[0], height / before[1])

    def update(self, stamp_ns: int, xyxy: Float32Array, hold_seconds: float) -> Float32Array:
        """Take one frame's boxes and say what must be covered in it.

        Args:
            stamp_ns: Time of the frame, nanoseconds. It may be a little before the last one's (a
                frame that was overtaken); if that is more than the hold (a bag that loops, a
                simulation that was reset), nothing is carried over.
            xyxy: (N, 4), the boxes detected.
            hold_seconds: For how long a track stays after it was last detected.

        Returns:
            (M, 4) float32: the N boxes as they came, then those of the tracks held.
        """
        live = self._live(stamp_ns, hold_seconds)
        if not len(live) and not len(xyxy):
            self._tracks, self.gaps, self.sightings = NOBODY, (), _NO_SIGHTINGS
            return xyxy.astype(np.float32)
        tracks, boxes = live.at(stamp_ns), xyxy.astype(np.float64)
        rows, columns = _overlapping(tracks, boxes)
        found, there = tracks.rows(rows), boxes[columns]
        alone = _others(len(boxes), columns)
        lost, free = tracks.rows(_others(len(tracks), rows)), boxes[alone]
        held = lost.held()
        parents, near = _near(lost, free)
        new = free[_others(len(free), near)]
        # A track found by nearness is split: whoever is near may be somebody else, so the lost one
        # stays held as well.
        approached = lost.rows(parents)
        split = approached.continued(free[near])
        self.gaps = (
            Gaps.of(found.tracks, there),
            Gaps.of(approached.tracks, free[near]),
        )
        self.sightings = np.ones(len(boxes), np.int64)
        self.sightings[columns] += found.tracks.sightings
        if len(near):
            self.sightings[alone[near]] = split.sightings
        missed = lost.tracks
        if _jumped(missed, held, len(rows), new):
            missed, held = NOBODY, held[:0]
        if self._hold_whole and len(found):
            parts = _parted(found, there)
            if parts.any():
                parted = found.rows(parts)
                missed = Tracks.joined(missed, parted.tracks)
                held = np.concatenate([held, parted.held()])
        self._tracks = Tracks.joined(
            missed.missed(),
            found.continued(there),
            split,
            Tracks.begin(new, stamp_ns),
        ).last(max(MOST_TRACKS, len(boxes)))
        return np.concatenate([xyxy, held.astype(np.float32)])

    def carry(self, stamp_ns: int, hold_seconds: float) -> Float32Array:
        """What must be covered in a frame that no detector sees.

        It is no miss: the tracks stay as they are, and their hold runs from the last detection.

        Args:
            stamp_ns: As for `update`.
            hold_seconds: As for `update`.

        Returns:
            (M, 4) float32: the boxes of the tracks, widened by their motion.
        """
        return self._live(stamp_ns, hold_seconds).held(stamp_ns).astype(np.float32)

    def _live(self, stamp_ns: int, hold_seconds: float) -> Tracks:
        """The tracks that are to be held at a time."""
        tracks = self._tracks
        if not len(tracks):
            return tracks
        live = np.abs(stamp_ns - tracks.seen_ns) <= round(hold_seconds * 1e9)
        return tracks if live.all() else tracks.rows(live)


def _overlapping(tracks: Outlook, boxes: Float64Array) -> tuple[Indices, Indices]:
    """Which tracks are continued by which boxes, (K,) rows and (K,) columns."""
    if not len(tracks) or not len(boxes):
        return NONE, NONE
    should_be, was = iou(np.stack([tracks.predicted, tracks.tracks.box]), boxes)
    overlaps = np.maximum(should_be, TRUST_IN_LAST * was)
    return _best_first(-overlaps, overlaps >= LEAST_IOU)


def _parted(tracks: Outlook, boxes: Float64Array) -> NDArray[np.bool_]:
    """Which tracks are shown in part only by the boxes that continue them, (T, 4) -> (T,)."""
    shares = _share(np.stack([tracks.predicted, tracks.tracks.box]), boxes)
    return np.asarray(np.maximum(*shares) < LEAST_SHOWN)


def _share(a: Float64Array, b: Float64Array) -> Float64Array:
    """How much of each box the other one of its pair covers, (..., T, 4) and (T, 4) -> (..., T)."""
    shared = np.minimum(a[..., 2:], b[:, 2:]) - np.maximum(a[..., :2], b[:, :2])
    shared, whole = np.maximum(shared, 0.0), a[..., 2:] - a[..., :2]
    areas = np.maximum(whole[..., 0] * whole[..., 1], 1e-9)
    return np.asarray(shared[..., 0] * shared[..., 1] / areas)


def _near(tracks: Outlook, boxes: Float64Array) -> tuple[Indices, Indices]:
    """Which tracks may have gone on to which boxes without overlap, (K,) rows, (K,) columns."""
    if not len(tracks) or not len(boxes):
        return NONE, NONE
    box = tracks.tracks.box
    way = np.minimum(_ways(tracks.predicted, boxes), _ways(box, boxes)) / tracks.size[:, None]
    old = (box[:, 2:] - box[:, :2])[:, None]
    new = (boxes[:, 2:] - boxes[:, :2])[None]
    alike = ((old <= ALIKE * new) & (new <= ALIKE * old)).all(axis=2)
    return _best_first(way, alike & (way <= REACH))


def _ways(a: Float64Array, b: Float64Array) -> Float64Array:
    """Distance of the centres of every pair, (N, 4) and (K, 4) -> (N, K), pixels."""
    centres_a, centres_b = (a[:, :2] + a[:, 2:]) / 2, (b[:, :2] + b[:, 2:]) / 2
    between = centres_a[:, None] - centres_b[None]
    return np.hypot(between[..., 0], between[..., 1])


def _best_first(cost: Float64Array, allowed: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Pairs, one to one, the cheapest first: (K,) rows and (K,) columns of (N, M)."""
    rows, columns = allowed.nonzero()
    if len(rows) < 2:
        return rows, columns
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for index in cost[rows, columns].argsort(kind='stable').tolist():
        row, column = int(rows[index]), int(columns[index])
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return np.array(list(pairs), np.intp), np.array(list(pairs.values()), np.intp)


def _others(count: int, indices: Indices) -> Indices:
    """Those of `count` that are none of the indices, which all differ, ascending."""
    if len(indices) == count:
        return NONE
    others = np.ones(count, bool)
    others[indices] = False
    return others.nonzero()[0]


def _jumped(lost: Tracks, held: Float64Array, found: int, new: Float64Array) -> bool:
    """Whether the camera looks elsewhere than in the last frame: see `Tracker`.

    Args:
        lost: The tracks that no box continues.
        held: (T, 4), their regions.
        found: How many tracks a box continues.
        new: (N, 4), the boxes that continue none and are near none.
    """
    if len(lost) < JUMP_LEAST_LOST:
        return False
    fresh = int(((lost.misses == 0) & (lost.sightings > 1)).sum())
    if fresh < JUMP_LEAST_LOST or found > JUMP_MOST_FOUND * (found + fresh):
        return False
    elsewhere = ~(iou(held, new) > 0).any(axis=0)
    return int(elsewhere.sum()) >= fresh
