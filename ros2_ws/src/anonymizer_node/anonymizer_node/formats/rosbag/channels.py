"""What MCAP files say of their channels beside QoS and type hash: keys and values."""

from __future__ import annotations

from collections.abc import Iterable

from anonymizer_node.formats.rosbag.model import Topic

Words = tuple[tuple[str, str], ...]


def joined(words: Words, other: Topic, notes: list[str]) -> Words:
    """What is said of a channel, and of another one that becomes the same.

    Args:
        words: Of the first.
        other: The second.
        notes: Get a sentence where they don't say the same.
    """
    known = dict(words)
    for key, value in other.words:
        if known.setdefault(key, value) != value:
            # Without the key, which may be a picture: notes are written into the target.
            note = f'{other.name} has channels that say two things of the same; the first is kept.'
            if note not in notes:
                notes.append(note)
    return tuple(known.items())


def each_once(topics: Iterable[Topic]) -> Words:
    """All words, each once and without a value: one that is there again shows nothing more."""
    pairs = (pair for topic in topics for pair in topic.words)
    return tuple((word, '') for word in dict.fromkeys(word for pair in pairs for word in pair))
