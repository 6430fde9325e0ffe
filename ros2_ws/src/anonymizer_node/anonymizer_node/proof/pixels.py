"""Pictures made of plain numbers: of arrays that may hold anything, and of colours."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

LEAST_PIXELS = 256
"""Numbers or colours of which a picture may be made, where half of them differ from the rest."""


def pixels_in(message: Any) -> str:
    """The first array in a message that may be a picture by what is in it, in words, or ''.

    Args:
        message: Decoded.
    """
    colours: dict[str, Counter[bytes]] = {}
    for path, item in _parts(message):
        kind = type(item).__name__
        if kind.endswith('MultiArray') and _is_picture(_bits(item.data)):
            return f'{len(item.data)} numbers in {path or "it"} that may be a picture'
        if kind.endswith('ColorRGBA'):
            shade = struct.pack('4d', item.r, item.g, item.b, item.a)
            colours.setdefault(path, Counter())[shade] += 1
    for path, found in colours.items():
        if _is_picture(found):
            return f'{found.total()} colours in {path} that may be a picture'
    return ''


def _bits(data: Any) -> Counter[bytes]:
    """Numbers as they are stored: one that is no number is the same as itself."""
    numbers = np.ascontiguousarray(data)
    return Counter(numbers.view(f'V{numbers.itemsize}').tolist())


def _is_picture(found: Counter[bytes]) -> bool:
    whole = found.total()
    return whole >= LEAST_PIXELS and 2 * (whole - found.most_common(1)[0][1]) >= LEAST_PIXELS


def _parts(message: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """A message, and all messages in it, with the names that lead there."""
    yield path, message
    for name in getattr(message, '__dataclass_fields__', ()):
        value = getattr(message, name)
        for item in value if isinstance(value, list) else (value,):
            if hasattr(item, '__dataclass_fields__'):
                yield from _parts(item, f'{path}.{name}' if path else name)
