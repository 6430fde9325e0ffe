"""The one form that all comparisons have, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jpeg_bench
import numpy as np
from bench_turns import Taken

LIMIT = 'limit'
"""The group of what can't be beaten, or hardly: only how near we come to it is of interest."""

MOST_FALL = 0.5
"""Of a ratio, against the reference. Machines differ; what is broken differs by more."""


class Missing(NamedTuple):
    """Something that can't be compared with here: `other` as in the rows, and the reason."""

    other: str
    why: str


@dataclass(frozen=True)
class Row:
    """Two ways to do the same.

    Attributes:
        group: Which comparison it belongs to.
        what: Is done, to what.
        ours: Which of our ways.
        other: Whose.
        ours_ms: Median.
        other_ms: Median.
        ratio: How many times as fast ours is, the median of the rounds; below 1 it is slower.
        spread: Of the ratio, the middle half of the rounds.
    """

    group: str
    what: str
    ours: str
    other: str
    ours_ms: float
    other_ms: float
    ratio: float
    spread: tuple[float, float]

    @property
    def key(self) -> str:
        """What names the row in a reference."""
        return f'{self.group}: {self.what}: {self.ours} / {self.other}'

    @property
    def behind(self) -> bool:
        """Whether the other is faster, in the two digits that are told."""
        return round(self.ratio, 2) < 1

    @classmethod
    def of(cls, group: str, what: str, ours: str, other: str, taken: Mapping[str, Taken]) -> Row:
        """Two cases of one run."""
        mine, theirs = taken[ours], taken[other]
        ratios = theirs.rounds_ms / mine.rounds_ms
        low, middle, high = (float(value) for value in np.percentile(ratios, (25, 50, 75)))
        return cls(group, what, ours, other, mine.median_ms, theirs.median_ms, middle, (low, high))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {'key': self.key, **asdict(self)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Row:
        """What `as_dict` made."""
        values = {name: value for name, value in told.items() if name != 'key'}
        return cls(**{**values, 'spread': tuple(values['spread'])})


class Bound(NamedTuple):
    """What was promised of one row: at most `most` of the other's time."""

    key: str
    most: float
    share: float

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.share <= self.most


def bounds(rows: Iterable[Row]) -> list[Bound]:
    """The promises about JPEGs, for frames of full HD, as far as they were measured."""
    return [
        Bound(row.key, jpeg_bench.BOUNDS[row.ours], 1 / row.ratio)
        for row in rows
        if row.group == LIMIT and row.what == 'JPEG 1920x1080' and row.ours in jpeg_bench.BOUNDS
    ]


def slower(rows: Iterable[Row]) -> list[Row]:
    """Those in which somebody else is faster, the worst first; limits are not somebody."""
    found = (row for row in rows if row.group != LIMIT and row.behind)
    return sorted(found, key=lambda row: row.ratio)


def above_the_limit(rows: Iterable[Row]) -> list[Row]:
    """Those in which we take longer than what can't be beaten, the worst first."""
    found = (row for row in rows if row.group == LIMIT and row.behind)
    return sorted(found, key=lambda row: row.ratio)


def fallen(
    rows: Iterable[Row], reference: Mapping[str, float], missing: Sequence[Missing] = ()
) -> list[str]:
    """What became worse than the reference allows, as sentences.

    Args:
        rows: Of a short run.
        reference: Ratios by the keys of rows.
        missing: Whose rows may be absent.
    """
    found = {row.key: row.ratio for row in rows}
    excused = {item.other for item in missing}
    sentences = []
    for key, ratio in reference.items():
        if key not in found:
            if key.rpartition(' / ')[2] not in excused:
                sentences.append(f'{key}: not measured any more; rename it in the reference too')
        elif found[key] < MOST_FALL * ratio:
            sentences.append(f'{key}: {found[key]:.2f}, and {ratio:.2f} was expected')
    return sentences


def better(rows: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """Of two runs the better row each."""
    best: dict[str, Row] = {}
    for row in (*rows, *others):
        if row.key not in best or row.ratio > best[row.key].ratio:
            best[row.key] = row
    return list(best.values())


def by_peer(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of everybody who is no limit, by the name of the other."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.group != LIMIT:
            found.setdefault(row.other, []).append(row)
    return found


def reference_text(rows: Iterable[Row]) -> str:
    """The reference that these rows make."""
    return json.dumps({row.key: round(row.ratio, 2) for row in rows}, indent=2) + '\n'
