"""JPEG files with a chroma sampling of one's choice, where OpenCV (before 4.7) leaves no choice."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from anonymizer_node.formats.turbojpeg_library import NAMES

SAMPLINGS = {'444': 0, '422': 1, '420': 2, '440': 4, '411': 5}
"""The library's numbers for them."""

VARIANTS = {
    'baseline': {},
    'progressive': {'TJ_PROGRESSIVE': '1'},
    'restart': {'TJ_RESTART': '2B'},
    'optimised': {'TJ_OPTIMIZE': '1'},
}
"""Variables from which the library, 2.x, takes what its functions have no argument for."""

BGR = 1
ACCURATE_DCT = 4096


def encode(pixels: np.ndarray, sampling: str, variant: str, quality: int) -> bytes:
    """A file of a BGR picture, encoded by libjpeg-turbo itself.

    Args:
        pixels: (rows, columns, 3) uint8, or (rows, columns) grey.
        sampling: A key of `SAMPLINGS`.
        variant: A key of `VARIANTS`.
        quality: 1 to 100.
    """
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    # Not the one of the code under test, which tests take away or count the calls of.
    library = ctypes.CDLL(NAMES[0])
    library.tjInitCompress.restype = ctypes.c_void_p
    library.tjDestroy.argtypes = library.tjGetErrorStr2.argtypes = [ctypes.c_void_p]
    library.tjGetErrorStr2.restype = ctypes.c_char_p
    library.tjFree.argtypes = [ctypes.c_void_p]
    library.tjCompress2.argtypes = [ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int] * 4
    library.tjCompress2.argtypes += [ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int] * 3
    handle = library.tjInitCompress()
    data, size = ctypes.c_void_p(), ctypes.c_ulong()
    try:
        with variables(VARIANTS[variant]):
            failed = library.tjCompress2(
                handle,
                pixels.ctypes.data,
                columns,
                0,
                rows,
                BGR,
                ctypes.byref(data),
                ctypes.byref(size),
                SAMPLINGS[sampling],
                quality,
                ACCURATE_DCT,
            )
        assert not failed, library.tjGetErrorStr2(handle)
        return ctypes.string_at(data, size.value)
    finally:
        library.tjFree(data)
        library.tjDestroy(handle)


@contextmanager
def variables(values: dict[str, str]) -> Iterator[None]:
    """The variables in force inside; the library asks for them anew each time."""
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]
