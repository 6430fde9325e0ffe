import numpy as np
import pytest
from onnx import numpy_helper

from anonymizer_node.modelling import nanodet
from anonymizer_node.modelling.checks import run
from anonymizer_node.modelling.quantize import fused_convolutions, quantize


@pytest.fixture(scope='module')
def folded(tiny):
    return nanodet.fold_normalisation(nanodet.keep_class(nanodet.published(tiny)))


@pytest.fixture(scope='module')
def inputs():
    rng = np.random.default_rng(3)
    sizes = [(32, 64), (64, 64), (64, 32)]
    return [nanodet.planes(rng.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


@pytest.fixture(scope='module')
def quantised(folded, inputs):
    return quantize(folded, inputs)


def test_outputs_stay_close_and_every_convolution_fuses(folded, inputs, quantised):
    for expected, found in zip(run(folded, inputs[0]), run(quantised, inputs[0]), strict=True):
        assert np.abs(found - expected).mean() < 0.05 * np.ptp(expected)
    assert fused_convolutions(quantised) == (7, 7)


def test_quantisation_of_the_bytes_is_the_identity_so_that_it_can_go(inputs, quantised):
    model = nanodet.take_bytes(quantised)
    picture = inputs[0][0, :3].transpose(1, 2, 0)[None].astype(np.uint8)
    for expected, found in zip(run(quantised, inputs[0]), run(model, picture), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_leave_a_bit_so_that_16_bit_sums_do_not_saturate(quantised):
    arrays = [numpy_helper.to_array(item) for item in quantised.graph.initializer]
    weights = [array for array in arrays if array.dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 7
    assert max(np.abs(array.astype(int)).max() for array in weights) <= 64


def test_the_same_inputs_give_the_same_bytes(folded, inputs, quantised):
    again = quantize(folded, inputs)
    assert again.SerializeToString(deterministic=True) == quantised.SerializeToString(
        deterministic=True
    )
