"""What the headers of a JPEG's frame and scans say of how many blocks there are, and of what."""

from __future__ import annotations

import math
from typing import NamedTuple

from anonymizer_node.core.errors import FrameError

COEFFICIENTS = 64
"""Of a block."""

MOST_BLOCKS = 10
"""Of an MCU."""

_MOST_LOW = 13
"""Bits that the first scan of a progressive picture may leave out."""


class Component(NamedTuple):
    """One of a picture's components.

    Attributes:
        across: Blocks in an MCU, from left to right.
        down: From top to bottom.
        columns: Of blocks that it has in a scan of its own.
        rows: And rows.
    """

    across: int
    down: int
    columns: int
    rows: int


class Frame(NamedTuple):
    """What a picture says that it is.

    Attributes:
        progressive: Whether it comes in several scans, each refining it.
        components: By their number.
        across: The most blocks that one has in an MCU, from left to right: each 8 pixels wide.
        down: From top to bottom.
        columns: Of MCUs, in a scan of several components.
        rows: And rows.
        width: Pixels.
        height: Pixels.
    """

    progressive: bool
    components: dict[int, Component]
    across: int
    down: int
    columns: int
    rows: int
    width: int
    height: int


class Scan(NamedTuple):
    """What a scan says that it holds.

    Attributes:
        names: Of its components.
        dc: Number of the table of each for DC coefficients.
        ac: And for AC coefficients.
        first, last: Coefficients, in the order in which they are stored.
        before, low: Bits below which they were left out before, and are now.
    """

    names: tuple[int, ...]
    dc: tuple[int, ...]
    ac: tuple[int, ...]
    first: int
    last: int
    before: int
    low: int


def frame_in(payload: bytes, progressive: bool) -> Frame:
    """Read a frame header.

    Raises:
        FrameError: If it can't be one.
    """
    count = payload[5] if len(payload) > 5 else 0
    described = [tuple(payload[at : at + 3]) for at in range(6, len(payload), 3)]
    if not 1 <= count <= 4 or len(payload) != 6 + 3 * count:
        raise FrameError('a frame header that can not be read')
    height, width = (int.from_bytes(payload[at : at + 2], 'big') for at in (1, 3))
    factors = [half for _, both, _ in described for half in divmod(both, 16)]
    if (
        len({name for name, *_ in described}) != count
        or payload[0] != 8
        or not (width and height)
        or not all(1 <= factor <= 4 for factor in factors)
    ):
        raise FrameError('a frame header that can not be read')
    most_x, most_y = max(factors[::2]), max(factors[1::2])
    components = {}
    for name, both, _ in described:
        across, down = divmod(both, 16)
        columns = math.ceil(math.ceil(width * across / most_x) / 8)
        rows = math.ceil(math.ceil(height * down / most_y) / 8)
        components[name] = Component(across, down, columns, rows)
    columns, rows = math.ceil(width / (8 * most_x)), math.ceil(height / (8 * most_y))
    return Frame(progressive, components, most_x, most_y, columns, rows, width, height)


def scan_in(payload: bytes, frame: Frame) -> Scan:
    """Read a scan header.

    Raises:
        FrameError: If it can't be one of this frame.
    """
    count = payload[0] if payload else 0
    names, tables = tuple(payload[1:-3:2]), payload[2:-3:2]
    if (
        not 1 <= count <= 4
        or len(payload) != 4 + 2 * count
        or len(set(names)) != count
        or not set(names) <= frame.components.keys()
    ):
        raise FrameError('a scan header that can not be read')
    first, last, before, low = payload[-3], payload[-2], *divmod(payload[-1], 16)
    if frame.progressive:
        one = last == 0 if first == 0 else count == 1 and first <= last < COEFFICIENTS
        sound = one and low <= _MOST_LOW and before in (0, low + 1)
    else:
        sound = (first, last, before, low) == (0, COEFFICIENTS - 1, 0, 0)
    if not sound:
        raise FrameError('a scan of coefficients that its kind of picture does not have')
    dc, ac = (tuple(half[at] for half in map(_halves, tables)) for at in (0, 1))
    return Scan(names, dc, ac, first, last, before, low)


def _halves(value: int) -> tuple[int, int]:
    return value >> 4, value & 15
