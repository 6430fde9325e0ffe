"""What runs a detector: onnxruntime's execution providers, their options, and that they do run it.

onnxruntime passes over a provider that is absent or fails, without a word. Here the order is the
one asked for, and what is in force is compared with it. This module computes; `sessions.py` calls
onnxruntime.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.errors import ModelError
from anonymizer_node.core.geometry import STRIDE
from anonymizer_node.detectors.inputs import GraphInput

PROVIDER_NAMES: Mapping[str, str] = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
"""Settings' names -> onnxruntime's."""

REMEDIES: Mapping[str, str] = {
    'tensorrt': 'install an onnxruntime built with TensorRT (on a Jetson: from the JetPack index)',
    'cuda': 'install onnxruntime-gpu and the CUDA and cuDNN that its release names',
    'cpu': 'install onnxruntime',
}

_NVINFER = ('libnvinfer.so', 'libnvinfer.so.11', 'libnvinfer.so.10', 'libnvinfer.so.8')


class Shape(NamedTuple):
    """An input's shape as TensorRT must know it before it builds an engine.

    Attributes:
        name: Of the input.
        least: Sizes, the smallest that will come.
        usual: The ones to be fastest at.
        most: The largest.
    """

    name: str
    least: tuple[int, ...]
    usual: tuple[int, ...]
    most: tuple[int, ...]


class TensorRtPlan(NamedTuple):
    """What TensorRT builds its engine from and where it keeps it.

    Attributes:
        folder: Of the engines of this model, this TensorRT and these shapes.
        quantised: Whether the graph has its own int8 scales.
        shapes: Of the inputs, if the graph leaves any size free.
    """

    folder: Path
    quantised: bool
    shapes: tuple[Shape, ...] = ()

    @property
    def is_built(self) -> bool:
        """Whether an engine is there already."""
        return any(self.folder.glob('*.engine'))


def chosen(asked: Sequence[str], available: Sequence[str]) -> list[str]:
    """The providers asked for that this onnxruntime has, in the order asked.

    Args:
        asked: Keys of `PROVIDER_NAMES`.
        available: onnxruntime's names.

    Raises:
        ModelError: If there is none.
    """
    keys = [key for key in asked if PROVIDER_NAMES[key] in available]
    if not keys:
        remedies = '; '.join(REMEDIES[key] for key in asked)
        raise ModelError(
            f'None of the providers {", ".join(asked)} is in this onnxruntime, which has '
            f'{", ".join(available)}. Add "cpu" to providers, or {remedies}.'
        )
    return keys


def with_options(
    keys: Sequence[str], tensorrt: TensorRtPlan | None
) -> list[tuple[str, dict[str, str]]]:
    """Providers as `InferenceSession` takes them: name and options, in order."""
    options: Mapping[str, dict[str, str]] = {
        'tensorrt': _tensorrt_options(tensorrt),
        # The exhaustive search that is the default takes seconds for every new input size.
        'cuda': {'device_id': '0', 'cudnn_conv_algo_search': 'HEURISTIC'},
        'cpu': {},
    }
    return [(PROVIDER_NAMES[key], options[key]) for key in keys]


def _tensorrt_options(plan: TensorRtPlan | None) -> dict[str, str]:
    options = {'device_id': '0', 'trt_fp16_enable': 'True'}
    if plan is None:
        return options
    options |= {
        'trt_int8_enable': str(plan.quantised),
        'trt_engine_cache_enable': 'True',
        'trt_engine_cache_path': str(plan.folder),
        'trt_timing_cache_enable': 'True',
        'trt_timing_cache_path': str(plan.folder),
    }
    # Without these the engine is built anew, for minutes, at the first frame of another size.
    for option, sizes in (('min', 'least'), ('opt', 'usual'), ('max', 'most')):
        if plan.shapes:
            options[f'trt_profile_{option}_shapes'] = ','.join(
                f'{shape.name}:{"x".join(map(str, getattr(shape, sizes)))}' for shape in plan.shapes
            )
    return options


def tensorrt_plan(
    content: bytes,
    sha256: str,
    version: str,
    takes: GraphInput,
    sizes: tuple[int, int],
    cache: str,
) -> TensorRtPlan:
    """What TensorRT is to build, for the shapes that frames will have.

    Args:
        content: Of the model.
        sha256: Of the model as its owner knows it.
        version: Of TensorRT.
        takes: The graph's inputs.
        sizes: Longer side of a free input, the usual and the largest, pixels.
        cache: See `engine_folder`.
    """
    shapes: tuple[Shape, ...] = ()
    if takes.size is None:
        usual, largest = sizes
        short = -(-usual * 3 // 4 // STRIDE) * STRIDE
        sides = [(STRIDE, STRIDE), (short, usual), (largest, largest)]
        bounds = [(1, *side, 3) if takes.channels_last else (1, 3, *side) for side in sides]
        shapes = (Shape(takes.name, *bounds),)
        if takes.size_name:
            shapes += (Shape(takes.size_name, (1, 2), (1, 2), (1, 2)),)
    quantised = is_quantised(content)
    folder = engine_folder(cache, sha256, version, quantised, shapes)
    return TensorRtPlan(folder, quantised, shapes)


def engine_folder(
    cache: str, sha256: str, version: str, quantised: bool, shapes: Sequence[Shape]
) -> Path:
    """Where the engines of one model lie; another model, TensorRT or size has another folder.

    Args:
        cache: Folder of all engines, or '': `anonymizer_node` in the user's cache folder.
        sha256: Of the model.
        version: Of TensorRT.
        quantised: Whether int8 is allowed.
        shapes: That the engine is built for.
    """
    root = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    base = Path(cache or Path(root) / 'anonymizer_node' / 'engines').expanduser()
    precision = 'int8' if quantised else 'fp16'
    most = '-' + 'x'.join(map(str, shapes[0].most)) if shapes else ''
    return base / f'{sha256[:16]}-trt{version}-{precision}{most}'


def tensorrt_version(otherwise: str) -> str:
    """The number of the TensorRT library that onnxruntime will load, such as 100300 for 10.3.0.

    Args:
        otherwise: What to answer where the library isn't found by its usual names.
    """
    for name in _NVINFER:
        try:
            return str(ctypes.CDLL(name).getInferLibVersion())
        except (OSError, AttributeError):
            continue
    return otherwise


def is_quantised(content: bytes) -> bool:
    """Whether an ONNX file has int8 scales in its graph: operators of that name are in it."""
    return b'QuantizeLinear' in content


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may write to: engines are code, and say where people are.

    Raises:
        ModelError: If it can't be made, or others could have put engines into it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f'The folder {str(folder)!r} for the engines of TensorRT can not be made '
            f'({error.strerror or error}); name another one with the setting "engine_cache".'
        ) from error
    if folder.is_symlink() or not _is_private(folder.stat()):
        raise ModelError(
            f"The folder {str(folder)!r} for the engines of TensorRT is not this user's alone: "
            'others may have put one there, and it is not checked by its hash as a model is. '
            'Delete it, or name another one with the setting "engine_cache".'
        )


def _is_private(status: os.stat_result) -> bool:
    if not hasattr(os, 'geteuid'):  # Windows, where the mode says nothing of others.
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def building(model: str, plan: TensorRtPlan) -> str:
    """What to tell the user before TensorRT builds an engine, which takes minutes in silence."""
    return (
        f'TensorRT builds its engine of {model}, which takes minutes and happens once; '
        f'it is kept in {str(plan.folder)!r}.'
    )


def in_force(actual: Sequence[str], asked: Sequence[str]) -> str:
    """The provider that a session really has, as settings name it.

    Args:
        actual: `session.get_providers()`.
        asked: Keys of `PROVIDER_NAMES`.

    Raises:
        ModelError: If it wasn't asked for. onnxruntime falls back to the CPU unasked.
    """
    by_name = {name: key for key, name in PROVIDER_NAMES.items()}
    key = by_name.get(actual[0], actual[0])
    if key not in asked:
        raise ModelError(
            f'The model runs on {actual[0]}, though only {", ".join(asked)} was allowed; add '
            f'"cpu" to providers to accept that, or {REMEDIES[asked[0]]}.'
        )
    return key
