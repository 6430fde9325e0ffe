"""Whether a message shows anybody whom it must not. Trusts nothing that the node says of itself.

A person of `shots` is looked for in three ways, of which one is enough:

- At its place: with `blackout` the person's rectangle holds nothing but black, and with any method
  no tile of it is correlated with the original.
- Anywhere in any picture that the message holds: the one that a decoder shows, and whatever else
  begins in its bytes like a JPEG, a PNG or JFIF's thumbnail, at full size and at a half and a
  quarter, in every channel.
- In the bytes of a raw message, whatever its label says: any eight pixels in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from faults.shots import Shot

TILE_PX = 16
STRIPS = ((4, 16), (16, 4))
"""Columns and rows of the tiles at a person's place: narrow, since little of them may be left."""

ALIKE = 0.5
"""Correlation from which on two tiles of noise show the same: of 256 pixels, eight times what
chance gives."""

ALIKE_SMALL = 0.75
"""The same for less than that, 64 pixels at least: six times what chance gives."""

LEAST_PIXELS = 100
RUN_PX = 8
ZERO_IS_BLACK = ('bgr8', 'rgb8', 'bgra8', 'rgba8', 'mono8', '8UC1', '8UC3')
BLACK_JPEG = 24
"""Edges of blocks that were made black take a shade from beside them."""

_PICTURE_START = re.compile(rb'\xff\xd8\xff|\x89PNG\r\n\x1a\n')


def leaks(message: Any, shots: Sequence[Shot], blackout: bool = True) -> list[str]:
    """What can be seen of people in a message, as sentences; empty if nothing.

    Args:
        message: As received, sensor_msgs/Image or CompressedImage.
        shots: What was sent: the one that the message was made of, and others that must not be
            seen in it either.
        blackout: Whether regions are black, so that nothing else may be where people are.
    """
    found = []
    shown = list(pictures(message))
    own = [shot for shot in shots if shot.key == stamp(message)]
    if not own:
        found.append('It answers to no frame that was sent.')
    # What is black in other encodings isn't all zero.
    blackout = blackout and getattr(message, 'encoding', 'bgr8') in ZERO_IS_BLACK
    for picture in shown[:1]:
        for shot in own:
            if picture.shape[1::-1] == shot.size:
                found += _at_place(picture, shot, blackout, raw=hasattr(message, 'step'))
    for number, picture in enumerate(shown):
        for shot in shots:
            if any(_anywhere(plane, shot) for plane in planes(picture)):
                found.append(f'Picture {number} in the message shows somebody of {shot.key}.')
    if hasattr(message, 'step'):
        data = bytes(message.data)
        found += [f'Bytes hold somebody of {shot.key}.' for shot in shots if _in_bytes(data, shot)]
    return found


def stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def pictures(message: Any) -> Iterator[Any]:
    """Every picture that a message holds, (rows, columns[, channels]) uint8, the main one first."""
    data = bytes(message.data)
    if hasattr(message, 'step'):
        rows, step = message.height, message.step
        if rows * step == len(data) and message.width and step // message.width:
            channels = min(step // message.width, 4)
            flat = np.frombuffer(data, np.uint8).reshape(rows, step)
            yield flat[:, : message.width * channels].reshape(rows, message.width, channels)
        return
    for start in _PICTURE_START.finditer(data):
        picture = cv2.imdecode(
            np.frombuffer(data, np.uint8, offset=start.start()),
            cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION,
        )
        if picture is not None:
            yield (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture
    for start in re.finditer(rb'JFIF\0', data):
        width, height = data[start.start() + 12 : start.start() + 14]
        thumbnail = data[start.start() + 14 :][: 3 * width * height]
        if thumbnail and len(thumbnail) == 3 * width * height:
            yield np.frombuffer(thumbnail, np.uint8).reshape(height, width, 3)


def planes(picture: Any) -> Iterator[Any]:
    """The channels of a picture that differ from each other."""
    seen: list[Any] = []
    for plane in np.moveaxis(np.atleast_3d(picture), 2, 0):
        plane = np.ascontiguousarray(plane)
        if not any(np.array_equal(plane, other) for other in seen):
            seen.append(plane)
            yield plane


def _at_place(picture: Any, shot: Shot, blackout: bool, raw: bool) -> list[str]:
    found = []
    colours = np.atleast_3d(picture)[:, :, :3]
    for person, noise in zip(shot.people, shot.secrets, strict=False):
        x0, y0, x1, y1 = person
        if blackout and colours[y0:y1, x0:x1].max() > (0 if raw else BLACK_JPEG):
            found.append(f'At {person} it is not black.')
        inset = (x1 - x0 - noise.shape[1]) // 2
        for plane in planes(picture):
            patch = plane[y0 + inset : y1 - inset, x0 + inset : x1 - inset]
            tiles = [at for columns, rows in STRIPS for at in _tiles(noise, columns, rows)]
            if any(_correlation(patch[at], noise[at]) > ALIKE_SMALL for at in tiles):
                found.append(f'At {person} it shows what was there.')
    return found


def _anywhere(plane: Any, shot: Shot) -> bool:
    if plane.min() == plane.max():
        return False
    for noise in shot.secrets:
        for at in _tiles(noise, TILE_PX, TILE_PX):
            if _matches(plane, noise[at], ALIKE):
                return True
        for divisor in (2, 4):
            size = (noise.shape[1] // divisor, noise.shape[0] // divisor)
            small = cv2.resize(noise, size, interpolation=cv2.INTER_AREA)
            if size[0] * size[1] >= LEAST_PIXELS and _matches(plane, small, ALIKE_SMALL):
                return True
    return False


def _matches(plane: Any, template: Any, alike: float) -> bool:
    if plane.shape[0] < template.shape[0] or plane.shape[1] < template.shape[1]:
        return False
    scores = cv2.matchTemplate(plane, template, cv2.TM_CCOEFF_NORMED)
    return bool(np.nan_to_num(scores, posinf=0, neginf=0).max() > alike)


def _in_bytes(data: bytes, shot: Shot) -> bool:
    # A search of nothing but zeros for thousands of pieces takes its time.
    return bool(np.frombuffer(data, np.uint8).any()) and any(
        np.repeat(noise[row, column : column + RUN_PX], channels).tobytes() in data
        for noise in shot.secrets
        for row in range(noise.shape[0])
        for column in range(0, noise.shape[1] - RUN_PX + 1, RUN_PX)
        for channels in (1, 3)
    )


def _tiles(noise: Any, columns: int, rows: int) -> Iterator[tuple[slice, slice]]:
    """Tiles of a size that cover a picture; the last ones end with it."""
    height, width = noise.shape
    for y in range(0, height, rows):
        for x in range(0, width, columns):
            top, left = max(0, min(y, height - rows)), max(0, min(x, width - columns))
            yield slice(top, top + rows), slice(left, left + columns)


def _correlation(a: Any, b: Any) -> float:
    if a.shape != b.shape:
        return 0.0
    a, b = a.astype(float) - a.mean(), b.astype(float) - b.mean()
    norm = np.sqrt((a * a).sum() * (b * b).sum())
    return float(abs((a * b).sum()) / norm) if norm > 1 else 0.0
