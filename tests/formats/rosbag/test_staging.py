"""What a run is at work on is nobody else's, and what a dead one left is taken away."""

import errno
import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples.bags import STRING, digest
from samples.recordings import cdr, split_bag
from samples.runs import at_work

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader, BagWriter, Packing
from anonymizer_node.formats.rosbag import series, staging
from anonymizer_node.formats.rosbag.staging import (
    LOCK_NAME,
    Staging,
    in_words,
    require_space,
    sweep,
)

SPAWN = multiprocessing.get_context('spawn')


@pytest.fixture
def other_run(tmp_path):
    """Another run's folder, and its process."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=at_work, args=(tmp_path, there))
    process.start()
    assert here.poll(60)
    folder = here.recv()
    yield tmp_path / os.path.basename(folder), process
    process.kill()
    process.join(60)


def test_what_a_living_run_is_at_work_on_stays(tmp_path, other_run):
    folder, _ = other_run
    before = digest(tmp_path)
    assert sweep(tmp_path) == []
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/log', STRING)
    assert (folder / 'raw.mcap').is_file()
    assert before.items() <= digest(tmp_path).items()


def test_what_a_killed_run_left_is_taken_away_by_the_next(tmp_path, other_run):
    folder, process = other_run
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert (folder / 'raw.mcap').is_file()
    with BagWriter(tmp_path / 'other') as writer:
        assert not folder.exists(), 'at once, whatever the new target is called'
        writer.add_topic('/log', STRING)
    assert [item.name for item in tmp_path.iterdir()] == ['other']


def test_a_reader_takes_away_what_killed_runs_left_where_it_unpacks(tmp_path, other_run):
    folder, process = other_run
    source = split_bag(tmp_path / 'in' / 'bag', [['a']], 'mcap', 'file')
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    with BagReader(source, tmp_path) as reader:
        assert list(reader.messages())
        assert not folder.exists()


@pytest.mark.parametrize('kind', ['no lock', 'file', 'link', 'visible'])
def test_what_is_not_ours_stays(tmp_path, kind):
    place = tmp_path / 'here'
    place.mkdir()
    theirs = tmp_path / 'theirs'
    theirs.mkdir()
    (theirs / LOCK_NAME).touch()
    (theirs / 'mine').write_text('mine')
    if kind == 'no lock':
        (place / '.bag.part-x').mkdir()
        (place / '.bag.part-x' / 'mine').write_text('mine')
    elif kind == 'file':
        (place / '.bag.part-x').write_text('mine')
    elif kind == 'link':
        (place / '.bag.part-x').symlink_to(theirs)
    else:
        (place / 'bag.part-x').mkdir()
        (place / 'bag.part-x' / LOCK_NAME).touch()
    before = digest(tmp_path)
    assert sweep(place) == []
    assert digest(tmp_path) == before


def test_a_folder_that_is_empty_yet_or_again_is_taken_away(tmp_path):
    """Its run was killed right after making it, or right before it was gone."""
    made = Staging(tmp_path, 'bag')
    name = made.folder.name
    made.close()
    for locked in (False, True):
        (tmp_path / name).mkdir()
        if locked:
            (tmp_path / name / LOCK_NAME).touch()
        (tmp_path / '.bag.part-theirs').mkdir(exist_ok=True)
        assert [item.name for item in sweep(tmp_path)] == [name]
        assert [item.name for item in tmp_path.iterdir()] == ['.bag.part-theirs']


@pytest.mark.parametrize(
    'name', ['.holiday.part-abcdefgh', '.holiday.part-abc_1234', '.bag.part-0123456789abcdef']
)
def test_an_empty_folder_of_somebody_else_stays(tmp_path, name):
    (tmp_path / name).mkdir()
    assert sweep(tmp_path) == []
    assert (tmp_path / name).is_dir()


def dead(parent):
    """What a killed run left."""
    made = Staging(parent, 'bag')
    (made.folder / 'raw.mcap').write_bytes(b'raw')
    os.close(made._lock)
    return made.folder


@pytest.mark.parametrize('said', [b'', b'mine\n', b'mine\nhere\nthere\n', b'\xff\n'])
def test_a_folder_whose_lock_says_nothing_of_us_stays(tmp_path, said):
    folder = dead(tmp_path)
    (folder / LOCK_NAME).write_bytes(said)
    assert sweep(tmp_path) == []
    assert (folder / 'raw.mcap').is_file()


def test_what_another_machine_is_at_work_on_stays_though_its_lock_is_not_seen(
    tmp_path, monkeypatch
):
    folder = dead(tmp_path)
    host, boot = staging._host(), staging._boot()
    monkeypatch.setattr(staging, '_host', lambda: 'another')
    monkeypatch.setattr(staging, '_boot', lambda: 'another')
    assert sweep(tmp_path) == []
    assert (folder / 'raw.mcap').is_file()
    for place, value in (('_host', host), ('_boot', boot)):
        if not value:
            continue
        monkeypatch.undo()
        other = {'_host': '_boot', '_boot': '_host'}[place]
        monkeypatch.setattr(staging, other, lambda: 'another')
        assert sweep(tmp_path) == [folder], f'{place} is the same'
        monkeypatch.undo()
        folder = dead(tmp_path)


def test_a_run_killed_while_it_takes_its_folder_away_leaves_what_the_next_one_knows(
    tmp_path, monkeypatch
):
    made = Staging(tmp_path, 'bag')
    for name in ('a.mcap', 'z.mcap'):
        (made.folder / name).write_bytes(b'raw')
    (made.folder / 'bag').mkdir()
    gone = []
    whole = Path.unlink

    def killed(path, missing_ok=False):
        gone.append(path.name)
        if len(gone) == 2:
            raise KeyboardInterrupt
        whole(path, missing_ok)

    monkeypatch.setattr(Path, 'unlink', killed)
    with pytest.raises(KeyboardInterrupt):
        made.close()
    monkeypatch.undo()
    os.close(made._lock)  # As the end of its process does.
    assert (made.folder / LOCK_NAME).is_file()
    assert sweep(tmp_path) == [made.folder]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert sweep(tmp_path / 'absent') == []


def test_where_there_are_no_locks_nothing_is_taken_away(tmp_path, monkeypatch):
    def unsupported(*args):
        raise OSError(95, 'Operation not supported')

    monkeypatch.setattr(staging.fcntl, 'flock', unsupported)
    first = Staging(tmp_path, 'bag')
    second = Staging(tmp_path, 'bag')
    assert sweep(tmp_path) == []
    assert first.folder.is_dir()
    for item in (first, second):
        item.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_taken_away_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    whole = staging._locked
    calls = []

    def late(folder):
        calls.append(folder)
        if len(calls) == 1:
            folder.rmdir()
        return whole(folder)

    monkeypatch.setattr(staging, '_locked', late)
    made = Staging(tmp_path, 'bag')
    assert len(calls) == 2
    assert made.folder.is_dir()
    assert sweep(tmp_path) == [], 'it is locked'
    made.close()


# --- Room


def test_less_room_than_needed_is_refused_with_figures_before_anything_is_written(tmp_path):
    target = BagWriter(tmp_path / 'new' / 'bag', expected_bytes=10**18)
    with pytest.raises(InputError) as raised, target:
        pass
    free = in_words(shutil.disk_usage(tmp_path).free)[:2]
    assert f'takes about {in_words(10**18)}' in str(raised.value)
    assert f'{str(tmp_path / "new")!r} has {free}' in str(raised.value)
    assert 'make room' in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_room_enough_is_enough_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(staging.shutil, 'disk_usage', lambda path: SimpleNamespace(free=2500))
    monkeypatch.setattr(staging, 'SPARE_BYTES', 1500)
    require_space(tmp_path, 1000, 'It')
    with pytest.raises(InputError, match=r'has 2\.5 kB free'):
        require_space(tmp_path, 1001, 'It')


@pytest.mark.parametrize(
    ('size', 'said'),
    [
        (0, '0 bytes'),
        (999, '999 bytes'),
        (1000, '1.0 kB'),
        (1_500_000, '1.5 MB'),
        (10**9, '1.0 GB'),
        (2 * 10**12, '2.0 TB'),
        (5 * 10**15, '5000.0 TB'),
    ],
)
def test_sizes_are_said_in_words(size, said):
    assert in_words(size) == said


# --- Nothing is half done


def test_everything_is_on_the_disk_before_it_appears(tmp_path, monkeypatch):
    """Files, their folder, and at last the folder in which the name is."""
    synced = []
    whole = os.fsync

    def note(descriptor):
        there = (tmp_path / 'bag').exists()
        synced.append((os.readlink(f'/proc/self/fd/{descriptor}'), there))
        whole(descriptor)

    monkeypatch.setattr(os, 'fsync', note)
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
        (writer.folder / 'more').mkdir()
        (writer.folder / 'more' / 'page.html').write_text('page')
        hidden = str(writer.folder)
    before = [path.removeprefix(hidden) for path, there in synced if not there]
    assert set(before) == {'', '/bag.mcap', '/metadata.yaml', '/more', '/more/page.html'}
    assert [path for path, there in synced if there] == [str(tmp_path)]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_the_disk_is_told_of_every_byte_once_while_there_is_more_to_come(
    tmp_path, monkeypatch, storage
):
    told = []

    def note(descriptor, begin, length, advice):
        told.append((os.readlink(f'/proc/self/fd/{descriptor}'), begin, length, advice))

    monkeypatch.setattr(os, 'posix_fadvise', note)
    monkeypatch.setattr(series, '_SENT_BYTES', 1000)
    with BagWriter(tmp_path / 'bag', storage) as writer:
        topic = writer.add_topic('/log', STRING)
        for time_ns in range(40):
            writer.write(topic, time_ns, cdr('a' * 400_000))
        path = str(writer.folder / f'bag.{"mcap" if storage == "mcap" else "db3"}')
        before_the_end = list(told)
    begins = [begin for _, begin, _, _ in before_the_end]
    assert len(begins) >= 20
    assert begins == sorted(set(begins))
    assert begins[0] == 0
    assert {(name, *rest) for name, _, *rest in told} == {(path, 0, os.POSIX_FADV_DONTNEED)}
    with BagReader(tmp_path / 'bag') as reader:
        assert sum(1 for _ in reader.messages()) == 40


def test_the_disk_is_not_told_of_a_file_that_is_only_there_to_be_compressed(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError('It was told.')

    monkeypatch.setattr(series, '_SENT_BYTES', 0)
    monkeypatch.setattr(os, 'posix_fadvise', refuse)
    packing = Packing(compression='file')
    with BagWriter(tmp_path / 'bag', packing=packing) as writer:
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    with BagReader(tmp_path / 'bag') as reader:
        assert [bytes(message.data) for message in reader.messages()] == [cdr('a')]


def test_where_the_disk_can_not_be_told_the_bag_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ESPIPE, 'Illegal seek')

    monkeypatch.setattr(series, '_SENT_BYTES', 0)
    monkeypatch.setattr(os, 'posix_fadvise', refuse)
    with BagWriter(tmp_path / 'refused') as writer:
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    monkeypatch.delattr(os, 'posix_fadvise')
    with BagWriter(tmp_path / 'unknown') as writer:
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    for name in ('refused', 'unknown'):
        with BagReader(tmp_path / name) as reader:
            assert [bytes(message.data) for message in reader.messages()] == [cdr('a')]
