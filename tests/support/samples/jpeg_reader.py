"""What a JPEG file stores, read by a decoder of its own: no library that made or edited it helps.

Baseline and progressive Huffman coding, as ITU T.81 has them, for small pictures: it is plain
Python. Anything that doesn't fit to the last bit is an error.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

ZIGZAG = sorted(
    range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8)
)


@dataclass
class Stored:
    """Everything in a file.

    Attributes:
        width, height: Pixels.
        planes: For each component (block rows, block columns, 64) coefficients, row by row.
        quantisers: For each component the 64, row by row.
        segments: Marker and payload of application data and comments, wherever they are.
        behind: Bytes after the end.
    """

    width: int = 0
    height: int = 0
    planes: list[np.ndarray] = field(default_factory=list)
    quantisers: list[np.ndarray] = field(default_factory=list)
    segments: list[tuple[int, bytes]] = field(default_factory=list)
    behind: bytes = b''


@dataclass
class _Component:
    horizontal: int
    vertical: int
    table: int
    columns: int
    rows: int
    blocks: list[list[list[int]]]


def stored(data: bytes) -> Stored:
    """Read a file."""
    assert data[:2] == b'\xff\xd8'
    result = Stored()
    quantisers: dict[int, np.ndarray] = {}
    huffman: dict[tuple[int, int], list[int]] = {}
    components: dict[int, _Component] = {}
    progressive, interval, position = False, 0, 2
    while True:
        assert data[position] == 0xFF
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker == 0xD9:
            break
        length = int.from_bytes(data[position : position + 2], 'big')
        payload = data[position + 2 : position + length]
        assert len(payload) == length - 2
        position += length
        if marker == 0xDB:
            while payload:
                wide = payload[0] >> 4
                values = np.frombuffer(payload[1 : 65 + 64 * wide], '>u2' if wide else 'u1')
                quantisers[payload[0] & 15] = table = np.zeros(64, int)
                table[ZIGZAG] = values
                payload = payload[65 + 64 * wide :]
        elif marker == 0xC4:
            while payload:
                end = 17 + sum(payload[1:17])
                huffman[divmod(payload[0], 16)] = _lookup(payload[1:17], payload[17:end])
                payload = payload[end:]
        elif marker == 0xDD:
            interval = int.from_bytes(payload, 'big')
        elif marker in (0xC0, 0xC1, 0xC2):
            progressive = marker == 0xC2
            result.height, result.width = (
                int.from_bytes(payload[at : at + 2], 'big') for at in (1, 3)
            )
            components = _components(payload, result)
        elif marker == 0xDA:
            position = _scan(data, position, payload, components, huffman, progressive, interval)
        else:
            assert 0xE0 <= marker <= 0xEF or marker == 0xFE, hex(marker)
            result.segments.append((marker, payload))
    for item in components.values():
        plane = np.zeros((item.rows, item.columns, 64), int)
        plane[:, :, ZIGZAG] = np.array([row[: item.columns] for row in item.blocks[: item.rows]])
        result.planes.append(plane)
        result.quantisers.append(quantisers[item.table])
    result.behind = data[position:]
    return result


def _components(payload: bytes, result: Stored) -> dict[int, _Component]:
    assert payload[0] == 8
    assert len(payload) == 6 + 3 * payload[5]
    described = list(zip(payload[6::3], payload[7::3], payload[8::3], strict=True))
    if len(described) == 1:
        described = [(described[0][0], 0x11, described[0][2])]
    most_x = max(factors >> 4 for _, factors, _ in described)
    most_y = max(factors & 15 for _, factors, _ in described)
    found = {}
    for name, factors, table in described:
        across, down = factors >> 4, factors & 15
        columns = -(-result.width * across // (8 * most_x))
        rows = -(-result.height * down // (8 * most_y))
        all_columns = -(-result.width // (8 * most_x)) * across
        all_rows = -(-result.height // (8 * most_y)) * down
        blocks = [[[0] * 64 for _ in range(all_columns)] for _ in range(all_rows)]
        found[name] = _Component(across, down, table, columns, rows, blocks)
    return found


@functools.lru_cache(maxsize=256)
def _lookup(counts: bytes, symbols: bytes) -> list[int]:
    """For every 16 bits that may come, length * 256 + symbol of the code that they begin with."""
    table = [0] * 65536
    code, index = 0, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            first, span = code << (16 - length), 1 << (16 - length)
            table[first : first + span] = [length << 8 | symbols[index]] * span
            code, index = code + 1, index + 1
        code <<= 1
    return table


class _Bits:
    """The bits between two markers."""

    def __init__(self, coded: bytes) -> None:
        self.size = 8 * len(coded)
        padded = np.frombuffer(coded + bytes(8), np.uint8).astype(np.uint32)
        ahead = len(padded) - 3
        self._windows = (
            padded[:ahead] << 24 | padded[1 : 1 + ahead] << 16
            | padded[2 : 2 + ahead] << 8 | padded[3 : 3 + ahead]
        ).tolist()  # fmt: skip
        self.at = 0

    def symbol(self, table: list[int]) -> int:
        entry = table[self._windows[self.at >> 3] >> (16 - (self.at & 7)) & 0xFFFF]
        assert entry, 'no such code'
        self.at += entry >> 8
        assert self.at <= self.size, 'a scan ends early'
        return entry & 255

    def take(self, count: int) -> int:
        if not count:
            return 0
        value = self._windows[self.at >> 3] >> (32 - (self.at & 7) - count) & ((1 << count) - 1)
        self.at += count
        assert self.at <= self.size, 'a scan ends early'
        return value

    def signed(self, count: int) -> int:
        value = self.take(count)
        return value if not count or value >> (count - 1) else value - (1 << count) + 1


def _scan(data, position, payload, components, huffman, progressive, interval) -> int:
    """Read one scan into the components' blocks; where its coded bytes end."""
    parts, coded = [], bytearray()
    while True:
        following = data.index(b'\xff', position)
        coded += data[position:following]
        kind = data[following + 1]
        position = following + 2
        if kind == 0:
            coded.append(0xFF)
            continue
        parts.append(bytes(coded))
        coded.clear()
        if not 0xD0 <= kind <= 0xD7:
            position = following
            break
        assert kind == 0xD0 + (len(parts) - 1) % 8
    names = payload[1:-3:2]
    slots = payload[2:-3:2]
    first, last, bits = payload[-3], payload[-2], payload[-1]
    chosen = [components[name] for name in names]
    tables = [(huffman.get((0, slot >> 4)), huffman.get((1, slot & 15))) for slot in slots]
    read = _progressive(first, last, bits >> 4, bits & 15) if progressive else _sequential
    units = list(_units(chosen))
    per_part = interval or len(units)
    assert len(parts) == -(-len(units) // per_part)
    for index, part in enumerate(parts):
        reader = _Bits(part)
        state = {'dc': [0] * len(chosen), 'run': 0}
        for unit in units[index * per_part : (index + 1) * per_part]:
            for which, block in unit:
                read(reader, block, tables[which], state, which)
        assert state['run'] == 0
        assert reader.size - reader.at < 8, 'bytes are left over in a scan'
    return position


def _units(chosen):
    """The MCUs of a scan: lists of (component of the scan, block)."""
    if len(chosen) == 1:
        (item,) = chosen
        for row in item.blocks[: item.rows]:
            for block in row[: item.columns]:
                yield [(0, block)]
        return
    item = chosen[0]
    for y in range(len(item.blocks) // item.vertical):
        for x in range(len(item.blocks[0]) // item.horizontal):
            yield [
                (which, item.blocks[y * item.vertical + v][x * item.horizontal + h])
                for which, item in enumerate(chosen)
                for v in range(item.vertical)
                for h in range(item.horizontal)
            ]


def _sequential(reader, block, tables, state, which) -> None:
    dc_table, ac_table = tables
    state['dc'][which] += reader.signed(reader.symbol(dc_table))
    block[0] = state['dc'][which]
    at = 1
    while at < 64:
        run, size = divmod(reader.symbol(ac_table), 16)
        if not size:
            if run != 15:
                return
            at += 16
            continue
        at += run
        block[at] = reader.signed(size)
        at += 1


def _progressive(first, last, before, low):
    def dc_first(reader, block, tables, state, which):
        state['dc'][which] += reader.signed(reader.symbol(tables[0]))
        block[0] = state['dc'][which] << low

    def dc_again(reader, block, tables, state, which):
        block[0] |= reader.take(1) << low

    def ac_first(reader, block, tables, state, which):
        if state['run']:
            state['run'] -= 1
            return
        at = first
        while at <= last:
            run, size = divmod(reader.symbol(tables[1]), 16)
            if size:
                at += run
                block[at] = reader.signed(size) * (1 << low)
                at += 1
            elif run == 15:
                at += 16
            else:
                state['run'] = (1 << run) + reader.take(run) - 1
                return

    def correct(reader, block, at):
        if reader.take(1):
            block[at] += (1 << low) if block[at] > 0 else -(1 << low)

    def ac_again(reader, block, tables, state, which):
        at = first
        if not state['run']:
            while at <= last:
                run, size = divmod(reader.symbol(tables[1]), 16)
                value = 0
                if size:
                    assert size == 1
                    value = (1 if reader.take(1) else -1) * (1 << low)
                elif run != 15:
                    state['run'] = (1 << run) + reader.take(run)
                    break
                while at <= last:
                    if block[at]:
                        correct(reader, block, at)
                    elif run:
                        run -= 1
                    else:
                        break
                    at += 1
                if value:
                    block[at] = value
                at += 1
        if state['run']:
            for rest in range(at, last + 1):
                if block[rest]:
                    correct(reader, block, rest)
            state['run'] -= 1

    if first == 0:
        return dc_again if before else dc_first
    return ac_again if before else ac_first
