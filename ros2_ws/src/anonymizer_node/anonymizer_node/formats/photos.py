"""Photo files: without what isn't the picture, and looked at the right way up.

What a photo carries beside its pixels shows people or says where they were: thumbnails, previews,
a few seconds of video behind the end, GPS, captions. It is taken away before anybody looks, so
that nothing is left which nobody looked at. What stays is what is needed to show the picture as it
was shown: colours, and the orientation.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from anonymizer_node.core.datatypes import Frame, Redacted, Region
from anonymizer_node.core.errors import UnsupportedEncodingError
from anonymizer_node.core.turning import TURNS, Turn
from anonymizer_node.formats import exif, jpeg_segments, png
from anonymizer_node.formats.image_codecs import COMPRESSIONS
from anonymizer_node.formats.jpeg_frame import segments

OTHERS: Mapping[str, tuple[int, tuple[bytes, ...]]] = {
    'GIF': (0, (b'GIF8',)),
    'TIFF or camera raw': (0, (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')),
    'BMP': (0, (b'BM',)),
    'WebP': (8, (b'WEBP',)),
    'HEIF or AVIF': (4, (b'ftyphei', b'ftyphev', b'ftypmif1', b'ftypmsf1', b'ftypavi')),
    'JPEG XL': (0, (b'\xff\x0a', b'\0\0\0\x0cJXL ')),
    'JPEG 2000': (0, (b'\0\0\0\x0cjP  ', b'\xff\x4f\xff\x51')),
}
"""Kinds of pictures that can't be read -> at which byte they say what they are, and how."""


class Photo(NamedTuple):
    """A photo file as the pipeline takes it; a message of `PhotoCodec`.

    Attributes:
        data: The file, without what isn't its picture.
        turn: How it is turned before it is shown.
        about: What says so, and how its colours are meant; in a JPEG's data it is in there.
    """

    data: bytes
    turn: Turn = TURNS[1]
    about: bytes = b''


@dataclass(frozen=True)
class Opened:
    """A photo file, taken apart.

    Attributes:
        photo: Of the picture alone.
        kind: Key of `COMPRESSIONS`.
        removed: What was taken away, in words.
    """

    photo: Photo
    kind: str
    removed: tuple[str, ...]


def kind_of(data: bytes) -> str:
    """Key of `COMPRESSIONS`, or the name of another kind of picture; '' if it is none.

    Args:
        data: The file, or its first 32 bytes.
    """
    for kind, compression in COMPRESSIONS.items():
        if data.startswith(compression.SIGNATURE):
            return kind
    for kind, (at, starts) in OTHERS.items():
        if data[at:].startswith(starts):
            return kind
    return ''


def opened(data: bytes, metadata: bool = False) -> Opened:
    """Take a photo file apart.

    Args:
        data: The file.
        metadata: Whether the short values of EXIF are to stay. Thumbnails and GPS never do.

    Raises:
        UnsupportedEncodingError: If it is of a kind that can't be read, which it names.
        FrameError: If it is damaged.
    """
    kind = kind_of(data)
    if kind not in _OPENERS:
        raise UnsupportedEncodingError(
            f'It is {kind or "no picture that is known"}; supported are JPEG and PNG. Convert it.'
        )
    return _OPENERS[kind](data, metadata)


def written(photo: Photo) -> bytes:
    """The file of a photo that went through the pipeline."""
    if kind_of(photo.data) == 'png':
        behind = png.BEHIND_IHDR
        return photo.data[:behind] + photo.about + photo.data[behind:]
    return photo.data


class PhotoCodec:
    """Photos as the pipeline takes them. Regions and sizes are those of the picture as shown."""

    def decode(self, message: Photo, source: str, least_size: int) -> Frame:
        """See `Codec.decode`.

        Raises:
            UnsupportedEncodingError: Also of 16 bits of grey: nothing says that they aren't depth.
        """
        kind = kind_of(message.data)
        compression = COMPRESSIONS[kind]
        if kind == 'png' and png.may_be_depth(message.data):
            raise UnsupportedEncodingError(
                'A PNG with 16 bits of grey may be depth, and no detector of people judges depth. '
                'Convert it to 8 bits if it is a photo.'
            )
        pixels, encoding, width, height = compression.decode(message.data, least_size)
        shown = message.turn.shown(pixels)
        return Frame(shown, encoding, *message.turn.size(width, height), 0, source)

    def measure(self, message: Photo, source: str) -> Frame:
        """See `Codec.measure`."""
        return self.decode(message, source, 1)

    def revisit(self, message: Photo, source: str) -> Frame:
        """See `Codec.revisit`."""
        return self.decode(message, source, 1)

    def redact(
        self, message: Photo, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """See `Codec.redact`."""
        turn, size = message.turn, (frame.width, frame.height)
        stored = turn.regions_stored(regions, *size)
        compression = COMPRESSIONS[kind_of(message.data)]
        removed = compression.unjudged(message.data)
        data, widened, note = compression.redact(message.data, stored, method, strength)
        shown = tuple(turn.regions_shown(widened, *size))
        return Redacted(message._replace(data=data), shown, note, removed)

    def stripped(self, message: Photo) -> Redacted:
        """See `Codec.stripped`. `opened` has taken away what there was, or nearly all of it."""
        compression = COMPRESSIONS[kind_of(message.data)]
        removed = compression.unjudged(message.data)
        if removed:
            message = message._replace(data=compression.stripped(message.data))
        return Redacted(message, removed=removed)

    def blacked_out(self, message: Photo) -> Photo:
        """See `Codec.blacked_out`."""
        kind = kind_of(message.data)
        data = COMPRESSIONS[kind].blacked_out(message.data)
        if kind == 'jpeg' and message.about:
            data = jpeg_segments.spliced(data, message.about)
        return message._replace(data=data)


def _opened_jpeg(data: bytes, metadata: bool) -> Opened:
    """Application data and comments are written anew, and all behind the end is left out."""
    parts = jpeg_segments.taken_apart(data)
    about = jpeg_segments.bare(parts.beside, metadata)
    removed = []
    if len(about) < sum(4 + len(payload) for _, payload, _ in (*parts.beside, *parts.later)):
        removed.append('metadata')
    if parts.behind.strip(b'\0\xff'):
        removed.append(f'{len(parts.behind)} bytes behind the picture')
    turn = TURNS[jpeg_segments.orientation(parts.beside)]
    photo = Photo(data[:2] + about + parts.picture, turn, about)
    return Opened(photo, 'jpeg', tuple(removed))


def _opened_png(data: bytes, metadata: bool) -> Opened:
    """Ancillary chunks are left out, but for those that say how the picture is shown."""
    end, kept, about = len(png.SIGNATURE), [data[: len(png.SIGNATURE)]], []
    removed: list[str] = []
    tiff = b''
    seen: set[bytes] = set()
    for kind, content, whole in png.chunks(data):
        end += len(whole)
        if kind in png.PICTURE or kind in png.SHOWING:
            kept.append(whole)
            continue
        if kind in seen or zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], 'big'):
            removed.append(_in_words(kind))
            continue
        if kind == b'eXIf':
            tiff = tiff or content
        elif not _says_colours(kind, content):
            removed.append(_in_words(kind))
            continue
        if kind != b'eXIf' and kind not in png.CARRIED:
            about.append(whole)
        elif kind != b'eXIf':
            kept.append(whole)
        seen.add(kind)
    if data[end:].strip(b'\0'):
        removed.append(f'{len(data) - end} bytes behind the picture')
    if tiff:
        clean = exif.clean(tiff, False, None if metadata else (exif.ORIENTATION,))
        about += [_chunk(b'eXIf', clean)] if clean else []
        removed += ['eXIf'] if clean != tiff else []
    turn = TURNS[exif.orientation_in(tiff)]
    return Opened(Photo(b''.join(kept), turn, b''.join(about)), 'png', tuple(removed))


def as_stored(data: bytes) -> bytes:
    """A JPEG or PNG that nobody turns before it is shown: without its EXIF if that says so.

    What is known of its pixels is on the grid that they are stored on.

    Raises:
        FrameError: If it can't be read.
    """
    if data.startswith(png.SIGNATURE):
        chunks = list(png.chunks(data))
        if all(exif.orientation_in(content) == 1 for kind, content, _ in chunks if kind == b'eXIf'):
            return data
        return png.SIGNATURE + b''.join(whole for kind, _, whole in chunks if kind != b'eXIf')
    kept, position, turned = [data[:2]], 2, False
    for segment in segments(data):
        tiff = jpeg_segments.exif_in(segment)
        if tiff is None:
            kept.append(data[position : segment.end])
        turned = turned or exif.orientation_in(tiff or b'') != 1
        position = segment.end
    return b''.join(kept) if turned else data


def _says_colours(kind: bytes, content: bytes) -> bool:
    """Whether a chunk says how colours are meant, and is nothing else."""
    if kind in png.CARRIED:
        return len(content) == png.CARRIED[kind]
    if kind != b'iCCP':
        return False
    name, _, packed = content.partition(b'\0')
    try:
        unpacker = zlib.decompressobj()
        profile = unpacker.decompress(packed[1:], jpeg_segments.MOST_PROFILE)
    except zlib.error:
        return False
    pictures = exif.begins_picture(profile) or exif.begins_picture(content)
    whole = unpacker.eof and not unpacker.unused_data
    return whole and len(name) < 80 and profile[36:40] == b'acsp' and not pictures


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + check


def _in_words(kind: bytes) -> str:
    return kind.decode('ascii', 'replace')


_OPENERS: Mapping[str, Callable[[bytes, bool], Opened]] = {
    'jpeg': _opened_jpeg,
    'png': _opened_png,
}
