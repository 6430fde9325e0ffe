"""Runs ONNX detectors. The only module outside `modelling` that imports onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime

from anonymizer_node.core.datatypes import Detections, Frame, UInt8Array
from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.core.geometry import Letterbox, nms
from anonymizer_node.detectors.families import FAMILIES, GraphInfo
from anonymizer_node.detectors.registry import ModelFile

PROVIDER_NAMES = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}


class OnnxDetector:
    """A detector from an ONNX file.

    Attributes:
        model: The file in use.
        family: Key of `FAMILIES`.
        names: Class names by id.
        provider: What runs it: `tensorrt`, `cuda` or `cpu`.
    """

    def __init__(
        self, model: ModelFile, providers: Sequence[str], threads: int, input_size: int
    ) -> None:
        """Load a model.

        Args:
            model: Read and identified.
            providers: In order of preference; absent ones are passed over.
            threads: Of the CPU provider.
            input_size: Longer side of the input, pixels.

        Raises:
            ModelError: If the file is no ONNX graph, not of its family, or nothing can run it.
        """
        self.model = model
        self._input_size = input_size
        self._session = _session(model, providers, threads)
        by_name = {name: key for key, name in PROVIDER_NAMES.items()}
        self.provider = by_name[self._session.get_providers()[0]]
        graph = _graph_info(self._session)
        self.family = _family_of(model, graph)
        self._family = FAMILIES[self.family]
        classes = model.classes or tuple(
            name.strip() for name in graph.metadata.get('classes', '').split(',') if name.strip()
        )
        if not classes:
            raise ModelError(
                f'{str(model.path)!r} does not say which classes it detects; add them to its '
                'metadata under "classes", or to models.yaml.'
            )
        self.names = classes
        self._input_name = graph.inputs[0][0]
        self._canvas: UInt8Array = np.zeros((0, 0, 3), np.uint8)

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """See `core.pipeline.Detector.detect`."""
        box = Letterbox.fit(frame.width, frame.height, self._input_size)
        picture = self._family.prepare(self._letterboxed(frame, box))
        try:
            outputs = self._session.run(None, {self._input_name: picture})
        except Exception as error:  # onnxruntime raises its own types, straight from Exception.
            raise DetectorError(f'The model failed on a frame: {error}') from error
        xyxy, scores, class_ids = self._family.decode(
            outputs, box.input_width, box.input_height, score_threshold
        )
        in_frame = box.to_frame(xyxy)
        # A box that lies in the letterbox's padding alone is about nothing in the frame. What is
        # no box at all (NaN, no size) stays: it is not for here to take it for nobody.
        beside = (
            (in_frame[:, 2:] <= 0).any(axis=1)
            | (in_frame[:, 0] >= frame.width)
            | (in_frame[:, 1] >= frame.height)
        )
        keep = ~beside
        in_frame, scores, class_ids = in_frame[keep], scores[keep], class_ids[keep]
        best = nms(in_frame, scores, self._family.NMS_IOU, class_ids)
        return Detections(
            in_frame[best].astype(np.float32), scores[best], class_ids[best], self.names
        )

    def _letterboxed(self, frame: Frame, box: Letterbox) -> UInt8Array:
        """The frame in the middle of black, (input height, input width, 3) uint8 BGR, reused."""
        if self._canvas.shape[:2] != (box.input_height, box.input_width):
            self._canvas = np.zeros((box.input_height, box.input_width, 3), np.uint8)
        canvas = self._canvas
        below, right = box.top + box.height, box.left + box.width
        canvas[: box.top] = canvas[below:] = 0
        canvas[:, : box.left] = canvas[:, right:] = 0
        canvas[box.top : below, box.left : right] = resized_bgr(
            frame.pixels, frame.encoding, box.width, box.height
        )
        return canvas


def _session(
    model: ModelFile, providers: Sequence[str], threads: int
) -> onnxruntime.InferenceSession:
    available = onnxruntime.get_available_providers()
    wanted = [PROVIDER_NAMES[name] for name in providers if PROVIDER_NAMES[name] in available]
    if not wanted:
        raise ModelError(
            f'None of the providers {", ".join(providers)} is in this onnxruntime, which has '
            f'{", ".join(available)}; add "cpu" to providers or install the onnxruntime for it.'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between two frames take the cores from DDS and the codecs.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        session = onnxruntime.InferenceSession(model.content, options, providers=wanted)
    except Exception as error:  # onnxruntime raises its own types, straight from Exception.
        raise ModelError(
            f'{str(model.path)!r} can not be loaded as an ONNX model: {error} '
            'Name one that "anonymize model list" shows, or the path of a whole ONNX file.'
        ) from error
    # onnxruntime falls back to the CPU without a word; that is fine only if it was allowed.
    in_force = session.get_providers()[0]
    if in_force not in wanted:
        raise ModelError(
            f'The model runs on {in_force}, though only {", ".join(providers)} was allowed; '
            'add "cpu" to providers to accept that.'
        )
    return session


def _graph_info(session: onnxruntime.InferenceSession) -> GraphInfo:
    def described(items: Sequence[Any]) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
        return tuple((item.name, item.type, tuple(item.shape)) for item in items)

    return GraphInfo(
        described(session.get_inputs()),
        described(session.get_outputs()),
        dict(session.get_modelmeta().custom_metadata_map),
    )


def _family_of(model: ModelFile, graph: GraphInfo) -> str:
    """The family that is named, by models.yaml or the graph's metadata, or else the one it fits.

    Raises:
        ModelError: If it fits none, or not the one named.
    """
    named = model.family or graph.metadata.get('family', '')
    if named and named not in FAMILIES:
        raise ModelError(
            f'{str(model.path)!r} is said to be of family {named!r}, which is unknown; '
            f'known are {", ".join(FAMILIES)}.'
        )
    misfits = {
        name: FAMILIES[name].misfit(graph) for name in ([named] if named else list(FAMILIES))
    }
    for name, misfit in misfits.items():
        if not misfit:
            return name
    said = '; '.join(f'not {name}, since {misfit}' for name, misfit in misfits.items())
    raise ModelError(f'{str(model.path)!r} is no detector of a known family: {said}.')
