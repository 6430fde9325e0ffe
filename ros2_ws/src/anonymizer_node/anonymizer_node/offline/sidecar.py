"""What was detected in a bag, kept on disk for the second pass and for later runs.

A run that is killed leaves the lines it wrote, and the next one goes on behind them. What is
damaged, cut off, of another bag, other models or other settings isn't used. No line is believed
but for the very message that it was written for: whoever reads it compares the message's digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any

from anonymizer_node.core.errors import DetectorError, InputError
from anonymizer_node.offline.chain import START, BrokenChainError, unlink
from anonymizer_node.offline.line_file import LineEnd, LineFile, StaleError
from anonymizer_node.offline.private import locked, make_folder, open_private, temporary
from anonymizer_node.offline.pruning import prune, used
from anonymizer_node.offline.records import Record, as_json, failed, from_json

__all__ = ['COMPLETE', 'MOST_FRESH', 'PARTIAL', 'LineEnd', 'Sidecar', 'StaleError']

FORMAT = 'anonymizer_node detections'
VERSION = 1
COMPLETE, PARTIAL = '.detections', '.partial'
MOST_FRESH = 4096
"""So many records are in memory too until they are read; the others are read from the file."""

_UNREADABLE = (BrokenChainError, DetectorError, ValueError, KeyError, TypeError)


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
        self._file: LineFile
        self._changed = threading.Condition()
        self._start = LineEnd(0, START)
        self._fresh: dict[int, tuple[Record, LineEnd]] = {}  # By where their lines begin.
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
        for line, behind in self._file.lines(self._start, self._file.end):
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
            self._file.cut()
            self._file.put({'frames_end': True})
            self._file.sync()
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
                while not (self._error or self._done or self._file.ready.end > place.end):
                    self._changed.wait()
                if self._error is not None:
                    raise self._error
                ready = self._file.ready.end
                fresh = self._fresh.pop(place.end, None)
            if ready == place.end:
                return
            if fresh is not None:
                record, place = fresh
                yield record
                continue
            for line, behind in self._file.lines(place, ready):
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
                self._file = LineFile(complete, self._changed)
                end, whole = self._trusted()
                if whole:
                    self._file.ready = LineEnd(end, START)
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
        self._file = LineFile(file, self._changed)
        self._file.end, _ = self._trusted()
        if not self._file.end:
            self._begin(file)
        self._file.ready = self._start

    def _begin(self, file: FileIO) -> None:
        self._file = LineFile(file, self._changed)
        file.truncate(0)
        self._write(self._header)
        self._start = self._file.ready

    def _trusted(self) -> tuple[int, bool]:
        """Up to where the file is as it was written, and whether that is all of it.

        A record of a detector that failed, and what is behind it, isn't trusted.
        """
        place, size = LineEnd(0, START), self._file.size()
        try:
            for line, behind in self._file.lines(place, size):
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

    def _write(self, value: Any, record: Record | None = None) -> None:
        begin = self._file.ready.end
        try:
            line = self._file.put(value)
        except OSError as error:
            if self._kept:
                self._lose(error)
                line = self._put_elsewhere(value)
            else:
                raise self._unwritable(error) from error
        self._file.end = line.end
        self._advance(line, None if record is None else (begin, record))

    def _put_elsewhere(self, value: Any) -> LineEnd:
        """Go on in a file for this run alone: where it was kept is no room for more."""
        try:
            self._file.move(temporary())
            return self._file.put(value)
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

    def _advance(self, place: LineEnd, fresh: tuple[int, Record] | None = None) -> None:
        """All is ready up to there; `fresh` is the last record, and where its line begins."""
        with self._changed:
            self._file.ready = place
            if fresh is not None and len(self._fresh) < MOST_FRESH:
                self._fresh[fresh[0]] = fresh[1], place
            self._changed.notify_all()

    def _path(self, ending: str) -> Path:
        assert self._folder is not None
        return self._folder / (self._name + ending)
