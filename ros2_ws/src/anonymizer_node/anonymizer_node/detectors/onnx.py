"""Runs ONNX detectors: what a graph is given, and what its answer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.core.geometry import STRIDE, Letterbox, nms
from anonymizer_node.detectors import providers as running
from anonymizer_node.detectors import sessions
from anonymizer_node.detectors.families import FAMILIES
from anonymizer_node.detectors.family import STRETCH, Decoded, GraphInfo, Misfit, Probe, Size
from anonymizer_node.detectors.guessing import identify, named_family
from anonymizer_node.detectors.inputs import GraphInput, Preprocessor, place, read_input
from anonymizer_node.detectors.names import declared
from anonymizer_node.detectors.registry import ModelFile
from anonymizer_node.detectors.sessions import Notice
from anonymizer_node.detectors.shapes import with_shape

PROVIDER_NAMES = running.PROVIDER_NAMES


class Prepared(NamedTuple):
    """A frame, ready for a graph.

    Attributes:
        feeds: Arrays by the names of the graph's inputs.
        size: Of the picture among them.
        box: How the frame lies in it.
    """

    feeds: dict[str, NDArray[Any]]
    size: Size
    box: Letterbox


class OnnxDetector:
    """A detector from an ONNX file. Not thread-safe.

    Attributes:
        model: The file in use.
        family: Key of `FAMILIES`.
        family_reason: How the family was told, a sentence for the user.
        names: Class names by id.
        provider: What runs it: `tensorrt`, `cuda` or `cpu`.
        passed_over: Those that this onnxruntime has and that come before it in the order asked
            for, but did not start.
        input_size: Longer side of the input in pixels: the graph's own if that is fixed.
        graph: The ONNX file's bytes, with a batch freed that was declared without need.
    """

    def __init__(
        self,
        model: ModelFile,
        providers: Sequence[str],
        threads: int,
        input_size: int,
        *,
        largest_size: int = 0,
        family: str = '',
        engine_cache: str = '',
        notice: Notice | None = None,
    ) -> None:
        """Load a model, and try it once on a picture of zeros.

        Args:
            model: Read and identified.
            providers: In order of preference; absent ones are passed over.
            threads: Of the CPU provider.
            input_size: Longer side of the input where the graph leaves it free, pixels.
            largest_size: Of the sizes that `candidates` will be asked for, if it is larger.
            family: Key of `FAMILIES`; '': as the model says, or guessed.
            engine_cache: Folder of TensorRT's engines; '': in the user's cache folder.
            notice: Gets sentences for the user: that something takes minutes, or that a provider
                which was asked for did not start.

        Raises:
            ModelError: If the file is no ONNX graph, not of its family, or nothing can run it.
        """
        self.model = model
        path = str(model.path)
        keys = running.chosen(providers, sessions.available())
        content, graph, takes = _inspected(model)
        self.graph = content
        self._takes = takes
        self._stride = _stride(graph.metadata)
        self.input_size = max(takes.size) if takes.size else input_size
        plan = None
        if 'tensorrt' in keys:
            otherwise = f'-of-onnxruntime-{sessions.VERSION}'
            version = running.tensorrt_version(otherwise)
            plan = running.tensorrt_plan(
                content,
                model.sha256,
                version,
                takes,
                (input_size, max(input_size, largest_size)),
                engine_cache,
            )
        self._session, self.provider = sessions.opened(
            path, content, keys, threads, plan, notice or (lambda text: None)
        )
        self.passed_over = tuple(keys[: keys.index(self.provider)])
        named, said_by = named_family(path, family, model.family, graph.metadata)
        try:
            probe = self._probed(graph)
            found = identify(path, probe, takes.kind, named, said_by)
        except ModelError as error:
            if takes.batch in (None, 1):
                raise
            raise _batch_error(path, takes.batch) from error
        if takes.batch not in (None, 1) and not FAMILIES[found.family].placeholder_shape:
            raise _batch_error(path, takes.batch)
        self.family, self.family_reason, self.names = found.family, found.reason, found.names
        self._family = FAMILIES[found.family]
        self._outputs, self._classes = list(found.fit.outputs), found.fit.classes
        self._is_half = any(kind == 'tensor(float16)' for _, kind, _ in graph.outputs)
        self._preprocessor = self._new_preprocessor()

    def again(self) -> OnnxDetector:
        """The same detector for another thread, with the same session.

        onnxruntime lets several threads run a session at a time; its threads, if it has any of its
        own, they share. What holds a frame each has for itself.
        """
        other = copy(self)
        other._preprocessor = self._new_preprocessor()
        return other

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """See `core.roles.Detector.detect`."""
        return self.chosen(self.candidates(frame, score_threshold))

    def candidates(self, frame: Frame, score_threshold: float, input_size: int = 0) -> Decoded:
        """What may be somebody, before NMS.

        Args:
            frame: Or a part of one.
            score_threshold: 0..1.
            input_size: See `prepare`.

        Returns:
            Boxes in pixels of the frame.

        Raises:
            DetectorError: If the frame could not be judged.
        """
        prepared = self.prepare(frame, input_size)
        return self.decode(self.infer(prepared), prepared, frame, score_threshold)

    def prepare(self, frame: Frame, input_size: int = 0) -> Prepared:
        """The first part of `candidates`: what the graph is given; valid until the next call.

        Args:
            frame: Or a part of one.
            input_size: Longer side of the input where the graph leaves it free, pixels; 0: the
                detector's own.

        Raises:
            UnsupportedEncodingError: If the frame's encoding can't be shown as BGR.
        """
        placement = self._family.preprocessing.placement
        box = self._place(frame.width, frame.height, placement, input_size or self.input_size)
        size = Size(box.input_width, box.input_height)
        return Prepared(self._takes.feeds(self._preprocessor(frame, box), size), size, box)

    def infer(self, prepared: Prepared) -> list[NDArray[Any]]:
        """The second part of `candidates`: the graph's outputs.

        Raises:
            DetectorError: If the graph fails.
        """
        try:
            return list(self._session.run(self._outputs, prepared.feeds))
        except Exception as error:  # onnxruntime raises its own types, straight from Exception.
            raise DetectorError(f'The model failed on a frame: {error}') from error

    def decode(
        self,
        answer: Sequence[NDArray[Any]],
        prepared: Prepared,
        frame: Frame,
        score_threshold: float,
    ) -> Decoded:
        """The third part of `candidates`: outputs as boxes in pixels of the frame."""
        if self._is_half:
            # What the graph computed as this threshold is the nearest number of half precision.
            score_threshold = min(score_threshold, float(np.float16(score_threshold)))
        found = self._family.decode(
            [_single(array) for array in answer], prepared.size, score_threshold, self._classes
        )
        return self._in_frame(found, frame, prepared.box)

    def chosen(self, candidates: Decoded, otherwise_iou: float | None = None) -> Detections:
        """Candidates as detections: after NMS, best first.

        Args:
            candidates: In pixels of the frame.
            otherwise_iou: Boxes that overlap by more are taken for one where the family leaves
                NMS to the graph; None: none are.
        """
        xyxy, scores, class_ids = candidates
        nms_iou = self._family.nms_iou if self._family.nms_iou is not None else otherwise_iou
        if nms_iou is None:
            best = np.argsort(-scores, kind='stable')
        else:
            best = nms(xyxy, scores, nms_iou, class_ids)
        return Detections(xyxy[best].astype(np.float32), scores[best], class_ids[best], self.names)

    @property
    def is_fixed(self) -> bool:
        """Whether the graph takes one size only."""
        return self._takes.size is not None

    def _new_preprocessor(self) -> Preprocessor:
        takes = self._takes
        return Preprocessor(self._family.preprocessing, takes.kind, takes.channels_last)

    def _place(self, width: int, height: int, placement: str, input_size: int) -> Letterbox:
        return place(width, height, placement, input_size, self._takes.size, self._stride)

    def _in_frame(self, found: Decoded, frame: Frame, box: Letterbox) -> Decoded:
        """Candidates in pixels of the input as such in pixels of the frame."""
        xyxy, scores, class_ids = found
        if not np.isfinite(xyxy).all():
            raise DetectorError('The model answered with a box that is not finite.')
        if (xyxy[:, 2:] < xyxy[:, :2] - 1).any():
            raise DetectorError(
                'The model answered with a box turned inside out; it is of another family than '
                f'{self.family}, or was exported another way.'
            )
        in_frame = box.to_frame(xyxy)
        # A box that lies in the letterbox's padding alone is about nothing in the frame. One
        # without size stays: it is not for here to take it for nobody.
        end = np.array((frame.width, frame.height), np.float32)
        beside = (in_frame[:, 2:] <= 0) | (in_frame[:, :2] >= end)
        if not beside.any():
            return Decoded(in_frame, scores, class_ids)
        keep = ~beside.any(axis=1)
        return Decoded(in_frame[keep], scores[keep], class_ids[keep])

    def _probed(self, graph: GraphInfo) -> Probe:
        """What the graph answers to a picture of zeros as large as a 4:3 frame's will be."""
        takes = self._takes
        box = self._place(4, 3, STRETCH, self.input_size)
        size = Size(box.input_width, box.input_height)
        names = [name for name, _, _ in graph.outputs]
        try:
            answer = self._session.run(names, takes.feeds(takes.zeros(size), size))
        except Exception as error:  # onnxruntime raises its own types, straight from Exception.
            raise ModelError(
                f'{str(self.model.path)!r} does not run on a picture of '
                f'{size.width}x{size.height}: {error} Set input_size to what it was exported '
                'with, or export it with that size fixed.'
            ) from error
        outputs = {
            name: _single(array)
            for name, array in zip(names, answer, strict=True)
            if isinstance(array, np.ndarray)
        }
        known = declared(self.model.classes, graph.metadata)
        return Probe(graph, size, outputs, known, bool(takes.size_name))


def _inspected(model: ModelFile) -> tuple[bytes, GraphInfo, GraphInput]:
    """A model's bytes, with a batch that isn't 1 freed, and what its graph and input are."""
    path = str(model.path)
    content = model.content
    graph = sessions.declared(path, content)
    try:
        takes = read_input(graph)
        if takes.batch not in (None, 1):
            shape = (1, None, None, 3) if takes.channels_last else (1, 3, None, None)
            content = with_shape(content, takes.name, shape)
            try:
                graph = sessions.declared(path, content)
                takes = replace(read_input(graph), batch=takes.batch)
            except ModelError as error:
                raise _batch_error(path, takes.batch) from error
    except Misfit as misfit:
        raise ModelError(f'{path!r} is no detector of a known family, since {misfit}.') from misfit
    return content, graph, takes


def _stride(metadata: Mapping[str, str]) -> int:
    """What a free input's sides must be multiples of; Ultralytics says so of its P6 models."""
    said = metadata.get('stride', '')
    return int(said) if said.isdigit() and STRIDE < int(said) <= 256 else STRIDE


def _single(array: NDArray[Any]) -> NDArray[Any]:
    """Floats of any precision as float32; integers stay."""
    return array.astype(np.float32, copy=False) if array.dtype.kind == 'f' else array


def _batch_error(path: str, batch: int | None) -> ModelError:
    return ModelError(
        f'{path!r} takes {batch} pictures at a time; export it for one, or with a free batch.'
    )
