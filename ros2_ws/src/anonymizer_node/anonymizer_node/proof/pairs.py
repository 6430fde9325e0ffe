"""Finding the input of an output frame by the time in its header, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.pictures import IMAGE_TYPES
from anonymizer_node.proof.record import stamp_ns

AHEAD_NS = 1_000_000_000
"""How far the input is read beyond an output's header time before its frame counts as absent."""

KEPT_NS = 3_000_000_000
"""For how long an input waits for its output while the recordings are read, nanoseconds."""


class Input(NamedTuple):
    """An input message that waits for its output.

    Attributes:
        name: Topic.
        time_ns: When it was recorded.
        stamp_ns: Time of its header; None if it can't be read.
        message: Decoded; None if it can't be read.
        data: As recorded.
    """

    name: str
    time_ns: int
    stamp_ns: int | None
    message: Any
    data: bytes


class InputWindow:
    """The last few seconds of an input, as far as it has been asked for."""

    def __init__(
        self, reader: BagReader, names: Collection[str], on_lost: Callable[[Input], None]
    ) -> None:
        """Args as named; `on_lost` gets every input that nobody asked for in time."""
        self._messages = self._read(reader, frozenset(names))
        self._on_lost = on_lost
        self._waiting: deque[Input] = deque()
        self._newest_ns: dict[str, int] = {}

    def find(self, name: str, stamp: int) -> Input | None:
        """The first input of a topic with a header time, which then no longer waits."""
        for waiting in self._waiting:
            if waiting.name == name and waiting.stamp_ns == stamp:
                self._waiting.remove(waiting)
                return waiting
        while self._newest_ns.get(name, stamp) <= stamp + AHEAD_NS:
            found = next(self._messages, None)
            if found is None:
                return None
            if found.stamp_ns is not None:
                self._newest_ns[found.name] = found.stamp_ns
            if found.name == name and found.stamp_ns == stamp:
                return found
            self._keep(found)
        return None

    def finish(self) -> None:
        """Read the rest; nobody will ask for it."""
        for lost in (*self._waiting, *self._messages):
            self._on_lost(lost)
        self._waiting.clear()

    def _keep(self, item: Input) -> None:
        if item.stamp_ns is None:
            self._on_lost(item)
            return
        self._waiting.append(item)
        while self._waiting[0].time_ns < item.time_ns - KEPT_NS:
            self._on_lost(self._waiting.popleft())

    @staticmethod
    def _read(reader: BagReader, names: frozenset[str]) -> Iterator[Input]:
        for message in reader.messages():
            topic = message.topic
            if topic.name not in names:
                continue
            try:
                decoded = reader.decode(topic.msgtype, message.data)
                stamp = stamp_ns(decoded)
            except (FrameError, AttributeError):
                yield Input(topic.name, message.time_ns, None, None, message.data)
                continue
            yield Input(topic.name, message.time_ns, stamp, decoded, message.data)


class ImagePair(NamedTuple):
    """An output frame and the input that it was made from.

    Attributes:
        topic: In the output.
        stamp_ns: Time of both headers, nanoseconds.
        time_ns: When the input was recorded.
        before: Input message, decoded.
        after: Output message, decoded.
    """

    topic: str
    stamp_ns: int
    time_ns: int
    before: Any
    after: Any


def image_pairs(
    source: BagReader, target: BagReader, prefix: str, topics: Collection[str]
) -> Iterator[ImagePair]:
    """The frames of some output topics with their inputs, in the order of the output.

    Args:
        source: Open.
        target: Open.
        prefix: Of the output topics; '' if they are named like their inputs.
        topics: Output topics wanted.
    """
    names = {name[len(prefix) :] for name in topics}
    inputs = InputWindow(source, names, lambda lost: None)
    for message in target.messages():
        topic = message.topic
        if topic.name not in topics or topic.msgtype not in IMAGE_TYPES:
            continue
        try:
            after = target.decode(topic.msgtype, message.data)
        except FrameError:
            continue
        found = inputs.find(topic.name[len(prefix) :], stamp_ns(after))
        if found is not None:
            yield ImagePair(topic.name, stamp_ns(after), found.time_ns, found.message, after)
