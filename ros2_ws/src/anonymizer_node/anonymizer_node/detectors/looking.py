"""A detector that looks several times at each frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Detections, Float32Array, Frame
from anonymizer_node.core.geometry import nms
from anonymizer_node.detectors.family import Decoded
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.views import (
    FULL,
    MERGE_IOU,
    TWIN_IOU,
    View,
    join_cut,
    plan_views,
)


class ThoroughDetector:
    """Runs a detector over the views of a frame and takes together what it finds.

    Attributes:
        detector: That is run.
        model, family, family_reason, names, provider: Of it.
        views: In the order in which they are looked at.
        input_size: Pixels of a frame's longer side that are made use of.
    """

    def __init__(self, detector: OnnxDetector, thoroughness: str) -> None:
        """Args: detector: To run. thoroughness: One of `config.THOROUGHNESS`."""
        self.detector = detector
        self._thoroughness = thoroughness
        self.model, self.provider = detector.model, detector.provider
        self.family, self.family_reason = detector.family, detector.family_reason
        self.names = detector.names
        self.views = plan_views(thoroughness, detector.input_size, detector.is_fixed)
        self.input_size = max(view.frame_size for view in self.views)

    def again(self) -> ThoroughDetector:
        """See `OnnxDetector.again`."""
        return ThoroughDetector(self.detector.again(), self._thoroughness)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """See `OnnxDetector.passed_over`."""
        return self.detector.passed_over

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """See `core.roles.Detector.detect`."""
        whole, tiled, crops = [], [], []
        for view in self.views:
            found, crop = self._look(frame, view, score_threshold)
            if view.crop == FULL:
                whole.append(found)
            else:
                tiled.append(found)
                crops.append(np.repeat(crop[None], len(found.xyxy), axis=0))
        if tiled:
            size = (frame.width, frame.height)
            whole.append(join_cut(_joined(tiled), np.concatenate(crops), size))
        return self.detector.chosen(_joined(whole), MERGE_IOU)

    def _look(
        self, frame: Frame, view: View, score_threshold: float
    ) -> tuple[Decoded, Float32Array]:
        """What one view shows, and the part of the frame that it is of; both in its pixels."""
        part, offset, scale = frame, np.zeros(4, np.float32), np.ones(4, np.float32)
        if view.crop != FULL:
            part, offset, scale = _cropped(frame, view)
        seen = self.detector.candidates(part, score_threshold, view.size)
        best = nms(seen.xyxy, seen.scores, TWIN_IOU, seen.class_ids)
        xyxy, scores, class_ids = (values[best] for values in seen)
        in_frame = ((xyxy + offset) * scale).astype(np.float32)
        sides = np.sqrt((in_frame[:, 2:] - in_frame[:, :2]).clip(0).prod(axis=1))
        keep = sides <= view.most * max(frame.width, frame.height)
        crop = (np.array([0, 0, part.width, part.height], np.float32) + offset) * scale
        return Decoded(in_frame[keep], scores[keep], class_ids[keep]), crop


def _cropped(frame: Frame, view: View) -> tuple[Frame, Float32Array, Float32Array]:
    """A part of a frame, and what to add to its boxes and then to multiply them with, (4,) each."""
    rows, columns = frame.pixels.shape[:2]
    x0, y0, x1, y1 = view.crop
    if rows > columns:
        x0, y0, x1, y1 = y0, x0, y1, x1
    left, right = int(x0 * columns), max(int(x0 * columns) + 1, round(x1 * columns))
    top, bottom = int(y0 * rows), max(int(y0 * rows) + 1, round(y1 * rows))
    pixels: NDArray[np.uint8] = frame.pixels[top:bottom, left:right]
    part = Frame(pixels, frame.encoding, right - left, bottom - top, frame.stamp_ns, frame.source)
    scale = np.array([frame.width / columns, frame.height / rows] * 2, np.float32)
    return part, np.array([left, top, left, top], np.float32), scale


def _joined(parts: list[Decoded]) -> Decoded:
    return Decoded(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
