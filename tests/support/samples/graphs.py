"""Tiny ONNX graphs with the contract of the NanoDet family, which see what is painted for them.

A pixel whose blue is s, green g and red r, at the centre of a cell of stride 8, is a detection of
score s / 255 that reaches g cells to the left and right and r cells up and down of the centre.
The coarser strides answer with nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.detectors.registry import ModelFile

onnx = pytest.importorskip('onnx', reason='tiny graphs are made with onnx')
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
UINT8, FLOAT = TensorProto.UINT8, TensorProto.FLOAT

BINS = 11
STRIDES = (8, 16, 32)


class Graph:
    """Nodes and constants, one after the other."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        name = f'c{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, output: str = '', **attributes: Any) -> str:
        output = output or f'n{len(self.nodes)}'
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def channel(self, source: str, index: int, start: int, step: int) -> str:
        """(1, rows * columns, 1) of one channel, every `step`-th pixel from `start`."""
        most = 1 << 30
        cut = self.add(
            'Slice',
            source,
            self.constant(np.array([start, start, index], np.int64)),
            self.constant(np.array([most, most, index + 1], np.int64)),
            self.constant(np.array([1, 2, 3], np.int64)),
            self.constant(np.array([step, step, 1], np.int64)),
        )
        flat = self.add('Reshape', cut, self.constant(np.array([1, -1, 1], np.int64)))
        return self.add('Cast', flat, to=TensorProto.FLOAT)


def painted_nanodet(
    classes: int = 1,
    score_times: float = 1.0,
    logits_plus: float = 0.0,
    every: int = 8,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """A graph as the module says.

    Args:
        classes: Score channels; a painted detection has its score in the last one.
        score_times: Every score is multiplied by this (NaN: a broken model).
        logits_plus: Added to every logit of the boxes (NaN: a broken model).
        every: Step of stride 8's grid; another than 8 gives the wrong number of rows.
        metadata: Of the graph; by default it names family and class.
    """
    graph = Graph()
    scores, boxes = [], []
    for stride in STRIDES:
        step = every if stride == 8 else stride
        blue, green, red = (graph.channel('image', index, step // 2, step) for index in range(3))
        times = score_times if stride == 8 else score_times * 0
        score = graph.add('Div', blue, graph.constant(np.float32(255)))
        score = graph.add('Mul', score, graph.constant(np.float32(times)))
        zeros = [graph.add('Mul', score, graph.constant(np.float32(0)))] * (classes - 1)
        name = f'score_{stride}'
        graph.add('Concat', *zeros, score, axis=2, output=name)
        scores.append(name)
        sides = []
        for distance in (green, red, green, red):
            away = graph.add(
                'Sub', distance, graph.constant(np.arange(BINS, dtype=np.float32)[None, None])
            )
            sharp = graph.add('Mul', graph.add('Mul', away, away), graph.constant(np.float32(-50)))
            sides.append(graph.add('Add', sharp, graph.constant(np.float32(logits_plus))))
        name = f'box_{stride}'
        graph.add('Concat', *sides, axis=2, output=name)
        boxes.append(name)
    return model_of(
        graph,
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 'height', 'width', 3])],
        [
            *(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, classes])
                for name in scores
            ),
            *(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, 4 * BINS])
                for name in boxes
            ),
        ],
        {'family': 'nanodet', 'classes': 'person'} if metadata is None else metadata,
    )


def doubler(metadata: dict[str, str] | None = None) -> bytes:
    """A sound graph that is no detector."""
    graph = Graph()
    graph.add('Add', 'x', 'x', output='y')
    return model_of(
        graph,
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, 4])],
        metadata or {},
    )


def shaped(
    inputs: list[tuple[int, list[Any]]], outputs: list[list[Any]], metadata: dict[str, str]
) -> bytes:
    """A graph of constants that only has the given inputs (type, shape) and output shapes."""
    graph = Graph()
    for index, shape in enumerate(outputs):
        sizes = [size if isinstance(size, int) else 1 for size in shape]
        constant = graph.constant(np.zeros(sizes, np.float32))
        graph.add('Identity', constant, output=f'out{index}')
    return model_of(
        graph,
        [
            helper.make_tensor_value_info(f'in{index}', kind, shape)
            for index, (kind, shape) in enumerate(inputs)
        ],
        [
            helper.make_tensor_value_info(f'out{index}', TensorProto.FLOAT, shape)
            for index, shape in enumerate(outputs)
        ],
        metadata,
    )


def model_of(graph: Graph, inputs: list, outputs: list, metadata: dict[str, str]) -> bytes:
    built = helper.make_graph(graph.nodes, 'tiny', inputs, outputs, graph.constants)
    model = helper.make_model(built, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def model_file(content: bytes, family: str = '', classes: tuple[str, ...] = ()) -> ModelFile:
    return ModelFile('tiny', Path('/models/tiny.onnx'), '0' * 64, family, classes, content)


def paint(
    pixels: UInt8Array, row: int, column: int, score: int, across: int = 1, down: int = 1
) -> tuple[float, float, float, float]:
    """Paint a detection into the 8 x 8 cell at (row, column); the box that it means, pixels."""
    pixels[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = (score, across, down)
    x, y = column * 8 + 4, row * 8 + 4
    return x - 8 * across, y - 8 * down, x + 8 * across, y + 8 * down
