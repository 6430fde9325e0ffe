"""How far a region may be from black, or from the few values that it shows, to be rounding alone.

A JPEG rounds each coefficient to a multiple of its quantiser, so a coarse file is further off than
a fine one. What was measured: `tests/bench/margins.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from anonymizer_node.proof.pictures import Picture

MOST_LEVELS = 5.0
MOST_PEAK = 72.0
MOST_BLACK = 8
"""However coarse a JPEG is."""


class Limits(NamedTuple):
    """What is taken for rounding.

    Attributes:
        levels: Contrast (root mean square, levels, be there 255 or 65535) beyond the few values.
        peak: How far a single sample may be from what the few values make of it, levels.
        black: Brightest sample that counts as black.
    """

    levels: float
    peak: float
    black: int


_EXACT = Limits(0.6, 4.0, 0)
"""Rounding to whole levels."""


def limits_of(picture: Picture, anew: bool = False) -> Limits:
    """What is rounding in a picture.

    Args:
        picture: The output's.
        anew: Of a JPEG, whether all of it was decoded and encoded: then the edges of tiles, too,
            are rounded, which are not where blocks begin.
    """
    if picture.kind != 'jpeg':
        return _EXACT
    # Few values are made of the lowest frequencies.
    steps = [sum(table[1:6]) / 5 for table in picture.quantisers]
    step = max(steps, default=0.0)
    levels, peak = (2 + step / 10, 28 + 1.5 * step) if anew else (0.8 + step / 20, 20 + 0.7 * step)
    black = max((_black(table[0]) for table in picture.quantisers[:1]), default=0)
    return Limits(min(levels, MOST_LEVELS), min(peak, MOST_PEAK), min(black, MOST_BLACK))


def _black(step: int) -> int:
    """What becomes of black if its DC is rounded to the nearest multiple of a quantiser, levels."""
    return max(0, int((1024 - round(1024 / step) * step) / 8 + 0.5)) if step else 0
