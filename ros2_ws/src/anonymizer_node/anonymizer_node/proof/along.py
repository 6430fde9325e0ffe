"""How many values a piece of a picture shows along its longer side.

Seen across its shorter side, a strip that is one value high may be anything: each of its columns is
a value of its own. Along it, what is drawn from few values is made of few straight pieces: tiles
are level, and what is interpolated goes straight from one value to the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.proof.detail import directions

_FIRST_STEP = 8


def is_drawn_of_few(
    patch: NDArray[np.float64], values: int, most: int, levels: float, apart: int, every: int
) -> bool:
    """Whether a piece is made of few straight pieces along its longer side.

    Args:
        patch: (rows, columns, samples).
        values: That its shorter side may carry.
        most: Straight pieces that there may be.
        levels: Root mean square from a straight line that is taken for rounding.
        apart: Of a mosaic, how far samples of one colour are from each other.
        every: Only every so many samples are one of their own: 2 of chroma that is repeated.
    """
    for first in range(apart * apart):
        colour = patch[first // apart :: apart, first % apart :: apart]
        if max(colour.shape[:2]) <= 2 * most * every:
            continue  # Any two samples are on a straight line.
        for sample in range(colour.shape[2]):
            matrix = colour[:, :, sample]
            matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
            lines = matrix
            if len(matrix) > values:
                # All its rows are made of these, so few of them tell of all.
                lines = directions(matrix, values).T @ matrix / np.sqrt(len(matrix))
            if any(straight_pieces(line[::every], levels, most) > most for line in lines):
                return False
    return True


def straight_pieces(line: NDArray[np.float64], levels: float, most: int) -> int:
    """How many straight pieces a line is made of; counted as far as one more than `most`."""
    deviations = _Deviations(line)
    count = start = 0
    while start < len(line) and count <= most:
        start = deviations.reach(start, levels)
        count += 1
    return count


class _Deviations:
    """How far any stretch of a line is from a straight one."""

    def __init__(self, line: NDArray[np.float64]) -> None:
        self._length = len(line)
        y = line - line.mean()
        x = np.arange(len(line), dtype=np.float64)
        self._sums = np.zeros((5, len(line) + 1))
        self._sums[:, 1:] = np.cumsum([x, x * x, y, x * y, y * y], axis=1)

    def reach(self, start: int, levels: float) -> int:
        """The end of the longest straight stretch from there on."""
        good, step = min(start + 2, self._length), _FIRST_STEP
        while good < self._length:
            end = min(good + step, self._length)
            if self._is_straight(start, end, levels):
                good, step = end, 2 * step
            elif step == 1:
                break
            else:
                step = max(1, step // 4)
        return good

    def _is_straight(self, start: int, end: int, levels: float) -> bool:
        count = end - start
        x, xx, y, xy, yy = self._sums[:, end] - self._sums[:, start]
        across = xx - x * x / count
        along = xy - x * y / count
        left = yy - y * y / count - along * along / across
        return bool(left <= levels * levels * count + 1e-6)
