"""What was detected in a bag, kept on disk for the second pass and for later runs.

A run that is killed leaves the lines it wrote, and the next one goes on behind them. What is
damaged, cut off, of another bag, other models or other settings isn't used. No line is believed
but for the very message that it was written for: whoever reads it compares the message's digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any, NamedTuple

from anonymizer_node.core.errors import DetectorError, InputError
from anonymizer_node.offline.chain import START, BrokenChainError, link, unlink
from anonymizer_node.offline.private import locked, make_folder, open_private, temporary
from anonymizer_node.offline.pruning import prune, used
from anonymizer_node.offline.records import Record, as_json, failed, from_json

FORMAT = 'anonymizer_node detections'
VERSION = 1
COMPLETE, PARTIAL = '.detections', '.partial'
MOST_FRESH = 4096
"""So many records are in memory too until they are read; the others are read from the file."""

_READ_BYTES = 1 << 20
_UNREADABLE = (BrokenChainError, DetectorError, ValueError, KeyError, TypeError)


class StaleError(InputError):
    """The records are not of the messages that the bag holds now."""


class LineEnd(NamedTuple):
    """The end of a line: bytes up to there, and the digest of the line."""

    end: int
    digest: str


class Sidecar:
    """The records of one bag. One thread appends, another one reads behind it. A context manager.

    Attributes:
        was_complete: Whether an earlier run wrote all of it: nothing is left to append.
        names: Class names of each detector.
        notes: Why it is not kept for later runs, as sentences, where it was to be.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, Any]) -> None:
        """Nothing is opened yet.

        Args:
            folder: Where such files are kept; None: this one is not.
            identity: What it is of, in JSON's types: the bag's topics, the detectors with their
                `names`, and all that bears on what they see. Files of another one aren't used.
        """
        self._header = {'format': FORMAT, 'version': VERSION, **identity}
        self.names = [item['names'] for item in identity['detectors']]
        self.was_complete = False
        self.notes: list[str] = []
        said = json.dumps(self._header, sort_keys=True).encode()
        self._name = hashlib.sha256(said).hexdigest()[:32]
        self._folder = folder
        self._kept = folder is not None
        self._file: FileIO
        self._changed = threading.Condition()
        self._start = self._ready = LineEnd(0, START)
        self._fresh: dict[int, tuple[Record, LineEnd]] = {}  # By where their lines begin.
        self._earlier = 0
        self._retry = self._done = False
        self._error: BaseException | None = None

    def __enter__(self) -> Sidecar:
        """Find what an earlier run left, or begin.

        Raises:
            InputError: If the folder can't be written to.
        """
        try:
            self._open()
        except OSError as error:
            raise InputError(
                f'{str(self._folder)!r} can not be written to: {error.strerror or error}. Name '
                'another folder with the setting detection_cache.'
            ) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def earlier(self) -> Iterator[tuple[Record, LineEnd]]:
        """The records that an unfinished run left; each is used only once it is confirmed."""
        place = self._start
        for line, behind in self._lines(self._start, self._earlier):
            yield from_json(unlink(place.digest, line)[0], self.names), behind
            place = behind

    def confirm(self, place: LineEnd) -> None:
        """The next of the earlier records, which ends there, is of the message that is there."""
        self._advance(place)

    def append(self, record: Record) -> None:
        """Write a record; earlier ones that were not confirmed are gone.

        Raises:
            InputError: If there is no room for it, in the system's folder for such either.
        """
        self._retry = self._retry or failed(record, 'detector')
        self._write(as_json(record), record)

    def complete(self) -> None:
        """All is written. Where a detector failed it is not for ever: a later run tries again."""
        if self.was_complete:
            return
        if self._kept and not self._retry:
            self._keep()
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _keep(self) -> None:
        """Let later runs have it. This one has all of it already: that it can't is no error."""
        try:
            self._cut()
            self._put({'frames_end': True})
            os.fsync(self._file.fileno())
            self._path(PARTIAL).replace(self._path(COMPLETE))
            assert self._folder is not None
            prune(self._folder, (COMPLETE, PARTIAL), self._path(COMPLETE))
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        self._kept = False
        self.notes.append(
            'What was detected is not kept for later runs: '
            f'{str(self._folder)!r}: {error.strerror or error}.'
        )

    def fail(self, error: BaseException) -> None:
        """No more will be written; whoever reads gets the error."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def discard(self) -> None:
        """Take away what is kept of it: it isn't of this bag."""
        if self._kept:
            self._path(COMPLETE).unlink(missing_ok=True)

    def records(self) -> Iterator[Record]:
        """All records, from the first one; waits for those that are still to come.

        Raises:
            StaleError: If one isn't what was written.
        """
        place = self._start
        while True:
            with self._changed:
                while not (self._error or self._done or self._ready.end > place.end):
                    self._changed.wait()
                if self._error is not None:
                    raise self._error
                ready = self._ready.end
                fresh = self._fresh.pop(place.end, None)
            if ready == place.end:
                return
            if fresh is not None:
                record, place = fresh
                yield record
                continue
            for line, behind in self._lines(place, ready):
                try:
                    record = from_json(unlink(place.digest, line)[0], self.names)
                except _UNREADABLE as error:
                    raise StaleError(f'What was detected is damaged: {error}') from error
                place = behind
                yield record
                if place.end in self._fresh:
                    break
            if place.end < ready and place.end not in self._fresh:
                raise StaleError('What was detected was cut off while it was read.')

    def _open(self) -> None:
        if self._folder is None:
            self._begin(temporary())
            return
        make_folder(self._folder)
        with contextlib.suppress(FileNotFoundError):
            complete = open_private(self._path(COMPLETE))
            if complete is None:
                self.notes.append(self._foreign(COMPLETE))
            else:
                self._file = complete
                end, whole = self._trusted()
                if whole:
                    self._ready = LineEnd(end, START)
                    self.was_complete = self._done = True
                    used(self._path(COMPLETE))
                    return
                self._file.close()
        file = open_private(self._path(PARTIAL), write=True)
        if file is None:
            self.notes.append(self._foreign(PARTIAL))
        if file is None or not locked(file, self._path(PARTIAL)):
            # Another run is at it, or another user's hands were.
            if file is not None:
                file.close()
            self._kept = False
            self._begin(temporary())
            return
        self._file = file
        self._earlier, _ = self._trusted()
        if not self._earlier:
            self._begin(file)
        self._ready = self._start

    def _begin(self, file: FileIO) -> None:
        self._file = file
        file.truncate(0)
        self._write(self._header)
        self._start = self._ready
        self._earlier = self._ready.end

    def _trusted(self) -> tuple[int, bool]:
        """Up to where the file is as it was written, and whether that is all of it.

        A record of a detector that failed, and what is behind it, isn't trusted.
        """
        place, size = LineEnd(0, START), os.fstat(self._file.fileno()).st_size
        try:
            for line, behind in self._lines(place, size):
                value, digest = unlink(place.digest, line)
                if value == {'frames_end': True}:
                    return place.end, behind.end == size and place.end > 0
                if place.end == 0:
                    if value != self._header:
                        return 0, False
                    self._start = behind
                elif failed(from_json(value, self.names), 'detector'):
                    break
                place = LineEnd(behind.end, digest)
        except _UNREADABLE:
            pass
        return place.end, False

    def _lines(self, place: LineEnd, end: int) -> Iterator[tuple[bytes, LineEnd]]:
        """The whole lines from a place to an end, and where each ends."""
        at, rest = place.end, b''
        while at < end:
            with self._changed:
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

    def _write(self, value: Any, record: Record | None = None) -> None:
        begin = self._ready.end
        try:
            line = self._put(value)
        except OSError as error:
            if self._kept:
                self._lose(error)
                line = self._put_elsewhere(value)
            else:
                raise self._unwritable(error) from error
        self._earlier = line.end
        self._advance(line, None if record is None else (begin, record))

    def _put(self, value: Any) -> LineEnd:
        """Write a line behind those that are ready, and say where it ends."""
        line, digest = link(self._ready.digest, value)
        self._cut()
        with self._changed:
            self._file.seek(self._ready.end)
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        return LineEnd(self._ready.end + len(line), digest)

    def _put_elsewhere(self, value: Any) -> LineEnd:
        """Go on in a file for this run alone: where it was kept is no room for more."""
        try:
            other = temporary()
            with self._changed:
                at = 0
                while at < self._ready.end:
                    self._file.seek(at)
                    read = self._file.read(min(_READ_BYTES, self._ready.end - at))
                    if not read:
                        raise StaleError('What was detected was cut off while it was written.')
                    other.write(read)
                    at += len(read)
                self._file, full = other, self._file
            full.close()
            return self._put(value)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f'What was detected can not be written: {error.strerror or error}. Make room in '
            f'{gettempdir()!r}, or name another folder with TMPDIR.'
        )

    def _foreign(self, ending: str) -> str:
        return (
            f"{str(self._path(ending))!r} is not used: it is not this user's, or others may write "
            'to it. Name a folder of your own with the setting detection_cache.'
        )

    def _cut(self) -> None:
        """Take away what wasn't confirmed."""
        if self._earlier > self._ready.end:
            self._file.truncate(self._ready.end)
            self._earlier = self._ready.end

    def _advance(self, place: LineEnd, fresh: tuple[int, Record] | None = None) -> None:
        """All is ready up to there; `fresh` is the last record, and where its line begins."""
        with self._changed:
            self._ready = place
            if fresh is not None and len(self._fresh) < MOST_FRESH:
                self._fresh[fresh[0]] = fresh[1], place
            self._changed.notify_all()

    def _path(self, ending: str) -> Path:
        assert self._folder is not None
        return self._folder / (self._name + ending)


def _digest_in(line: bytes) -> str:
    """What a line says its digest is."""
    return line.rpartition(b'\t')[2].decode('ascii', 'replace')
