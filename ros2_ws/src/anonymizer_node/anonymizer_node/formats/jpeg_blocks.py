"""Redaction of JPEG blocks: quantised DCT coefficients that replace those of a region.

What is known of a region is the DC of each block, which is its average. As in `core.redaction`,
the DCs are averaged over a grid of cells first, and nothing else survives: `pixelate` writes the
averages as flat blocks, `blur` interpolates between them and transforms that, `blackout` uses
none. Cells end at MCU edges, and none is smaller than `core.redaction.cell_edges` asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.redaction import cell_edges
from anonymizer_node.formats.jpeg_frame import Component, FrameHeader
from anonymizer_node.formats.jpeg_markers import Picture

Int16Array = NDArray[np.int16]

_MOST_STEP = 2048
"""A DC quantiser beyond this can't be black: one step is all that a decoder's range has."""


class Patch(NamedTuple):
    """What replaces a rectangle of one component's blocks.

    Attributes:
        component: Index of the component.
        column: Of the first block.
        row: Of the first block.
        blocks: (rows, columns, K) int16, the first K quantised coefficients of each block, row by
            row. All others become zero.
    """

    component: int
    column: int
    row: int
    blocks: Int16Array


class Area(NamedTuple):
    """One region of one component.

    Attributes:
        dcs: (block rows, block columns) int16, original quantised DCs.
        xs: Block columns where cells begin and end, ascending, first 0.
        ys: Block rows likewise.
        table: (64,) quantisers.
        dark: Quantised DC of black: at the low end for luma, in the middle for chroma.
    """

    dcs: Int16Array
    xs: list[int]
    ys: list[int]
    table: NDArray[np.int64]
    dark: int


BlockRedactor = Callable[[Area], Int16Array]
"""Area -> (block rows, block columns, K), as in `Patch`."""


def _blackout(area: Area) -> Int16Array:
    return np.full((*area.dcs.shape, 1), area.dark, np.int16)


def _pixelate(area: Area) -> Int16Array:
    tiles = np.rint(_cell_means(area)).astype(np.int16)
    whole = np.repeat(np.repeat(tiles, np.diff(area.ys), axis=0), np.diff(area.xs), axis=1)
    return whole[:, :, None]


def _blur(area: Area) -> Int16Array:
    rows, columns = area.dcs.shape
    # Rounded to grey levels: fractions would carry more than 8 bits out of each cell.
    levels = np.clip(np.rint(_cell_means(area) * (area.table[0] / 8)), -128, 127)
    # Interpolation and transform are linear, and rows and columns apart in both: they are done to
    # the few cells' weights and not to each sample.
    below = _transformed_weights(levels.shape[0], rows)
    across = _transformed_weights(levels.shape[1], columns)
    # By OpenCV: NumPy's would start threads for it, which wait for each other on a busy robot.
    empty = np.zeros((0, 0), np.float32)
    partly = cv2.gemm(below, levels.astype(np.float32), 1.0, empty, 0.0)
    frequencies = cv2.gemm(partly, across, 1.0, empty, 0.0, flags=cv2.GEMM_2_T)
    tiles = frequencies.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    coefficients = tiles.reshape(rows, columns, 64) / area.table.astype(np.float32)
    blocks: Int16Array = np.rint(coefficients).astype(np.int16)
    return blocks


BLOCK_REDACTORS: Mapping[str, BlockRedactor] = {
    'blackout': _blackout,
    'pixelate': _pixelate,
    'blur': _blur,
}


def patches(
    picture: Picture,
    regions: Sequence[Region],
    dcs: Sequence[Int16Array],
    method: str,
    strength: float,
    luma_and_chroma: bool,
) -> list[Patch]:
    """The blocks to write, in the order to write them: larger regions over smaller ones.

    Args:
        picture: The file's own.
        regions: Widened to whole MCUs.
        dcs: Original quantised DCs of each component, (block rows, block columns).
        method: Key of `BLOCK_REDACTORS`.
        strength: 0..1.
        luma_and_chroma: Whether components after the first are chroma, black in the middle of
            their range; otherwise each is a colour of its own.

    Raises:
        FrameError: If the file's quantisation is too coarse to tell black from grey.
    """
    redactor = BLOCK_REDACTORS[method]
    header = picture.header
    result = []
    for region in sorted(set(regions), key=lambda region: (region.area, region)):
        xs, ys = _mcu_cells(header, region, strength)
        for index, component in enumerate(header.components):
            columns = _block_edges(xs, component.horizontal, dcs[index].shape[1])
            rows = _block_edges(ys, component.vertical, dcs[index].shape[0])
            area = Area(
                dcs[index][rows[0] : rows[-1], columns[0] : columns[-1]],
                [edge - columns[0] for edge in columns],
                [edge - rows[0] for edge in rows],
                picture.tables[component.table],
                0 if luma_and_chroma and index else _black_dc(picture, component),
            )
            result.append(Patch(index, columns[0], rows[0], redactor(area)))
    return result


def _mcu_cells(header: FrameHeader, region: Region, strength: float) -> tuple[list[int], list[int]]:
    """MCU columns and MCU rows of the picture where the cells of a region begin and end."""
    xs, ys = cell_edges(region.width, region.height, strength)
    return (
        _snapped(region.x0, region.x1, header.step_x, xs),
        _snapped(region.y0, region.y1, header.step_y, ys),
    )


def _snapped(low: int, high: int, step: int, asked: list[int]) -> list[int]:
    """Edges of as many cells as fit without one being narrower than those asked for, in steps.

    Args:
        low: First pixel of the region, a multiple of the step.
        high: First pixel behind it, a multiple or the end of the picture.
        step: Pixels.
        asked: Edges in pixels from `low`.
    """
    first, last = low // step, -(-high // step)
    narrowest = min(np.diff(asked).tolist())
    for count in range(len(asked) - 1, 1, -1):
        edges = [first + index * (last - first) // count for index in range(count + 1)]
        pixels = np.minimum(np.array(edges) * step, high)
        if np.diff(pixels).min() >= narrowest:
            return edges
    return [first, last]


def _block_edges(mcu_edges: list[int], blocks_per_mcu: int, count: int) -> list[int]:
    """MCU edges as block edges of a component of `count` blocks; its last MCU may have fewer."""
    return [min(edge * blocks_per_mcu, count) for edge in mcu_edges]


def _black_dc(picture: Picture, component: Component) -> int:
    """The quantised DC of the darkest grey, rounded down: at most 0 after a decoder's clipping.

    Raises:
        FrameError: If the quantiser is too coarse.
    """
    step = int(picture.tables[component.table][0])
    if step > _MOST_STEP:
        raise FrameError(
            f'A JPEG has a DC quantiser of {step}, more than {_MOST_STEP}: it can not show black.'
        )
    return -1024 // step


def _cell_means(area: Area) -> NDArray[np.float64]:
    rows = np.add.reduceat(area.dcs.astype(np.int64), area.ys[:-1], axis=0)
    sums = np.add.reduceat(rows, area.xs[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(area.ys), np.diff(area.xs)), np.float64)


def _transformed_weights(cells: int, blocks: int) -> NDArray[np.float32]:
    """How much each cell has of each frequency of each block, along one axis.

    Returns:
        (8 x blocks, cells): the DCT of the weights of linear interpolation.
    """
    identity = np.eye(cells, dtype=np.float32)
    weights = cv2.resize(identity, (cells, 8 * blocks), interpolation=cv2.INTER_LINEAR)
    transformed = _dct_basis() @ weights.reshape(blocks, 8, cells)
    return np.asarray(transformed.reshape(8 * blocks, cells), np.float32)


def _dct_basis() -> NDArray[np.float64]:
    """(8, 8), orthonormal, frequency by sample."""
    frequency, sample = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * sample + 1) * frequency * np.pi / 16) / 2
    basis[0] = np.sqrt(1 / 8)
    return np.asarray(basis, np.float64)
