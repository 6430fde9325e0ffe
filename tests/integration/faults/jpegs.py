"""Compressed frames that are cut off, damaged, mislabelled, or hold more than one picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from pictures import compressed
from samples.jpegs import exif, jpeg_of, patched, position_of, segment, with_segments

from faults.shots import HEIGHT, PLACES, QUALITY, WIDTH, Shot, painted, secret, shot

SOF0 = 0xC0
PNG_IHDR_END = 33
NOBODY: tuple[Any, ...] = ()

Make = Callable[[], Shot]


def as_message(data: bytes, pixels: Any, places: Any, secrets: Any = ()) -> Shot:
    """A file as a message, labelled as a JPEG."""
    message = compressed(np.zeros((8, 8, 3), np.uint8))
    message.data = data
    return shot(message, pixels, places, secrets=secrets)


def changed(change: Callable[[bytes], bytes], variant: str = 'baseline') -> Make:
    """A JPEG, changed."""

    def make() -> Shot:
        pixels = painted(PLACES[:1])
        return as_message(change(jpeg_of(pixels, '420', variant, QUALITY)), pixels, PLACES[:1])

    return make


def cut(share: float, variant: str = 'baseline') -> Make:
    return changed(lambda data: data[: int(share * len(data))], variant)


def shorter(count: int) -> Make:
    return changed(lambda data: data[:-count])


def damaged(share: float, variant: str = 'baseline') -> Make:
    """With some bytes of the scan overwritten, none of them a marker.

    Before and behind the person: of what damage makes of somebody a detector sees what we see,
    but the one of these tests knows people by their colour.
    """

    def damage(data: bytes) -> bytes:
        return patched(data, int(share * len(data)), bytes(range(1, 33)))

    return changed(damage, variant)


def sized(height: int = HEIGHT, width: int = WIDTH) -> Make:
    """With another size in its frame header."""
    size = struct.pack('>HH', height, width)
    return changed(lambda data: patched(data, position_of(data, SOF0) + 5, size))


def with_byte(offset: int, value: int) -> Make:
    """With another byte in its frame header."""
    return changed(lambda data: patched(data, position_of(data, SOF0) + offset, bytes([value])))


def labelled(label: str) -> Make:
    def make() -> Shot:
        made = changed(lambda data: data)()
        made.message.format = label
        return made

    return make


def png(change: Callable[[bytes], bytes] = lambda data: data, depth: str = '8 colour') -> Make:
    """A PNG under the format of a JPEG."""

    def make() -> Shot:
        pixels = painted(PLACES[:1])
        content = {
            '8 colour': lambda: pixels,
            '16 colour': lambda: pixels.astype(np.uint16) * 257,
            '16 grey': lambda: cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257,
            'in alpha': lambda: np.dstack([np.full_like(pixels, 90), pixels[:, :, 0]]),
        }[depth]()
        return as_message(change(_encoded('.png', content)), pixels, PLACES[:1])

    return make


def in_chunk(data: bytes, small: bytes) -> bytes:
    body = b'eXIf' + small
    whole = struct.pack('>I', len(small)) + body + struct.pack('>I', zlib.crc32(body))
    return data[:PNG_IHDR_END] + whole + data[PNG_IHDR_END:]


def beside(
    place: Callable[[bytes, bytes], bytes], places: Any = PLACES[:1], suffix: str = '.jpg'
) -> Make:
    """A file with a small picture of somebody put beside its own picture."""

    def make() -> Shot:
        pixels = painted(places)
        other = painted(PLACES[1:2])
        small = cv2.resize(other, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
        own = jpeg_of(pixels, '420', 'baseline', QUALITY)
        data = place(own if suffix == '.jpg' else _encoded(suffix, pixels), jpeg_of(small, '444'))
        return as_message(data, pixels, places, (secret(other, PLACES[1]),))

    return make


def in_jfif(data: bytes, small: bytes) -> bytes:
    """As the uncompressed thumbnail of JFIF."""
    pixels = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    pixels = cv2.resize(pixels, (80, 60))
    head = b'JFIF\0\x01\x02\0\0\x01\0\x01' + bytes([80, 60])
    thumbnail = segment(0xE0, head + pixels.tobytes())
    return data[:2] + thumbnail + data[2 + 2 + int.from_bytes(data[4:6], 'big') :]


def in_jfxx(data: bytes, small: bytes) -> bytes:
    return with_segments(data, segment(0xE0, b'JFXX\0\x10' + small))


def turned(data: bytes) -> bytes:
    """With EXIF that says to turn the picture by 90 degrees, and nothing else."""
    tiff = b'II*\0' + struct.pack('<IHHHIHHI', 8, 1, 0x0112, 3, 1, 6, 0, 0)
    return with_segments(data, segment(0xE1, b'Exif\0\0' + tiff))


def in_exif(data: bytes, small: bytes) -> bytes:
    return with_segments(data, exif(small))


def in_comment(data: bytes, small: bytes) -> bytes:
    return with_segments(data, segment(0xFE, small))


def behind(data: bytes, small: bytes) -> bytes:
    return data + small


def cmyk() -> Shot:
    pixels = painted(PLACES[:1])
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(pixels[:, :, ::-1]).convert('CMYK').save(buffer, 'JPEG', quality=QUALITY)
    return as_message(buffer.getvalue(), pixels, PLACES[:1])


def other(suffix: str) -> Make:
    def make() -> Shot:
        pixels = painted(PLACES[:1])
        return as_message(_encoded(suffix, pixels), pixels, PLACES[:1])

    return make


def bytes_only(data: bytes) -> Make:
    return lambda: as_message(data, painted(NOBODY), NOBODY)


def _encoded(suffix: str, pixels: Any) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return bytes(data.tobytes())


FILES: Mapping[str, tuple[Make, ...]] = {
    'JPEG cut off': (
        *(cut(share) for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9)),
        *(shorter(count) for count in (64, 2, 1)),
    ),
    'JPEG cut off with an end put behind': tuple(
        changed(lambda data, share=share: data[: int(share * len(data))] + b'\xff\xd9')
        for share in (0.25, 0.5, 0.75)
    ),
    'JPEG progressive': (changed(lambda data: data, 'progressive'),),
    'JPEG progressive and cut off': tuple(cut(share, 'progressive') for share in (0.3, 0.6, 0.9)),
    'JPEG with restart markers': (changed(lambda data: data, 'restart'),),
    'JPEG damaged in the scan': (
        *(damaged(share) for share in (0.97, 0.98)),
        *(damaged(share, 'restart') for share in (0.12, 0.95, 0.98)),
    ),
    'JPEG whose header claims more': (
        sized(height=65535),
        sized(width=65535),
        sized(65535, 65535),
        sized(height=HEIGHT + 16),
    ),
    'JPEG whose header claims less': (sized(height=HEIGHT // 2), sized(height=0), sized(width=8)),
    'JPEG of 12 bits': (with_byte(4, 12),),
    'JPEG with arithmetic coding': (with_byte(1, 0xC9),),
    'JPEG lossless': (with_byte(1, 0xC3),),
    'JPEG in CMYK': (cmyk,),
    'JPEG with EXIF rotation': (changed(turned),),
    'JPEG with EXIF rotation and a thumbnail': (beside(in_exif), beside(in_exif, NOBODY)),
    'JPEG with a thumbnail in JFIF': (beside(in_jfif), beside(in_jfif, NOBODY)),
    'JPEG with a thumbnail in JFXX': (beside(in_jfxx), beside(in_jfxx, NOBODY)),
    'JPEG with a picture in a comment': (beside(in_comment), beside(in_comment, NOBODY)),
    'JPEG with a picture behind its end': (beside(behind), beside(behind, NOBODY)),
    'JPEG with bytes behind its end': (changed(lambda data: data + data[600:5000]),),
    'JPEG with zeros behind its end': (changed(lambda data: data + bytes(1000)),),
    'JPEG labelled as another format': (labelled('png'), labelled(''), labelled('rgb8; jp2')),
    'JPEG labelled as a depth image': (labelled('16UC1; compressedDepth'),),
    'PNG under the format jpeg': (png(),),
    'PNG of 16 bits': (png(depth='16 colour'), png(depth='16 grey')),
    'PNG with somebody in its alpha': (png(depth='in alpha'),),
    'PNG cut off': tuple(
        png(lambda data, share=share: data[: int(share * len(data))])
        for share in (0.1, 0.5, 0.9, 0.999)
    ),
    'PNG damaged': (png(lambda data: patched(data, len(data) // 2, b'\0' * 64)),),
    'PNG with a picture in a chunk': (
        beside(in_chunk, suffix='.png'),
        beside(in_chunk, NOBODY, '.png'),
    ),
    'PNG with a picture behind its end': (
        beside(behind, suffix='.png'),
        beside(behind, NOBODY, '.png'),
    ),
    'another kind of file': (other('.webp'), other('.bmp'), other('.tiff')),
    'no file at all': (
        bytes_only(b''),
        bytes_only(b'\xff\xd8\xff'),
        bytes_only(b'\xff\xd8\xff not a picture'),
        bytes_only(b'\xff\xd8\xff\xd9'),
        bytes_only(bytes(1000)),
    ),
}
