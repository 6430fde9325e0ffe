"""What a JPEG file claims to be: its markers one by one, and its frame header."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.geometry import aligned

MOST_PIXELS = 1 << 27
"""No picture that claims more is decoded."""

SOS = 0xDA
EOI = 0xD9
_SOI, _DHT, _JPG, _DAC, _DHP = 0xD8, 0xC4, 0xC8, 0xCC, 0xDE
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_SEARCHED_AT_ONCE = 1 << 16


class Segment(NamedTuple):
    """A marker with what it carries.

    Attributes:
        marker: Its second byte.
        payload: Behind the length.
        end: Position in the file behind it, bytes.
    """

    marker: int
    payload: bytes
    end: int


class Component(NamedTuple):
    """One plane of the picture: luma, a chroma, red, ...

    Attributes:
        identifier: Its name in the file.
        horizontal: Blocks in a row of an MCU; 1 if it is the only component.
        vertical: Blocks in a column of an MCU; 1 if it is the only component.
        table: Id of its quantisation table.
    """

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class FrameHeader:
    """What a picture claims to be.

    Attributes:
        width: Columns, pixels.
        height: Rows, pixels.
        progressive: Whether it is stored in scans of rising quality.
        components: One or three.
    """

    width: int
    height: int
    progressive: bool
    components: tuple[Component, ...]

    @property
    def grey(self) -> bool:
        """Whether there is no colour in it."""
        return len(self.components) == 1

    @functools.cached_property
    def step_x(self) -> int:
        """Columns of an MCU, the smallest piece that all components share, pixels."""
        return 8 * max(component.horizontal for component in self.components)

    @functools.cached_property
    def step_y(self) -> int:
        """Rows of an MCU, pixels."""
        return 8 * max(component.vertical for component in self.components)

    def blocks(self, component: Component) -> tuple[int, int]:
        """Columns and rows of blocks that a component has; the last ones may be cut off."""
        return (
            -(-self.width * component.horizontal // self.step_x),
            -(-self.height * component.vertical // self.step_y),
        )

    def widened(self, region: Region) -> Region:
        """A region grown to whole MCUs, clipped to the picture."""
        return aligned(region, self.step_x, self.step_y, self.width, self.height)


def frame_header(data: bytes) -> FrameHeader:
    """What a file claims to be; what comes behind that may be damaged.

    Raises:
        FrameError: If it doesn't say, or claims more than `MOST_PIXELS`.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    for segment in segments(data):
        if is_frame(segment.marker):
            return read_frame_header(segment)
    raise FrameError('A JPEG has no frame header, so it holds no picture; it is damaged.')


def segments(data: bytes) -> Iterator[Segment]:
    """The markers of a file from the first to EOI.

    Raises:
        FrameError: If it is no JPEG, or its markers don't lead to EOI.
    """
    if data[:3] != b'\xff\xd8\xff':
        raise FrameError(f'Data beginning with {data[:3].hex() or "nothing"} is not a JPEG.')
    position = 2
    while True:
        start = position
        while data[position : position + 1] == b'\xff':
            position += 1
        if position >= len(data):
            raise _cut_off(data)
        marker = data[position]
        position += 1
        if position == start + 1 or marker < 0xC0 or 0xD0 <= marker <= _SOI:
            raise FrameError(
                f'A JPEG has no marker at byte {start}, where one belongs; it is damaged.'
            )
        if marker == EOI:
            yield Segment(marker, b'', position)
            return
        length = int.from_bytes(data[position : position + 2], 'big')
        if position + max(length, 2) > len(data):
            raise _cut_off(data)
        if length < 2:
            raise FrameError(f'A JPEG has a marker of length {length}; it is damaged.')
        yield Segment(marker, data[position + 2 : position + length], position + length)
        position += length
        if marker == SOS:
            position = end_of_scan(data, position)


def end_of_scan(data: bytes, position: int) -> int:
    """Where the first marker lies behind coded blocks, but for restart markers.

    Raises:
        FrameError: If there is none.
    """
    # In windows, as a file may have many scans, and with NumPy, which takes a fifth of the time
    # of a regular expression.
    codes = np.frombuffer(data, np.uint8)
    for start in range(position, len(data) - 1, _SEARCHED_AT_ONCE):
        window = codes[start : start + _SEARCHED_AT_ONCE + 1]
        first, second = window[:-1], window[1:]
        found = (first == 0xFF) & (second != 0)
        if not found.any():
            continue
        places = np.flatnonzero(found)
        kinds = second[places]
        places = places[(kinds != 0xFF) & ((kinds < 0xD0) | (kinds > 0xD7))]
        if len(places):
            return start + int(places[0])
    raise _cut_off(data)


def _cut_off(data: bytes) -> FrameError:
    return FrameError(
        f'A JPEG of {len(data)} bytes has no end marker: it is cut off. '
        'Look for lost packets between camera and driver.'
    )


def is_frame(marker: int) -> bool:
    """Whether a marker stands for a frame header, or for what only unsupported frames have."""
    return marker == _DHP or (0xC0 <= marker <= 0xCF and marker not in (_DHT, _JPG))


def read_frame_header(segment: Segment) -> FrameHeader:
    """What a frame header says.

    Raises:
        FrameError: If it contradicts itself, or claims more than `MOST_PIXELS`.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    if segment.marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise _unsupported('arithmetic, lossless or hierarchical coding', f'{segment.marker:#x}')
    payload = segment.payload
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise FrameError(f'A JPEG has a frame header of {len(payload)} bytes; it is damaged.')
    precision, count = payload[0], payload[5]
    height = int.from_bytes(payload[1:3], 'big')
    width = int.from_bytes(payload[3:5], 'big')
    if precision != 8:
        raise _unsupported('a precision other than 8 bits', precision)
    if count not in (1, 3):
        raise _unsupported('components in another number than 1 or 3 (CMYK has 4)', count)
    if not 0 < width * height <= MOST_PIXELS:
        raise FrameError(
            f'A JPEG claims {width}x{height} pixels; supported are 1 to {MOST_PIXELS} pixels.'
        )
    components = []
    for identifier, factors, table in zip(payload[6::3], payload[7::3], payload[8::3], strict=True):
        horizontal, vertical = factors >> 4, factors & 15
        if not (1 <= horizontal <= 4 and 1 <= vertical <= 4 and table <= 3):
            raise FrameError(
                f'A JPEG has a component of {horizontal}x{vertical} blocks with quantisation '
                f'table {table}; it is damaged.'
            )
        if count == 1:
            horizontal = vertical = 1
        components.append(Component(identifier, horizontal, vertical, table))
    if len({component.identifier for component in components}) != count:
        raise FrameError('A JPEG has two components of one name; it is damaged.')
    return FrameHeader(width, height, segment.marker == _PROGRESSIVE, tuple(components))


def _unsupported(what: str, value: object) -> UnsupportedEncodingError:
    return UnsupportedEncodingError(
        f'A JPEG with {what} is not supported: this one has {value}. Have the driver publish '
        'baseline or progressive JPEG with 8 bits, in colour or grey.'
    )
