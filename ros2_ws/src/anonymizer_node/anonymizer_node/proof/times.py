"""Whether messages kept what their storage says of them besides the time of recording."""

from __future__ import annotations

from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.lockstep import Placed
from anonymizer_node.proof.verdict import Check, Failure, Tally

_WITHOUT = '.db3'
"""How files are called that hold neither publish times nor sequence numbers, and show none."""


class TimesKept:
    """Looks at pairs of messages, in the order of the input."""

    def __init__(self, target: BagReader) -> None:
        """`target` is open."""
        self._target = target
        self._last = -1
        self._without = 0
        self._tally = Tally(
            'times-kept',
            2,
            'Publish time and sequence number of every message are kept, and the order of all.',
            'messages',
        )

    def seen(self, name: str, before: BagMessage, found: Placed) -> None:
        """Compare two messages.

        Args:
            name: Of the topic.
            before: Of the input.
            found: Its counterpart.
        """
        after, problem = found.message, ''
        if found.number < self._last:
            problem = 'comes later in the output than a message that came after it in the input'
        self._last = max(self._last, found.number)
        if _WITHOUT in self._target.files[after.part].suffixes:
            self._without += 1
        elif after.publish_ns != before.publish_ns:
            problem = f'was published at {after.publish_ns}, in the input at {before.publish_ns}'
        elif after.sequence != before.sequence:
            problem = f'has sequence number {after.sequence}, in the input {before.sequence}'
        failure = Failure(name, problem, found.position, before.time_ns)
        self._tally.seen(failure if problem else None)

    def check(self) -> Check:
        """The result."""
        if self._without:
            self._tally.detail = 'sqlite3 has no place for publish times and sequence numbers'
        return self._tally.check()
