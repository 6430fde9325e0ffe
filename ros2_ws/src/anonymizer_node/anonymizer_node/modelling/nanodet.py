"""NanoDet-g: from the published graph to one that takes a camera's bytes and finds people.

The detector's contract is that of `detectors.nanodet`: `image`, uint8 (1, height, width, 3) BGR;
`scores_*`, float32 (1, N, 1) after the sigmoid, and `boxes_*`, float32 (1, N, 44) before the
softmax, for strides 8, 16 and 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.nanodet import BINS, STRIDES
from anonymizer_node.modelling.convert import convert
from anonymizer_node.modelling.tfjs import Graph

MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)
PERSON = 0
"""Index among the 80 classes of COCO."""

SCORES = tuple(f'scores_{stride}' for stride in STRIDES)
BOXES = tuple(f'boxes_{stride}' for stride in STRIDES)
_SOURCE_OUTPUTS = ('Identity', 'Identity_1', 'Identity_2', 'Identity_3', 'Identity_4', 'Identity_5')

# The picture with a fourth plane, as the first convolution reads it.
_PIXELS = 'planes'
_ONE = 255


def published(graph: Graph) -> onnx.ModelProto:
    """The graph as published, with all classes: normalised `x`, float32 (1, 3, height, width)."""
    return convert(
        graph,
        dict(zip(_SOURCE_OUTPUTS, SCORES + BOXES, strict=True)),
        dynamic={2: 'height', 3: 'width'},
    )


def keep_class(model: onnx.ModelProto, index: int = PERSON) -> onnx.ModelProto:
    """Take the other classes out of the head.

    Each scale's last convolution computes class logits and box sides, which are then split. It
    becomes one convolution for each, so that the sides don't share a quantisation range with
    anything, and that of the classes keeps one channel.

    Raises:
        ModelError: If the head doesn't look like that.
    """
    edit = _Edit(model)
    for split in edit.find('Split'):
        convolution = edit.producer(split.input[0])
        if convolution.op_type != 'Conv' or len(convolution.input) != 3:
            raise ModelError(
                f'{split.name!r} does not split a convolution with a bias: the head is not that of '
                'NanoDet-g. Build from the pinned package.'
            )
        weights, bias = (edit.values[name] for name in convolution.input[1:])
        ends = np.cumsum(edit.values[split.input[1]])
        for part, (output, end) in enumerate(zip(split.output, ends.tolist(), strict=True)):
            rows = slice(end - int(edit.values[split.input[1]][part]), end)
            sigmoid = edit.consumer(output)
            if sigmoid.op_type == 'Sigmoid':
                rows = slice(rows.start + index, rows.start + index + 1)
                reshape = edit.consumer(sigmoid.output[0])
                reshape.input[1] = edit.constant(np.array([1, 1, -1], np.int64))
            separate = onnx.NodeProto()
            separate.CopyFrom(convolution)
            separate.name = f'{convolution.name}_{part}'
            separate.input[1] = edit.constant(weights[rows])
            separate.input[2] = edit.constant(bias[rows])
            separate.output[0] = output
            edit.insert_before(split, separate)
        edit.remove(convolution)
        edit.remove(split)
    return edit.finished()


def fold_normalisation(model: onnx.ModelProto) -> onnx.ModelProto:
    """Have the first convolution do the normalisation, borders included.

    It pads with zeros of the normalised picture, which are the mean's colour and thus no zeros of
    the picture itself. So the mean can't go into the bias, which counts at the border too. It goes
    into the weights of a fourth plane instead, that is 255 all over the picture and 0 in the
    padding.

    Returns:
        A model that takes `planes`, float32 (1, 4, height, width): B, G, R in 0..255, and 255.
    """
    edit = _Edit(model)
    first = edit.consumer('x')
    weights = edit.values[first.input[1]].astype(np.float64)
    scaled = weights / np.array(STD_BGR).reshape(1, 3, 1, 1)
    mean = (scaled * np.array(MEAN_BGR).reshape(1, 3, 1, 1)).sum(axis=1, keepdims=True)
    folded = np.concatenate([scaled, -mean / _ONE], axis=1).astype(np.float32)
    first.input[0] = _PIXELS
    first.input[1] = edit.constant(folded)
    edit.set_input(
        helper.make_tensor_value_info(_PIXELS, TensorProto.FLOAT, [1, 4, 'height', 'width'])
    )
    return edit.finished()


def planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(height, width, 3) BGR -> (1, 4, height, width), what `fold_normalisation` takes."""
    ones = np.full((*picture.shape[:2], 1), _ONE, np.uint8)
    stacked = np.concatenate([picture, ones], axis=2).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(stacked, np.float32)


def take_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Have a folded model, quantised or not, take the picture's bytes as they lie in memory.

    A quantised model's own quantisation of its input has to be the identity; then it goes.

    Raises:
        ModelError: If it isn't.
    """
    edit = _Edit(model)
    reader = edit.consumer(_PIXELS)
    picture, fourth = 'image', np.array([_ONE], np.uint8)
    if reader.op_type == 'QuantizeLinear':
        scale, zero = (edit.values[name].item() for name in reader.input[1:])
        if scale != 1.0 or zero != 0:
            raise ModelError(
                f'The input is quantised with scale {scale} and zero point {zero}, not 1 and 0. '
                'Calibrate with pictures as `planes` makes them.'
            )
        edit.rename_input(reader.output[0], _PIXELS)
        edit.remove(reader)
        head = []
    else:
        # First of all: TensorRT takes bytes as an input, and only to cast them.
        picture, fourth = 'floats', np.array([_ONE], np.float32)
        head = [helper.make_node('Cast', ['image'], [picture], to=TensorProto.FLOAT)]
    # A Pad would say the same in one node, and take a third of the quantised model's time.
    one_plane = edit.constant(np.array([1, 1], np.int64))
    head += [
        helper.make_node('Transpose', [picture], ['bgr'], perm=[0, 3, 1, 2]),
        helper.make_node('Shape', ['bgr'], ['rows_columns'], start=2),
        helper.make_node('Concat', [one_plane, 'rows_columns'], ['plane_shape'], axis=0),
        helper.make_node(
            'ConstantOfShape', ['plane_shape'], ['plane'], value=numpy_helper.from_array(fourth)
        ),
        helper.make_node('Concat', ['bgr', 'plane'], [_PIXELS], axis=1),
    ]
    for node in reversed(head):
        node.name = f'read_{node.output[0]}'
        edit.prepend(node)
    edit.set_input(
        helper.make_tensor_value_info('image', TensorProto.UINT8, [1, 'height', 'width', 3])
    )
    return edit.finished()


def describe(model: onnx.ModelProto, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Give a finished model its outputs' shapes and metadata, and nothing that varies by build."""
    edit = _Edit(model)
    del edit.graph.output[:], edit.graph.value_info[:]
    for names, last in ((SCORES, 1), (BOXES, 4 * BINS)):
        for name, stride in zip(names, STRIDES, strict=True):
            shape = [1, f'cells_{stride}', last]
            edit.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    for node in edit.graph.node:
        node.ClearField('doc_string')
    edit.graph.name = metadata['name']
    described = edit.finished()
    # The quantiser lists operator sets that nothing uses and another runtime may not know.
    domains = {node.domain for node in described.graph.node}
    used = [item for item in described.opset_import if item.domain in domains]
    del described.opset_import[:]
    described.opset_import.extend(used)
    described.producer_name, described.producer_version = 'anonymizer_node', ''
    described.ClearField('doc_string')
    del described.metadata_props[:]
    helper.set_model_props(described, dict(metadata))
    return described


class _Edit:
    """A copy of a model that is being changed."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self.graph = self._model.graph
        self.values: dict[str, NDArray[Any]] = {
            item.name: numpy_helper.to_array(item) for item in self.graph.initializer
        }

    def find(self, op: str) -> list[onnx.NodeProto]:
        return [node for node in self.graph.node if node.op_type == op]

    def producer(self, tensor: str) -> onnx.NodeProto:
        return next(node for node in self.graph.node if tensor in node.output)

    def consumer(self, tensor: str) -> onnx.NodeProto:
        """The one node that reads a tensor.

        Raises:
            ModelError: If several do, or none.
        """
        nodes = [node for node in self.graph.node if tensor in node.input]
        if len(nodes) != 1:
            raise ModelError(
                f'{len(nodes)} operations read {tensor!r}, not one: the graph is not that of '
                'NanoDet-g. Build from the pinned package.'
            )
        return nodes[0]

    def constant(self, value: NDArray[Any]) -> str:
        name = next(name for name in map('edited_{}'.format, count()) if name not in self.values)
        self.values[name] = value
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def insert_before(self, node: onnx.NodeProto, new: onnx.NodeProto) -> None:
        self.graph.node.insert(list(self.graph.node).index(node), new)

    def prepend(self, new: onnx.NodeProto) -> None:
        self.graph.node.insert(0, new)

    def remove(self, node: onnx.NodeProto) -> None:
        self.graph.node.remove(node)

    def rename_input(self, old: str, new: str) -> None:
        for node in self.graph.node:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new

    def set_input(self, info: onnx.ValueInfoProto) -> None:
        del self.graph.input[:]
        self.graph.input.append(info)

    def finished(self) -> onnx.ModelProto:
        """The changed model, checked, without constants that nothing reads."""
        used = {name for node in self.graph.node for name in node.input}
        kept = [item for item in self.graph.initializer if item.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        onnx.checker.check_model(self._model)
        return self._model
