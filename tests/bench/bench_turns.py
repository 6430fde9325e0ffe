"""Timing in turns: every case once a round, so that what disturbs one disturbs all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WARM_UP = 3


@dataclass(frozen=True)
class Taken:
    """How long each round of one case took, milliseconds."""

    rounds_ms: NDArray[np.float64]

    @property
    def median_ms(self) -> float:
        """Of all rounds."""
        return float(np.median(self.rounds_ms))

    def ratio_to(self, other: Taken) -> float:
        """Median of the ratios round by round: a slow moment is in both."""
        return float(np.median(self.rounds_ms / other.rounds_ms))

    def as_dict(self) -> dict[str, float]:
        """Median and the middle half, for a report."""
        low, high = np.percentile(self.rounds_ms, [25, 75])
        return {'median_ms': self.median_ms, 'low_ms': float(low), 'high_ms': float(high)}


def in_turns(
    cases: Mapping[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: int = WARM_UP,
    between: Callable[[], Any] = lambda: None,
) -> dict[str, Taken]:
    """Time cases in turns; the first rounds, in which caches fill, don't count.

    Args:
        cases: What to run, by name.
        rounds: That count.
        clock: In seconds. `time.thread_time` is for work of one thread: other programs take none
            of it away.
        warm_up: Rounds that don't count.
        between: Called after every run of a case, in time that doesn't count.
    """
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for index in range(warm_up + rounds):
        for name, run in cases.items():
            begin = clock()
            run()
            took_s = clock() - begin
            between()
            if index >= warm_up:
                taken[name].append(took_s * 1000)
    return {name: Taken(np.array(values)) for name, values in taken.items()}
