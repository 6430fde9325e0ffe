"""How a stored picture is turned before it is shown, and where its regions and boxes are then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Detections, Float32Array, Frame, Region
from anonymizer_node.core.geometry import nms

SAME_PERSON_IOU = 0.6
"""Boxes of a picture as stored and as shown that overlap by more are taken for one."""


class Turn(NamedTuple):
    """Rows and columns change places, and then the picture is mirrored.

    Attributes:
        swapped: Whether row n is shown as column n.
        mirrored: Whether left and right are swapped, after that.
        upside_down: Whether top and bottom are, after that.
    """

    swapped: bool = False
    mirrored: bool = False
    upside_down: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown of those that are stored, and the other way round."""
        return (height, width) if self.swapped else (width, height)

    def shown(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """A stored picture (rows, columns, channels) the way it is shown; contiguous."""
        turned = pixels.swapaxes(0, 1) if self.swapped else pixels
        if self.mirrored:
            turned = turned[:, ::-1]
        if self.upside_down:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)

    def regions_stored(self, regions: Iterable[Region], width: int, height: int) -> list[Region]:
        """Where regions of the picture as shown lie in it as stored.

        Args:
            regions: Of the picture as shown.
            width: Of the picture as shown.
            height: Of the picture as shown.
        """
        return [self._swapped(self._flipped(region, width, height)) for region in regions]

    def regions_shown(self, regions: Iterable[Region], width: int, height: int) -> list[Region]:
        """The way back; the size is that of the picture as shown too."""
        return [self._flipped(self._swapped(region), width, height) for region in regions]

    def boxes_stored(self, xyxy: Float32Array, width: int, height: int) -> Float32Array:
        """`regions_stored` for float boxes, (N, 4) -> (N, 4)."""
        return self._boxes_swapped(self._boxes_flipped(xyxy, width, height))

    def boxes_shown(self, xyxy: Float32Array, width: int, height: int) -> Float32Array:
        """`regions_shown` for float boxes, (N, 4) -> (N, 4)."""
        return self._boxes_flipped(self._boxes_swapped(xyxy), width, height)

    def _boxes_swapped(self, xyxy: Float32Array) -> Float32Array:
        return xyxy[:, [1, 0, 3, 2]] if self.swapped else xyxy

    def _boxes_flipped(self, xyxy: Float32Array, width: int, height: int) -> Float32Array:
        flipped = xyxy.copy()
        if self.mirrored:
            flipped[:, 0::2] = width - xyxy[:, 2::-2]
        if self.upside_down:
            flipped[:, 1::2] = height - xyxy[:, 3::-2]
        return flipped

    def _swapped(self, region: Region) -> Region:
        x0, y0, x1, y1 = region
        return Region(y0, x0, y1, x1) if self.swapped else region

    def _flipped(self, region: Region, width: int, height: int) -> Region:
        x0, y0, x1, y1 = region
        if self.mirrored:
            x0, x1 = width - x1, width - x0
        if self.upside_down:
            y0, y1 = height - y1, height - y0
        return Region(x0, y0, x1, y1)


TURNS: Mapping[int, Turn] = {
    1: Turn(),
    2: Turn(False, True, False),
    3: Turn(False, True, True),
    4: Turn(False, False, True),
    5: Turn(True, False, False),
    6: Turn(True, True, False),
    7: Turn(True, True, True),
    8: Turn(True, False, True),
}
"""By EXIF's number of the orientation."""

CLOCKWISE: Mapping[int, Turn] = {0: TURNS[1], 90: TURNS[6], 180: TURNS[3], 270: TURNS[8]}
"""By degrees."""


def upright(frame: Frame) -> Frame:
    """A frame the way it is shown, for a detector: people who lie on their side are missed."""
    if frame.orientation == 1:
        return frame
    turn = TURNS[frame.orientation]
    width, height = turn.size(frame.width, frame.height)
    return replace(
        frame, pixels=turn.shown(frame.pixels), width=width, height=height, orientation=1
    )


def as_stored(detections: Detections, frame: Frame) -> Detections:
    """What was detected in an `upright` frame, in pixels of the frame itself."""
    if frame.orientation == 1:
        return detections
    turn = TURNS[frame.orientation]
    size = turn.size(frame.width, frame.height)
    return replace(detections, xyxy=turn.boxes_stored(detections.xyxy, *size))


def merged(one: Detections, other: Detections) -> Detections:
    """What was detected in a frame looked at in two ways, by one detector."""
    xyxy = np.concatenate([one.xyxy, other.xyxy])
    scores = np.concatenate([one.scores, other.scores])
    class_ids = np.concatenate([one.class_ids, other.class_ids])
    best = nms(xyxy, scores, SAME_PERSON_IOU, class_ids)
    return Detections(xyxy[best], scores[best], class_ids[best], one.names)
