"""Whether the numbers in one message are enough for a picture.

Fewer than `LEAST_PAYLOAD` in all fields together are no picture. Nor are more of them where nearly
all of a field are the same: pixels have to differ. Of a grid without obstacles, or of a thousand
markers in one colour, no number counts; where some differ, they do, and as many of the others.

What is spread over many messages, a few pixels in each, isn't noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.formats.bags import Leaf
from anonymizer_node.offline.payloads import LEAST_PAYLOAD, WIDTHS, is_colour, seldom

CAUSE = 'numbers'
"""Why a message with too many was dropped, for counting."""


def why_picture(message: Any, leaves: Sequence[Leaf]) -> str:
    """What in a message may be a picture, in words, or '' if there is no such thing.

    Args:
        message: Decoded.
        leaves: `Suspects.told` of its type.
    """
    whole, most, where = 0, 0, ''
    pixels: dict[str, list[NDArray[np.uint8]]] = {}
    for leaf in leaves:
        rows = _rows(message, leaf.path)
        if seldom(leaf):
            if len(rows):
                return f'{len(rows)} bytes in {leaf.path!r} that may be an image'
            continue
        if is_colour(leaf):  # A pixel is one, whatever it is made of.
            pixels.setdefault(leaf.path.rpartition('.')[0], []).append(rows)
            continue
        count = _telling(rows) * WIDTHS[leaf.base]
        whole += count
        most, where = max((most, where), (count, leaf.path))
    for path, parts in pixels.items():
        count = _telling(np.concatenate(parts, axis=1))
        whole += count
        most, where = max((most, where), (count, path))
    if whole < LEAST_PAYLOAD:
        return ''
    return f'{whole} numbers, {most} of them in {where!r}, that may be an image'


def _rows(message: Any, path: str) -> NDArray[np.uint8]:
    """All numbers at a path, over all arrays on the way, (N, bytes of each)."""
    found = [np.atleast_1d(np.asarray(value)) for value in _reached(message, path.split('.'))]
    filled = [item for item in found if item.size]
    if not filled:
        return np.zeros((0, 1), np.uint8)
    numbers = np.ascontiguousarray(np.concatenate(filled))
    return numbers.view(np.uint8).reshape(len(numbers), -1)


def _reached(message: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield message
        return
    value = getattr(message, path[0])
    if len(path) > 1 and isinstance(value, (list, tuple)):
        for item in value:
            yield from _reached(item, path[1:])
    else:
        yield from _reached(value, path[1:])


def _telling(rows: NDArray[np.uint8]) -> int:
    """How many rows count: those that are not the commonest one, twice, but no more than all."""
    if not len(rows):
        return 0
    width = rows.shape[1]
    if width in (1, 2, 4, 8):  # Bit by bit: a NaN is the same as itself, and -0.0 is not 0.0.
        numbers = np.ascontiguousarray(rows).view(f'u{width}')
        common = int(np.unique(numbers, return_counts=True)[1].max())
    else:
        common = Counter(map(bytes, rows)).most_common(1)[0][1]
    return min(len(rows), 2 * (len(rows) - common))
