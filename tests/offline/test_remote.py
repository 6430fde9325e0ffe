"""Bags that lie elsewhere: found, fetched, put there whole or not at all."""

import json
import subprocess
import sys
import tempfile

import pytest
from samples.bags import IMAGE, STRING, Entry, write_bag
from samples.detectors import BrightDetector
from samples.images import image, noise
from samples.stores import breaks_at, contents, memory_store, stored

from anonymizer_node.cli import bag as command
from anonymizer_node.cli.main import main
from anonymizer_node.core.errors import InputError, StorageError
from anonymizer_node.offline import bag as job
from anonymizer_node.offline.many import Task, tasks_of
from anonymizer_node.offline.remote import UPLOADING, Remote, fetch, fetched, location


@pytest.fixture
def store():
    with memory_store() as made:
        yield made


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where temporary files are kept; nothing may be left there."""
    folder = tmp_path / 'scratch'
    folder.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    def load(settings, notice=None):
        return [[BrightDetector()]]

    monkeypatch.setattr(job, 'load_teams', load)
    monkeypatch.setattr(command, 'load_teams', load)
    monkeypatch.setenv('COLUMNS', '300')


def bag(path, seed=0):
    entries = [
        Entry('/front', IMAGE, image(noise(24, 32, low=20 * index + seed)), index)
        for index in range(3)
    ]
    return write_bag(path, [*entries, Entry('/log', STRING, 'hello', 5)])


def run(*argv):
    return main(['bag', *(str(word) for word in argv)])


@pytest.fixture
def plain(tmp_path):
    """A folder of bags, and what a run on this machine makes of it."""
    bag(tmp_path / 'in' / 'monday' / 'one')
    bag(tmp_path / 'in' / 'two', seed=3)
    assert run(tmp_path / 'in', tmp_path / 'plain') == 0
    return contents(tmp_path / 'plain')


def upload(store, folder, place):
    store.put(str(folder), place, recursive=True)


# --- From anywhere to anywhere


def test_a_folder_elsewhere_becomes_one_elsewhere(tmp_path, store, plain, capsys):
    upload(store, tmp_path / 'in', 'memory://bucket/in')
    before = stored(store, 'memory://bucket/in')
    told = tmp_path / 'told.json'
    assert run('memory://bucket/in/', 'memory://bucket/out', '--json', told) == 0
    assert stored(store, 'memory://bucket/out') == plain
    assert stored(store, 'memory://bucket/in') == before
    assert [entry['target'] for entry in json.loads(told.read_text())['bags']] == [
        'memory://bucket/out/monday/one',
        'memory://bucket/out/two',
    ]
    assert 'Written to memory://bucket/out/two' in capsys.readouterr().out


def test_a_bag_elsewhere_becomes_one_here(tmp_path, store, plain):
    upload(store, tmp_path / 'in', 'memory://bucket/in')
    assert run('memory://bucket/in/monday/one', tmp_path / 'one') == 0
    wanted = {name[11:]: data for name, data in plain.items() if name.startswith('monday/one/')}
    assert contents(tmp_path / 'one') == wanted
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith('.')] == []


def test_a_bag_here_becomes_one_elsewhere(tmp_path, store, plain):
    assert run(tmp_path / 'in' / 'two', 'memory://bucket/two') == 0
    wanted = {name[4:]: data for name, data in plain.items() if name.startswith('two/')}
    assert stored(store, 'memory://bucket/two') == wanted


def test_a_file_elsewhere_is_a_bag(tmp_path, store):
    (file,) = bag(tmp_path / 'run').glob('*.mcap')
    store.put_file(str(file), '/bucket/run.mcap')
    assert run('memory://bucket/run.mcap', 'memory://bucket/out') == 0
    assert run(file, tmp_path / 'out') == 0
    ours, theirs = contents(tmp_path / 'out'), stored(store, 'memory://bucket/out')
    assert set(ours) == set(theirs)
    assert ours['out.mcap'] == theirs['out.mcap']
    assert tasks_of([Remote('memory://bucket')], tmp_path) == [
        Task(Remote('memory://bucket/run.mcap'), tmp_path / 'run'),
        Task(Remote('memory://bucket/out'), tmp_path / 'out'),
    ]


def test_a_dry_run_of_what_lies_elsewhere_writes_nothing(tmp_path, store, plain, capsys):
    upload(store, tmp_path / 'in', 'memory://bucket/in')
    assert run('memory://bucket/in', 'memory://bucket/out', '--dry-run') == 0
    assert '/front' in capsys.readouterr().out
    assert stored(store, 'memory://bucket/out') == {}


def test_of_paths_alone_no_store_is_loaded(tmp_path):
    bag(tmp_path / 'in')
    code = (
        'import sys; from anonymizer_node.cli.main import main\n'
        'assert main(sys.argv[1:]) == 0\n'
        'assert not {"fsspec", "distributed", "dask"} & set(sys.modules)'
    )
    argv = ['bag', tmp_path / 'in', tmp_path / 'out', '--input-size', '128', '--threads', '1']
    done = subprocess.run([sys.executable, '-c', code, *argv], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# --- Whole or not


def fails(put):
    raise ConnectionError('the line is cut')


def test_an_upload_that_breaks_leaves_nothing_and_is_2(tmp_path, store, monkeypatch, capsys):
    bag(tmp_path / 'in')
    breaks_at(store, monkeypatch, 1, fails)
    assert run(tmp_path / 'in', 'memory://bucket/out') == 2
    assert 'the line is cut' in capsys.readouterr().err
    assert stored(store, 'memory://bucket/out') == {}


def test_after_an_upload_that_was_killed_the_next_run_is_whole(tmp_path, store, monkeypatch):
    bag(tmp_path / 'in')
    with monkeypatch.context() as patch:
        breaks_at(store, patch, 3, fails)
        patch.setattr(type(store), 'rm_file', lambda self, path: None)  # The dead tidy nothing up.
        assert run(tmp_path / 'in', 'memory://bucket/out') == 2
    left = stored(store, 'memory://bucket/out')
    assert set(left) == {'out.mcap', job.REGIONS_NAME, UPLOADING}
    assert run(tmp_path / 'in', 'memory://bucket/out') == 0
    assert run(tmp_path / 'in', tmp_path / 'out') == 0
    assert stored(store, 'memory://bucket/out') == contents(tmp_path / 'out')


def test_a_target_that_takes_nothing_is_2_before_any_work(tmp_path, store, monkeypatch, capsys):
    def refuse(self, path, value, **how):
        raise PermissionError('Access Denied')

    bag(tmp_path / 'in')
    monkeypatch.setattr(type(store), 'pipe_file', refuse)
    monkeypatch.setattr(job, 'load_teams', None)
    assert run(tmp_path / 'in', 'memory://bucket/out') == 2
    assert 'Access Denied' in capsys.readouterr().err


# --- Fetched


def test_what_is_not_whole_yet_is_no_source(tmp_path, store, capsys):
    upload(store, bag(tmp_path / 'before' / 'in'), 'memory://bucket/in')
    store.pipe_file(f'/bucket/in/{UPLOADING}', b'{}')
    assert 'is not whole' in refused(capsys, 'memory://bucket/in', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    store.pipe_file(f'/bucket/in/{job.REPORT_NAME}', b'{}')
    place = fetch(Remote('memory://bucket/in'), tmp_path)
    assert set(contents(place)) == {*contents(tmp_path / 'before' / 'in'), job.REPORT_NAME}


def test_several_are_fetched_once_each_and_gone_in_the_end(tmp_path, store, scratch):
    store.pipe_file('/bucket/a/run.mcap', b'a')
    store.pipe_file('/bucket/b/run.mcap', b'b')
    one, other = Remote('memory://bucket/a/run.mcap'), Remote('memory://bucket/b/run.mcap')
    with fetched(one, tmp_path, other, one) as paths:
        assert [path.read_bytes() for path in (paths[0], paths[2])] == [b'a', b'b']
        assert paths[1] == tmp_path
        assert paths[3] == paths[0]
        assert {path.name for path in (paths[0], paths[2])} == {'run.mcap'}
    with fetched(tmp_path) as paths:
        assert paths == [tmp_path]
        assert list(scratch.iterdir()) == []


def test_what_lies_elsewhere_is_verified_and_exported(tmp_path, store, capsys):
    upload(store, bag(tmp_path / 'in'), 'memory://bucket/in')
    assert run('memory://bucket/in', 'memory://bucket/out') == 0
    assert main(['verify', 'memory://bucket/in', 'memory://bucket/out']) == 0
    assert 'Every law holds.' in capsys.readouterr().out
    assert main(['verify', 'memory://bucket/in', 'memory://bucket/in']) == 2
    upload(store, write_bag(tmp_path / 'other', [Entry('/log', STRING, 'hi', 5)]), 'memory://b/x')
    assert main(['verify', 'memory://b/x', 'memory://bucket/out']) == 1
    assert main(['verify', 'memory://bucket/in', 'memory://bucket/gone']) == 2
    assert "'memory://bucket/gone' does not exist" in capsys.readouterr().err
    assert main(['export', 'memory://bucket/out', str(tmp_path / 'labels')]) == 0
    assert len(list((tmp_path / 'labels' / 'images').iterdir())) == 3


def test_a_source_that_comes_short_is_refused(tmp_path, store, monkeypatch):
    store.pipe_file('/bucket/run.mcap', b'0123456789')

    def get_file(self, there, here, **how):
        with open(here, 'wb') as file:
            file.write(b'01234')

    monkeypatch.setattr(type(store), 'get_file', get_file)
    with pytest.raises(StorageError, match='5 of 10 bytes'):
        fetch(Remote('memory://bucket/run.mcap'), tmp_path)


@pytest.mark.parametrize('told', [None, 'nothing'])
def test_a_size_that_a_listing_lacks_is_asked_for(tmp_path, store, monkeypatch, told):
    """As of web servers."""
    store.pipe_file('/bucket/in/run.mcap', b'0123456789')
    whole = type(store).find

    def find(self, path, **how):
        found = whole(self, path, **how)
        for about in found.values():
            about.update(size=None) if told is None else about.pop('size')
        return found

    monkeypatch.setattr(type(store), 'find', find)
    place = fetch(Remote('memory://bucket/in'), tmp_path)
    assert contents(place) == {'run.mcap': b'0123456789'}
    monkeypatch.setattr(type(store), 'info', lambda self, path, **how: {'size': None})
    with pytest.raises(StorageError, match='does not say how long it is'):
        fetch(Remote('memory://bucket/in'), tmp_path)


# --- What is refused


def refused(capsys, *argv):
    assert run(*argv) == 2
    return capsys.readouterr().err


def test_a_target_that_exists_is_left_alone(tmp_path, store, capsys):
    bag(tmp_path / 'in')
    assert run(tmp_path / 'in', 'memory://bucket/out') == 0
    before = stored(store, 'memory://bucket/out')
    assert 'not overwritten' in refused(capsys, tmp_path / 'in', 'memory://bucket/out')
    assert stored(store, 'memory://bucket/out') == before


def test_a_source_that_is_not_there_or_empty_is_2(tmp_path, store, capsys):
    assert 'does not exist' in refused(capsys, 'memory://bucket/gone', tmp_path / 'out')
    store.pipe_file('/bucket/in/photo.jpg', b'jpg')
    assert 'holds none' in refused(capsys, 'memory://bucket/in', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('target', ['memory://bucket/in', 'memory://bucket/in/a/out'])
def test_a_target_in_the_source_is_2(tmp_path, store, capsys, target):
    bag(tmp_path / 'in' / 'a')
    upload(store, tmp_path / 'in', 'memory://bucket/in')
    assert 'lies in it' in refused(capsys, 'memory://bucket/in', target)
    assert 'lies in it' in refused(capsys, 'memory://bucket/in/a', 'memory://bucket/in/a/out')


@pytest.mark.parametrize('url', ['nowhere://bucket/in', 's3x://b/in', 'memory://'])
def test_a_store_that_is_none_is_2(tmp_path, capsys, url):
    said = refused(capsys, url, tmp_path / 'out')
    assert repr(url) in said


def test_without_fsspec_it_is_2_and_said_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'fsspec.core', None)
    said = refused(capsys, 'memory://bucket/in', tmp_path / 'out')
    assert said.endswith('pip install fsspec.\n')


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, store):
    store.pipe_file('/evil', b'evil')
    store.store['/bucket/in/../../evil.mcap'] = store.store['/evil']
    (tmp_path / 'here').mkdir()
    with pytest.raises(InputError, match='no name of a file'):
        fetch(Remote('memory://bucket/in'), tmp_path / 'here')
    assert not (tmp_path / 'evil.mcap').exists()


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('runs/a', 'runs/a'),
        ('file:///runs/a', '/runs/a'),
        ('file://localhost/runs/a', '/runs/a'),
        ('file://localhosts/a', 'localhosts/a'),
        ('s3://b/runs/', 's3://b/runs'),
    ],
)
def test_what_is_a_path_and_what_is_not(text, told):
    assert str(location(text)) == told
    assert isinstance(location(text), Remote) == told.startswith('s3')


def test_what_a_place_lies_in():
    place = Remote('s3://bucket') / 'a' / 'b'
    assert [str(item) for item in place.parents] == ['s3://bucket/a', 's3://bucket']
    assert place.name == 'b'
