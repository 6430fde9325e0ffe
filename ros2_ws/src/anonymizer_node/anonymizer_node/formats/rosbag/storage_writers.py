"""Writes one storage file of a rosbag2 recording. `STORAGE_WRITERS` is the table, by storage."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from mcap.writer import CompressionType, Writer

from anonymizer_node import __version__
from anonymizer_node.formats.rosbag.definitions import encoding_of
from anonymizer_node.formats.rosbag.mcap_file import OWN_RECORD
from anonymizer_node.formats.rosbag.model import Attachment, MetadataRecord, Topic

_CHUNK_BYTES = 786432
"""As rosbag2 makes its chunks."""

_MCAP_COMPRESSIONS = {'lz4': CompressionType.LZ4, 'zstd': CompressionType.ZSTD}

_SQLITE_SCHEMA = """
    CREATE TABLE schema(
      schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
    CREATE TABLE metadata(
      id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL);
    CREATE TABLE topics(
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
      serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL,
      type_description_hash TEXT NOT NULL);
    CREATE TABLE message_definitions(
      id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, encoding TEXT NOT NULL,
      encoded_message_definition TEXT NOT NULL, type_description_hash TEXT NOT NULL);
    CREATE TABLE messages(
      id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
      data BLOB NOT NULL);
    CREATE INDEX timestamp_idx ON messages (timestamp ASC);
"""


class StorageWriter(Protocol):
    """What is asked of the writer of one file.

    Attributes:
        size: Bytes in the file so far, about.
    """

    size: int

    def __init__(self, path: Path, compression: str, ros_distro: str) -> None:
        """Begin a file."""

    def add_topic(self, topic: Topic, qos: str) -> None:
        """Announce a topic, with its QoS as text."""

    def write(
        self,
        key: int,
        time_ns: int,
        data: bytes | bytearray | memoryview,
        publish_ns: int,
        sequence: int,
    ) -> None:
        """Append a message of the topic with that key."""

    def add_attachment(self, attachment: Attachment) -> None:
        """Put a file in, if this storage has a place for it."""

    def add_record(self, record: MetadataRecord) -> None:
        """Put words in, if this storage has a place for them."""

    def close(self, version: int, text: str) -> None:
        """Finish the file, with what it says of its recording."""

    def abort(self) -> None:
        """Leave the file unfinished."""


class McapFileWriter:
    """See `StorageWriter`."""

    def __init__(self, path: Path, compression: str, ros_distro: str) -> None:
        self.size = 0
        self._stream = path.open('xb')
        self._writer = Writer(
            self._stream,
            chunk_size=_CHUNK_BYTES,
            compression=_MCAP_COMPRESSIONS.get(compression, CompressionType.NONE),
        )
        self._writer.start(profile='ros2', library=f'anonymizer_node {__version__}')
        self._schemas: dict[tuple[str, str, str], int] = {}
        self._channels: dict[int, int] = {}

    def add_topic(self, topic: Topic, qos: str) -> None:
        """See `StorageWriter`."""
        kind = topic.msgtype, topic.definition, topic.language
        if kind not in self._schemas:
            self._schemas[kind] = self._writer.register_schema(
                topic.msgtype,
                topic.language or encoding_of(topic.definition),
                topic.definition.encode(),
            )
        self._channels[topic.key] = self._writer.register_channel(
            topic.name,
            'cdr',
            self._schemas[kind],
            {
                'offered_qos_profiles': qos,
                'topic_type_hash': topic.type_hash,
                **dict(topic.words),
            },
        )

    def write(
        self,
        key: int,
        time_ns: int,
        data: bytes | bytearray | memoryview,
        publish_ns: int,
        sequence: int,
    ) -> None:
        """See `StorageWriter`."""
        self._writer.add_message(
            self._channels[key],
            log_time=time_ns,
            data=cast(bytes, data),  # It is copied at once, whatever it is.
            publish_time=publish_ns,
            sequence=sequence,
        )
        self.size = self._stream.tell()

    def add_attachment(self, attachment: Attachment) -> None:
        """See `StorageWriter`."""
        self._writer.add_attachment(
            attachment.create_ns,
            attachment.log_ns,
            attachment.name,
            attachment.media_type,
            attachment.data,
        )

    def add_record(self, record: MetadataRecord) -> None:
        """See `StorageWriter`."""
        self._writer.add_metadata(record.name, dict(record.values))

    def close(self, version: int, text: str) -> None:
        """See `StorageWriter`."""
        self._writer.add_metadata(OWN_RECORD, {'serialized_metadata': text})
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._stream.close()

    def abort(self) -> None:
        """See `StorageWriter`."""
        self._stream.close()


class SqliteFileWriter:
    """See `StorageWriter`."""

    def __init__(self, path: Path, compression: str, ros_distro: str) -> None:
        self.size = 0
        path.touch(exist_ok=False)
        # Until its folder is renamed nobody reads the file, and then it is synced: no journal.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ('journal_mode = OFF', 'synchronous = OFF', 'cache_size = -16384'):
            self._database.execute(f'PRAGMA {pragma}')
        self._database.executescript(_SQLITE_SCHEMA)
        self._database.execute('BEGIN')
        self._database.execute('INSERT INTO schema VALUES (4, ?)', (ros_distro,))
        self._defined: set[tuple[str, str]] = set()

    def add_topic(self, topic: Topic, qos: str) -> None:
        """See `StorageWriter`."""
        kind = topic.msgtype, topic.definition
        if kind not in self._defined:
            self._defined.add(kind)
            self._database.execute(
                'INSERT INTO message_definitions (topic_type, encoding,'
                ' encoded_message_definition, type_description_hash) VALUES (?, ?, ?, ?)',
                (
                    topic.msgtype,
                    topic.language or encoding_of(topic.definition),
                    topic.definition,
                    topic.type_hash,
                ),
            )
        self._database.execute(
            'INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)',
            (topic.key, topic.name, topic.msgtype, 'cdr', qos, topic.type_hash),
        )

    def write(
        self,
        key: int,
        time_ns: int,
        data: bytes | bytearray | memoryview,
        publish_ns: int,
        sequence: int,
    ) -> None:
        """See `StorageWriter`; there is no place for `publish_ns` and `sequence`."""
        self._database.execute(
            'INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)',
            (key, time_ns, data),
        )
        self.size += len(data) + 32

    def add_attachment(self, attachment: Attachment) -> None:
        """See `StorageWriter`; there is no place for it."""

    def add_record(self, record: MetadataRecord) -> None:
        """See `StorageWriter`; there is no place for it."""

    def close(self, version: int, text: str) -> None:
        """See `StorageWriter`."""
        self._database.execute(
            'INSERT INTO metadata (metadata_version, metadata) VALUES (?, ?)', (version, text)
        )
        self._database.execute('COMMIT')
        self._database.close()

    def abort(self) -> None:
        """See `StorageWriter`."""
        self._database.close()


STORAGE_WRITERS: Mapping[str, type[StorageWriter]] = {
    'mcap': McapFileWriter,
    'sqlite3': SqliteFileWriter,
}
