import numpy as np
import pytest
from onnx import helper

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling import nanodet
from anonymizer_node.modelling.checks import run

METADATA = {'name': 'tiny', 'family': 'nanodet', 'classes': 'person'}


def noise(height=64, width=96):
    return np.random.default_rng(2).integers(0, 256, (1, height, width, 3), np.uint8)


def normalised(picture):
    x = (picture - np.array(nanodet.MEAN_BGR)) / np.array(nanodet.STD_BGR)
    return x.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.mark.parametrize('index', [0, 79])
def test_the_class_that_is_kept_scores_as_before_and_the_sides_stay(tiny, index):
    published = nanodet.published(tiny)
    x = normalised(noise())
    everything = run(published, x)
    kept = run(nanodet.keep_class(published, index), x)
    for before, after in zip(everything[:3], kept[:3], strict=True):
        np.testing.assert_allclose(after, before[:, :, index : index + 1], atol=1e-6)
    for before, after in zip(everything[3:], kept[3:], strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)


def test_each_head_becomes_two_convolutions(tiny):
    kinds = [node.op_type for node in nanodet.keep_class(nanodet.published(tiny)).graph.node]
    assert (kinds.count('Conv'), kinds.count('Split')) == (7, 0)


def test_a_head_of_another_shape_is_refused(tiny):
    model = nanodet.published(tiny)
    for node in model.graph.node:
        if node.op_type == 'Conv':
            node.op_type = 'ConvTranspose'
    with pytest.raises(ModelError, match='does not split a convolution'):
        nanodet.keep_class(model)


@pytest.mark.parametrize('size', [(32, 32), (64, 96), (96, 32)])
def test_folding_changes_nothing_at_the_border_either(tiny, size):
    person = nanodet.keep_class(nanodet.published(tiny))
    folded = nanodet.take_bytes(nanodet.fold_normalisation(person))
    picture = noise(*size)
    for expected, found in zip(run(person, normalised(picture)), run(folded, picture), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_planes_are_what_the_bytes_become(tiny):
    folded = nanodet.fold_normalisation(nanodet.keep_class(nanodet.published(tiny)))
    picture = noise()
    planes = nanodet.planes(picture[0])
    assert (planes.shape, planes.dtype) == ((1, 4, 64, 96), np.float32)
    for expected, found in zip(
        run(folded, planes), run(nanodet.take_bytes(folded), picture), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_an_input_quantised_in_another_way_is_refused(tiny):
    model = nanodet.fold_normalisation(nanodet.keep_class(nanodet.published(tiny)))
    first = next(node for node in model.graph.node if 'planes' in node.input)
    first.input[0] = 'dequantised'
    quantisation = ['scale', 'zero']
    model.graph.node.insert(0, helper.make_node('QuantizeLinear', ['planes', *quantisation], ['q']))
    model.graph.node.insert(
        1, helper.make_node('DequantizeLinear', ['q', *quantisation], ['dequantised'])
    )
    model.graph.initializer.append(helper.make_tensor('scale', 1, [], [0.5]))
    model.graph.initializer.append(helper.make_tensor('zero', 2, [], [3]))
    with pytest.raises(ModelError, match=r'scale 0\.5 and zero point 3, not 1 and 0'):
        nanodet.take_bytes(model)


def test_a_finished_model_says_what_it_is_and_nothing_that_varies(tiny):
    folded = nanodet.fold_normalisation(nanodet.keep_class(nanodet.published(tiny)))
    folded.doc_string = folded.graph.node[0].doc_string = 'made on a Monday'
    model = nanodet.describe(nanodet.take_bytes(folded), METADATA)
    assert {item.key: item.value for item in model.metadata_props} == METADATA
    assert b'Monday' not in model.SerializeToString()
    assert [item.name for item in model.graph.output] == [*nanodet.SCORES, *nanodet.BOXES]
    assert [
        [dim.dim_value or dim.dim_param for dim in item.type.tensor_type.shape.dim]
        for item in model.graph.output
    ] == [[1, f'cells_{s}', last] for last in (1, 44) for s in (8, 16, 32)]
