"""What is kept of a topic or a file from frame to frame, and which of its frames are due.

With `detect_every` above 1 the node detects on some frames only, and carries regions on in between.
"""

from __future__ import annotations

from typing import Any

from anonymizer_node.core.asked import Asked
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.tracking import Tracker

MOST_BETWEEN_S = 0.2
"""Longest time between two detections under `detect_every`, seconds. Somebody who comes into view
in between is seen with the next one: a step into the picture, and no more, goes unseen."""


class Source:
    """What is kept of one source from frame to frame.

    Attributes:
        tracker: Holds its regions.
    """

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.tracker = Tracker()
        self._last: tuple[Any, ...] | None = None
        self._passed_over = 0
        self._detected_ns = 0

    def due(self, frame: Frame, asked: Asked, is_from_one: bool) -> bool:
        """Whether to detect on this frame: on every n-th, and wherever carrying isn't safe."""
        since_s = (frame.stamp_ns - self._detected_ns) / 1e9
        longest_s = min(asked.settings.hold_seconds, MOST_BETWEEN_S)
        if (
            self._passed_over + 1 < asked.settings.detect_every
            and is_from_one
            and self._last == _alike(frame, asked)
            and 0 < since_s <= longest_s
        ):
            self._passed_over += 1
            return False
        self._last = None  # Should the detector fail now, the next frame is due too.
        return True

    def detected(self, frame: Frame, asked: Asked, is_from_one: bool) -> None:
        """The detectors have judged a frame."""
        # If it may be another camera's, it says nothing of the next one, whoever sends that.
        self._last = _alike(frame, asked) if is_from_one else None
        self._passed_over = 0
        self._detected_ns = frame.stamp_ns


def _alike(frame: Frame, asked: Asked) -> tuple[Any, ...]:
    """What is the same of two frames if what was detected in one says something of the other."""
    camera = frame.frame_id, frame.encoding, frame.width, frame.height, frame.orientation
    return (*camera, asked)
