"""People over a recording: covered before the first sight of them, in gaps, and after the last.

A recording is seen forwards and backwards by the same tracker. What either of them holds is
covered, and what either finds again after a gap is covered on the way in between. Nothing goes
across a cut: the tracker carries nothing over a jump of time or of the camera, either way. Where a
camera changes its resolution, what is carried is scaled to the frame that it is carried to.

Frames come in one by one and go out a little later, decided: how long a recording is doesn't
matter. Backwards, the tracker begins anew every few seconds, so far behind the frames to decide
that everything which reaches into them is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Cover, Float32Array
from anonymizer_node.core.motion import Float64Array, between
from anonymizer_node.core.tracking import Gaps, Tracker

WARM_UP_S = 1.0
"""The tracker that looks back begins at least this much behind what can reach a frame, seconds of
the recording: it knows how people move by then."""

SPANS = 3
"""It begins anew when so many times that is waiting: more repeats less and waits longer."""

MOST_WAITING = 4096
"""More frames never wait. Under a driver that never sets the stamp no time passes, and none would
be decided."""

GRID = 16
"""Parts of a pixel to which held boxes are rounded."""

NOTHING: Float64Array = np.zeros((0, 4))


@dataclass
class _Waiting:
    """One frame on its way.

    Attributes:
        stamp_ns: Time of its header, nanoseconds.
        size: Columns and rows, pixels: of its boxes and of all that covers somebody in it.
        boxes: (N, 4) float32, its own boxes.
        kept: (N,) bool, which of them are to be covered.
        sightings: (N,) int64, in how many frames up to this one each was seen.
        before: What covers people seen before it, or before and after.
        behind: What covers people seen after it, or after and before; made anew in every look back.
    """

    stamp_ns: int
    size: tuple[int, int]
    boxes: Float32Array
    kept: NDArray[np.bool_]
    sightings: NDArray[np.int64]
    before: list[Float64Array] = field(default_factory=list)
    behind: list[Float64Array] = field(default_factory=list)

    def cover(self) -> Cover:
        """What is decided of it."""
        held = [boxes for boxes in (*self.before, *self.behind) if len(boxes)]
        if not held:
            return Cover(self.kept, NOTHING.astype(np.float32))
        own = self.boxes[self.kept].astype(np.float64)
        outside = _outside_others(np.concatenate(held), own)
        return Cover(self.kept, outside.astype(np.float32))


class Joiner:
    """Decides what is to be covered in the frames of one source, in their order."""

    def __init__(self, hold_seconds: float, least_sightings: int = 1) -> None:
        """Args as the settings of these names."""
        self._hold_seconds = hold_seconds
        self._tracker = Tracker(hold_whole=True)
        self._counter = Tracker()
        self._least = least_sightings
        reach_s = hold_seconds + WARM_UP_S
        self._uncounted = _Window(hold_seconds * least_sightings + WARM_UP_S, self._prune)
        self._unjoined = _Window(reach_s, self._look_back)

    def add(self, stamp_ns: int, size: tuple[int, int], boxes: Float32Array) -> list[Cover]:
        """Take the next frame, and give out what is decided by now.

        Args:
            stamp_ns: Time of its header, nanoseconds.
            size: Its columns and rows, pixels.
            boxes: (N, 4), what is to be covered in it by itself, in its pixels.
        """
        count = len(boxes)
        frame = _Waiting(stamp_ns, size, boxes, np.ones(count, bool), np.ones(count, np.int64))
        if self._least == 1:
            return self._joined([frame])
        self._counter.fit(*size)
        self._counter.update(stamp_ns, boxes, self._hold_seconds)
        frame.sightings = self._counter.sightings
        return self._joined(self._uncounted.add(frame))

    def flush(self) -> list[Cover]:
        """Decide all that wait: no frame comes that could bear on them."""
        covers = self._joined(self._uncounted.flush())
        return covers + [frame.cover() for frame in self._unjoined.flush()]

    def _joined(self, frames: Iterable[_Waiting]) -> list[Cover]:
        covers = []
        for frame in frames:
            frame.before.append(self._held(self._tracker, frame, 1))
            if self._hold_seconds == 0:
                covers.append(frame.cover())
                continue
            passed = reversed(self._unjoined.waiting)
            for other, covered in self._filled(self._tracker, frame, passed, 1):
                other.before.append(covered)
            covers += [done.cover() for done in self._unjoined.add(frame)]
        return covers

    def _prune(self, frames: Sequence[_Waiting]) -> None:
        """Say of each frame which boxes are seen often enough, before and after taken together."""
        counter = Tracker()
        for frame in reversed(frames):
            counter.fit(*frame.size)
            counter.update(-frame.stamp_ns, frame.boxes, self._hold_seconds)
            frame.kept = frame.sightings + counter.sightings - 1 >= self._least

    def _look_back(self, frames: Sequence[_Waiting]) -> None:
        """See the frames from the last one to the first."""
        tracker = Tracker(hold_whole=True)
        for index in range(len(frames) - 1, -1, -1):
            frame = frames[index]
            frame.behind = [self._held(tracker, frame, -1)]
            passed = (frames[at] for at in range(index + 1, len(frames)))
            for other, covered in self._filled(tracker, frame, passed, -1):
                other.behind.append(covered)

    def _held(self, tracker: Tracker, frame: _Waiting, sign: int) -> Float64Array:
        """What a tracker holds in its next frame beside the frame's own boxes, (M, 4).

        Args:
            tracker: That sees it.
            frame: The next one to it.
            sign: Of time, to the tracker.
        """
        boxes = frame.boxes[frame.kept]
        tracker.fit(*frame.size)
        covered = tracker.update(sign * frame.stamp_ns, boxes, self._hold_seconds)
        return covered[len(boxes) :].astype(np.float64)

    def _filled(
        self, tracker: Tracker, last: _Waiting, passed: Iterable[_Waiting], sign: int
    ) -> Iterator[tuple[_Waiting, Float64Array]]:
        """The frames in the gaps that a tracker's last frame closed, and what covers them.

        Args:
            tracker: That saw it.
            last: The last one.
            passed: Frames that the tracker saw before, the last first.
            sign: Of time, to the tracker.
        """
        closed = [gaps for gaps in tracker.gaps if len(gaps.seen_ns)]
        if not closed:
            return
        gaps = Gaps(*(np.concatenate(parts) for parts in zip(*closed, strict=True)))
        now_ns, first_ns = sign * last.stamp_ns, int(gaps.seen_ns.min())
        for other in passed:
            then_ns = sign * other.stamp_ns
            if then_ns <= first_ns:
                return
            rows: NDArray[np.bool_] = (gaps.seen_ns < then_ns) & (then_ns < now_ns)
            if rows.any():
                seen_ns, long_ns = gaps.seen_ns[rows], now_ns - gaps.seen_ns[rows]
                share = (then_ns - seen_ns) / long_ns
                covered = between(gaps.before[rows], gaps.after[rows], share, long_ns / 1e9)
                yield other, covered * np.tile(np.divide(other.size, last.size), 2)


class _Window:
    """Frames that wait until all is known which reaches back to them."""

    def __init__(self, reach_s: float, look_back: Callable[[Sequence[_Waiting]], None]) -> None:
        """Args: reach_s: How far. look_back: Sees all that wait, before some are given out."""
        self.waiting: deque[_Waiting] = deque()
        self._reach_ns = round(reach_s * 1e9)
        self._look_back = look_back

    def add(self, frame: _Waiting) -> list[_Waiting]:
        """Take the next frame, and give out those that are settled."""
        waiting = self.waiting
        waiting.append(frame)
        full = len(waiting) >= MOST_WAITING
        if not full and self._away_ns(waiting[0]) <= SPANS * self._reach_ns:
            return []
        self._look_back(tuple(waiting))
        settled = []
        while self._away_ns(waiting[0]) > self._reach_ns:
            settled.append(waiting.popleft())
        while full and len(waiting) > MOST_WAITING // 2:
            settled.append(waiting.popleft())
        return settled

    def flush(self) -> list[_Waiting]:
        """Give out all."""
        settled = tuple(self.waiting)
        self._look_back(settled)
        self.waiting.clear()
        return list(settled)

    def _away_ns(self, frame: _Waiting) -> int:
        """From a frame to the last one, either way."""
        return abs(self.waiting[-1].stamp_ns - frame.stamp_ns)


def _outside_others(held: Float64Array, own: Float64Array) -> Float64Array:
    """The held boxes that lie in no other one, (M, 4) and the frame's own (N, 4) -> (K, 4).

    In ascending order; M is above 0.
    """
    # Outward to a grid: what both trackers say of one person differs by rounding alone.
    outward = np.concatenate([np.floor(held[:, :2] * GRID), np.ceil(held[:, 2:] * GRID)], axis=1)
    unique = np.array(sorted({tuple(row) for row in (outward / GRID).tolist()}))
    boxes = np.concatenate([unique, own])
    low = np.asarray(unique[:, None, :2] >= boxes[None, :, :2])
    high = np.asarray(unique[:, None, 2:] <= boxes[None, :, 2:])
    inside = np.asarray((low & high).all(axis=2))
    np.fill_diagonal(inside, False)
    return np.asarray(unique[~inside.any(axis=1)])
