"""One .db3 file of rosbag2, opened so that nothing of it, nor beside it, changes."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rosbags.rosbag2.metadata import parse_qos

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import metadata
from anonymizer_node.formats.rosbag.model import (
    LANGUAGES,
    Attachment,
    MetadataRecord,
    Stored,
    Topic,
)
from anonymizer_node.formats.rosbag.staging import in_words, require_space

BESIDE = ('-wal', '-journal')
"""Endings of the files in which SQLite keeps what a recorder hadn't yet put into the .db3."""

ScratchMaker = Callable[[], Path]
"""Gives a folder for large files that live no longer than the reader."""

_SIGNATURE = b'SQLite format 3\0'
_COUNTED_FOR = 92
"""Where a file says for which of its changes its count of pages holds; for none, here."""


class SqliteFile:
    """See `reader.StorageFile`."""

    def __init__(self, path: Path, scratch: ScratchMaker, counted: bool) -> None:
        """Look at it.

        Args:
            path: The file.
            scratch: Gives a folder for a copy; asked only if the recorder didn't close the file, or
                it breaks off.
            counted: Whether to count messages, which reads all of the index.

        Raises:
            InputError: If it is no .db3 file of rosbag2.
            sqlite3.Error: If it is damaged.
        """
        self.path = path
        self.topics: list[Topic] = []
        self.losses: list[str] = []
        self.definitions: list[tuple[str, str]] = []
        self.told: metadata.Metadata | None = None
        self.chunk_compression = ''
        self.saved_bytes = 0
        self.metadata_records: list[MetadataRecord] = []
        self.attachments: list[tuple[str, str, int]] = []
        self.first_ns, self.last_ns = 2**63 - 1, 0
        self._broken = False
        self._copy: Path | None = None
        _check_signature(path)
        self._opened = self._complete(scratch)
        with contextlib.closing(self._connect()) as database:
            self._describe(database, counted)
        self.count = sum(topic.count for topic in self.topics)

    def messages(self) -> Iterator[Stored]:
        """All messages by time, those of one time as they were recorded."""
        with contextlib.closing(self._connect()) as database:
            if self._broken:
                yield from _until_the_break(database)
                return
            # By number first: sorting the messages themselves would hold them all, where there is
            # no index on the time.
            order = database.execute('SELECT id FROM messages ORDER BY timestamp, id')
            for (number,) in order:
                row = database.execute(
                    'SELECT topic_id, timestamp, data FROM messages WHERE id = ?', (number,)
                ).fetchone()
                yield _stored(row)

    def read_attachments(self) -> Iterator[Attachment]:
        """None: SQLite files hold no others."""
        return iter(())

    def close(self) -> None:
        """Take the copy away."""
        if self._copy is not None:
            for ending in ('', '-shm', *BESIDE):
                Path(f'{self._copy}{ending}').unlink(missing_ok=True)

    def _complete(self, scratch: ScratchMaker) -> Path:
        """The file to open: this one, or a copy that SQLite can read where it can't read this.

        It is completed with what SQLite kept beside it; one that is shorter than it should be says
        no longer how long that is.
        """
        beside = [Path(f'{self.path}{ending}') for ending in BESIDE]
        beside = [path for path in beside if path.is_file() and path.stat().st_size]
        self._broken = not beside and _cut_off(self.path)
        if not (beside or self._broken):
            return self.path
        folder = scratch()
        needed = sum(path.stat().st_size for path in (self.path, *beside))
        require_space(folder, needed, f'A copy of {self.path.name}, which is not whole,')
        self._copy = folder / self.path.name
        for path in (self.path, *beside):
            shutil.copyfile(path, folder / path.name)
        if self._broken:
            with self._copy.open('r+b') as stream:
                stream.seek(_COUNTED_FOR)
                stream.write(bytes(4))
            return self._copy
        with contextlib.closing(sqlite3.connect(self._copy)) as database:
            database.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
            database.execute('PRAGMA journal_mode=DELETE').fetchall()
        names = ' and '.join(path.name for path in beside)
        self.losses.append(
            f'{self.path.name} was not closed by its recorder; what {names} '
            f'{"holds" if len(beside) == 1 else "hold"} was added.'
        )
        return self._copy

    def _connect(self) -> sqlite3.Connection:
        # Immutable: without it SQLite looks for locks, and makes files beside the source.
        address = f'file:{quote(str(self._opened.absolute()))}?mode=ro&immutable=1'
        database = sqlite3.connect(address, uri=True, check_same_thread=False)
        database.execute('PRAGMA cache_size = -16384')
        return database

    def _describe(self, database: sqlite3.Connection, counted: bool) -> None:
        columns = {
            table: [row[1] for row in database.execute(f'PRAGMA table_info({table})')]
            for table in ('topics', 'messages', 'message_definitions', 'metadata', 'schema')
        }
        if not {'id', 'name', 'type'} <= set(columns['topics']) or not columns['messages']:
            raise InputError(f'{self.path.name} is a database, but none of rosbag2')
        definitions: dict[str, tuple[str, str]] = {}
        if columns['message_definitions']:
            column = 'encoding' if 'encoding' in columns['message_definitions'] else "''"
            for msgtype, text, language in database.execute(
                f'SELECT topic_type, encoded_message_definition, {column}'  # noqa: S608
                ' FROM message_definitions ORDER BY id'
            ):
                known = language if language in LANGUAGES else ''
                definitions.setdefault(msgtype, (text, known))
                self.definitions.append((str(msgtype), str(text)))
        if columns['metadata']:
            for (text,) in database.execute('SELECT metadata FROM metadata ORDER BY id'):
                with contextlib.suppress(Exception):  # A copy that can't be read is none.
                    self.told = metadata.parsed(text)
        counts = self._counts(database) if counted or self._broken else {}
        wanted = ['id', 'name', 'type']
        for column in ('offered_qos_profiles', 'type_description_hash', 'serialization_format'):
            wanted.append(column if column in columns['topics'] else "''")
        for key, name, msgtype, qos, type_hash, form in database.execute(
            f'SELECT {", ".join(wanted)} FROM topics ORDER BY id'  # noqa: S608  # Names from here.
        ):
            if form not in ('cdr', ''):
                raise InputError(f'{name} in {self.path.name} is serialised as {form!r}, not cdr')
            definition, language = definitions.get(msgtype, ('', ''))
            self.topics.append(
                Topic(
                    name,
                    msgtype,
                    counts.get(key, 0),
                    tuple(parse_qos(qos)),
                    definition,
                    type_hash,
                    key,
                    language,
                )
            )

    def _counts(self, database: sqlite3.Connection) -> dict[int, int]:
        counts: dict[int, int] = Counter()
        if not self._broken:
            counts = dict(
                database.execute('SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id')
            )
            first, last = database.execute(
                'SELECT MIN(timestamp), MAX(timestamp) FROM messages'
            ).fetchone()
            if first is not None:
                self.first_ns, self.last_ns = first, last
            return counts
        for message in _until_the_break(database):
            counts[message.channel] += 1
            self.first_ns = min(self.first_ns, message.time_ns)
            self.last_ns = max(self.last_ns, message.time_ns)
        size = in_words(self.path.stat().st_size)
        self.losses.append(
            f'{self.path.name} ({size}) breaks off after {sum(counts.values())} messages.'
        )
        return counts


def _until_the_break(database: sqlite3.Connection) -> Iterator[Stored]:
    rows = database.execute('SELECT topic_id, timestamp, data FROM messages')
    with contextlib.suppress(sqlite3.DatabaseError):
        while True:
            row = rows.fetchone()
            if row is None:
                return
            yield _stored(row)


def _stored(row: tuple[Any, ...]) -> Stored:
    channel, time_ns, data = row
    return Stored(int(channel), int(time_ns), bytes(data), int(time_ns))


def _cut_off(path: Path) -> bool:
    """Whether a file is shorter than it says itself."""
    with path.open('rb') as stream:
        head = stream.read(32)
    page = int.from_bytes(head[16:18], 'big')
    pages = int.from_bytes(head[28:32], 'big')
    return path.stat().st_size < pages * (page if page > 1 else 65536)


def _check_signature(path: Path) -> None:
    with path.open('rb') as stream:
        start = stream.read(len(_SIGNATURE))
    if start != _SIGNATURE:
        raise InputError(f'{path.name} is no SQLite file' if start else f'{path.name} is empty')
