"""Writing of patches into a JPEG's blocks as the library shows them, with an account of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError, RedactionError
from anonymizer_node.formats.jpeg_blocks import Patch
from anonymizer_node.formats.jpeg_frame import FrameHeader
from anonymizer_node.formats.turbojpeg import BlockFilter

Plan = Callable[[Sequence[NDArray[np.int16]]], list[Patch]]
"""From the quantised DC of every block, (block rows, block columns) for each component, to what
is to be written, in that order."""

_MOST = 1023
"""Largest coefficient that Huffman codes of baseline JPEG reach; a DC may be one lower."""


class Editor:
    """One edit of one file: run its filters, then ask whether they finished."""

    def __init__(self, header: FrameHeader, plan: Plan, blind: bool) -> None:
        """Prepare for one file.

        Args:
            header: Of the file.
            plan: What to write.
            blind: Whether the plan needs no DCs; it gets zeros.
        """
        self._blind = blind
        self._plan = plan
        self._dcs = [
            np.zeros(header.blocks(component)[::-1], np.int16) for component in header.components
        ]
        self._unread = sum(len(plane) for plane in self._dcs)
        self._rows: dict[tuple[int, int], list[tuple[int, NDArray[np.int16]]]] | None = None

    @property
    def filters(self) -> list[BlockFilter]:
        """What `turbojpeg.edit_blocks` must run."""
        return [self._write] if self._blind else [self._read, self._write]

    def check_finished(self) -> None:
        """Was everything written?

        Raises:
            RedactionError: If not.
        """
        if self._rows is None or self._rows:
            raise RedactionError(
                f'{len(self._rows or ())} rows of blocks of a JPEG were not written.'
            )

    def _read(self, component: int, row: int, blocks: NDArray[np.int16]) -> None:
        """Take note of a row of blocks; see `turbojpeg.BlockFilter`."""
        self._dcs[component][row] = blocks[:, 0]
        self._unread -= 1

    def _write(self, component: int, row: int, blocks: NDArray[np.int16]) -> None:
        """Replace what is planned for a row of blocks; see `turbojpeg.BlockFilter`."""
        if self._rows is None:
            self._rows = self._planned()
        for column, replacement in self._rows.pop((component, row), ()):
            blocks[column : column + len(replacement)] = replacement
        _check_codable(blocks)

    def _planned(self) -> dict[tuple[int, int], list[tuple[int, NDArray[np.int16]]]]:
        if self._unread and not self._blind:
            raise RedactionError(f'{self._unread} rows of blocks of a JPEG were not read.')
        rows: dict[tuple[int, int], list[tuple[int, NDArray[np.int16]]]] = {}
        for patch in self._plan(self._dcs):
            for index, blocks in enumerate(patch.blocks):
                place = (patch.component, patch.row + index)
                rows.setdefault(place, []).append((patch.column, blocks))
        return rows


def _check_codable(blocks: NDArray[np.int16]) -> None:
    """Are there only coefficients that pictures of 8 bits have?

    The library's encoder doesn't look, and writes a corrupt file.

    Raises:
        FrameError: If not.
    """
    low, high = int(blocks.min()), int(blocks.max())
    if high <= _MOST and low >= -_MOST:
        return
    if high > _MOST or low < -_MOST - 1 or blocks[:, 1:].min() < -_MOST:
        raise FrameError(
            f'A JPEG has coefficients from {low} to {high}, beyond {_MOST}; it is damaged.'
        )
