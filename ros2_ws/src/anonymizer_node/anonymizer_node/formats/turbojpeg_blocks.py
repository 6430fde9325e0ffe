"""Editing of a JPEG's DCT blocks where libjpeg-turbo keeps them, through its lossless transform."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import AnonymizerError, RedactionError
from anonymizer_node.formats import turbojpeg_library
from anonymizer_node.formats.jpeg_frame import FrameHeader
from anonymizer_node.formats.turbojpeg import checked
from anonymizer_node.formats.turbojpeg_library import Filter, Rectangle, Transform

Planes = Sequence[NDArray[np.int16]]
"""Of each component (block rows, block columns, 64) coefficients, quantised, row by row."""

_NO_REALLOC = 1024
_NO_OUTPUT, _OUTPUT_PROGRESSIVE, _COPY_NONE = 16, 32, 64
_BLOCK_BYTES = 128
_MOST_KEPT = 1 << 25

_memory_at = ctypes.pythonapi.PyMemoryView_FromMemory
_memory_at.restype = ctypes.py_object
_memory_at.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]
_WRITABLE = 0x200


def read_blocks(data: bytes, header: FrameHeader, read: Callable[[Planes], None]) -> None:
    """Show all blocks of a file to a function.

    Raises:
        FrameError: If the file is damaged.
        RedactionError: If the function failed.
    """
    _transform(data, header, read, _NO_OUTPUT | _COPY_NONE, np.empty(0, np.uint8))


def edit_blocks(
    data: bytes, header: FrameHeader, sampling: int, edit: Callable[[Planes], None]
) -> bytes:
    """The file with blocks changed by a function, without application data.

    Args:
        data: The file.
        header: Of the file.
        sampling: As `colours` says.
        edit: Writes into the planes, which are the library's own and valid during the call only.
            What it leaves alone stays as it was.

    Raises:
        FrameError: If the file is damaged.
        RedactionError: If the function failed.
    """
    library = turbojpeg_library.required()
    room = _output.room(library.tjBufSize(header.width, header.height, sampling))
    options = _COPY_NONE | (_OUTPUT_PROGRESSIVE if header.progressive else 0)
    size = _transform(data, header, edit, options, room)
    return room[:size].tobytes()


def _transform(
    data: bytes,
    header: FrameHeader,
    function: Callable[[Planes], None],
    options: int,
    room: UInt8Array,
) -> int:
    """Run the library's lossless transform.

    Args:
        data: The file.
        header: Of the file.
        function: Called once with all blocks, before any is encoded.
        options: Of the library.
        room: Where the file goes, if there is output.

    Returns:
        How many bytes that is.
    """
    failures: list[BaseException] = []
    rows = _Rows(header, function)

    def guarded(
        address: int, part: Rectangle, plane: Rectangle, component: int, index: int, which: int
    ) -> int:
        try:
            rows.add(address, part, plane, component)
        except BaseException as failure:  # None can cross the library; raised when it is back.
            failures.append(failure)
            return -1
        return 0

    pointer = Filter(guarded)
    transform = Transform(Rectangle(), 0, options, None, pointer)
    target, size = ctypes.c_void_p(room.ctypes.data), ctypes.c_ulong(room.size)

    def run(library: Any, handle: int, flags: int) -> int:
        rows.begin()
        status = library.tjTransform(
            handle,
            data,
            len(data),
            1,
            ctypes.byref(target),
            ctypes.byref(size),
            ctypes.byref(transform),
            flags | _NO_REALLOC,
        )
        return 0 if failures else int(status)

    checked(data, run)
    if failures:
        failure = failures[0]
        if isinstance(failure, Exception) and not isinstance(failure, AnonymizerError):
            raise RedactionError(
                f'Editing a JPEG failed: {type(failure).__name__}: {failure}'
            ) from failure
        raise failure
    if not rows.shown:
        raise RedactionError('libjpeg-turbo did not show all blocks of a JPEG.')
    return int(size.value)


class _Output(threading.local):
    """Where edited files are put before their size is known, one place for each thread.

    A new one for each file costs more than its bytes: the C library gives memory of that size back
    to the system at once, and the decoder's with it.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0, np.uint8)

    def room(self, size: int) -> UInt8Array:
        """So many bytes, valid until the next call; more than `_MOST_KEPT` are not kept."""
        if size > _MOST_KEPT:
            return np.empty(size, np.uint8)
        if len(self._kept) < size:
            self._kept = np.empty(size, np.uint8)
        return self._kept


_output = _Output()


class _Rows:
    """Where the library keeps the blocks of a file, which it tells row by row.

    It keeps those of a component in one piece, and all of them until they have been encoded.

    Attributes:
        shown: Whether the function was called, and returned.
    """

    def __init__(self, header: FrameHeader, function: Callable[[Planes], None]) -> None:
        self._sizes = [header.blocks(component) for component in header.components]
        self._last = (len(self._sizes) - 1, 8 * self._sizes[-1][1] - 8)
        self._told: list[tuple[int, int, int, int]] = []
        self._function = function
        self.shown = False

    def begin(self) -> None:
        """Forget what was told in another run over the file."""
        self._told.clear()
        self.shown = False

    def add(self, address: int, part: Rectangle, plane: Rectangle, component: int) -> None:
        """Take note of one row, and call the function after the last one.

        Args:
            address: Of its first coefficient.
            part: Its place in the plane, samples.
            plane: Samples of the component.
            component: Index.

        Raises:
            RedactionError: If a row was not told, or isn't where it should be.
        """
        row = part.y
        if row < plane.h:  # Rows below are filling that the encoder makes anew.
            self._told.append((component, row, part.w, address))
        if (component, row) == self._last:
            self._function(self._planes())
            self.shown = True

    def _planes(self) -> list[NDArray[np.int16]]:
        expected = [
            (component, 8 * row, 8 * columns)
            for component, (columns, rows) in enumerate(self._sizes)
            for row in range(rows)
        ]
        if [told[:3] for told in self._told] != expected:
            raise RedactionError(
                f'libjpeg-turbo showed {len(self._told)} rows of blocks of a JPEG in another order '
                f'or size than its {len(expected)} should have.'
            )
        planes, first = [], 0
        for columns, rows in self._sizes:
            planes.append(_plane([told[3] for told in self._told[first : first + rows]], columns))
            first += rows
        return planes


def _plane(addresses: Sequence[int], columns: int) -> NDArray[np.int16]:
    """The library's memory as (block rows, block columns, 64), writable.

    Args:
        addresses: Of the rows.
        columns: Blocks of a row.

    Raises:
        RedactionError: If the rows don't lie one behind the other.
    """
    first, rows = addresses[0], len(addresses)
    step = addresses[1] - first if rows > 1 else columns * _BLOCK_BYTES
    if step < columns * _BLOCK_BYTES or addresses != [first + row * step for row in range(rows)]:
        raise RedactionError(
            'This libjpeg-turbo keeps the blocks of a JPEG in pieces, which is not supported; '
            'install the package libturbojpeg0 of your distribution.'
        )
    size = (rows - 1) * step + columns * _BLOCK_BYTES
    # Not an array type of ctypes, of which each size makes one that is never given back.
    samples = np.frombuffer(_memory_at(first, size, _WRITABLE), np.int16)
    shape, strides = (rows, columns, 64), (step, _BLOCK_BYTES, 2)
    return np.lib.stride_tricks.as_strided(samples, shape, strides)
