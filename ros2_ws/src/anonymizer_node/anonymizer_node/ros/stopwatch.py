"""How long the detector takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.roles import Detector

_MOST_TIMES = 1000


class TimedDetector:
    """A detector with a stopwatch.

    Attributes:
        is_busy: Whether it is at work.
    """

    def __init__(self, detector: Detector) -> None:
        """Args as named."""
        self._detector = detector
        self._times_ms: deque[float] = deque(maxlen=_MOST_TIMES)
        self.is_busy = False

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""
        return self._detector.names

    @property
    def input_size(self) -> int:
        """See `core.roles.Detector.input_size`."""
        return self._detector.input_size

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """See `core.roles.Detector.detect`."""
        began_s = time.perf_counter()
        self.is_busy = True
        try:
            return self._detector.detect(frame, score_threshold)
        finally:
            self.is_busy = False
            self._times_ms.append((time.perf_counter() - began_s) * 1e3)

    def drain_ms(self) -> tuple[float, ...]:
        """The times since the last call, milliseconds; thread-safe."""
        times_ms = []
        while self._times_ms:
            times_ms.append(self._times_ms.popleft())
        return tuple(times_ms)


def drain_together_ms(detectors: Sequence[TimedDetector]) -> tuple[float, ...]:
    """The times of several detectors that look at the same frames, added up by frame."""
    return tuple(map(sum, zip(*(detector.drain_ms() for detector in detectors), strict=False)))
