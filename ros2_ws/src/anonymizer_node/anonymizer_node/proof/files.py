"""What a picture file of an output has in it that no decoder shows and its input doesn't have."""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator, Sequence

from anonymizer_node.core.datatypes import Region
from anonymizer_node.proof.scans import left_over

JPEG_START = b'\xff\xd8\xff'
PNG_START = b'\x89PNG\r\n\x1a\n'

MOST_ADDED = 32
"""Bytes of a segment that an encoder may add: JFIF's and Adobe's are 16 and 14 long."""

MOST_TABLES = 1 << 14
"""Bytes of all tables of a JPEG. Each scan of a progressive one may have its own."""

_MOST_TABLES_OF_ONE_PASS = 1 << 12
"""And where no component has two scans: four of quantisers, eight of codes, and headers."""

_EXIF = b'Exif\0\0'
_SOS, _EOI = 0xDA, 0xD9
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xC0, 0xC1, 0xC2, _SOS})
_SAID = frozenset({*range(0xE0, 0xF0), 0xFE})
_AFTER_SCAN = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
_NEEDED = frozenset({b'IHDR', b'PLTE', b'IDAT', b'IEND'})
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by a PNG's colour type."""


class FileError(Exception):
    """A file isn't made as one of its kind is; says how."""


def added_to(before: bytes, after: bytes, flat: Sequence[Region] = ()) -> str:
    """What a JPEG or PNG has in it besides its picture that the one before didn't have, or ''.

    Args:
        before: The input file.
        after: The output file.
        flat: Regions in which each block of a JPEG is said to be one shade.
    """
    try:
        if after.startswith(JPEG_START):
            return _added_to_jpeg(before, after, flat)
        if after.startswith(PNG_START):
            return _added_to_png(before, after)
    except FileError as error:
        return str(error)
    return ''


def _added_to_jpeg(before: bytes, after: bytes, flat: Sequence[Region]) -> str:
    known = _known(before)
    exif = max((len(item) for item in known if item.startswith(_EXIF)), default=0)
    tables, most = 0, MOST_TABLES
    scanned: list[int] = []
    segments = list(_segments(after))
    for marker, payload, _ in segments:
        if marker in _SEQUENTIAL:
            most = _MOST_TABLES_OF_ONE_PASS
        if marker == _SOS:
            scanned += payload[1 : 1 + 2 * payload[0] : 2] if payload else b''
            if most < MOST_TABLES and len(scanned) != len(set(scanned)):
                return 'a second scan of what it has shown'
        tables += len(payload) if marker in _TABLES else 0
        if marker in _SAID and payload not in known and len(payload) > MOST_ADDED:
            # Of EXIF the run takes things out.
            if not (payload.startswith(_EXIF) and len(payload) <= exif):
                return f'{len(payload)} bytes in a segment {marker:#x} that its input has not'
        elif marker not in _SAID | _TABLES | {_EOI}:
            return f'a segment {marker:#x}'
    return f'{tables} bytes of tables' if tables > most else left_over(segments, flat)


def _known(before: bytes) -> set[bytes]:
    """What the input's segments say, as far as they can be read."""
    known: set[bytes] = set()
    with contextlib.suppress(FileError):
        for _, payload, _ in _segments(before) if before.startswith(JPEG_START) else ():
            known.add(payload)
    return known


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Markers, what they carry, and the coded bytes behind that, to the end.

    Raises:
        FileError: If there is something between or behind them.
    """
    position = 2
    while True:
        if position + 2 > len(data) or data[position] != 0xFF:
            raise FileError('bytes between its segments, or no end')
        marker = data[position + 1]
        if marker == 0xFF:  # Markers may have some before them.
            position += 1
            continue
        if marker == _EOI:
            if len(data) != position + 2:
                raise FileError(f'{len(data) - position - 2} bytes behind its end')
            return
        size = int.from_bytes(data[position + 2 : position + 4], 'big')
        payload = data[position + 4 : position + 2 + size]
        position = end = position + 2 + max(2, size)
        if marker == _SOS:
            found = _AFTER_SCAN.search(data, position)
            if found is None:
                raise FileError('no end')
            end = found.start()
        yield marker, payload, data[position:end]
        position = end


def _added_to_png(before: bytes, after: bytes) -> str:
    known: set[tuple[bytes, bytes]] = set()
    with contextlib.suppress(FileError):
        known.update(_chunks(before) if before.startswith(PNG_START) else ())
    packed, header = b'', b''
    for kind, payload in _chunks(after):
        if kind == b'IHDR':
            header = payload
        elif kind == b'IDAT':
            packed += payload
        elif kind not in _NEEDED and (kind, payload) not in known:
            return f'a chunk {kind.decode("latin-1")!r} that its input has not'
    unpacking = zlib.decompressobj()
    size = len(unpacking.decompress(packed)) if len(header) == 13 else -1
    if unpacking.unused_data or not unpacking.eof:
        return 'bytes behind its pixels'
    width, height = (int.from_bytes(header[at : at + 4], 'big') for at in (0, 4))
    row = 1 + (width * header[8] * _SAMPLES.get(header[9], 1) + 7) // 8
    return '' if header[12] or size == height * row else 'more rows than it shows'


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG to its end.

    Raises:
        FileError: If there is something behind it, or no end.
    """
    position, kind = len(PNG_START), b''
    while kind != b'IEND':
        size = int.from_bytes(data[position : position + 4], 'big')
        kind = data[position + 4 : position + 8]
        if position + 12 + size > len(data):
            raise FileError('no end')
        yield kind, data[position + 8 : position + 8 + size]
        position += 12 + size
    if position != len(data):
        raise FileError(f'{len(data) - position} bytes behind its end')
