"""Following the codes of a progressive JPEG, of which each scan shows some bits of coefficients.

How many bits a scan takes that refines AC coefficients depends on which of them were not zero
before, so these are kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.coded import Coded, no_code
from anonymizer_node.proof.huffman import Code, steps_of_dc, symbols_of
from anonymizer_node.proof.jpeg_headers import COEFFICIENTS, Frame, Scan

MOST_KEPT = 1 << 27
"""Coefficients of a component of which it is kept whether they are zero."""

_ZRL = 0xF0
_ZEROS = 16

Tables = Callable[[int], Code]
"""Gives the table with a class (high half) and number (low half), or raises FrameError."""


class Progress:
    """What the scans of a picture have shown so far."""

    def __init__(self, frame: Frame) -> None:
        """Nothing is shown yet."""
        self._frame = frame
        self._low: dict[int, list[int | None]] = {
            name: [None] * COEFFICIENTS for name in frame.components
        }
        self._shown: dict[int, NDArray[np.bool_]] = {}

    def follow(
        self, scan: Scan, coded: Coded, sizes: Sequence[int], each: Sequence[int], tables: Tables
    ) -> None:
        """Follow a scan to its end.

        Args:
            scan: The next one.
            coded: Its bits.
            sizes: Units in each restart interval: MCUs, or blocks of the only component.
            each: Blocks of each component in a unit.
            tables: Of codes.

        Raises:
            FrameError: If it can't be followed, there is something behind its blocks, or it shows
                again what was shown.
        """
        self._step(scan)
        if scan.first > 0:
            self._ac(scan, coded, sizes, tables)
            return
        at = 0
        blocks: list[bytes] = []
        if not scan.before:
            for number, count in zip(scan.dc, each, strict=True):
                blocks += [steps_of_dc(tables(number))] * count
        for number, size in enumerate(sizes):
            at = _dc(coded, at, size, blocks) if blocks else at + size * sum(each)
            coded.finish(at, number)
            at = coded.ends[number]

    def detailed(self, name: int) -> NDArray[np.bool_]:
        """Which blocks of a component are more than one shade, as far as it was shown."""
        item = self._frame.components[name]
        if name not in self._shown:
            return np.zeros((item.rows, item.columns), np.bool_)
        return self._shown[name].any(axis=1).reshape(item.rows, item.columns)

    def _step(self, scan: Scan) -> None:
        """Note what a scan shows.

        Raises:
            FrameError: If that was shown before, or what it refines was not.
        """
        band = slice(scan.first, scan.last + 1)
        for name in scan.names:
            shown = set(self._low[name][band])
            if shown != {scan.before or None} or (scan.before and scan.before != scan.low + 1):
                raise FrameError('a scan of what it has shown, or before what it refines')
            self._low[name][band] = [scan.low] * (scan.last + 1 - scan.first)

    def _ac(self, scan: Scan, coded: Coded, sizes: Sequence[int], tables: Tables) -> None:
        (name,), (number,) = scan.names, scan.ac
        count = self._frame.components[name].columns * self._frame.components[name].rows
        if count * COEFFICIENTS > MOST_KEPT:
            raise FrameError('a progressive picture of more blocks than can be followed')
        if name not in self._shown:
            self._shown[name] = np.zeros((count, COEFFICIENTS), np.bool_)
        shown = self._shown[name]
        bits = _Band(scan, coded, tables(0x10 | number), shown)
        refine = bits.refine if scan.before else bits.begin
        at = first = 0
        for number, size in enumerate(sizes):
            coded.finish(refine(at, first, first + size), number)
            at, first = coded.ends[number], first + size
        shown.reshape(-1)[bits.found] = True


class _Band:
    """A scan of some AC coefficients.

    Attributes:
        found: Those that it shows not to be zero, counted through all blocks.
    """

    def __init__(self, scan: Scan, coded: Coded, code: Code, shown: NDArray[np.bool_]) -> None:
        self._first, self._last = scan.first, scan.last
        self._coded = coded
        self._symbols, self._lengths = symbols_of(code)
        self.found: list[int] = []
        self._zeros = b''
        self._zeros_before = [0]
        self._width = scan.last + 1 - scan.first
        if scan.before:
            zero = ~shown[:, scan.first : scan.last + 1]
            places = np.arange(scan.first, scan.last + 1, dtype=np.uint8)
            self._zeros = np.broadcast_to(places, zero.shape)[zero].tobytes()
            self._zeros_before += np.cumsum(zero.sum(axis=1)).tolist()

    def begin(self, at: int, block: int, end: int) -> int:
        """Where the codes of some blocks end, of which nothing was shown."""
        first, last = self._first, self._last
        symbols, lengths, found = self._symbols, self._lengths, self.found
        while block < end:
            windows, start, stop = self._coded.around(at)
            place = at - start
            while block < end and place < stop:
                here = first
                while here <= last:
                    window = windows[place]
                    symbol, length = symbols[window], lengths[window]
                    if not length:
                        raise no_code()
                    run, size = symbol >> 4, symbol & 15
                    place += length + size
                    if size:
                        here += run
                        found.append(block * COEFFICIENTS + here)
                        here += 1
                    elif symbol == _ZRL:
                        here += _ZEROS
                    else:
                        block += (1 << run) - 1 + self._coded.value(start + place, run)
                        place += run
                        break
                if here > last + 1:
                    raise no_code()
                block += 1
            at = start + place
        return self._ended(at, block, end)

    def refine(self, at: int, block: int, end: int) -> int:
        """Where the codes of some blocks end, of which something was shown."""
        first, last = self._first, self._last
        symbols, lengths, found = self._symbols, self._lengths, self.found
        zeros, before = self._zeros, self._zeros_before
        while block < end:
            windows, start, stop = self._coded.around(at)
            place = at - start
            while block < end and place < stop:
                here, zero, behind = first, before[block], before[block + 1]
                while here <= last:
                    window = windows[place]
                    symbol, length = symbols[window], lengths[window]
                    if not length:
                        raise no_code()
                    run, size = symbol >> 4, symbol & 15
                    place += length
                    if size or symbol == _ZRL:
                        zero += run
                        if zero >= behind or size > 1:
                            raise no_code()
                        place += size + zeros[zero] - here - run
                        if size:
                            found.append(block * COEFFICIENTS + zeros[zero])
                        here = zeros[zero] + 1
                        zero += 1
                        continue
                    through = block + (1 << run) + self._coded.value(start + place, run)
                    if through > end:
                        raise no_code()
                    # Of the rest of this block, and of others that have nothing new, each that
                    # was not zero takes a bit.
                    place += run + last + 1 - here + (through - block - 1) * self._width
                    place -= before[through] - zero
                    block = through - 1
                    break
                block += 1
            at = start + place
        return self._ended(at, block, end)

    @staticmethod
    def _ended(at: int, block: int, end: int) -> int:
        if block > end:
            raise no_code()
        return at


def _dc(coded: Coded, at: int, units: int, blocks: Sequence[bytes]) -> int:
    """Where the first bits of the DC coefficients of so many MCUs end."""
    while units:
        windows, start, stop = coded.around(at)
        at, units = _mcus(windows, at - start, stop, units, blocks)
        at += start
    return at


def _mcus(
    windows: array[int], at: int, stop: int, units: int, blocks: Sequence[bytes]
) -> tuple[int, int]:
    while units and at < stop:
        for steps in blocks:
            taken = steps[windows[at]]
            if not taken:
                raise no_code()
            at += taken
        units -= 1
    return at, units
