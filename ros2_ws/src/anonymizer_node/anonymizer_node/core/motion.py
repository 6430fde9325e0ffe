"""How boxes move: where each of many was last seen, where it should be now, and how sure that is.

A Kalman filter of constant velocity for every side of a box. The sides of one box share their
covariance, which is kept in shares of the box's size (the root of its area): a person near the
camera moves more pixels, and is found less exactly in pixels, than one far away.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

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


@dataclass
class Tracks:
    """Several people over time, T rows. Rows stand in the order of their last sighting.

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

    box: Float64Array
    sides: Float64Array
    velocity: Float64Array
    spread: Float64Array
    seen_ns: NDArray[np.int64]
    sightings: NDArray[np.int64]
    misses: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.box)

    @classmethod
    def begin(cls, boxes: Float64Array, stamp_ns: int) -> Tracks:
        """Tracks of boxes that were seen once, (N, 4)."""
        count = len(boxes)
        spread = np.empty((count, 3))
        spread[:] = JITTER**2, 0.0, FIRST_SPEED**2
        return cls(
            boxes,
            boxes,
            np.zeros((count, 4)),
            spread,
            np.full(count, stamp_ns, np.int64),
            np.ones(count, np.int64),
            np.zeros(count, np.int64),
        )

    @classmethod
    def joined(cls, *parts: Tracks) -> Tracks:
        """The rows of all parts, in their order."""
        parts = tuple(part for part in parts if len(part)) or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))

    def rows(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Tracks:
        """Some of the rows."""
        if not len(self):
            return self
        return Tracks(*(getattr(self, name)[which] for name in _COLUMNS))

    def last(self, count: int) -> Tracks:
        """The rows, but no more than so many of the last ones."""
        return self if len(self) <= count else self.rows(slice(len(self) - count, None))

    @property
    def size(self) -> Float64Array:
        """Root of the area of each box, at least one, (T,), pixels."""
        extent = self.box[:, 2:] - self.box[:, :2]
        extent = np.maximum(extent, 0.0)
        return np.maximum(np.sqrt(extent[:, 0] * extent[:, 1]), 1.0)

    def seconds_to(self, stamp_ns: int) -> Float64Array:
        """From each last sighting to a time, (T,); below 0 for a time before it."""
        return np.asarray((stamp_ns - self.seen_ns) / 1e9)

    def predicted(self, stamp_ns: int) -> Float64Array:
        """Where the boxes should be at a time, (T, 4) xyxy with a size above 0."""
        most = (MOST_SHIFT * self.size)[:, None]
        shift = self.sides - self.box + self.velocity * self.seconds_to(stamp_ns)[:, None]
        moved = self.box + np.minimum(np.maximum(shift, -most), most)
        # Opposite sides that near each other must not pass: a person doesn't vanish that way.
        middle = (moved[:, :2] + moved[:, 2:]) / 2
        half = np.maximum(moved[:, 2:] - moved[:, :2], (self.box[:, 2:] - self.box[:, :2]) / 2) / 2
        return np.concatenate([middle - half, middle + half], axis=1)

    def held(self, stamp_ns: int) -> Float64Array:
        """What must be covered at a time when nobody is detected there, (T, 4).

        Everything between where the person was and where they should be now: one who stopped and
        one who walked on are both inside. Widened as the prediction becomes unsure.
        """
        if not len(self):
            return self.box
        predicted = self.predicted(stamp_ns)
        seconds = self.seconds_to(stamp_ns)
        unsure = np.where(
            self.sightings == 1,
            GROWTH_PER_SECOND * np.abs(seconds),
            WIDENING * np.sqrt(self._spread_after(seconds)[:, 0].clip(0.0)),
        )
        margin = (self.size * unsure.clip(0.0, MOST_MARGIN))[:, None]
        return np.concatenate(
            [
                np.minimum(self.box[:, :2], predicted[:, :2]) - margin,
                np.maximum(self.box[:, 2:], predicted[:, 2:]) + margin,
            ],
            axis=1,
        )

    def continued(self, boxes: Float64Array, stamp_ns: int) -> Tracks:
        """The tracks after each was detected once more, boxes (T, 4)."""
        if not len(self):
            return self
        seconds = self.seconds_to(stamp_ns)
        spread = self._spread_after(seconds)
        # Between frames of one time nothing is learnt of a motion; the newer box is believed.
        still = seconds == 0
        gains = spread[:, :2] / (spread[:, :1] + JITTER**2)
        if still.any():
            gains[still] = (1.0, 0.0)
        reached = self.sides + self.velocity * seconds[:, None]
        surprise = boxes - reached
        learnt = np.empty_like(spread)
        learnt[:, :2] = (1 - gains[:, :1]) * spread[:, :2]
        learnt[:, 2] = spread[:, 2] - gains[:, 1] * spread[:, 1]
        if still.any():
            learnt[still] = self.spread[still]
        return Tracks(
            boxes,
            reached + gains[:, :1] * surprise,
            self.velocity + gains[:, 1:] * surprise,
            learnt,
            np.full(len(boxes), stamp_ns, np.int64),
            self.sightings + 1,
            np.zeros(len(boxes), np.int64),
        )

    def missed(self) -> Tracks:
        """The tracks after a frame in which none was detected."""
        if not len(self):
            return self
        return replace(self, misses=self.misses + 1)

    def scaled(self, across: float, down: float) -> Tracks:
        """The tracks in an image that is larger by these factors."""
        by = np.array([across, down, across, down])
        return replace(self, box=self.box * by, sides=self.sides * by, velocity=self.velocity * by)

    def _spread_after(self, seconds: Float64Array) -> Float64Array:
        """`spread`, grown by the time that passes, either way, (T, 3)."""
        passed = np.abs(seconds)
        speeds = np.abs(self.velocity).max(axis=1) / self.size
        agility = AGILITY + AGILITY_OF_SPEED * np.minimum(speeds, MOST_SPEED) ** 2
        cubed = passed * passed * passed
        place, both, speed = self.spread[:, 0], self.spread[:, 1], self.spread[:, 2]
        after = np.empty_like(self.spread)
        after[:, 0] = place + 2 * seconds * both + seconds * seconds * speed + agility * cubed / 3
        after[:, 1] = both + seconds * speed + agility * seconds * passed / 2
        after[:, 2] = speed + agility * passed
        return after


_COLUMNS = tuple(item.name for item in fields(Tracks))


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
