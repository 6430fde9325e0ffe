"""Where the coded blocks of a JPEG end: is there anything behind the last one, or between them?

Decoders pass over what follows the last block of a scan, or of a restart interval. The codes are
followed from one to the next, without a look at what they say, until as many blocks have been seen
as the picture has. Then there may be less than a byte of ones.

On the way it is seen which blocks are more than one shade. One that is darker than black shows
nothing of what else it holds, since decoders clip it. Where each block is said to be one shade it
may hold nothing else.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
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
from anonymizer_node.proof.union import covered_by

MOST_SCANS = 100
"""A progressive picture has about ten."""

MOST_PIXELS = 1 << 28
"""Of a picture whose blocks are looked for in regions."""

_DHT, _DRI, _SOS = 0xC4, 0xDD, 0xDA
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2

_BLOCK_PX = 8

_ONE_SHADE = 1 + END
"""What a block reaches that has no AC coefficient."""

Block = tuple[bytes, bytes, bytes, bytes, bytes]
"""How a block of an MCU is followed: bits of its DC; coefficients and bits of several AC codes,
and of one at a time."""


def left_over(segments: Iterable[tuple[int, bytes, bytes]], flat: Sequence[Region] = ()) -> str:
    """What there is behind the blocks of a JPEG, or why that can't be told, or ''.

    Args:
        segments: Its markers, what they carry, and the coded bytes behind that.
        flat: Regions in which each block is said to be one shade.
    """
    reader = _Reader()
    try:
        for marker, payload, coded in segments:
            reader.take(marker, payload, coded)
        more = reader.more_in(flat) if flat else 0
    except FrameError as error:
        return str(error)
    if more:
        return f'{more} blocks that hold more than their one shade'
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
        self._detailed: dict[int, NDArray[np.bool_]] = {}

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

    def more_in(self, flat: Sequence[Region]) -> int:
        """How many blocks in some regions are more than one shade.

        Raises:
            FrameError: If it can't be told where its blocks are.
        """
        frame, count = self._frame, 0
        if frame is None:
            return 0
        if frame.width * frame.height > MOST_PIXELS:
            raise FrameError(f'{frame.width}x{frame.height} pixels, which are too many')
        pixels = covered_by(flat, frame.height, frame.width)
        # Where decoders mix colours a region is stated with one pixel more than was obscured.
        if frame.across > 1 and frame.width % _BLOCK_PX == 1:
            pixels[:, -1] = False
        if frame.down > 1 and frame.height % _BLOCK_PX == 1:
            pixels[-1] = False
        for name, item in frame.components.items():
            if frame.across % item.across or frame.down % item.down:
                raise FrameError('blocks of which it can not be told where they are')
            detailed = self._detailed.get(name)
            if self._progress is not None:
                detailed = self._progress.detailed(name)
            if detailed is not None:
                width = _BLOCK_PX * frame.across // item.across
                height = _BLOCK_PX * frame.down // item.down
                count += int((detailed & _blocks_of(pixels, detailed.shape, width, height)).sum())
        return count

    def _scan(self, frame: Frame, scan: Scan, coded: Coded) -> None:
        chosen = [frame.components[name] for name in scan.names]
        alone = len(chosen) == 1
        each = [1 if alone else item.across * item.down for item in chosen]
        if sum(each) > MOST_BLOCKS:
            raise FrameError(f'{sum(each)} blocks in an MCU')
        grid = chosen[0] if alone else frame
        columns, rows = grid.columns, grid.rows
        sizes = _sizes(columns * rows, self._interval, coded)
        if self._progress is not None:
            self._progress.follow(scan, coded, sizes, each, self._code)
            return
        blocks: list[Block] = []
        for dc, ac, count in zip(scan.dc, scan.ac, each, strict=True):
            blocks += [self._block(dc, ac)] * count
        at, reached = 0, bytearray()
        for number, size in enumerate(sizes):
            coded.finish(_follow(coded, at, size, blocks, reached), number)
            at = coded.ends[number]
        detailed = (np.frombuffer(reached, np.uint8) != _ONE_SHADE).reshape(rows, columns, -1)
        first = 0
        for name, item, count in zip(scan.names, chosen, each, strict=True):
            down, across = (1, 1) if alone else (item.down, item.across)
            its = detailed[:, :, first : first + count].reshape(rows, columns, down, across)
            whole = its.transpose(0, 2, 1, 3).reshape(rows * down, columns * across)
            self._detailed[name] = whole | self._detailed.get(name, False)
            first += count

    def _block(self, dc: int, ac: int) -> Block:
        code = self._code(0x10 | ac)
        many, one = steps_of_ac(code, WINDOW), steps_of_ac(code, 1)
        return (steps_of_dc(self._code(dc)), *many, *one)

    def _code(self, number: int) -> Code:
        if number not in self._codes:
            raise FrameError('codes of which it has no table')
        return self._codes[number]


def _blocks_of(
    pixels: NDArray[np.bool_], shape: tuple[int, ...], width: int, height: int
) -> NDArray[np.bool_]:
    """Which blocks have no pixel that isn't one of these; beyond its edge a picture goes on."""
    missing = shape[0] * height - pixels.shape[0], shape[1] * width - pixels.shape[1]
    wide = np.pad(pixels, ((0, missing[0]), (0, missing[1])), mode='edge')
    return np.asarray(wide.reshape(shape[0], height, shape[1], width).all(axis=(1, 3)), np.bool_)


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


def _follow(coded: Coded, at: int, units: int, blocks: Sequence[Block], reached: bytearray) -> int:
    """Where so many MCUs end. For `reached` see `_mcus`.

    Raises:
        FrameError: If they can't be followed so far.
    """
    while units:
        windows, start, stop = coded.around(at)
        at, units = _mcus(windows, at - start, stop, units, blocks, reached)
        at += start
    return at


def _mcus(
    windows: array[int],
    at: int,
    stop: int,
    units: int,
    blocks: Sequence[Block],
    ends: bytearray,
) -> tuple[int, int]:
    """Follow MCUs as long as they begin in front of a bit; where that led, how many are left.

    Which coefficient each block reached is put behind `ends`, with `END` if the rest is zeros.
    Nearly all of the time goes by here.
    """
    whole, over, put = COEFFICIENTS, COEFFICIENTS + END, ends.append
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
            put(reached)
        units -= 1
    return at, units
