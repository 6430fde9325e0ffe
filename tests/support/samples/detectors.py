"""Detectors that answer as they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from anonymizer_node.core.datatypes import Detections, Frame

Box = Sequence[float]


def detections(*boxes: Box, names: tuple[str, ...] = ('person',), ids: Sequence[int] = ()):
    """Detections of boxes x0, y0, x1, y1, all sure."""
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.array(ids or [0] * len(boxes), np.int64),
        names,
    )


class FakeDetector:
    """Answers with the same boxes, or with what `answer` makes of a frame, or fails.

    Attributes:
        frames: What it was shown.
    """

    def __init__(
        self,
        *boxes: Box,
        answer: Callable[[Frame], object] | None = None,
        names: tuple[str, ...] = ('person',),
    ) -> None:
        self.names = names
        self.input_size = 512
        self.frames: list[Frame] = []
        self._answer = answer or (lambda frame: detections(*boxes, names=names))

    def detect(self, frame: Frame, score_threshold: float):
        self.frames.append(frame)
        return self._answer(frame)


class BrightDetector(FakeDetector):
    """Sees a person wherever a frame has pixels of 200 and more; a stand-in that looks."""

    def __init__(self) -> None:
        super().__init__(answer=self._look)

    def _look(self, frame: Frame):
        scale_x = frame.width / frame.pixels.shape[1]
        scale_y = frame.height / frame.pixels.shape[0]
        grey = frame.pixels[..., :3].max(axis=2)
        ys, xs = np.nonzero(grey >= 200)
        if not len(xs):
            return detections()
        return detections(
            (
                xs.min() * scale_x,
                ys.min() * scale_y,
                (xs.max() + 1) * scale_x,
                (ys.max() + 1) * scale_y,
            )
        )
