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
from anonymizer_node.proof.along import is_drawn_of_few
from anonymizer_node.proof.detail import (
    LEAST_VALUE_PX,
    MOST_VALUES,
    cut,
    detail,
    is_smooth,
    is_tiles,
)
from anonymizer_node.proof.limits import MOST_BLACK, Limits, limits_of
from anonymizer_node.proof.pictures import Picture
from anonymizer_node.proof.raw_images import Layer, in_any_sample
from anonymizer_node.proof.union import (
    inner,
    is_cut_off,
    is_less_than_a_block,
    seams_across,
    why_too_fine,
    why_unjudged,
    within_all,
)

PIXELATE, BLUR = 'pixelate', 'blur'

_STRAIGHT_LEVELS = {'raw': 0.6, 'png': 0.6, 'jpeg': 3.0}
"""Root mean square from a straight line, along a region, that is taken for rounding."""

_DARK = {'raw': 0, 'png': 0, 'jpeg': MOST_BLACK}
"""Brightest sample in what is taken for a black area."""

_EDGE_LEVELS = {'raw': 1.0, 'png': 1.0, 'jpeg': 6.0}
"""How much the outermost row or column of a region may differ from the next, mean levels. What is
made of values 8 pixels wide hardly changes from the last row but one to the last."""

_MOST_PIECES = {'raw': 8, 'png': 8, 'jpeg': 12}
"""Straight pieces along the longer side of what is drawn from `MOST_VALUES`: one for each tile, or
one between each two values and one at each end. A JPEG encoded anew has more, beside its edges."""

BEYOND = 'reaches beyond the picture'

_MOST_COLOUR_PIECES = 18
"""In a JPEG's colours, where the edge of a tile is a slope, and what is beyond white is cut off."""


def why_visible(
    before: Picture,
    after: Picture,
    regions: Sequence[Region],
    method: str = '',
    anew: bool = False,
) -> str:
    """Why the regions of a frame can't be called obscured, or ''.

    Args:
        before: The input frame. What has no detail there has none to hide.
        after: The output frame, of the same size and kind.
        regions: Stated for it.
        method: `blackout` asks for black; anything else for black or few values.
        anew: Whether a JPEG is said to have been encoded anew.
    """
    # An edited JPEG keeps its quantisers, so nobody can widen the limits by coarser ones.
    limits = limits_of(after if anew else before, anew)
    corners = np.array(regions, np.int64).reshape(-1, 4)
    for region in regions:
        if not is_inside(region, after):
            return _about(region, BEYOND)
    reason = _why_too_small(after, regions, method) if regions else ''
    if reason:
        return f'its regions {reason}'
    for region in regions:
        near = (corners[:, :2] < region[2:]).all(axis=1) & (corners[:, 2:] > region[:2]).all(axis=1)
        others = [regions[int(index)] for index in np.flatnonzero(near)]
        reason = _why_region_visible(before, after, region, others, method, limits)
        if reason:
            return _about(region, reason)
    reason = _why_together_visible(after, regions, method, limits) if regions else ''
    return f'its regions {reason}' if reason else ''


def is_inside(region: Region, picture: Picture) -> bool:
    """Whether a region has pixels, and all of them in a picture."""
    x0, y0, x1, y1 = region
    return 0 <= x0 < x1 <= picture.width and 0 <= y0 < y1 <= picture.height


def _about(region: Region, reason: str) -> str:
    x0, y0, x1, y1 = region
    return f'region x {x0} to {x1}, y {y0} to {y1} {reason}'


def _why_too_small(after: Picture, regions: Sequence[Region], method: str) -> str:
    """Why regions are smaller or more than any that hide people, or ''."""
    if after.kind == 'jpeg':
        small = any(is_less_than_a_block(region, after.layers[0]) for region in regions)
        return 'are smaller than blocks, in which alone a JPEG can be hidden' if small else ''
    if method == 'blackout' or after.depth:
        return ''
    black = all(_is_black(region, layer, 0) for region in regions for layer in after.layers)
    return '' if black else why_too_fine(regions, after.width, after.height)


def _why_together_visible(
    after: Picture, regions: Sequence[Region], method: str, limits: Limits
) -> str:
    """Why regions of which each is obscured by itself aren't together, or ''."""
    if method != 'blackout' and not after.depth:
        return why_unjudged(regions, after.layers, limits.peak)
    for layer in after.layers:
        if (within_all(regions, layer) & ~_dark(layer, limits.black)).any():
            return 'have something between them that is not black'
    return ''


def why_region_visible(
    before: Picture, after: Picture, region: Region, regions: Sequence[Region], method: str = ''
) -> str:
    """Why one region can't be called obscured, or ''. Args as for `why_visible`."""
    return _why_region_visible(before, after, region, regions, method, limits_of(before))


def _why_region_visible(
    before: Picture,
    after: Picture,
    region: Region,
    regions: Sequence[Region],
    method: str,
    limits: Limits,
) -> str:
    if not is_inside(region, after):
        return BEYOND
    if after.kind == 'jpeg' and is_less_than_a_block(region, after.layers[0]):
        return 'is smaller than a block, in which alone a JPEG can be hidden'
    edge_levels = _EDGE_LEVELS[after.kind]
    for old, new in zip(before.layers, after.layers, strict=True):
        within = inner(region, new)
        if within is None:
            if not is_cut_off(region, new):
                return 'is too small to be judged'
            continue
        if _is_black(within, new, limits.black):
            continue
        if method == 'blackout' or after.depth:
            return 'is not black'
        seams = seams_across(regions, new)
        for part, values, alone, mixed in _parts(within, _drawn(regions, after, new), seams):
            if mixed:
                if not _is_drawn_of_few(after, new, part, values, mixed):
                    return f'shows more than {MOST_VALUES} values along it'
                continue
            left, peak = detail(cut(new, part), values, new.apart)
            if left > limits.levels and _had_more(old, part, values, limits.levels):
                return f'still shows detail of {left:.1f} levels'
            if peak > limits.peak:
                return f'has a pixel that stands out by {peak:.0f} levels'
            if not _is_drawn_of_few(after, new, part, values):
                return f'shows more than {MOST_VALUES} values along it'
            exact = method in (PIXELATE, BLUR) and after.kind != 'jpeg'
            if exact and alone and _changes_where_narrow(new, part, region):
                return 'shows more than one value where there is room for one'
            edges = within if alone else None
            if exact and method == PIXELATE and not is_tiles(new, part, edges):
                return 'is not made of tiles'
            if exact and method == BLUR and not is_smooth(new, part):
                return 'is not smooth'
            side = ''
            if alone and new is after.layers[0]:
                side = _side_left_clear(old, new, part, within, edge_levels)
            if side:
                return f'is left clear at its {side}'
    return ''


def _had_more(old: Layer, part: Region, values: int, levels: float) -> bool:
    """Whether there was detail to hide."""
    return detail(cut(old, part), values, old.apart)[0] > levels


def is_solid_black(picture: Picture) -> bool:
    """Whether a whole frame shows nothing."""
    whole = Region(0, 0, picture.width, picture.height)
    brightest = limits_of(picture).black
    return all(_is_black(whole, layer, brightest) for layer in picture.layers)


def black_areas(picture: Picture, before: Picture | None = None) -> NDArray[np.bool_]:
    """Where a picture is black over areas as large as anything that is obscured, (rows, columns).

    Args:
        picture: The output frame.
        before: Its input, of the same size and kind: what hasn't changed was not obscured, such as
            dark clothes. Without it they pass for obscured.
    """
    black = np.ones((picture.height, picture.width), np.bool_)
    for layer in picture.layers:
        black &= _dark(layer, _DARK[picture.kind])
    if before is not None:
        black &= in_any_sample(picture.layers[0].pixels != before.layers[0].pixels)
    kernel = np.ones((LEAST_VALUE_PX, LEAST_VALUE_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(black.astype(np.uint8), cv2.MORPH_OPEN, kernel), np.bool_)


class _Drawn(NamedTuple):
    """A region as it is seen in one layer, and how many values its shorter side may carry."""

    region: Region
    values: int


def _drawn(regions: Sequence[Region], picture: Picture, layer: Layer) -> list[_Drawn]:
    drawn = []
    for region in regions:
        whole = inner(region, picture.layers[0])
        seen = inner(region, layer)
        if whole is not None and seen is not None:
            # Who states it by whole blocks, without a seam around them, drew all of it.
            blocks = [
                edge if edge % LEAST_VALUE_PX == 0 else judged
                for edge, judged in zip(region, whole, strict=True)
            ]
            drawn.append(_Drawn(seen, _values(Region(*blocks))))
    return drawn


def _values(region: Region) -> int:
    """How many values the shorter side of a region may carry."""
    cell = max(max(region.width, region.height) / MOST_VALUES, LEAST_VALUE_PX)
    return max(1, int(min(region.width, region.height) / cell + 1e-9))


def _is_drawn_of_few(
    picture: Picture, layer: Layer, part: Region, values: int, mixed: bool = False
) -> bool:
    """Whether a piece shows few values along its longer side, too; where two mix, those of both."""
    colours = layer is not picture.layers[0]
    jpeg = picture.kind == 'jpeg'
    most = _MOST_COLOUR_PIECES if jpeg and colours else _MOST_PIECES[picture.kind]
    every = 2 if colours and not jpeg else 1
    levels = _STRAIGHT_LEVELS[picture.kind]
    return is_drawn_of_few(
        cut(layer, part), values, 2 * most if mixed else most, levels, layer.apart, every
    )


def _changes_where_narrow(layer: Layer, part: Region, region: Region) -> bool:
    """Whether a piece changes along a side on which its region has room for one value."""
    patch, by = cut(layer, part), layer.apart
    return any(
        # Interpolating equal values may round them to neighbours.
        size < 2 * LEAST_VALUE_PX and bool((np.abs(one - other) > 1).any())
        for size, one, other in (
            (region.height, patch[by:], patch[:-by]),
            (region.width, patch[:, by:], patch[:, :-by]),
        )
    )


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
    shown = in_any_sample(colours > most)
    return ~(shown | in_any_sample(colours < least) if least else shown)


def _side_left_clear(old: Layer, new: Layer, part: Region, region: Region, levels: float) -> str:
    """Which side's outermost row or column isn't obscured like the next one, or ''.

    Only where the input has a change there: a plain wall has none to hide. And not where a blur
    goes on as it came, at a picture's end that is none of a JPEG's blocks.
    """
    was, now, by = cut(old, part), cut(new, part), new.apart
    sides = (
        ('top', part.y0 == region.y0, 0, 0, by),
        ('bottom', part.y1 == region.y1, 0, -1, -1 - by),
        ('left', part.x0 == region.x0, 1, 0, by),
        ('right', part.x1 == region.x1, 1, -1, -1 - by),
    )
    for name, ours, axis, last, next_to_last in sides:
        thick = now.shape[axis]
        if not ours or thick <= by:
            continue
        outer, inner = now.take(last, axis), now.take(next_to_last, axis)
        original = was.take(last, axis)
        further = now.take(last + 2 * (next_to_last - last), axis) if thick > 2 * by else inner
        unlike = min(np.abs(outer - one).mean() for one in (inner, 2 * inner - further)) > levels
        if unlike and np.abs(outer - original).mean() < np.abs(inner - original).mean():
            return name
    return ''


def _parts(
    region: Region, drawn: Sequence[_Drawn], seams: Sequence[Region]
) -> Iterator[tuple[Region, int, bool, bool]]:
    """A region cut where others begin or end in it, and the seams of those.

    Which of several was drawn on top needn't be known: each piece shows one of them alone, but for
    the seams.

    Yields:
        A piece, the most values that its shorter side may carry, whether only one region covers
        it, and whether it is such a seam.
    """
    near = [other for other in drawn if _overlap(other.region, region)]
    mixed = [seam for seam in seams if _overlap(seam, region)]
    edges = [other.region for other in near] + mixed
    xs = _cuts(region.x0, region.x1, [x for edge in edges for x in edge[::2]])
    ys = _cuts(region.y0, region.y1, [y for edge in edges for y in edge[1::2]])
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            part = Region(x0, y0, x1, y1)
            is_mixed = any(_overlap(seam, part) for seam in mixed)
            covers = {other for other in near if _overlap(other.region, part)}
            yield part, max(other.values for other in covers), len(covers) == 1, is_mixed


def _overlap(one: Region, other: Region) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def _cuts(low: int, high: int, edges: list[int]) -> list[int]:
    return sorted({low, high, *(edge for edge in edges if low < edge < high)})
