"""Storage files that rosbag2 compressed as a whole, in zstd."""

from __future__ import annotations

import shutil
from pathlib import Path

import zstandard

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag.staging import NO_ROOM, NoRoomError, in_words, require_space

MOST_MESSAGE = 1 << 28
"""A message of more bytes, decompressed, is refused: a few kilobytes can stand for gigabytes."""

_HEAD = 64
_PIECE = 1024
_BLOCK = 2**20
_LOOK_EVERY = 64
"""Blocks that are written before the room on the disk is looked at again."""
_USUAL_RATIO = 4
"""How much larger a file is taken to be than its compressed form, where that doesn't say."""


def whole_size(path: Path) -> int:
    """Bytes of a file before it was compressed, or a guess; its own size if it isn't."""
    size = path.stat().st_size
    try:
        return _told_size(path) or size * _USUAL_RATIO
    except zstandard.ZstdError:
        return size


def unpack(path: Path, target: Path, may_break: bool) -> list[str]:
    """Decompress a file into another one.

    Args:
        path: Compressed.
        target: To be written.
        may_break: Keep what there is of a file that breaks off.

    Returns:
        What could not be read, as sentences.

    Raises:
        InputError: If there is no room, or the file is damaged and `may_break` is false.
        OSError: If it can't be read or written.
    """
    require_space(target.parent, whole_size(path), f'{path.name}, decompressed,')
    done = 0
    try:
        with path.open('rb') as packed, target.open('wb') as stream:
            reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
            while True:
                block = reader.read(_BLOCK)
                if not block:
                    break
                # What it says of its size may be untrue, or is said of its beginning only.
                if not done // _BLOCK % _LOOK_EVERY:
                    require_space(target.parent, len(block), f'{path.name}, decompressed,')
                stream.write(block)
                done += len(block)
        broken = done < _told_size(path)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise NoRoomError(
            f'{path.name} can not be decompressed in {str(target.parent)!r}: {error}; make room or '
            'name another target.'
        ) from error
    except zstandard.ZstdError as error:
        if not may_break:
            raise InputError(f'{path.name} can not be decompressed: {error}') from error
        broken = True
    if not broken:
        return []
    if not may_break:
        raise InputError(f'{path.name} breaks off after {in_words(done)}')
    return [f'{path.name} breaks off after {in_words(done)} of what was compressed.']


def message(data: bytes) -> bytes:
    """A message that rosbag2 compressed.

    Raises:
        zstandard.ZstdError: If it isn't one.
    """
    told = zstandard.frame_content_size(data)
    if told > MOST_MESSAGE:
        raise _too_large(told)
    if told >= 0:
        return zstandard.ZstdDecompressor().decompress(data)
    # Written as a stream it doesn't say how long it is. Of a piece come 32 MB at most.
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    blocks: list[bytes] = []
    size = 0
    for at in range(0, len(data), _PIECE):
        blocks.append(unpacking.decompress(data[at : at + _PIECE]))
        size += len(blocks[-1])
        if size > MOST_MESSAGE:
            raise _too_large(size)
        if unpacking.eof:
            return b''.join(blocks)
    raise zstandard.ZstdError('a compressed message is cut off')


def _too_large(size: int) -> zstandard.ZstdError:
    return zstandard.ZstdError(
        f'a message of at least {in_words(size)}, decompressed, is refused; the most is '
        f'{in_words(MOST_MESSAGE)}'
    )


def pack(path: Path, target: Path) -> None:
    """Compress a file into another one, and take the first away."""
    with path.open('rb') as stream, target.open('wb') as packed:
        writer = zstandard.ZstdCompressor().stream_writer(
            packed, size=path.stat().st_size, closefd=False
        )
        with writer:
            shutil.copyfileobj(stream, writer, _BLOCK)
    path.unlink()


def _told_size(path: Path) -> int:
    """Bytes that a compressed file says it holds; 0 if it doesn't say.

    Raises:
        zstandard.ZstdError: If it isn't compressed.
    """
    with path.open('rb') as stream:
        return max(0, int(zstandard.frame_content_size(stream.read(_HEAD))))
