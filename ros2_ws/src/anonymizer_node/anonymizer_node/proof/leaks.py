"""Whether somebody who is known to be in a simulation got through.

Output, truth, input and what was stated are put together by the stamps of their headers as they
come in. It knows no ROS. Whoever hears the messages, live or in a bag, hands them in with a clock
of their own; a frame is judged once all that belongs to it is there, or has had its time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.coverage import covered_shares
from anonymizer_node.proof.leak_books import Bounds, Leak, TopicCount
from anonymizer_node.proof.pictures import picture_of
from anonymizer_node.proof.record import stamp_ns
from anonymizer_node.proof.truth import KnownPerson

KEPT_S = 10.0
"""How long truth and statements are kept, beyond the time in which a frame is judged."""

MOST_LEAKS = 50
"""Leaks that are remembered one by one; the rest are counted."""


class _Kept(NamedTuple):
    at_s: float
    value: Any


class _Pending(NamedTuple):
    at_s: float
    stamp_ns: int
    message: Any


@dataclass
class _Topic:
    """Everything of one output topic that still waits."""

    count: TopicCount = field(default_factory=TopicCount)
    since: tuple[float, int] | None = None
    truths: dict[int, _Kept] = field(default_factory=dict)
    inputs: dict[int, _Kept] = field(default_factory=dict)
    regions: dict[int, _Kept] = field(default_factory=dict)
    published: set[int] = field(default_factory=set)
    pending: deque[_Pending] = field(default_factory=deque)


class LeakCheck:
    """Judges the frames of some output topics.

    Attributes:
        bounds: In force.
        leaks: The first `MOST_LEAKS`.
        leak_count: All of them.
    """

    def __init__(
        self, bounds: Bounds | None = None, with_inputs: bool = True, with_regions: bool = True
    ) -> None:
        """Nothing is known yet.

        Args:
            bounds: What is asked; None: the defaults.
            with_inputs: Whether a frame waits for its input. Without, only black is obscured.
            with_regions: Whether it waits for what was stated to be obscured. Without, and for
                frames for which nothing comes, what is black is found by its look.
        """
        self.bounds = bounds or Bounds()
        self.leaks: list[Leak] = []
        self.leak_count = 0
        self._with_inputs = with_inputs
        self._with_regions = with_regions
        self._topics: dict[str, _Topic] = {}

    def expect(self, topic: str) -> None:
        """An output topic that must show something."""
        self._topics.setdefault(topic, _Topic())

    def add_truth(
        self, topic: str, stamp: int, people: Sequence[KnownPerson], now_s: float
    ) -> None:
        """Who is in a frame; maybe nobody. `topic` is that of the output."""
        entry = self._topics.setdefault(topic, _Topic())
        entry.since = entry.since or (now_s, stamp)
        entry.truths[stamp] = _Kept(now_s, tuple(people))

    def add_input(self, topic: str, message: Any, now_s: float) -> None:
        """The message that an output was made from. `topic` is that of the output."""
        entry = self._topics.setdefault(topic, _Topic())
        entry.inputs[stamp_ns(message)] = _Kept(now_s, message)

    def add_regions(self, topic: str, stamp: int, regions: Sequence[Region], now_s: float) -> None:
        """What is stated to be obscured in an output; two statements for one frame add up."""
        entry = self._topics.setdefault(topic, _Topic())
        before = entry.regions.get(stamp)
        all_of_them = (*(before.value if before else ()), *regions)
        entry.regions[stamp] = _Kept(now_s, all_of_them)

    def add_output(self, topic: str, message: Any, now_s: float) -> None:
        """A frame that came out."""
        entry = self._topics.setdefault(topic, _Topic())
        entry.count.frames += 1
        entry.pending.append(_Pending(now_s, stamp_ns(message), message))

    def add_unreadable(self, topic: str, reason: str) -> None:
        """A frame that came out and is no message."""
        count = self._topics.setdefault(topic, _Topic()).count
        count.frames += 1
        count.unreadable += 1
        count.reason = reason

    def settle(self, now_s: float, rest: bool = False) -> list[Leak]:
        """Judge what can be judged; the leaks that were found.

        Args:
            now_s: By the clock of the `add_` calls.
            rest: Nothing more will come: judge everything.
        """
        found = []
        for topic, entry in self._topics.items():
            waiting: deque[_Pending] = deque()
            for frame in entry.pending:
                late = rest or now_s - frame.at_s > self.bounds.grace_s
                if late or self._complete(entry, frame.stamp_ns):
                    found += self._judge(topic, entry, frame)
                else:
                    waiting.append(frame)
            entry.pending = waiting
            self._forget(entry, now_s, rest)
        self.leak_count += len(found)
        self.leaks += found[: MOST_LEAKS - len(self.leaks)]
        return found

    def _complete(self, entry: _Topic, stamp: int) -> bool:
        truth = entry.truths.get(stamp)
        if truth is None:
            return False
        if not truth.value:
            return True
        wanted = ((self._with_inputs, entry.inputs), (self._with_regions, entry.regions))
        return all(stamp in kept for wants, kept in wanted if wants)

    def _judge(self, topic: str, entry: _Topic, frame: _Pending) -> list[Leak]:
        count, bounds = entry.count, self.bounds
        source = entry.inputs.pop(frame.stamp_ns, None)
        stamp = self._truth_of(entry, frame.stamp_ns)
        if stamp is None:
            if self._came_before_the_truth(entry, frame):
                count.early += 1
            else:
                count.unmatched += 1
            return []
        entry.published.add(stamp)
        people: tuple[KnownPerson, ...] = entry.truths[stamp].value
        if not people:
            return []
        stated = entry.regions.get(frame.stamp_ns)
        try:
            after = picture_of(frame.message)
            before = None if source is None else picture_of(source.value)
        except FrameError as error:
            count.unreadable += 1
            count.reason = str(error)
            return []
        boxes = [person.box for person in people]
        shares = covered_shares(boxes, after, before, None if stated is None else stated.value)
        leaks, counts = [], 0
        for person, share in zip(people, shares, strict=True):
            high = person.box[3] - person.box[1] >= bounds.least_height * after.height
            if high and person.visible >= bounds.least_visible:
                counts += 1
                least = 1.0 if count.least_covered is None else count.least_covered
                count.least_covered = min(least, share)
                if share < bounds.least_covered:
                    leaks.append(Leak(topic, frame.stamp_ns, person, share))
            elif share < bounds.least_covered:
                count.marginal += 1
        count.people += counts
        count.judged += bool(counts)
        count.without_input += self._with_inputs and source is None
        return leaks

    def _came_before_the_truth(self, entry: _Topic, frame: _Pending) -> bool:
        """Whether a frame was under way when the first truth was heard."""
        if entry.since is None:
            return True
        at_s, stamp = entry.since
        return frame.stamp_ns < stamp and frame.at_s - at_s <= self.bounds.grace_s

    def _truth_of(self, entry: _Topic, stamp: int) -> int | None:
        if stamp in entry.truths:
            return stamp
        nearest = min(entry.truths, key=lambda other: abs(other - stamp), default=None)
        reach_ns = self.bounds.tolerance_s * 1e9
        return nearest if nearest is not None and abs(nearest - stamp) <= reach_ns else None

    def _forget(self, entry: _Topic, now_s: float, rest: bool) -> None:
        until = now_s - self.bounds.grace_s - KEPT_S
        # Inputs are large.
        for kept, least_s in (
            (entry.inputs, now_s - 2 * self.bounds.grace_s),
            (entry.regions, until),
        ):
            for stamp in [stamp for stamp, item in kept.items() if rest or item.at_s < least_s]:
                del kept[stamp]
        for stamp in [s for s, item in entry.truths.items() if rest or item.at_s < until]:
            del entry.truths[stamp]
            entry.count.unpublished += stamp not in entry.published
            entry.published.discard(stamp)

    @property
    def judged(self) -> int:
        """In how many frames somebody who counts was looked for."""
        return sum(entry.count.judged for entry in self._topics.values())

    def reasons(self) -> list[str]:
        """Why it can't be said that nobody got through; none: it can."""
        reasons = []
        if self.leak_count:
            reasons.append(f'{self.leak_count} times somebody is less covered than asked')
        if not self._topics:
            reasons.append('there is no topic to check')
        for topic, entry in self._topics.items():
            count = entry.count
            if not count.frames:
                reasons.append(f'{topic}: no frame came')
            elif entry.since is None:
                reasons.append(f'{topic}: no truth came, so its {count.frames} frames mean nothing')
            if count.unmatched:
                reasons.append(f'{topic}: {count.unmatched} frames bear a stamp that no truth has')
            if count.unreadable:
                reasons.append(
                    f'{topic}: {count.unreadable} frames can not be judged: {count.reason}'
                )
        if self.judged < self.bounds.least_frames:
            reasons.append(
                f'somebody was there to be covered in {self.judged} frames only, asked for are '
                f'{self.bounds.least_frames}'
            )
        return reasons

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        reasons = self.reasons()
        return {
            'passed': not reasons,
            'reasons': reasons,
            'frames_judged': self.judged,
            'bounds': asdict(self.bounds),
            'topics': {topic: asdict(entry.count) for topic, entry in self._topics.items()},
            'leaks': [
                {
                    'topic': leak.topic,
                    'stamp_ns': leak.stamp_ns,
                    'person': leak.person.name,
                    'box': list(leak.person.box),
                    'visible': round(leak.person.visible, 4),
                    'covered': round(leak.covered, 4),
                }
                for leak in self.leaks
            ],
            'leak_count': self.leak_count,
        }
