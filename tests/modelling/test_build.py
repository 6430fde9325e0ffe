from contextlib import nullcontext

import numpy as np
import onnxruntime
import pytest

from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.detectors.registry import load_registry, resolve
from anonymizer_node.modelling import build as recipes
from anonymizer_node.modelling import checks
from anonymizer_node.modelling.build import FP32, INT8, Recipe, build


@pytest.fixture
def unpinned(package, monkeypatch):
    """Builds from the tiny package."""
    monkeypatch.setattr(recipes, 'opened', lambda place: nullcontext(package))
    # Weights drawn at random don't make a detector whose boxes survive quantisation as well.
    monkeypatch.setattr(checks, 'LEAST_OVERLAP', 0.5)


@pytest.mark.usefixtures('unpinned')
def test_both_models_are_built_with_the_same_contract(tmp_path, photographs):
    lines = []
    built = build(Recipe(tmp_path / 'out', calibrate=photographs, fp32=True), lines.append)
    assert [model.name for model in built] == [INT8, FP32]
    assert any('7 of 7 convolutions' in line for line in lines)
    registry = load_registry(tmp_path / 'out/models.yaml')
    assert registry[INT8].about['built']['calibration']['pictures'] == 4
    contracts = []
    for model in built:
        content = resolve(model.name, registry).content
        session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
        metadata = session.get_modelmeta().custom_metadata_map
        assert metadata.pop('name') == model.name
        contracts.append(
            (
                metadata,
                [(i.name, i.type, i.shape) for i in session.get_inputs()],
                [(o.name, o.type, o.shape) for o in session.get_outputs()],
            )
        )
    assert contracts[0] == contracts[1]


@pytest.mark.usefixtures('unpinned')
def test_a_second_build_gives_the_same_bytes(tmp_path, photographs):
    first, second = (
        build(Recipe(tmp_path / name, calibrate=photographs, fp32=True)) for name in 'ab'
    )
    assert [model.sha256 for model in first] == [model.sha256 for model in second]


def test_nothing_to_build_is_an_error(tmp_path):
    with pytest.raises(InputError, match='give --calibrate FOLDER'):
        build(Recipe(tmp_path))


@pytest.mark.usefixtures('unpinned')
@pytest.mark.parametrize('failing', ['check_folding', 'check_fusion', 'check_agreement'])
def test_a_check_that_fails_leaves_nothing_behind(tmp_path, photographs, monkeypatch, failing):
    def fail(*_):
        raise ModelError('no')

    monkeypatch.setattr(checks, failing, fail)
    with pytest.raises(ModelError, match='no'):
        build(Recipe(tmp_path / 'out', calibrate=photographs, fp32=True))
    assert not (tmp_path / 'out').exists()


@pytest.mark.usefixtures('unpinned')
def test_a_reference_that_is_missed_leaves_nothing_behind(tmp_path):
    arrays = {f'y{index}': np.zeros(1) for index in range(6)}
    np.savez(tmp_path / 'r.npz', x=np.zeros((1, 3, 64, 96), np.float32), **arrays)
    with pytest.raises(ModelError, match='off TensorFlow'):
        build(Recipe(tmp_path / 'out', fp32=True, reference=tmp_path / 'r.npz'))
    assert not (tmp_path / 'out').exists()


@pytest.mark.usefixtures('unpinned')
def test_models_that_are_there_stay_unless_forced(tmp_path):
    recipe = Recipe(tmp_path, fp32=True)
    build(recipe)
    before = (tmp_path / f'{FP32}.onnx').stat().st_mtime_ns
    with pytest.raises(InputError, match='--force'):
        build(recipe)
    assert (tmp_path / f'{FP32}.onnx').stat().st_mtime_ns == before
    build(Recipe(tmp_path, fp32=True, force=True))
