"""The chunks of an .mcap file: opened one at a time, and no larger than they may be.

In the order of time many chunks may be open at once: one early message in each is enough. What is
held is bounded; a chunk that is not needed yet is let go and read again when it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.records import Chunk, ChunkIndex, McapRecord, Message
from mcap.stream_reader import breakup_chunk

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag.staging import in_words

MOST_CHUNK = 1 << 28
"""A chunk of more bytes, decompressed, is refused: a few kilobytes can stand for gigabytes."""

MOST_HELD = 1 << 26
"""Of messages that wait for others to come first, bytes."""

_OVERHEAD = 300
"""Of a message in memory beside its data, about, bytes."""


def records_of(chunk: Chunk) -> list[McapRecord]:
    """What is in a chunk.

    Raises:
        InputError: If it is too large, or isn't what it says.
        Exception: Whatever a decompressor or a parser raises.
    """
    return breakup_chunk(_decompressed(chunk), validate_crc=True)


def in_order(
    stream: IO[bytes], indexes: Iterable[ChunkIndex], most_held: int = MOST_HELD
) -> Iterator[Message]:
    """The messages of chunks by time; those of one time as they lie in the file.

    Args:
        stream: The file.
        indexes: Of its chunks.
        most_held: So many bytes of messages wait, and those of one chunk.
    """
    waiting = [
        (index.message_start_time, index.chunk_start_offset, -1, key, _Opened(stream, index))
        for key, index in enumerate(indexes)
    ]
    heapq.heapify(waiting)
    opened: dict[int, _Opened] = {}
    held = 0
    while waiting:
        _, offset, number, key, chunk = heapq.heappop(waiting)
        if key not in opened:
            held += chunk.open()
            opened[key] = chunk
            if held > most_held:
                held -= _let_go(opened, key, held - most_held // 2)
        if number >= 0:
            message, size = chunk.take()
            held -= size
            yield message
        following = chunk.following()
        if following is None:
            del opened[key]
        else:
            heapq.heappush(waiting, (following[0], offset, following[1], key, chunk))


class _Opened:
    """A chunk, and how far it is read."""

    def __init__(self, stream: IO[bytes], index: ChunkIndex) -> None:
        self._stream = stream
        self._index = index
        self._messages: list[tuple[int, int, Message]] = []
        self._taken = 0
        self.size = 0

    def open(self) -> int:
        """Read what is left of it; its size, bytes."""
        start, length = self._index.chunk_start_offset, self._index.chunk_length
        if length > MOST_CHUNK:
            raise _too_large(length)
        self._stream.seek(start + 1 + 8)
        chunk = Chunk.read(ReadDataStream(self._stream))
        found = [
            (record.log_time, number, record)
            for number, record in enumerate(records_of(chunk))
            if isinstance(record, Message)
        ]
        found.sort(key=lambda item: item[:2], reverse=True)
        self._messages = found[: len(found) - self._taken]
        self.size = sum(_size(item[2]) for item in self._messages)
        return self.size

    def close(self) -> None:
        """Let go of its messages."""
        self._messages, self.size = [], 0

    def following(self) -> tuple[int, int] | None:
        """Time and number of its next message; None at its end."""
        return self._messages[-1][:2] if self._messages else None

    def take(self) -> tuple[Message, int]:
        """Its next message, and the size of that."""
        message = self._messages.pop()[2]
        self._taken += 1
        size = _size(message)
        self.size -= size
        return message, size


def _let_go(opened: dict[int, _Opened], wanted: int, excess: int) -> int:
    """Close the chunks whose next messages come last; the bytes that were theirs."""
    last = sorted(
        (key for key in opened if key != wanted),
        key=lambda key: opened[key].following() or (0, 0),
        reverse=True,
    )
    freed = 0
    for key in last:
        if freed >= excess:
            break
        freed += opened[key].size
        opened.pop(key).close()
    return freed


def _size(message: Message) -> int:
    return len(message.data) + _OVERHEAD


def _decompressed(chunk: Chunk) -> Chunk:
    """The same chunk without compression."""
    size = chunk.uncompressed_size
    if max(size, len(chunk.data)) > MOST_CHUNK:
        raise _too_large(max(size, len(chunk.data)))
    if chunk.compression == 'zstd':
        told = zstandard.frame_content_size(chunk.data)
        if told > size:
            raise InputError(f'A chunk says that it has {size} bytes, and has {told}.')
        data = zstandard.ZstdDecompressor().decompress(chunk.data, max_output_size=size)
    elif chunk.compression == 'lz4':
        decompressor = lz4.frame.LZ4FrameDecompressor()
        data = decompressor.decompress(chunk.data, max_length=size + 1)
        if len(data) <= size and not decompressor.eof:
            raise InputError(f'A chunk of {size} bytes is cut off.')
    else:
        return chunk
    if len(data) != size:
        raise InputError(f'A chunk says that it has {size} bytes, and has others.')
    return replace(chunk, compression='', data=data)


def _too_large(size: int) -> InputError:
    return InputError(
        f'A chunk of {in_words(size)} is refused; the most is {in_words(MOST_CHUNK)}. "mcap '
        'recompress" writes smaller ones.'
    )
