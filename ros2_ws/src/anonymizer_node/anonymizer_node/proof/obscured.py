"""Whether a region is really obscured, judged from pixels alone and by a rule of its own.

Black is simple: every sample is 0, or chroma of no colour, or no distance. For the methods that
show a few averages the rule comes from linear algebra. A picture drawn from a grid of p x q values
by any separable interpolation (tiles, linear, cubic) is a product A M B of which M is p x q, so its
matrix of samples has at most min(p, q) singular values that aren't 0. What else is in a region is
detail that the grid didn't hold. DESIGN and `core.redaction` promise at most 6 values along the
longer side and none narrower than 8 pixels; the shorter side of a standing person's region then has
one to three. Photographs of people keep 10 to 30 levels of contrast beyond that; rounding to whole
levels keeps 0.3. A single pixel that was put back is little contrast in a large region, so no pixel
by itself may be far from those few values either; and what is said to be tiles has to change at
their edges alone, what is said to be blurred nowhere faster than from one value to the next.
Distances have to be black: their averages hide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.proof.detail import LEAST_VALUE_PX, cut, detail, is_smooth, is_tiles
from anonymizer_node.proof.pictures import Picture
from anonymizer_node.proof.raw_images import Layer

PIXELATE, BLUR = 'pixelate', 'blur'

MOST_VALUES = 6
"""Values along the longer side of a region that may survive."""

_LEVELS = {'raw': 0.6, 'png': 0.6, 'jpeg': 3.0}
"""Contrast (root mean square, levels, be there 255 or 65535) beyond the few values that is taken
for rounding: to whole levels, or to a JPEG's quantisation and from its colour space."""

_PEAK_LEVELS = {'raw': 4.0, 'png': 4.0, 'jpeg': 48.0}
"""How far a single sample may be from what the few values make of it; a JPEG's quantisation and
colour space move single ones further."""

_BLACK = {'raw': 0, 'png': 0, 'jpeg': 8}
"""Brightest sample that counts as black."""

_EDGE_LEVELS = {'raw': 1.0, 'png': 1.0, 'jpeg': 6.0}
"""How much the outermost row or column of a region may differ from the next, mean levels. What is
made of values 8 pixels wide hardly changes from the last row but one to the last."""


def why_visible(
    before: Picture, after: Picture, regions: Sequence[Region], method: str = ''
) -> str:
    """Why the regions of a frame can't be called obscured, or ''.

    Args:
        before: The input frame. What has no detail there has none to hide.
        after: The output frame, of the same size and kind.
        regions: Stated for it.
        method: `blackout` asks for black; anything else for black or few values.
    """
    for region in regions:
        reason = why_region_visible(before, after, region, regions, method)
        if reason:
            x0, y0, x1, y1 = region
            return f'region x {x0} to {x1}, y {y0} to {y1} {reason}'
    return ''


def why_region_visible(
    before: Picture, after: Picture, region: Region, regions: Sequence[Region], method: str = ''
) -> str:
    """Why one region can't be called obscured, or ''. Args as for `why_visible`."""
    x0, y0, x1, y1 = region
    if not (0 <= x0 < x1 <= after.width and 0 <= y0 < y1 <= after.height):
        return 'reaches beyond the picture'
    levels, edge_levels = _LEVELS[after.kind], _EDGE_LEVELS[after.kind]
    for old, new in zip(before.layers, after.layers, strict=True):
        within = _without_seam(region, new)
        if within is None or _is_black(within, new, _BLACK[after.kind]):
            continue
        if method == 'blackout' or after.depth:
            return 'is not black'
        for part, values, alone in _parts(within, _drawn(regions, after, new)):
            left, peak = detail(cut(new, part), values, new.apart)
            if left > levels and detail(cut(old, part), values, old.apart)[0] > levels:
                return f'still shows detail of {left:.1f} levels'
            if peak > _PEAK_LEVELS[after.kind]:
                return f'has a pixel that stands out by {peak:.0f} levels'
            edges = within if alone else None
            if method == PIXELATE and after.kind != 'jpeg' and not is_tiles(new, part, edges):
                return 'is not made of tiles'
            if method == BLUR and after.kind != 'jpeg' and not is_smooth(new, part):
                return 'is not smooth'
            side = ''
            if alone and new is after.layers[0]:
                side = _side_left_clear(old, new, part, within, edge_levels)
            if side:
                return f'is left clear at its {side}'
    return ''


def is_solid_black(picture: Picture) -> bool:
    """Whether a whole frame shows nothing."""
    whole = Region(0, 0, picture.width, picture.height)
    return all(_is_black(whole, layer, _BLACK[picture.kind]) for layer in picture.layers)


def black_areas(picture: Picture, before: Picture | None = None) -> NDArray[np.bool_]:
    """Where a picture is black over areas as large as anything that is obscured, (rows, columns).

    Args:
        picture: The output frame.
        before: Its input, of the same size and kind: what hasn't changed was not obscured, such as
            dark clothes. Without it they pass for obscured.
    """
    black = np.ones((picture.height, picture.width), np.bool_)
    for layer in picture.layers:
        black &= _dark(layer, _BLACK[picture.kind])
    if before is not None:
        black &= (picture.layers[0].pixels != before.layers[0].pixels).any(axis=2)
    kernel = np.ones((LEAST_VALUE_PX, LEAST_VALUE_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(black.astype(np.uint8), cv2.MORPH_OPEN, kernel), np.bool_)


class _Drawn(NamedTuple):
    """A region as it is seen in one layer, and how many values its shorter side may carry."""

    region: Region
    values: int


def _drawn(regions: Sequence[Region], picture: Picture, layer: Layer) -> list[_Drawn]:
    drawn = []
    for region in regions:
        whole = _without_seam(region, picture.layers[0])
        seen = _without_seam(region, layer)
        if whole is not None and seen is not None:
            drawn.append(_Drawn(seen, _values(whole)))
    return drawn


def _values(region: Region) -> int:
    """How many values the shorter side of a region may carry."""
    cell = max(max(region.width, region.height) / MOST_VALUES, LEAST_VALUE_PX)
    return max(1, int(min(region.width, region.height) / cell + 1e-9))


def _without_seam(region: Region, layer: Layer) -> Region | None:
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


def _is_black(region: Region, layer: Layer, brightest: int) -> bool:
    patch = layer.pixels[region.y0 : region.y1, region.x0 : region.x1]
    if layer.metres:
        return bool(np.isnan(np.ascontiguousarray(patch).view(np.float32)).all())
    least, most = layer.black or (0, brightest)
    alpha, colours = patch[:, :, layer.colours :], patch[:, :, : layer.colours]
    dark = ((colours >= least) & (colours <= most)).all()
    return bool(dark and (alpha == alpha[:1, :1]).all())


def _dark(layer: Layer, brightest: int) -> NDArray[np.bool_]:
    """Which pixels show nothing, (rows, columns). Alpha isn't looked at."""
    if layer.metres:
        metres = np.ascontiguousarray(layer.pixels).view(np.float32)
        return np.asarray(np.isnan(metres).all(axis=2), np.bool_)
    least, most = layer.black or (0, brightest)
    colours = layer.pixels[:, :, : layer.colours]
    return np.asarray(((colours >= least) & (colours <= most)).all(axis=2), np.bool_)


def _side_left_clear(old: Layer, new: Layer, part: Region, region: Region, levels: float) -> str:
    """Which side's outermost row or column isn't obscured like the next one, or ''.

    Only where the input has a change there: a plain wall has none to hide.
    """
    was, now, by = cut(old, part), cut(new, part), new.apart
    sides = (
        ('top', part.y0 == region.y0, 0, 0, by),
        ('bottom', part.y1 == region.y1, 0, -1, -1 - by),
        ('left', part.x0 == region.x0, 1, 0, by),
        ('right', part.x1 == region.x1, 1, -1, -1 - by),
    )
    for name, ours, axis, last, next_to_last in sides:
        if not ours or now.shape[axis] <= by:
            continue
        outer, inner = now.take(last, axis), now.take(next_to_last, axis)
        original = was.take(last, axis)
        unlike = np.abs(outer - inner).mean() > levels
        if unlike and np.abs(outer - original).mean() < np.abs(inner - original).mean():
            return name
    return ''


def _parts(region: Region, drawn: Sequence[_Drawn]) -> Iterator[tuple[Region, int, bool]]:
    """A region cut where others begin or end in it.

    Which of several was drawn on top needn't be known: each piece shows one of them alone.

    Yields:
        A piece, the most values that its shorter side may carry, and whether only one region
        covers it.
    """
    near = [other for other in drawn if _overlap(other.region, region)]
    xs = _cuts(region.x0, region.x1, [x for other in near for x in other.region[::2]])
    ys = _cuts(region.y0, region.y1, [y for other in near for y in other.region[1::2]])
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            part = Region(x0, y0, x1, y1)
            covers = {other for other in near if _overlap(other.region, part)}
            yield part, max(other.values for other in covers), len(covers) == 1


def _overlap(one: Region, other: Region) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def _cuts(low: int, high: int, edges: list[int]) -> list[int]:
    return sorted({low, high, *(edge for edge in edges if low < edge < high)})
