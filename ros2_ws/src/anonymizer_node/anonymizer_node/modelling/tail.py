"""Which nodes of a detector's graph stay in float when it is quantised.

Scores and boxes that are decoded in the graph end up in one tensor: boxes in pixels and scores in
0..1 on one scale of 256 steps leave of a score nothing. So everything behind the last layer with
weights stays in float, on each path. A layer with weights is a convolution or matrix product of
more than one output: one with a single output is a decoder's own arithmetic, such as the
expectation over a box's bins, or a last layer of scores, cheap in float too.

The outputs of the last layers themselves are quantised. Leaving those layers in float gained
nothing with CenterFace: of the 61 faces that it sees in coco128 with 0.5, 59 are found again
either way.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

LAYERS = ('Conv', 'MatMul', 'Gemm')


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node of the outer graph a name of its own."""
    taken = {node.name for node in model.graph.node}
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = _unused(f'{node.op_type}_{index}', taken)
            taken.add(node.name)
        seen.add(node.name)


def left_in_float(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that must not be quantised.

    Args:
        model: Its nodes have names of their own, and come in the order of execution.

    Returns:
        The nodes behind the last layers, and products of two activations or of one output.
    """
    layers = {node.name for node in layers_of(model)}
    needed: set[str] = set()
    floats = []
    for node in reversed(model.graph.node):
        is_layer = node.name in layers
        is_needed = is_layer or not needed.isdisjoint(node.output)
        if is_needed:
            needed.update(_reads(node))
        if not is_needed or (node.op_type in LAYERS and not is_layer):
            floats.append(node.name)
    return floats[::-1]


def layers_of(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that are layers with weights in single precision and more than one output."""
    shapes = {
        item.name: tuple(item.dims)
        for item in model.graph.initializer
        if item.data_type == onnx.TensorProto.FLOAT
    }
    return [node for node in model.graph.node if _outputs(node, shapes) > 1]


def _outputs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Channels or columns that a layer gives; 0 if it is none."""
    if node.op_type not in LAYERS or len(node.input) < 2 or node.input[1] not in shapes:
        return 0
    shape = shapes[node.input[1]]
    if node.op_type == 'Conv':
        return shape[0]
    if len(shape) != 2:
        return 0
    turned = any(attribute.name == 'transB' and attribute.i for attribute in node.attribute)
    return shape[0] if turned else shape[1]


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Tensors that a node reads, in the graphs within it too."""
    yield from node.input
    for graph in _graphs(node):
        for inner in graph.node:
            yield from _reads(inner)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes of a graph, those of the graphs within it too."""
    for node in graph.node:
        yield node
        for inner in _graphs(node):
            yield from nodes_of(inner)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += '_'
    return name
