"""Pixel encodings of sensor_msgs/Image: one table of how each is laid out and shown to a detector.

Redaction never converts a frame. It writes into *planes*: strided views of the message's own
buffer in which every sample of a region can be set (`core.layouts`). A packed encoding of 8 bits
has one plane, which a detector is shown as it is. Of every other one it is shown a copy of 8 bits
(`core.shown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.layouts import (
    Band,
    Layout,
    interleaved_422,
    mosaic,
    packed,
    semi_planar,
)
from anonymizer_node.core.scaling import Scaler

DIRECT, BITS, YUV, DEPTH = 'direct', 'bits', 'yuv', 'depth'
"""How a detector is shown an encoding: as it is; scaled to 8 bits; made into colours; not at all.
A mosaic is shown as the pattern of its cell says, such as 'rggb'."""

_OPAQUE, _OPAQUE_16 = 255, 65535
"""Alpha where nothing is shown: a matte cut along a person's outline would show the outline."""


@dataclass(frozen=True)
class Encoding:
    """A pixel encoding.

    Attributes:
        layout: Where its samples are, and what hides them.
        shown: How a detector is shown it: `DIRECT`, `BITS`, `YUV`, `DEPTH` or a mosaic's pattern.
        code: Of OpenCV's conversion to BGR where there are several that would do; else None.
    """

    layout: Layout
    shown: str
    code: int | None

    @property
    def channels(self) -> int:
        """Samples per pixel of a packed encoding."""
        return self.layout.bands[0].samples

    @property
    def black(self) -> tuple[float, ...]:
        """One value per sample of the first plane, for a pixel that shows nothing."""
        return self.layout.bands[0].planes[0].black


def _encoding(
    bands: tuple[Band, ...], shown: str, code: int | None = None, sample: str = 'u1'
) -> Encoding:
    return Encoding(Layout(bands, sample), shown, code)


_GREY, _RGB = cv2.COLOR_GRAY2BGR, cv2.COLOR_RGB2BGR
_RGBA, _BGRA = cv2.COLOR_RGBA2BGR, cv2.COLOR_BGRA2BGR
_VU = cv2.COLOR_YUV2BGR_NV21

ENCODINGS: Mapping[str, Encoding] = {
    'bgr8': _encoding(packed(0, 0, 0), DIRECT),
    '8UC3': _encoding(packed(0, 0, 0), DIRECT),
    'rgb8': _encoding(packed(0, 0, 0), DIRECT, _RGB),
    'bgra8': _encoding(packed(0, 0, 0, _OPAQUE), DIRECT, _BGRA),
    'rgba8': _encoding(packed(0, 0, 0, _OPAQUE), DIRECT, _RGBA),
    'mono8': _encoding(packed(0), DIRECT, _GREY),
    '8UC1': _encoding(packed(0), DIRECT, _GREY),
    'mono16': _encoding(packed(0), BITS, None, 'u2'),
    'bgr16': _encoding(packed(0, 0, 0), BITS, None, 'u2'),
    '16UC3': _encoding(packed(0, 0, 0), BITS, None, 'u2'),
    'rgb16': _encoding(packed(0, 0, 0), BITS, None, 'u2'),
    'bgra16': _encoding(packed(0, 0, 0, _OPAQUE_16), BITS, None, 'u2'),
    'rgba16': _encoding(packed(0, 0, 0, _OPAQUE_16), BITS, None, 'u2'),
    'yuv422': _encoding(interleaved_422(luma=1), YUV),
    'uyvy': _encoding(interleaved_422(luma=1), YUV),
    'yuv422_yuy2': _encoding(interleaved_422(luma=0), YUV),
    'yuyv': _encoding(interleaved_422(luma=0), YUV),
    'nv12': _encoding(semi_planar(2, 2), YUV),
    'nv21': _encoding(semi_planar(2, 2), YUV, _VU),
    'nv24': _encoding(semi_planar(1, 1), YUV),
    'bayer_rggb8': _encoding(mosaic(), 'rggb'),
    'bayer_bggr8': _encoding(mosaic(), 'bggr'),
    'bayer_gbrg8': _encoding(mosaic(), 'gbrg'),
    'bayer_grbg8': _encoding(mosaic(), 'grbg'),
    'bayer_rggb16': _encoding(mosaic(), 'rggb', None, 'u2'),
    'bayer_bggr16': _encoding(mosaic(), 'bggr', None, 'u2'),
    'bayer_gbrg16': _encoding(mosaic(), 'gbrg', None, 'u2'),
    'bayer_grbg16': _encoding(mosaic(), 'grbg', None, 'u2'),
    # No measurement is 0 in whole millimetres (REP 118) and, where 0 is a distance, NaN.
    '16UC1': _encoding(packed(0), DEPTH, None, 'u2'),
    '32FC1': _encoding(packed(float('nan')), DEPTH, None, 'f4'),
}


def encoding_named(name: str) -> Encoding:
    """The layout of an encoding.

    Raises:
        UnsupportedEncodingError: If the table doesn't have it; the message lists what it has.
    """
    try:
        return ENCODINGS[name]
    except KeyError:
        raise UnsupportedEncodingError(
            f'Image encoding {name!r} is not supported; supported are {", ".join(ENCODINGS)}. '
            'Have the driver publish one of these, or set topic_actions to "TOPIC=copy" '
            'if this topic can show nobody.'
        ) from None


def check_alpha(pixels: NDArray[Any], encoding: str) -> None:
    """Make sure that a fourth channel shows nothing: the detector doesn't see it.

    Args:
        pixels: (rows, columns, channels) in `encoding`.
        encoding: Key of `ENCODINGS`.

    Raises:
        FrameError: If it isn't constant (infrared of an RGB-IR camera, a matte). No matter
            of encoding, which a topic's owner may have copied.
    """
    if pixels.shape[2] == 4 and (pixels[:, :, 3] != pixels[0, 0, 3]).any():
        raise FrameError(
            f'The fourth channel of a {encoding} image is not constant, so it may show what the '
            'detector does not look at. Have the driver publish three channels.'
        )


def resized_bgr(
    pixels: NDArray[Any],
    encoding: str,
    width: int,
    height: int,
    scaler: Scaler | None = None,
    out: UInt8Array | None = None,
) -> UInt8Array:
    """A scaled copy of a picture as the detectors want it.

    Args:
        pixels: (rows, columns[, channels]) uint8 in `encoding`.
        encoding: Key of `ENCODINGS`, of those that are shown `DIRECT`.
        width: Columns wanted, pixels.
        height: Rows wanted, pixels.
        scaler: Whose memory is used; without `out` the copy is valid until its next call.
        out: Where the copy is to be put.

    Returns:
        (height, width, 3) uint8, BGR; `out` if given.

    Raises:
        UnsupportedEncodingError: If the encoding is not in the table, or not shown `DIRECT`.
    """
    layout = encoding_named(encoding)
    if layout.shown != DIRECT:
        raise UnsupportedEncodingError(f'{encoding} is not of 8 bits; a codec makes it so first.')
    scaler = scaler or Scaler()
    if layout.code is None:
        small = scaler(pixels, width, height, out)
    else:
        # Scaling before the colour conversion touches the fewer pixels of the two orders.
        small = cv2.cvtColor(scaler(pixels, width, height), layout.code, out)
    if out is None:
        return np.ascontiguousarray(small, np.uint8)
    if small is not out:
        out[...] = small
    return out
