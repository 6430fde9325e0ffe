"""Huffman codes of a JPEG as tables over sixteen bits: how far they lead, and to which coefficient.

Nothing here decodes a picture. It tells where codes end, which takes their lengths, not their
values. Written apart from the codecs, as all of the proof.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError

WINDOW = 16
"""Bits that are looked up at once: the longest code's."""

LONGEST = 2 * WINDOW
"""No look-up leads further than a code and its bits, bits."""

END = 128
"""Of `Steps.coefficients`: added where the block ends with the last code."""

NO_CODE = 255
"""Of `Steps.coefficients`: the bits begin with no code, or with some that no encoder writes."""

_ALL = 1 << WINDOW
_MOST_PACKED = 63
_ZRL = 0xF0


class Code(NamedTuple):
    """A table of codes as a file defines it.

    Attributes:
        counts: Of codes with 1 to 16 bits.
        symbols: In the order of the codes.
    """

    counts: bytes
    symbols: bytes


class Steps(NamedTuple):
    """For every sixteen bits, what the codes of AC coefficients at their beginning amount to.

    Attributes:
        coefficients: That they pass; `END` more if the last is the end of the block; or `NO_CODE`.
        bits: That they take, with their extra bits.
    """

    coefficients: bytes
    bits: bytes


class Symbols(NamedTuple):
    """For every sixteen bits the symbol of the code that they begin with.

    Attributes:
        symbols: Of the code.
        lengths: Of the code, bits; 0 if there is none.
    """

    symbols: bytes
    lengths: bytes


def codes_in(payload: bytes) -> Iterator[tuple[int, Code]]:
    """The tables that a DHT segment defines, with their class (high half) and number (low half).

    Raises:
        FrameError: If they can't be codes as an encoder writes them.
    """
    while payload:
        counts = payload[1:17]
        end = 17 + sum(counts)
        if len(counts) < 16 or end > len(payload) or payload[0] & 0xEC:
            raise FrameError('a table of codes that is cut off')
        code = Code(counts, payload[17:end])
        spans = sum(count << (16 - length) for length, count in enumerate(counts, 1))
        # Sixteen ones begin no code: they fill what is behind the last block.
        if spans >= _ALL or len(set(code.symbols)) < len(code.symbols):
            raise FrameError('a table of codes that no encoder writes')
        yield payload[0], code
        payload = payload[end:]


@functools.lru_cache(maxsize=64)
def symbols_of(code: Code) -> Symbols:
    """The code at the beginning of any sixteen bits."""
    symbols, lengths = np.zeros((2, _ALL), np.uint8)
    start = index = 0
    for length, count in enumerate(code.counts, 1):
        span = 1 << (WINDOW - length)
        end = start + count * span
        lengths[start:end] = length
        symbols[start:end] = np.repeat(_array(code.symbols[index : index + count]), span)
        start, index = end, index + count
    return Symbols(symbols.tobytes(), lengths.tobytes())


@functools.lru_cache(maxsize=64)
def steps_of_dc(code: Code) -> bytes:
    """How many bits a DC coefficient takes, 0 if the bits begin with none."""
    symbols, lengths = map(_array, symbols_of(code))
    known = (lengths > 0) & (symbols < WINDOW)
    return np.where(known, lengths + symbols, 0).astype(np.uint8).tobytes()


@functools.lru_cache(maxsize=64)
def steps_of_ac(code: Code, most: int) -> Steps:
    """What the AC coefficients of a sequential block amount to, at most so many codes at a time."""
    symbols, lengths = (_array(item).astype(np.int64) for item in symbols_of(code))
    bits, coefficients = np.zeros((2, _ALL), np.int64)
    begun = np.arange(_ALL)
    going = np.ones(_ALL, np.bool_)
    wrong, was_zeros = np.zeros((2, _ALL), np.bool_)
    for number in range(most):
        rest = (begun << np.minimum(bits, WINDOW)) & (_ALL - 1)
        symbol, length = symbols[rest], lengths[rest]
        known = going & (length > 0) & (bits + length <= WINDOW)
        end, zeros, size = symbol == 0, symbol == _ZRL, symbol & 15
        known &= end | zeros | (size > 0)
        if number == 0:
            wrong = ~known
        # Sixteen zeros in front of an end say nothing, so no encoder writes them. They are looked
        # for where the zeros are the first: short as their code and the end's are, both fit.
        wrong |= known & end & was_zeros
        passed = np.where(end, 0, (symbol >> 4) + 1)
        known &= (coefficients + passed <= _MOST_PACKED) & ~(zeros & (number > 0))
        bits += np.where(known, length + size, 0)
        coefficients += np.where(known, passed + END * end, 0)
        was_zeros = known & zeros
        going = known & ~end
    coefficients[wrong], bits[wrong] = NO_CODE, 0
    return Steps(coefficients.astype(np.uint8).tobytes(), bits.astype(np.uint8).tobytes())


def windows_of(coded: bytes) -> NDArray[np.uint16]:
    """The sixteen bits from each bit on, but for the last sixteen: (8 * len(coded) - 16,)."""
    values = _array(coded).astype(np.uint32)
    three = values[:-2] << 16 | values[1:-1] << 8 | values[2:]
    shifts = np.arange(8, 0, -1, dtype=np.uint32)
    return (three[:, None] >> shifts).astype(np.uint16).ravel()


def _array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
