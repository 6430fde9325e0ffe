"""What is left in a piece of a picture beyond the few values that may be there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.proof.raw_images import Layer

LEAST_VALUE_PX = 8
"""Pixels along a side that one value must stand for, where the region has so many."""

MOST_VALUES = 6
"""Values along the longer side of a region that may survive."""

_LEAST_TILE_PX = LEAST_VALUE_PX - 2
"""Pixels from one change to the next in tiles; chroma of half the columns moves edges by one."""


def cut(layer: Layer, region: Region) -> NDArray[np.float64]:
    """The samples of a part of a layer, (rows, columns, samples)."""
    patch = layer.pixels[region.y0 : region.y1, region.x0 : region.x1]
    return patch.astype(np.float64)


def detail(patch: NDArray[np.float64], values: int, apart: int = 1) -> tuple[float, float]:
    """Contrast that isn't explained by a grid with so many values along its shorter side.

    Of a mosaic, whose colours lie `apart`, each colour is looked at by itself.

    Returns:
        Its root mean square, and the most that a single sample is off; both levels.
    """
    left = peak = 0.0
    for first in range(apart * apart):
        colour = patch[first // apart :: apart, first % apart :: apart]
        rows, columns, samples = colour.shape
        for sample in range(samples if min(rows, columns) > values else 0):
            matrix = colour[:, :, sample] if rows <= columns else colour[:, :, sample].T
            kept = directions(matrix, values)
            rest = matrix - kept @ (kept.T @ matrix)
            left += float((rest**2).sum())
            peak = max(peak, float(np.abs(rest).max()))
    return float(np.sqrt(left / patch.size)), peak


def directions(matrix: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """So many directions, (rows, count), that explain about as much of a matrix as any do.

    Found by turning guesses towards it a few times: much faster than all directions, and what is
    left beyond them is never less than beyond the best.
    """
    guess = np.random.default_rng(0).standard_normal((matrix.shape[1], count))
    kept = np.linalg.qr(matrix @ guess)[0]
    for _ in range(2):
        kept = np.linalg.qr(matrix @ (matrix.T @ kept))[0]
    return np.asarray(kept)


def is_tiles(layer: Layer, part: Region, region: Region | None) -> bool:
    """Whether rows and columns of a piece change only every few pixels, as the edges of tiles do.

    Where an edge of the piece is one of its region's, a tile ends there too. None for a region:
    that isn't known, since several are drawn over each other.
    """
    by = layer.apart
    rows = layer.pixels[part.y0 : part.y1, part.x0 : part.x1]
    for first in range(by * by):
        colour = rows[first // by :: by, first % by :: by]
        for axis, lines in ((1, colour), (0, colour.swapaxes(0, 1))):
            unlike = (lines[1:] != lines[:-1]).any(axis=(1, 2))
            changes = [int(index) + 1 for index in np.flatnonzero(unlike)]
            if not changes:
                continue
            if region is not None and part[axis] == region[axis]:
                changes.insert(0, 0)
            if region is not None and part[axis + 2] == region[axis + 2]:
                changes.append(len(lines))
            if any(by * (after - before) < _LEAST_TILE_PX for before, after in pairwise(changes)):
                return False
    return True


def is_smooth(layer: Layer, part: Region) -> bool:
    """Whether a piece bends nowhere more than a line from value to value can, 8 pixels apart."""
    by = layer.apart
    bend = 2 * np.iinfo(layer.pixels.dtype).max * by / _LEAST_TILE_PX + 2
    patch = cut(layer, part)
    for axis in (0, 1):
        count = patch.shape[axis]
        if count > 2 * by:
            before, here, after = (
                patch.take(range(first, count - 2 * by + first), axis) for first in (0, by, 2 * by)
            )
            if np.abs(before - 2 * here + after).max() > bend:
                return False
    return True
