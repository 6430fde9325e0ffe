"""The segments of a JPEG beside its picture: what they may hide, and what of them may stay.

A file carries more than one picture of the same scene: thumbnails in JFIF, EXIF and XMP, previews
in maker notes, radiometric planes, a video in segments of its own, whole pictures behind the end.
Nobody looks at them. What can't be read is kept only if it is too small to show anybody.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from anonymizer_node.formats import exif
from anonymizer_node.formats.exif import NEXT, begins_picture
from anonymizer_node.formats.jpeg_frame import EOI, SOS, Segment, segments

MOST_UNREAD = 512
"""Segments without a known meaning are kept while they have no more bytes than this together, and
a file keeps what it would lose otherwise while that isn't more."""

MOST_PROFILE = 1 << 17
"""A colour profile longer than this, bytes, is left out."""

_ICC = b'ICC_PROFILE\0'
_EXIF = b'Exif\0\0'
_APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE


class Parts(NamedTuple):
    """A file, taken apart.

    Attributes:
        beside: Application data and comments in front of the first scan.
        later: Those behind it, of which no viewer needs any.
        picture: Everything else between SOI and the end of EOI, one behind the other.
        behind: What lies behind EOI.
    """

    beside: tuple[Segment, ...]
    later: tuple[Segment, ...]
    picture: bytes
    behind: bytes


def taken_apart(data: bytes) -> Parts:
    """The picture in a file, and what is beside it.

    Raises:
        FrameError: If the markers don't lead from SOI to EOI.
    """
    beside: list[Segment] = []
    later: list[Segment] = []
    picture = []
    position = 2
    past_scan = False
    for segment in segments(data):
        marker, payload, end = segment
        start = end - 2 if marker == EOI else end - len(payload) - 4
        picture.append(data[position:start])
        if _APP0 <= marker <= _APP15 or marker == _COM:
            (later if past_scan else beside).append(segment)
        else:
            picture.append(data[start:end])
        past_scan = past_scan or marker == SOS
        position = end
    return Parts(tuple(beside), tuple(later), b''.join(picture), data[position:])


def unjudged(beside: Iterable[Segment], later: Iterable[Segment], behind: bytes) -> str:
    """What beside a picture may show somebody whom nobody would have looked for, or ''.

    That is a thumbnail, whatever begins like a picture, whatever of more than `MOST_UNREAD` bytes
    can't be read, and anything behind the end but padding. A driver's buffer may end in the tail of
    an older frame, or a file in a second picture.

    Args:
        beside: As in `Parts`.
        later: Likewise.
        behind: Likewise.
    """
    beside, later = tuple(beside), tuple(later)
    found = set()
    for marker, payload, _ in (*beside, *later):
        if payload[:6] == _EXIF and exif.has_thumbnail(payload[6:]):
            found.add('a thumbnail in EXIF')
        elif payload[:5] == b'JFXX\0' or (payload[:5] == b'JFIF\0' and len(payload) > 14):
            found.add('a thumbnail in JFIF')
        elif begins_picture(payload):
            found.add(f'a picture in a segment {marker:#x}')
    if not found and _size(beside) + _size(later) - _stays(beside) > MOST_UNREAD:
        found.add('data that can not be read')
    if behind.strip(b'\0\xff'):
        found.add('what lies behind the picture')
    return ', '.join(sorted(found))


def kept(beside: Iterable[Segment], colour: bool = True) -> bytes:
    """The segments that show nobody, ready to be put behind SOI.

    Kept are JFIF without its thumbnail, Adobe's colour transform, an ICC profile of at most
    `MOST_PROFILE` bytes that has a profile's signature, of the first EXIF what `exif.clean` leaves
    (the orientation is in there), and up to `MOST_UNREAD` bytes of anything else but thumbnails and
    indices of pictures. Nothing in which a picture begins is kept.

    Args:
        beside: The segments of the original.
        colour: Whether to keep those that say how colours are coded, JFIF and Adobe; not if the
            picture is encoded anew by an encoder that writes its own.
    """
    beside = tuple(beside)
    profile = _is_profile(beside)
    result: list[tuple[int, bytes]] = []
    has_exif = False
    coded: set[int] = set()
    unread = 0
    for marker, payload, _ in beside:
        if (marker == _APP0 and payload[:5] == b'JFIF\0') or (
            marker == _APP14 and payload[:5] == b'Adobe'
        ):
            # Once each; a few bytes in every one of many would be anything.
            counted = 4 + len(payload) if marker in coded else 0
            coded.add(marker)
            short = payload[:12] + b'\0\0' * (marker == _APP0)
            if colour and len(payload) >= len(short) and unread + counted <= MOST_UNREAD:
                unread += counted
                result.append((marker, short))
        elif _is_icc(marker, payload):
            if profile:
                result.append((marker, payload))
        elif marker == _APP1 and payload[:6] == _EXIF:
            tiff = b'' if has_exif else exif.clean(payload[6:])
            has_exif = True
            if tiff:
                result.append((marker, _EXIF + tiff))
        elif payload[:5] in (b'JFIF\0', b'JFXX\0') or payload[:4] == b'MPF\0':
            continue  # JFIF under another marker than its own has a thumbnail in it as well.
        elif payload[:6] == _EXIF and exif.has_thumbnail(payload[6:]):
            continue  # And so may EXIF.
        elif unread + len(payload) <= MOST_UNREAD:
            unread += len(payload)
            result.append((marker, payload))
    return b''.join(
        struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload
        for marker, payload in result
        if not begins_picture(payload + NEXT)
    )


def bare(beside: Iterable[Segment], whole_exif: bool) -> bytes:
    """The segments that say how a photo is to be shown, ready to be put behind SOI.

    These are `kept`'s for colours, and of the first EXIF the orientation, or its short values.

    Args:
        beside: The segments of the original.
        whole_exif: Whether the short values of EXIF stay; where it was taken (GPS) never does.
    """
    chosen = []
    has_exif = False
    for segment in beside:
        marker, payload, _ = segment
        if marker == _APP1 and payload[:6] == _EXIF:
            tags = None if whole_exif else (exif.ORIENTATION,)
            tiff = b'' if has_exif else exif.clean(payload[6:], False, tags)
            chosen += [Segment(_APP1, _EXIF + tiff, 0)] if tiff else []
            has_exif = True
        elif (
            (marker == _APP0 and payload[:5] == b'JFIF\0')
            or (marker == _APP14 and payload[:5] == b'Adobe')
            or _is_icc(marker, payload)
        ):
            chosen.append(segment)
    return kept(chosen)


def exif_in(segment: Segment) -> bytes | None:
    """EXIF's TIFF, if that is what a segment is."""
    is_exif = segment.marker == _APP1 and segment.payload[:6] == _EXIF
    return segment.payload[6:] if is_exif else None


def orientation(beside: Iterable[Segment]) -> int:
    """1 to 8, as the first EXIF says how the picture is to be turned; 1 if none does."""
    for segment in beside:
        tiff = exif_in(segment)
        if tiff is not None:
            return exif.orientation_in(tiff)
    return 1


def spliced(encoded: bytes, segments: bytes, colour: bool = True) -> bytes:
    """Put segments behind SOI of a picture that was just encoded.

    Args:
        encoded: Whole file.
        segments: As `kept` makes them.
        colour: Whether they take the place of the encoder's own APPn segments.
    """
    position = 2
    while colour and encoded[position] == 0xFF and _APP0 <= encoded[position + 1] <= _APP15:
        position += 2 + int.from_bytes(encoded[position + 2 : position + 4], 'big')
    if not colour and encoded[3] == _APP0:
        # JFIF wants to be first.
        position += 2 + int.from_bytes(encoded[4:6], 'big')
        return encoded[:position] + segments + encoded[position:]
    return encoded[:2] + segments + encoded[position:]


def _stays(beside: Sequence[Segment]) -> int:
    """How many bytes of segments are in `kept`'s.

    Values of EXIF that lie one over the other are longer apart: that makes no room for others.
    """
    first = [item for item in beside if item.marker == _APP1 and item.payload[:6] == _EXIF][:1]
    return len(kept(beside)) - max(0, len(kept(first)) - _size(first))


def _size(beside: Iterable[Segment]) -> int:
    return sum(4 + len(payload) for _, payload, _ in beside)


def _is_icc(marker: int, payload: bytes) -> bool:
    return marker == _APP2 and payload[:12] == _ICC


def _is_profile(beside: Iterable[Segment]) -> bool:
    """Whether the ICC segments are a colour profile of bearable size and no picture."""
    chunks = sorted(
        (payload[12:] for marker, payload, _ in beside if _is_icc(marker, payload)),
        key=lambda chunk: chunk[:1],
    )
    profile = b''.join(chunk[2:] for chunk in chunks)
    return (
        bool(chunks)
        and chunks[0][:1] == b'\x01'
        and chunks[0][38:42] == b'acsp'
        and len(profile) <= MOST_PROFILE
        and not begins_picture(profile)
    )
