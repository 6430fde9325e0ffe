"""Reading an output bag beside its input, topic by topic, without holding either in memory."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import NamedTuple

from anonymizer_node.formats.bags import BagMessage
from anonymizer_node.proof.topics import Kind


class Placed(NamedTuple):
    """A message with its place in the output.

    Attributes:
        position: Among the messages of its topic and type.
        message: As read.
        number: Among all messages.
    """

    position: int
    message: BagMessage
    number: int = 0


class Lockstep:
    """Finds the output's counterpart of each input message: same topic, type and time, same order.

    Attributes:
        strays: Output messages that the input doesn't have, as found so far; to be emptied by
            whoever reads them.
    """

    def __init__(self, output: Iterator[BagMessage]) -> None:
        """`output` is in the order of time, as the input is."""
        self._output = output
        self._waiting: dict[Kind, deque[Placed]] = defaultdict(deque)
        self._positions: Counter[Kind] = Counter()
        self._read = 0
        self.strays: list[Placed] = []

    def counterpart(self, message: BagMessage) -> Placed | None:
        """The output's message for one of the input, or None if it isn't there."""
        queue = self._waiting[message.topic.name, message.topic.msgtype]
        while True:
            while not queue:
                after = next(self._output, None)
                if after is None:
                    return None
                self._put(after)
                if after.time_ns > message.time_ns:
                    break
            if not queue or queue[0].message.time_ns > message.time_ns:
                return None
            placed = queue.popleft()
            if placed.message.time_ns == message.time_ns:
                return placed
            self.strays.append(placed)

    def finish(self) -> None:
        """Read what is left of the output; all of it is strays."""
        for message in self._output:
            self._put(message)
        for queue in self._waiting.values():
            self.strays.extend(queue)
            queue.clear()

    def _put(self, message: BagMessage) -> None:
        kind = message.topic.name, message.topic.msgtype
        self._waiting[kind].append(Placed(self._positions[kind], message, self._read))
        self._positions[kind] += 1
        self._read += 1
