"""Each operation, against what numpy says that TensorFlow computes."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling.convert import convert
from anonymizer_node.modelling.operations import CONVERTERS
from anonymizer_node.modelling.tfjs import Graph, Node

RNG = np.random.default_rng(0)
NHWC_TO_NCHW, NCHW_TO_NHWC = np.array([0, 3, 1, 2]), np.array([0, 2, 3, 1])


def graph(x, *nodes, **weights):
    """A graph that reads `x`; its output is the last node."""
    constants = tuple(Node(name, 'Const') for name in weights)
    first = Node('x', 'Placeholder', (), {'shape': x.shape})
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return Graph((first, *constants, *nodes), arrays, (nodes[-1].name,))


def computed(x, *nodes, output=None, feed=None, dynamic=None, **weights):
    """What the converted graph makes of x (or of `feed`), and how often it has each operation."""
    source = graph(x, *nodes, **weights)
    model = convert(source, {output or source.outputs[0]: 'y'}, dynamic)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    (y,) = session.run(None, {'x': x if feed is None else feed})
    kinds = Counter(node.op_type for node in model.graph.node)
    del kinds['Identity']
    return y, kinds


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def same_pads(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def windows(x, kernel, stride, padding, value):
    """(N, H, W, C) -> (N, rows, columns, kernel rows, kernel columns, C)."""
    if padding == 'SAME':
        around = [same_pads(size, kernel, stride) for size in x.shape[1:3]]
        x = np.pad(x, [(0, 0), *around, (0, 0)], constant_values=value)
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))
    return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def convolution(x, weights, stride, padding):
    return np.einsum('nrcijk,ijko->nrco', windows(x, weights.shape[0], stride, padding, 0), weights)


def conv_node(padding, stride, name='conv', x='x', **attributes):
    strides = {'strides': [1, stride, stride, 1], 'padding': padding}
    return Node(name, 'Conv2D', (x, 'w'), {**strides, **attributes})


def resized(x, size, align_corners, half_pixel_centers):
    """TensorFlow's bilinear resize of (N, H, W, C), one axis after the other."""
    for axis, new in zip((1, 2), size, strict=True):
        old = x.shape[axis]
        if align_corners:
            place = np.arange(new) * ((old - 1) / (new - 1))
        elif half_pixel_centers:
            place = (np.arange(new) + 0.5) * (old / new) - 0.5
        else:
            place = np.arange(new) * (old / new)
        low = np.floor(place)
        part = (place - low).reshape([-1 if i == axis else 1 for i in range(4)])
        before = x.take(np.clip(low, 0, old - 1).astype(int), axis)
        after = x.take(np.clip(low + 1, 0, old - 1).astype(int), axis)
        x = before * (1 - part) + after * part
    return x


@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('kernel', [1, 2, 3])
@pytest.mark.parametrize('size', [(7, 9), (8, 6)])
def test_conv2d(padding, stride, kernel, size):
    x, weights = floats(1, *size, 3), floats(kernel, kernel, 3, 4)
    y, _ = computed(x, conv_node(padding, stride), w=weights)
    np.testing.assert_allclose(y, convolution(x, weights, stride, padding), atol=1e-5)


def test_conv2d_same_holds_for_sizes_other_than_the_graphs_own():
    """The padding of SAME with stride 2 sits elsewhere for odd sizes than for even ones."""
    x, feed, weights = floats(1, 8, 8, 2), floats(1, 7, 11, 2), floats(3, 3, 2, 2)
    sizes = {1: 'height', 2: 'width'}
    y, _ = computed(x, conv_node('SAME', 2), w=weights, feed=feed, dynamic=sizes)
    np.testing.assert_allclose(y, convolution(feed, weights, 2, 'SAME'), atol=1e-5)


def test_conv2d_in_groups():
    x, weights = floats(1, 5, 5, 4), floats(3, 3, 2, 6)
    y, _ = computed(x, conv_node('VALID', 1), w=weights)
    halves = [
        convolution(x[..., 2 * i : 2 * i + 2], weights[..., 3 * i : 3 * i + 3], 1, 'VALID')
        for i in range(2)
    ]
    np.testing.assert_allclose(y, np.concatenate(halves, 3), atol=1e-5)


def test_conv2d_dilated():
    x, weights = floats(1, 9, 9, 1), floats(3, 3, 1, 1)
    y, _ = computed(x, conv_node('VALID', 1, dilations=[1, 2, 2, 1]), w=weights)
    wide = np.zeros((5, 5, 1, 1), np.float32)
    wide[::2, ::2] = weights
    np.testing.assert_allclose(y, convolution(x, wide, 1, 'VALID'), atol=1e-5)


@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
@pytest.mark.parametrize('size', [(7, 9), (8, 6)])
def test_max_pool(padding, size):
    x = floats(1, *size, 3) - 5
    attributes = {'ksize': [1, 3, 3, 1], 'strides': [1, 2, 2, 1], 'padding': padding}
    y, _ = computed(x, Node('pool', 'MaxPool', ('x',), attributes))
    np.testing.assert_array_equal(y, windows(x, 3, 2, padding, -np.inf).max((3, 4)))


PADS = [[0, 0], [1, 0], [2, 1], [0, 0]]


def test_zero_padding_becomes_the_convolutions_own():
    x, weights = floats(1, 5, 6, 2), floats(3, 3, 2, 3)
    y, kinds = computed(
        x, Node('pad', 'Pad', ('x', 'p')), conv_node('VALID', 1, x='pad'), w=weights, p=PADS
    )
    np.testing.assert_allclose(y, convolution(np.pad(x, PADS), weights, 1, 'VALID'), atol=1e-5)
    assert 'Pad' not in kinds


def test_padding_with_minus_infinity_becomes_the_pools_own():
    x = floats(1, 6, 6, 2) - 5
    attributes = {'ksize': [1, 3, 3, 1], 'strides': [1, 2, 2, 1], 'padding': 'VALID'}
    y, kinds = computed(
        x,
        Node('pad', 'PadV2', ('x', 'p', 'value')),
        Node('pool', 'MaxPool', ('pad',), attributes),
        p=PADS,
        value=np.float32(-np.inf),
    )
    padded = np.pad(x, PADS, constant_values=-np.inf)
    np.testing.assert_array_equal(y, windows(padded, 3, 2, 'VALID', 0).max((3, 4)))
    assert 'Pad' not in kinds


@pytest.mark.parametrize('value', [0.0, 2.5])
@pytest.mark.parametrize('kind', ['conv', 'pool', 'sum'])
def test_padding_that_its_reader_would_not_do_is_written_out(value, kind):
    """A pool pads with minus infinity, a convolution with zero; padding with 0 before a pool, or
    2.5 before a convolution, folded in would be wrong at the border alone."""
    x, weights = floats(1, 5, 6, 2) - 5, floats(3, 3, 2, 3)
    padded = np.pad(x, PADS, constant_values=value)
    pool = {'ksize': [1, 3, 3, 1], 'strides': [1, 2, 2, 1], 'padding': 'VALID'}
    node, expected = {
        'conv': (conv_node('VALID', 1, x='pad'), convolution(padded, weights, 1, 'VALID')),
        'pool': (
            Node('pool', 'MaxPool', ('pad',), pool),
            windows(padded, 3, 2, 'VALID', 0).max((3, 4)),
        ),
        'sum': (Node('sum', 'Add', ('pad', 'pad')), padded * 2),
    }[kind]
    y, kinds = computed(
        x, Node('pad', 'PadV2', ('x', 'p', 'value')), node, w=weights, p=PADS, value=value
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert ('Pad' in kinds) == ((kind, value) != ('conv', 0.0))


def test_padding_survives_a_transpose_and_a_second_padding():
    x = floats(1, 2, 3, 4)
    y, _ = computed(
        x,
        Node('one', 'Pad', ('x', 'p')),
        Node('turn', 'Transpose', ('one', 'perm')),
        Node('two', 'PadV2', ('turn', 'p', 'value')),
        p=PADS,
        perm=NHWC_TO_NCHW,
        value=7.0,
    )
    turned = np.pad(x, PADS).transpose(NHWC_TO_NCHW)
    np.testing.assert_array_equal(y, np.pad(turned, PADS, constant_values=7))


@pytest.mark.parametrize('size', [(8, 12), (2, 3), (5, 9), (7, 4)])
@pytest.mark.parametrize(
    ('align_corners', 'half_pixel_centers'), [(True, False), (False, True), (False, False)]
)
def test_resize_bilinear(size, align_corners, half_pixel_centers):
    x = floats(1, 4, 6, 2)
    modes = {'align_corners': align_corners, 'half_pixel_centers': half_pixel_centers}
    y, _ = computed(x, Node('y', 'ResizeBilinear', ('x', 's'), modes), s=np.int32(size))
    np.testing.assert_allclose(y, resized(x, size, **modes), atol=1e-5)


def test_resize_by_a_whole_factor_follows_the_input():
    x, feed = floats(1, 4, 6, 2), floats(1, 10, 2, 2)
    modes = {'align_corners': False, 'half_pixel_centers': True}
    node = Node('y', 'ResizeBilinear', ('x', 's'), modes)
    sizes = {1: 'height', 2: 'width'}
    y, _ = computed(x, node, s=np.int32([2, 3]), feed=feed, dynamic=sizes)
    np.testing.assert_allclose(y, resized(feed, (5, 1), **modes), atol=1e-5)


@pytest.mark.parametrize('op', ['Add', 'AddV2'])
@pytest.mark.parametrize('shape', [(), (4,), (3, 1), (1, 2, 3, 4)])
@pytest.mark.parametrize('turned', [False, True])
def test_adding_a_constant(op, shape, turned):
    x, constant = floats(1, 2, 3, 4), floats(*shape)
    inputs = ('c', 'x') if turned else ('x', 'c')
    y, _ = computed(x, Node('sum', op, inputs), c=constant)
    np.testing.assert_allclose(y, x + constant, atol=1e-6)


def test_a_constant_is_added_along_the_right_axis_of_a_transposed_tensor():
    x, constant = floats(1, 2, 3, 4), floats(4, 1, 1)
    turn = Node('turn', 'Transpose', ('x', 'perm'))
    y, _ = computed(x, turn, Node('sum', 'Add', ('turn', 'c')), c=constant, perm=NHWC_TO_NCHW)
    np.testing.assert_allclose(y, x.transpose(NHWC_TO_NCHW) + constant, atol=1e-6)


def test_a_bias_becomes_the_convolutions_own():
    x, weights, bias = floats(1, 4, 4, 2), floats(1, 1, 2, 3), floats(3)
    nodes = conv_node('VALID', 1), Node('sum', 'Add', ('conv', 'b'))
    y, kinds = computed(x, *nodes, w=weights, b=bias)
    np.testing.assert_allclose(y, convolution(x, weights, 1, 'VALID') + bias, atol=1e-5)
    assert 'Add' not in kinds


def test_a_bias_does_not_reach_others_that_read_the_convolution():
    x, weights, bias = floats(1, 4, 4, 2), floats(1, 1, 2, 3), floats(3)
    nodes = (
        conv_node('VALID', 1),
        Node('alias', 'Identity', ('conv',)),
        Node('biased', 'Add', ('alias', 'b')),
        Node('both', 'Add', ('biased', 'conv')),
    )
    y, _ = computed(x, *nodes, w=weights, b=bias)
    np.testing.assert_allclose(y, 2 * convolution(x, weights, 1, 'VALID') + bias, atol=1e-5)


def test_a_bias_does_not_reach_an_output():
    x, weights, bias = floats(1, 4, 4, 2), floats(1, 1, 2, 3), floats(3)
    nodes = conv_node('VALID', 1), Node('sum', 'Add', ('conv', 'b'))
    y, _ = computed(x, *nodes, output='conv', w=weights, b=bias)
    np.testing.assert_allclose(y, convolution(x, weights, 1, 'VALID'), atol=1e-5)


def test_elementwise_operations():
    x = floats(1, 2, 3, 4)
    nodes = Node('leaky', 'LeakyRelu', ('x',), {'alpha': 0.1}), Node('y', 'Sigmoid', ('leaky',))
    y, _ = computed(x, *nodes)
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-np.where(x < 0, 0.1 * x, x))), atol=1e-6)


@pytest.mark.parametrize('axis', [1, -1])
def test_concat_of_tensors_that_lie_differently(axis):
    x = floats(1, 4, 4, 4)
    nodes = (
        Node('turn', 'Transpose', ('x', 'perm')),
        Node('leaky', 'LeakyRelu', ('turn',), {'alpha': 0.5}),
        Node('y', 'ConcatV2', ('leaky', 'x', 'axis')),
    )
    y, _ = computed(x, *nodes, perm=NHWC_TO_NCHW, axis=np.int32(axis))
    turned = x.transpose(NHWC_TO_NCHW)
    expected = np.concatenate([np.where(turned < 0, turned / 2, turned), x], axis)
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize(('output', 'part'), [('split', slice(0, 1)), ('split:1', slice(1, 4))])
@pytest.mark.parametrize('sizes', [[1, 3], [1, -1]])
def test_split(output, part, sizes):
    x = floats(1, 2, 3, 4)
    nodes = (
        Node('turn', 'Transpose', ('x', 'perm')),
        Node('split', 'SplitV', ('turn', 's', 'axis')),
    )
    y, _ = computed(
        x, *nodes, output=output, perm=NHWC_TO_NCHW, s=np.int32(sizes), axis=np.int32(1)
    )
    np.testing.assert_array_equal(y, x.transpose(NHWC_TO_NCHW)[:, part])


def test_reshape_sees_the_axes_in_the_sources_order():
    x = floats(1, 2, 3, 4)
    nodes = Node('turn', 'Transpose', ('x', 'perm')), Node('y', 'Reshape', ('turn', 'shape'))
    y, _ = computed(x, *nodes, perm=NHWC_TO_NCHW, shape=np.int32([1, 4, -1]))
    np.testing.assert_array_equal(y, x.transpose(NHWC_TO_NCHW).reshape(1, 4, -1))


@pytest.mark.parametrize(
    ('indices', 'values', 'expected'),
    [(np.zeros((0, 1)), [], [9, 9, 9]), ([[2], [0]], [5, 6], [6, 9, 5])],
)
def test_sparse_to_dense_and_sums_of_constants_are_computed_beforehand(indices, values, expected):
    x = floats(3)
    nodes = (
        Node('dense', 'SparseToDense', ('i', 'shape', 'v', 'default')),
        Node('plus', 'AddV2', ('dense', 'one')),
        Node('y', 'Add', ('x', 'plus')),
    )
    y, kinds = computed(
        x,
        *nodes,
        i=np.array(indices, np.int32),
        shape=np.int32([3]),
        v=np.array(values, np.float32),
        default=np.float32(9),
        one=np.float32(1),
    )
    np.testing.assert_allclose(y, x + np.array(expected) + 1, atol=1e-6)
    assert kinds == {'Add': 1}


def test_the_transposes_of_a_graph_that_once_was_onnx_fold_away():
    x, weights, bias = floats(1, 3, 8, 8), floats(3, 3, 3, 3), floats(3)
    nodes, last = [], 'x'
    for index in range(2):
        nodes += [
            Node(f'pad{index}', 'Pad', (last, 'p')),
            Node(f'in{index}', 'Transpose', (f'pad{index}', 'to_nhwc')),
            conv_node('VALID', 1, f'conv{index}', f'in{index}'),
            Node(f'bias{index}', 'Add', (f'conv{index}', 'b')),
            Node(f'out{index}', 'Transpose', (f'bias{index}', 'to_nchw')),
        ]
        last = f'out{index}'
    pads = [[0, 0], [0, 0], [1, 1], [1, 1]]
    y, kinds = computed(
        x, *nodes, w=weights, b=bias, p=pads, to_nhwc=NCHW_TO_NHWC, to_nchw=NHWC_TO_NCHW
    )
    expected = x.transpose(NCHW_TO_NHWC)
    for _ in range(2):
        expected = convolution(expected, weights, 1, 'SAME') + bias
    np.testing.assert_allclose(y, expected.transpose(NHWC_TO_NCHW), atol=1e-4)
    assert kinds == {'Conv': 2}


def test_every_operation_of_the_table_is_tested_above():
    tested = {
        'Add', 'AddV2', 'ConcatV2', 'Conv2D', 'Identity', 'LeakyRelu', 'MaxPool', 'Pad', 'PadV2',
        'Reshape', 'ResizeBilinear', 'Sigmoid', 'SparseToDense', 'SplitV', 'Transpose',
    }  # fmt: skip
    assert set(CONVERTERS) == tested


@pytest.mark.parametrize(
    ('node', 'message'),
    [
        (Node('odd', 'Cosine', ('x',)), r"Cosine 'odd' .* known operations are Add, AddV2"),
        (conv_node('SIDEWAYS', 1), "its padding is 'SIDEWAYS'"),
        (conv_node('SAME', 1, data_format='NCHW'), 'data_format is not NHWC'),
        (Node('sum', 'Add', ('x', 'w')), 'would widen'),
        (Node('y', 'Sigmoid', ('w',)), 'input 0 is constant'),
        (Node('y', 'Transpose', ('x', 'x')), 'input 1 is not constant'),
    ],
)
def test_what_is_not_known_is_named_not_guessed(node, message):
    source = graph(floats(1, 1, 3, 2), node, w=floats(3, 3, 2, 2))
    with pytest.raises(ModelError, match=message):
        convert(source, {node.name: 'y'})


def test_tensors_of_different_shapes_are_not_added():
    x = floats(1, 2, 2, 2)
    pad = Node('pad', 'Pad', ('x', 'p'))
    source = graph(x, pad, Node('sum', 'Add', ('x', 'pad')), p=PADS)
    with pytest.raises(ModelError, match=r'shapes \(1, 2, 2, 2\) and \(1, 3, 5, 2\) differ'):
        convert(source, {'sum': 'y'})


def test_an_output_that_is_not_computed_is_named():
    with pytest.raises(ModelError, match="computes no 'z'"):
        convert(graph(floats(1), Node('y', 'Sigmoid', ('x',))), {'z': 'y'})
