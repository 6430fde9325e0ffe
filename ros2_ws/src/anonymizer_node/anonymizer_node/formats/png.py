"""PNG: lossless by nature, so decoding, redacting and encoding again keeps every other pixel.

Supported are pictures that a detector sees all of: of 8 or 16 bits a sample, with an alpha plane
only if it is the same everywhere. Of 16 bits it is shown a copy with 8 (`core.shown`). Distances
have 16 bits of grey too, and no detector judges those: see `may_be_depth`.

A palette comes out as colours, fewer than 8 bits as 8, interlaced rows as plain ones: the pixels
are the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region, UInt8Array
from anonymizer_node.core.encodings import encoding_named
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.redaction import redact as redact_pixels
from anonymizer_node.core.shown import shown
from anonymizer_node.formats import exif
from anonymizer_node.formats.png_rows import SAMPLES, Chunk, check_rows

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MOST_ANCILLARY = 1 << 16
"""What is no picture data may take this much of a file together, unpacked, bytes."""

MOST_TEXT = 4096
"""And what is no colour profile this much, bytes, as EXIF may in a JPEG: text may be anything."""

MOST_UNKNOWN = 512
"""Chunks that are none of `_KNOWN` may take this much of it, bytes: too little to show anybody."""

CARRIED: Mapping[bytes, int] = {b'gAMA': 4, b'cHRM': 32, b'sRGB': 1, b'pHYs': 9}
"""Chunks that a redacted picture keeps, with their size, bytes: how its colours are meant."""

_ENCODINGS = {
    8: {1: 'mono8', 3: 'bgr8', 4: 'bgra8'},
    16: {1: 'mono16', 3: 'bgr16', 4: 'bgra16'},
}
_MOST_PIXELS = 1 << 27
PICTURE = (b'IHDR', b'PLTE', b'IDAT', b'IEND')
_ANIMATION = (b'acTL', b'fcTL', b'fdAT')
SHOWING = (b'tRNS', *_ANIMATION)
"""Chunks beside `PICTURE` that say what is seen of it."""
_PACKED = (b'iCCP', b'zTXt', b'iTXt')
_KNOWN = {
    *(b'tRNS', b'cHRM', b'gAMA', b'iCCP', b'sBIT', b'sRGB', b'cICP', b'mDCV', b'cLLI', b'bKGD'),
    *(b'hIST', b'pHYs', b'sPLT', b'eXIf', b'tIME', b'tEXt', b'zTXt', b'iTXt'),
}
BEHIND_IHDR = len(SIGNATURE) + 25
_LEVELS = (1, 3, 6, 9)
"""Of zlib: fastest, fast, default, best."""
_MOST_PACKED = 1032
"""Bytes that one byte of zlib's format stands for at most."""


def decode(data: bytes, least_size: int) -> tuple[UInt8Array, str, int, int]:
    """Pixels as 8 bits for the detector, (rows, columns, channels), encoding, width, height.

    Whatever else the file shows isn't looked at: see `unjudged`.

    Raises:
        FrameError: If it doesn't begin with one whole picture.
        UnsupportedEncodingError: If a detector could not see all of it.
    """
    pixels = _decoded(data)
    check_rows(list(chunks(data)))
    height, width = pixels.shape[:2]
    name = _encoding(pixels)
    encoding = encoding_named(name)
    planes = ((encoding.layout.bands[0].planes[0], pixels),)
    return (*shown(planes, name, encoding, (width, height), least_size), width, height)


def orientation(data: bytes) -> int:
    """How a viewer turns the picture, EXIF's number; 1 if not at all."""
    found = (chunk.content for chunk in chunks(data) if chunk.kind == b'eXIf')
    return exif.orientation_in(next(found, b''))


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height, pixels; no pixel is decoded.

    Raises:
        FrameError: If the data isn't one whole picture, as far as its chunks say.
    """
    _check_chunks(data)
    return int.from_bytes(data[16:20], 'big'), int.from_bytes(data[20:24], 'big')


def may_be_depth(data: bytes) -> bool:
    """Whether a file is 16 bits of grey, which may be distances: only its message can say."""
    return data[12:16] == b'IHDR' and data[24:26] == b'\x10\0'


def unjudged(data: bytes) -> str:
    """What in a file may show somebody and isn't what `decode` shows, or ''.

    `redact` and `stripped` leave it out.
    """
    found = set()
    size = text = unknown = 0
    end = len(SIGNATURE)
    for kind, content, whole in chunks(data):
        end += len(whole)
        if kind in PICTURE:
            continue
        unknown += len(content) * (kind not in _KNOWN)
        parts = [content]
        if kind in _PACKED:
            parts.append(_unpacked(kind, content))
        size += sum(map(len, parts))
        text += sum(map(len, parts)) * (kind != b'iCCP')
        # Programs without a chunk of its own for EXIF write it as text, in hexadecimal.
        if any(map(exif.begins_picture, parts)) or content.startswith(b'Raw profile type '):
            found.add(f'a picture in a chunk {kind.decode("ascii", "replace")}')
        elif kind == b'eXIf' and exif.has_thumbnail(content):
            found.add('a thumbnail in EXIF')
    if unknown > MOST_UNKNOWN or text > MOST_TEXT or size > MOST_ANCILLARY:
        found.add('data that can not be read')
    if data[end:].strip(b'\0'):
        found.add('what lies behind the picture')
    return ', '.join(sorted(found))


def stripped(data: bytes) -> bytes:
    """The file with the chunks of its picture as they are, and of the others but `CARRIED`.

    Raises:
        FrameError: If there is something in it that can't be left out.
    """
    kept = [whole for kind, _, whole in chunks(data) if kind in PICTURE or kind in SHOWING]
    done = SIGNATURE + kept[0] + _carried(data) + b''.join(kept[1:])
    left = unjudged(done)
    if left:
        raise FrameError(f'A PNG still holds {left} when all beside its picture is left out.')
    return done


def redact(
    data: bytes, regions: Sequence[Region], method: str, strength: float
) -> tuple[bytes, tuple[Region, ...], str]:
    """The picture with regions obscured; but for the pixels only `CARRIED` is taken over."""
    pixels = _decoded(data)
    redact_pixels(pixels, regions, encoding_named(_encoding(pixels)).black, method, strength)
    done = _encoded(pixels, _level(data))
    return done[:BEHIND_IHDR] + _carried(data) + done[BEHIND_IHDR:], tuple(regions), ''


def blacked_out(data: bytes) -> bytes:
    """A black picture of the same size and channels."""
    pixels = _decoded(data)
    pixels[...] = np.array(encoding_named(_encoding(pixels)).black, pixels.dtype)
    return _encoded(pixels, _level(data))


def _decoded(data: bytes) -> NDArray[Any]:
    """(rows, columns, channels) uint8 or uint16.

    Raises:
        FrameError: If it isn't one whole picture, or shows something in its transparency.
        UnsupportedEncodingError: If a detector could not see all of it.
    """
    _check_chunks(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise FrameError(f'A PNG of {len(data)} bytes can not be decoded; it is damaged.')
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2] not in _ENCODINGS[8]:
        raise UnsupportedEncodingError(
            f'A PNG with {pixels.shape[2]} channels of {pixels.dtype} is not supported. Have the '
            'driver publish 1 or 3 channels of 8 or 16 bits.'
        )
    alpha = pixels[:, :, 3:]
    if alpha.size and alpha.min() != alpha.max():
        raise FrameError(
            f'A PNG with alpha from {alpha.min()} to {alpha.max()} is refused: a detector '
            'does not see what is drawn in alpha. Have the driver publish colour without alpha.'
        )
    if not alpha.size and any(chunk.kind == b'tRNS' for chunk in chunks(data)):
        raise FrameError(
            'A PNG with one transparent colour (tRNS) is refused: a detector does not see '
            'where it is. Have the driver publish pictures without transparency.'
        )
    return pixels


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to IEND, as far as they are all there."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], 'big')
        whole = data[position : position + 12 + length]
        if len(whole) < 12 + length:
            return
        yield Chunk(whole[4:8], whole[8:-4], whole)
        position += 12 + length
        if whole[4:8] == b'IEND':
            return


def _check_chunks(data: bytes) -> None:
    """Refuse what a decoder would show a part of: cut off or animated.

    The size is checked before anything is allocated for it.
    """
    position = len(SIGNATURE)
    kinds = []
    least = 0
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
            # All pixels are allocated before the first is read.
            depth, colour = data[position + 16 : position + 18].ljust(2, b'\0')
            least = height * width * depth * SAMPLES.get(colour, 1) // (8 * _MOST_PACKED)
        kinds.append(kind)
        position += 12 + length
        if kind == b'IEND':
            break
    if not kinds or kinds[0] != b'IHDR' or kinds[-1] != b'IEND' or position > len(data):
        raise FrameError(f'A PNG of {len(data)} bytes is cut off or damaged.')
    if len(data) < least:
        raise FrameError(
            f'A PNG of {len(data)} bytes can not hold the pixels that it claims; it is cut off, or '
            'made to exhaust memory.'
        )
    if not set(kinds).isdisjoint(_ANIMATION):
        raise UnsupportedEncodingError('An animated PNG is not supported: only one frame is seen.')


def _unpacked(kind: bytes, content: bytes) -> bytes:
    """What is compressed in a chunk of `_PACKED`, as far as it matters; b'' if nothing is."""
    packed = content.partition(b'\0')[2][1:]
    if kind == b'iTXt':
        # Behind the keyword: compressed or not, method, language, translated keyword.
        packed = packed[1:].partition(b'\0')[2].partition(b'\0')[2]
    try:
        return zlib.decompressobj().decompress(packed, MOST_ANCILLARY + 1)
    except zlib.error:
        return b''


def _carried(data: bytes) -> bytes:
    """The first intact chunk of each kind in `CARRIED`."""
    found: dict[bytes, bytes] = {}
    for kind, content, whole in chunks(data):
        intact = zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], 'big')
        if CARRIED.get(kind) == len(content) and intact:
            found.setdefault(kind, whole)
    return b''.join(found.values())


def _encoding(pixels: NDArray[Any]) -> str:
    return _ENCODINGS[8 * pixels.itemsize][pixels.shape[2]]


def _encoded(pixels: NDArray[Any], level: int) -> bytes:
    done, buffer = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])
    if not done:
        raise FrameError(f'A picture of {pixels.shape} can not be written as PNG.')
    return bytes(buffer.tobytes())


def _level(data: bytes) -> int:
    """The compression level of a file, as near as its zlib header tells (RFC 1950, FLEVEL)."""
    coded = b''.join(chunk.content[:2] for chunk in chunks(data) if chunk.kind == b'IDAT')
    return _LEVELS[coded[1] >> 6] if len(coded) > 1 else _LEVELS[0]
