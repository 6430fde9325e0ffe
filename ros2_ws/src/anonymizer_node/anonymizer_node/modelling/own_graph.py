"""Quantises the graph of a detector that came from elsewhere: checks it, and mends what is old."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, version_converter

from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.modelling import tail
from anonymizer_node.modelling.quantize import Target, prepared, quantize_prepared

LEAST_OPSET = 13
"""The first in which weights can be quantised per channel."""
_LEAST_IR = 7
"""That goes with this opset."""
_QUANTISED_OPS = re.compile('(Dynamic|De)?[Qq]uantizeLinear|Q[A-Z].*|.*Integer')
_HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def quantised(original: OnnxDetector, frames: Sequence[Frame], target: Target) -> onnx.ModelProto:
    """A detector's graph quantised with frames, made into inputs as at run time.

    Raises:
        ModelError: If the graph is quantised already, isn't in single precision, has nothing to
            quantise, or onnx or onnxruntime can't change it.
    """
    path = str(original.model.path)
    model = onnx.load_from_string(original.graph)
    _check_single_precision(path, model)
    _plain(path, model)
    try:
        ready = prepared(model)
    except Exception as error:  # The quantiser raises nearly anything, on graphs that it lacks
        # an operator or a shape for.
        raise _not_quantisable(path, error) from error
    tail.name_nodes(ready)
    if not tail.layers_of(ready):
        raise ModelError(
            f'{path!r} has no convolution or matrix product with weights in it, so there is '
            'nothing to quantise.'
        )

    def feeds() -> Iterator[dict[str, NDArray[Any]]]:
        for frame in frames:
            yield original.prepare(frame).feeds

    try:
        return quantize_prepared(ready, feeds(), target, tail.left_in_float(ready))
    except Exception as error:  # As above.
        raise _not_quantisable(path, error) from error


def _check_single_precision(path: str, model: onnx.ModelProto) -> None:
    nodes = list(tail.nodes_of(model.graph))
    quantised_ops = sorted(
        {node.op_type for node in nodes if _QUANTISED_OPS.fullmatch(node.op_type)}
    )
    if quantised_ops:
        raise ModelError(
            f'{path!r} is quantised already: it has {", ".join(quantised_ops)} in it. Give its '
            'float original.'
        )
    types = {item.data_type for item in model.graph.initializer}
    types |= {item.type.tensor_type.elem_type for item in model.graph.input}
    types |= {
        attribute.t.data_type
        for node in nodes
        if node.op_type == 'Constant'
        for attribute in node.attribute
        if attribute.name == 'value'
    }
    if not types.isdisjoint(_HALVES):
        raise ModelError(
            f'{path!r} is in half precision (fp16); quantise from an export of it in single '
            'precision, fp32.'
        )


def _plain(path: str, model: onnx.ModelProto) -> None:
    """Bring what old exporters write to where the quantiser can work with it."""
    # Constants that are inputs too could be given anew with every frame, so nothing is folded.
    constants = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    opset = next((item.version for item in model.opset_import if not item.domain), 0)
    if opset < LEAST_OPSET:
        try:
            model.CopyFrom(version_converter.convert_version(model, LEAST_OPSET))
        except Exception as error:  # onnx raises its own types, straight from Exception.
            raise ModelError(
                f'{path!r} is of opset {opset} and can not be brought to {LEAST_OPSET}, which '
                f'quantising needs ({error}); export it with that or a newer one.'
            ) from error
    model.ir_version = max(model.ir_version, _LEAST_IR)


def _not_quantisable(path: str, error: Exception) -> ModelError:
    text = str(error).strip().splitlines()
    return ModelError(
        f'{path!r} can not be quantised by onnxruntime {onnxruntime.__version__} '
        f'({type(error).__name__}: {text[0] if text else "no message"}); export it anew, with '
        'simplified shapes and a newer opset, or use it as it is.'
    )
