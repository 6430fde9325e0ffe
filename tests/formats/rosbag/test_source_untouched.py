"""The source of a run is only read: no byte, no time, no name in its folder changes."""

import hashlib
import os
import sqlite3
import stat

import pytest
from samples.bags import STORAGES
from samples.recordings import split_bag, texts_of

from anonymizer_node.formats.bags import BagReader


def listing(folder):
    """Everything that can be told of a folder without changing it."""
    told = {}
    for path in sorted([folder, *folder.rglob('*')]):
        about = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''
        told[str(path)] = about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino, content
    return told


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('compression', ['none', 'file', 'message'])
def test_names_times_and_bytes_stay(tmp_path, storage, compression):
    path = split_bag(tmp_path / 'in' / 'run', [['a'], ['b']], storage, compression)
    before = listing(tmp_path / 'in')
    assert texts_of(path) == ['a', 'b']
    with BagReader(path) as reader:
        for _ in reader.messages():
            assert listing(tmp_path / 'in') == before, 'nor while it is read'
    assert listing(tmp_path / 'in') == before


@pytest.mark.parametrize('storage', STORAGES)
def test_names_that_mean_something_to_sqlite_are_only_names(tmp_path, storage):
    for name in ('what?mode=rw', '100%25', 'a#b', 'ein Täg', "it's; --"):
        path = split_bag(tmp_path / 'in' / name, [['a'], ['b']], storage)
        assert texts_of(path) == ['a', 'b']


def test_a_file_in_write_ahead_mode_stays_alone(tmp_path):
    """SQLite makes files beside such a one even where it only reads."""
    path = split_bag(tmp_path / 'in', [['a'], ['b']], 'sqlite3')
    for file in path.glob('*.db3'):
        database = sqlite3.connect(file)
        assert database.execute('PRAGMA journal_mode=WAL').fetchone() == ('wal',)
        database.close()
    before = listing(tmp_path)
    with BagReader(path) as reader:
        for _ in reader.messages():
            assert listing(tmp_path) == before
        assert reader.losses == []
    assert listing(tmp_path) == before


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_that_can_not_be_written_to_is_read(tmp_path, storage):
    path = split_bag(tmp_path / 'run', [['a']], storage)
    path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert texts_of(path) == ['a']
    finally:
        path.chmod(stat.S_IRWXU)
