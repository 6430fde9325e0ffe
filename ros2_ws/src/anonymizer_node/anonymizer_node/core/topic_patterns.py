"""Patterns of topic names: `*` within one part of a name, `**` for any number of parts.

No topic name may hold a `*`, so an entry with one is a pattern and nothing else.
"""

from __future__ import annotations

import re

from anonymizer_node.core.errors import ConfigError

_PART = re.compile(r'[A-Za-z_*~][A-Za-z0-9_*]*')


def is_pattern(entry: str) -> bool:
    """Whether an entry of `input_topics` is a pattern, not the name of one topic."""
    return '*' in entry


class TopicPattern:
    """One pattern.

    Attributes:
        text: As given.
    """

    def __init__(self, text: str) -> None:
        """Take it apart.

        Args:
            text: Absolute, such as `/*/image_raw` or `/robot_*/**/compressed`.

        Raises:
            ConfigError: If it isn't one.
        """
        self.text = text
        parts = text.split('/')[1:]
        for part in parts:
            if not _PART.fullmatch(part) or ('**' in part and part != '**'):
                raise ConfigError(
                    f'{text!r} is not a pattern of topic names: {part!r} is no part of one. A * '
                    'stands for any characters within a part, a part ** for any number of parts, '
                    'as in "/*/image_raw" or "/robot/**/compressed".'
                )
        last = len(parts) - 1
        self._names = re.compile(
            ''.join(_as_regex(part, index == last) for index, part in enumerate(parts))
        )

    def matches(self, name: str) -> bool:
        """Whether the absolute name of a topic is one of those meant."""
        return self._names.fullmatch(name) is not None


def _as_regex(part: str, is_last: bool) -> str:
    if part == '**':
        return '(?:/[^/]+)' + ('+' if is_last else '*')
    if part == '*':
        return '/[^/]+'
    return '/' + '[^/]*'.join(re.escape(piece) for piece in part.split('*'))
