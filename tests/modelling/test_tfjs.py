import base64
import json

import numpy as np
import pytest

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling.tfjs import read_graph

HALF = np.array([0.5, -1.25, 3.0], np.float16)
INTS = np.array([[1, -2], [3, 4]], np.int32)


def text(value):
    return base64.b64encode(value.encode()).decode()


def written(folder, **changes):
    """A model of two weights in two files, its nodes not in the order of execution."""
    model = {
        'signature': {'outputs': {'sum:0': {}}},
        'modelTopology': {
            'node': [
                {'name': 'sum', 'op': 'Add', 'input': ['x', 'w:0', '^later']},
                {'name': 'later', 'op': 'Identity', 'input': ['split:1']},
                {'name': 'split', 'op': 'SplitV', 'input': ['x', 'i', 'i']},
                {
                    'name': 'x',
                    'op': 'Placeholder',
                    'attr': {
                        'shape': {'shape': {'dim': [{'size': '-1'}, {'size': '3'}]}},
                        'padding': {'s': text('SAME')},
                        'strides': {'list': {'i': ['1', '2']}},
                        'empty': {'list': {}},
                        'alpha': {'f': 0.5},
                        'flag': {'b': True},
                        'count': {'i': '7'},
                    },
                },
                {'name': 'w', 'op': 'Const'},
                {'name': 'i', 'op': 'Const'},
            ]
        },
        'weightsManifest': [
            {
                'paths': ['a.bin', 'b.bin'],
                'weights': [
                    {
                        'name': 'w',
                        'dtype': 'float32',
                        'shape': [3],
                        'quantization': {'dtype': 'float16', 'original_dtype': 'float32'},
                    },
                    {'name': 'i', 'dtype': 'int32', 'shape': [2, 2]},
                    {'name': 'none', 'dtype': 'int32', 'shape': [0, 1]},
                ],
            }
        ],
        **changes,
    }
    stored = HALF.tobytes() + INTS.tobytes()
    # A shard may end anywhere, here inside the first weight.
    (folder / 'a.bin').write_bytes(stored[:3])
    (folder / 'b.bin').write_bytes(stored[3:])
    path = folder / 'model.json'
    path.write_text(json.dumps(model))
    return path


def test_weights_come_back_across_shards(tmp_path):
    weights = read_graph(written(tmp_path)).weights
    np.testing.assert_array_equal(weights['w'], HALF.astype(np.float32))
    assert weights['w'].dtype == np.float32
    np.testing.assert_array_equal(weights['i'], INTS)
    assert weights['none'].shape == (0, 1)


def test_nodes_are_put_in_the_order_of_execution(tmp_path):
    graph = read_graph(written(tmp_path))
    order = [node.name for node in graph.nodes]
    for node in graph.nodes:
        for name in node.inputs:
            assert order.index(name.partition(':')[0]) < order.index(node.name)
    assert graph.outputs == ('sum',)


def test_control_inputs_go_and_first_outputs_lose_their_number(tmp_path):
    nodes = {node.name: node for node in read_graph(written(tmp_path)).nodes}
    assert nodes['sum'].inputs == ('x', 'w')
    assert nodes['later'].inputs == ('split:1',)


def test_attributes_are_decoded(tmp_path):
    nodes = {node.name: node for node in read_graph(written(tmp_path)).nodes}
    assert nodes['x'].attributes == {
        'shape': (None, 3),
        'padding': 'SAME',
        'strides': [1, 2],
        'empty': [],
        'alpha': 0.5,
        'flag': True,
        'count': 7,
    }


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda folder: (folder / 'b.bin').unlink(), 'FileNotFoundError'),
        (lambda folder: (folder / 'b.bin').write_bytes(b'123'), "end at byte 6, inside 'i'"),
        (lambda folder: (folder / 'b.bin').write_bytes(b'0' * 99), '102 bytes, but .* 22'),
        (lambda folder: (folder / 'model.json').write_text('{'), 'JSONDecodeError'),
        (lambda folder: (folder / 'model.json').write_text('{}'), 'KeyError'),
    ],
)
def test_a_damaged_model_is_named(tmp_path, change, message):
    path = written(tmp_path)
    change(tmp_path)
    with pytest.raises(ModelError, match=message):
        read_graph(path)


def test_weights_stored_in_a_way_not_known_are_refused(tmp_path):
    entry = {'name': 'w', 'dtype': 'float32', 'shape': [3], 'quantization': {'dtype': 'uint8'}}
    path = written(tmp_path, weightsManifest=[{'paths': ['a.bin'], 'weights': [entry]}])
    with pytest.raises(ModelError, match="'w' as 'uint8' for 'float32'"):
        read_graph(path)


@pytest.mark.parametrize('inputs', [['b'], ['nowhere']])
def test_a_graph_that_has_no_order_is_refused(tmp_path, inputs):
    nodes = [
        {'name': 'a', 'op': 'Identity', 'input': inputs},
        {'name': 'b', 'op': 'Identity', 'input': ['a']},
    ]
    with pytest.raises(ModelError, match='can not be put in order'):
        read_graph(written(tmp_path, modelTopology={'node': nodes}))
