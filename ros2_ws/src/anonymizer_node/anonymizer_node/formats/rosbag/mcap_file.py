"""One .mcap file, read as it streams: whole, without an index, or broken off."""

from __future__ import annotations

import contextlib
import heapq
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mcap.exceptions import EndOfFile, McapError
from mcap.reader import SeekingReader
from mcap.records import Attachment as AttachmentRecord
from mcap.records import Channel, Chunk, ChunkIndex, Header, McapRecord, Message, Schema
from mcap.records import Metadata as StoredMetadata
from mcap.stream_reader import StreamReader
from rosbags.rosbag2.metadata import parse_qos

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import metadata
from anonymizer_node.formats.rosbag.mcap_chunks import in_order, records_of
from anonymizer_node.formats.rosbag.model import (
    LANGUAGES,
    Attachment,
    MetadataRecord,
    Stored,
    Topic,
)
from anonymizer_node.formats.rosbag.staging import in_words

MAGIC = b'\x89MCAP0\r\n'
OWN_RECORD = 'rosbag2'
"""The metadata record that rosbag2 itself writes."""

MOST_LATE_NS = 5_000_000_000
"""By how much a message may lie too late in a file without an index and be put in order: for so
long all of them are held."""

_TEXT_KEY = 'serialized_metadata'
_QOS_KEY, _HASH_KEY = 'offered_qos_profiles', 'topic_type_hash'


class McapFile:
    """See `reader.StorageFile`."""

    def __init__(self, path: Path) -> None:
        """Look at it, without reading messages where it has an index.

        Raises:
            InputError: If it is no .mcap file of ROS 2 messages.
            Exception: Whatever a parser raises that isn't ours.
        """
        self.path = path
        self.topics: list[Topic] = []
        self.losses: list[str] = []
        self.told: metadata.Metadata | None = None
        self.chunk_compression = ''
        self.saved_bytes = 0
        self.metadata_records: list[MetadataRecord] = []
        self.first_ns, self.last_ns = 2**63 - 1, 0
        self._attached: list[tuple[str, str, int]] = []
        self._late_ns = 0
        self._chunks: list[ChunkIndex] = []
        with path.open('rb') as stream:
            head, tail = stream.read(len(MAGIC)), _tail(stream)
        if head != MAGIC:
            raise InputError(f'{path.name} is no MCAP file' if head else f'{path.name} is empty')
        self._whole = tail == MAGIC
        self._indexed = self._whole and self._look_up()
        if not self._indexed:
            self._scan()
        self.count = sum(topic.count for topic in self.topics)

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Message types and their texts."""
        return [(item.msgtype, item.definition) for item in self.topics]

    @property
    def attachments(self) -> list[tuple[str, str, int]]:
        """Name, media type and size of each file in it."""
        return self._attached

    def messages(self) -> Iterator[Stored]:
        """All messages, by time; those of one time as they lie in the file."""
        if not self._indexed:
            yield from self._sorted(
                _stored(record) for record in self._records() if isinstance(record, Message)
            )
            return
        with self.path.open('rb') as stream:
            for message in in_order(stream, self._chunks):
                yield _stored(message)

    def read_attachments(self) -> Iterator[Attachment]:
        """The files in it."""
        for record in self._records(only_outside=True):
            if isinstance(record, AttachmentRecord):
                yield Attachment(
                    record.name,
                    record.media_type,
                    record.log_time,
                    record.create_time,
                    bytes(record.data),
                )

    def close(self) -> None:
        """Nothing is held."""

    def _sorted(self, messages: Iterator[Stored]) -> Iterator[Stored]:
        """Messages that lie in the file at most `_late_ns` too late, in the order of their time."""
        waiting: list[tuple[int, int, Stored]] = []
        newest_ns = 0
        for number, message in enumerate(messages):
            newest_ns = max(newest_ns, message.time_ns)
            heapq.heappush(waiting, (message.time_ns, number, message))
            while waiting[0][0] <= newest_ns - self._late_ns:
                yield heapq.heappop(waiting)[2]
                if not waiting:
                    break
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _look_up(self) -> bool:
        """Describe the file by its summary; whether it has one that leads to every message."""
        with self.path.open('rb') as stream:
            reader = SeekingReader(stream, validate_crcs=True)
            _check_profile(reader.get_header())
            summary = reader.get_summary()
            if summary is None or summary.statistics is None or not summary.chunk_indexes:
                return False
            counts = summary.statistics.channel_message_counts
            named = set(summary.channels)
            used = {key for index in summary.chunk_indexes for key in index.message_index_offsets}
            if not used <= named or not set(counts) <= named:
                return False
            if any(
                item.schema_id not in (0, *summary.schemas) for item in summary.channels.values()
            ):
                return False
            if sum(counts.values()) != summary.statistics.message_count:
                return False
            self._describe(summary.channels, summary.schemas, counts)
            if summary.statistics.message_count:
                self.first_ns = summary.statistics.message_start_time
                self.last_ns = summary.statistics.message_end_time
            self._chunks = summary.chunk_indexes
            for index in self._chunks:
                self.saved_bytes += index.uncompressed_size - index.compressed_size
            self.chunk_compression = _compression(summary.chunk_indexes)
            for attached in summary.attachment_indexes:
                self._attached.append((attached.name, attached.media_type, attached.data_size))
            for record in reader.iter_metadata():
                self._keep(record)
            listed = len(summary.attachment_indexes), len(summary.metadata_indexes)
            had = summary.statistics.attachment_count, summary.statistics.metadata_count
            return listed == had

    def _scan(self) -> None:
        """Describe the file by reading all of it."""
        self.topics.clear()
        self.metadata_records.clear()
        self._attached.clear()
        self.told = None
        self.first_ns, self.last_ns = 2**63 - 1, 0
        channels: dict[int, Channel] = {}
        schemas: dict[int, Schema] = {}
        counts: Counter[int] = Counter()
        for record in self._records(note=True):
            if isinstance(record, Message):
                counts[record.channel_id] += 1
                self._late_ns = max(
                    self._late_ns, min(MOST_LATE_NS, self.last_ns - record.log_time)
                )
                self.first_ns = min(self.first_ns, record.log_time)
                self.last_ns = max(self.last_ns, record.log_time)
            elif isinstance(record, Channel):
                if channels.setdefault(record.id, record).schema_id != record.schema_id:
                    raise InputError(f'{self.path.name} names channel {record.id} twice')
            elif isinstance(record, Schema):
                if schemas.setdefault(record.id, record).data != record.data:
                    raise InputError(f'{self.path.name} defines schema {record.id} twice')
            elif isinstance(record, Header):
                _check_profile(record)
            elif isinstance(record, StoredMetadata):
                self._keep(record)
            elif isinstance(record, AttachmentRecord):
                self._attached.append((record.name, record.media_type, len(record.data)))
        unknown = set(counts) - set(channels)
        if unknown:
            raise InputError(f'{self.path.name} holds messages of channels that it does not name')
        self._describe(channels, schemas, counts)

    def _records(self, note: bool = False, only_outside: bool = False) -> Iterator[McapRecord]:
        """Every record in order; of a file that broke off, those before the break.

        Args:
            note: Say so in `losses`, and keep the compression of the first chunk.
            only_outside: Pass over chunks.
        """
        size = self.path.stat().st_size
        with self.path.open('rb') as stream:
            whole = 0
            records = StreamReader(stream, emit_chunks=True, validate_crcs=False).records
            try:
                for record in records:
                    if isinstance(record, Chunk):
                        if not only_outside:
                            if note and not self.chunk_compression:
                                self.chunk_compression = record.compression
                            yield from records_of(record)
                    else:
                        yield record
                    whole = stream.tell()
            except Exception as error:  # The edge to a parser that isn't ours: where the file
                # breaks off it may find anything. A whole one has no excuse.
                if self._whole:
                    raise
                if note:
                    rest = f'the last {in_words(size - whole)} of {in_words(size)} can not be read'
                    kind = '' if isinstance(error, EndOfFile) else f' ({type(error).__name__})'
                    self.losses.append(f'{self.path.name} breaks off: {rest}{kind}.')

    def _describe(
        self, channels: dict[int, Channel], schemas: dict[int, Schema], counts: dict[int, int]
    ) -> None:
        for key, channel in sorted(channels.items()):
            schema = schemas.get(channel.schema_id)
            if channel.message_encoding != 'cdr':
                raise InputError(
                    f'{channel.topic} in {self.path.name} is encoded as '
                    f'{channel.message_encoding!r}, not as cdr'
                )
            readable = schema is not None and schema.encoding in LANGUAGES
            said = channel.metadata
            self.topics.append(
                Topic(
                    channel.topic,
                    schema.name if schema else '',
                    counts.get(key, 0),
                    tuple(parse_qos(said.get(_QOS_KEY, ''))),
                    schema.data.decode() if schema and readable else '',
                    said.get(_HASH_KEY, ''),
                    key,
                    schema.encoding if schema and readable else '',
                    tuple(item for item in said.items() if item[0] not in (_QOS_KEY, _HASH_KEY)),
                )
            )

    def _keep(self, record: StoredMetadata) -> None:
        if record.name == OWN_RECORD:
            text = record.metadata.get(_TEXT_KEY, '')
            with contextlib.suppress(Exception):  # A copy that can't be read is none.
                self.told = metadata.parsed(text)
            return
        self.metadata_records.append(MetadataRecord(record.name, tuple(record.metadata.items())))


def _tail(stream: IO[bytes]) -> bytes:
    size = stream.seek(0, 2)
    stream.seek(max(0, size - len(MAGIC)))
    # A file of one magic has no second one.
    return stream.read() if size >= 2 * len(MAGIC) else b''


def _stored(message: Message) -> Stored:
    return Stored(
        message.channel_id,
        message.log_time,
        message.data,
        message.publish_time,
        message.sequence,
    )


def _check_profile(header: Header) -> None:
    if header.profile not in ('ros2', ''):
        raise McapError(f'its profile is {header.profile!r}, not ros2.')


def _compression(indexes: list[ChunkIndex]) -> str:
    return next((index.compression for index in indexes if index.compression), '')
