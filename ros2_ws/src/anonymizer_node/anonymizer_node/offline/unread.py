"""Whether a message may be copied: what can't be told by its type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader, Leaf
from anonymizer_node.offline import clouds, counting

LEAST_CODED = 344
"""Characters of 256 bytes in base64: with so many the words of a message may be a picture."""

_CODE = re.compile(r'(?:[A-Za-z0-9+/_-]{60,}={0,2}[\r\n]{0,2})+')
"""Base64 or hexadecimal digits, in one run or in lines that are longer than most names are."""

_CONTROL = re.compile(r'[\x00-\x08\x0e-\x1f\x7f]')
"""What is in no text."""


class Refusal(NamedTuple):
    """Why a message isn't copied.

    Attributes:
        cause: For counting.
        reason: In words.
    """

    cause: str
    reason: str


def refusal_of(reader: BagReader, message: BagMessage, told: Sequence[Leaf] = ()) -> Refusal | None:
    """Why a message that nobody vouches for may show a picture, or None if it doesn't.

    Args:
        reader: Of the bag that the message is from.
        message: As recorded.
        told: Fields of its type that may be a picture, as each message tells.
    """
    msgtype = message.topic.msgtype
    if msgtype in (clouds.POINT_CLOUD, clouds.OLD_POINT_CLOUD):
        why = clouds.why_picture(reader, message)
        return Refusal(clouds.CAUSE, why) if why else None
    remedy = f'topic_actions "{message.topic.name}=copy" vouches that it shows nobody.'
    try:
        # With more bytes than its type has, it is none, too.
        decoded = reader.decode(msgtype, message.data)
        words = '\n'.join(_words(decoded))
        why = counting.why_picture(decoded, told)
    except (FrameError, RecursionError) as error:
        return Refusal('unreadable', f'{error}; {remedy}')
    if why:
        return Refusal(counting.CAUSE, f'A {msgtype} has {why}; {remedy}')
    runs = [len(run) for run in _CODE.findall(words)]
    coded = sum(length for length in runs if length >= LEAST_CODED) + len(_CONTROL.findall(words))
    if coded >= LEAST_CODED:
        said = f'A {msgtype} has {coded} characters that are no words but may be a picture'
        return Refusal('coded_text', f'{said}; {remedy}')
    return None


def _words(message: Any) -> list[str]:
    """Every string in a message, in its order."""
    found: list[str] = []
    waiting = [message]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif hasattr(value, '__dict__'):  # A message; numbers and arrays of them have none.
            waiting.extend(reversed(vars(value).values()))
    return found
