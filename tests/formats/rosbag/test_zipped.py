"""What is compressed as rosbag2 does it, and what is made to fill memory or disk."""

import shutil
import tracemalloc
from collections import namedtuple

import pytest
import zstandard

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import zipped

GIGABYTE = 2**30


def zeros(size, told=True) -> bytes:
    whole = zstandard.ZstdCompressor(level=1).compressobj(size=size if told else -1)
    block = bytes(2**20)
    return b''.join([*[whole.compress(block) for _ in range(size >> 20)], whole.flush()])


@pytest.mark.parametrize('told', [True, False], ids=['told', 'not told'])
def test_a_small_message_that_stands_for_gigabytes_is_refused(told, monkeypatch):
    data = zeros(GIGABYTE, told)
    assert len(data) < 200_000
    monkeypatch.setattr(zipped, 'MOST_MESSAGE', 2**26)
    tracemalloc.start()
    try:
        with pytest.raises(zstandard.ZstdError, match='the most is'):
            zipped.message(data)
        assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('told', [True, False], ids=['told', 'not told'])
def test_a_message_is_as_it_was(told):
    assert zipped.message(zeros(5 * 2**20, told)) == bytes(5 * 2**20)


def test_a_message_that_is_cut_off_is_refused():
    for told in (True, False):
        with pytest.raises(zstandard.ZstdError):
            zipped.message(zeros(5 * 2**20, told)[:-5])


def test_a_file_that_does_not_tell_its_size_does_not_fill_the_disk(tmp_path, monkeypatch):
    packed = tmp_path / 'a.mcap.zstd'
    packed.write_bytes(zeros(GIGABYTE, told=False))
    usage = namedtuple('usage', 'total used free')
    target = tmp_path / 'a.mcap'

    def disk(folder):
        taken = target.stat().st_size if target.exists() else 0
        return usage(0, 0, 300 * 2**20 - taken)

    monkeypatch.setattr(shutil, 'disk_usage', disk)
    with pytest.raises(InputError, match='make room'):
        zipped.unpack(packed, target, may_break=False)
    assert target.stat().st_size < 300 * 2**20
