"""What TensorFlow's operations are in ONNX. `CONVERTERS` is the table.

TensorFlow keeps channels last and ONNX first; a graph that once was ONNX is full of transposes
between the two. Here a transpose only changes the note of which axis lies where (`writer.Lazy`),
and one is written where an operation really needs another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling.tfjs import Graph, Node
from anonymizer_node.modelling.writer import Lazy, Writer

Value = Lazy | NDArray[Any]

# Where N, H, W and C lie in ONNX's N, C, H, W.
_CHANNELS_FIRST = (0, 2, 3, 1)


class Conversion(Writer):
    """A graph on its way: the ONNX nodes so far, and the value of each source tensor.

    Attributes:
        values: By source tensor; an array where the value is constant.
        uses: How many nodes and outputs read each source tensor.
        open_convolutions: Convolutions without a bias, by source tensor.
    """

    def __init__(self, graph: Graph, outputs: Iterable[str]) -> None:
        super().__init__()
        self.values: dict[str, Value] = dict(graph.weights)
        self.uses = Counter(name for node in graph.nodes for name in node.inputs)
        self.uses.update(list(outputs))
        self.open_convolutions: dict[str, onnx.NodeProto] = {}

    def tensor(self, node: Node, index: int) -> Lazy:
        """A node's input that has to be computed.

        Raises:
            ModelError: If it is a constant.
        """
        value = self.values[node.inputs[index]]
        if not isinstance(value, Lazy):
            raise unsupported(node, f'input {index} is constant')
        return value

    def fixed(self, node: Node, index: int) -> NDArray[Any]:
        """A node's input that has to be a constant.

        Raises:
            ModelError: If it is computed.
        """
        value = self.values[node.inputs[index]]
        if isinstance(value, Lazy):
            raise unsupported(node, f'input {index} is not constant')
        return value


def unsupported(node: Node, why: str) -> ModelError:
    """The error for a node that has no counterpart here."""
    return ModelError(
        f'{node.op} {node.name!r} can not be converted: {why}. '
        'Add the case to modelling/convert.py, with a test.'
    )


def _identity(work: Conversion, node: Node) -> list[Value]:
    return [work.values[node.inputs[0]]]


def _transpose(work: Conversion, node: Node) -> list[Value]:
    return [work.tensor(node, 0).permuted(work.fixed(node, 1).tolist())]


def _pad(work: Conversion, node: Node) -> list[Value]:
    tensor = work.padded(work.tensor(node, 0))
    pads = tuple((int(before), int(after)) for before, after in work.fixed(node, 1))
    value = float(work.fixed(node, 2)) if node.op == 'PadV2' else 0.0
    shape = tuple(size + sum(pad) for size, pad in zip(tensor.shape, pads, strict=True))
    return [tensor._replace(shape=shape, pads=pads, pad_value=value)]


def _window(
    work: Conversion, node: Node, kernel: tuple[int, int], pad_value: float
) -> tuple[str, dict[str, Any], tuple[int, int]]:
    """What convolution and pooling share: the input in place, attributes, output rows, columns."""
    if node.attributes.get('data_format', 'NHWC') != 'NHWC':
        raise unsupported(node, 'its data_format is not NHWC')
    padding = node.attributes['padding']
    strides = node.attributes['strides'][1:3]
    dilations = (node.attributes.get('dilations') or [1, 1, 1, 1])[1:3]
    tensor = work.tensor(node, 0)
    attributes: dict[str, Any] = {'kernel_shape': list(kernel), 'strides': strides}
    if dilations != [1, 1]:
        attributes['dilations'] = dilations
    rows, columns = tensor.shape[1:3]
    if padding == 'SAME':
        # ONNX's SAME_UPPER is TensorFlow's SAME: the odd element goes to the end.
        attributes['auto_pad'] = 'SAME_UPPER'
        out = (-(-rows // strides[0]), -(-columns // strides[1]))
    elif padding == 'VALID':
        around = tensor.pads
        if around and tensor.pad_value == pad_value and around[0] == around[3] == (0, 0):
            (top, bottom), (left, right) = around[1:3]
            attributes['pads'] = [top, left, bottom, right]
            tensor = tensor._replace(pads=())
        reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
        out = (
            (rows - reach[0]) // strides[0] + 1,
            (columns - reach[1]) // strides[1] + 1,
        )
    else:
        raise unsupported(node, f'its padding is {padding!r}')
    return work.stored(tensor, _CHANNELS_FIRST), attributes, out


def _conv2d(work: Conversion, node: Node) -> list[Value]:
    weights = work.fixed(node, 1)  # rows, columns, channels in, channels out
    channels = work.tensor(node, 0).shape[3]
    name, attributes, out = _window(work, node, weights.shape[:2], 0.0)
    if channels != weights.shape[2]:
        attributes['group'] = channels // weights.shape[2]
    (result,) = work.add('Conv', [name, work.constant(weights.transpose(3, 2, 0, 1))], **attributes)
    work.open_convolutions[node.name] = work.nodes[-1]
    shape = (work.tensor(node, 0).shape[0], *out, weights.shape[3])
    return [Lazy(result, _CHANNELS_FIRST, shape)]


def _max_pool(work: Conversion, node: Node) -> list[Value]:
    size = node.attributes['ksize'][1:3]
    name, attributes, out = _window(work, node, (size[0], size[1]), -np.inf)
    batch, _, _, channels = work.tensor(node, 0).shape
    (result,) = work.add('MaxPool', [name], **attributes)
    return [Lazy(result, _CHANNELS_FIRST, (batch, *out, channels))]


def _add(work: Conversion, node: Node) -> list[Value]:
    first, second = (work.values[name] for name in node.inputs)
    if not isinstance(first, Lazy):
        if not isinstance(second, Lazy):
            return [first + second]
        first, second = second, first
    if isinstance(second, Lazy):
        if first.shape != second.shape:
            raise unsupported(node, f'shapes {first.shape} and {second.shape} differ')
        first = work.padded(first)
        (name,) = work.add('Add', [first.name, work.stored(second, first.order)])
        return [first._replace(name=name)]
    return [_add_constant(work, node, first, second)]


def _add_constant(work: Conversion, node: Node, tensor: Lazy, value: NDArray[Any]) -> Lazy:
    source = next((name for name in node.inputs if name in work.open_convolutions), '')
    # A sum of its own is needed where something else reads the convolution without the bias.
    if source and work.uses[source] == 1 and value.shape == tensor.shape[-1:]:
        work.open_convolutions.pop(source).input.append(work.constant(value))
        return tensor
    broadcast = value.reshape((1,) * (len(tensor.order) - value.ndim) + value.shape)
    if value.ndim > len(tensor.order) or any(
        size not in (1, full) for size, full in zip(broadcast.shape, tensor.shape, strict=True)
    ):
        raise unsupported(node, f'a constant {value.shape} would widen {tensor.shape}')
    tensor = work.padded(tensor)
    constant = work.constant(broadcast.transpose(np.argsort(tensor.order)))
    return tensor._replace(name=work.add('Add', [tensor.name, constant])[0])


def _leaky_relu(work: Conversion, node: Node) -> list[Value]:
    tensor = work.padded(work.tensor(node, 0))
    alpha = float(node.attributes.get('alpha', 0.2))
    return [tensor._replace(name=work.add('LeakyRelu', [tensor.name], alpha=alpha)[0])]


def _sigmoid(work: Conversion, node: Node) -> list[Value]:
    tensor = work.padded(work.tensor(node, 0))
    return [tensor._replace(name=work.add('Sigmoid', [tensor.name])[0])]


def _concat(work: Conversion, node: Node) -> list[Value]:
    count = len(node.inputs) - 1
    tensors = [work.tensor(node, index) for index in range(count)]
    axis = int(work.fixed(node, count)) % len(tensors[0].order)
    order = tensors[0].order
    (name,) = work.add(
        'Concat', [work.stored(tensor, order) for tensor in tensors], axis=order[axis]
    )
    shape = list(tensors[0].shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return [Lazy(name, order, tuple(shape))]


def _split(work: Conversion, node: Node) -> list[Value]:
    tensor = work.padded(work.tensor(node, 0))
    axis = int(work.fixed(node, 2)) % len(tensor.order)
    sizes = work.fixed(node, 1).astype(np.int64)
    if (sizes < 0).any():
        sizes[sizes < 0] = tensor.shape[axis] - sizes[sizes >= 0].sum()
    names = work.add(
        'Split', [tensor.name, work.constant(sizes)], len(sizes), axis=tensor.order[axis]
    )
    results: list[Value] = []
    for name, size in zip(names, sizes.tolist(), strict=True):
        shape = (*tensor.shape[:axis], size, *tensor.shape[axis + 1 :])
        results.append(tensor._replace(name=name, shape=shape))
    return results


def _reshape(work: Conversion, node: Node) -> list[Value]:
    tensor = work.tensor(node, 0)
    target = work.fixed(node, 1).astype(np.int64)
    shape = np.empty(tensor.shape, bool).reshape(target).shape
    data = work.stored(tensor, range(len(tensor.order)))
    (name,) = work.add('Reshape', [data, work.constant(target)])
    return [Lazy(name, tuple(range(len(shape))), shape)]


def _resize_bilinear(work: Conversion, node: Node) -> list[Value]:
    tensor = work.tensor(node, 0)
    before, after = np.array(tensor.shape[1:3]), work.fixed(node, 1).astype(np.int64)
    if node.attributes.get('align_corners'):
        mode = 'align_corners'
    else:
        mode = 'half_pixel' if node.attributes.get('half_pixel_centers') else 'asymmetric'
    data = work.stored(tensor, _CHANNELS_FIRST)
    batch, channels = tensor.shape[0], tensor.shape[3]
    whole = all(max(pair) % min(pair) == 0 for pair in zip(before, after, strict=True))
    # A whole ratio holds for every input size; another one would be off by its own rounding.
    if whole:
        scales = np.concatenate([[1, 1], after / before]).astype(np.float32)
        extra = ['', work.constant(scales)]
    else:
        sizes = np.array([batch, channels, *after], np.int64)
        extra = ['', '', work.constant(sizes)]
    (name,) = work.add('Resize', [data, *extra], mode='linear', coordinate_transformation_mode=mode)
    return [Lazy(name, _CHANNELS_FIRST, (batch, int(after[0]), int(after[1]), channels))]


def _sparse_to_dense(work: Conversion, node: Node) -> list[Value]:
    indices, shape, values, default = (work.fixed(node, index) for index in range(4))
    dense = np.full(shape, default)
    dense[tuple(indices.reshape(-1, dense.ndim).T)] = values
    return [dense]


CONVERTERS: Mapping[str, Callable[[Conversion, Node], list[Value]]] = {
    'Add': _add,
    'AddV2': _add,
    'ConcatV2': _concat,
    'Conv2D': _conv2d,
    'Identity': _identity,
    'LeakyRelu': _leaky_relu,
    'MaxPool': _max_pool,
    'Pad': _pad,
    'PadV2': _pad,
    'Reshape': _reshape,
    'ResizeBilinear': _resize_bilinear,
    'Sigmoid': _sigmoid,
    'SparseToDense': _sparse_to_dense,
    'SplitV': _split,
    'Transpose': _transpose,
}
