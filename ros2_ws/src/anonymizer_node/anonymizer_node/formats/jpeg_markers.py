"""The markers of a JPEG file: is it one whole picture, and with which quantisation?

Everything that a decoder would show only a part of, or that two decoders would show differently,
is refused here, before a byte is decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.jpeg_frame import (
    EOI,
    SOS,
    FrameHeader,
    Segment,
    end_of_scan,
    is_frame,
    read_frame_header,
    segments,
)

MOST_SCANS = 100
"""A progressive picture has about ten; thousands keep a decoder busy for minutes."""

MOST_TABLES = 4096
"""All tables together take 2700 bytes. Where there are more in front of a scan most were never in
use, and may be anything, bytes."""

MOST_HEADS, MOST_HEAD = 4, 1 << 16
"""So many are kept for each thread, of so many bytes."""

_DHT, _DQT, _DRI, _COM = 0xC4, 0xDB, 0xDD, 0xFE
_APP0, _APP15 = 0xE0, 0xEF
_MOST_AC_BITS = 10
"""Of an AC coefficient of 8-bit pictures."""
_LOWER_HALVES = bytes(value & 15 for value in range(256))

NATURAL_ORDER = sorted(
    range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8)
)
"""Where in a block, row by row, each coefficient of the zigzag belongs."""


@dataclass(frozen=True)
class Picture:
    """A file that holds one whole picture, as far as its markers say.

    Attributes:
        header: What it claims to be.
        tables: Quantisation tables by id, (64,) int64 each, row by row.
        segments: Application data and comments in front of the first scan.
        later: Those behind it, which an edited picture loses.
        behind: What lies behind the end, which nobody looks at: an edited picture loses it, too.
        bounded: Whether no AC coefficient can be larger than `_MOST_AC_BITS` bits: the file has no
            code for one, and is no progressive one, where bits add up.
    """

    header: FrameHeader
    tables: Mapping[int, NDArray[np.int64]]
    segments: tuple[Segment, ...]
    later: tuple[Segment, ...] = ()
    behind: bytes = b''
    bounded: bool = False


class _Heads(threading.local):
    """The last files' bytes up to the coded blocks, and what they say.

    A camera writes the same ones each time. What is kept is of files in which nothing but EOI
    follows the blocks of the only scan, so that all that was said had been said before it.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, Picture]] = []

    def keep(self, head: bytes, picture: Picture) -> None:
        """Let it be known, and forget the oldest."""
        if len(head) <= MOST_HEAD:
            self.kept = [(head, replace(picture, behind=b'')), *self.kept[: MOST_HEADS - 1]]


_heads = _Heads()


def parse(data: bytes) -> Picture:
    """Check a file and read its markers.

    Raises:
        FrameError: If it isn't one whole picture, or claims more than `MOST_PIXELS`.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    for head, picture in _heads.kept:
        if data.startswith(head):
            end = end_of_scan(data, len(head)) + 2
            if data[end - 2 : end] == b'\xff\xd9':
                _check_length(picture.header, end)
                return replace(picture, behind=data[end:]) if data[end:] else picture
            break
    return _parsed(data)


def _parsed(data: bytes) -> Picture:
    """The same, read marker by marker."""
    header: FrameHeader | None = None
    scans: _Scans | None = None
    tables: dict[int, NDArray[np.int64]] = {}
    found: list[Segment] = []
    later: list[Segment] = []
    head = end = unused = 0
    bounded = True
    for segment in segments(data):
        end = segment.end
        if segment.marker in (_DQT, _DHT, _DRI):
            unused += len(segment.payload)
            if unused > MOST_TABLES:
                raise FrameError(
                    f'A JPEG has {unused} bytes of tables in front of one scan, which uses '
                    f'{MOST_TABLES} at most; it is damaged, or hides something.'
                )
        if is_frame(segment.marker):
            if header is not None:
                raise FrameError('A JPEG has two frame headers; it is damaged or a collection.')
            header = read_frame_header(segment)
        elif segment.marker == SOS:
            if header is None:
                raise FrameError('A JPEG has a scan but no frame header; it is damaged.')
            # Where the blocks of the only scan begin, if it is that.
            head = end if scans is None and not header.progressive else 0
            scans = scans or _Scans(header)
            scans.add(segment.payload)
            unused = 0
        elif segment.marker == _DQT:
            _add_tables(tables, segment.payload, fixed=scans is not None)
        elif segment.marker == _DHT:
            bounded = bounded and _is_bounded(segment.payload)
        elif _APP0 <= segment.marker <= _APP15 or segment.marker == _COM:
            (found if scans is None else later).append(segment)
        elif segment.marker not in (_DRI, EOI):
            raise FrameError(f'A JPEG has the unknown marker {segment.marker:#x}; it is damaged.')
    if header is None or scans is None:
        raise FrameError('A JPEG has no scan, so it holds no picture; it is damaged.')
    scans.check_complete()
    for component in header.components:
        if component.table not in tables:
            raise FrameError(f'A JPEG lacks its quantisation table {component.table}.')
    _check_length(header, end)
    bounded = bounded and not header.progressive
    picture = Picture(header, tables, tuple(found), tuple(later), data[end:], bounded)
    if head and data.startswith(b'\xff\xd9', end_of_scan(data, head)):
        _heads.keep(data[:head], picture)
    return picture


def _check_length(header: FrameHeader, length: int) -> None:
    """Refuse a file too short for what it claims, before memory is taken for the claim.

    A block has a code for its DC and, but for progressive pictures, one for its end: a bit each.

    Raises:
        FrameError: If it is.
    """
    blocks = sum(rows * columns for columns, rows in map(header.blocks, header.components))
    least = blocks if header.progressive else 2 * blocks
    if 8 * length < least:
        raise FrameError(
            f'A JPEG of {length} bytes claims {header.width}x{header.height} pixels, which take '
            f'{least // 8} bytes at least; it is cut off, or made to exhaust memory.'
        )


def _add_tables(tables: dict[int, NDArray[np.int64]], payload: bytes, fixed: bool) -> None:
    """Read one DQT segment; tables in use by a scan (`fixed`) must not change."""
    while payload:
        precision, identifier = payload[0] >> 4, payload[0] & 15
        size = 64 * (1 + precision)
        if precision > 1 or identifier > 3 or len(payload) < 1 + size:
            raise FrameError('A JPEG has a malformed quantisation table; it is damaged.')
        values = np.frombuffer(payload[1 : 1 + size], '>u2' if precision else 'u1')
        if not values.all():
            raise FrameError('A JPEG has a zero in a quantisation table; it is damaged.')
        table = np.zeros(64, np.int64)
        table[NATURAL_ORDER] = values
        if fixed and identifier in tables and (tables[identifier] != table).any():
            raise FrameError('A JPEG changes a quantisation table between scans.')
        tables[identifier] = table
        payload = payload[1 + size :]


def _is_bounded(payload: bytes) -> bool:
    """Whether the AC codes of a DHT segment reach no further than `_MOST_AC_BITS`."""
    while payload:
        end = 17 + sum(payload[1:17])
        if len(payload) < end:
            return False
        # A code's value is a run of zeros in its upper half, and the bits that follow in its lower.
        bits = payload[17:end].translate(_LOWER_HALVES)
        is_ac = payload[0] >> 4
        if is_ac and bits and max(bits) > _MOST_AC_BITS:
            return False
        payload = payload[end:]
    return True


class _Scans:
    """Which coefficients of which component the scans have brought so far.

    An incomplete progressive picture is refused: a decoder smooths it, which shows other pixels
    than the same coefficients in a complete one.
    """

    def __init__(self, header: FrameHeader) -> None:
        self._progressive = header.progressive
        self._count = 0
        # Bits still missing per coefficient; -1: never seen.
        self._missing = {component.identifier: np.full(64, -1) for component in header.components}

    def add(self, payload: bytes) -> None:
        """Take note of the header of one scan.

        Raises:
            FrameError: If it contradicts the frame header or repeats an earlier scan.
        """
        self._count += 1
        if self._count > MOST_SCANS:
            raise FrameError(f'A JPEG has more than {MOST_SCANS} scans; it would stall a decoder.')
        count = payload[0] if payload else 0
        if not 1 <= count <= 4 or len(payload) != 4 + 2 * count:
            raise FrameError('A JPEG has a malformed scan header; it is damaged.')
        first, last, low_bit = payload[-3], payload[-2], payload[-1] & 15
        for identifier in payload[1:-3:2]:
            missing = self._missing.get(identifier)
            if missing is None:
                raise FrameError(f'A JPEG has a scan of an unknown component {identifier}.')
            if self._progressive:
                missing[first : last + 1] = low_bit
            elif (missing >= 0).any():
                raise FrameError('A JPEG brings a component twice; decoders differ on which.')
            else:
                missing[:] = 0

    def check_complete(self) -> None:
        """All there?

        Raises:
            FrameError: If a component or a part of one never came.
        """
        if any(missing.any() for missing in self._missing.values()):
            raise FrameError('A JPEG lacks some of its scans; it is cut off.')
