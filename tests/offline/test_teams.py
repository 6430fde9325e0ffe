"""How many frames are judged at a time, and by what a file of detections is known."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples.bags import IMAGE, write_bag
from samples.detectors import FakeDetector

from anonymizer_node.core.config import Settings
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline import teams
from anonymizer_node.offline.code_digest import digest_of_code
from anonymizer_node.offline.teams import cache_folder, identity_of, load_teams


class Loaded(FakeDetector):
    family, family_reason = 'none', 'as told'

    def __init__(self, threads=1, provider='cpu', size=10, sha256='ab' * 32):
        super().__init__()
        self.threads = threads
        self.provider = provider
        self.model = SimpleNamespace(name='x', sha256=sha256, content=bytes(size))


@pytest.fixture
def load(monkeypatch):
    """Detectors as loaded, by the provider of each model."""

    def loading(*providers, size=10, cores=99):
        def loaded(settings, notice=None):
            return tuple(Loaded(settings.threads, provider, size) for provider in providers)

        def again(detectors):
            return tuple(
                Loaded(one.threads, one.provider, len(one.model.content)) for one in detectors
            )

        monkeypatch.setattr(teams, 'load_detectors', loaded)
        monkeypatch.setattr(teams, 'again', again)
        monkeypatch.setattr(teams, 'cores', lambda: cores)

    return loading


@pytest.mark.parametrize(
    ('threads', 'expected'), [(1, [1]), (2, [1, 1]), (3, [1] * 3), (8, [2] * 4), (9, [2] * 4)]
)
def test_the_threads_are_shared_out_among_sets(load, threads, expected):
    load('cpu')
    loaded = load_teams(Settings(threads=threads))
    assert [team[0].threads for team in loaded] == expected
    assert len({id(team[0]) for team in loaded}) == len(expected), 'each has its own'


@pytest.mark.parametrize(
    ('threads', 'cores', 'expected'),
    [(1, 1, [1]), (2, 2, [1] * 3), (2, 1, [1] * 3), (2, 3, [1] * 2), (8, 8, [2] * 5)],
)
def test_where_all_cores_are_asked_for_one_set_more_keeps_them_busy(load, threads, cores, expected):
    load('cpu', cores=cores)
    assert [team[0].threads for team in load_teams(Settings(threads=threads))] == expected


def test_the_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: {1, 3}, raising=False)
    assert teams.cores() == 2
    monkeypatch.delattr(os, 'sched_getaffinity')
    assert teams.cores() == os.cpu_count()


def test_what_is_no_cpu_is_given_one_frame_at_a_time(load):
    load('cuda')
    assert len(load_teams(Settings(threads=4))) == 1
    load('cuda', 'cpu')
    ((_, second),) = load_teams(Settings(threads=4))
    assert second.threads == 4, 'the one on the CPU gets all of it'


def test_large_models_are_not_held_several_times(load, monkeypatch):
    load('cpu', size=100)
    monkeypatch.setattr(teams, 'MOST_MODEL_BYTES', 399)
    ((detector,),) = load_teams(Settings(threads=4))
    assert detector.threads == 4
    monkeypatch.setattr(teams, 'MOST_MODEL_BYTES', 400)
    monkeypatch.setattr(teams, 'cores', lambda: 4)
    assert len(load_teams(Settings(threads=4))) == 4, 'and none more than fit'


def test_the_shipped_model_is_loaded_twice_for_two_threads(monkeypatch):
    monkeypatch.setattr(teams, 'cores', lambda: 4)
    loaded = load_teams(Settings(thoroughness='fast', input_size=128, providers=('cpu',)))
    assert len(loaded) == 2
    assert loaded[0][0] is not loaded[1][0]


def test_sets_of_one_thread_are_loaded_once_and_others_each_for_itself(load, monkeypatch):
    load('cpu')
    calls = []
    real = teams.load_detectors
    monkeypatch.setattr(
        teams, 'load_detectors', lambda *args: calls.append(args[0].threads) or real(*args)
    )
    assert len(load_teams(Settings(threads=3))) == 3
    assert calls == [1]
    assert len(load_teams(Settings(threads=8))) == 4
    assert calls == [1, 2, 2, 2, 2]


@pytest.fixture
def reader(tmp_path):
    with BagReader(write_bag(tmp_path / 'in', [])) as opened:
        yield opened


def identity(reader, detector=None, wanted=(), **settings):
    return identity_of(reader, wanted, Pipeline(Settings(**settings), [detector or Loaded()]))


def test_what_bears_on_the_detections_is_in_the_identity_and_nothing_else(reader):
    plain = identity(reader)
    assert plain['code'] == digest_of_code() != ''
    for changed in (
        {'score_threshold': 0.3},
        {'thoroughness': 'fast'},
        {'model': ('x score_threshold=0.3',)},
        {'detector': Loaded(sha256='cd' * 32)},
        {'detector': Loaded(provider='cuda')},
    ):
        assert identity(reader, **changed) != plain, changed
    for unchanged in (
        {'padding': 0.3},
        {'method': 'blur'},
        {'strength': 0.9},
        {'hold_seconds': 3.0},
        {'least_sightings': 3},
        {'on_failure': 'blackout'},
        {'threads': 1},
        {'model': ('x padding=0.3',)},
    ):
        assert identity(reader, **unchanged) == plain, unchanged


def test_other_topics_of_a_bag_are_another_bag(tmp_path):
    with BagReader(write_bag(tmp_path / 'in', [])) as reader:
        reader.topics = (SimpleNamespace(name='/a', msgtype=IMAGE, count=3),)
        first = identity(reader, wanted=[('/a', IMAGE)])
        assert identity(reader, wanted=[]) != first
        reader.topics[0].count = 4
        assert identity(reader, wanted=[('/a', IMAGE)]) != first


def judged(reader, detector=None):
    reader.topics = (SimpleNamespace(name='/a', msgtype=IMAGE, count=3),)
    return identity(reader, detector, [('/a', IMAGE)])


def test_files_lie_in_the_named_folder_or_in_the_user_s_cache(reader, tmp_path, monkeypatch):
    named = Settings(detection_cache=str(tmp_path / 'named'))
    assert cache_folder(named, judged(reader)) == tmp_path / 'named'
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    default = tmp_path / 'xdg' / 'anonymizer_node' / 'detections'
    assert cache_folder(Settings(), judged(reader)) == default
    assert cache_folder(named, judged(reader, Loaded(sha256=''))) is None
    assert cache_folder(named, identity(reader)) is None, 'nothing is judged'


def test_a_user_without_a_cache_keeps_nothing(reader, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert cache_folder(Settings(), judged(reader)) is None

    def homeless(self):
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setattr(Path, 'expanduser', homeless)
    assert cache_folder(Settings(), judged(reader)) is None
