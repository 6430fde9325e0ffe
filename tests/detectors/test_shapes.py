import numpy as np
import pytest
from samples.exports import export
from samples.graphs import TensorProto, helper, numpy_helper, onnx

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.shapes import with_shape


def shape_of(value):
    return [
        dim.dim_value if dim.WhichOneof('value') == 'dim_value' else None
        for dim in value.type.tensor_type.shape.dim
    ]


def test_an_input_gets_another_shape_and_the_outputs_free_ones():
    content = export('centerface', batch=10)
    model = onnx.load_from_string(with_shape(content, 'image', (1, 3, None, None)))
    assert shape_of(model.graph.input[0]) == [1, 3, None, None]
    assert [shape_of(output) for output in model.graph.output] == [[None] * 4] * 4
    onnx.checker.check_model(model)


def test_all_else_stays():
    weights = numpy_helper.from_array(np.arange(300, dtype=np.float32).reshape(1, 300), 'w')
    inputs = [
        helper.make_tensor_value_info('w', TensorProto.FLOAT, [1, 300]),  # As before IR version 4.
        helper.make_tensor_value_info('x', TensorProto.FLOAT, [200, 300]),
    ]
    output = helper.make_tensor_value_info('y', TensorProto.FLOAT, [200, 300])
    between = helper.make_tensor_value_info('m', TensorProto.FLOAT, [200, 300])
    nodes = [helper.make_node('Add', ['x', 'w'], ['m']), helper.make_node('Relu', ['m'], ['y'])]
    graph = helper.make_graph(nodes, 'g', inputs, [output], [weights], value_info=[between])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)])
    helper.set_model_props(model, {'names': "{0: 'a'}"})
    changed = onnx.load_from_string(with_shape(model.SerializeToString(), 'x', (1000, None)))
    assert shape_of(changed.graph.input[0]) == [1, 300]
    assert shape_of(changed.graph.input[1]) == [1000, None]
    assert not changed.graph.value_info
    for message in (model, changed):
        del message.graph.value_info[:]
        for value in (*message.graph.input, *message.graph.output):
            value.type.tensor_type.ClearField('shape')
    assert changed == model


@pytest.mark.parametrize('content', [b'\x3a', b'\x3a\xff', b'\x3a\x05\x01', b'\x0b', b'\xff' * 4])
def test_what_is_no_onnx_is_refused(content):
    with pytest.raises(ModelError, match='freed'):
        with_shape(content, 'x', (1,))
