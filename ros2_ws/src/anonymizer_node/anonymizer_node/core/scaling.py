"""Pictures in another size.

Smaller ones are filtered by area: every pixel counts by what of it lies in the new one, so that
thin limbs neither vanish nor flicker. OpenCV's own area filter goes sample by sample, and took more
time than all else that isn't inference. Here the same weights are applied by functions of it that
are vectorised: a row of the new picture is a weighted sum of two or three rows of the old one, and
since cameras and detectors have sides in simple ratios (640 to 416 is 20 to 13) every thirteenth
row has the same weights; all of them are summed in one call. The result differs from OpenCV's by a
level here and there, as each sum is rounded.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, prod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array

MOST_KINDS = 20
"""With more kinds of rows there is too little of each for its calls to be worth it."""

_NUDGE = 1 - 1e-9
"""OpenCV finds the pixel in which a new one begins by a product of floats. Where both begin at the
same place that may come out below, and the pixel before it is taken."""

Share = tuple[int, float]
"""(row, weight)."""


def resized(pixels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """A picture in another size; see `Scaler.__call__`."""
    return Scaler()(pixels, width, height)


class Scaler:
    """Scales pictures, in memory that is used again. Not thread-safe.

    Fresh memory has to be mapped page by page, which takes longer than to scale a picture into it.
    """

    def __init__(self) -> None:
        """Nothing is taken yet."""
        self._memory: dict[str, UInt8Array] = {}

    def __call__(
        self, pixels: NDArray[Any], width: int, height: int, out: UInt8Array | None = None
    ) -> NDArray[Any]:
        """A picture in another size, without aliasing; valid until the next call.

        Args:
            pixels: (rows, columns[, channels]). Rows may be padded.
            width: Columns wanted.
            height: Rows wanted.
            out: Where it is to be put, of this size, and with the type and channels of `pixels`.

        Returns:
            `out` if given; else the picture itself if it has this size; else an array in which a
            single channel may have lost its axis.
        """
        halvings = 0
        # Linear filtering at exactly one half is the mean of 2 x 2 pixels, several times faster
        # than area filtering; that does what is left.
        while pixels.shape[0] >= 2 * height and pixels.shape[1] >= 2 * width:
            halvings += 1
            pixels = self._half(pixels, f'halved {halvings} times')
        result = self._scaled(pixels, width, height, out)
        if out is None or result is out:
            return result
        out[...] = result.reshape(out.shape)
        return out

    def _scaled(
        self, pixels: NDArray[Any], width: int, height: int, out: UInt8Array | None
    ) -> NDArray[Any]:
        """A picture in another size, more than half of its own; perhaps in `out`."""
        rows, columns = pixels.shape[:2]
        if (rows, columns) == (height, width):
            return pixels
        if rows <= height and columns <= width:
            return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR))
        moderately = height <= rows < 2 * height and width <= columns < 2 * width
        if not moderately or pixels.dtype != np.uint8:
            return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
        if max(height // gcd(rows, height), width // gcd(columns, width)) > MOST_KINDS:
            return self._by_enlarging(pixels, width, height, out)
        return self._by_rows(pixels, width, height, out)

    def _half(self, pixels: NDArray[Any], name: str) -> NDArray[Any]:
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        whole = pixels[: 2 * rows, : 2 * columns]
        if pixels.dtype != np.uint8:
            return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_LINEAR))
        half = self._room(name, (rows, columns, *pixels.shape[2:]))
        cv2.resize(whole, (columns, rows), half, interpolation=cv2.INTER_LINEAR)
        return half

    def _by_rows(
        self, pixels: UInt8Array, width: int, height: int, out: UInt8Array | None
    ) -> NDArray[Any]:
        """Sum up rows, and then columns as the rows of the picture on its side."""
        _, columns, *channels = pixels.shape
        if height != len(pixels):
            pixels = self._sum_rows(pixels, self._room('first', (height, columns, *channels)))
        if width == columns:
            return pixels
        aside = self._room('second', (columns, height, *channels))
        cv2.transpose(pixels, aside)
        narrow = self._sum_rows(aside, self._room('first', (width, height, *channels)))
        return np.asarray(cv2.transpose(narrow, out))

    def _sum_rows(self, picture: UInt8Array, result: UInt8Array) -> UInt8Array:
        """Filter a picture by area into one of fewer rows, more than half as many."""
        old, new = picture.reshape(len(picture), -1), result.reshape(len(result), -1)
        apart = gcd(len(old), len(new))
        every = len(old) // apart
        kinds = _shares(every, len(new) // apart)
        ends = self._room('ends', (apart, old.shape[1]))
        for kind, ((first, weight), (last, other), *middle) in enumerate(kinds):
            begin, end, target = old[first::every], old[last::every], new[kind :: len(kinds)]
            if not middle:
                cv2.addWeighted(begin, weight, end, other, 0, target)
                continue
            # The ends first: what is rounded then counts the least.
            ((inner, share),) = middle
            both = weight + other
            cv2.addWeighted(begin, weight / both, end, other / both, 0, ends)
            cv2.addWeighted(ends, both, old[inner::every], share, 0, target)
        return result

    def _by_enlarging(
        self, pixels: UInt8Array, width: int, height: int, out: UInt8Array | None
    ) -> NDArray[Any]:
        """Make it twice as large as wanted first, and then half of that.

        Enlarged by area each pixel is a sum of no more than two by two, and that is vectorised.
        """
        rows, columns, *channels = pixels.shape
        twice = self._room('first', (2 * height, 2 * width, *channels))
        across, down = 2 * width / columns * _NUDGE, 2 * height / rows * _NUDGE
        cv2.resize(pixels, None, twice, fx=across, fy=down, interpolation=cv2.INTER_AREA)
        small = cv2.resize(twice, (width, height), out, interpolation=cv2.INTER_LINEAR)
        return np.asarray(small)

    def _room(self, name: str, shape: tuple[int, ...]) -> UInt8Array:
        """Memory for an array."""
        size = prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = self._memory[name] = np.empty(size, np.uint8)
        return memory[:size].reshape(shape)


@lru_cache(maxsize=64)
def _shares(old: int, new: int) -> tuple[tuple[Share, ...], ...]:
    """What of which old rows each new one covers.

    Args:
        old: Rows, more than `new` and less than twice as many.
        new: Rows.

    Returns:
        For each new row the first old one, the last, and that between them if there is one; the
        weights of each sum up to 1.
    """
    kinds = []
    for kind in range(new):
        # In steps of which `new` are an old row and `old` a new one.
        begin, end = kind * old, (kind + 1) * old
        shares = [
            (row, (min(end, (row + 1) * new) - max(begin, row * new)) / old)
            for row in range(begin // new, -(-end // new))
        ]
        kinds.append((shares[0], shares[-1], *shares[1:-1]))
    return tuple(kinds)
