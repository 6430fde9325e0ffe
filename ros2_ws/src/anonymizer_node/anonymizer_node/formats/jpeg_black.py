"""A black JPEG of any size, written from scratch: nothing of the original can be in it."""

from __future__ import annotations

import struct

from anonymizer_node.core.errors import UnsupportedEncodingError
from anonymizer_node.formats.jpeg_frame import FrameHeader

_MOST_BLOCKS_IN_MCU = 10
_BLACK_DC = -128
_STEP = 8
"""Quantiser of every coefficient: `_BLACK_DC` steps are 128 grey levels below the middle."""


def black_picture(header: FrameHeader) -> bytes:
    """A baseline JPEG, black, of the size and chroma sampling that a header says.

    Raises:
        UnsupportedEncodingError: If the sampling is one that baseline JPEG can't interleave.
    """
    components = header.components
    blocks_in_mcu = sum(item.horizontal * item.vertical for item in components)
    if blocks_in_mcu > _MOST_BLOCKS_IN_MCU:
        raise UnsupportedEncodingError(
            f'A JPEG with {blocks_in_mcu} blocks in an MCU is not supported; '
            f'the standard allows {_MOST_BLOCKS_IN_MCU}.'
        )
    frame = struct.pack('>BHHB', 8, header.height, header.width, len(components))
    scan = bytes([len(components)])
    for identifier, item in enumerate(components, 1):
        frame += bytes([identifier, item.horizontal << 4 | item.vertical, 0])
        scan += bytes([identifier, 0])
    # Two code words for DC differences, 0 -> '0' and 8 bits -> '10'; one for AC, end -> '0'.
    dc_codes = b'\0' + bytes([1, 1]) + bytes(14) + bytes([0, 8])
    ac_codes = b'\x10' + bytes([1]) + bytes(15) + bytes([0])
    return b''.join(
        [
            b'\xff\xd8',
            _segment(0xE0, b'JFIF\0\1\1' + bytes([0, 0, 1, 0, 1, 0, 0])),
            _segment(0xDB, b'\0' + bytes([_STEP]) * 64),
            _segment(0xC0, frame),
            _segment(0xC4, dc_codes + ac_codes),
            _segment(0xDA, scan + bytes([0, 63, 0])),
            _coded(header, blocks_in_mcu),
            b'\xff\xd9',
        ]
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload


def _coded(header: FrameHeader, blocks_in_mcu: int) -> bytes:
    """The first luma block goes down to black, every other block differs by nothing."""
    mcus = -(-header.width // header.step_x) * -(-header.height // header.step_y)
    # A negative difference is coded as itself minus one, in the 8 bits that it takes.
    first = '10' + format((_BLACK_DC - 1) & 0xFF, '08b') + '0'
    bits = len(first) + 2 * (mcus * blocks_in_mcu - 1)
    size = -(-bits // 8)
    coded = bytearray(int(first.ljust(16, '0'), 2).to_bytes(2, 'big').ljust(size, b'\0'))
    coded[-1] |= (1 << (8 * size - bits)) - 1
    return bytes(coded)
