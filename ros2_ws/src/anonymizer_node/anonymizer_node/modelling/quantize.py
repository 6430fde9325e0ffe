"""Static INT8 quantisation that onnxruntime's CPU kernels fuse.

What makes them fuse: QDQ format, uint8 activations, int8 weights per channel, and the tail
(reshape, transpose, sigmoid) left in float. int8 activations would leave most convolutions
unfused and slower than float. Weights take seven of their eight bits: on x86 processors without
VNNI two products are added in 16 bits, which saturates with eight and shifts the scores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from anonymizer_node.modelling.tail import LAYERS

_WARNING, _ERROR = 2, 3
"""Severities of onnxruntime's logger."""

QUANTISED_OPS = ('Conv', 'LeakyRelu', 'MaxPool', 'Concat', 'Add', 'Resize')
"""Those of the embedded model."""
FOLLOWING_OPS = (
    'Relu',
    'Clip',
    'LeakyRelu',
    'Sigmoid',
    'Mul',
    'Add',
    'Concat',
    'Split',
    'MaxPool',
    'AveragePool',
    'GlobalAveragePool',
    'Resize',
    'Reshape',
    'Transpose',
)
"""What lies between layers and has integer kernels on the CPU, or needs none."""


class Target(NamedTuple):
    """What runs a quantised model wants of it.

    Attributes:
        activations: Their type.
        reduce_range: Whether weights keep to seven bits.
        operations: Whose tensors are quantised.
        options: Of onnxruntime's quantiser, beyond these.
    """

    activations: QuantType
    reduce_range: bool
    operations: tuple[str, ...]
    options: Mapping[str, Any]


TARGETS: Mapping[str, Target] = {
    'cpu': Target(QuantType.QUInt8, True, (*LAYERS, *FOLLOWING_OPS), {}),
    # TensorRT takes signed integers with zero points of 0 alone, quantises the inputs of layers
    # and what lies between as it sees fit, and takes biases in float. A symmetric range leaves
    # half of its steps unused behind a Relu: with the mean of the pictures' extremes in place of
    # the greatest, CenterFace misses half as many of the faces that it saw in float.
    'tensorrt': Target(
        QuantType.QInt8,
        False,
        LAYERS,
        {
            'ActivationSymmetric': True,
            'WeightSymmetric': True,
            'AddQDQPairToWeight': True,
            'QuantizeBias': False,
            'OpTypesToExcludeOutputQuantization': list(LAYERS),
            'CalibMovingAverage': True,
        },
    ),
}
"""What a model of one's own can be quantised for."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice from the user.

    On the root logger it would like what was just done, and sessions of its own, which take no
    options, warn of each constant that they drop.
    """
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(_ERROR)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(
            _WARNING
        )  # onnxruntime's default; it can't be read.
        logging.disable(logging.NOTSET)


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibrator one input after the other."""

    def __init__(self, feeds: Iterable[Mapping[str, NDArray[Any]]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, Any] | None:
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)


def quantize(model: onnx.ModelProto, calibration: Sequence[NDArray[np.float32]]) -> onnx.ModelProto:
    """Quantise a float model for the CPU.

    Args:
        model: One input, float32.
        calibration: Inputs, each of any size that the model takes; activation ranges are the
            least and greatest values that occur with them.

    Returns:
        A model with the same inputs and outputs.
    """
    name = model.graph.input[0].name
    target = TARGETS['cpu']._replace(operations=QUANTISED_OPS)
    return quantize_prepared(prepared(model), [{name: value} for value in calibration], target)


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float model with constants folded and normalisations merged into their convolutions."""
    with TemporaryDirectory(prefix='anonymize-model-') as scratch:
        plain, ready = (str(Path(scratch, f'{stage}.onnx')) for stage in ('plain', 'prepared'))
        onnx.save(model, plain)
        with _quiet():
            quant_pre_process(plain, ready, skip_symbolic_shape=True)
        return onnx.load(ready)


def quantize_prepared(
    model: onnx.ModelProto,
    feeds: Iterable[Mapping[str, NDArray[Any]]],
    target: Target,
    in_float: Sequence[str] = (),
) -> onnx.ModelProto:
    """Quantise a model that is `prepared`.

    Args:
        model: Float32 inside.
        feeds: Inputs by name; asked for one at a time.
        target: What the result is for.
        in_float: Names of nodes to leave as they are.
    """
    with TemporaryDirectory(prefix='anonymize-model-') as scratch:
        ready, quantised = (str(Path(scratch, f'{stage}.onnx')) for stage in ('ready', 'quantised'))
        onnx.save(model, ready)
        with _quiet():
            quantize_static(
                ready,
                quantised,
                _Inputs(feeds),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(target.operations),
                nodes_to_exclude=list(in_float),
                per_channel=True,
                reduce_range=target.reduce_range,
                activation_type=target.activations,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options=dict(target.options),
            )
        return onnx.load(quantised)


def optimised(model: onnx.ModelProto, level: str = 'extended') -> onnx.ModelProto:
    """What onnxruntime's CPU provider makes of a model before it runs it.

    Args:
        model: Any.
        level: `basic`, `extended` or `all`; the last is specific to this machine's processor.
    """
    levels = {
        'basic': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        'extended': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        'all': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }
    with TemporaryDirectory(prefix='anonymize-model-') as scratch:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = levels[level]
        options.optimized_model_filepath = str(Path(scratch, 'optimised.onnx'))
        options.log_severity_level = 3
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=['CPUExecutionProvider']
        )
        return onnx.load(options.optimized_model_filepath)


def fused_convolutions(model: onnx.ModelProto) -> tuple[int, int]:
    """How many of a quantised model's convolutions run on integers, and how many it has."""
    kinds = [node.op_type for node in optimised(model).graph.node]
    return kinds.count('QLinearConv') + kinds.count('ConvInteger'), sum(
        'Conv' in kind for kind in kinds
    )
