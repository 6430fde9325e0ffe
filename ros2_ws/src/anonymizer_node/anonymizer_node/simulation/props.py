"""What stands about in a scene and is nobody: walls, floors, racks, crates, benches. Drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.simulation.photographs import Cutout, photograph

Colour = tuple[int, int, int]

CARDBOARD: Colour = (104, 148, 184)
STEEL_BLUE: Colour = (110, 72, 38)
BEAM_ORANGE: Colour = (38, 104, 208)
WOOD: Colour = (92, 132, 170)


def hall(
    width: int, height: int, floor_from: int, wall: Colour, rng: np.random.Generator
) -> UInt8Array:
    """A painted wall with a darker dado over a concrete floor, its joints drawn in perspective.

    Args:
        width: Columns, pixels.
        height: Rows, pixels.
        floor_from: Row at which wall and floor meet.
        wall: BGR of the paint.
        rng: For the unevenness of plaster and concrete.
    """
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = wall
    dado = floor_from - (floor_from // 4)
    picture[dado:floor_from] *= (0.72, 0.66, 0.62)
    picture[:floor_from] *= np.linspace(1.08, 0.92, floor_from)[:, None, None]
    picture[floor_from:] = (118, 122, 124)
    picture[floor_from:] *= np.linspace(0.70, 1.12, height - floor_from)[:, None, None]
    for x in range(0, width, 480):  # The panels that such a wall is made of.
        cv2.line(picture, (x, 0), (x, floor_from), tuple(0.8 * c for c in wall), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (0, floor_from - 14), (width, floor_from), (62, 64, 66), -1)
    _joints(picture, floor_from)
    picture *= _unevenness(width, height, rng)[:, :, None]
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def brick_yard(width: int, height: int, floor_from: int, rng: np.random.Generator) -> UInt8Array:
    """A grey brick wall over gravel, the gravel from a photograph; (height, width, 3)."""
    wall = np.full((floor_from, width, 3), 108, np.float32)
    brick_width, brick_height, mortar = 96, 32, 5
    for row, y in enumerate(range(0, floor_from, brick_height)):
        for x in range(-(row % 2) * brick_width // 2, width, brick_width):
            area = (slice(y, y + brick_height - mortar), slice(max(0, x), x + brick_width - mortar))
            wall[area] = rng.normal(78, 5)
    wall *= _unevenness(width, floor_from, rng)[:, :, None]
    picture = np.empty((height, width, 3), np.uint8)
    picture[:floor_from] = np.clip(wall, 0, 255)
    picture[floor_from:] = _lying_flat(
        photograph('skimage', 'data/gravel.png'), width, height - floor_from
    )
    picture[floor_from - 10 : floor_from + 8] //= 2
    return picture


def rack(width: int, height: int, rng: np.random.Generator) -> Cutout:
    """A pallet rack with boxes on its shelves; one sees the wall through it."""
    bgr = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    post, beam, levels = max(6, width // 45), max(8, height // 45), 3
    for level in range(levels):
        shelf = height * (level + 1) // levels - beam
        x = post + 6
        while True:
            box_width = int(rng.integers(width // 7, width // 4))
            box_height = int(rng.integers(height // 8, height // 4))
            if x + box_width > width - post - 4:
                break
            if rng.random() < 0.85:
                bgr[shelf - box_height : shelf, x : x + box_width] = box(box_width, box_height, rng)
                alpha[shelf - box_height : shelf, x : x + box_width] = 255
            x += box_width + int(rng.integers(2, 18))
        _bar(bgr, alpha, (0, shelf, width, shelf + beam), BEAM_ORANGE)
    for x in (0, width - post):
        _bar(bgr, alpha, (x, 0, x + post, height), STEEL_BLUE)
    return Cutout(bgr, alpha)


def crates(columns: int, rows: int, size: int, rng: np.random.Generator) -> Cutout:
    """A stack of boxes on a pallet, `size` pixels high each, `columns` of them side by side."""
    pallet = size // 4
    widths = rng.integers(int(size * 1.1), int(size * 1.5), columns)
    bgr = np.zeros((rows * size + pallet, int(widths.sum()), 3), np.uint8)
    for row in range(rows):
        x = 0
        for width in rng.permutation(widths).tolist():
            bgr[row * size : (row + 1) * size, x : x + width] = box(width, size, rng)
            x += width
    alpha = np.full(bgr.shape[:2], 255, np.uint8)
    bgr[-pallet:] = (34, 38, 42)  # The gaps of the pallet are too dark to see through.
    for top, bottom in ((pallet, 3 * pallet // 4), (pallet // 4, 0)):
        end = bgr.shape[0] - bottom
        _bar(bgr, alpha, (0, bgr.shape[0] - top, bgr.shape[1], end), WOOD)
    for x in np.linspace(0, bgr.shape[1] - size // 3, 3).astype(int).tolist():
        _bar(bgr, alpha, (x, bgr.shape[0] - pallet, x + size // 3, bgr.shape[0]), WOOD)
    return Cutout(bgr, alpha)


def bench(width: int, height: int, rng: np.random.Generator) -> Cutout:
    """A packing bench seen from the front: a wooden top, drawers below."""
    bgr = np.empty((height, width, 3), np.float32)
    bgr[:] = (96, 98, 92)
    top = max(10, height // 8)
    bgr[:top] = WOOD
    bgr[:top] *= 1 + 0.08 * rng.standard_normal((top, 1, 1))
    bgr[top : top + 8] *= 0.45
    for x in range(0, width, max(1, width // 4)):
        right = min(width - 1, x + width // 4 - 6)
        cv2.rectangle(bgr, (x + 6, top + 18), (right, height - 12), (70, 74, 70), 2)
        middle = (x + 6 + right) // 2
        cv2.rectangle(bgr, (middle - 22, top + 32), (middle + 22, top + 40), (160, 162, 158), -1)
    bgr *= _unevenness(width, height, rng)[:, :, None]
    return Cutout(
        np.asarray(np.clip(bgr, 0, 255), np.uint8), np.full((height, width), 255, np.uint8)
    )


def framed(package: str, path: str, border: int) -> Cutout:
    """A photograph without people as a print on the wall."""
    print_ = photograph(package, path)
    rows, columns = print_.shape[0] + 2 * border, print_.shape[1] + 2 * border
    picture = np.full((rows, columns, 3), (50, 52, 54), np.uint8)
    picture[border:-border, border:-border] = print_
    return Cutout(picture, np.full((rows, columns), 255, np.uint8))


def grey(cutout: Cutout) -> Cutout:
    """The same as a monochrome camera sees it."""
    mono = cv2.cvtColor(cutout.bgr, cv2.COLOR_BGR2GRAY)
    bgr = np.asarray(cv2.cvtColor(mono, cv2.COLOR_GRAY2BGR), np.uint8)
    return Cutout(bgr, cutout.alpha, cutout.body)


def box(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """A cardboard box from the front: tape down the middle, a label, a worn edge."""
    face = np.empty((height, width, 3), np.float32)
    face[:] = np.array(CARDBOARD) * rng.uniform(0.72, 1.12)
    face *= np.linspace(1.06, 0.9, height)[:, None, None]
    face *= 1 + 0.02 * rng.standard_normal((height, width, 1))
    middle, tape = width // 2, max(3, width // 14)
    face[:, middle - tape : middle + tape] *= (0.86, 0.92, 0.96)
    left, top = int(width * rng.uniform(0.08, 0.6)), int(height * rng.uniform(0.5, 0.65))
    label = (slice(top, top + height // 5), slice(left, left + width // 4))
    face[label] = (214, 220, 222)
    face[top + height // 12 : top + height // 10, label[1]] = (70, 70, 70)
    edge = max(1, min(width, height) // 40)
    cv2.rectangle(face, (0, 0), (width - 1, height - 1), (50, 78, 102), edge)
    return np.asarray(np.clip(face, 0, 255), np.uint8)


def _bar(
    bgr: UInt8Array, alpha: UInt8Array, xyxy: tuple[int, int, int, int], colour: Colour
) -> None:
    """A bar with a light upper edge, into both arrays."""
    x0, y0, x1, y1 = xyxy
    bgr[y0:y1, x0:x1] = colour
    bgr[y0 : y0 + 2, x0:x1] = np.clip(np.array(colour) * 1.4, 0, 255)
    alpha[y0:y1, x0:x1] = 255


def _joints(picture: NDArray[np.float32], floor_from: int) -> None:
    height, width = picture.shape[:2]
    vanishing = (width // 2, floor_from - height // 3)
    for x in range(-2 * width, 3 * width, 420):
        step = (floor_from - vanishing[1]) / (height - vanishing[1])
        start = (int(vanishing[0] + (x - vanishing[0]) * step), floor_from)
        cv2.line(picture, start, (x, height), (84, 88, 90), 2, cv2.LINE_AA)
    for share in (0.12, 0.32, 0.65):
        y = floor_from + int(share * (height - floor_from))
        cv2.line(picture, (0, y), (width, y), (84, 88, 90), 2, cv2.LINE_AA)


def _unevenness(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Factors around 1, (height, width): coarse blotches and fine grain."""
    coarse = rng.standard_normal((max(2, height // 90), max(2, width // 90))).astype(np.float32)
    blotches = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.standard_normal((height, width)).astype(np.float32)
    return np.asarray(1 + 0.025 * blotches + 0.018 * grain, np.float32)


def _lying_flat(texture: UInt8Array, width: int, rows: int) -> UInt8Array:
    """Ground seen from a person's height: squeezed towards the wall."""
    wide, deep = width * 2, rows * 4
    corners = np.array([[0, 0], [wide, 0], [wide, deep], [0, deep]], np.float32)
    onto = np.array([[0, 0], [width, 0], [width * 1.25, rows], [-width * 0.25, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, onto)
    ground = _tiled(texture, wide, deep, 0.5)
    return np.asarray(cv2.warpPerspective(ground, matrix, (width, rows)), np.uint8)


def _tiled(tile: UInt8Array, width: int, height: int, scale: float) -> UInt8Array:
    """A texture repeated, every second time mirrored so that no seam shows."""
    small = cv2.resize(tile, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pair = np.hstack([small, small[:, ::-1]])
    quad = np.vstack([pair, pair[::-1]])
    times = (-(-height // quad.shape[0]), -(-width // quad.shape[1]), 1)
    return np.ascontiguousarray(np.tile(quad, times)[:height, :width])
