"""Reads TensorFlow.js graph models: a GraphDef as JSON, and its weights in binary files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import ModelError

_STORED_TYPES = {'float32': np.float32, 'int32': np.int32, 'float16': np.float16, 'bool': np.bool_}


@dataclass(frozen=True)
class Node:
    """One operation of the graph.

    Attributes:
        name: Unique in the graph; also the name of its first output.
        op: TensorFlow's name of the operation.
        inputs: Names of tensors: a node's name, followed by `:i` for its output i > 0.
        attributes: Decoded: str, int, float, bool, a list of these, or a shape as a tuple with
            None for what is unknown.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A frozen graph.

    Attributes:
        nodes: Every node after those that it reads from.
        weights: Values of the Const nodes by name; float32 or int32.
        outputs: Names of the output tensors, as the signature lists them.
    """

    nodes: tuple[Node, ...]
    weights: Mapping[str, NDArray[Any]]
    outputs: tuple[str, ...]


def read_graph(path: Path) -> Graph:
    """Read a graph model and its weights.

    Args:
        path: The JSON file; weight files lie beside it.

    Raises:
        ModelError: If a file is absent or isn't what the manifest says.
    """
    try:
        model = json.loads(path.read_text(encoding='utf-8'))
        nodes = [_node(entry) for entry in model['modelTopology']['node']]
        weights = {}
        for group in model['weightsManifest']:
            stored = b''.join((path.parent / name).read_bytes() for name in group['paths'])
            weights.update(_weights(group['weights'], stored, path))
        outputs = tuple(sorted(_tensor(name) for name in model['signature']['outputs']))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f'{str(path)!r} is no TensorFlow.js graph model ({type(error).__name__}: {error}); '
            'take it from the package again.'
        ) from error
    return Graph(_sorted(nodes), weights, outputs)


def _node(entry: Mapping[str, Any]) -> Node:
    inputs = tuple(_tensor(name) for name in entry.get('input', ()) if not name.startswith('^'))
    attributes = {key: _attribute(value) for key, value in entry.get('attr', {}).items()}
    return Node(entry['name'], entry['op'], inputs, attributes)


def _tensor(name: str) -> str:
    """A tensor's name without the `:0` that may stand for the first output."""
    return name[:-2] if name.endswith(':0') else name


def _attribute(value: Mapping[str, Any]) -> Any:
    """An AttrValue, protobuf's JSON mapping: int64 as text, bytes in base64."""
    ((kind, content),) = value.items()
    if kind == 's':
        return base64.b64decode(content).decode('utf-8', 'replace')
    if kind == 'i':
        return int(content)
    if kind == 'list':
        return [_attribute({key: item}) for key, items in content.items() for item in items]
    if kind == 'shape':
        sizes = [int(dim.get('size', -1)) for dim in content.get('dim', ())]
        return tuple(None if size < 0 else size for size in sizes)
    return content


def _weights(
    entries: list[Mapping[str, Any]], stored: bytes, path: Path
) -> dict[str, NDArray[Any]]:
    """Cut a group's bytes into its tensors.

    Raises:
        ModelError: If the bytes don't add up, or a weight is stored in a way not known here.
    """
    weights, offset = {}, 0
    for entry in entries:
        name, kind = entry['name'], entry['dtype']
        stored_kind = entry.get('quantization', {}).get('dtype', kind)
        if kind not in _STORED_TYPES or stored_kind not in (kind, 'float16'):
            raise ModelError(
                f'{str(path)!r} stores the weight {name!r} as {stored_kind!r} for {kind!r}; known '
                f'are {", ".join(_STORED_TYPES)} as they are, and float16. Export it that way.'
            )
        dtype = np.dtype(_STORED_TYPES[stored_kind]).newbyteorder('<')
        count = int(np.prod(entry['shape'], dtype=np.int64))
        if offset + count * dtype.itemsize > len(stored):
            raise ModelError(
                f'The weights of {str(path)!r} end at byte {len(stored)}, inside {name!r}; '
                'the file is cut off. Take it from the package again.'
            )
        flat = np.frombuffer(stored, dtype, count, offset)
        weights[name] = flat.astype(_STORED_TYPES[kind]).reshape(entry['shape'])
        offset += count * dtype.itemsize
    if offset != len(stored):
        raise ModelError(
            f'The weights of {str(path)!r} have {len(stored)} bytes, but the manifest lists '
            f'{offset}; the files belong to different models. Take both from the same package.'
        )
    return weights


def _sorted(nodes: list[Node]) -> tuple[Node, ...]:
    by_name = {node.name: node for node in nodes}
    order: TopologicalSorter[str] = TopologicalSorter()
    for node in nodes:
        order.add(node.name, *(name.partition(':')[0] for name in node.inputs))
    try:
        return tuple(by_name[name] for name in order.static_order())
    except (CycleError, KeyError) as error:
        raise ModelError(
            f'The graph can not be put in order: {error} is a circle or not there. '
            'Export it again as a frozen graph.'
        ) from error
