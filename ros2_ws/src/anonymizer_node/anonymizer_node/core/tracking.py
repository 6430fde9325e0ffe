"""Holding regions over time: a person whom the detector misses for a moment stays covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array
from anonymizer_node.core.geometry import iou

LEAST_IOU = 0.2
"""A detection continues a track if it overlaps the track's predicted box by at least this."""

GROWTH_PER_SECOND = 0.5
"""How fast an unseen track's box widens on every side, as a share of its size, per second."""

MOST_TRACKS = 256
"""More are not held: under a driver that never sets the stamp no time passes, none would end."""


@dataclass
class Track:
    """One person over time.

    Attributes:
        box: (4,) float64 xyxy, where the person was last detected, pixels.
        velocity: (4,) float64, of each side of the box, pixels per second.
        seen_ns: When that was, nanoseconds.
    """

    box: NDArray[np.float64]
    velocity: NDArray[np.float64]
    seen_ns: int

    def predicted(self, stamp_ns: int) -> NDArray[np.float64]:
        """Where the box should be at a time, (4,)."""
        return self.box + self.velocity * ((stamp_ns - self.seen_ns) / 1e9)

    def held(self, stamp_ns: int) -> NDArray[np.float64]:
        """What must be covered at a time when the person isn't detected, (4,).

        Everything between where the person was and where they should be now: one who stopped
        and one who walked on are both inside. Widened with the time unseen.
        """
        predicted = self.predicted(stamp_ns)
        low = np.minimum(self.box[:2], predicted[:2])
        high = np.maximum(self.box[2:], predicted[2:])
        margin = (self.box[2:] - self.box[:2]) * (
            GROWTH_PER_SECOND * abs(stamp_ns - self.seen_ns) / 1e9
        )
        return np.concatenate([low - margin, high + margin])


class Tracker:
    """Holds the regions of one source.

    Time may run backwards over a recording: feed it negated stamps.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []

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
        hold_ns = int(hold_seconds * 1e9)
        self._tracks = [track for track in self._tracks if abs(stamp_ns - track.seen_ns) <= hold_ns]

        unseen = self._match(stamp_ns, xyxy.astype(np.float64))
        if not unseen:
            return xyxy
        held = np.stack([track.held(stamp_ns) for track in unseen]).astype(np.float32)
        return np.concatenate([xyxy, held])

    def _match(self, stamp_ns: int, boxes: NDArray[np.float64]) -> list[Track]:
        """Continue or begin a track for every box; the tracks that got none."""
        tracks = self._tracks
        unseen = set(range(len(tracks)))
        free = set(range(len(boxes)))
        if tracks and len(boxes):
            predicted = np.stack([track.predicted(stamp_ns) for track in tracks])
            overlaps = np.maximum(
                iou(predicted, boxes), iou(np.stack([track.box for track in tracks]), boxes)
            )
            for flat in np.argsort(-overlaps, axis=None, kind='stable').tolist():
                row, column = divmod(flat, len(boxes))
                if overlaps[row, column] < LEAST_IOU:
                    break
                if row in unseen and column in free:
                    unseen.discard(row)
                    free.discard(column)
                    _continue(tracks[row], boxes[column], stamp_ns)
        lost = [tracks[row] for row in sorted(unseen)]
        tracks.extend(Track(boxes[column], np.zeros(4), stamp_ns) for column in sorted(free))
        self._tracks = sorted(tracks, key=lambda track: track.seen_ns)[-MOST_TRACKS:]
        return lost


def _continue(track: Track, box: NDArray[np.float64], stamp_ns: int) -> None:
    seconds = (stamp_ns - track.seen_ns) / 1e9
    if seconds != 0:
        # Half old, half new: one jittery box must not throw the prediction off.
        track.velocity = 0.5 * track.velocity + 0.5 * (box - track.box) / seconds
    track.box = box
    track.seen_ns = stamp_ns
