"""What is in an image file beside its picture: may it show somebody, and was only that taken away?

Written apart from the codecs, as all of the proof.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from anonymizer_node.core.errors import FrameError

JPEG_START = b'\xff\xd8\xff'
PNG_START = b'\x89PNG\r\n\x1a\n'

MOST_BESIDE = 8192
"""More application data and comments than this, bytes, may be a picture. Profiles don't count."""

MOST_UNREAD = 1200
"""And so may more than this of which it isn't known what it says, bytes."""

_SHORT = 256

LEAST_LOST = 512
"""Less than this may not be taken from a file without a picture beside its own, bytes."""

_STARTS = (JPEG_START, PNG_START, b'/9j/', b'iVBORw0KGgo')
_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')
_SOS, _EOI, _APP0, _APP1, _APP2, _APP14, _COM = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_EXIF, _ICC = b'Exif\0\0', b'ICC_PROFILE\0'
_MOST_PROFILE = 140_000
_MOST_CHUNKS = 1 << 16
_LATER_PICTURES = frozenset({b'eXIf', b'fdAT', b'zTXt', b'iTXt'})
_PNG_PICTURE = frozenset({b'IHDR', b'PLTE', b'IDAT', b'IEND', b'tRNS'})
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_TURN = (0, 0x0112, 3, 1)
"""An orientation, all but its value."""
_PICTURE_TAGS = frozenset({0x0111, 0x0144, 0x014A, 0x0201})
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


class _Value(NamedTuple):
    """What an entry of EXIF says, and in which directory (0: the first)."""

    directory: int
    tag: int
    kind: int
    number: int
    value: bytes


class _File(NamedTuple):
    """A file in two: its picture as it is stored, and what is beside it, with its kind."""

    picture: bytes
    beside: tuple[tuple[bytes, bytes], ...]
    behind: bytes


def second_picture_in(data: bytes, redacted: bool) -> str:
    """What in an image file may show somebody beside its picture, or ''.

    Args:
        data: The file.
        redacted: Whether somebody was obscured in it: a PNG is then written anew, and has no chunk
            that may hold a picture.
    """
    try:
        if data.startswith(PNG_START):
            return _second_in_png(_png(data), redacted)
        if data.startswith(JPEG_START):
            return _second_in_jpeg(_jpeg(data))
    except FrameError as error:
        return str(error)
    return ''


def other_loss(before: bytes, after: bytes) -> str:
    """What else differs between a file and the same without pictures beside its own, or ''.

    Args:
        before: The input file.
        after: That may have lost a thumbnail and the like, and nothing else.
    """
    read = _jpeg if before.startswith(JPEG_START) else _png
    try:
        old, new = read(before), read(after)
    except FrameError as error:
        return str(error)
    if old.picture != new.picture:
        return 'has another picture than its input'
    if new.behind:
        return 'has something behind its picture'
    if not second_picture_in(before, False) and len(before) - len(after) < LEAST_LOST:
        return 'differs from its input, in which there is nothing beside the picture'
    return next(filter(None, (_foreign(kind, body, old) for kind, body in new.beside)), '') or (
        'has another orientation than its input' if _turn(old) != _turn(new) else ''
    )


def orientation_in(data: bytes) -> int:
    """How an image file says that it is to be turned, EXIF's number; 1 where it doesn't."""
    try:
        file = _png(data) if data.startswith(PNG_START) else _jpeg(data)
    except FrameError:
        return 1
    for kind, body in file.beside:
        if kind == b'eXIf' or body[:6] == _EXIF:
            values = _values(body if kind == b'eXIf' else body[6:])
            said = [sum(item.value) for item in values if item[:4] == _TURN]  # One byte is 0.
            return said[0] if said and said[0] in range(1, 9) else 1
    return 1


def _foreign(kind: bytes, body: bytes, old: _File) -> str:
    """Why something beside a picture is not from its input, or ''."""
    if (kind, body) in old.beside:
        return ''
    origins = [other for same, other in old.beside if same == kind]
    if body[:5] == b'JFIF\0' and body[12:] == b'\0\0':
        if any(other[:12] == body[:12] for other in origins):
            return ''
    elif body[:5] == b'Adobe' and any(other.startswith(body) for other in origins):
        return ''
    elif body[:6] == _EXIF:
        said = _values(body[6:])
        for other in origins:
            if other[:6] == _EXIF and set(said) <= set(_values(other[6:])):
                return ''
    return f'has {len(body)} bytes beside its picture that are not in its input'


def _turn(file: _File) -> bytes:
    """How a file's first EXIF says that it is to be turned; b'' if it doesn't."""
    for kind, body in file.beside:
        if kind == bytes([_APP1]) and body[:6] == _EXIF:
            turns = (item.value for item in _values(body[6:]) if item[:4] == _TURN)
            return next(turns, b'')
    return b''


def _second_in_jpeg(file: _File) -> str:
    profile = b''.join(body[14:] for kind, body in file.beside if _is_profile(kind, body))
    counted = unread = 0
    for kind, body in file.beside:
        if any(start in body for start in _STARTS):
            return 'a second JPEG or PNG, such as a thumbnail, inside the file'
        if body[:6] == _EXIF and _has_picture(body[6:]):
            return 'a thumbnail in EXIF'
        if body[:5] == b'JFXX\0' or (body[:5] == b'JFIF\0' and len(body) > 14):
            return 'a thumbnail in JFIF'
        if not _is_profile(kind, body):
            counted += len(body)
            # Values that lie one over the other explain more than there is.
            explained = _explained(body[6:]) if body[:6] == _EXIF else 0
            unread += max(0, len(body) - explained)
    if profile and (profile[36:40] != b'acsp' or len(profile) > _MOST_PROFILE):
        return 'something that is called a colour profile'
    if counted > MOST_BESIDE or unread > MOST_UNREAD:
        return f'{counted} bytes that can not be read beside the picture'
    if JPEG_START in file.picture:
        return 'a second JPEG inside the picture'
    return 'something behind the picture' if file.behind else ''


def _is_profile(kind: bytes, body: bytes) -> bool:
    return kind == bytes([_APP2]) and body[:12] == _ICC


def _second_in_png(file: _File, redacted: bool) -> str:
    counted = text = 0
    for kind, body in file.beside:
        name = kind.decode('ascii', 'replace')
        if redacted and kind in _LATER_PICTURES:
            return f'a {name} chunk inside the PNG'
        parts = (body, _unpacked(body))
        counted += sum(map(len, parts))
        text += sum(map(len, parts)) * (kind != b'iCCP')
        if any(start in part for part in parts for start in _STARTS):
            return f'a picture in a {name} chunk inside the PNG'
        if body.startswith(b'Raw profile type') or (kind == b'eXIf' and _has_picture(body)):
            return f'a thumbnail in a {name} chunk inside the PNG'
    if counted > _MOST_CHUNKS or text > MOST_BESIDE:
        return f'{counted} bytes beside the picture inside the PNG'
    return 'something behind the picture' if file.behind else ''


def _unpacked(body: bytes) -> bytes:
    """What is compressed in a chunk: wherever a stream of zlib begins, behind its keyword."""
    for found in re.finditer(rb'\x78[\x01\x5e\x9c\xda]', body[:256]):
        try:
            return zlib.decompressobj().decompress(body[found.start() :], _MOST_CHUNKS + 1)
        except zlib.error:
            continue
    return b''


def _jpeg(data: bytes) -> _File:
    """A JPEG, taken apart.

    Raises:
        FrameError: If its markers don't lead to the end.
    """
    picture: list[bytes] = []
    beside: list[tuple[bytes, bytes]] = []
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None or data[position : found.start()].strip(b'\xff'):
            raise FrameError('a JPEG whose markers can not be read')
        at, marker = found.start(), data[found.start() + 1]
        picture.append(data[position:at])
        if marker == _EOI:
            picture.append(data[at : at + 2])
            return _File(b''.join(picture), tuple(beside), data[at + 2 :].strip(b'\0\xff'))
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
        if end > len(data):
            raise FrameError('a JPEG that is cut off')
        if _APP0 <= marker < _APP0 + 16 or marker == _COM:
            beside.append((bytes([marker]), data[at + 4 : end]))
        else:
            picture.append(data[at:end])
        position = end
        if marker == _SOS:
            found = _MARKER.search(data, position)
            position = len(data) if found is None else found.start()
            picture.append(data[end:position])


def _png(data: bytes) -> _File:
    """A PNG, taken apart.

    Raises:
        FrameError: If it is none, or its chunks don't lead to the end.
    """
    if not data.startswith(PNG_START):
        raise FrameError('no PNG')
    picture: list[bytes] = []
    beside: list[tuple[bytes, bytes]] = []
    position = len(PNG_START)
    kind = b''
    while kind != b'IEND':
        end = position + 12 + int.from_bytes(data[position : position + 4], 'big')
        kind = data[position + 4 : position + 8]
        if end > len(data):
            raise FrameError('a PNG that is cut off')
        if kind in _PNG_PICTURE:
            picture.append(data[position:end])
        else:
            beside.append((kind, data[position + 8 : end - 4]))
        position = end
    return _File(b''.join(picture), tuple(beside), data[position:].strip(b'\0'))


def _has_picture(tiff: bytes) -> bool:
    """Whether a directory of EXIF's chain says where a picture lies."""
    return any(where <= 0 and tag in _PICTURE_TAGS for where, (tag, *_), _ in _walk(tiff))


def _values(tiff: bytes) -> list[_Value]:
    """What EXIF says, but for where its directories and pictures lie."""
    values = []
    for directory, (tag, kind, number, where), order in _walk(tiff):
        if tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            continue
        size = _WIDTHS.get(kind, 0) * number
        start = where if size <= 4 else struct.unpack_from(order + 'I', tiff, where)[0]
        values.append(_Value(directory, tag, kind, number, tiff[start : start + size]))
    return values


def _explained(tiff: bytes) -> int:
    """How many bytes of EXIF are short values, and entries that say so."""
    return sum(
        12 + len(item.value) * (len(item.value) > 4)
        for item in _values(tiff)
        if len(item.value) <= _SHORT
    )


def _walk(tiff: bytes) -> Iterator[tuple[int, tuple[int, int, int, int], str]]:
    """Directory, entry (tag, type, number, where its value or offset is) and byte order."""
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return
    todo = [(0, struct.unpack_from(order + 'I', tiff, 4)[0])]
    seen = set()
    while todo:
        directory, at = todo.pop(0)
        chained = directory <= 0
        if not 0 < at <= len(tiff) - 2 or (chained and at in seen):
            continue
        seen.add(at)
        (count,) = struct.unpack_from(order + 'H', tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if entry + 12 > len(tiff):
                break
            tag, kind, number, value = struct.unpack_from(order + 'HHII', tiff, entry)
            yield directory, (tag, kind, number, entry + 8), order
            if directory == 0 and tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
                todo.append((tag, value))
        behind = at + 2 + 12 * count
        if chained and behind + 4 <= len(tiff):
            todo.append((-1 - len(seen), struct.unpack_from(order + 'I', tiff, behind)[0]))
