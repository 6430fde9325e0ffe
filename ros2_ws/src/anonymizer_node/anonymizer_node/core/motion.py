"""How boxes move: where each of many was last seen, where it should be now, and how sure that is.

A Kalman filter of constant velocity for every side of a box. The sides of one box share their
covariance, which is kept in shares of the box's size (the root of its area): a person near the
camera moves more pixels, and is found less exactly in pixels, than one far away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

JITTER = 0.03
"""Standard deviation of a detected side about the true one, in sizes of the box."""

FIRST_SPEED = 1.5
"""Standard deviation of a side's speed before anything is known of it, sizes per second."""

AGILITY = 0.1
"""Spectral density of a side's acceleration while it stands, sizes^2 per second^3: somebody who
starts to walk is a third of a size off after a second."""

AGILITY_OF_SPEED = 1.0
"""And what a speed of one size per second adds to it; it grows with the speed squared. Who walks
may stop or turn, and a box that jitters makes a speed."""

MOST_SPEED = 5.0
"""A higher speed adds no more agility than this one, sizes per second."""

WIDENING = 2.0
"""An unseen box is widened by this many standard deviations of its predicted sides."""

GROWTH_PER_SECOND = 0.3
"""A box seen once has no velocity, nor an uncertainty of one; unseen, it widens by this on every
side, sizes per second. Most of these are no people, and they are many."""

MOST_MARGIN = 0.2
"""No box is widened by more on any side, in sizes, however long it is held."""

MOST_SHIFT = 2.0
"""No side is predicted farther from where it was seen, in sizes: one box that is far off makes a
high speed, which must not sweep the image."""


class Tracks:
    """Several people over time, T rows. Rows stand in the order of their last sighting.

    What is known of them lies in two tables, so that rows are taken out of, and put into, two
    arrays and not seven: with the few people of a frame every call costs the same.

    Attributes:
        box: (T, 4) float64 xyxy, where each was last detected, pixels.
        sides: (T, 4) float64, the filter's opinion of the same at the same time, pixels.
        velocity: (T, 4) float64, of the sides, pixels per second.
        spread: (T, 3) float64, variance of a side, its covariance with the side's speed, and
            variance of the speed, in sizes and seconds.
        seen_ns: (T,) int64, when each was last detected, nanoseconds.
        sightings: (T,) int64, how many detections each was made of.
        misses: (T,) int64, how many frames judged since then didn't have it.
    """

    __slots__ = ('_counts', '_state')

    def __init__(self, state: Float64Array, counts: NDArray[np.int64]) -> None:
        """Args: state: (T, 15), the first four of the attributes. counts: (T, 3), the others."""
        self._state = state
        self._counts = counts

    def __len__(self) -> int:
        return len(self._state)

    @property
    def box(self) -> Float64Array:
        """See the class."""
        return self._state[:, _BOX]

    @property
    def sides(self) -> Float64Array:
        """See the class."""
        return self._state[:, _SIDES]

    @property
    def velocity(self) -> Float64Array:
        """See the class."""
        return self._state[:, _VELOCITY]

    @property
    def spread(self) -> Float64Array:
        """See the class."""
        return self._state[:, _SPREAD]

    @property
    def seen_ns(self) -> NDArray[np.int64]:
        """See the class."""
        return self._counts[:, 0]

    @property
    def sightings(self) -> NDArray[np.int64]:
        """See the class."""
        return self._counts[:, 1]

    @property
    def misses(self) -> NDArray[np.int64]:
        """See the class."""
        return self._counts[:, 2]

    @classmethod
    def begin(cls, boxes: Float64Array, stamp_ns: int) -> Tracks:
        """Tracks of boxes that were seen once, (N, 4)."""
        count = len(boxes)
        if not count:
            return NOBODY
        state = np.empty((count, _WIDTH))
        state[:, _BOX] = state[:, _SIDES] = boxes
        state[:, _VELOCITY] = 0.0
        state[:, _SPREAD] = JITTER**2, 0.0, FIRST_SPEED**2
        counts = np.empty((count, 3), np.int64)
        counts[:] = stamp_ns, 1, 0
        return cls(state, counts)

    @classmethod
    def joined(cls, *parts: Tracks) -> Tracks:
        """The rows of all parts, in their order."""
        parts = tuple(part for part in parts if len(part)) or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part._state for part in parts]),
            np.concatenate([part._counts for part in parts]),
        )

    def rows(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Tracks:
        """Some of the rows."""
        if not len(self):
            return self
        return Tracks(self._state[which], self._counts[which])

    def last(self, count: int) -> Tracks:
        """The rows, but no more than so many of the last ones."""
        return self if len(self) <= count else self.rows(slice(len(self) - count, None))

    def at(self, stamp_ns: int) -> Outlook:
        """The tracks as they should be at a time."""
        if not len(self):
            return Outlook(self, stamp_ns, np.zeros((0, _AHEAD_WIDTH)))
        box = self.box
        ahead = np.empty((len(self), _AHEAD_WIDTH))
        seconds = np.divide(stamp_ns - self.seen_ns, 1e9, out=ahead[:, _SECONDS])
        extent = box[:, 2:] - box[:, :2]
        apart = np.maximum(extent, 0.0)
        size = np.maximum(np.sqrt(apart[:, 0] * apart[:, 1]), 1.0, out=ahead[:, _SIZE])
        most = (MOST_SHIFT * size)[:, None]
        shift = self.sides - box + self.velocity * seconds[:, None]
        moved = box + np.minimum(np.maximum(shift, -most), most)
        # Opposite sides that near each other must not pass: a person doesn't vanish that way.
        middle = (moved[:, :2] + moved[:, 2:]) / 2
        half = np.maximum(moved[:, 2:] - moved[:, :2], extent / 2) / 2
        np.subtract(middle, half, out=ahead[:, :2])
        np.add(middle, half, out=ahead[:, 2:4])
        passed = np.abs(seconds)
        speeds = np.abs(self.velocity).max(axis=1) / size
        agility = AGILITY + AGILITY_OF_SPEED * np.minimum(speeds, MOST_SPEED) ** 2
        cubed = passed * passed * passed
        place, both, speed = self._state[:, 12], self._state[:, 13], self._state[:, 14]
        ahead[:, 4] = place + 2 * seconds * both + seconds * seconds * speed + agility * cubed / 3
        ahead[:, 5] = both + seconds * speed + agility * seconds * passed / 2
        ahead[:, 6] = speed + agility * passed
        return Outlook(self, stamp_ns, ahead)

    def predicted(self, stamp_ns: int) -> Float64Array:
        """See `Outlook.predicted`."""
        return self.at(stamp_ns).predicted

    def held(self, stamp_ns: int) -> Float64Array:
        """See `Outlook.held`."""
        return self.at(stamp_ns).held()

    def continued(self, boxes: Float64Array, stamp_ns: int) -> Tracks:
        """See `Outlook.continued`."""
        return self.at(stamp_ns).continued(boxes)

    def missed(self) -> Tracks:
        """The tracks after a frame in which none was detected."""
        if not len(self):
            return self
        counts = self._counts.copy()
        counts[:, 2] += 1
        return Tracks(self._state, counts)

    def scaled(self, across: float, down: float) -> Tracks:
        """The tracks in an image that is larger by these factors."""
        state = self._state.copy()
        state[:, : _SPREAD.start] *= np.tile([across, down], _SPREAD.start // 2)
        return Tracks(state, self._counts)


_BOX, _SIDES, _VELOCITY, _SPREAD = slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 15)
_WIDTH = 15
_PREDICTED, _SPREAD_THEN, _SECONDS, _SIZE, _AHEAD_WIDTH = slice(0, 4), slice(4, 7), 7, 8, 9

NOBODY = Tracks(np.zeros((0, _WIDTH)), np.zeros((0, 3), np.int64))


class Outlook:
    """Tracks, and what is to be expected of each at a time; computed once for all of them.

    Attributes:
        tracks: T of them.
        stamp_ns: The time, nanoseconds.
    """

    __slots__ = ('_ahead', 'stamp_ns', 'tracks')

    def __init__(self, tracks: Tracks, stamp_ns: int, ahead: Float64Array) -> None:
        """Args: ahead: (T, 9), the box predicted, `Tracks.spread` then, seconds to then, size."""
        self.tracks = tracks
        self.stamp_ns = stamp_ns
        self._ahead = ahead

    def __len__(self) -> int:
        return len(self._ahead)

    @property
    def predicted(self) -> Float64Array:
        """Where the boxes should be, (T, 4) xyxy with a size above 0."""
        return self._ahead[:, _PREDICTED]

    @property
    def size(self) -> Float64Array:
        """Root of the area of each box as last seen, at least one, (T,), pixels."""
        return self._ahead[:, _SIZE]

    def rows(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Outlook:
        """Some of the rows."""
        if not len(self):
            return self
        return Outlook(self.tracks.rows(which), self.stamp_ns, self._ahead[which])

    def held(self) -> Float64Array:
        """What must be covered when nobody is detected there, (T, 4).

        Everything between where the person was and where they should be now: one who stopped and
        one who walked on are both inside. Widened as the prediction becomes unsure.
        """
        if not len(self):
            return self.tracks.box
        box, predicted = self.tracks.box, self.predicted
        unsure = np.where(
            self.tracks.sightings == 1,
            GROWTH_PER_SECOND * np.abs(self._ahead[:, _SECONDS]),
            WIDENING * np.sqrt(self._ahead[:, _SPREAD_THEN.start].clip(0.0)),
        )
        margin = (self.size * unsure.clip(0.0, MOST_MARGIN))[:, None]
        held = np.empty((len(self), 4))
        np.subtract(np.minimum(box[:, :2], predicted[:, :2]), margin, out=held[:, :2])
        np.add(np.maximum(box[:, 2:], predicted[:, 2:]), margin, out=held[:, 2:])
        return held

    def continued(self, boxes: Float64Array) -> Tracks:
        """The tracks after each was detected once more, boxes (T, 4)."""
        tracks = self.tracks
        if not len(self):
            return tracks
        seconds, spread = self._ahead[:, _SECONDS], self._ahead[:, _SPREAD_THEN]
        # Between frames of one time nothing is learnt of a motion; the newer box is believed.
        still = seconds == 0
        gains = spread[:, :2] / (spread[:, :1] + JITTER**2)
        if still.any():
            gains[still] = (1.0, 0.0)
        reached = tracks.sides + tracks.velocity * seconds[:, None]
        surprise = boxes - reached
        state = np.empty((len(self), _WIDTH))
        state[:, _BOX] = boxes
        np.add(reached, gains[:, :1] * surprise, out=state[:, _SIDES])
        np.add(tracks.velocity, gains[:, 1:] * surprise, out=state[:, _VELOCITY])
        learnt = state[:, _SPREAD]
        np.multiply(1 - gains[:, :1], spread[:, :2], out=learnt[:, :2])
        np.subtract(spread[:, 2], gains[:, 1] * spread[:, 1], out=learnt[:, 2])
        if still.any():
            learnt[still] = tracks.spread[still]
        counts = np.empty((len(self), 3), np.int64)
        counts[:, 0] = self.stamp_ns
        np.add(tracks.sightings, 1, out=counts[:, 1])
        counts[:, 2] = 0
        return Tracks(state, counts)


def between(
    first: Float64Array, second: Float64Array, share: Float64Array, seconds: Float64Array
) -> Float64Array:
    """What must be covered between two sightings: a straight way from one to the other.

    It is widened with the time to the nearer sighting, as a box is that was seen once.

    Args:
        first: (K, 4), at one time.
        second: (K, 4), the same people at another.
        share: (K,), of the way from `first`, 0..1.
        seconds: (K,), from then to the other.

    Returns:
        (K, 4), the same for the two boxes exchanged and `1 - share`.
    """
    boxes = first * (1 - share)[:, None] + second * share[:, None]
    size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).clip(0.0).prod(axis=1))
    nearer = np.minimum(share, 1 - share) * np.abs(seconds)
    unsure = (GROWTH_PER_SECOND * nearer + WIDENING * JITTER).clip(0.0, MOST_MARGIN)
    margin = (size * unsure)[:, None]
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
