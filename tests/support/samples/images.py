"""Image messages as plain objects, with every kind of buffer that a real one has."""

from __future__ import annotations

import array
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from anonymizer_node.core.encodings import DIRECT, ENCODINGS

PACKED = [name for name, encoding in ENCODINGS.items() if encoding.shown == DIRECT]
"""Encodings with one plane of 8-bit samples."""


@dataclass
class Stamp:
    sec: int = 7
    nanosec: int = 500_000_123


@dataclass
class Header:
    stamp: Stamp = field(default_factory=Stamp)
    frame_id: str = 'front_optical'


@dataclass
class Image:
    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


@dataclass
class CompressedImage:
    header: Header
    format: str
    data: Any


BUFFERS = {
    'array': lambda data: array.array('B', data),  # rclpy's
    'ndarray': lambda data: np.frombuffer(bytearray(data), np.uint8),  # rosbags', writable
    'readonly': lambda data: np.frombuffer(bytes(data), np.uint8),  # rosbags', from bytes
    'bytes': bytes,
    'bytearray': bytearray,
}


def noise(height: int, width: int, channels: int = 3, seed: int = 0, low: int = 1) -> np.ndarray:
    """A picture in which every pixel differs from its neighbours and from black; alpha doesn't."""
    random = np.random.default_rng(seed)
    pixels = random.integers(low, 255, (height, width, channels), np.uint8)
    pixels[:, :, 3:] = 200
    return pixels


def photograph(seed=3):
    """Noise of all sizes, as photographs have it, (240, 320, 3)."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((240, 320, 3))
    for size in (2, 4, 8, 16, 32, 64, 128):
        coarse = random.uniform(-28, 28, (240 // size + 1, 320 // size + 1, 3))
        pixels += cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(pixels + 125, 5, 250).astype(np.uint8)


def image(
    pixels: np.ndarray,
    encoding: str = 'bgr8',
    padding: int = 0,
    buffer: str = 'array',
    stamp: Stamp | None = None,
) -> Image:
    """An Image whose rows are followed by `padding` bytes that are not zero."""
    height, width = pixels.shape[:2]
    channels = ENCODINGS[encoding].channels
    step = width * channels + padding
    rows = np.full((height, step), 0xA5, np.uint8)
    rows[:, : width * channels] = pixels.reshape(height, width * channels)
    data = BUFFERS[buffer](rows.tobytes())
    return Image(Header(stamp or Stamp()), height, width, encoding, 1, step, data)


def rows_of(message: Any) -> np.ndarray:
    """All bytes of an Image, (height, step), copied."""
    data = np.frombuffer(bytes(message.data), np.uint8)
    return data.reshape(message.height, message.step).copy()


def pixels_of(message: Any) -> np.ndarray:
    """The pixels of an Image, (height, width, channels), copied."""
    channels = ENCODINGS[message.encoding].channels
    rows = rows_of(message)[:, : message.width * channels]
    return rows.reshape(message.height, message.width, channels)


def compressed(
    pixels: np.ndarray, kind: str = 'png', buffer: str = 'array', stamp: Stamp | None = None
) -> CompressedImage:
    """A CompressedImage; `kind` is png or jpeg."""
    name = 'bgr8; png compressed bgr8' if kind == 'png' else 'bgr8; jpeg compressed bgr8'
    data = png_bytes(pixels) if kind == 'png' else jpeg_bytes(pixels)
    return CompressedImage(Header(stamp or Stamp()), name, BUFFERS[buffer](data))


def png_bytes(pixels: np.ndarray) -> bytes:
    return cv2.imencode('.png', pixels)[1].tobytes()


def jpeg_bytes(pixels: np.ndarray, quality: int = 90) -> bytes:
    return cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def decoded(data: Any) -> np.ndarray:
    """The pixels of a PNG or JPEG, (height, width, channels), turned by nothing."""
    pixels = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
