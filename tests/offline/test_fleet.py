"""Many bags at once: processes here, workers of a Dask cluster, and what is killed meanwhile."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from samples.bags import IMAGE, STRING, Entry, read_bag, write_bag
from samples.images import Stamp, image
from samples.runs import Surprising

from anonymizer_node import __version__
from anonymizer_node.cli.main import main
from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError, ModelError, StorageError
from anonymizer_node.offline import cluster as cluster_job
from anonymizer_node.offline import fleet
from anonymizer_node.offline.many import Task, tasks_of
from anonymizer_node.offline.output import Output
from anonymizer_node.offline.remote import UPLOADING, Remote
from anonymizer_node.offline.report import REGIONS_NAME, REPORT_NAME

NAMES = ('a', 'b', 'c', 'd')
FLAGS = ('--threads', '1', '--thoroughness', 'fast', '--input-size', '256', '--providers', 'cpu')
SETTINGS = Settings(threads=1, thoroughness='fast', input_size=256, providers=('cpu',))
WAIT_S = 120


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '300')


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """Four bags of somebody who moves, and what a plain run makes of them."""
    data = pytest.importorskip('skimage.data', reason='the picture comes with scikit-image')
    picture = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (192, 192))
    place = tmp_path_factory.mktemp('bags')
    for offset, name in enumerate(NAMES):
        entries = [Entry('/log', STRING, f'bag {name}', 3)]
        for index in range(80):
            pixels = np.roll(picture, (index + 20 * offset) % 60, axis=1)
            message = image(pixels, stamp=Stamp(index), encoding='bgr8')
            entries.append(Entry('/front', IMAGE, message, 10 + index * 100_000_000))
        write_bag(place / 'in' / name, entries)
    with pytest.MonkeyPatch.context() as patch:
        # What it detects is its own: nobody else takes it from there.
        patch.setenv('XDG_CACHE_HOME', str(place / 'cache'))
        assert run(place / 'in', place / 'plain') == 0
    for name in NAMES:
        text = (place / 'plain' / name / REGIONS_NAME).read_text()
        assert len(text.splitlines()) == 80
        assert text.count('"boxes": []') < 80, 'somebody is seen'
        assert read_bag(place / 'plain' / name)['/front'] != read_bag(place / 'in' / name)['/front']
    return place


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing that another test detected is used."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


def run(*argv):
    return main(['bag', *FLAGS, *(str(word) for word in argv)])


def contents(folder):
    """Every file, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def orders(source, target, **changed):
    made = fleet.orders_of(tasks_of([source], target), SETTINGS, Output())
    return [{**order, **changed} for order in made]


def until(condition, what):
    """Wait for something that has no event to wait for, in another process."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f'{what} did not happen'
        time.sleep(0.002)


def writing(pid, folder):
    """The bags of a folder that a process is in the middle of writing."""
    names = set()
    for link in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):
            path = os.readlink(f'/proc/{pid}/fd/{link}')
            if path.startswith(f'{folder}/.') and path.endswith('.mcap'):
                names.add(os.path.basename(os.path.dirname(path)))
    return names


def stopped_at_work(folder, living):
    """Stop one of some processes in the middle of a bag; which, and what bag."""
    done = []

    def stopped():
        for pid in living():
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # It has just ended.
                os.kill(pid, signal.SIGSTOP)
                until(lambda pid=pid: state(pid) in 'TZ', 'the stop')
                names = writing(pid, folder)
                if names:
                    done.extend([pid, *names])
                    return True
                os.kill(pid, signal.SIGCONT)
        return False

    until(stopped, 'a bag at work')
    pid, name = done
    assert not (folder / name).exists()
    return pid, name


def killed_at_work(folder, living):
    """Kill one of some processes in the middle of a bag; which, and what bag."""
    pid, name = stopped_at_work(folder, living)
    os.kill(pid, signal.SIGKILL)
    return pid, name


def children_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as file:
        return [int(child) for child in file.read().split()]


def is_told_to_end(pid):
    """Whether a stopped process will get a SIGTERM when it goes on."""
    with open(f'/proc/{pid}/status') as file:
        (pending,) = [int(line.split()[1], 16) for line in file if line.startswith('ShdPnd')]
    return bool(pending >> (signal.SIGTERM - 1) & 1)


def state(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()[0]


# --- On a cluster


@pytest.fixture(scope='module')
def dask():
    return pytest.importorskip(
        'distributed', reason='needs dask.distributed: pip install distributed fsspec'
    )


@pytest.fixture
def cluster(dask, tmp_path, own_cache):
    """Two workers, each a process with one thread."""
    with dask.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path / 'dask'),
    ) as made:
        yield made


def kill_one_at_work(dask, cluster, source, target):
    """Run on a cluster and kill a worker in the middle of a bag.

    Returns:
        The finished run: exit status, what it wrote to either stream; and the bag.
    """
    target.mkdir()
    command = [sys.executable, '-m', 'anonymizer_node.cli.main', 'bag', *FLAGS]
    command += [source, target, '--cluster', cluster.scheduler_address]
    with dask.Client(cluster, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            _, name = killed_at_work(target, lambda: pids)
            out, err = process.communicate(timeout=WAIT_S)
    return process.returncode, out, err, name


def test_a_worker_that_is_killed_changes_nothing(dask, cluster, bags, tmp_path):
    before = contents(bags / 'in')
    status, out, err, _ = kill_one_at_work(dask, cluster, bags / 'in', tmp_path / 'out')
    assert status == 0, err
    assert contents(tmp_path / 'out') == contents(bags / 'plain'), 'to the byte, and nothing else'
    assert contents(bags / 'in') == before
    assert '4 bags: 0 not clean, 0 failed.' in out
    rows = [line.split() for line in out.splitlines() if line.startswith(str(bags / 'in'))]
    assert [(row[0][-1], row[1], row[2]) for row in rows] == [(n, 'clean', '81') for n in NAMES]


def test_what_kills_more_workers_than_allowed_is_2_and_the_others_are_done(dask, bags, tmp_path):
    config = pytest.importorskip('dask').config
    with (
        config.set({'distributed.scheduler.allowed-failures': 0}),
        dask.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path / 'dask'),
        ) as cluster,
    ):
        status, out, err, name = kill_one_at_work(dask, cluster, bags / 'in', tmp_path / 'out')
    assert status == 2
    plain = contents(bags / 'plain')
    made = {name: data for name, data in contents(tmp_path / 'out').items() if name[0] != '.'}
    whole = {name.partition('/')[0] for name in made}
    # Dask counts a death against every bag that the worker held, at work on it or not.
    assert name not in whole
    assert whole
    assert made == {name: data for name, data in plain.items() if name.partition('/')[0] in whole}
    for name in set(NAMES) - whole:
        assert f'{bags / "in" / name}: KilledWorker: Attempted to run task' in err
    assert f'4 bags: 0 not clean, {4 - len(whole)} failed.' in out


def test_what_fails_on_a_worker_is_told_and_the_worst_status_is_the_exit_status(
    cluster, bags, tmp_path, capsys
):
    shutil.copytree(bags / 'in' / 'a', tmp_path / 'in' / 'a')
    (tmp_path / 'in' / 'no.mcap').write_bytes(b'no bag')
    unreadable = image(np.zeros((24, 32, 3), np.uint8))
    unreadable.encoding = 'yuv_of_ours'
    write_bag(tmp_path / 'in' / 'odd', [Entry('/front', IMAGE, unreadable, 1)])
    shutil.copytree(bags / 'in' / 'b', tmp_path / 'in' / 'taken')
    (tmp_path / 'out' / 'taken').mkdir(parents=True)
    (tmp_path / 'out' / 'taken' / 'mine').write_text('mine')
    told = tmp_path / 'told.json'
    address = cluster.scheduler_address
    assert run(tmp_path / 'in', tmp_path / 'out', '--cluster', address, '--json', told) == 2
    said = capsys.readouterr()
    assert 'no MCAP file' in said.err
    assert f"'{tmp_path / 'out' / 'taken'}' exists and is not overwritten" in said.err
    assert '/front: 1 frame, encoding:' in said.out
    assert '4 bags: 1 not clean, 2 failed.' in said.out
    entries = {os.path.basename(e['source']): e for e in json.loads(told.read_text())['bags']}
    assert [entries[name]['clean'] for name in ('a', 'no.mcap', 'odd', 'taken')] == [True] + [
        False
    ] * 3
    assert contents(tmp_path / 'out' / 'taken') == {'mine': b'mine'}
    assert contents(tmp_path / 'out' / 'a') == contents(bags / 'plain' / 'a')
    (tmp_path / 'in' / 'no.mcap').unlink()
    shutil.rmtree(tmp_path / 'in' / 'taken')
    assert run(tmp_path / 'in', tmp_path / 'again', '--cluster', address) == 1


def test_workers_fetch_and_put_what_lies_elsewhere(cluster, bags, tmp_path):
    pytest.importorskip('fsspec', reason='needs fsspec: pip install distributed fsspec')
    source, target = f'local://{bags / "in"}', f'local://{tmp_path / "out"}'
    assert run(source, target, '--cluster', cluster.scheduler_address) == 0
    assert contents(tmp_path / 'out') == contents(bags / 'plain')


def test_a_worker_of_another_version_is_refused(cluster, bags, tmp_path, capsys, dask):
    def pretend():
        import anonymizer_node

        anonymizer_node.__version__ = '0.0.9'

    with dask.Client(cluster, set_as_default=False) as client:
        client.run(pretend, workers=[next(iter(client.scheduler_info()['workers']))])
    assert run(bags / 'in', tmp_path / 'out', '--cluster', cluster.scheduler_address) == 2
    said = capsys.readouterr().err
    assert f'started with anonymizer_node {__version__}' in said
    assert 'has 0.0.9; install the same version' in said
    assert not (tmp_path / 'out').exists()


def test_a_scheduler_without_workers_is_2(dask, bags, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster_job, 'CONNECT_SECONDS', 2)
    with dask.LocalCluster(n_workers=0, dashboard_address=None) as empty:
        assert run(bags / 'in', tmp_path / 'out', '--cluster', empty.scheduler_address) == 2
    assert 'has no workers; start some with "dask worker tcp://' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('address', ['tcp://127.0.0.1:1', 'nonsense', 'pigeon://loft:1', '::'])
def test_an_address_where_nobody_answers_is_2(dask, bags, tmp_path, capsys, monkeypatch, address):
    monkeypatch.setattr(cluster_job, 'CONNECT_SECONDS', 2)
    assert run(bags / 'in', tmp_path / 'out', '--cluster', address) == 2
    said = capsys.readouterr().err
    assert f'No Dask scheduler answers at {address!r}' in said
    assert 'tcp://HOST:8786' in said
    assert not (tmp_path / 'out').exists()


def test_without_distributed_it_is_2_and_said_what_to_install(bags, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'distributed', None)
    assert run(bags / 'in', tmp_path / 'out', '--cluster', 'tcp://127.0.0.1:8786') == 2
    assert 'pip install distributed.' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_an_empty_folder_is_2_before_any_cluster_is_asked(tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    assert run(tmp_path / 'in', tmp_path / 'out', '--cluster', 'tcp://127.0.0.1:1') == 2
    assert 'holds none' in capsys.readouterr().err


# --- One bag's work, as a worker does it


def test_the_work_is_plain_data(bags, tmp_path):
    made = orders(bags / 'in', tmp_path / 'out')
    assert [os.path.basename(order['source']) for order in made] == list(NAMES)
    assert json.loads(json.dumps(made)) == made


def test_paths_mean_the_same_in_a_worker_s_folder(bags, tmp_path, monkeypatch):
    monkeypatch.chdir(bags)
    (order,) = fleet.orders_of([Task(fleet.Path('in/a'), fleet.Path('o'))], SETTINGS, Output())
    assert (order['source'], order['target']) == (str(bags / 'in' / 'a'), str(bags / 'o'))


def test_a_worker_refuses_work_of_another_version(bags, tmp_path):
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'out', version='0.0.9')
    with pytest.raises(InputError, match=rf'anonymizer_node 0\.0\.9, and .* has {__version__}'):
        fleet.carry_out(order)
    assert not (tmp_path / 'out').exists()


def test_a_worker_refuses_another_model(bags, tmp_path):
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'out', models=['f' * 64])
    with pytest.raises(ModelError, match=r'f{64} where the run was started'):
        fleet.carry_out(order)
    assert not (tmp_path / 'out').exists()


def test_work_that_another_try_finishes_meanwhile_is_done(bags, tmp_path, monkeypatch):
    whole = fleet.anonymize_task

    def twice(*args, **how):
        whole(*args, **how)
        return whole(*args, **how)

    monkeypatch.setattr(fleet, 'anonymize_task', twice)
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'a')
    assert fleet.carry_out(order).clean
    assert contents(tmp_path / 'a') == contents(bags / 'plain' / 'a')


def test_work_that_was_finished_and_not_heard_of_is_done(bags, tmp_path, monkeypatch):
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'out')
    first = fleet.carry_out(order)
    monkeypatch.setattr(fleet, 'load_teams', None)  # Nothing more is to be detected.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()}
    second = fleet.carry_out(order)
    assert second.as_dict() == first.as_dict()
    assert second.clean
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()} == before


@pytest.mark.parametrize(
    'change', [('settings', 'padding', 0.3), ('version', '0.0.9'), ('source', 'b'), ('models',)]
)
def test_a_target_that_this_work_did_not_make_is_not_taken_for_done(bags, tmp_path, change):
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'out')
    fleet.carry_out(order)
    report = tmp_path / 'out' / REPORT_NAME
    told = json.loads(report.read_text())
    if change[0] == 'models':
        told['models'][0]['sha256'] = 'f' * 64
    elif len(change) == 3:
        told[change[0]][change[1]] = change[2]
    else:
        told[change[0]] = change[1]
    report.write_text(json.dumps(told))
    before = contents(tmp_path / 'out')
    with pytest.raises(InputError, match='exists'):
        fleet.carry_out(order)
    assert contents(tmp_path / 'out') == before


def test_a_store_that_fails_is_tried_again_and_wrong_input_is_not(bags, tmp_path, monkeypatch):
    (order,) = orders(bags / 'in' / 'a', tmp_path / 'out')

    def fail(error):
        def failing(order):
            raise error

        monkeypatch.setattr(cluster_job, 'carry_out', failing)
        return cluster_job._on_worker(order)

    with pytest.raises(StorageError):
        fail(StorageError('no answer'))
    with pytest.raises(ConnectionError):
        fail(ConnectionError('no answer'))
    ended = fail(InputError('no bag'))
    assert (ended.status, ended.error) == (2, 'no bag')
    with pytest.raises(MemoryError):
        fail(MemoryError())
    ended = fail(KeyError('nobody'))
    assert (ended.status, ended.error) == (2, "KeyError: 'nobody'")


def test_what_is_written_over_is_a_broken_upload_only(bags, tmp_path):
    fsspec = pytest.importorskip('fsspec', reason='needs fsspec')
    store = fsspec.filesystem('memory')
    store.store.clear()
    (order,) = orders(bags / 'in' / 'a', Remote('memory://bucket/a'))
    store.pipe_file('/bucket/a/a.mcap', b'half')
    with pytest.raises(InputError, match='no run of this program'):
        fleet.carry_out(order)
    assert store.cat_file('/bucket/a/a.mcap') == b'half'
    store.pipe_file(f'/bucket/a/{UPLOADING}', b'{"files": ["a.mcap"]}')
    report = fleet.carry_out(order)
    found = {name[len('/bucket/a/') :]: store.cat_file(name) for name in store.find('/bucket/a')}
    assert found == contents(bags / 'plain' / 'a')
    assert fleet.carry_out(order).as_dict() == report.as_dict()
    store.store.clear()


# --- In processes here


def test_several_bags_at_a_time_are_what_one_after_the_other_makes(bags, tmp_path, capsys):
    assert run(bags / 'in', tmp_path / 'out', '--jobs', '2') == 0
    assert contents(tmp_path / 'out') == contents(bags / 'plain')
    assert '4 bags: 0 not clean, 0 failed.' in capsys.readouterr().out


def test_the_threads_are_shared_out_among_the_jobs(bags, tmp_path, monkeypatch):
    from anonymizer_node.cli import bag as command

    seen = []
    monkeypatch.setattr(command, 'in_processes', lambda orders, jobs: seen.extend(orders) or [])
    monkeypatch.setattr(command, 'show_bags', lambda *_: None)
    run(bags / 'in', tmp_path / 'out', '--threads', '9', '--jobs', '8')
    assert [order['threads'] for order in seen] == [2] * 4, 'there are four bags only'
    assert [order['settings']['threads'] for order in seen] == [9] * 4, 'and the report says so'


SURPRISES = {
    'memory': (Surprising(MemoryError), 'MemoryError'),
    'defect': (Surprising(KeyError, 'nobody'), "KeyError: 'nobody'"),
}


@pytest.mark.parametrize('name', SURPRISES)
def test_a_surprise_in_one_process_is_told_and_the_other_bags_are_done(bags, tmp_path, capfd, name):
    surprise, said = SURPRISES[name]
    made = orders(bags / 'in', tmp_path / 'out')
    made[1]['settings'] = surprise
    ended = {item.task.source.name: item for item in fleet.in_processes(made, 2)}
    assert {key: item.status for key, item in ended.items()} == {'a': 0, 'b': 2, 'c': 0, 'd': 0}
    assert ended['b'].error == said
    assert ended['b'].as_dict()['error'] == said
    assert contents(tmp_path / 'out' / 'c') == contents(bags / 'plain' / 'c')
    assert not (tmp_path / 'out' / 'b').exists()
    assert 'Traceback' in capfd.readouterr().err, 'it was tried once'


@pytest.mark.parametrize('kills', [1, 2])
def test_a_process_that_is_killed_is_tried_once_more(bags, tmp_path, kills):
    out = tmp_path / 'out'
    out.mkdir()
    killed = []

    def living():
        found = [child.pid for child in multiprocessing.active_children()]
        return [pid for pid in found if pid not in killed]

    def kill():
        for _ in range(kills):
            killed.append(killed_at_work(out, living)[0])

    killer = threading.Thread(target=kill)
    killer.start()
    (ended,) = fleet.in_processes(orders(bags / 'in' / 'a', out / 'a'), 1)
    killer.join()
    assert len(killed) == kills
    if kills == 1:
        assert ended.status == 0
        assert contents(out / 'a') == contents(bags / 'plain' / 'a')
    else:
        assert ended.status == 2
        assert 'ended twice by signal 9' in ended.error
        assert not (out / 'a').exists()


def test_a_run_that_is_told_to_end_leaves_nothing_half(bags, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    command = [sys.executable, '-m', 'anonymizer_node.cli.main', 'bag', *FLAGS, '--jobs', '2']
    with subprocess.Popen(
        [*command, bags / 'in', out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        pid, name = stopped_at_work(out, lambda: children_of(process.pid))
        process.terminate()
        until(lambda: is_told_to_end(pid), 'the end of the children')
        os.kill(pid, signal.SIGCONT)
        _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert 'interrupted; of 4 bags' in err
    assert 'Traceback' not in err
    plain = contents(bags / 'plain')
    made = contents(out)
    assert made.items() <= plain.items(), 'whole ones at most'
    assert not (out / name).exists()


def hanging(connection):
    """Of a process that doesn't end when it is told to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send('begun')
    time.sleep(600)


def test_a_process_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(fleet, 'MOST_ENDING_SECONDS', 0.1)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context('fork').Process(target=hanging, args=(theirs,))
    process.start()
    assert ours.recv() == 'begun'
    process.terminate()
    fleet._ended(process)
    assert process.exitcode == -signal.SIGKILL
