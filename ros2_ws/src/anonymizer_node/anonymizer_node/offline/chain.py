"""Lines of JSON of which none can be altered, lost, repeated or moved without it being seen.

Every line ends with a digest of itself and of the digest before it. It guards against damage and
against mistakes, not against somebody who computes the digests anew.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from anonymizer_node.core.errors import AnonymizerError

DIGEST_CHARACTERS = 32
START = ''
"""The digest before the first line."""


class BrokenChainError(AnonymizerError):
    """A line isn't the one that was written after the line before it."""


def link(before: str, value: Any) -> tuple[bytes, str]:
    """A value as the line that follows one of a digest, and the digest of that line."""
    text = json.dumps(value, separators=(',', ':'))
    digest = _digest(before, text)
    return f'{text}\t{digest}\n'.encode(), digest


def unlink(before: str, line: bytes) -> tuple[Any, str]:
    """The value in a line that follows one of a digest, and the digest of that line.

    Raises:
        BrokenChainError: If it isn't that line.
    """
    try:
        text, _, digest = line.decode('utf-8').rpartition('\t')
        if digest == _digest(before, text) + '\n':
            return json.loads(text), digest[:-1]
    except ValueError:  # No UTF-8, or no JSON.
        pass
    raise BrokenChainError(f'The line {line[:40]!r} is not the one that was written there.')


def _digest(before: str, text: str) -> str:
    said = f'{before}\t{text}'.encode()
    return hashlib.blake2b(said, digest_size=DIGEST_CHARACTERS // 2).hexdigest()
