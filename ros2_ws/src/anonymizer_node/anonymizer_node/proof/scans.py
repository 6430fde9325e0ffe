"""Where the coded blocks of a JPEG end: is there anything behind the last one, or between them?

Decoders pass over what follows the last block of a scan, or of a restart interval. The codes are
followed from one to the next, without a look at what they say, until as many blocks have been seen
as the picture has. Then there may be less than a byte of ones.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.coded import Coded, no_code
from anonymizer_node.proof.huffman import END, WINDOW, Code, codes_in, steps_of_ac, steps_of_dc
from anonymizer_node.proof.jpeg_headers import (
    COEFFICIENTS,
    MOST_BLOCKS,
    Frame,
    Scan,
    frame_in,
    scan_in,
)
from anonymizer_node.proof.progressive import Progress

MOST_SCANS = 100
"""A progressive picture has about ten."""

_DHT, _DRI, _SOS = 0xC4, 0xDD, 0xDA
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2

Block = tuple[bytes, bytes, bytes, bytes, bytes]
"""How a block of an MCU is followed: bits of its DC; coefficients and bits of several AC codes,
and of one at a time."""


def left_over(segments: Iterable[tuple[int, bytes, bytes]]) -> str:
    """What there is behind the blocks of a JPEG, or why that can't be told, or ''.

    Args:
        segments: Its markers, what they carry, and the coded bytes behind that.
    """
    reader = _Reader()
    try:
        for marker, payload, coded in segments:
            reader.take(marker, payload, coded)
    except FrameError as error:
        return str(error)
    return '' if reader.scans else 'no scan'


class _Reader:
    """What the markers have said so far.

    Attributes:
        scans: How many there were.
    """

    def __init__(self) -> None:
        self.scans = 0
        self._frame: Frame | None = None
        self._progress: Progress | None = None
        self._codes: dict[int, Code] = {}
        self._interval = 0

    def take(self, marker: int, payload: bytes, coded: bytes) -> None:
        """The next segment.

        Raises:
            FrameError: If it doesn't say what it should, or there is something behind its blocks.
        """
        if marker == _DHT:
            self._codes.update(codes_in(payload))
        elif marker == _DRI:
            if len(payload) != 2:
                raise FrameError('a restart interval that can not be read')
            self._interval = int.from_bytes(payload, 'big')
        elif marker in _SEQUENTIAL or marker == _PROGRESSIVE:
            if self._frame is not None:
                raise FrameError('two frame headers')
            self._frame = frame_in(payload, marker == _PROGRESSIVE)
            self._progress = Progress(self._frame) if self._frame.progressive else None
        elif marker == _SOS:
            if self._frame is None:
                raise FrameError('a scan without a frame header')
            self.scans += 1
            if self.scans > MOST_SCANS:
                raise FrameError(f'more than {MOST_SCANS} scans')
            self._scan(self._frame, scan_in(payload, self._frame), Coded(coded))

    def _scan(self, frame: Frame, scan: Scan, coded: Coded) -> None:
        chosen = [frame.components[name] for name in scan.names]
        alone = len(chosen) == 1
        each = [1 if alone else item.across * item.down for item in chosen]
        if sum(each) > MOST_BLOCKS:
            raise FrameError(f'{sum(each)} blocks in an MCU')
        sizes = _sizes(chosen[0].blocks if alone else frame.mcus, self._interval, coded)
        if self._progress is not None:
            self._progress.follow(scan, coded, sizes, each, self._code)
            return
        blocks: list[Block] = []
        for dc, ac, count in zip(scan.dc, scan.ac, each, strict=True):
            blocks += [self._block(dc, ac)] * count
        at = 0
        for number, size in enumerate(sizes):
            coded.finish(_follow(coded, at, size, blocks), number)
            at = coded.ends[number]

    def _block(self, dc: int, ac: int) -> Block:
        code = self._code(0x10 | ac)
        many, one = steps_of_ac(code, WINDOW), steps_of_ac(code, 1)
        return (steps_of_dc(self._code(dc)), *many, *one)

    def _code(self, number: int) -> Code:
        if number not in self._codes:
            raise FrameError('codes of which it has no table')
        return self._codes[number]


def _sizes(units: int, interval: int, coded: Coded) -> list[int]:
    """How many units each restart interval has.

    Raises:
        FrameError: If there are more or fewer intervals than that takes.
    """
    size = min(interval or units, units)
    count = math.ceil(units / size)
    if len(coded.ends) < count:
        raise FrameError('fewer restart intervals than it says')
    if len(coded.ends) > count:
        left = (coded.ends[-1] - coded.ends[count - 1]) // 8
        raise FrameError(f'{left} bytes behind a restart marker where no block is left')
    return [size] * (count - 1) + [units - size * (count - 1)]


def _follow(coded: Coded, at: int, units: int, blocks: Sequence[Block]) -> int:
    """Where so many MCUs end.

    Raises:
        FrameError: If they can't be followed so far.
    """
    while units:
        windows, start, stop = coded.around(at)
        at, units = _mcus(windows, at - start, stop, units, blocks)
        at += start
    return at


def _mcus(
    windows: array[int], at: int, stop: int, units: int, blocks: Sequence[Block]
) -> tuple[int, int]:
    """Follow MCUs as long as they begin in front of a bit; where that led, how many are left.

    Nearly all of the time goes by here.
    """
    whole, over = COEFFICIENTS, COEFFICIENTS + END
    while units and at < stop:
        for dc, coefficients, bits, one_coefficient, one_bits in blocks:
            taken = dc[windows[at]]
            if not taken:
                raise no_code()
            at += taken
            reached = 1
            while reached < whole:
                window = windows[at]
                reached += coefficients[window]
                at += bits[window]
            if whole < reached <= END or reached >= over:
                # One of the last codes begins the next block, or there is none.
                at -= bits[window]
                reached -= coefficients[window]
                while reached < whole:
                    window = windows[at]
                    reached += one_coefficient[window]
                    at += one_bits[window]
                if whole < reached <= END or reached >= over:
                    raise no_code()
        units -= 1
    return at, units
