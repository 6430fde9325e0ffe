"""libjpeg-turbo's own API, bound with ctypes: headers, scaled decoding, and what it complains of.

`available` says whether the library is there. Calls release Python's lock. Blocks are edited in
`turbojpeg_blocks`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.formats import turbojpeg_library
from anonymizer_node.formats.jpeg_frame import FrameHeader

MOST_STRAY_BYTES = 32
"""Cameras put a few bytes between the last block and EOI. More of them may be rows that the
frame header conceals, which nobody would have judged."""

_BGR, _GREY = 1, 6
_RGB_COLOURS = 0
_STOP_ON_WARNING, _LIMIT_SCANS = 8192, 32768
_WARNING = 0
_STRAY = re.compile(r'(\d+) extraneous bytes before marker 0xd9')


class Colours(NamedTuple):
    """How the library understands a file.

    Attributes:
        sampling: Its number for the chroma sampling.
        luma_and_chroma: Whether the components are luma and chroma, or luma alone; otherwise red,
            green and blue.
    """

    sampling: int
    luma_and_chroma: bool


def available() -> bool:
    """Whether the library is there."""
    return turbojpeg_library.library() is not None


def colours(data: bytes, header: FrameHeader) -> Colours:
    """Ask the library how it understands a file.

    Args:
        data: The file.
        header: As read from it.

    Raises:
        FrameError: If it is damaged or another size.
        UnsupportedEncodingError: If the library can't edit its kind of chroma sampling.
    """
    values = [ctypes.c_int(-1) for _ in range(4)]
    with turbojpeg_library.opened() as (library, handle):
        status = library.tjDecompressHeader3(handle, data, len(data), *map(ctypes.byref, values))
        message = _message(library, handle) if status else ''
        if 'bad ICC marker' in message and library.tjGetErrorCode(handle) == _WARNING:
            status, message = 0, ''  # Of 3.x, and about no pixel: `jpeg_segments` sees to it.
    width, height, sampling, space = (value.value for value in values)
    if sampling < 0 and (not status or 'subsampling' in message):
        raise UnsupportedEncodingError(
            'A JPEG with an unusual chroma sampling is not supported. '
            'Have the driver publish 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1 or grey.'
        )
    if status or (width, height) != (header.width, header.height):
        raise _damaged(data, message or f'it is {width}x{height}')
    return Colours(sampling, space != _RGB_COLOURS)


def decode(data: bytes, header: FrameHeader, divisor: int) -> UInt8Array:
    """Decode a file, reduced.

    Args:
        data: The file.
        header: As read from it.
        divisor: 1, 2, 4 or 8.

    Returns:
        (rows, columns, 1 or 3) uint8, BGR or grey, sizes divided and rounded up.

    Raises:
        FrameError: If the decoder had anything to complain of.
    """
    columns, rows = -(-header.width // divisor), -(-header.height // divisor)
    channels = 1 if header.grey else 3
    pixels = np.empty((rows, columns, channels), np.uint8)

    def run(library: Any, handle: int, flags: int) -> int:
        return int(
            library.tjDecompress2(
                handle,
                data,
                len(data),
                pixels.ctypes.data,
                columns,
                columns * channels,
                rows,
                _GREY if header.grey else _BGR,
                flags,
            )
        )

    checked(data, run)
    return pixels


def checked(data: bytes, run: Callable[[Any, int, int], int]) -> None:
    """Call the library and take any warning for damage but that of a few stray bytes at the end.

    Args:
        data: The file.
        run: (library, handle, flags) -> status; called again if there are stray bytes.

    Raises:
        FrameError: With what the library said.
    """
    with turbojpeg_library.opened() as (library, handle):
        if run(library, handle, _STOP_ON_WARNING | _LIMIT_SCANS) == 0:
            return
        message = _message(library, handle)
    stray = _STRAY.search(message)
    if stray is None or int(stray[1]) > MOST_STRAY_BYTES:
        raise _damaged(data, message)
    # The first warning was about the end, so nothing can come behind it but the picture's rest.
    with turbojpeg_library.opened() as (library, handle):
        status = run(library, handle, _LIMIT_SCANS)
        again = _message(library, handle)
        if status and (library.tjGetErrorCode(handle) != _WARNING or again != message):
            raise _damaged(data, again)


def _damaged(data: bytes, message: str) -> FrameError:
    return FrameError(
        f'A JPEG of {len(data)} bytes can not be decoded whole: {message}. '
        'Look for lost packets between camera and driver.'
    )


def _message(library: Any, handle: int) -> str:
    return str(library.tjGetErrorStr2(handle).decode('utf-8', 'replace'))
