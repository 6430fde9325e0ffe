"""Static INT8 quantisation that onnxruntime's CPU kernels fuse.

What makes them fuse: QDQ format, uint8 activations, int8 weights per channel, and the tail
(reshape, transpose, sigmoid) left in float. int8 activations would leave most convolutions
unfused and slower than float. Weights take seven of their eight bits: on x86 processors without
VNNI two products are added in 16 bits, which saturates with eight and shifts the scores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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

QUANTISED_OPS = ('Conv', 'LeakyRelu', 'MaxPool', 'Concat', 'Add', 'Resize')


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibrator one input after the other."""

    def __init__(self, name: str, inputs: Sequence[NDArray[np.float32]]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: value} for value in inputs])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def quantize(model: onnx.ModelProto, calibration: Sequence[NDArray[np.float32]]) -> onnx.ModelProto:
    """Quantise a float model.

    Args:
        model: One input, float32.
        calibration: Inputs, each of any size that the model takes; activation ranges are the
            least and greatest values that occur with them.

    Returns:
        A model with the same inputs and outputs.
    """
    with TemporaryDirectory(prefix='anonymize-model-') as scratch:
        plain, prepared, quantised = (
            str(Path(scratch, f'{stage}.onnx')) for stage in ('plain', 'prepared', 'quantised')
        )
        onnx.save(model, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        # The quantiser logs on the root logger that it would like what was just done.
        logging.disable(logging.WARNING)
        try:
            quantize_static(
                prepared,
                quantised,
                _Inputs(model.graph.input[0].name, calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED_OPS),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
        finally:
            logging.disable(logging.NOTSET)
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
