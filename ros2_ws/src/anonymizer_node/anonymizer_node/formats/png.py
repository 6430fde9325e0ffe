"""PNG: lossless by nature, so decoding, redacting and encoding again keeps every other pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region, UInt8Array
from anonymizer_node.core.encodings import encoding_named
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.redaction import redact as redact_pixels

SIGNATURE = b'\x89PNG\r\n\x1a\n'
_ENCODING_OF_CHANNELS = {1: 'mono8', 3: 'bgr8', 4: 'bgra8'}
_MOST_PIXELS = 1 << 27


def decode(data: bytes, least_size: int) -> tuple[UInt8Array, str, int, int]:
    """Pixels as 8 bits for the detector, their encoding, width, height."""
    pixels = _decoded(data)
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    height, width = pixels.shape[:2]
    return pixels, _encoding(pixels), width, height


def redact(
    data: bytes, regions: Sequence[Region], method: str, strength: float
) -> tuple[bytes, tuple[Region, ...], str]:
    """The picture with regions obscured; nothing but the pixels is taken over from the file."""
    pixels = _decoded(data)
    black = encoding_named(_encoding(pixels)).black
    if pixels.dtype == np.uint16:
        black = tuple(value * 257 for value in black)
    redact_pixels(pixels, regions, black, method, strength)
    return _encoded(pixels), tuple(regions), ''


def blacked_out(data: bytes) -> bytes:
    """A black picture of the same size, channels and depth."""
    pixels = _decoded(data)
    black = encoding_named(_encoding(pixels)).black
    full = np.iinfo(pixels.dtype).max
    pixels[...] = np.array([full if value else 0 for value in black], pixels.dtype)
    return _encoded(pixels)


def _decoded(data: bytes) -> NDArray[Any]:
    """(rows, columns, channels) uint8 or uint16.

    Raises:
        FrameError: If it isn't one whole picture.
    """
    _check_chunks(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise FrameError(f'A PNG of {len(data)} bytes can not be decoded; it is damaged.')
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] not in _ENCODING_OF_CHANNELS or pixels.dtype not in (np.uint8, np.uint16):
        raise UnsupportedEncodingError(
            f'A PNG with {pixels.shape[2]} channels of {pixels.dtype} is not supported.'
        )
    return pixels


def _check_chunks(data: bytes) -> None:
    """Refuse what a decoder would show a part of: cut off, animated, or with something behind.

    The size is checked before anything is allocated for it.
    """
    position = len(SIGNATURE)
    kinds = []
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], 'big')
        kind = data[position + 4 : position + 8]
        if kind == b'IHDR':
            width = int.from_bytes(data[position + 8 : position + 12], 'big')
            height = int.from_bytes(data[position + 12 : position + 16], 'big')
            if not 0 < width * height <= _MOST_PIXELS:
                raise FrameError(
                    f'A PNG of {width}x{height} pixels; the most is {_MOST_PIXELS} pixels.'
                )
        kinds.append(kind)
        position += 12 + length
        if kind == b'IEND':
            break
    if not kinds or kinds[0] != b'IHDR' or kinds[-1] != b'IEND' or position > len(data):
        raise FrameError(f'A PNG of {len(data)} bytes is cut off or damaged.')
    if b'acTL' in kinds:
        raise UnsupportedEncodingError('An animated PNG is not supported: only one frame is seen.')
    if data[position:].strip(b'\0'):
        raise FrameError(
            f'A PNG is followed by {len(data) - position} bytes that are no part of it.'
        )


def _encoding(pixels: NDArray[Any]) -> str:
    return _ENCODING_OF_CHANNELS[pixels.shape[2]]


def _encoded(pixels: NDArray[Any]) -> bytes:
    done, buffer = cv2.imencode('.png', pixels)
    if not done:
        raise FrameError(f'A picture of {pixels.shape} can not be written as PNG.')
    return bytes(buffer.tobytes())
