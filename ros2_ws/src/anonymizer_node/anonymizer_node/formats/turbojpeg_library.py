"""The library libturbojpeg, found on first use, with the signatures of what is used of it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from typing import Any

from anonymizer_node.core.errors import RedactionError

NAMES = ('libturbojpeg.so.0',)
"""2.0 to 3.x; Debian's and Ubuntu's package is libturbojpeg0."""


class Rectangle(ctypes.Structure):
    """The library's `tjregion`, in samples."""

    _fields_ = (
        ('x', ctypes.c_int),
        ('y', ctypes.c_int),
        ('w', ctypes.c_int),
        ('h', ctypes.c_int),
    )


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

Filter = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    Rectangle,
    Rectangle,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
)


class Transform(ctypes.Structure):
    """The library's `tjtransform`."""

    _fields_ = (
        ('r', Rectangle),
        ('op', ctypes.c_int),
        ('options', ctypes.c_int),
        ('data', ctypes.c_void_p),
        ('custom_filter', Filter),
    )


def required() -> Any:
    """The library.

    Raises:
        RedactionError: If there is none.
    """
    found = library()
    if found is None:
        raise RedactionError('libjpeg-turbo is missing; install the package libturbojpeg0.')
    return found


@contextlib.contextmanager
def opened() -> Iterator[tuple[Any, int]]:
    """The library and a new handle, for one file.

    Handles must not be used again: Huffman and quantisation tables stay in them. A file that
    relies on the standard's tables would be read with the last one's, and one written after a
    progressive picture comes out corrupt, without an error.

    Raises:
        RedactionError: If there is no library.
    """
    found = required()
    handle = found.tjInitTransform()
    if not handle:
        raise RedactionError('libjpeg-turbo can not be initialised; is memory short?')
    try:
        yield found, handle
    finally:
        found.tjDestroy(handle)


@functools.lru_cache(maxsize=1)
def library() -> Any | None:
    """The library with the signatures of what is used of it; None if it is absent or too old."""
    for name in NAMES:
        try:
            found = ctypes.CDLL(name)
            _declare(found)
        except (OSError, AttributeError):
            continue
        _keep_memory()
        return found
    return None


def _keep_memory() -> None:
    """Have the C library keep for the next frame what it was given back of the last one.

    A picture's coefficients are megabytes, allocated by the library for each file anew. By default
    glibc takes such memory from the system and gives it back every time, which costs a fifth of
    the redaction. It would come to these very values itself once 32 MiB had been freed at once.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 64 << 20)


def _declare(library: Any) -> None:
    pointer, number, size, text = (
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_ulong,
        ctypes.c_char_p,
    )
    signatures: dict[str, tuple[Any, list[Any]]] = {
        'tjInitTransform': (pointer, []),
        'tjDestroy': (number, [pointer]),
        'tjGetErrorCode': (number, [pointer]),
        'tjGetErrorStr2': (text, [pointer]),
        'tjBufSize': (size, [number, number, number]),
        'tjDecompressHeader3': (number, [pointer, text, size] + [pointer] * 4),
        'tjDecompress2': (
            number,
            [pointer, text, size, pointer, number, number, number, number, number],
        ),
        'tjTransform': (
            number,
            [pointer, text, size, number, pointer, pointer, pointer, number],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
