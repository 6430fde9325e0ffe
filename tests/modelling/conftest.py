"""A detector like NanoDet-g with two layers, as a graph and as a published package."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np
import pytest

from anonymizer_node.modelling.tfjs import Graph, Node

CLASSES, SIDES = 80, 44
OUTPUTS = ('Identity', 'Identity_1', 'Identity_2', 'Identity_3', 'Identity_4', 'Identity_5')


@pytest.fixture(scope='session')
def tiny() -> Graph:
    """A stem of stride 2 that is padded, then a head for each stride, channels first outside."""
    rng = np.random.default_rng(0)
    weights = {
        'nhwc': np.int32([0, 2, 3, 1]),
        'nchw': np.int32([0, 3, 1, 2]),
        'last': np.int32([0, 2, 1]),
        'pads': np.int32([[0, 0], [0, 0], [1, 1], [1, 1]]),
        'sizes': np.int32([CLASSES, SIDES]),
        'axis': np.int32(1),
        'stem_w': rng.normal(0, 0.3, (3, 3, 3, 8)).astype(np.float32),
        'stem_b': rng.normal(0, 0.3, 8).astype(np.float32),
        'scores_shape': np.int32([1, CLASSES, -1]),
        'boxes_shape': np.int32([1, SIDES, -1]),
    }
    nodes = [
        Node('x', 'Placeholder', (), {'shape': (1, 3, 64, 96)}),
        Node('padded', 'Pad', ('x', 'pads')),
        Node('stem_in', 'Transpose', ('padded', 'nhwc')),
        _convolution('stem', 'stem_in', 2),
        Node('stem_sum', 'Add', ('stem', 'stem_b')),
        Node('leaky', 'LeakyRelu', ('stem_sum',), {'alpha': 0.1}),
    ]
    for index, stride in enumerate((8, 16, 32)):
        kernel, head = stride // 2, f'head{index}'
        scale = 1 / kernel
        weights[f'{head}_w'] = rng.normal(0, scale, (kernel, kernel, 8, 124)).astype(np.float32)
        weights[f'{head}_b'] = rng.normal(0, 1, 124).astype(np.float32)
        nodes += [
            _convolution(head, 'leaky', kernel),
            Node(f'{head}_sum', 'Add', (head, f'{head}_b')),
            Node(f'{head}_out', 'Transpose', (f'{head}_sum', 'nchw')),
            Node(f'{head}_split', 'SplitV', (f'{head}_out', 'sizes', 'axis')),
            Node(f'{head}_sigmoid', 'Sigmoid', (f'{head}_split',)),
            Node(f'{head}_scores', 'Reshape', (f'{head}_sigmoid', 'scores_shape')),
            Node(f'{head}_boxes', 'Reshape', (f'{head}_split:1', 'boxes_shape')),
            Node(f'{head}_scores_last', 'Transpose', (f'{head}_scores', 'last')),
            Node(f'{head}_boxes_last', 'Transpose', (f'{head}_boxes', 'last')),
            Node(OUTPUTS[index], 'Identity', (f'{head}_scores_last',)),
            Node(OUTPUTS[index + 3], 'Identity', (f'{head}_boxes_last',)),
        ]
    constants = tuple(Node(name, 'Const') for name in weights)
    return Graph((*constants, *nodes), weights, OUTPUTS)


def _convolution(name, source, stride):
    attributes = {'strides': [1, stride, stride, 1], 'padding': 'VALID'}
    return Node(name, 'Conv2D', (source, f'{name}_w'), attributes)


@pytest.fixture
def package(tiny, tmp_path):
    """The tiny detector's package, unpacked."""
    folder = tmp_path / 'unpacked'
    (folder / 'models').mkdir(parents=True)
    model = {
        'signature': {'outputs': {f'{name}:0': {} for name in tiny.outputs}},
        'modelTopology': {
            'node': [
                {
                    'name': node.name,
                    'op': node.op,
                    'input': list(node.inputs),
                    'attr': {key: _attribute(value) for key, value in node.attributes.items()},
                }
                for node in tiny.nodes
            ]
        },
        'weightsManifest': [
            {
                'paths': ['nanodet.bin'],
                'weights': [
                    {'name': name, 'dtype': value.dtype.name, 'shape': list(value.shape)}
                    for name, value in tiny.weights.items()
                ],
            }
        ],
    }
    (folder / 'models/nanodet.json').write_text(json.dumps(model))
    stored = b''.join(value.tobytes() for value in tiny.weights.values())
    (folder / 'models/nanodet.bin').write_bytes(stored)
    return folder


def _attribute(value):
    if isinstance(value, str):
        return {'s': base64.b64encode(value.encode()).decode()}
    if isinstance(value, float):
        return {'f': value}
    if isinstance(value, tuple):
        return {'shape': {'dim': [{'size': str(size)} for size in value]}}
    return {'list': {'i': [str(item) for item in value]}}


@pytest.fixture
def photographs(tmp_path):
    """A folder with four pictures of smooth colours, and a file that is no picture."""
    folder = tmp_path / 'photographs'
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index in range(4):
        coarse = rng.integers(0, 256, (4, 6, 3), np.uint8)
        picture = cv2.resize(coarse, (300, 200), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{index}.png'), picture)
    (folder / 'notes.txt').write_text('not a picture')
    return folder
