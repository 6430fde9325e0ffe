import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.modelling import checks, nanodet


@pytest.fixture(scope='module')
def published(tiny):
    return nanodet.published(tiny)


@pytest.fixture(scope='module')
def person(published):
    return nanodet.keep_class(published)


@pytest.fixture(scope='module')
def exact(person):
    return nanodet.take_bytes(nanodet.fold_normalisation(person))


def changed(model, pick, change):
    """A copy with one constant changed: the first that `pick` accepts."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for item in copy.graph.initializer:
        value = numpy_helper.to_array(item)
        if pick(value):
            item.CopyFrom(numpy_helper.from_array(change(value).astype(value.dtype), item.name))
            return copy
    raise AssertionError('no such constant')


def reference(published, path, **changes):
    x = np.random.default_rng(4).standard_normal((1, 3, 64, 96)).astype(np.float32)
    outputs = {f'y{index}': value for index, value in enumerate(checks.run(published, x))}
    np.savez(path, x=x, **{**outputs, **changes})
    return path


def test_a_reference_that_is_met(published, tmp_path):
    assert checks.check_reference(published, reference(published, tmp_path / 'r.npz')) < 1e-6


@pytest.mark.parametrize(('index', 'size'), [(0, 96), (5, 6)])
def test_a_reference_that_is_missed_names_the_output(published, tmp_path, index, size):
    wrong = {f'y{index}': np.zeros((1, size, 80 if index < 3 else 44), np.float32)}
    path = reference(published, tmp_path / 'r.npz', **wrong)
    with pytest.raises(ModelError, match=f'Output {index} is off TensorFlow'):
        checks.check_reference(published, path)


def test_a_file_that_is_no_reference_is_named(published, tmp_path):
    path = tmp_path / 'r.npz'
    np.savez(path, x=np.zeros(1))
    with pytest.raises(InputError, match='needs the arrays x and y0 to y5'):
        checks.check_reference(published, path)
    with pytest.raises(InputError, match='no reference'):
        checks.check_reference(published, tmp_path / 'nowhere.npz')


def test_folding_is_accepted(person, exact):
    assert checks.check_folding(person, exact) < 1e-4


def test_a_mean_folded_into_the_bias_is_caught_at_the_border(person, exact):
    """Right inside the picture and wrong along its edge: what folding usually gets wrong."""
    weights = next(
        numpy_helper.to_array(item) for item in exact.graph.initializer if item.dims[:2] == [8, 4]
    )
    shift = weights[:, 3].sum((1, 2)) * 255
    wrong = changed(exact, lambda value: value.shape == (8,), lambda value: value + shift)
    wrong = changed(
        wrong,
        lambda value: value.shape[:2] == (8, 4),
        lambda value: np.concatenate([value[:, :3], np.zeros_like(value[:, 3:])], axis=1),
    )
    picture = np.random.default_rng(5).integers(0, 256, (1, 96, 96, 3), np.uint8)
    inside = [
        (np.abs(one - other).reshape(12, 12, -1).max(2) > 1e-3)[1:, 1:].any()
        for one, other in zip(
            checks.run(exact, picture)[3:4], checks.run(wrong, picture)[3:4], strict=True
        )
    ]
    assert inside == [False]
    with pytest.raises(ModelError, match='Folding the normalisation changed an output'):
        checks.check_folding(person, wrong)


def test_a_model_that_is_not_quantised_does_not_pass_as_fused(exact):
    with pytest.raises(ModelError, match='Only 0 of 7 convolutions run on integers'):
        checks.check_fusion(exact)


PICTURES = [np.random.default_rng(6).integers(0, 256, (64, 96, 3), np.uint8)]


def test_a_model_agrees_with_itself(exact):
    agreement = checks.check_agreement(exact, exact, PICTURES)
    assert agreement.cells > 0
    assert (agreement.score_shift, agreement.overlap) == (0.0, pytest.approx(1.0))


def test_shifted_scores_are_no_agreement(exact):
    wrong = changed(exact, lambda value: value.shape == (1,), lambda value: value - 2)
    with pytest.raises(ModelError, match='scores shift by'):
        checks.check_agreement(exact, wrong, PICTURES)


def test_other_boxes_are_no_agreement(exact):
    wrong = changed(exact, lambda value: value.shape == (44,), lambda value: value[::-1] * 4)
    with pytest.raises(ModelError, match='boxes overlap by'):
        checks.check_agreement(exact, wrong, PICTURES)


def test_a_score_that_is_not_a_number_is_no_agreement(exact):
    wrong = changed(exact, lambda value: value.shape == (1,), lambda value: value * np.nan)
    with pytest.raises(ModelError, match='scores shift by nan'):
        checks.check_agreement(exact, wrong, PICTURES)


@pytest.mark.parametrize('pictures', [[], PICTURES])
def test_pictures_of_nobody_prove_nothing(exact, pictures):
    blind = exact
    for _ in range(3):
        blind = changed(
            blind, lambda value: value.shape == (1,) and value > -50, lambda value: value - 100
        )
    with pytest.raises(ModelError, match=f'none of the {len(pictures)} calibration pictures'):
        checks.check_agreement(blind, exact, pictures)
