"""Which frames of a topic are worth showing: some of all kinds, and those to be doubted most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from anonymizer_node.proof.verdict import Moment, TopicFigures

TILES = 8
"""Moments of a topic on its contact sheet."""

EMPTY_SHARE = 0.25
"""Of these, for frames in which nobody was obscured."""

DOUBTFUL = 6
"""Moments of a topic that are to be looked at."""

SCORED_SHARE = 2 / 3
"""Of these, for frames by their scores, where there are any; the others are beside people."""

APART_NS = 1_000_000_000
"""Two that are to be looked at lie at least this far apart: neighbours show the same."""

LOST = ('dropped', 'unpublished')


class Doubt(NamedTuple):
    """A frame to be looked at, and why.

    Attributes:
        moment: The frame.
        why: In words.
    """

    moment: Moment
    why: str


def chosen_moments(figures: TopicFigures, count: int = TILES) -> list[Moment]:
    """Moments spread over the frames with people, and some over those without."""
    people = [moment for moment in figures.moments if moment.regions]
    empty = [moment for moment in figures.moments if moment.status == 'untouched']
    for_empty = max(count - len(people), round(count * EMPTY_SHARE))
    chosen = spread(people, count - min(for_empty, len(empty)))
    chosen += spread(empty, count - len(chosen))
    return sorted(chosen, key=lambda moment: moment.time_ns)


def spread(moments: Sequence[Moment], count: int) -> list[Moment]:
    """So many of them at even distances, from the middle of as many equal parts."""
    if count >= len(moments):
        return list(moments)
    return [moments[(2 * index + 1) * len(moments) // (2 * count)] for index in range(count)]


def doubtful_moments(figures: TopicFigures, count: int = DOUBTFUL) -> list[Doubt]:
    """The frames in which somebody may have been missed, the most doubtful first.

    Those in which somebody was found least surely, since another like them may have been just
    below the threshold; and those in which nobody was found right before or after somebody was.
    """
    shown = [moment for moment in figures.moments if moment.status not in LOST]
    scored = [moment for moment in shown if moment.score is not None]
    scored.sort(key=lambda moment: (moment.score, moment.time_ns))
    chosen = [
        Doubt(moment, f'found with score {moment.score:.2f}')
        for moment in _apart(scored, math.ceil(count * SCORED_SHARE), [])
    ]
    gaps: dict[Moment, int] = {}
    for one, other in pairwise(shown):
        for moment, beside in ((one, other), (other, one)):
            if moment.status == 'untouched' and beside.regions:
                gap = abs(beside.time_ns - moment.time_ns)
                gaps[moment] = min(gap, gaps.get(moment, gap))
    taken = [doubt.moment for doubt in chosen]
    for moment in _apart(spread(list(gaps), 4 * count), count - len(chosen), taken):
        why = f'nobody found, {gaps[moment] / 1e9:.2f} s from a frame with somebody'
        chosen.append(Doubt(moment, why))
    return chosen


def _apart(moments: Sequence[Moment], count: int, taken: Sequence[Moment]) -> list[Moment]:
    """The first so many that are `APART_NS` from each other and from those that are taken."""
    chosen: list[Moment] = []
    for moment in moments:
        if len(chosen) == count:
            break
        others = (*taken, *chosen)
        if all(abs(moment.time_ns - other.time_ns) >= APART_NS for other in others):
            chosen.append(moment)
    return chosen
