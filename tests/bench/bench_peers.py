"""What others do to the same frames, for the comparison in `report.py`. One thread each.

- deface (PyPI, MIT): its own detector and its own drawing, as its command line does it, at the
  frame's own size. It finds faces and no bodies.
- a plain pipeline: our embedded graph run with onnxruntime and OpenCV in the obvious way. What it
  lacks is what a pipeline is usually first written without: holding people over time, checks of the
  detector's answer, care for row padding.
- the obscuring of BMW's anonymization API: PIL, each box cut out, filtered and pasted, written anew
  from what it is said to do. Its detector and its web service are not rerun.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.detectors.registry import resolve

Pixels = NDArray[np.uint8]
BMW = "BMW's"
BLUR_RADIUS = 25
"""Of theirs at degree 1, which they recommend."""

CELLS = 8
"""Along each side of a box where they pixelate: degree 1/8; at degree 1 it would be one."""


def deface(threads: int, shape: tuple[int, int] | None = None) -> Callable[[Pixels], Pixels] | str:
    """Anonymise one frame, BGR to RGB, or why that can't be done here.

    Args:
        threads: Of its detector.
        shape: Columns and rows of what it looks at, as its `--scale`; None: the frame's own.
    """
    for name in ('tqdm', 'imageio_ffmpeg'):
        # It imports them for the progress and the files of videos, which are not in it here.
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)
    try:
        import onnx  # noqa: F401 - it asks for it late, and would fall back to another engine.
        import onnxruntime
        from deface.centerface import CenterFace
        from deface.deface import anonymize_frame
    except ImportError as error:
        return f'pip install deface ({error})'
    # Its own session takes all cores; in a comparison everybody has as many as the others.
    opened = onnxruntime.InferenceSession

    def with_threads(content: bytes, providers: Sequence[str]) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return opened(content, options, providers=['CPUExecutionProvider'])

    onnxruntime.InferenceSession = with_threads
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            find = CenterFace(in_shape=shape, backend='onnxrt')
    finally:
        onnxruntime.InferenceSession = opened

    def run(pixels: Pixels) -> Pixels:
        frame = np.ascontiguousarray(pixels[:, :, ::-1])  # It reads RGB, as imageio gives it.
        found, _ = find(frame, threshold=0.2)
        anonymize_frame(found, frame, 1.3, 'blur', True, False, None, 20)
        return frame

    return run


class Plain:
    """The embedded detector without us."""

    def __init__(self, model: str, threads: int, input_size: int, threshold: float) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        content = resolve(model).content
        self._session = onnxruntime.InferenceSession(
            content, options, providers=['CPUExecutionProvider']
        )
        self._input = self._session.get_inputs()[0].name
        self._size, self._threshold = input_size, threshold

    def frame(self, pixels: Pixels) -> Pixels:
        """A frame, obscured, as a copy."""
        done = pixels.copy()
        for x, y, width, height in self._boxes(pixels):
            cv2.rectangle(done, (x, y), (x + width, y + height), (0, 0, 0), -1)
        return done

    def jpeg(self, data: bytes, quality: int) -> bytes:
        """The same from JPEG to JPEG."""
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return bytes(cv2.imencode('.jpg', self.frame(pixels), parameters)[1].tobytes())

    def _boxes(self, pixels: Pixels) -> list[list[int]]:
        height, width = pixels.shape[:2]
        scale = self._size / max(width, height)
        columns, rows = round(width * scale), round(height * scale)
        canvas = np.zeros((-(-rows // 32) * 32, -(-columns // 32) * 32, 3), np.uint8)
        canvas[:rows, :columns] = cv2.resize(pixels, (columns, rows))
        answer = self._session.run(None, {self._input: canvas[None]})
        boxes, scores = [], []
        for stride, score, sides in zip((8, 16, 32), answer[:3], answer[3:], strict=True):
            cells = np.flatnonzero(score[0, :, 0] >= self._threshold)
            bins = sides[0, cells].reshape(len(cells), 4, sides.shape[2] // 4)
            weights = np.exp(bins - bins.max(axis=2, keepdims=True))
            weights /= weights.sum(axis=2, keepdims=True)
            reach = weights @ np.arange(bins.shape[2]) * stride
            across = canvas.shape[1] // stride
            for cell, (left, top, right, bottom) in zip(cells, reach, strict=True):
                x, y = (cell % across + 0.5) * stride, (cell // across + 0.5) * stride
                boxes.append([x - left, y - top, left + right, top + bottom])
                scores.append(float(score[0, cell, 0]))
        kept = cv2.dnn.NMSBoxes(boxes, scores, self._threshold, 0.6)
        return [[round(side / scale) for side in boxes[index]] for index in np.ravel(kept)]


def bmw(method: str, pixels: Pixels) -> Callable[[Sequence[Region]], None] | str:
    """The obscuring of regions of a picture of its own, or why that can't be done here.

    Args:
        method: One of ours, as theirs is called otherwise.
        pixels: The picture, (rows, columns, 3) BGR; copied.
    """
    try:
        from PIL import Image, ImageFilter
    except ImportError as error:
        return f'pip install pillow ({error})'
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))

    def blur(part: Any) -> Any:
        return part.filter(ImageFilter.GaussianBlur(BLUR_RADIUS))

    def pixelate(part: Any) -> Any:
        cells = part.resize((CELLS, CELLS), resample=Image.Resampling.BILINEAR)
        return cells.resize(part.size, resample=Image.Resampling.NEAREST)

    def blackout(part: Any) -> Any:
        return Image.blend(part, Image.new(part.mode, part.size), 1.0)

    replaced = {'blur': blur, 'pixelate': pixelate, 'blackout': blackout}[method]

    def run(regions: Sequence[Region]) -> None:
        for region in regions:
            picture.paste(replaced(picture.crop(region)), region)

    return run
