"""TensorFlow graphs to ONNX, with numpy and onnx alone."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling.operations import CONVERTERS, Conversion, unsupported
from anonymizer_node.modelling.tfjs import Graph
from anonymizer_node.modelling.writer import Lazy


def convert(
    graph: Graph, outputs: Mapping[str, str], dynamic: Mapping[int, str] | None = None
) -> onnx.ModelProto:
    """Rewrite a graph in ONNX.

    Args:
        graph: With one Placeholder, of known shape.
        outputs: Names of output tensors, and what they are to be called.
        dynamic: Axes of the input that may have any size, and what to call those. The graph
            follows them as far as the source's own constants allow: a Reshape with one -1, a
            ResizeBilinear by a whole factor.

    Returns:
        A model with the input `x`, float32, axes as in the source.

    Raises:
        ModelError: If an operation, or a way of using one, is not known here.
    """
    work = Conversion(graph, outputs)
    inputs = []
    for node in graph.nodes:
        if node.op == 'Const':
            continue
        if node.op == 'Placeholder':
            shape = node.attributes['shape']
            work.values[node.name] = Lazy('x', tuple(range(len(shape))), shape)
            sizes = [(dynamic or {}).get(axis, size) for axis, size in enumerate(shape)]
            inputs.append(helper.make_tensor_value_info('x', TensorProto.FLOAT, sizes))
            continue
        if node.op not in CONVERTERS:
            raise unsupported(node, f'known operations are {", ".join(sorted(CONVERTERS))}')
        results = CONVERTERS[node.op](work, node)
        for index, result in enumerate(results):
            work.values[f'{node.name}:{index}' if index else node.name] = result
    infos = []
    for source, name in outputs.items():
        tensor = work.values.get(source)
        if not isinstance(tensor, Lazy):
            raise ModelError(f'The graph computes no {source!r}; it can not become {name!r}.')
        work.nodes.append(
            helper.make_node(
                'Identity', [work.stored(tensor, range(len(tensor.order)))], [name], name=name
            )
        )
        sizes = [f'{name}_{axis}' for axis in range(len(tensor.order))]
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))
    return work.model(inputs, infos)
