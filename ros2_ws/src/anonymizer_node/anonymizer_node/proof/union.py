"""The stated regions of a frame as a whole: that no part of them escapes being judged.

Each region is judged by itself, but for its seam, in which a decoder mixes what is on both sides.
Of regions that are hardly more than their seams nothing would be left to judge, though together
they may be all of the picture. And of many that are smaller than a value may be, each is as coarse
as it can be, though together they may show everything. What was really obscured has neither: a
JPEG is hidden in whole blocks, and regions that small are the ends of people at the picture's edge,
or alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.proof.detail import LEAST_VALUE_PX, MOST_VALUES
from anonymizer_node.proof.raw_images import Layer

MOST_CUT_OFF_PX = 2
"""Columns or rows of a region that may be nothing but seam, where the picture ends."""

_FEWEST_PX = 16
"""Pixels of the picture, along a side, for which a block stands that has a sample for each two."""

_FREE_VALUES = {True: 6, False: 6 * MOST_VALUES}
_VALUES_PER_PX = 1 / LEAST_VALUE_PX**2
"""A few small regions may lie over each other: where one or two people are, were and will be. Those
that are small along both sides have one value each, others up to `MOST_VALUES`. Of more each value
has to stand for as much as in a larger region."""


def inner(region: Region, layer: Layer) -> Region | None:
    """The part of a region that decoding doesn't mix with what lies around it.

    A region that ends with the picture has no seam there; unless the picture ends one pixel into
    a block, which may be the seam.
    """
    rows, columns = layer.pixels.shape[:2]
    across, down = layer.seam
    x0 = region.x0 + (across if region.x0 > 0 else 0)
    y0 = region.y0 + (down if region.y0 > 0 else 0)
    x1 = region.x1 - (across if region.x1 < columns or columns % 8 == 1 else 0)
    y1 = region.y1 - (down if region.y1 < rows or rows % 8 == 1 else 0)
    return Region(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def seams_across(regions: Sequence[Region], layer: Layer) -> list[Region]:
    """Strips along the edges of regions that are not of what another region around them shows.

    There a decoder mixes what is on both sides. Blocks end in them, at an edge or one pixel before
    it: of an edge that is stated anywhere else nothing comes, and all around it is to be judged.
    """
    rows, columns = layer.pixels.shape[:2]
    across, down = layer.seam
    return [
        strip
        for x0, y0, x1, y1 in regions
        for strip in (
            *(Region(low, y0, high, y1) for low, high in _mixed(x0, x1, columns, across)),
            *(Region(x0, low, x1, high) for low, high in _mixed(y0, y1, rows, down)),
        )
    ]


def _mixed(first: int, end: int, size: int, seam: int) -> list[tuple[int, int]]:
    """Where the strips at both ends of a region begin and end."""
    blocks_begin = first + (first % _FEWEST_PX != 0)
    blocks_end = end - (end % _FEWEST_PX != 0)
    found = []
    if seam and first and blocks_begin % _FEWEST_PX == 0:
        found.append((blocks_begin - seam // 2, first + seam))
    if seam and end < size and blocks_end % _FEWEST_PX == 0:
        found.append((end - seam, blocks_end + seam // 2))
    return [strip for strip in found if strip[0] < strip[1]]


def is_cut_off(region: Region, layer: Layer) -> bool:
    """Whether a region that is nothing but seam is what the picture's end left of a block."""
    rows, columns = layer.pixels.shape[:2]
    return (region.x1 == columns and region.width <= MOST_CUT_OFF_PX) or (
        region.y1 == rows and region.height <= MOST_CUT_OFF_PX
    )


def is_less_than_a_block(region: Region, layer: Layer) -> bool:
    """Whether a region is smaller than any that a JPEG can be hidden in."""
    rows, columns = layer.pixels.shape[:2]
    return (region.width < LEAST_VALUE_PX and region.x1 < columns) or (
        region.height < LEAST_VALUE_PX and region.y1 < rows
    )


def within_all(regions: Sequence[Region], layer: Layer) -> NDArray[np.bool_]:
    """What lies in the regions as a whole, without the seam around all of them, (rows, columns)."""
    rows, columns = layer.pixels.shape[:2]
    across, down = layer.seam
    covered = covered_by(regions, rows, columns).astype(np.uint8)
    # Beyond the picture there is nothing to mix with; one pixel into a block there may be.
    right = int(columns % 8 != 1)
    below = int(rows % 8 != 1)
    wide = cv2.copyMakeBorder(covered, down, 0, across, 0, cv2.BORDER_CONSTANT, value=1)
    wide = cv2.copyMakeBorder(wide, 0, 0, 0, across, cv2.BORDER_CONSTANT, value=right)
    wide = cv2.copyMakeBorder(wide, 0, down, 0, 0, cv2.BORDER_CONSTANT, value=below)
    kernel = np.ones((2 * down + 1, 2 * across + 1), np.uint8)
    kept = cv2.erode(wide, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(kept[down : down + rows, across : across + columns], np.bool_)


def covered_by(regions: Sequence[Region | None], rows: int, columns: int) -> NDArray[np.bool_]:
    """Which pixels lie in any of the regions, (rows, columns)."""
    covered = np.zeros((rows, columns), np.bool_)
    for region in regions:
        if region is not None:
            covered[region.y0 : region.y1, region.x0 : region.x1] = True
    return covered


def why_unjudged(regions: Sequence[Region], layers: Sequence[Layer], levels: float) -> str:
    """What between the regions can't be as it is if they are obscured, in words, or ''.

    Between two that touch is a strip that is in the seam of both, and where one ends within another
    is its own. There nothing can be that is
    brighter or darker than what is on its sides; of colours, which are mixed there, no more can be
    said than that the strip is one.

    Args:
        regions: Stated, each of them judged.
        layers: Of the output's picture, brightness first.
        levels: That something may be brighter or darker.
    """
    for number, layer in enumerate(layers):
        if layer.seam == (0, 0):
            continue
        rows, columns = layer.pixels.shape[:2]
        judged = covered_by([inner(region, layer) for region in regions], rows, columns)
        judged &= ~covered_by(seams_across(regions, layer), rows, columns)
        left = within_all(regions, layer) & ~judged
        if not left.any():
            continue
        size = 2 * max(layer.seam)
        if cv2.erode(left.astype(np.uint8), np.ones((size + 1, size + 1), np.uint8)).any():
            return 'have parts between them that are too thin to be judged'
        if number == 0 and _stands_out(layer.pixels[:, :, 0], judged, left, levels):
            return 'have something between them that they do not have'
    return ''


def _stands_out(
    grey: NDArray[np.uint8], judged: NDArray[np.bool_], left: NDArray[np.bool_], levels: float
) -> bool:
    """Whether something that was not judged is unlike all that was, two pixels around it."""
    around = np.ones((5, 5), np.uint8)
    most = cv2.dilate(np.where(judged, grey, 0).astype(np.int16), around)
    least = cv2.erode(np.where(judged, grey, 255).astype(np.int16), around)
    values = grey.astype(np.int16)
    return bool((((values > most + levels) | (values < least - levels)) & left).any())


def why_too_fine(regions: Sequence[Region], width: int, height: int) -> str:
    """Why many small regions may show something together, in words, or ''.

    For pictures that are not stored in blocks.
    """
    small = [region for region in regions if min(region.width, region.height) < LEAST_VALUE_PX]
    if len(small) < 2:
        return ''
    covered = covered_by(small, height, width).astype(np.uint8)
    count, groups = cv2.connectedComponents(covered, connectivity=8)
    values = {True: np.zeros(count), False: np.zeros(count)}
    every = np.array(sorted(set(regions)), np.int64)
    for region in sorted(set(small)):
        covers = (every[:, :2] <= region[:2]).all(axis=1) & (every[:, 2:] >= region[2:]).all(axis=1)
        if covers.sum() == 1:  # It itself.
            longer = max(region.width, region.height)
            of_it = min(MOST_VALUES, max(1, longer // LEAST_VALUE_PX))
            values[longer < LEAST_VALUE_PX][groups[region.y0, region.x0]] += of_it
    areas = np.bincount(groups.ravel(), minlength=count)
    for both, shown in values.items():
        too_many = np.flatnonzero(shown > _FREE_VALUES[both] + areas * _VALUES_PER_PX)
        for group in too_many[:1]:
            return f'are small, and may show {shown[group]:.0f} values on {areas[group]} pixels'
    return ''
