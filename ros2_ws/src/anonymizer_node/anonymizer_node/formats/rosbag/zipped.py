"""Storage files that rosbag2 compressed as a whole, in zstd."""

from __future__ import annotations

import shutil
from pathlib import Path

import zstandard

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag.staging import in_words, require_space

_HEAD = 64
_BLOCK = 2**20
_USUAL_RATIO = 4
"""How much larger a file is taken to be than its compressed form, where that doesn't say."""


def whole_size(path: Path) -> int:
    """Bytes of a file before it was compressed, or a guess; its own size if it isn't."""
    size = path.stat().st_size
    with path.open('rb') as stream:
        head = stream.read(_HEAD)
    try:
        told = int(zstandard.frame_content_size(head))
    except zstandard.ZstdError:
        return size
    return told if told > 0 else size * _USUAL_RATIO


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
                stream.write(block)
                done += len(block)
        told = whole_size(path)
        broken = done < told and _says_its_size(path)
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
    decompressor = zstandard.ZstdDecompressor()
    if zstandard.frame_content_size(data) >= 0:
        return decompressor.decompress(data)
    # Written as a stream it doesn't say how long it is.
    unpacking = decompressor.decompressobj()
    whole = unpacking.decompress(data)
    if not unpacking.eof:
        raise zstandard.ZstdError('a compressed message is cut off')
    return whole


def pack(path: Path, target: Path) -> None:
    """Compress a file into another one, and take the first away."""
    with path.open('rb') as stream, target.open('wb') as packed:
        writer = zstandard.ZstdCompressor().stream_writer(
            packed, size=path.stat().st_size, closefd=False
        )
        with writer:
            shutil.copyfileobj(stream, writer, _BLOCK)
    path.unlink()


def _says_its_size(path: Path) -> bool:
    with path.open('rb') as stream:
        head = stream.read(_HEAD)
    try:
        return int(zstandard.frame_content_size(head)) > 0
    except zstandard.ZstdError:
        return False
