"""How a stored picture is turned before it is shown, and where its regions are then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region


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
