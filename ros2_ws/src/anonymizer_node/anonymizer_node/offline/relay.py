"""Messages on their way from the pass that reads a bag to the pass behind it, kept in memory.

As long as what lies between the passes fits into `MOST_BYTES` the bag is read once, and the digest
of each image is taken once. Where it doesn't fit, nothing more is kept, and the second pass reads
the rest of the bag itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagMessage, BagReader

MOST_BYTES = 3 << 26
"""Of messages that wait for the second pass: those of a raw camera of 640x480 at 30 Hz fit."""

_OVERHEAD = 300
"""Of a message in memory beside its data, about, bytes."""

Digested = tuple[BagMessage, str]
"""A message, and the digest of its data where that was taken; else ''."""


class Relay:
    """One thread puts messages in, another one takes them out. The first one never waits."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._changed = threading.Condition()
        self._waiting: deque[Digested] = deque()
        self._bytes = 0
        self._count = 0  # Of all that were put in, kept or not.
        self._full = self._ended = False
        self._error: BaseException | None = None

    def put(self, message: BagMessage, digest: str) -> None:
        """Keep the next message, unless there was no room for it or for one before it."""
        size = len(message.data) + _OVERHEAD
        with self._changed:
            self._count += 1
            self._full = self._full or self._bytes + size > MOST_BYTES
            if not self._full:
                self._waiting.append((message, digest))
                self._bytes += size
            self._changed.notify()

    def end(self, error: BaseException | None) -> None:
        """No more will be put in; with an error those that were are of no use either."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def messages(self, reader: BagReader, scratch: Path) -> Iterator[Digested]:
        """Every message of the bag, in its order.

        Args:
            reader: That those come from which are put in.
            scratch: See `BagReader`.

        Raises:
            InputError: If the bag is damaged, or isn't what it was when it was first read.
            BaseException: That the relay was ended with.
        """
        count = 0
        while (kept := self._next()) is not None:
            count += 1
            yield kept
        if not self._full:
            return
        with BagReader(reader.path, scratch) as again:
            if again.topics != reader.topics:
                raise _changing(reader.path)
            for message in islice(again.messages(), count, None):
                count += 1
                yield message, ''
        # Of images each is compared with its record; of the others none may be lost, or come twice.
        if count != self._whole():
            raise _changing(reader.path)

    def _whole(self) -> int:
        """How many messages were put in, when all of them are."""
        with self._changed:
            while not self._ended:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            return self._count

    def _next(self) -> Digested | None:
        with self._changed:
            while not (self._waiting or self._ended or self._full):
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if not self._waiting:
                return None
            kept = self._waiting.popleft()
            self._bytes -= len(kept[0].data) + _OVERHEAD
            return kept


def _changing(path: Path) -> InputError:
    return InputError(f'{str(path)!r} changes while it is read. Let nothing write to it.')
