"""A graph's input, read from what it declares; and frames made into it. The one place for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Frame, UInt8Array
from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.core.geometry import Letterbox
from anonymizer_node.core.scaling import Scaler
from anonymizer_node.detectors.family import (
    CENTRE,
    RGB,
    STRETCH,
    GraphInfo,
    Misfit,
    Preprocessing,
    Size,
)

TYPES: Mapping[str, Any] = {
    'tensor(float)': np.float32,
    'tensor(float16)': np.float16,
    'tensor(uint8)': np.uint8,
    'tensor(int8)': np.int8,
}
"""onnxruntime's names of the types that an input may have."""


@dataclass(frozen=True)
class GraphInput:
    """The inputs of a detector's graph.

    Attributes:
        name: Of the picture's input.
        kind: Its type, as onnxruntime calls it; key of `TYPES`.
        channels_last: (1, height, width, 3), not (1, 3, height, width).
        size: Fixed by the graph; None: free.
        batch: Fixed by the graph; None: free.
        size_name: Name of a second input for the picture's width and height, or ''.
        size_type: Its type, as NumPy calls it.
    """

    name: str
    kind: str
    channels_last: bool
    size: Size | None
    batch: int | None
    size_name: str = ''
    size_type: str = 'int64'

    def feeds(self, picture: NDArray[Any], size: Size) -> dict[str, NDArray[Any]]:
        """What a session is given for a picture of a size."""
        feeds = {self.name: picture}
        if self.size_name:
            feeds[self.size_name] = np.array([size], self.size_type)
        return feeds

    def zeros(self, size: Size) -> NDArray[Any]:
        """A picture of zeros."""
        shape = (1, size.height, size.width, 3) if self.channels_last else (1, 3, *size[::-1])
        return np.zeros(shape, TYPES[self.kind])


def read_input(graph: GraphInfo) -> GraphInput:
    """What a graph takes.

    Raises:
        Misfit: If that isn't a picture of three channels, with at most its size beside it.
    """
    pictures = [item for item in graph.inputs if len(item[2]) == 4]
    others = [item for item in graph.inputs if len(item[2]) != 4]
    if len(pictures) != 1 or len(others) > 1:
        said = ', '.join(f'{name} {list(shape)}' for name, _, shape in graph.inputs) or 'none'
        raise Misfit(f'its inputs are not one picture, (1, 3, height, width) or the like: {said}')
    ((name, kind, shape),) = pictures
    if kind not in TYPES:
        raise Misfit(f'its input {name} is {kind}, not one of {", ".join(TYPES)}')
    size_name, size_type = _size_input(others)
    channels_last = _channels_last(name, shape)
    sides = shape[1:3] if channels_last else shape[2:]
    fixed = [isinstance(side, int) for side in sides]
    if any(fixed) and not all(fixed):
        raise Misfit(f'its input {name} is {list(shape)}; only one side is fixed')
    size = Size(sides[1], sides[0]) if all(fixed) else None
    batch = shape[0] if isinstance(shape[0], int) else None
    return GraphInput(name, kind, channels_last, size, batch, size_name, size_type)


def _channels_last(name: str, shape: tuple[Any, ...]) -> bool:
    first, last = shape[1], shape[3]
    if 3 not in (first, last) and isinstance(first, int) and isinstance(last, int):
        raise Misfit(f'its input {name} is {list(shape)}, which has no three channels')
    # What leaves everything open is taken for the usual order; the probe shows whether it is.
    return first != 3 and (last == 3 or isinstance(first, int))


def _size_input(others: list[tuple[str, str, tuple[Any, ...]]]) -> tuple[str, str]:
    """Name and NumPy type of the input for a picture's size, ('', 'int64') if there is none."""
    if not others:
        return '', 'int64'
    ((name, kind, shape),) = others
    is_pair = len(shape) == 2 and (shape[1] == 2 or not isinstance(shape[1], int))
    if kind not in ('tensor(int64)', 'tensor(int32)') or not is_pair:
        raise Misfit(f'its input {name} is {kind} {list(shape)}, not int64 (1, 2) for a size')
    return name, kind[len('tensor(') : -1]


@lru_cache(maxsize=64)
def place(
    frame_width: int,
    frame_height: int,
    placement: str,
    input_size: int,
    fixed: Size | None,
    stride: int,
) -> Letterbox:
    """How a frame comes to lie in a graph's input.

    Args:
        frame_width: Columns, pixels.
        frame_height: Rows, pixels.
        placement: See `Preprocessing.placement`.
        input_size: Longer side of the input where the graph leaves it free, pixels.
        fixed: The input's size where the graph does not.
        stride: A free input's sides are multiples of this, pixels.
    """
    box = Letterbox.fit(frame_width, frame_height, input_size)
    width, height = fixed or (-(-side // stride) * stride for side in box[:2])
    if fixed or (width, height) != box[:2]:
        box = Letterbox.into(frame_width, frame_height, width, height)
    if placement == CENTRE:
        return box
    if placement == STRETCH:
        scale_x, scale_y = width / frame_width, height / frame_height
        return box._replace(
            width=width, height=height, left=0, top=0, scale_x=scale_x, scale_y=scale_y
        )
    return box._replace(left=0, top=0)


class Preprocessor:
    """Makes frames into a graph's input, in buffers that are used again. Not thread-safe."""

    def __init__(self, how: Preprocessing, kind: str, channels_last: bool) -> None:
        """Args: how: Of the family. kind: Key of `TYPES`. channels_last: Of the graph's input."""
        self._how = how
        self._type = TYPES[kind]
        self._channels_last = channels_last
        self._scaler = Scaler()
        self._canvas: UInt8Array = np.zeros((0, 0, 3), np.uint8)
        self._picture: NDArray[Any] = np.zeros((1, 0, 0, 3), self._type)
        self._floats = np.zeros((0, 0), np.float32)

    def __call__(self, frame: Frame, box: Letterbox) -> NDArray[Any]:
        """A frame as (1, height, width, 3) or (1, 3, height, width); valid until the next call.

        Raises:
            UnsupportedEncodingError: If the frame's encoding can't be shown as BGR.
        """
        canvas = self._placed(frame, box)
        if self._type is np.uint8 and self._channels_last and self._how.order != RGB:
            return canvas[None]
        return self._converted(canvas)

    def _placed(self, frame: Frame, box: Letterbox) -> UInt8Array:
        """The frame in the filled input, (input height, input width, 3) uint8 BGR."""
        if self._canvas.shape[:2] != (box.input_height, box.input_width):
            self._canvas = np.zeros((box.input_height, box.input_width, 3), np.uint8)
        canvas = self._canvas
        below, right = box.top + box.height, box.left + box.width
        canvas[: box.top] = canvas[below:] = self._how.fill
        canvas[:, : box.left] = canvas[:, right:] = self._how.fill
        place = canvas[box.top : below, box.left : right]
        resized_bgr(frame.pixels, frame.encoding, box.width, box.height, self._scaler, place)
        return canvas

    def _converted(self, canvas: UInt8Array) -> NDArray[Any]:
        height, width = canvas.shape[:2]
        shape = (1, height, width, 3) if self._channels_last else (1, 3, height, width)
        if self._picture.shape != shape:
            self._picture = np.empty(shape, self._type)
            self._floats = np.empty((height, width), np.float32)
        how = self._how
        for index in range(3):
            source = canvas[:, :, 2 - index if how.order == RGB else index]
            target = (
                self._picture[0, ..., index] if self._channels_last else self._picture[0, index]
            )
            if self._type is np.uint8:
                target[:] = source
            elif self._type is np.int8:
                np.bitwise_xor(source, 0x80, out=target.view(np.uint8))  # Less 128.
            else:
                floats = target if self._type is np.float32 else self._floats
                gain = how.scale / how.std[index]
                np.multiply(source, np.float32(gain), out=floats, dtype=np.float32)
                floats -= np.float32(how.mean[index] / how.std[index])
                if floats is not target:
                    target[:] = floats
        return self._picture
