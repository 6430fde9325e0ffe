"""One table of words, for the page and for the documents alike, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench_rows import Row


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        cells: One for each column.
        slower: Somebody else is faster, or a bound isn't kept.
        times: What a bar shows; 1 is where nobody is faster. None: no bar.
    """

    cells: tuple[str, ...]
    slower: bool = False
    times: float | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: In the documents.
        title: Above it.
        note: What a reader has to know, one paragraph.
        head: Names of the columns.
        words: How many columns, from the left, hold words; the others hold numbers.
        lines: What is in it.
    """

    name: str
    title: str
    note: str
    head: tuple[str, ...]
    words: int
    lines: tuple[Line, ...]


def times(row: Row) -> str:
    """A ratio with its spread."""
    return f'{short(row.ratio)} ({short(row.spread[0])} to {short(row.spread[1])})'


def spread(values: Sequence[float]) -> str:
    """Milliseconds: the middle, and from where to where."""
    middle, low, high = values
    return f'{in_ms(middle)} ({in_ms(low)} to {in_ms(high)})'


def in_ms(value: float) -> str:
    """Three digits, or all before the point."""
    return f'{value:.2f}' if value < 10 else f'{value:.1f}' if value < 100 else f'{value:,.0f}'


def short(ratio: float) -> str:
    """A ratio."""
    return f'{ratio:.2f}' if ratio < 10 else f'{ratio:.1f}'
