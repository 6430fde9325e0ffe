"""Messages in every encoding, with the places of their bytes written down once more.

Independent of `core.layouts` on purpose: what is outside a region is said here by byte.
"""

from __future__ import annotations

import numpy as np

from samples.images import BUFFERS, Header, Image, Stamp

PACKED_BYTES = {
    'bgr8': 3,
    '8UC3': 3,
    'rgb8': 3,
    'bgra8': 4,
    'rgba8': 4,
    'mono8': 1,
    '8UC1': 1,
    'mono16': 2,
    'bgr16': 6,
    '16UC3': 6,
    'rgb16': 6,
    'bgra16': 8,
    'rgba16': 8,
    '16UC1': 2,
    '32FC1': 4,
}
BAYER_BYTES = {
    f'bayer_{pattern}{bits}': bits // 8
    for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')
    for bits in (8, 16)
}
CHROMA_FIRST = ('yuv422', 'uyvy')
BRIGHTNESS_FIRST = ('yuv422_yuy2', 'yuyv')
HALVED = ('nv12', 'nv21')
FULL = ('nv24',)
ALL = (*PACKED_BYTES, *BAYER_BYTES, *CHROMA_FIRST, *BRIGHTNESS_FIRST, *HALVED, *FULL)
DEPTHS = ('16UC1', '32FC1')
ALPHA = {'bgra8': 1, 'rgba8': 1, 'bgra16': 2, 'rgba16': 2}


def row_bytes(encoding: str, width: int) -> int:
    """Bytes of a row of the first band, without padding."""
    if encoding in PACKED_BYTES:
        return width * PACKED_BYTES[encoding]
    if encoding in BAYER_BYTES:
        return width * BAYER_BYTES[encoding]
    return width * (2 if encoding in CHROMA_FIRST + BRIGHTNESS_FIRST else 1)


def data_bytes(encoding: str, height: int, step: int) -> int:
    """Length of the data."""
    if encoding in HALVED:
        return step * height * 3 // 2
    return step * height * (3 if encoding in FULL else 1)


def sample_bytes(encoding: str) -> int:
    """Bytes of one sample."""
    if encoding == '32FC1':
        return 4
    return 2 if '16' in encoding else 1


def even(encoding: str) -> tuple[int, int]:
    """What width and height must be multiples of."""
    if encoding in HALVED:
        return 2, 2
    return (2, 1) if encoding in CHROMA_FIRST + BRIGHTNESS_FIRST else (1, 1)


def widened(encoding: str, width: int, height: int, region):
    """A region as it is really obscured."""
    x0, y0, x1, y1 = region
    if encoding in BAYER_BYTES or encoding in HALVED + CHROMA_FIRST + BRIGHTNESS_FIRST:
        x0, x1 = x0 - x0 % 2, min(width, x1 + x1 % 2)
    if encoding in BAYER_BYTES or encoding in HALVED:
        y0, y1 = y0 - y0 % 2, min(height, y1 + y1 % 2)
    return x0, y0, x1, y1


def bytes_of(encoding: str, width: int, height: int, step: int, region) -> np.ndarray:
    """Which bytes of the data belong to a region, (length,) bool."""
    x0, y0, x1, y1 = widened(encoding, width, height, region)
    inside = np.zeros(data_bytes(encoding, height, step), bool)
    per_column = row_bytes(encoding, 1)
    for y in range(y0, y1):
        inside[y * step + x0 * per_column : y * step + x1 * per_column] = True
        chroma = height * step
        if encoding in HALVED:
            inside[chroma + y // 2 * step + x0 : chroma + y // 2 * step + x1] = True
        if encoding in FULL:
            row = chroma + y * 2 * step
            inside[row + 2 * x0 : row + 2 * x1] = True
    return inside


def used(encoding: str, width: int, height: int, step: int) -> np.ndarray:
    """Which bytes of the data are no padding."""
    return bytes_of(encoding, width, height, step, (0, 0, width, height))


def encoded(
    encoding: str,
    width: int,
    height: int,
    padding: int = 0,
    big_endian: int = 0,
    buffer: str = 'array',
    seed: int = 0,
    stamp: Stamp | None = None,
) -> Image:
    """An Image of noise; alpha is the same everywhere, padding is not zero."""
    step = row_bytes(encoding, width) + padding
    random = np.random.default_rng(seed)
    data = random.integers(1, 255, data_bytes(encoding, height, step), np.uint8)
    if encoding == '32FC1':  # Distances, not any bits.
        metres = random.uniform(0.3, 9, len(data) // 4 + 1).astype('>f4' if big_endian else '<f4')
        data = np.frombuffer(metres.tobytes(), np.uint8)[: len(data)].copy()
    if encoding in ALPHA:
        size = ALPHA[encoding]
        rows = data.reshape(height, step)[:, : width * 4 * size]
        rows.reshape(height, width, 4 * size)[:, :, 3 * size :] = 200
    flat = data
    flat[~used(encoding, width, height, step)] = 0xA5
    return Image(
        Header(stamp or Stamp()),
        height,
        width,
        encoding,
        big_endian,
        step,
        BUFFERS[buffer](flat.tobytes()),
    )


def from_bgr(bgr: np.ndarray, encoding: str, big_endian: int = 0, bits: int = 12) -> Image:
    """A picture, (rows, columns, 3) uint8, in an encoding that isn't depth; rows are not padded.

    Args:
        bgr: The picture; its sides must be even for the encodings that want it.
        encoding: Of the message.
        big_endian: Byte order of what has 16 bits.
        bits: How many of 16 the camera uses.
    """
    height, width = bgr.shape[:2]
    kind = np.dtype('>u2' if big_endian else '<u2') if sample_bytes(encoding) == 2 else np.uint8
    factor = 2 ** (bits - 8) if kind != np.uint8 else 1
    if encoding in PACKED_BYTES:
        order = {'r': (2, 1, 0), 'm': (1,)}.get(encoding[0], (0, 1, 2))
        order = (1,) if encoding.endswith('UC1') else order
        samples = bgr[:, :, list(order)].astype(np.int64) * factor
        if encoding in ALPHA:
            samples = np.dstack([samples, np.full((height, width), 200)])
        data = samples.astype(kind).tobytes()
    elif encoding in BAYER_BYTES:
        mosaic = np.empty((height, width), np.int64)
        for index, colour in enumerate(encoding[6:10]):
            at = np.s_[index // 2 :: 2, index % 2 :: 2]
            mosaic[at] = bgr[:, :, 'bgr'.index(colour)][at]
        data = (mosaic * factor).astype(kind).tobytes()
    else:
        data = _yuv(bgr, encoding)
    step = row_bytes(encoding, width)
    header = Header(Stamp())
    return Image(header, height, width, encoding, big_endian, step, BUFFERS['array'](data))


def _yuv(bgr: np.ndarray, encoding: str) -> bytes:
    """BT.601 with the range of video."""
    height, width = bgr.shape[:2]
    blue, green, red = (bgr[:, :, index].astype(float) / 255 for index in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = [16 + 219 * y, 128 + 224 * (blue - y) / 1.772, 128 + 224 * (red - y) / 1.402]
    y, u, v = (np.rint(plane).astype(np.uint8) for plane in planes)
    if encoding in FULL:
        return y.tobytes() + np.dstack([u, v]).tobytes()
    if encoding in HALVED:
        u, v = (
            plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)).astype(np.uint8)
            for plane in (u, v)
        )
        chroma = (v, u) if encoding == 'nv21' else (u, v)
        return y.tobytes() + np.dstack(chroma).tobytes()
    rows = np.empty((height, 2 * width), np.uint8)
    luma = 1 if encoding in CHROMA_FIRST else 0
    rows[:, luma::2] = y
    rows[:, 1 - luma :: 4] = u[:, ::2]
    rows[:, 3 - luma :: 4] = v[:, ::2]
    return rows.tobytes()
