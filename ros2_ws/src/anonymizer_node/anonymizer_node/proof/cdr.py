"""What a serialised image message holds besides its fields."""

from __future__ import annotations

from typing import Any

_HEAD = 4
"""Bytes before the first field: how the fields are laid out, and options."""

_MOST_BEHIND = 3
"""Bytes that may be behind the last field: with them the length is a multiple of 4."""


def why_otherwise(before: bytes, after: bytes, old: Any, new: Any) -> str:
    """What an output says otherwise around the fields of an image message than its input, or ''.

    What is written anew has no options and nothing behind it.

    Args:
        before: The input message.
        after: The output message.
        old: The first, decoded; its data is its last field.
        new: The second, decoded.
    """
    if before[:2] != after[:2]:
        return 'has its bytes in another order than in the input'
    if after[2:_HEAD] not in (before[2:_HEAD], bytes(2)):
        return 'has other options than in the input'
    if _behind(after, new) not in (_behind(before, old), b''):
        return 'has bytes behind it that its input has not'
    return ''


def _behind(message: bytes, image: Any) -> bytes:
    data = bytes(image.data)
    for count in range(_MOST_BEHIND + 1):
        if message.endswith(data, 0, len(message) - count):
            return message[len(message) - count :]
    return message[-_MOST_BEHIND:]
