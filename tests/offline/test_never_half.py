"""Whatever happens to a run there is no OUT or a whole one, and the source is as it was."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from kills import LightDetector, contents, listing, make_source

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader, Packing
from anonymizer_node.formats.rosbag import staging
from anonymizer_node.offline.bag import anonymize_bag

BENCH = Path(__file__).resolve().parents[1] / 'bench'
SETTINGS = Settings(padding=0.0)
PACKINGS = {
    'mcap': Packing('mcap', 'none', split_bytes=500_000, numbered=True),
    'sqlite3': Packing('sqlite3', 'none', split_bytes=500_000, numbered=True),
    'files': Packing('mcap', 'file', split_bytes=500_000, numbered=True),
}


def run(source, target):
    return anonymize_bag(source, target, SETTINGS, [LightDetector()])


def test_a_run_that_is_killed_at_any_moment_leaves_nothing_half():
    command = [sys.executable, BENCH / 'kills.py', '--kills', '10', '--frames', '60']
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '10 kills: never half an OUT' in done.stdout


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB, of which 1 MB is free."""
    place = tmp_path / 'disk'
    place.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip('needs the right to mount a small file system')
    (place / 'other').write_bytes(bytes(2_000_000))
    yield place
    subprocess.run(['umount', place], check=True)


@pytest.mark.parametrize('kind', PACKINGS)
def test_a_full_disk_leaves_nothing(tmp_path, small_disk, monkeypatch, kind):
    source = make_source(tmp_path / 'in' / 'run', PACKINGS[kind], 40)
    before = listing(tmp_path / 'in')
    # As if somebody else had filled it meanwhile.
    monkeypatch.setattr(staging.shutil, 'disk_usage', lambda path: SimpleNamespace(free=10**12))
    with pytest.raises(InputError) as raised:
        run(source, small_disk / 'new' / 'out')
    # By sqlite3 it is told in one of two ways, by where it happens.
    reasons = ('No space left', 'disk is full')[: 1 + (kind == 'sqlite3')]
    assert any(reason in str(raised.value) for reason in reasons)
    assert 'make room or name another target' in str(raised.value)
    assert 'readable recording' not in str(raised.value), 'nothing is wrong with the source'
    assert [item.name for item in small_disk.iterdir()] == ['other']
    assert listing(tmp_path / 'in') == before


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(tmp_path, small_disk):
    source = make_source(tmp_path / 'in' / 'run', PACKINGS['mcap'], 40)
    with pytest.raises(InputError, match=r'takes about 2\.\d MB, and .* has 1\.\d MB free'):
        run(source, small_disk / 'new' / 'out')
    assert [item.name for item in small_disk.iterdir()] == ['other']


@pytest.fixture
def short_files():
    """No file may grow beyond 300 kB: what a quota or a file system does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize('kind', PACKINGS)
def test_files_that_may_not_grow_leave_nothing(tmp_path, kind, request):
    source = make_source(tmp_path / 'in' / 'run', PACKINGS[kind], 40)
    before = listing(tmp_path)
    request.getfixturevalue('short_files')
    with pytest.raises(InputError) as raised:
        run(source, tmp_path / 'new' / 'out')
    assert any(words in str(raised.value) for words in ('too large', 'full', 'I/O error'))
    assert listing(tmp_path) == before


@pytest.mark.parametrize('kind', PACKINGS)
def test_a_source_that_is_removed_meanwhile_leaves_nothing(tmp_path, kind, monkeypatch):
    source = make_source(tmp_path / 'in' / 'run', PACKINGS[kind], 40)
    whole = BagReader.messages

    def removed(self):
        for index, message in enumerate(whole(self)):
            if index == 3:
                shutil.rmtree(source, ignore_errors=True)  # Either pass comes by here.
            yield message

    monkeypatch.setattr(BagReader, 'messages', removed)
    with pytest.raises(InputError, match='is damaged'):
        run(source, tmp_path / 'new' / 'out')
    assert [item.name for item in tmp_path.iterdir()] == ['in']


@pytest.mark.parametrize('kind', PACKINGS)
def test_the_source_s_names_times_and_bytes_stay(tmp_path, kind):
    source = make_source(tmp_path / 'in' / 'run', PACKINGS[kind], 20)
    before = listing(tmp_path / 'in')
    first = run(source, tmp_path / 'out' / 'run')
    assert first.clean
    assert listing(tmp_path / 'in') == before
    assert [item.name for item in (tmp_path / 'out').iterdir()] == ['run']
    # And what a run makes of it is the same each time.
    run(source, tmp_path / 'again' / 'run')
    assert contents(tmp_path / 'again') == contents(tmp_path / 'out')
