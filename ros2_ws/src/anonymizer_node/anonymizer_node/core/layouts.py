"""Where the samples of a pixel encoding lie in a message: planes, as strided views of its buffer.

A message's data is one or more *bands* of rows, one behind the other. A *plane* is all samples of
one kind in a band (brightness, chroma, the red sites of a Bayer mosaic), at regular places. The
views are made by NumPy with its own check that they end inside the buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError, RedactionError
from anonymizer_node.core.geometry import aligned


class Plane(NamedTuple):
    """Samples of one kind.

    Attributes:
        black: One value per sample of an element, for an element that shows nothing.
        across: Columns of the picture that one element stands for.
        down: Rows of the picture that one element stands for.
        first: Where in a row its first sample is, samples.
        pitch: From one element to the next, samples; 0: they follow each other.
        apart: From one sample of an element to the next, samples.
        top: First row of the band that has any.
    """

    black: tuple[float, ...]
    across: int = 1
    down: int = 1
    first: int = 0
    pitch: int = 0
    apart: int = 1
    top: int = 0

    @property
    def stretch(self) -> tuple[int, int]:
        """How often columns and rows must be repeated for elements to be square."""
        least = min(self.across, self.down)
        return self.across // least, self.down // least


class Band(NamedTuple):
    """Rows of one length.

    Attributes:
        planes: What is in them; together they fill the rows.
        samples: In a row, per column of the picture.
        down: Rows of the picture that one row stands for.
        steps: Length of a row with its padding, in `step`s of the message.
    """

    planes: tuple[Plane, ...]
    samples: int = 1
    down: int = 1
    steps: int = 1


class Views(NamedTuple):
    """A message's buffer, taken apart.

    Attributes:
        planes: With its view, (rows, columns, samples), in the order of the bands.
        padding: (rows, bytes) uint8 for each band: what follows the samples of a row.
    """

    planes: tuple[tuple[Plane, NDArray[Any]], ...]
    padding: tuple[NDArray[np.uint8], ...]


def packed(*black: float) -> tuple[Band, ...]:
    """One plane of interleaved samples; Args: black: Of each."""
    return (Band((Plane(black),), samples=len(black)),)


def mosaic() -> tuple[Band, ...]:
    """A plane for each of the four colour sites of a Bayer cell."""
    sites = [(x, y) for y in (0, 1) for x in (0, 1)]
    return (Band(tuple(Plane((0,), 2, 2, first=x, pitch=2, top=y) for x, y in sites)),)


def interleaved_422(luma: int) -> tuple[Band, ...]:
    """Brightness and chroma in turn. Args: luma: Whether it begins with chroma (1) or not (0)."""
    chroma = Plane(NEUTRAL, across=2, first=1 - luma, pitch=4, apart=2)
    return (Band((Plane(DARK, first=luma, pitch=2), chroma), samples=2),)


def semi_planar(across: int, down: int) -> tuple[Band, ...]:
    """Brightness, and behind it interleaved chroma, subsampled by `across` and `down`."""
    per_column = 2 // across
    chroma = Band((Plane(NEUTRAL, across, down),), per_column, down, per_column)
    return (Band((Plane(DARK),)), chroma)


DARK = (0.0,)
"""Brightness of nothing. The black of video is 16, below which decoders clip; of full range it is
0. So this is black to both."""

NEUTRAL = (128.0, 128.0)
"""Chroma of no colour."""


class Layout:
    """The bands of one encoding, with a sample of one type."""

    def __init__(self, bands: Sequence[Band], sample: str) -> None:
        """Args: bands: In the order of the data. sample: As NumPy calls it without byte order."""
        self.bands = tuple(bands)
        self.sample = sample
        self._bytes = np.dtype(sample).itemsize
        little = np.dtype(sample).newbyteorder('<')
        self._kinds = {False: little, True: little.newbyteorder('>')}
        planes = [plane for band in bands for plane in band.planes]
        self.grid = max(plane.across for plane in planes), max(plane.down for plane in planes)
        """Columns and rows of the picture that can only be hidden together."""
        self.multiple = max(plane.across for plane in planes), max(band.down for band in bands)
        """Columns and rows of the picture must be multiples of this. A mosaic may end anywhere."""
        if len(bands) == 1 and self.grid == (2, 2):
            self.multiple = 1, 1

    def views(self, data: Any, size: tuple[int, int], step: int, big_endian: bool) -> Views:
        """A message's samples, where they lie; writable if the data is.

        Args:
            data: Buffer of a message for which `row_bytes` has answered.
            size: Columns and rows of the picture.
            step: What `row_bytes` answered.
            big_endian: Byte order of samples of more than one byte.
        """
        width, height = size
        kind = self._kinds[big_endian]
        planes, padding, begin = [], [], 0
        for band in self.bands:
            rows, used, stride = self._row(band, width, height, step)
            for plane in band.planes:
                planes.append((plane, self._view(data, kind, begin, band, plane, rows, used, step)))
            padding.append(
                np.ndarray(
                    (rows, stride - used), np.uint8, data, min(begin + used, len(data)), (stride, 1)
                )
            )
            begin += rows * stride
        return Views(tuple(planes), tuple(padding))

    def row_bytes(self, length: int, size: tuple[int, int], step: int) -> int | None:
        """Bytes from one row of a message to the next, or None if its numbers contradict.

        That is `step`. With chroma behind brightness there are drivers that give another one, the
        bytes of the picture per row of it or the 2 samples per pixel that `numChannels` tells;
        their rows then follow each other without padding, as the length of the data says.

        Args:
            length: Of the data, bytes.
            size: Columns and rows of the picture.
            step: As the message has it.
        """
        width, height = size
        if min(width, height) < 1 or width % self.multiple[0] or height % self.multiple[1]:
            return None
        if step >= self.least_step(width) and length == step * self._rows(height):
            return step
        tight = self.least_step(width)
        planar = len(self.bands) > 1 and length == tight * self._rows(height)
        return tight if planar and step in (length // height, 2 * tight) else None

    def least_step(self, width: int) -> int:
        """Bytes of a row without padding."""
        return width * self.bands[0].samples * self._bytes

    def _rows(self, height: int) -> int:
        """How many `step`s the data is long."""
        return sum(height // band.down * band.steps for band in self.bands)

    def _row(self, band: Band, width: int, height: int, step: int) -> tuple[int, int, int]:
        """Rows of a band; bytes of a row without and with its padding."""
        return height // band.down, width * band.samples * self._bytes, step * band.steps

    def _view(
        self,
        data: Any,
        kind: np.dtype[Any],
        begin: int,
        band: Band,
        plane: Plane,
        rows: int,
        used: int,
        step: int,
    ) -> NDArray[Any]:
        size, stride = self._bytes, step * band.steps
        every = plane.down // band.down
        pitch = plane.pitch or len(plane.black)
        shape = (
            max(0, -(-(rows - plane.top) // every)),
            max(0, -(-(used // size - plane.first) // pitch)),
            len(plane.black),
        )
        offset = begin + plane.top * stride + plane.first * size
        if 0 in shape[:2]:  # A mosaic of one row or column doesn't have all its sites.
            return np.empty(shape, kind)
        strides = (every * stride, pitch * size, plane.apart * size)
        return np.ndarray(shape, kind, data, offset, strides)

    def widened(self, region: Region, width: int, height: int) -> Region:
        """A region made of whole cells of the grid, inside the picture.

        Raises:
            RedactionError: If it isn't inside the picture.
        """
        x0, y0, x1, y1 = region
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise RedactionError(f'{region} is not inside the frame of {width}x{height} pixels.')
        return aligned(region, *self.grid, width, height)

    def check(self, encoding: str, length: int, size: tuple[int, int], step: int) -> int:
        """What `row_bytes` answers.

        Raises:
            FrameError: If size, step and length of the data contradict each other.
        """
        width, height = size
        found = self.row_bytes(length, size, step)
        if found is not None:
            return found
        across, down = self.multiple
        whole = across * down > 1 and min(width, height) > 0 and (width % across or height % down)
        if whole:
            raise FrameError(
                f'An image of {width}x{height} {encoding} with step {step} and {length} bytes '
                f'can not be: its columns come in groups of {across}, its rows of {down}. The '
                'driver fills the message wrongly.'
            )
        raise FrameError(
            f'An image of {width}x{height} {encoding} with step {step} should hold '
            f'{self._rows(height)} rows of at least {self.least_step(width)} bytes; it holds '
            f'{length} bytes. The driver fills the message wrongly.'
        )


def of_plane(region: Region, plane: Plane, view: NDArray[Any]) -> Region | None:
    """A region of whole cells in the elements of a plane; None if the plane has none there."""
    rows, columns = view.shape[:2]
    part = Region(
        region.x0 // plane.across,
        region.y0 // plane.down,
        min(columns, -(-region.x1 // plane.across)),
        min(rows, -(-region.y1 // plane.down)),
    )
    return part if part.x0 < part.x1 and part.y0 < part.y1 else None
