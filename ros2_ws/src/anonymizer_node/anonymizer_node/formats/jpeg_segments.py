"""The segments of a JPEG that may stay when somebody in it was hidden.

A file carries more than one picture of the same scene: thumbnails in JFIF, EXIF and XMP, previews
in maker notes, radiometric planes, whole pictures behind the end. What can't be read is kept only
if it is too small to show anybody.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from anonymizer_node.formats.jpeg_frame import Segment

MOST_UNREAD = 512
"""Segments without a known meaning are kept while they have no more bytes than this together."""

MOST_VALUE = 256
"""EXIF values longer than this, bytes, are left out: previews and maker notes."""

MOST_EXIF = 4096
"""EXIF that is longer than this, bytes, after its long values have gone, is left out."""

MOST_PROFILE = 1 << 17
"""A colour profile longer than this, bytes, is left out."""

MOST_UNSEEN = 1 << 16
"""A file with more application data and comments than this, bytes, may hold a second picture."""

PICTURE_STARTS = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n')
_ICC = b'ICC_PROFILE\0'

_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_EXIF = b'Exif\0\0'
_EXIF_POINTERS = (0x8769, 0x8825)
_OTHER_POINTERS = (0x014A, 0xA005)
_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


class _Entry(NamedTuple):
    tag: int
    kind: int
    number: int
    value: bytes


def kept(segments: Iterable[Segment], colour: bool = True) -> bytes:
    """The segments that show nobody, ready to be put behind SOI.

    Kept are JFIF without its thumbnail, Adobe's colour transform, an ICC profile of at most
    `MOST_PROFILE` bytes that has a profile's signature, EXIF's short values from its first, its
    Exif and its GPS directory (the orientation is one), and up to `MOST_UNREAD` bytes of anything
    else but thumbnails and indices of pictures. Nothing in which a picture begins is kept.

    Args:
        segments: Of the original.
        colour: Whether to keep those that say how colours are coded, JFIF and Adobe; not if the
            picture is encoded anew by an encoder that writes its own.
    """
    segments = list(segments)
    profile = _is_profile(segments)
    result = []
    unread = 0
    for marker, payload, _ in segments:
        if marker == _APP0 and payload[:5] == b'JFIF\0':
            if colour and len(payload) >= 14:
                result.append((marker, payload[:12] + b'\0\0'))
        elif marker == _APP14 and payload[:5] == b'Adobe':
            if colour:
                result.append((marker, payload[:12]))
        elif _is_icc(marker, payload):
            if profile:
                result.append((marker, payload))
        elif marker == _APP1 and payload[:6] == _EXIF:
            tiff = _clean_tiff(payload[6:])
            if 0 < len(tiff) <= MOST_EXIF:
                result.append((marker, _EXIF + tiff))
        elif payload[:5] in (b'JFIF\0', b'JFXX\0') or payload[:4] == b'MPF\0':
            continue  # JFIF under another marker than its own has a thumbnail in it as well.
        elif unread + len(payload) <= MOST_UNREAD:
            unread += len(payload)
            result.append((marker, payload))
    return b''.join(
        struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload
        for marker, payload in result
        if not _begins_picture(payload)
    )


def second_picture_in(segments: Iterable[Segment]) -> str:
    """What in a file's application data and comments may show somebody unjudged, or ''.

    A frame in which nobody is found leaves as the same bytes, with all that is in them.
    """
    segments = list(segments)
    profile = _is_profile(segments)
    size = 0
    for marker, payload, _ in segments:
        if _begins_picture(payload):
            return f'a picture in the segment {marker:#x}'
        if payload[:5] == b'JFXX\0' or (payload[:5] == b'JFIF\0' and len(payload) > 14):
            return 'a thumbnail in JFIF'
        if not (profile and _is_icc(marker, payload)):
            size += len(payload)
    if size > MOST_UNSEEN:
        return f'{size} bytes of application data'
    return ''


def _begins_picture(payload: bytes) -> bool:
    return any(start in payload for start in PICTURE_STARTS)


def _is_icc(marker: int, payload: bytes) -> bool:
    return marker == _APP2 and payload[:12] == _ICC


def _is_profile(segments: Iterable[Segment]) -> bool:
    """Whether the ICC segments are a colour profile of bearable size and no picture."""
    chunks = sorted(
        (payload[12:] for marker, payload, _ in segments if _is_icc(marker, payload)),
        key=lambda chunk: chunk[:1],
    )
    profile = b''.join(chunk[2:] for chunk in chunks)
    return (
        bool(chunks)
        and chunks[0][:1] == b'\x01'
        and chunks[0][38:42] == b'acsp'
        and len(profile) <= MOST_PROFILE
        and not _begins_picture(profile)
    )


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


def _clean_tiff(tiff: bytes) -> bytes:
    """EXIF's TIFF built anew from its short values, without thumbnail; empty if unreadable."""
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return b''
    entries = list(_entries(tiff, order, struct.unpack(order + 'I', tiff[4:8])[0]))
    main = [entry for entry in entries if entry.tag not in _EXIF_POINTERS]
    subs = []
    for entry in entries:
        if entry.tag in _EXIF_POINTERS and entry.kind == 4 and entry.number == 1:
            offset = struct.unpack(order + 'I', entry.value)[0]
            below = [sub for sub in _entries(tiff, order, offset) if sub.tag not in _EXIF_POINTERS]
            subs.append((entry.tag, below))
    everything = [*main, *(sub for _, below in subs for sub in below)]
    if sum(12 + len(entry.value) for entry in everything) > MOST_EXIF:
        return b''

    position = 8 + len(_directory(main + [_Entry(tag, 4, 1, b'0000') for tag, _ in subs], order, 8))
    pointers = []
    written = []
    for tag, below in subs:
        pointers.append(_Entry(tag, 4, 1, struct.pack(order + 'I', position)))
        written.append(_directory(below, order, position))
        position += len(written[-1])
    head = tiff[:4] + struct.pack(order + 'I', 8)
    return head + _directory(main + pointers, order, 8) + b''.join(written)


def _entries(tiff: bytes, order: str, offset: int) -> Iterator[_Entry]:
    """The entries of one directory whose values are short and all there."""
    if offset + 2 > len(tiff):
        return
    (count,) = struct.unpack_from(order + 'H', tiff, offset)
    for at in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(order + 'HHI', tiff, at)
        size = _VALUE_SIZES.get(kind, MOST_VALUE + 1) * number
        start = at + 8 if size <= 4 else struct.unpack_from(order + 'I', tiff, at + 8)[0]
        value = tiff[start : start + size]
        if size <= MOST_VALUE and len(value) == size and tag not in _OTHER_POINTERS:
            yield _Entry(tag, kind, number, value)


def _directory(entries: list[_Entry], order: str, position: int) -> bytes:
    """A directory that will lie at a position of the TIFF, with its values behind it."""
    ordered = sorted(entries, key=lambda entry: entry.tag)
    table = struct.pack(order + 'H', len(ordered))
    values = b''
    behind = position + 2 + 12 * len(ordered) + 4
    for tag, kind, number, value in ordered:
        table += struct.pack(order + 'HHI', tag, kind, number)
        if len(value) <= 4:
            table += value.ljust(4, b'\0')
        else:
            table += struct.pack(order + 'I', behind + len(values))
            values += value + b'\0' * (len(value) % 2)
    return table + b'\0\0\0\0' + values
