"""Whether a PNG file holds the rows that its header tells of, and not one byte of others.

A decoder reads the rows that it is told of and passes over what else is among them: a taller
picture, a second stream of rows, or a second run of chunks would leave unseen with the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from anonymizer_node.core.errors import FrameError

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by colour type."""

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
"""Of interlaced rows: first column, first row, and the steps from there."""

_LENGTHS = {b'IHDR': range(13, 14), b'PLTE': range(3, 769), b'IEND': range(1)}
_PIECE = 1 << 16
_BLOCK = 1 << 20


class Chunk(NamedTuple):
    """One chunk; `whole` is with its length, kind and CRC."""

    kind: bytes
    content: bytes
    whole: bytes


def check_rows(chunks: Sequence[Chunk]) -> None:
    """Refuse a picture that a decoder would show a part of.

    Args:
        chunks: Of a whole file, beginning with IHDR.

    Raises:
        FrameError: If its rows are more or fewer than its header tells, or lie about in the file.
    """
    kinds = [chunk.kind for chunk in chunks]
    for chunk in chunks:
        once = chunk.kind not in _LENGTHS or kinds.count(chunk.kind) == 1
        fits = chunk.kind not in _LENGTHS or len(chunk.content) in _LENGTHS[chunk.kind]
        if not once or not fits:
            raise FrameError(
                f'A PNG holds {kinds.count(chunk.kind)} chunks {chunk.kind!r}, one of '
                f'{len(chunk.content)} bytes; it is damaged.'
            )
        if (chunk.kind == b'IDAT' or chunk.kind in _LENGTHS) and not _intact(chunk):
            raise FrameError(f'The chunk {chunk.kind!r} of a PNG is damaged: its CRC is wrong.')
    rows = [number for number, kind in enumerate(kinds) if kind == b'IDAT']
    if rows and rows[-1] - rows[0] >= len(rows):
        raise FrameError(
            'The rows of a PNG lie in two places (IDAT), of which a decoder shows the first only.'
        )
    expected = _size_of(chunks[0].content)
    found, ended, behind = _inflated([chunks[number].content for number in rows], expected)
    if found != expected or not ended:
        much = f'more than {expected}' if found > expected else str(found)
        raise FrameError(
            f'The rows of a PNG are {much} bytes, and its header tells of {expected}: it is '
            'damaged, or holds more than it shows.'
        )
    if behind:
        raise FrameError(f'Behind the rows of a PNG are {behind} bytes that no decoder shows.')


def _intact(chunk: Chunk) -> bool:
    return zlib.crc32(chunk.whole[4:-4]) == int.from_bytes(chunk.whole[-4:], 'big')


def _size_of(header: bytes) -> int:
    """Bytes of the rows that a header tells of, each with the byte for its filter."""
    width, height = int.from_bytes(header[:4], 'big'), int.from_bytes(header[4:8], 'big')
    bits = header[8] * SAMPLES.get(header[9], 1)
    passes = _PASSES if header[12] else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns = max(0, -(-(width - x) // step_x))
        rows = max(0, -(-(height - y) // step_y))
        if columns:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _inflated(contents: Sequence[bytes], most: int) -> tuple[int, bool, int]:
    """Bytes of the rows, not much more than `most`; whether they end there; bytes behind them.

    Nothing is held but a block of them.
    """
    stream = zlib.decompressobj()
    found = behind = 0
    try:
        for content in contents:
            for at in range(0, len(content), _PIECE):
                rest = content[at : at + _PIECE]
                while rest and not stream.eof:
                    found += len(stream.decompress(rest, _BLOCK))
                    rest = stream.unconsumed_tail
                    if found > most:
                        return found, False, 0
                if stream.eof:
                    behind += len(rest)
        while not stream.eof:  # What zlib still holds back.
            block = stream.decompress(b'', _BLOCK)
            found += len(block)
            if not block or found > most:
                break
    except zlib.error as error:
        raise FrameError(f'The rows of a PNG are damaged: {error}.') from error
    return found, stream.eof, behind + len(stream.unused_data)
