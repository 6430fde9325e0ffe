"""Bars that an evaluation must clear, for CI: `half=0.99`, `small:90=0.6`, `pixels=0.28`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.modelling.evaluation import Evaluation, Group

DEFAULT_GROUP = 'tenth'

AT_LEAST: Mapping[str, Callable[[Group], float | None]] = {
    'half': lambda group: group.half,
    '70': lambda group: group.covered_70,
    '90': lambda group: group.covered_90,
    'least': lambda group: group.least,
}
"""Figures of a group of people that must reach their bar."""

AT_MOST: Mapping[str, Callable[[Evaluation], float | None]] = {
    'pixels': lambda evaluation: evaluation.pixels_obscured,
    'false': lambda evaluation: evaluation.false_per_empty,
}
"""Figures of all pictures that may reach their bar and no more."""

AP50 = 'ap50'
_HINT = (
    f'it takes [GROUP:]NAME=NUMBER, with the name {", ".join((*AT_LEAST, AP50))} (at least) or '
    f'{", ".join(AT_MOST)} (at most)'
)


class Bar(NamedTuple):
    """One of them.

    Attributes:
        name: Key of `AT_LEAST` or `AT_MOST`, or `AP50`.
        bound: Of the figure.
        group: Of people, for the names of `AT_LEAST`, or ''.
    """

    name: str
    bound: float
    group: str = ''

    def __str__(self) -> str:
        return f'{self.group}{":" if self.group else ""}{self.name}={self.bound:g}'


class Judged(NamedTuple):
    """A bar held against an evaluation.

    Attributes:
        bar: Which.
        value: The figure; None if there is nothing to take it from.
        met: Whether it clears the bar. Where there is no figure it doesn't.
    """

    bar: Bar
    value: float | None
    met: bool

    def __str__(self) -> str:
        relation = 'at most' if self.bar.name in AT_MOST else 'at least'
        value = 'nothing to take it from' if self.value is None else f'{self.value:.4g}'
        return f'{self.bar}: {value}, {relation} {self.bar.bound:g} is required'


def parse_bar(text: str, groups: Sequence[str]) -> Bar:
    """A bar as the user writes it.

    Args:
        text: See the module.
        groups: That there are, see `Evaluation.group_names`.

    Raises:
        ConfigError: If it is none.
    """
    left, _, number = text.rpartition('=')
    group, _, name = left.rpartition(':')
    try:
        bound = float(number)
    except ValueError:
        bound = -1.0
    if name not in (*AT_LEAST, *AT_MOST, AP50) or not 0 <= bound < float('inf'):
        raise ConfigError(f'The bar {text!r} is none; {_HINT}.')
    if name not in AT_MOST and bound > 1:
        raise ConfigError(f'The bar {text!r} can not be met: {name} is a share, at most 1.')
    if name not in AT_LEAST:
        if group:
            raise ConfigError(f'The bar {text!r} names a group, but {name} is of all pictures.')
        return Bar(name, bound)
    group = group or DEFAULT_GROUP
    if group not in groups:
        raise ConfigError(f'The bar {text!r} names no group; there are {", ".join(groups)}.')
    return Bar(name, bound, group)


def judge(bars: Sequence[Bar], evaluation: Evaluation) -> list[Judged]:
    """Hold each bar against the figures."""
    return [_judged(bar, evaluation) for bar in bars]


def _judged(bar: Bar, evaluation: Evaluation) -> Judged:
    if bar.name in AT_MOST:
        value = AT_MOST[bar.name](evaluation)
        return Judged(bar, value, value is not None and value <= bar.bound)
    if bar.name == AP50:
        found = [one.ap50 for one in evaluation.precisions if one.ap50 is not None]
        value = min(found) if len(found) == len(evaluation.precisions) else None
    else:
        value = AT_LEAST[bar.name](evaluation.group(bar.group))
    return Judged(bar, value, value is not None and value >= bar.bound)
