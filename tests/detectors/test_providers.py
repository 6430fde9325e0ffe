"""Execution providers, without a GPU: options, order, what is checked, and what is said."""

import os

import onnxruntime
import pytest
from samples.exports import export
from samples.graphs import model_file, painted_nanodet

from anonymizer_node.core.config import PROVIDERS, Settings
from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors import providers
from anonymizer_node.detectors.family import Size
from anonymizer_node.detectors.inputs import GraphInput
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.providers import PROVIDER_NAMES

TENSORRT, CUDA, CPU = PROVIDER_NAMES.values()
SHA256 = '0123456789abcdef' * 4
REAL = onnxruntime.InferenceSession


def test_the_settings_and_onnxruntime_s_names_are_the_same_list():
    assert tuple(PROVIDER_NAMES) == PROVIDERS


# --- Order


@pytest.mark.parametrize(
    ('asked', 'available', 'expected'),
    [
        (('tensorrt', 'cuda', 'cpu'), (TENSORRT, CUDA, CPU), ['tensorrt', 'cuda', 'cpu']),
        (('cpu', 'cuda'), (TENSORRT, CUDA, CPU), ['cpu', 'cuda']),
        (('tensorrt', 'cuda', 'cpu'), (CPU,), ['cpu']),
        (('tensorrt', 'cpu'), (CUDA, CPU), ['cpu']),
        (('tensorrt',), (TENSORRT, CPU), ['tensorrt']),
    ],
)
def test_the_order_is_the_one_asked_for(asked, available, expected):
    assert providers.chosen(asked, available) == expected


def test_a_provider_that_is_required_and_absent_is_refused_with_a_remedy():
    with pytest.raises(ModelError) as raised:
        providers.chosen(['tensorrt'], [CUDA, CPU])
    said = str(raised.value)
    assert 'tensorrt' in said
    assert CUDA in said
    assert 'JetPack' in said
    assert 'Add "cpu"' in said


# --- Options

FREE = GraphInput('image', 'tensor(uint8)', True, None, 1)
FREE_FIRST = GraphInput('images', 'tensor(float)', False, None, None, 'orig_target_sizes')
FIXED = GraphInput('images', 'tensor(float)', False, Size(640, 480), 1)


def plan(
    takes=FREE, content=b'', cache='/engines', input_size=512, version='100300', largest_size=0
):
    sizes = (input_size, max(input_size, largest_size))
    return providers.tensorrt_plan(content, SHA256, version, takes, sizes, cache)


def test_the_cpu_takes_no_options_and_cuda_searches_quickly():
    assert providers.with_options(['cpu'], None) == [(CPU, {})]
    ((name, options),) = providers.with_options(['cuda'], None)
    assert name == CUDA
    assert options['cudnn_conv_algo_search'] == 'HEURISTIC'


def test_tensorrt_keeps_its_engine_and_knows_the_shapes_beforehand():
    given = providers.with_options(['tensorrt', 'cuda', 'cpu'], plan())
    assert [name for name, _ in given] == [TENSORRT, CUDA, CPU]
    options = given[0][1]
    assert options['trt_fp16_enable'] == 'True'
    assert options['trt_int8_enable'] == 'False'
    assert options['trt_engine_cache_enable'] == 'True'
    assert options['trt_engine_cache_path'] == str(plan().folder)
    assert options['trt_profile_min_shapes'] == 'image:1x32x32x3'
    assert options['trt_profile_opt_shapes'] == 'image:1x384x512x3'
    assert options['trt_profile_max_shapes'] == 'image:1x512x512x3'
    assert all(isinstance(value, str) for value in options.values())


def test_int8_is_allowed_where_the_graph_has_its_scales():
    content = b'...\x0eQuantizeLinear...'
    assert (
        providers.with_options(['tensorrt'], plan(content=content))[0][1]['trt_int8_enable']
        == 'True'
    )
    assert 'int8' in plan(content=content).folder.name
    assert 'fp16' in plan(content=b'DequantizeLinearX'[:5]).folder.name


def test_every_free_input_has_a_shape_and_fixed_ones_need_none():
    options = providers.with_options(['tensorrt'], plan(FREE_FIRST))[0][1]
    assert options['trt_profile_max_shapes'] == 'images:1x3x512x512,orig_target_sizes:1x2'
    options = providers.with_options(['tensorrt'], plan(FIXED))[0][1]
    assert not any(name.startswith('trt_profile') for name in options)


def test_another_model_version_precision_or_size_is_another_engine(monkeypatch, tmp_path):
    folders = {
        plan().folder,
        plan(version='80602').folder,
        plan(content=b'QuantizeLinear').folder,
        plan(input_size=640).folder,
        plan(cache='/elsewhere').folder,
        providers.tensorrt_plan(b'', 'f' * 64, '100300', FREE, (512, 512), '/engines').folder,
    }
    assert len(folders) == 6
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert plan(cache='').folder.parent == tmp_path / 'anonymizer_node' / 'engines'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert plan(cache='').folder.parent == tmp_path / '.cache' / 'anonymizer_node' / 'engines'


def test_the_version_of_an_absent_library_is_unknown(monkeypatch):
    monkeypatch.setattr(providers, '_NVINFER', ('libnvinfer.so.of.this.test',))
    assert providers.tensorrt_version('unknown') == 'unknown'


# --- What is in force


def test_what_is_in_force_is_compared_with_what_was_asked():
    assert providers.in_force([CUDA, CPU], ['tensorrt', 'cuda']) == 'cuda'
    with pytest.raises(ModelError, match='runs on CPUExecutionProvider') as raised:
        providers.in_force([CPU], ['tensorrt'])
    assert 'JetPack' in str(raised.value)


class Machine:
    """onnxruntime of a machine with a GPU, as far as sessions show it; each runs on the CPU.

    Attributes:
        asked: (providers, options) of every session but those that only read a file.
        starts: Providers that start, in ways: 'raise' or 'drop' for those that don't.
    """

    def __init__(self, **starts):
        self.starts = {PROVIDER_NAMES[key]: how for key, how in starts.items()}
        self.asked = []

    def install(self, monkeypatch):
        monkeypatch.setattr(
            onnxruntime, 'get_available_providers', lambda: list(PROVIDER_NAMES.values())
        )
        monkeypatch.setattr(onnxruntime, 'InferenceSession', self.open)
        return self

    def open(self, content, options, providers=(), **kwargs):
        session = REAL(content, options, providers=[CPU])
        if providers == [CPU]:
            return session
        assert kwargs == {'enable_fallback': 0}
        self.asked.append(providers)
        names = [name for name, _ in providers]
        if self.starts.get(names[0]) == 'raise':
            raise RuntimeError(f'{names[0]}: no device')
        actual = [name for name in names if self.starts.get(name) != 'drop']
        session.get_providers = lambda: [*actual, CPU]
        return session


def load(tmp_path, *keys, content=None, said=None):
    return OnnxDetector(
        model_file(content or painted_nanodet()),
        keys,
        1,
        128,
        engine_cache=str(tmp_path),
        notice=said,
    )


def test_the_first_that_starts_is_in_force(monkeypatch, tmp_path):
    machine = Machine().install(monkeypatch)
    said = []
    assert load(tmp_path, 'tensorrt', 'cuda', 'cpu', said=said.append).provider == 'tensorrt'
    assert [name for name, _ in machine.asked[0]] == [TENSORRT, CUDA, CPU]
    assert load(tmp_path, 'cuda', 'cpu').provider == 'cuda'
    assert load(tmp_path, 'cpu').provider == 'cpu'


def test_before_the_first_engine_it_is_said_that_it_takes_minutes(monkeypatch, tmp_path):
    machine = Machine().install(monkeypatch)
    said = []
    load(tmp_path, 'tensorrt', 'cpu', said=said.append)
    assert len(said) == 1
    assert 'minutes' in said[0]
    assert '/models/tiny.onnx' in said[0]
    (folder,) = tmp_path.iterdir()
    assert str(folder) in said[0]
    assert folder.stat().st_mode & 0o077 == 0
    assert machine.asked[0][0][1]['trt_engine_cache_path'] == str(folder)
    (folder / 'TensorrtExecutionProvider_1_sm87.engine').write_bytes(b'')
    load(tmp_path, 'tensorrt', 'cpu', said=said.append)
    assert len(said) == 1


@pytest.mark.parametrize('how', ['raise', 'drop'])
def test_one_that_does_not_start_is_passed_over_and_that_is_said(monkeypatch, tmp_path, how):
    Machine(cuda=how).install(monkeypatch)
    said = []
    assert load(tmp_path, 'cuda', 'cpu', said=said.append).provider == 'cpu'
    assert len(said) == 1
    assert 'cuda did not start' in said[0]


@pytest.mark.parametrize('how', ['raise', 'drop'])
def test_one_that_is_required_and_does_not_start_is_refused(monkeypatch, tmp_path, how):
    Machine(tensorrt=how).install(monkeypatch)
    with pytest.raises(ModelError, match=r'no device|runs on CPUExecutionProvider'):
        load(tmp_path, 'tensorrt')


def test_cuda_goes_on_where_tensorrt_does_not_start(monkeypatch, tmp_path):
    machine = Machine(tensorrt='raise').install(monkeypatch)
    assert load(tmp_path, 'tensorrt', 'cuda', 'cpu').provider == 'cuda'
    assert [[name for name, _ in asked] for asked in machine.asked] == [
        [TENSORRT, CUDA, CPU],
        [CUDA, CPU],
    ]


def test_a_cache_that_can_not_be_made_is_refused(monkeypatch, tmp_path):
    Machine().install(monkeypatch)
    (tmp_path / 'file').write_text('')
    with pytest.raises(ModelError, match='engine_cache'):
        load(tmp_path / 'file', 'tensorrt', 'cpu')


@pytest.mark.parametrize('how', ['group', 'all', 'owner', 'link'])
def test_engines_that_others_could_have_made_are_refused(monkeypatch, tmp_path, how):
    machine = Machine().install(monkeypatch)
    load(tmp_path / 'engines', 'tensorrt', 'cpu', said=len)
    (folder,) = (tmp_path / 'engines').iterdir()
    (folder / 'TensorrtExecutionProvider_1_sm87.engine').write_bytes(b'')
    if how == 'owner':
        monkeypatch.setattr(os, 'geteuid', lambda: folder.stat().st_uid + 1)
    elif how == 'link':
        folder.rename(tmp_path / 'elsewhere')
        folder.symlink_to(tmp_path / 'elsewhere')
    else:
        folder.chmod({'group': 0o770, 'all': 0o707}[how])
    machine.asked.clear()
    with pytest.raises(ModelError, match=r"not this user's alone.*engine_cache"):
        load(tmp_path / 'engines', 'tensorrt', 'cpu')
    assert machine.asked == []


def test_absent_providers_are_passed_over():
    absent = [
        key
        for key, name in PROVIDER_NAMES.items()
        if name not in onnxruntime.get_available_providers()
    ]
    if not absent:
        pytest.skip('this onnxruntime has every provider')
    one = OnnxDetector(model_file(painted_nanodet()), [*absent, 'cpu'], 1, 128)
    assert one.provider == 'cpu'
    with pytest.raises(ModelError) as raised:
        OnnxDetector(model_file(painted_nanodet()), absent, 1, 128)
    assert 'Add "cpu"' in str(raised.value)
    assert absent[0] in str(raised.value)


def test_the_settings_reach_the_session(monkeypatch, tmp_path):
    machine = Machine().install(monkeypatch)
    path = tmp_path / 'own.onnx'
    path.write_bytes(export('yolov8'))
    cache = tmp_path / 'engines'
    settings = Settings(
        model=str(path),
        providers=('tensorrt', 'cpu'),
        input_size=128,
        family='yolov8',
        engine_cache=str(cache),
    )
    said = []
    detector = load_detectors(settings, said.append)[0]
    assert 'the setting "family"' in detector.family_reason
    assert [name for name, _ in machine.asked[0]] == [TENSORRT, CPU]
    assert str(cache) in said[0]
