"""Collects an ONNX graph node by node, with transposes and padding put off until they matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8

Pads = tuple[tuple[int, int], ...]


class Lazy(NamedTuple):
    """A tensor of the source graph, and where its values lie in the ONNX graph.

    Attributes:
        name: Of the ONNX tensor.
        order: For each axis of the source tensor, the ONNX tensor's axis that holds it.
        shape: Of the source tensor, padding included, for the input size of the source graph.
        pads: Elements (before, after) along each source axis that are yet to be added; () is none.
        pad_value: What they are.
    """

    name: str
    order: tuple[int, ...]
    shape: tuple[int, ...]
    pads: Pads = ()
    pad_value: float = 0.0

    def permuted(self, perm: Sequence[int]) -> Lazy:
        """The tensor with its axes in another order: source axis i is the former `perm[i]`."""
        return self._replace(
            order=tuple(self.order[axis] for axis in perm),
            shape=tuple(self.shape[axis] for axis in perm),
            pads=tuple(self.pads[axis] for axis in perm) if self.pads else (),
        )


class Writer:
    """An ONNX graph in the making.

    Attributes:
        nodes: In the order of execution.
        initializers: Constants by name.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, NDArray[Any]] = {}

    def add(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Append a node; returns the names of its outputs."""
        label = f'{op}_{len(self.nodes)}'
        names = [label if outputs == 1 else f'{label}_{index}' for index in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=label, **attributes))
        return names

    def constant(self, value: NDArray[Any]) -> str:
        """Store a constant; returns its name."""
        name = f'constant_{len(self.initializers)}'
        self.initializers[name] = np.ascontiguousarray(value)
        return name

    def padded(self, tensor: Lazy) -> Lazy:
        """Carry out the padding that was put off."""
        if not tensor.pads:
            return tensor
        stored = _in_order(tensor.pads, tensor.order)
        amounts = [before for before, _ in stored] + [after for _, after in stored]
        (name,) = self.add(
            'Pad',
            [
                tensor.name,
                self.constant(np.array(amounts, np.int64)),
                self.constant(np.array(tensor.pad_value, np.float32)),
            ],
        )
        return tensor._replace(name=name, pads=(), pad_value=0.0)

    def stored(self, tensor: Lazy, order: Sequence[int]) -> str:
        """Name of an ONNX tensor with the same values, padded, in a given order of axes."""
        tensor = self.padded(tensor)
        order = tuple(order)
        if tensor.order == order:
            return tensor.name
        perm = _in_order(tensor.order, order)
        return self.add('Transpose', [tensor.name], perm=list(perm))[0]

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished graph, checked."""
        graph = helper.make_graph(
            self.nodes,
            'graph',
            list(inputs),
            list(outputs),
            [numpy_helper.from_array(value, name) for name, value in self.initializers.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model)
        return model


def _in_order(per_axis: Sequence[Any], order: Sequence[int]) -> tuple[Any, ...]:
    """Rearrange what is given for each source axis to lie as the ONNX tensor's axes do."""
    arranged = [per_axis[0]] * len(order)
    for axis, position in enumerate(order):
        arranged[position] = per_axis[axis]
    return tuple(arranged)
