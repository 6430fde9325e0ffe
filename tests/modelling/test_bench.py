import itertools

import numpy as np
import pytest
from samples.graphs import painted_nanodet

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError, ModelError
from anonymizer_node.modelling import bench
from anonymizer_node.modelling.bench import WARM_UP, Case, Timing, load_cases, measure, noise


@pytest.fixture
def models(tmp_path):
    """Two models, given as paths."""
    paths = [tmp_path / 'one.onnx', tmp_path / 'two.onnx']
    for path in paths:
        path.write_bytes(painted_nanodet())
    return [str(path) for path in paths]


class Stages:
    """A detector whose three parts take as long as told, by a clock that it turns."""

    def __init__(self, name, seconds, calls):
        self.name, self.seconds, self.calls = name, seconds, calls

    def detect(self, frame, score_threshold):
        return self.decode(self.infer(self.prepare(frame)), frame, score_threshold)

    def prepare(self, frame):
        self.calls.append(self.name)
        CLOCK.now += self.seconds[0]
        return {'x': frame}

    def infer(self, feeds):
        CLOCK.now += self.seconds[1]
        return [feeds['x']]

    def decode(self, answer, frame, score_threshold):
        assert (answer, score_threshold) == ([frame], 0.3)
        CLOCK.now += self.seconds[2]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


CLOCK = Clock()


def told(calls, **seconds):
    return {Case(name, 'cpu', 1, 128): Stages(name, each, calls) for name, each in seconds.items()}


def test_each_part_has_its_time_and_models_their_ratio():
    detectors = told([], one=(0.001, 0.002, 0.001), two=(0.001, 0.006, 0.003))
    one, two = measure(detectors, noise(64, 48), 3, 0.3, clock=CLOCK)
    np.testing.assert_allclose(one.stages_ms, [[1, 2, 1]] * 3)
    np.testing.assert_allclose(two.stages_ms, [[1, 6, 3]] * 3)
    assert one.ratio == 1.0
    assert two.ratio == pytest.approx(2.5)
    assert two.as_dict() == {
        'model': 'two',
        'provider': 'cpu',
        'threads': 1,
        'input_size': 128,
        'thoroughness': 'fast',
        'total_ms': {'median': pytest.approx(10), 'p95': pytest.approx(10)},
        'letterbox_ms': {'median': pytest.approx(1), 'p95': pytest.approx(1)},
        'inference_ms': {'median': pytest.approx(6), 'p95': pytest.approx(6)},
        'decode_ms': {'median': pytest.approx(3), 'p95': pytest.approx(3)},
        'times_first_model': pytest.approx(2.5),
    }


def test_all_take_turns_frame_by_frame():
    calls = []
    measure(told(calls, one=(0, 0, 1), two=(0, 0, 1), three=(0, 0, 1)), noise(8, 8), 5, 0.3,
            clock=CLOCK)  # fmt: skip
    rounds = [tuple(calls[start : start + 3]) for start in range(0, len(calls), 3)]
    assert len(rounds) == WARM_UP + 5
    assert all(sorted(each) == ['one', 'three', 'two'] for each in rounds)
    assert len(set(rounds)) > 1


def test_a_slow_machine_for_a_while_does_not_change_the_ratio():
    rows = np.array([[1.0, 1, 1], [100, 100, 100], [1, 1, 1]])
    taken = {Case(name, 'cpu', 1, 128): rows * factor for name, factor in (('a', 1), ('b', 3))}
    assert bench._ratio(Case('b', 'cpu', 1, 128), taken) == pytest.approx(3.0)


def test_without_the_first_model_there_is_no_ratio():
    taken = {case: np.ones((2, 3)) for case in (Case('a', 'cpu', 1, 128), Case('b', 'cpu', 1, 256))}
    assert bench._ratio(Case('b', 'cpu', 1, 256), taken) is None


def test_the_95th_percentile_is_of_whole_detections():
    stages = np.zeros((101, 3))
    stages[:, 1] = np.arange(101)
    figures = Timing(Case('a', 'cuda', 0, 128), stages).as_dict()
    assert figures['total_ms'] == {'median': 50, 'p95': 95}
    assert figures['threads'] is None


def test_every_combination_is_loaded_and_runs(models):
    loaded = load_cases(Settings(), models, ['cpu'], [1, 2], [128, 160])
    expected = {
        Case(model, 'cpu', count, size)
        for model, count, size in itertools.product(models, [1, 2], [128, 160])
    }
    assert set(loaded.detectors) == expected
    assert loaded.skipped == ()
    seen = []
    timings = measure(loaded.detectors, noise(64, 48), 2, 0.5, lambda *done: seen.append(done))
    assert [timing.case for timing in timings] == list(loaded.detectors)
    assert all(timing.stages_ms.shape == (2, 3) for timing in timings)
    assert all((timing.stages_ms > 0).all() for timing in timings)
    assert seen[-1] == (WARM_UP + 2, WARM_UP + 2)


def test_an_absent_provider_is_said_and_not_replaced(models, monkeypatch):
    monkeypatch.setattr(
        bench.onnxruntime, 'get_available_providers', lambda: ['CPUExecutionProvider']
    )
    loaded = load_cases(Settings(), models[:1], ['cuda', 'cpu'], [1], [128])
    assert [case.provider for case in loaded.detectors] == ['cpu']
    assert len(loaded.skipped) == 1
    assert loaded.skipped[0].startswith('cuda is not in this onnxruntime and was skipped')
    with pytest.raises(ModelError, match=r'Nothing is left to measure\. cuda is not'):
        load_cases(Settings(), models[:1], ['cuda'], [1], [128])


def test_a_provider_that_does_not_start_is_said_and_not_replaced(models, monkeypatch):
    real = bench.load_detectors

    def load(settings, notice):
        if settings.providers == ('cuda',):
            raise ModelError('no driver')
        return real(settings, notice)

    monkeypatch.setattr(bench, 'load_detectors', load)
    monkeypatch.setattr(
        bench.onnxruntime,
        'get_available_providers',
        lambda: ['CUDAExecutionProvider', 'CPUExecutionProvider'],
    )
    loaded = load_cases(Settings(), models[:1], ['cuda', 'cpu'], [1, 2], [128])
    assert [case.provider for case in loaded.detectors] == ['cpu', 'cpu']
    assert [line.split(': ')[-1] for line in loaded.skipped] == ['no driver']


def test_a_graph_of_fixed_size_is_measured_once_and_that_is_said(models, monkeypatch):
    real = bench.load_detectors

    def load(settings, notice):
        return real(settings.changed(input_size=160), notice)

    monkeypatch.setattr(bench, 'load_detectors', load)
    loaded = load_cases(Settings(), models[:1], ['cpu'], [1], [128, 160])
    assert [case.input_size for case in loaded.detectors] == [160]
    assert loaded.skipped == (f'{models[0]} takes 160 px and nothing else; 128 px was skipped.',)


def test_a_model_or_a_number_that_can_not_be_used_is_an_error(models):
    with pytest.raises(ModelError, match='unknown'):
        load_cases(Settings(), ['absent'], ['cpu'], [1], [128])
    with pytest.raises(ConfigError, match='multiple of 32'):
        load_cases(Settings(), models, ['cpu'], [1], [130])
    with pytest.raises(ConfigError, match='threads 0'):
        load_cases(Settings(), models, ['cpu'], [0], [128])
