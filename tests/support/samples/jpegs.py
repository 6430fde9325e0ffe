"""JPEG files of every kind that cameras make, and pieces to put into them."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from samples.jpeg_encoder import encode

SAMPLINGS = {'444': 0x111111, '422': 0x211111, '420': 0x221111, '440': 0x121111, '411': 0x411111}
"""By name; 'grey' goes beside these."""

MCU = {
    '444': (8, 8),
    '422': (16, 8),
    '420': (16, 16),
    '440': (8, 16),
    '411': (32, 8),
    'grey': (8, 8),
}
"""Columns and rows of an MCU, pixels."""

VARIANTS = {
    'baseline': [],
    'progressive': [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    'restart': [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
    'optimised': [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
}


def scene(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A colourful picture with detail in it, (height, width, 3)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 9 + 2, width // 9 + 2, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    noisy = smooth.astype(int) + random.integers(-20, 21, smooth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def jpeg_of(
    pixels: np.ndarray, sampling: str = '420', variant: str = 'baseline', quality: int = 90
) -> bytes:
    """Encode a picture; sampling 'grey' drops the colours."""
    if sampling != 'grey' and not hasattr(cv2, 'IMWRITE_JPEG_SAMPLING_FACTOR'):
        return encode(pixels, sampling, variant, quality)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, *VARIANTS[variant]]
    if sampling == 'grey':
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    else:
        parameters += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling]]
    done, data = cv2.imencode('.jpg', pixels, parameters)
    assert done
    return data.tobytes()


def scene_jpeg(
    width: int,
    height: int,
    sampling: str = '420',
    variant: str = 'baseline',
    quality: int = 90,
    seed: int = 0,
) -> bytes:
    """`scene` as a file."""
    return jpeg_of(scene(width, height, seed), sampling, variant, quality)


def shown(data: bytes) -> np.ndarray:
    """What a decoder that isn't ours shows, (rows, columns, 3)."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert pixels is not None
    return pixels


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """A file with segments put behind SOI."""
    return data[:2] + b''.join(segments) + data[2:]


def position_of(data: bytes, marker: int) -> int:
    """Where a marker of the header is."""
    position = 2
    while data[position + 1] != marker:
        position += 2 + int.from_bytes(data[position + 2 : position + 4], 'big')
    return position


def without(data: bytes, marker: int) -> bytes:
    """A file less the first segment with a marker."""
    start = position_of(data, marker)
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], 'big')
    return data[:start] + data[end:]


def patched(data: bytes, position: int, values: bytes) -> bytes:
    """A file with some bytes overwritten."""
    return data[:position] + values + data[position + len(values) :]


def exif(thumbnail: bytes, order: str = '<', orientation: int = 6) -> bytes:
    """APP1 with orientation, maker and exposure, a maker note, GPS, and a thumbnail."""
    maker = b'Example Cameras\0'
    note = b'\xff\xd8\xff' + b'PREVIEW' * 100
    exposure = struct.pack(order + 'II', 1, 250)

    def entry(tag: int, kind: int, number: int, value: bytes | int) -> bytes:
        raw = struct.pack(order + 'I', value) if isinstance(value, int) else value.ljust(4, b'\0')
        return struct.pack(order + 'HHI', tag, kind, number) + raw

    # Directories first (0th with 4 entries, Exif 2, GPS 1, 1st 2), then values.
    first, below, gps, second = 8, 8 + 54, 8 + 54 + 30, 8 + 54 + 30 + 18
    values = second + 30
    at = {'maker': values, 'exposure': values + 16, 'note': values + 24}
    at['thumbnail'] = at['note'] + len(note)
    short = struct.pack(order + 'H', orientation)
    tiff = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', first)
    tiff += struct.pack(order + 'H', 4)
    tiff += entry(0x010F, 2, len(maker), at['maker']) + entry(0x0112, 3, 1, short)
    tiff += entry(0x8769, 4, 1, below) + entry(0x8825, 4, 1, gps)
    tiff += struct.pack(order + 'I', second)
    tiff += struct.pack(order + 'H', 2) + entry(0x829A, 5, 1, at['exposure'])
    tiff += entry(0x927C, 7, len(note), at['note']) + b'\0\0\0\0'
    tiff += struct.pack(order + 'H', 1) + entry(0x0001, 2, 2, b'N\0') + b'\0\0\0\0'
    tiff += struct.pack(order + 'H', 2) + entry(0x0201, 4, 1, at['thumbnail'])
    tiff += entry(0x0202, 4, 1, len(thumbnail)) + b'\0\0\0\0'
    tiff += maker + exposure + note + thumbnail
    return segment(0xE1, b'Exif\0\0' + tiff)
