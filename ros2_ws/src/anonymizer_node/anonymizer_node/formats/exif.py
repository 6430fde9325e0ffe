"""EXIF's TIFF, built anew from what shows nobody.

EXIF holds pictures in many places: a thumbnail in its second directory, compressed or not, others
below it, previews in maker notes, which every maker writes in another way. So nothing is cut out:
what is understood is written anew, and whatever else was there, linked or not, is gone.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from typing import NamedTuple

MOST_VALUE = 256
"""Values longer than this, bytes, are left out: previews and maker notes."""

MOST_EXIF = 4096
"""Where values are longer than this together, bytes, nothing but the orientation stays."""

PICTURE_STARTS = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'/9j/', b'iVBORw0KGgo')
"""How a JPEG and a PNG begin, and how they do in text (base64)."""

NEXT = b'\xff'
"""What follows a segment of a JPEG: with its last bytes it must not begin a picture, either."""

ORIENTATION = 0x0112
_ORDERS = {b'II*\0': '<', b'MM\0*': '>'}
_EXIF_POINTER, _GPS_POINTER = 0x8769, 0x8825
_POINTERS = (_EXIF_POINTER, _GPS_POINTER)
_OTHER_POINTERS = (0xA005,)
_PICTURES = (0x0111, 0x0144, 0x014A, 0x0201)
"""Tags of where a thumbnail lies: in strips, in tiles, in a directory below, as a JPEG."""
_LEFT_OUT = (*_OTHER_POINTERS, *_PICTURES, 0x0117, 0x0145, 0x0202)
"""And of how long it is."""
_HEADER = 8
"""Bytes in front of the first directory, at least."""
_MOST_DIRECTORIES = 8
_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


class _Entry(NamedTuple):
    tag: int
    kind: int
    number: int
    value: bytes


def begins_picture(data: bytes) -> bool:
    """Whether a picture begins somewhere in there."""
    return any(start in data for start in PICTURE_STARTS)


def clean(tiff: bytes, gps: bool = True, tags: Container[int] | None = None) -> bytes:
    """A TIFF with EXIF's short values, without any picture; empty if it can't be read.

    Of the first directory, and of those that it calls Exif and GPS. Where these are too many, the
    orientation alone.

    Args:
        tiff: As read.
        gps: Whether to keep where it was taken.
        tags: Nothing but these of the first directory; None: all.
    """
    if tags is None:
        pointers = _POINTERS if gps else (_EXIF_POINTER,)
        found = _built_anew(tiff, pointers, None)
        if found and not begins_picture(found + NEXT):
            return found
        tags = (ORIENTATION,)
    found = _built_anew(tiff, (), tags)
    return b'' if begins_picture(found + NEXT) else found


def orientation_in(tiff: bytes) -> int:
    """What EXIF's TIFF says, 1 to 8; 1 if it says nothing that can be understood."""
    order = _ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    for entry in _entries(tiff, order, struct.unpack(order + 'I', tiff[4:8])[0]):
        if entry.tag == ORIENTATION and entry.kind == 3 and entry.number == 1:
            (value,) = struct.unpack(order + 'H', entry.value[:2])
            return int(value) if 1 <= value <= 8 else 1
    return 1


def has_thumbnail(tiff: bytes) -> bool:
    """Whether EXIF's TIFF tells of a picture in it.

    Every directory of the chain is looked at, as far as it can be read.
    """
    order = _ORDERS.get(tiff[:4])
    seen: set[int] = set()
    at = struct.unpack_from(order + 'I', tiff, 4)[0] if order and len(tiff) >= 8 else 0
    while order and at and at not in seen and at + 2 <= len(tiff) and len(seen) < _MOST_DIRECTORIES:
        seen.add(at)
        (count,) = struct.unpack_from(order + 'H', tiff, at)
        behind = at + 2 + 12 * count
        for entry in range(at + 2, min(behind, len(tiff) - 11), 12):
            if struct.unpack_from(order + 'H', tiff, entry)[0] in _PICTURES:
                return True
        at = struct.unpack_from(order + 'I', tiff, behind)[0] if behind + 4 <= len(tiff) else 0
    return len(seen) >= _MOST_DIRECTORIES


def _built_anew(tiff: bytes, pointers: Container[int], tags: Container[int] | None) -> bytes:
    """The short values of a TIFF as a new one; empty if there are none or too many.

    Args:
        tiff: As read.
        pointers: To the directories below the first one, of those that stay.
        tags: What stays of the first one; None: everything.
    """
    order = _ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return b''
    entries = list(_entries(tiff, order, struct.unpack(order + 'I', tiff[4:8])[0]))
    main = [
        entry
        for entry in entries
        if entry.tag not in _POINTERS and (tags is None or entry.tag in tags)
    ]
    subs = []
    for entry in entries:
        if entry.tag in pointers and entry.kind == 4 and entry.number == 1:
            offset = struct.unpack(order + 'I', entry.value)[0]
            below = [sub for sub in _entries(tiff, order, offset) if sub.tag not in _POINTERS]
            subs.append((entry.tag, below))
    everything = [*main, *(sub for _, below in subs for sub in below)]
    if not everything or sum(12 + len(entry.value) for entry in everything) > MOST_EXIF:
        return b''

    position = 8 + len(_directory(main + [_Entry(tag, 4, 1, b'0000') for tag, _ in subs], order, 8))
    links = []
    written = []
    for tag, below in subs:
        links.append(_Entry(tag, 4, 1, struct.pack(order + 'I', position)))
        written.append(_directory(below, order, position))
        position += len(written[-1])
    head = tiff[:4] + struct.pack(order + 'I', 8)
    done = head + _directory(main + links, order, 8) + b''.join(written)
    return done if len(done) <= MOST_EXIF else b''


def _entries(tiff: bytes, order: str, offset: int) -> Iterator[_Entry]:
    """The entries of one directory whose values are short, all there, and no picture."""
    if not _HEADER <= offset <= len(tiff) - 2:
        return
    (count,) = struct.unpack_from(order + 'H', tiff, offset)
    for at in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(order + 'HHI', tiff, at)
        size = _VALUE_SIZES.get(kind, MOST_VALUE + 1) * number
        start = at + 8 if size <= 4 else struct.unpack_from(order + 'I', tiff, at + 8)[0]
        value = tiff[start : start + size]
        short = size <= MOST_VALUE and len(value) == size
        if short and tag not in _LEFT_OUT and not begins_picture(value):
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
