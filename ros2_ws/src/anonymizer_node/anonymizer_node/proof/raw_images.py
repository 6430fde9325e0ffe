"""sensor_msgs/Image as exact samples, in layers that are all as large as the picture.

Written apart from `core.layouts` on purpose: a fault shared with the code that made the output
would hide itself. Chroma is repeated over the pixels that it is of; byte order is undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError

PACKED: Mapping[str, tuple[str, str]] = {
    'bgr8': ('ccc', 'u1'),
    'rgb8': ('ccc', 'u1'),
    '8UC3': ('ccc', 'u1'),
    'bgra8': ('ccca', 'u1'),
    'rgba8': ('ccca', 'u1'),
    'mono8': ('c', 'u1'),
    '8UC1': ('c', 'u1'),
    'mono16': ('c', 'u2'),
    'bgr16': ('ccc', 'u2'),
    'rgb16': ('ccc', 'u2'),
    '16UC3': ('ccc', 'u2'),
    'bgra16': ('ccca', 'u2'),
    'rgba16': ('ccca', 'u2'),
    '16UC1': ('c', 'u2'),
    '32FC1': ('c', 'u4'),
}
"""Samples of a pixel and their type: c is colour or brightness, a is alpha. Of floats the bits."""

BAYER: Mapping[str, str] = {
    f'bayer_{pattern}{bits}': f'u{bits // 8}'
    for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')
    for bits in (8, 16)
}
"""Type of a sample; the two rows of a cell are in the name."""

BRIGHTNESS_AT: Mapping[str, int] = {'yuv422': 1, 'uyvy': 1, 'yuv422_yuy2': 0, 'yuyv': 0}
"""Which byte of each two is brightness."""

CHROMA_BEHIND: Mapping[str, int] = {'nv12': 2, 'nv21': 2, 'nv24': 1}
"""Pixels along a side that a sample of chroma is of."""

DEPTH = ('16UC1', '32FC1')
METRES = '32FC1'
DARKEST_VIDEO = 16
"""Brightness up to which video is black."""

NEUTRAL = 128


@dataclass(frozen=True)
class Layer:
    """One way to look at a picture.

    Attributes:
        pixels: (rows, columns, samples) unsigned integers.
        colours: How many of the samples, from the first, are colour; the others are alpha.
        seam: Columns and rows along the edges of a region in which decoders mix what is stored
            on both sides, and which are neither.
        black: Least and largest value that counts as black; None: as the kind of picture says.
        apart: Rows and columns from one sample to the next of its colour: 2 in a mosaic.
        metres: Whether the samples are the bits of floats, of which NaN shows nothing.
    """

    pixels: NDArray[Any]
    colours: int
    seam: tuple[int, int] = (0, 0)
    black: tuple[int, int] | None = None
    apart: int = 1
    metres: bool = False


def in_any_sample(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pixels have a flag in any of their samples, (rows, columns).

    As `flags.any(axis=2)`, which takes several times as long for a few samples.
    """
    found = flags[:, :, 0].copy()
    for sample in range(1, flags.shape[2]):
        found |= flags[:, :, sample]
    return found


def layers_of(message: Any) -> tuple[tuple[Layer, ...], bytes]:
    """The samples of a message, and what else is in its data: row padding.

    Raises:
        FrameError: If the encoding is unknown, or size, step and data contradict each other.
    """
    encoding = message.encoding
    if encoding in PACKED:
        return _packed(message, *PACKED[encoding])
    if encoding in BRIGHTNESS_AT:
        return _interleaved(message, BRIGHTNESS_AT[encoding])
    if encoding in CHROMA_BEHIND:
        return _with_chroma_behind(message, CHROMA_BEHIND[encoding])
    if encoding in BAYER:
        return _mosaic(message, BAYER[encoding])
    raise FrameError(f'an image of encoding {encoding!r} can not be judged')


def bgr_of_layers(layers: tuple[Layer, ...], encoding: str) -> NDArray[np.uint8]:
    """A picture for people to look at, (rows, columns, 3)."""
    pixels = layers[0].pixels
    if len(layers) == 2:
        return _bgr_of_yuv(pixels[:, :, 0], layers[1].pixels, encoding == 'nv21')
    if layers[0].metres:
        metres = pixels.view(np.float32)
        pixels = np.where(np.isfinite(metres), metres, 0)
    if pixels.dtype != np.uint8:
        least, most = np.percentile(pixels[:, :, :3], (0.5, 99.5))
        pixels = ((pixels - least) * (255 / max(most - least, 1e-6))).clip(0, 255).astype(np.uint8)
    if layers[0].apart == 2 and min(pixels.shape[:2]) > 2:
        red, blue = encoding.index('r', 6), encoding.index('b', 6)
        pattern = {(0, 3): 'BG', (3, 0): 'RG', (2, 1): 'GR', (1, 2): 'GB'}[red - 6, blue - 6]
        return np.asarray(cv2.cvtColor(pixels, getattr(cv2, f'COLOR_Bayer{pattern}2BGR')), np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    order = [2, 1, 0] if encoding.startswith('rgb') else [0, 1, 2]
    return np.ascontiguousarray(pixels[:, :, order], np.uint8)


def _bgr_of_yuv(luma: NDArray[Any], chroma: NDArray[Any], swapped: bool) -> NDArray[np.uint8]:
    y = (luma.astype(np.float32) - 16) * (255 / 219)
    u, v = (
        chroma[:, :, index].astype(np.float32) - 128 for index in ((1, 0) if swapped else (0, 1))
    )
    bgr = np.stack([y + 2.017 * u, y - 0.392 * u - 0.813 * v, y + 1.596 * v], axis=2)
    return np.asarray(np.rint(bgr.clip(0, 255)), np.uint8)


def _rows(message: Any, used: int, rows: int) -> NDArray[np.uint8]:
    """The data as rows of which the first `used` bytes are samples.

    Raises:
        FrameError: If there are not as many bytes.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = np.asarray(message.data, np.uint8)
    if rows > height and step != used and data.size == rows * used:
        step = used  # Some drivers count all bytes of the picture, or two per pixel, as its step.
    if height < 1 or width < 1 or step < used or data.size != rows * step:
        raise FrameError(f'{data.size} bytes are no {width}x{height} {message.encoding}')
    return data.reshape(rows, step)


def _samples(rows: NDArray[np.uint8], kind: str, message: Any) -> NDArray[Any]:
    """Bytes as samples, in this machine's byte order."""
    order = '>' if message.is_bigendian else '<'
    return np.ascontiguousarray(rows).view(order + kind).astype(kind)


def _packed(message: Any, samples: str, kind: str) -> tuple[tuple[Layer, ...], bytes]:
    height, width = int(message.height), int(message.width)
    used = width * len(samples) * np.dtype(kind).itemsize
    rows = _rows(message, used, height)
    pixels = _samples(rows[:, :used], kind, message).reshape(height, width, len(samples))
    layer = Layer(pixels, samples.count('c'), metres=message.encoding == METRES)
    return (layer,), rows[:, used:].tobytes()


def _mosaic(message: Any, kind: str) -> tuple[tuple[Layer, ...], bytes]:
    (layer,), rest = _packed(message, 'c', kind)
    return (Layer(layer.pixels, 1, apart=2),), rest


def _interleaved(message: Any, brightness: int) -> tuple[tuple[Layer, ...], bytes]:
    height, width = int(message.height), int(message.width)
    if width % 2:
        raise FrameError(f'{message.encoding} has no odd width {width}')
    rows = _rows(message, 2 * width, height)
    pairs = rows[:, : 2 * width].reshape(height, width, 2)
    chroma = pairs[:, :, 1 - brightness].reshape(height, width // 2, 2)
    layers = _yuv(pairs[:, :, brightness], np.repeat(chroma, 2, axis=1))
    return layers, rows[:, 2 * width :].tobytes()


def _with_chroma_behind(message: Any, each: int) -> tuple[tuple[Layer, ...], bytes]:
    height, width = int(message.height), int(message.width)
    if width % each or height % each:
        raise FrameError(f'{message.encoding} has no size {width}x{height}')
    rows = _rows(message, width, height + height // each * (2 // each))
    behind = rows[height:].reshape(height // each, -1)  # Of nv24 a row is two steps long.
    used = 2 * width // each
    chroma = behind[:, :used].reshape(height // each, width // each, 2)
    layers = _yuv(rows[:height, :width], chroma.repeat(each, axis=0).repeat(each, axis=1))
    return layers, rows[:height, width:].tobytes() + behind[:, used:].tobytes()


def _yuv(luma: NDArray[Any], chroma: NDArray[Any]) -> tuple[Layer, ...]:
    return (
        Layer(luma[:, :, None], 1, black=(0, DARKEST_VIDEO)),
        Layer(chroma, 2, black=(NEUTRAL, NEUTRAL)),
    )
