"""The worst misses of an evaluation as one picture to look at.

It shows people: what of them stayed visible, and others beside them. It is for those who may see
the data set, and lies best with it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.modelling.evaluation import Evaluation, Person
from anonymizer_node.modelling.labelled import pixels_of

MOST_TILES = 12
MARK = 'shows_people'
"""In the name of every file that is written here."""

WARNING = 'shows people: keep it with the data set'

_COLUMNS = 4
_TILE_PX, _CAPTION_PX, _TITLE_PX, _GAP_PX = 320, 44, 48, 8
_CONTEXT = 2.0
_LEAST_CROP_PX = 80
_PAPER, _INK, _FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)
_LABEL, _REGION, _AROUND = (0, 230, 255), (80, 80, 255), (200, 200, 200)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def marked(path: Path) -> Path:
    """The path with `MARK` in its name.

    Raises:
        InputError: If it doesn't end in .png.
    """
    if path.suffix.lower() != '.png':
        raise InputError(f'The sheet {str(path)!r} is a PNG; give a name that ends in .png.')
    if MARK in path.stem:
        return path
    return path.with_name(f'{path.stem}_{MARK}{path.suffix}')


def contact_sheet(evaluation: Evaluation, most: int = MOST_TILES) -> UInt8Array | None:
    """The worst misses, (rows, columns, 3) uint8 BGR; None if there are none.

    A tile for each: their surroundings with what was obscured in black, whatever the method, and
    the labelled box outlined.

    Args:
        evaluation: Whose misses.
        most: Tiles.

    Raises:
        InputError: If a picture can't be read any longer.
    """
    misses = evaluation.misses(most)
    if not misses:
        return None
    columns = min(_COLUMNS, len(misses))
    rows = -(-len(misses) // columns)
    across, down = _TILE_PX + _GAP_PX, _TILE_PX + _CAPTION_PX + _GAP_PX
    height, width = _TITLE_PX + rows * down, _GAP_PX + max(columns, 2) * across
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    title = f'Worst misses, {len(misses)}. {WARNING[0].upper()}{WARNING[1:]}.'
    _write(sheet, title, _GAP_PX, 20, 0.5, _INK)
    _write(sheet, 'Yellow: labelled. Black, edged red: obscured.', _GAP_PX, 38, 0.45, _FAINT)
    for number, person in enumerate(misses):
        x = _GAP_PX + number % columns * across
        y = _TITLE_PX + number // columns * down
        sheet[y : y + _TILE_PX, x : x + _TILE_PX] = _tile(evaluation, person)
        name = evaluation.dataset.pictures[person.picture].path.name
        _write(sheet, name, x, y + _TILE_PX + 17, 0.45, _INK)
        _write(sheet, _caption(person), x, y + _TILE_PX + 36, 0.45, _FAINT)
    return sheet


def save(sheet: UInt8Array, path: Path) -> None:
    """Write a sheet as PNG; its path should come from `marked`."""
    path.write_bytes(cv2.imencode('.png', sheet)[1].tobytes())


def _caption(person: Person) -> str:
    x0, y0, x1, y1 = person.box
    covered = int(100 * person.covered)  # Not rounded up to the bar that it misses.
    return f'{person.name}, {x1 - x0:.0f} x {y1 - y0:.0f} px, {covered} % covered'


def _tile(evaluation: Evaluation, person: Person) -> UInt8Array:
    """A person with surroundings, (`_TILE_PX`, `_TILE_PX`, 3)."""
    picture = evaluation.dataset.pictures[person.picture]
    pixels = pixels_of(picture)
    obscured = coverage_mask(
        evaluation.frames[person.picture].regions, picture.width, picture.height
    )
    pixels[obscured] = 0
    left, top, side = _crop(person, picture.width, picture.height)
    inside = slice(max(0, top), top + side), slice(max(0, left), left + side)
    scale = _TILE_PX / side
    x, y = max(0, round(-left * scale)), max(0, round(-top * scale))
    rows, columns = pixels[inside].shape[:2]
    size = min(_TILE_PX - x, round(columns * scale)), min(_TILE_PX - y, round(rows * scale))
    filtering = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = np.asarray(cv2.resize(pixels[inside], size, interpolation=filtering), np.uint8)
    hidden = cv2.resize(obscured[inside].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    # A black region in a dark picture would not be seen to be one.
    edges, _ = cv2.findContours(hidden, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(part, edges, -1, _REGION, 1)
    tile = np.full((_TILE_PX, _TILE_PX, 3), _AROUND, np.uint8)
    tile[y : y + size[1], x : x + size[0]] = part
    x0, y0, x1, y1 = person.box
    corners = ((x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale)
    # An edge in the last row or column stays in sight.
    ax, ay, bx, by = (min(max(1, round(corner)), _TILE_PX - 2) for corner in corners)
    cv2.rectangle(tile, (ax, ay), (bx, by), (0, 0, 0), 4)
    cv2.rectangle(tile, (ax, ay), (bx, by), _LABEL, 2)
    return tile


def _crop(person: Person, width: int, height: int) -> tuple[int, int, int]:
    """Left, top and side of a square around a person, inside the picture as far as it can be."""
    x0, y0, x1, y1 = person.box
    side = max(_LEAST_CROP_PX, int(_CONTEXT * max(x1 - x0, y1 - y0)))
    side = min(side, max(width, height))

    def start(low: float, high: float, length: int) -> int:
        if side >= length:
            return (length - side) // 2
        return int(min(max(0, (low + high - side) / 2), length - side))

    return start(x0, x1, width), start(y0, y1, height), side


def _write(
    sheet: UInt8Array, text: str, x: int, y: int, scale: float, colour: tuple[int, int, int]
) -> None:
    """One line; cut in its middle if it is wider than its tile, or the title than the sheet."""
    room = (sheet.shape[1] if y < _TITLE_PX else _TILE_PX) - _GAP_PX
    shown, keep = text, len(text)
    while cv2.getTextSize(shown, _FONT, scale, 1)[0][0] > room and keep > 8:
        keep -= 1
        shown = f'{text[: keep // 2]}...{text[len(text) - keep // 2 :]}'
    cv2.putText(sheet, shown, (x, y), _FONT, scale, colour, 1, cv2.LINE_AA)
