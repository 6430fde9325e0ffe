"""Image messages as exact pixels, to compare two of them.

Written apart from the codecs on purpose: a fault shared with the code that made the output would
hide itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.raw_images import (
    DEPTH,
    Layer,
    bgr_of_layers,
    in_any_sample,
    layers_of,
)
from anonymizer_node.proof.second_pictures import JPEG_START, PNG_START

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_QUANTISERS, _SCAN = 0xDB, 0xDA


@dataclass(frozen=True)
class Picture:
    """A decoded image message.

    Attributes:
        layers: One, or two of brightness and colours: JPEG and what is stored as YUV.
        kind: `raw`, `png` or `jpeg`.
        rest: Bytes of a raw message that are no pixels: row padding.
        depth: Whether it is of distances, of which averages hide nothing.
        quantisers: Of a JPEG: its components' tables, each in the order in which it is stored.
    """

    layers: tuple[Layer, ...]
    kind: str
    rest: bytes = b''
    depth: bool = False
    quantisers: tuple[tuple[int, ...], ...] = ()

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.layers[0].pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.layers[0].pixels.shape[1])


def picture_of(message: Any) -> Picture:
    """The picture in a sensor_msgs Image or CompressedImage.

    Raises:
        FrameError: If it can't be read exactly.
    """
    if hasattr(message, 'encoding'):
        return _raw(message)
    data = bytes(message.data)
    if data.startswith(JPEG_START):
        return _jpeg(data)
    if data.startswith(PNG_START):
        pixels = _decoded(data, cv2.IMREAD_UNCHANGED)
        return Picture((Layer(pixels, 3 if pixels.shape[2] > 2 else 1),), 'png')
    raise FrameError(f'a compressed image beginning with {data[:4].hex()} can not be judged')


def bgr_of(message: Any) -> NDArray[np.uint8]:
    """The picture in a message for people to look at, (rows, columns, 3).

    Raises:
        FrameError: If it can't be read.
    """
    picture = picture_of(message)
    if picture.kind == 'raw':
        return bgr_of_layers(picture.layers, message.encoding)
    return bgr_of_layers(picture.layers[-1:], '')


def outside_of(regions: Sequence[Region], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels no region covers, (height, width) bool."""
    outside = np.ones((height, width), np.bool_)
    for x0, y0, x1, y1 in regions:
        outside[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = False
    return outside


def changed_outside(before: Picture, after: Picture, regions: Sequence[Region]) -> int:
    """How many pixels differ that no region covers; row padding, if it does, counts as one.

    Padding may have become zero: it is no pixel, and what a driver left there may show somebody.
    """
    changed = np.zeros((before.height, before.width), np.bool_)
    for one, other in zip(before.layers, after.layers, strict=True):
        changed |= in_any_sample(one.pixels != other.pixels)
    changed &= outside_of(regions, before.width, before.height)
    return int(np.count_nonzero(changed)) + _padding_differs(before, after)


def _padding_differs(before: Picture, after: Picture) -> bool:
    if len(before.rest) != len(after.rest):
        return True
    old, new = (np.frombuffer(picture.rest, np.uint8) for picture in (before, after))
    return bool(((old != new) & (new != 0)).any())


def difference_outside(before: Picture, after: Picture, regions: Sequence[Region]) -> float:
    """Mean absolute difference of the samples that no region covers, levels."""
    one, other = before.layers[-1], after.layers[-1]
    outside = outside_of(regions, before.width, before.height)
    if not outside.any():
        return 0.0
    return float(np.abs(one.pixels[outside].astype(np.int32) - other.pixels[outside]).mean())


def _raw(message: Any) -> Picture:
    layers, rest = layers_of(message)
    return Picture(layers, 'raw', rest, message.encoding in DEPTH)


def _jpeg(data: bytes) -> Picture:
    grey = _decoded(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    colour = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    x, y = _subsampled(data)
    layers = Layer(grey, 1, (x, y)), Layer(colour, 3, (2 * x, 2 * y))
    return Picture(layers, 'jpeg', quantisers=_quantisers(data))


def _decoded(data: bytes, flags: int) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise FrameError(f'a picture of {len(data)} bytes can not be decoded')
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _subsampled(data: bytes) -> tuple[int, int]:
    """Whether some component of a JPEG has fewer columns, and fewer rows, than another: 0 or 1.

    A decoder makes such a component's pixels from the two nearest samples. The pixel on either
    side of an edge then takes a shade from beyond it. Regions are stated with the outer one of
    the two in them, so that outside nothing changes: one row of theirs keeps its brightness, two
    have mixed colours.
    """
    for marker, payload in _headers(data):
        if marker in _START_OF_FRAME and len(payload) > 5:
            factors = set(payload[7 : 6 + 3 * payload[5] : 3])
            columns = {factor >> 4 for factor in factors}
            rows = {factor & 15 for factor in factors}
            return int(len(columns) > 1), int(len(rows) > 1)
    return 1, 1


def _quantisers(data: bytes) -> tuple[tuple[int, ...], ...]:
    """The quantisation tables of a JPEG's components, brightness first."""
    tables: dict[int, tuple[int, ...]] = {}
    used: bytes = b''
    for marker, payload in _headers(data):
        if marker in _START_OF_FRAME:
            used = payload[8::3]
        while marker == _QUANTISERS and payload:
            size = 2 if payload[0] >> 4 else 1
            end = 1 + 64 * size
            values = np.frombuffer(payload[1:end].ljust(64 * size, b'\0'), f'>u{size}')
            tables[payload[0] & 15] = tuple(values.tolist())
            payload = payload[end:]
    return tuple(tables[number] for number in used if number in tables)


def _headers(data: bytes) -> Iterator[tuple[int, bytes]]:
    """A JPEG's markers in front of its first scan, and what they carry."""
    position = 2
    while position + 4 < len(data) and data[position] == 0xFF and data[position + 1] != _SCAN:
        size = int.from_bytes(data[position + 2 : position + 4], 'big')
        yield data[position + 1], data[position + 4 : position + 2 + size]
        position += 2 + size
