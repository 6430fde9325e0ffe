"""Opens onnxruntime's sessions. The only module outside `modelling` that imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnxruntime

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors import providers as running
from anonymizer_node.detectors.family import GraphInfo

Notice = Callable[[str], None]
VERSION: str = onnxruntime.__version__


def available() -> list[str]:
    """The providers that this onnxruntime has, by its own names."""
    return list(onnxruntime.get_available_providers())


def declared(path: str, content: bytes) -> GraphInfo:
    """What a file declares; nothing is optimised for it, so that it is quick."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=[running.PROVIDER_NAMES['cpu']]
        )
    except Exception as error:  # onnxruntime raises its own types, straight from Exception.
        raise _unloadable(path, error) from error

    def described(items: Sequence[Any]) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
        return tuple((item.name, item.type, tuple(item.shape)) for item in items)

    return GraphInfo(
        described(session.get_inputs()),
        described(session.get_outputs()),
        dict(session.get_modelmeta().custom_metadata_map),
    )


def opened(
    path: str,
    content: bytes,
    keys: Sequence[str],
    threads: int,
    plan: running.TensorRtPlan | None,
    notice: Notice,
) -> tuple[onnxruntime.InferenceSession, str]:
    """A session on the first provider that starts, and which that is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads spin between two operators, where sleeping costs more than it saves, and not between
    # two frames, where they would take the cores from DDS and the codecs.
    options.add_session_config_entry('session.intra_op.allow_spinning', '1')
    options.add_session_config_entry('session.force_spinning_stop', '1')
    for first, key in enumerate(keys):
        asked = keys[first:]
        if key == 'tensorrt' and plan is not None:
            running.make_folder(plan.folder)
            if not plan.is_built:
                notice(running.building(path, plan))
        try:
            # Its own fallback prints, goes on with providers that nobody asked for, and would
            # do so again in the midst of a run.
            session = onnxruntime.InferenceSession(
                content, options, providers=running.with_options(asked, plan), enable_fallback=0
            )
        except Exception as error:  # onnxruntime raises its own types, straight from Exception.
            if asked[1:]:
                notice(f'The provider {key} did not start: {error} Going on with {asked[1]}.')
                continue
            raise _unloadable(path, error) from error
        provider = running.in_force(session.get_providers(), asked)
        if provider != key:
            notice(f'The provider {key} did not start; {path!r} runs on {provider}.')
        return session, provider
    raise AssertionError('keys is never empty')


def _unloadable(path: str, error: Exception) -> ModelError:
    return ModelError(
        f'{path!r} can not be loaded as an ONNX model: {error} '
        'Name one that "anonymize model list" shows, or the path of a whole ONNX file.'
    )
