"""Holds back what follows a colour topic until that topic has gone past it; the order stays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from anonymizer_node.core.following import Seen, Twin

MOST_WAIT_NS = 3_000_000_000
"""For so long a follower waits, in the time of the recording; then the twin doesn't come."""

MOST_HELD_BYTES = 256 << 20
"""No more is held back: the first that waits then goes with what is known."""

Item = TypeVar('Item')


@dataclass(frozen=True)
class Step:
    """What there is to know of a message.

    Attributes:
        time_ns: When it was recorded.
        size: Bytes that it holds.
        seen: What it says to its followers, if its topic has some.
        topic: Name.
        twin: Name of the topic that it follows, or ''.
        stamp_ns: Of a follower: time of its header; None if it can't be read.
    """

    time_ns: int
    size: int
    topic: str
    seen: Seen | None = None
    twin: str = ''
    stamp_ns: int | None = None


class InStep(Generic[Item]):
    """Messages in their order, followers with what is known of their twin."""

    def __init__(self, about: Callable[[Item], Step], counts: Mapping[str, int]) -> None:
        """Nothing is held yet.

        Args:
            about: What there is to know of an item.
            counts: Messages by name of the topics that are followed; when that many have come
                nobody waits any longer.
        """
        self._about = about
        self._left = dict(counts)
        self._twins = {name: Twin(name) for name in counts}
        self._held: deque[tuple[Item, Step]] = deque()
        self._bytes = 0

    def released(self, items: Iterator[Item]) -> Iterator[tuple[Item, Twin | None]]:
        """Every item; a follower with what its twin says of its moment, which may be nothing."""
        now_ns = 0
        for item in items:
            step = self._about(item)
            now_ns = max(now_ns, step.time_ns)
            self._take(item, step)
            while self._held and (self._is_ready(now_ns) or self._bytes > MOST_HELD_BYTES):
                yield self._release()
        while self._held:
            yield self._release()

    def _take(self, item: Item, step: Step) -> None:
        if step.topic in self._twins:
            self._left[step.topic] -= 1
            if step.seen is not None:
                self._twins[step.topic].add(step.seen)
        if step.twin and step.stamp_ns is not None:
            self._twins[step.twin].expect(step.topic, step.stamp_ns)
        self._held.append((item, step))
        self._bytes += step.size

    def _is_ready(self, now_ns: int) -> bool:
        step = self._held[0][1]
        return (
            not step.twin
            or step.stamp_ns is None
            or self._left[step.twin] <= 0
            or self._twins[step.twin].has_passed(step.stamp_ns)
            or now_ns - step.time_ns > MOST_WAIT_NS
        )

    def _release(self) -> tuple[Item, Twin | None]:
        item, step = self._held.popleft()
        self._bytes -= step.size
        if not step.twin:
            return item, None
        if step.stamp_ns is None:
            return item, Twin(step.twin)
        return item, self._twins[step.twin].around(step.stamp_ns)
