"""Chunks of .mcap files: their order, how much of them is held, and those made to fill memory."""

import tracemalloc
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard
from mcap.reader import SeekingReader
from mcap.records import Chunk
from samples.recordings import mcap_file

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.formats.rosbag.mcap_chunks import MOST_CHUNK, in_order, records_of

GIGABYTE = 2**30


def both_orders(path: Path, most_held: int):
    """What the mcap library gives, and what is given here."""
    with path.open('rb') as stream:
        reader = SeekingReader(stream)
        theirs = [message for _, _, message in reader.iter_messages()]
        indexes = reader.get_summary().chunk_indexes
        assert len(indexes) > 5
        return theirs, list(in_order(stream, indexes, most_held))


@pytest.mark.parametrize('most_held', [0, 3000, 10**9])
@pytest.mark.parametrize('compression', ['', 'lz4', 'zstd'])
def test_chunks_that_overlap_are_read_in_the_order_of_time(tmp_path, compression, most_held):
    random = np.random.default_rng(3)
    times = [int(base + random.integers(0, 60)) for base in range(1000, 1300)]
    times[::40] = [1000] * len(times[::40])
    texts = [f'{index} {"x" * 80}' for index in range(len(times))]
    path = mcap_file(tmp_path / 'a.mcap', texts, compression, times=times)
    theirs, ours = both_orders(path, most_held)
    assert len(ours) == 300
    assert [item.log_time for item in ours] == sorted(times)
    assert ours == theirs


def test_one_early_message_in_each_chunk_does_not_hold_all_of_them(tmp_path, monkeypatch):
    texts, times = [], []
    for index in range(60):
        texts += ['old', *['x' * 50_000] * 10]
        times += [100, *range(1000 + 10 * index, 1010 + 10 * index)]
    path = mcap_file(tmp_path / 'a.mcap', texts, chunk_size=500_000, times=times)
    monkeypatch.setattr(in_order, '__defaults__', (2_000_000,))
    with BagReader(path) as reader:
        tracemalloc.start()
        try:
            read = [message.time_ns for message in reader.messages()]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert read == sorted(times)
    assert path.stat().st_size > 30_000_000
    assert peak < 8_000_000


def chunk(compression, data, size) -> Chunk:
    return Chunk(compression, data, 0, 0, uncompressed_crc=0, uncompressed_size=size)


def packed(compression, size, told=True) -> bytes:
    """Zeros."""
    if compression == 'lz4':
        whole = lz4.frame.LZ4FrameCompressor()
        parts = [whole.begin(size if told else 0)]
    else:
        whole = zstandard.ZstdCompressor(level=1).compressobj(size=size if told else -1)
        parts = []
    block = bytes(2**22)
    parts += [whole.compress(block) for _ in range(size // len(block))]
    return b''.join([*parts, whole.flush()])


@pytest.mark.parametrize('told', [True, False], ids=['told', 'not told'])
@pytest.mark.parametrize('compression', ['lz4', 'zstd'])
def test_a_small_chunk_that_stands_for_gigabytes_takes_no_memory(compression, told):
    data = packed(compression, GIGABYTE, told)
    tracemalloc.start()
    try:
        for size in (GIGABYTE, 1000):
            with pytest.raises((InputError, zstandard.ZstdError)):
                records_of(chunk(compression, data, size))
        assert tracemalloc.get_traced_memory()[1] < MOST_CHUNK // 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('compression', ['lz4', 'zstd'])
def test_a_chunk_of_another_size_than_it_says_is_refused(compression):
    data = packed(compression, 2**22)
    assert records_of(chunk(compression, packed(compression, 0), 0)) == []
    for size in (2**22 - 1, 2**22 + 1):
        with pytest.raises((InputError, zstandard.ZstdError)):
            records_of(chunk(compression, data, size))
    with pytest.raises((InputError, zstandard.ZstdError)):
        records_of(chunk(compression, data[:-9], 2**22))
