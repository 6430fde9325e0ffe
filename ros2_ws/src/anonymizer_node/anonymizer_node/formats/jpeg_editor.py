"""Writing of patches into a JPEG's blocks, with a check that the result can be encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.jpeg_blocks import Patch
from anonymizer_node.formats.turbojpeg_blocks import Planes

Plan = Callable[[Sequence[NDArray[np.int16]]], list[Patch]]
"""From the quantised DC of every block, (block rows, block columns) for each component, to what
is to be written, in that order."""

_MOST = 1023
"""Largest coefficient that Huffman codes of baseline JPEG reach; a DC may be one lower."""


def write_patches(planes: Planes, plan: Plan, bounded: bool) -> None:
    """Replace what is planned, and nothing else.

    The library's encoder doesn't look at the size of coefficients, and writes a corrupt file.

    Args:
        planes: All blocks of a file; see `turbojpeg_blocks.edit_blocks`.
        plan: What to write.
        bounded: Whether the file has no AC coefficient above `_MOST`.

    Raises:
        FrameError: If there are coefficients that pictures of 8 bits don't have.
    """
    dcs = [plane[:, :, 0].copy() for plane in planes]
    patches = plan(dcs)
    for values in dcs:
        _check_codable(values, -_MOST - 1)
    if not bounded:
        for plane in planes:
            _check_codable(plane[:, :, 1:], -_MOST)
    for component, column, row, blocks in patches:
        _check_codable(blocks, -_MOST - 1)
        rows, columns, count = blocks.shape
        target = planes[component][row : row + rows, column : column + columns]
        target[...] = 0
        target[:, :, :count] = blocks


def _check_codable(values: NDArray[np.int16], least: int) -> None:
    low, high = int(values.min()), int(values.max())
    if low < least or high > _MOST:
        raise FrameError(
            f'A JPEG has coefficients from {low} to {high}; {least} to {_MOST} are possible. '
            'It is damaged.'
        )
