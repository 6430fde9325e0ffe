"""Saying the same thing not too often."""

from __future__ import annotations

import time
from collections.abc import Callable


class Throttle:
    """Whether something may be said again: at once the first time, then once an interval."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Args as named; the clock is monotonic, in seconds."""
        self._interval_s = interval_s
        self._clock = clock
        self._next_s: dict[str, float] = {}

    def __call__(self, key: str) -> bool:
        """Whether it is due, by key. If so, the next time is an interval from now."""
        now_s = self._clock()
        if now_s < self._next_s.get(key, now_s):
            return False
        self._next_s[key] = now_s + self._interval_s
        return True
