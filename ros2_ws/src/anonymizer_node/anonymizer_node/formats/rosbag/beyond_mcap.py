"""Every byte of an MCAP file accounted for; see `beyond`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import lz4.frame
import zstandard

from anonymizer_node.formats.rosbag.beyond import MOST_NAME, beyond_metadata, is_plain_qos
from anonymizer_node.formats.rosbag.mcap_chunks import MOST_CHUNK
from anonymizer_node.formats.rosbag.model import Topic

_MAGIC = b'\x89MCAP0\r\n'
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _INDEX, _CHUNK_INDEX = range(1, 9)
_ATTACHMENT, _ATTACHMENT_INDEX, _STATISTICS, _METADATA, _METADATA_INDEX = range(9, 14)
_SUMMARY_OFFSET, _DATA_END = 14, 15
_OWN_RECORD = 'rosbag2'
_CHANNEL_KEYS = {'offered_qos_profiles', 'topic_type_hash'}


class BeyondError(Exception):
    """A file has something in it that is not accounted for; says what."""


def beyond_mcap(
    path: Path, topics: Collection[Topic], definitions: Collection[tuple[str, str]]
) -> str:
    """What an .mcap file holds besides what is read from it, in words, or ''.

    Attachments and metadata records that are not rosbag2's own are read, and counted here only.
    Args as for `beyond_database`.
    """
    try:
        with path.open('rb') as stream:
            _Mcap(stream, topics, definitions).check()
    except BeyondError as error:
        return str(error)
    except Exception as error:  # The edge to bytes that may be anything.
        return f'something that can not be read ({type(error).__name__})'
    return ''


class _Mcap:
    """One file, record by record."""

    def __init__(
        self,
        stream: IO[bytes],
        topics: Collection[Topic],
        definitions: Collection[tuple[str, str]],
    ) -> None:
        self._stream = stream
        self._kinds = {(topic.name, topic.msgtype) for topic in topics}
        self._definitions = definitions
        self._topics = topics
        self._counts: Counter[int] = Counter()
        self._schemas: dict[int, bytes] = {}
        self._channels: dict[int, bytes] = {}
        self._chunks: set[int] = set()
        self._indexed: set[int] = set()
        self._expected: list[bytes] = []

    def check(self) -> None:
        """Account for all of it.

        Raises:
            BeyondError: If something is left.
        """
        if self._stream.read(len(_MAGIC)) != _MAGIC:
            raise BeyondError('bytes before its beginning')
        kind = 0
        while kind != _FOOTER:
            at = self._stream.tell()
            head = self._stream.read(9)
            if len(head) < 9:
                raise BeyondError('no end')
            kind, size = head[0], int.from_bytes(head[1:], 'little')
            if kind != _ATTACHMENT and size > MOST_CHUNK:
                raise BeyondError(f'a record of {size} bytes')
            data = self._stream.read(size)
            self._record(kind, data, at)
        if self._stream.read(len(_MAGIC) + 1) != _MAGIC:
            raise BeyondError('bytes behind its end')
        if self._indexed != self._chunks:
            raise BeyondError('chunks that its index does not name')
        for what, found, most in (
            ('headers', _HEADER, 1),
            ('statistics', _STATISTICS, 1),
            ('ends', _DATA_END, 1),
            ('offsets', _SUMMARY_OFFSET, 8),
            ('attachment indices', _ATTACHMENT_INDEX, self._counts[_ATTACHMENT]),
            ('metadata indices', _METADATA_INDEX, self._counts[_METADATA]),
            ('chunk indices', _CHUNK_INDEX, len(self._chunks)),
        ):
            if self._counts[found] > most:
                raise BeyondError(f'more {what} than it needs')

    def _record(self, kind: int, data: bytes, at: int) -> None:
        self._counts[kind] += 1
        if self._expected and kind != _INDEX:
            raise BeyondError('a chunk whose messages are not indexed')
        fields = _Fields(data)
        if kind == _CHUNK:
            self._chunk(fields, at)
        elif kind == _INDEX:
            if data not in self._expected:
                raise BeyondError('an index of messages that are not there')
            self._expected.remove(data)
        elif kind in (_SCHEMA, _CHANNEL):
            self._named(kind, data)
        elif kind == _METADATA:
            name, values = fields.text(), fields.words()
            if name == _OWN_RECORD:
                said = beyond_metadata(values.get('serialized_metadata', ''), self._topics)
                if said or len(values) != 1:
                    raise BeyondError(said or 'more than one description')
        elif kind == _HEADER:
            if max(len(fields.text()), len(fields.text())) > MOST_NAME:
                raise BeyondError('a header that is long enough for a picture')
        elif kind == _STATISTICS:
            fields.skip(8 + 2 + 4 * 4 + 8 + 8)
            if fields.skip(fields.number(4)) > 10 * len(self._channels):
                raise BeyondError('statistics of channels that are not there')
        elif kind == _CHUNK_INDEX:
            fields.skip(16)
            self._indexed.add(fields.number(8))
            fields.skip(8)
            if fields.skip(fields.number(4)) > 10 * len(self._channels):
                raise BeyondError('an index of channels that are not there')
            fields.skip(8)
            fields.text()
            fields.skip(16)
        elif kind == _ATTACHMENT_INDEX:
            fields.skip(40)
            fields.text(), fields.text()
        elif kind == _METADATA_INDEX:
            fields.skip(16)
            fields.text()
        elif kind in (_SUMMARY_OFFSET, _DATA_END, _FOOTER):
            fields.skip({_SUMMARY_OFFSET: 17, _DATA_END: 4, _FOOTER: 20}[kind])
        elif kind == _ATTACHMENT:
            return  # Read, all of it, and compared.
        else:
            raise BeyondError(f'a record of the unknown kind {kind}')
        if kind not in (_INDEX, _SCHEMA, _CHANNEL):
            fields.end()

    def _chunk(self, fields: _Fields, at: int) -> None:
        self._chunks.add(at)
        fields.skip(16)
        size = fields.number(8)
        fields.skip(4)
        packed = fields.text()
        data = _unpacked(packed, fields.rest(fields.number(8)), size)
        messages: dict[int, list[bytes]] = {}
        position = 0
        while position < len(data):
            kind = data[position]
            length = int.from_bytes(data[position + 1 : position + 9], 'little')
            record = data[position + 9 : position + 9 + length]
            if kind == _MESSAGE:
                channel, time_ns = int.from_bytes(record[:2], 'little'), record[6:14]
                entry = time_ns + position.to_bytes(8, 'little')
                messages.setdefault(channel, []).append(entry)
            elif kind in (_SCHEMA, _CHANNEL):
                self._named(kind, record)
            else:
                raise BeyondError(f'a record of kind {kind} in a chunk')
            position += 9 + length
        self._expected = [
            channel.to_bytes(2, 'little')
            + (16 * len(times)).to_bytes(4, 'little')
            + b''.join(times)
            for channel, times in messages.items()
        ]

    def _named(self, kind: int, data: bytes) -> None:
        """A schema or a channel: one of the recording's, and the same wherever it is named."""
        fields = _Fields(data)
        key = fields.number(2)
        seen = self._schemas if kind == _SCHEMA else self._channels
        if seen.setdefault(key, data) != data:
            raise BeyondError('a channel or a type that is named in two ways')
        if kind == _SCHEMA:
            name, encoding = fields.text(), fields.text()
            text = fields.rest(fields.number(4)).decode()
            if (name, text) not in self._definitions or len(encoding) > MOST_NAME:
                raise BeyondError('a definition of a type that no topic has')
        else:
            fields.skip(2)
            name, _, words = fields.text(), fields.text(), fields.words()
            if name not in {topic for topic, _ in self._kinds}:
                raise BeyondError('a channel that is none of the recording')
            known = {item for topic in self._topics if topic.name == name for item in topic.words}
            more = sorted(key for key, _ in words.items() - known if key not in _CHANNEL_KEYS)
            if more:
                raise BeyondError(f'the words {more} of a channel')
            if len(words.get('topic_type_hash', '')) > MOST_NAME or not is_plain_qos(
                words.get('offered_qos_profiles', '')
            ):
                raise BeyondError('something else than QoS and type of a channel')
        fields.end()


class _Fields:
    """The fields of a record, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def rest(self, count: int) -> bytes:
        """So many bytes."""
        self._at += count
        if self._at > len(self._data):
            raise BeyondError('a record that is too short')
        return self._data[self._at - count : self._at]

    def skip(self, count: int) -> int:
        """Pass over so many bytes, and say how many."""
        self.rest(count)
        return count

    def number(self, size: int) -> int:
        """A number of so many bytes."""
        return int.from_bytes(self.rest(size), 'little')

    def text(self) -> str:
        """A word."""
        return self.rest(self.number(4)).decode()

    def words(self) -> dict[str, str]:
        """Keys and values."""
        inner = _Fields(self.rest(self.number(4)))
        found: dict[str, str] = {}
        while inner._at < len(inner._data):
            key = inner.text()
            if key in found:
                raise BeyondError('a word that is there twice')
            found[key] = inner.text()
        return found

    def end(self) -> None:
        """There is nothing more."""
        if self._at != len(self._data):
            raise BeyondError('bytes behind a record')


def _unpacked(packed: str, data: bytes, size: int) -> bytes:
    if size > MOST_CHUNK:
        raise BeyondError(f'a chunk of {size} bytes')
    if packed == '':
        return data
    unpacking: Any = (
        zstandard.ZstdDecompressor().decompressobj()
        if packed == 'zstd'
        else lz4.frame.LZ4FrameDecompressor()
    )
    plain = unpacking.decompress(data)
    if unpacking.unused_data or len(plain) != size:
        raise BeyondError('bytes behind what a chunk has compressed')
    return bytes(plain)
