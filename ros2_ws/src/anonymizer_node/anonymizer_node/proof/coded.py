"""The coded bits of a JPEG's scan, laid out for following codes through them."""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.huffman import LONGEST, windows_of
from anonymizer_node.proof.jpeg_headers import COEFFICIENTS, MOST_BLOCKS

_RESTART = re.compile(rb'\xff[\xd0-\xd7]')

_AT_ONCE = 1 << 15
"""Coded bytes whose bits are laid out at a time."""

_AHEAD = MOST_BLOCKS * COEFFICIENTS * LONGEST // 8 + LONGEST
"""And behind these, for an MCU that begins in them, bytes."""


class Coded:
    """The bits of one scan, from restart marker to restart marker.

    Attributes:
        ends: Where each of the intervals ends, bits.
    """

    def __init__(self, coded: bytes) -> None:
        """Raises FrameError if there are markers that don't belong between blocks."""
        intervals = _RESTART.split(coded)
        for number, marker in enumerate(_RESTART.findall(coded)):
            if marker[1] & 7 != number % 8:
                raise FrameError('restart markers in another order than theirs')
        if any(item.count(b'\xff') != item.count(b'\xff\0') for item in intervals):
            raise FrameError('bytes between its blocks that are no codes')
        intervals = [item.replace(b'\xff\0', b'\xff') for item in intervals]
        self.ends = list(accumulate(8 * len(item) for item in intervals))
        self.bytes = b''.join(intervals)
        self._windows = array('H')
        self._start = self._end = 0

    def around(self, at: int) -> tuple[array[int], int, int]:
        """Sixteen bits from each bit on.

        Args:
            at: A bit that has to be among them.

        Returns:
            The bits; which one is their first; and up to which, counted from that, a whole MCU may
            begin. Behind the last of the scan there are ones.

        Raises:
            FrameError: If the bit is behind all that there are.
        """
        if at >= 8 * len(self.bytes):
            raise FrameError('coded blocks that end before the last one does')
        if not self._start <= at < self._end:
            start = at // 8
            piece = self.bytes[start : start + _AT_ONCE + _AHEAD]
            self._windows = array('H', windows_of(piece + b'\xff' * LONGEST).tobytes())
            self._start, self._end = 8 * start, 8 * (start + min(len(piece), _AT_ONCE))
        return self._windows, self._start, self._end - self._start

    def value(self, at: int, count: int) -> int:
        """The number that some bits make."""
        end = at + count
        piece = int.from_bytes(self.bytes[at // 8 : -(-end // 8)], 'big')
        return piece >> -end % 8 & ((1 << count) - 1)

    def finish(self, at: int, interval: int) -> None:
        """The last block of an interval has ended at a bit.

        Raises:
            FrameError: If there is more behind it than ones that fill a byte, or less than it.
        """
        left = self.ends[interval] - at
        last = interval == len(self.ends) - 1
        place = 'last block' if last else f'restart interval {interval + 1}'
        if left < 0:
            raise FrameError(f'coded blocks that end before its {place} does')
        if left >= 8:
            raise FrameError(f'{left // 8} bytes behind its {place}, which no decoder shows')
        if self.value(at, left) != (1 << left) - 1:
            raise FrameError(f'bits behind its {place} that are not all ones')


def no_code() -> FrameError:
    """What is wrong where the bits begin with no code, or one that leads beyond its block."""
    return FrameError('coded blocks that can not be followed to the last')
