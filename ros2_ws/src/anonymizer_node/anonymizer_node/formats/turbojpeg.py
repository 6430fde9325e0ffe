"""libjpeg-turbo's own API, bound with ctypes: scaled decoding, and editing of DCT blocks.

`available` says whether the library is there. Calls release Python's lock.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import (
    AnonymizerError,
    FrameError,
    RedactionError,
    UnsupportedEncodingError,
)
from anonymizer_node.formats import turbojpeg_library
from anonymizer_node.formats.jpeg_frame import FrameHeader
from anonymizer_node.formats.turbojpeg_library import Filter, Rectangle, Transform

MOST_STRAY_BYTES = 32
"""Cameras put a few bytes between the last block and EOI. More of them may be rows that the
frame header conceals, which nobody would have judged."""

BlockFilter = Callable[[int, int, NDArray[np.int16]], None]
"""(component, block row, blocks): blocks is (block columns, 64) quantised coefficients, each
block row by row, writable and valid during the call only."""

_BGR, _GREY = 1, 6
_RGB_COLOURS = 0
_STOP_ON_WARNING, _LIMIT_SCANS, _NO_REALLOC = 8192, 32768, 1024
_NO_OUTPUT, _OUTPUT_PROGRESSIVE, _COPY_NONE = 16, 32, 64
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

    _checked(data, run)
    return pixels


def read_blocks(data: bytes, block_filter: BlockFilter) -> None:
    """Show every block of a file to a filter.

    Raises:
        FrameError: If the file is damaged.
        RedactionError: If the filter failed.
    """
    _transform(data, [(block_filter, _NO_OUTPUT | _COPY_NONE)], np.empty(0, np.uint8))


def edit_blocks(
    data: bytes,
    filters: Sequence[BlockFilter],
    header: FrameHeader,
    sampling: int,
) -> bytes:
    """The file with blocks changed by filters, all others as they were, without application data.

    Args:
        data: The file.
        filters: One at least. Each is shown all rows of blocks of all components, from top to
            bottom, before the next one is; what one writes the next ones see.
        header: Of the file.
        sampling: As `colours` says.

    Raises:
        FrameError: If the file is damaged.
        RedactionError: If a filter failed.
    """
    library = turbojpeg_library.required()
    room = np.empty(library.tjBufSize(header.width, header.height, sampling), np.uint8)
    *first, last = filters
    steps = [(item, _NO_OUTPUT | _COPY_NONE) for item in first]
    steps.append((last, _COPY_NONE | (_OUTPUT_PROGRESSIVE if header.progressive else 0)))
    size = _transform(data, steps, room)
    return room[:size].tobytes()


def _transform(data: bytes, steps: Sequence[tuple[BlockFilter, int]], room: UInt8Array) -> int:
    """Run the library's lossless transform.

    Args:
        data: The file.
        steps: Filters with the library's options, run one after the other on the same blocks.
        room: Where the last step's file goes; the others must have no output.

    Returns:
        How many bytes that is.
    """
    failures: list[BaseException] = []
    count = len(steps)
    pointers = [_guarded(block_filter, failures) for block_filter, _ in steps]
    transforms = (Transform * count)(
        *(
            Transform(Rectangle(), 0, options, None, pointer)
            for pointer, (_, options) in zip(pointers, steps, strict=True)
        )
    )
    targets = (ctypes.c_void_p * count)(*[room.ctypes.data] * count)
    sizes = (ctypes.c_ulong * count)(*[room.size] * count)

    def run(library: Any, handle: int, flags: int) -> int:
        status = library.tjTransform(
            handle, data, len(data), count, targets, sizes, transforms, flags | _NO_REALLOC
        )
        return 0 if failures else int(status)

    _checked(data, run)
    pointers.clear()  # Only now: the library calls through them.
    if failures:
        failure = failures[0]
        if isinstance(failure, Exception) and not isinstance(failure, AnonymizerError):
            raise RedactionError(
                f'Editing a JPEG failed: {type(failure).__name__}: {failure}'
            ) from failure
        raise failure
    return int(sizes[count - 1])


def _guarded(block_filter: BlockFilter, failures: list[BaseException]) -> Any:
    """A filter as the library calls it; what it raises is added to `failures`."""

    def guarded(
        address: int, part: Rectangle, plane: Rectangle, component: int, index: int, which: int
    ) -> int:
        try:
            if part.y < plane.h:  # Rows below are filling that the encoder makes anew.
                samples = (ctypes.c_short * (part.w * 8)).from_address(address)
                blocks = np.frombuffer(samples, np.int16).reshape(part.w // 8, 64)
                block_filter(component, part.y // 8, blocks)
        except BaseException as failure:  # None can cross the library; raised when it is back.
            failures.append(failure)
            return -1
        return 0

    return Filter(guarded)


def _checked(data: bytes, run: Callable[[Any, int, int], int]) -> None:
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
