"""Numbers in sentences."""

from __future__ import annotations

_SINGULARS = {'people': 'person'}


def counted(number: int, what: str) -> str:
    """How many of something: '1 model', '0 image messages', '1,200 frames with people'.

    Args:
        number: Of them.
        what: In the plural; the first word that is one is what was counted.
    """
    words = what.split(' ')
    if number == 1:
        for index, word in enumerate(words):
            if word in _SINGULARS or word.endswith('s'):
                words[index] = _SINGULARS.get(word, word[:-1])
                break
    return f'{number:,} {" ".join(words)}'
