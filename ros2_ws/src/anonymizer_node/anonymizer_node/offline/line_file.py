"""A file of chained lines, read by one thread behind another one that writes it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from io import FileIO
from typing import Any, NamedTuple

from anonymizer_node.core.errors import InputError
from anonymizer_node.offline.chain import START, link

_READ_BYTES = 1 << 20


class StaleError(InputError):
    """The records are not of the messages that the bag holds now."""


class LineEnd(NamedTuple):
    """The end of a line: bytes up to there, and the digest of the line."""

    end: int
    digest: str


class LineFile:
    """An open file, and what in it counts. What was open is closed by `close` alone.

    Attributes:
        ready: Where the lines end that count; a new one is written behind it.
        end: Up to where there may be lines, of which those behind `ready` don't count yet.
    """

    def __init__(self, file: FileIO, lock: threading.Condition) -> None:
        """Of none of its lines it is known that it counts.

        Args:
            file: Open for reading, and for writing where anything is to be written.
            lock: Held while the file is read or written: its position is one for all threads.
        """
        self.ready = LineEnd(0, START)
        self.end = 0
        self._file = file
        self._lock = lock

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def size(self) -> int:
        """How large it is now, bytes."""
        return os.fstat(self._file.fileno()).st_size

    def sync(self) -> None:
        """Have the disk hold what was written."""
        os.fsync(self._file.fileno())

    def lines(self, place: LineEnd, end: int) -> Iterator[tuple[bytes, LineEnd]]:
        """The whole lines from a place to an end, and where each ends. They may be anything."""
        at, rest = place.end, b''
        while at < end:
            with self._lock:
                self._file.seek(at)
                read = self._file.read(min(_READ_BYTES, end - at))
            if not read:
                return
            at += len(read)
            *lines, rest = (rest + read).split(b'\n')
            begin = at - len(rest) - sum(len(line) + 1 for line in lines)
            for line in lines:
                begin += len(line) + 1
                yield line + b'\n', LineEnd(begin, _digest_in(line))

    def put(self, value: Any) -> LineEnd:
        """Write a line behind those that are ready, and say where it ends: it isn't ready yet.

        Raises:
            OSError: If it can't be written.
        """
        line, digest = link(self.ready.digest, value)
        self.cut()
        with self._lock:
            self._file.seek(self.ready.end)
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        return LineEnd(self.ready.end + len(line), digest)

    def cut(self) -> None:
        """Take away what isn't ready."""
        if self.end > self.ready.end:
            self._file.truncate(self.ready.end)
            self.end = self.ready.end

    def move(self, other: FileIO) -> None:
        """Go on in another file, into which what is ready is copied; close the one it was.

        Raises:
            OSError: If that can't be done.
            StaleError: If there is less in the file than was ready.
        """
        with self._lock:
            at = 0
            while at < self.ready.end:
                self._file.seek(at)
                read = self._file.read(min(_READ_BYTES, self.ready.end - at))
                if not read:
                    raise StaleError('What was detected was cut off while it was written.')
                other.write(read)
                at += len(read)
            self._file, full = other, self._file
        full.close()


def _digest_in(line: bytes) -> str:
    """What a line says its digest is."""
    return line.rpartition(b'\t')[2].decode('ascii', 'replace')
