import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from anonymizer_node.modelling.tail import layers_of, left_in_float, name_nodes, nodes_of


def graph(nodes, **weights):
    """A model of nodes (operation, inputs, output, attributes); weights by name, as shapes."""
    made = [
        helper.make_node(kind, inputs, [output], **attributes)
        for kind, inputs, output, attributes in ((*node, {})[:4] for node in nodes)
    ]
    constants = [
        numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in 'xy']
    model = helper.make_model(helper.make_graph(made, 'tiny', ends[:1], ends[1:], constants))
    name_nodes(model)
    return model


def floats(model):
    """The outputs of the nodes left in float."""
    by_name = {node.name: node.output[0] for node in model.graph.node}
    return [by_name[name] for name in left_in_float(model)]


def test_all_behind_the_last_layer_of_each_path_stays():
    """As YOLO decodes: boxes go through a softmax and an expectation, scores do not."""
    model = graph(
        [
            ('Conv', ['x', 'w'], 'features'),
            ('Relu', ['features'], 'active'),
            ('Conv', ['active', 'w'], 'boxes'),
            ('Conv', ['active', 'w'], 'logits'),
            ('Concat', ['boxes', 'logits'], 'both', {'axis': 1}),
            ('Split', ['both'], 'bins', {'axis': 1}),
            ('Softmax', ['bins'], 'shares'),
            ('Conv', ['shares', 'expectation'], 'sides'),
            ('Concat', ['sides', 'both'], 'y', {'axis': 1}),
        ],
        w=(8, 8, 1, 1),
        expectation=(1, 16, 1, 1),
    )
    assert floats(model) == ['both', 'bins', 'shares', 'sides', 'y']
    assert [node.output[0] for node in layers_of(model)] == ['features', 'boxes', 'logits']


def test_what_one_path_still_needs_is_quantised():
    model = graph(
        [
            ('Conv', ['x', 'w'], 'a'),
            ('Sigmoid', ['a'], 'gate'),
            ('Mul', ['a', 'gate'], 'b'),
            ('Conv', ['b', 'w'], 'c'),
            ('Add', ['b', 'c'], 'y'),
        ],
        w=(8, 8, 1, 1),
    )
    assert floats(model) == ['y']


@pytest.mark.parametrize(
    ('kind', 'shape', 'attributes', 'is_layer'),
    [
        ('Conv', (2, 8, 1, 1), {}, True),
        ('Conv', (1, 8, 1, 1), {}, False),
        ('MatMul', (8, 2), {}, True),
        ('MatMul', (8, 1), {}, False),
        ('MatMul', (8,), {}, False),
        ('MatMul', (4, 8, 2), {}, False),
        ('Gemm', (8, 1), {}, False),
        ('Gemm', (8, 1), {'transB': 1}, True),
        ('Gemm', (1, 8), {'transB': 1}, False),
    ],
)
def test_a_layer_has_weights_and_more_than_one_output(kind, shape, attributes, is_layer):
    model = graph([(kind, ['x', 'w'], 'y', attributes)], w=shape)
    assert len(layers_of(model)) == is_layer
    assert floats(model) == ([] if is_layer else ['y'])


def test_a_product_of_two_activations_stays_though_layers_follow():
    model = graph(
        [
            ('MatMul', ['x', 'w'], 'q'),
            ('MatMul', ['x', 'w'], 'k'),
            ('MatMul', ['q', 'k'], 'attention'),
            ('Softmax', ['attention'], 'shares'),
            ('MatMul', ['shares', 'w'], 'y'),
        ],
        w=(8, 8),
    )
    assert floats(model) == ['attention']


def test_what_a_graph_within_reads_is_needed():
    """A layer in a branch is not quantised itself; what only it reads is behind the last layer."""
    inner = helper.make_graph(
        [helper.make_node('Relu', ['a'], ['inner'])],
        'branch',
        [],
        [helper.make_tensor_value_info('inner', TensorProto.FLOAT, None)],
    )
    model = graph(
        [
            ('Conv', ['x', 'w'], 'a'),
            ('Relu', ['a'], 'b'),
            ('If', ['x'], 'chosen', {'then_branch': inner, 'else_branch': inner}),
            ('Conv', ['chosen', 'w'], 'y'),
        ],
        w=(8, 8, 1, 1),
    )
    assert floats(model) == ['b']
    assert [node.op_type for node in nodes_of(model.graph)].count('Relu') == 3


def test_nodes_get_names_of_their_own():
    model = graph([('Relu', ['x'], 'a'), ('Relu', ['a'], 'b'), ('Relu', ['b'], 'y')])
    for node, name in zip(model.graph.node, ('same', 'same', ''), strict=True):
        node.name = name
    name_nodes(model)
    names = [node.name for node in model.graph.node]
    assert names[0] == 'same'
    assert len(set(names)) == 3
    assert all(names)
