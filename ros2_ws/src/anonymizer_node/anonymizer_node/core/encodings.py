"""Pixel encodings of sensor_msgs/Image: one table of how each is laid out and shown to a detector.

Redaction never converts a frame. It writes into *planes*: strided views of the message's own
buffer in which every sample of a region can be set. A packed encoding has one plane.
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


@dataclass(frozen=True)
class Encoding:
    """A packed 8-bit encoding.

    Attributes:
        channels: Samples per pixel.
        to_bgr: OpenCV colour conversion to 8-bit BGR; None if it is BGR already.
        black: One value per channel for a pixel that shows nothing. Alpha is made opaque: a matte
            cut along a person's outline would show the outline.
    """

    channels: int
    to_bgr: int | None
    black: tuple[int, ...]


ENCODINGS: Mapping[str, Encoding] = {
    'bgr8': Encoding(3, None, (0, 0, 0)),
    '8UC3': Encoding(3, None, (0, 0, 0)),
    'rgb8': Encoding(3, cv2.COLOR_RGB2BGR, (0, 0, 0)),
    'bgra8': Encoding(4, cv2.COLOR_BGRA2BGR, (0, 0, 0, 255)),
    'rgba8': Encoding(4, cv2.COLOR_RGBA2BGR, (0, 0, 0, 255)),
    'mono8': Encoding(1, cv2.COLOR_GRAY2BGR, (0,)),
    '8UC1': Encoding(1, cv2.COLOR_GRAY2BGR, (0,)),
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


def resized_bgr(pixels: NDArray[Any], encoding: str, width: int, height: int) -> UInt8Array:
    """A scaled copy of a picture as the detectors want it.

    Args:
        pixels: (rows, columns[, channels]) uint8 in `encoding`.
        encoding: Key of `ENCODINGS`.
        width: Columns wanted, pixels.
        height: Rows wanted, pixels.

    Returns:
        (height, width, 3) uint8, BGR.

    Raises:
        UnsupportedEncodingError: If the encoding is not in the table.
    """
    layout = encoding_named(encoding)
    # Scaling before the colour conversion touches the fewer pixels of the two orders.
    small = _resized(pixels, width, height)
    if layout.to_bgr is not None:
        small = cv2.cvtColor(small, layout.to_bgr)
    return np.ascontiguousarray(small, dtype=np.uint8)


def _resized(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """A scaled picture without aliasing, which would take thin limbs away."""
    # Linear filtering at exactly one half is the mean of 2 x 2 pixels, several times faster
    # than area filtering; that does what is left.
    while pixels.shape[0] >= 2 * height and pixels.shape[1] >= 2 * width:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(
            pixels[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_LINEAR
        )
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[0] > height or pixels.shape[1] > width
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=filtering))
