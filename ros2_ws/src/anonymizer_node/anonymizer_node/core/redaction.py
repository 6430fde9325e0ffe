"""Obscuring regions so that it can't be undone. `REDACTORS` is the table of methods.

No method depends on a secret, and what survives of a region is bounded before a method runs: a
grid of at most `MOST_CELLS` x `MOST_CELLS` averages, each over at least `LEAST_CELL_PX` pixels a
side wherever the region has that many. `blackout` keeps nothing; `pixelate` shows the averages
as tiles; `blur` shows the same averages interpolated, since a Gaussian of the same visual
softness keeps detail that networks read back (re-identification from blurred faces: 95.9% in
arXiv 2506.12344).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import ConfigError, RedactionError

MOST_CELLS = 6
"""Averages along the longer side of a region at strength 0. A head that fills its region is then
at most 6 values high; a standing person's head about one."""

LEAST_CELLS = 2
"""Averages along the longer side of a region at strength 1."""

LEAST_CELL_PX = 8
"""No cell is smaller than this, pixels: a distant person becomes one or two cells, not six."""

Redactor = Callable[[NDArray[Any], tuple[float, ...], float], NDArray[Any]]
"""(patch, black, strength) -> replacement. The patch, (rows, columns, channels), is the original
content of one region and must not be written to; the replacement has its shape and dtype."""


def cell_edges(width: int, height: int, strength: float) -> tuple[list[int], list[int]]:
    """Where the cells of a region begin and end.

    Args:
        width: Columns of the region, pixels.
        height: Rows of the region, pixels.
        strength: 0..1; more is coarser.

    Returns:
        Column edges and row edges, ascending, first 0 and last the width or height.
    """
    longer = max(width, height)
    wanted = MOST_CELLS - (MOST_CELLS - LEAST_CELLS) * strength
    cell = max(longer / wanted, LEAST_CELL_PX)
    return _edges(width, cell), _edges(height, cell)


def _edges(length: int, cell: float) -> list[int]:
    count = max(1, int(length / cell + 1e-9))
    return [index * length // count for index in range(count + 1)]


def cell_means(patch: NDArray[Any], strength: float) -> tuple[NDArray[Any], list[int], list[int]]:
    """The averages that survive of a region.

    Args:
        patch: (rows, columns, channels), unsigned integers.
        strength: 0..1.

    Returns:
        (cell rows, cell columns, channels) float64 means, the column edges, the row edges.
    """
    xs, ys = cell_edges(patch.shape[1], patch.shape[0], strength)
    # Band by band, which takes a fifth of the time of one `reduceat` over the rows.
    bands = [patch[top:bottom].sum(axis=0, dtype=np.uint64) for top, bottom in pairwise(ys)]
    sums = np.add.reduceat(np.stack(bands), xs[:-1], axis=1)
    counts = np.outer(np.diff(ys), np.diff(xs))
    return sums / counts[:, :, None], xs, ys


def _blackout(patch: NDArray[Any], black: tuple[float, ...], strength: float) -> NDArray[Any]:
    # One whole row again and again, so that the copy runs over rows and not over single pixels: ten
    # times faster.
    row = np.empty(patch.shape[1:], patch.dtype)
    row[...] = black
    return np.ndarray(patch.shape, patch.dtype, row, strides=(0, *row.strides))


def _pixelate(patch: NDArray[Any], black: tuple[float, ...], strength: float) -> NDArray[Any]:
    means, xs, ys = cell_means(patch, strength)
    tiles = np.rint(means).astype(patch.dtype)
    return np.repeat(np.repeat(tiles, np.diff(xs), axis=1), np.diff(ys), axis=0)


def _blur(patch: NDArray[Any], black: tuple[float, ...], strength: float) -> NDArray[Any]:
    means, _, _ = cell_means(patch, strength)
    rows, columns, channels = patch.shape
    # The averages are rounded first: fractions would carry more than 8 bits out of each cell.
    smooth = cv2.resize(
        np.rint(means).astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(np.rint(smooth.reshape(rows, columns, channels)), patch.dtype)


BLACKOUT = 'blackout'

REDACTORS: Mapping[str, Redactor] = {
    BLACKOUT: _blackout,
    'pixelate': _pixelate,
    'blur': _blur,
}


def redactor_named(name: str) -> Redactor:
    """The method of a name.

    Raises:
        ConfigError: If there is no such method; the message lists those there are.
    """
    try:
        return REDACTORS[name]
    except KeyError:
        raise ConfigError(
            f'Redaction method {name!r} is unknown; choose one of {", ".join(REDACTORS)}.'
        ) from None


def _stretched(redactor: Redactor, stretch: tuple[int, int]) -> Redactor:
    """A method that sees patches with every column and row repeated."""
    across, down = stretch

    def stretched(patch: NDArray[Any], black: tuple[float, ...], strength: float) -> NDArray[Any]:
        wide = patch.repeat(across, axis=1).repeat(down, axis=0)
        return redactor(wide, black, strength)[::down, ::across]

    return redactor if stretch == (1, 1) else stretched


def redact(
    pixels: NDArray[Any],
    regions: Sequence[Region],
    black: tuple[float, ...],
    method: str,
    strength: float,
    stretch: tuple[int, int] = (1, 1),
) -> None:
    """Obscure regions of a picture, in place.

    Every replacement is computed from the original picture before any is written, and larger
    regions are written over smaller ones: the result doesn't depend on order or overlap.

    Args:
        pixels: (rows, columns) or (rows, columns, channels), writable, any strides.
        regions: Inside the picture.
        black: One value per channel.
        method: Key of `REDACTORS`.
        strength: 0..1.
        stretch: Columns and rows by which the methods see the picture wider and higher, so that
            their square cells are square in the frame too: 2, 1 for chroma of half the columns.

    Raises:
        RedactionError: If a region reaches beyond the picture or a replacement has another shape;
            nothing has been written then.
    """
    redactor = redactor_named(method)
    planes = pixels if pixels.ndim == 3 else pixels[:, :, None]
    rows, columns = planes.shape[:2]
    replacements = []
    for region in sorted(regions, key=lambda region: (region.area, region)):
        if not (0 <= region.x0 < region.x1 <= columns and 0 <= region.y0 < region.y1 <= rows):
            raise RedactionError(f'{region} is not inside the frame of {columns}x{rows} pixels.')
        patch = planes[region.y0 : region.y1, region.x0 : region.x1]
        replacement = _stretched(redactor, stretch)(patch, black, strength)
        if replacement.shape != patch.shape:
            raise RedactionError(
                f'Method {method!r} made {replacement.shape} for a region of {patch.shape}.'
            )
        replacements.append((patch, replacement))
    for patch, replacement in replacements:
        patch[...] = replacement
