"""Pictures to calibrate and compare with: from a folder, letterboxed as the detector does it."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.geometry import Letterbox

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png')


def choose(folder: Path, count: int, seed: int) -> list[Path]:
    """Pick pictures of a folder at random, the same ones every time.

    Args:
        folder: Holding .jpg, .jpeg, .png or .bmp files, in folders of its own too.
        count: How many at most.
        seed: Of the choice.

    Returns:
        Paths, sorted.

    Raises:
        InputError: If the folder has no picture, or isn't one.
    """
    if not folder.is_dir():
        raise InputError(f'{str(folder)!r} is no folder; give one with pictures of people.')
    found = sorted(
        path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not found:
        raise InputError(
            f'{str(folder)!r} has no picture ({", ".join(SUFFIXES)}); give a folder with some, '
            'people among them.'
        )
    if len(found) <= count:
        return found
    return sorted(random.Random(seed).sample(found, count))  # noqa: S311


def read(path: Path, turned: bool = True) -> UInt8Array:
    """A picture from disk, (height, width, 3) uint8 BGR.

    Args:
        path: Of the picture.
        turned: As it is shown: turned as its EXIF data say. False: as it is stored.

    Raises:
        InputError: If it can't be decoded.
    """
    how = cv2.IMREAD_COLOR if turned else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, how) if data.size else None
    if picture is None:
        raise InputError(f'{str(path)!r} is no picture that OpenCV reads; take it out.')
    return np.asarray(picture, np.uint8)


def load(path: Path, input_size: int) -> UInt8Array:
    """Read a picture as the detector sees it, but for a level here and there.

    Args:
        path: Of the picture.
        input_size: Longer side of the result, pixels; the shorter one follows the picture.

    Returns:
        (height, width, 3) uint8 BGR, in the middle of black, both sizes multiples of 32.

    Raises:
        InputError: If it can't be decoded.
    """
    picture = read(path)
    box = Letterbox.fit(picture.shape[1], picture.shape[0], input_size)
    canvas = np.zeros((box.input_height, box.input_width, 3), np.uint8)
    canvas[box.top : box.top + box.height, box.left : box.left + box.width] = _scaled(
        picture, box.width, box.height
    )
    return canvas


def _scaled(picture: UInt8Array, width: int, height: int) -> UInt8Array:
    """A picture in another size, by OpenCV's own filters.

    `core.scaling` is quicker and rounds otherwise; here the same pictures have to give the same
    model as ever, byte for byte.
    """
    while picture.shape[0] >= 2 * height and picture.shape[1] >= 2 * width:
        rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
        half = cv2.resize(picture[: 2 * rows, : 2 * columns], (columns, rows))
        picture = np.asarray(half, np.uint8)
    shrinks = picture.shape[0] > height or picture.shape[1] > width
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=filtering), np.uint8)
