"""The frames of one camera: those waiting, at most one in work, and the books about all.

At most one frame waits; of a camera that follows another one as many as there is room for.

No frame is lost without a line in the books: at every moment
`received == anonymized + untouched + blacked_out + dropped + pending`. Knows nothing of ROS.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from anonymizer_node.core.datatypes import Outcome
from anonymizer_node.ros.books import (
    EXPECTED,
    HUNG,
    INACTIVE,
    INTERNAL,
    OVERRUN,
    RATE,
    TRANSPORT,
    Failure,
    Tally,
)

HUNG_S = 5.0
"""A frame that waited or was in work for longer is given up, seconds: published then, it would
pass for a fresh one."""

_MOST_SHOWN = 64
"""Characters of an encoding or format that are told: the message may say anything."""

_MOST_TIMES = 1000
"""Ages and durations kept between two tallies."""


class Intake:
    """The slot and the books of one camera. Thread-safe."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, room: int = 1, follows: bool = False
    ) -> None:
        """Closed at first.

        Args:
            clock: Monotonic, seconds.
            room: Frames that wait at most.
            follows: Whether the camera follows another one, so that nobody judges its frames.
        """
        self._clock = clock
        self._room = room
        self._follows = follows
        self._lock = threading.Lock()
        self._open = False
        self._stuck = ''
        self._waiting: deque[tuple[Any, float]] = deque()
        self._taken_s: float | None = None
        self._due_s = 0.0
        self._received = 0
        self._received_s: float | None = None
        self._counts: Counter[str] = Counter()
        self._encoding = ''
        self._size = (0, 0)
        self._dropped: Counter[str] = Counter()
        self._people = 0
        self._regions = 0
        self._failure: Failure | None = None
        self._note = ''
        self._ages_ms: list[float] = []
        self._work_ms: list[float] = []

    def open(self) -> None:
        """Take frames from now on."""
        with self._lock:
            self._open = True
            self._stuck = ''
            self._due_s = 0.0

    def give_up(self, reason: str) -> None:
        """Drop the frame that waits, and all that come, until `resume`: nobody is there for them.

        Args:
            reason: A sentence.
        """
        with self._lock:
            self._stuck = reason
            if self._drop_waiting(HUNG):
                self._failure = Failure(self._clock(), HUNG, reason)

    def resume(self) -> None:
        """Take frames again after `give_up`."""
        with self._lock:
            self._stuck = ''

    def close(self) -> None:
        """Take no more frames, and drop the one that waits."""
        with self._lock:
            self._open = False
            self._drop_waiting(INACTIVE)

    def offer(self, message: Any, max_rate_hz: float) -> str:
        """A frame came in. The newest one waits, an older one that has no room is dropped.

        Args:
            message: Never None.
            max_rate_hz: Most frames to let through, on average; 0: all.

        Returns:
            Why this frame or the one that waited was dropped; '' if none was.
        """
        encoding = _encoding(message)
        with self._lock:
            now_s = self._clock()
            self._received += 1
            self._received_s = now_s
            self._encoding = encoding
            if not self._open:
                self._dropped[INACTIVE] += 1
                return INACTIVE
            if self._stuck:
                self._dropped[HUNG] += 1
                self._failure = Failure(now_s, HUNG, self._stuck)
                return HUNG
            if max_rate_hz > 0:
                if now_s < self._due_s:
                    self._dropped[RATE] += 1
                    return RATE
                # Counted on from when this frame was due, so that 10 of 30 Hz gives 10, not 7.5.
                period_s = 1 / max_rate_hz
                self._due_s = max(self._due_s, now_s - period_s) + period_s
            self._waiting.append((message, now_s))
            if len(self._waiting) <= self._room:
                return ''
            self._drop_oldest(OVERRUN)
            return OVERRUN

    def lose(self, count: int) -> None:
        """The middleware lost frames on the way in.

        Args:
            count: How many more.
        """
        with self._lock:
            self._received += count
            self._dropped[TRANSPORT] += count

    def fail(self, reason: str) -> None:
        """A frame came in that could not even be offered.

        Args:
            reason: A sentence.
        """
        with self._lock:
            self._received += 1
            self._dropped[INTERNAL] += 1
            self._failure = Failure(self._clock(), INTERNAL, reason)

    @property
    def has_waiting(self) -> bool:
        """Whether a frame waits."""
        return bool(self._waiting)

    @property
    def oldest(self) -> tuple[Any, float] | None:
        """The frame whose turn is next and for how long it has waited, seconds; None if none is."""
        with self._lock:
            if not self._waiting:
                return None
            message, since_s = self._waiting[0]
            return message, self._clock() - since_s

    def take(self) -> Any:
        """The oldest frame that waits, which is in work from now on; None if none does.

        One that waited for longer than `HUNG_S` is dropped.
        """
        with self._lock:
            now_s = self._clock()
            while self._waiting and now_s - self._waiting[0][1] > HUNG_S:
                reason = f'A frame waited for {now_s - self._waiting[0][1]:.1f} s.'
                self._drop_oldest(HUNG)
                self._failure = Failure(now_s, HUNG, reason)
            if not self._waiting:
                return None
            self._taken_s = now_s
            return self._waiting.popleft()[0]

    def settle(self, outcome: Outcome, people: int = 0, age_ms: float | None = None) -> None:
        """The frame in work is done.

        Args:
            outcome: What became of it; with a message in it, it has been published.
            people: Detected in it.
            age_ms: Publication minus header stamp; None if not published or not comparable.
        """
        with self._lock:
            now_s = self._clock()
            if outcome.status == 'dropped':
                self._dropped[outcome.cause] += 1
            else:
                self._counts[outcome.status] += 1
                self._regions = len(outcome.regions)
            if outcome.width:
                self._size = (outcome.width, outcome.height)
            if outcome.cause and outcome.cause not in EXPECTED:
                self._failure = Failure(now_s, outcome.cause, outcome.reason)
            if outcome.detections is not None:
                self._people = people
            elif outcome.status in ('anonymized', 'untouched') and not self._follows:
                self._counts['carried'] += 1
            if outcome.removed:
                self._counts['stripped'] += 1
            self._note = outcome.note or _about(outcome.removed) or self._note
            if age_ms is not None and len(self._ages_ms) < _MOST_TIMES:
                self._ages_ms.append(age_ms)
            if self._taken_s is not None and len(self._work_ms) < _MOST_TIMES:
                self._work_ms.append((now_s - self._taken_s) * 1e3)
            self._taken_s = None

    def busy_s(self) -> float:
        """How long the frame in work has been so, seconds; 0 if there is none."""
        taken_s = self._taken_s
        return 0.0 if taken_s is None else self._clock() - taken_s

    @property
    def overdue(self) -> bool:
        """Whether the frame in work has been so for too long to be published."""
        return self.busy_s() > HUNG_S

    def tally(self, drain: bool = False) -> Tally:
        """The books now.

        Args:
            drain: Begin anew with `ages_ms` and `work_ms`.
        """
        with self._lock:
            tally = Tally(
                received=self._received,
                anonymized=self._counts['anonymized'],
                untouched=self._counts['untouched'],
                carried=self._counts['carried'],
                stripped=self._counts['stripped'],
                blacked_out=self._counts['blacked_out'],
                dropped=dict(self._dropped),
                pending=len(self._waiting) + (self._taken_s is not None),
                people=self._people,
                regions=self._regions,
                received_s=self._received_s,
                encoding=self._encoding,
                size=self._size,
                failure=self._failure,
                note=self._note,
                ages_ms=tuple(self._ages_ms),
                work_ms=tuple(self._work_ms),
            )
            if drain:
                self._ages_ms.clear()
                self._work_ms.clear()
            return tally

    def _drop_waiting(self, cause: str) -> bool:
        """Drop all that wait. Whether there were any."""
        any_waited = bool(self._waiting)
        while self._waiting:
            self._drop_oldest(cause)
        return any_waited

    def _drop_oldest(self, cause: str) -> None:
        self._waiting.popleft()
        self._dropped[cause] += 1


def _about(removed: str) -> str:
    """What was taken out of a frame, as a sentence; '' if nothing was."""
    return f'Removed, as nobody would have looked at it: {removed}.' if removed else ''


def _encoding(message: Any) -> str:
    """What an image message says of its encoding, a compressed one of its format."""
    return str(getattr(message, 'encoding', '') or getattr(message, 'format', ''))[:_MOST_SHOWN]
