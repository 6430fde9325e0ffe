"""Frames with people at known places. A person is noise in a magenta ring, and no two are alike.

The noise has a new value at each pixel and in each frame, so that any piece of it is recognised
wherever it turns up, and averages of it tell nothing. It is grey, so that each channel of a
picture holds all of it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from pictures import compressed, key, raw

WIDTH, HEIGHT = 160, 120
RING_PX = 4
RING = (255, 0, 255)
PLACES = ((16, 24, 56, 88), (64, 32, 104, 96), (104, 20, 144, 84))
QUALITY = 95

_seeds = itertools.count(1)


class Person(NamedTuple):
    """Somebody in a picture: x0, y0, x1, y1 in pixels, half-open, with the ring."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True)
class Shot:
    """A frame to be sent, and what must not be seen of it.

    Attributes:
        message: As it is sent.
        people: In the picture as its label should say.
        size: Columns and rows of the picture, pixels.
        secrets: (rows, columns) uint8 each, the noise that must not be found anywhere.
    """

    message: Any
    people: tuple[Person, ...]
    size: tuple[int, int]
    secrets: tuple[Any, ...] = field(repr=False)

    @property
    def key(self) -> tuple[int, int]:
        return key(self.message)


def painted(
    places: tuple[tuple[int, int, int, int], ...], width: int = WIDTH, height: int = HEIGHT
) -> Any:
    """(height, width, 3) uint8 BGR: a wall, and a person at each place."""
    rng = np.random.default_rng(next(_seeds))
    coarse = rng.integers(60, 160, (-(-height // 16), -(-width // 16), 3), np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    for x0, y0, x1, y1 in places:
        pixels[y0:y1, x0:x1] = RING
        inner = pixels[y0 + RING_PX : y1 - RING_PX, x0 + RING_PX : x1 - RING_PX]
        inner[...] = rng.integers(0, 256, (*inner.shape[:2], 1), np.uint8)
    return pixels


def secret(pixels: Any, person: Any) -> Any:
    """The noise of a person."""
    x0, y0, x1, y1 = person
    return pixels[y0 + RING_PX : y1 - RING_PX, x0 + RING_PX : x1 - RING_PX, 0].copy()


def shot(
    message: Any, pixels: Any, places: Any, asks: str = '', secrets: tuple[Any, ...] = ()
) -> Shot:
    """A message made of `painted` pixels.

    Args:
        message: To be sent.
        pixels: As painted.
        places: Of the people.
        asks: What is to go wrong with it, see fault_node.py.
        secrets: More that must not be found.
    """
    message.header.frame_id = asks
    people = tuple(Person(*place) for place in places)
    hidden = tuple(secret(pixels, person) for person in people)
    return Shot(message, people, (pixels.shape[1], pixels.shape[0]), (*hidden, *secrets))


def raw_shot(asks: str = '', places: Any = PLACES[:1]) -> Shot:
    """A raw frame without a fault of its own."""
    pixels = painted(places)
    return shot(raw(pixels), pixels, places, asks)


def jpeg_shot(asks: str = '', places: Any = PLACES[:1]) -> Shot:
    """A JPEG without a fault of its own."""
    pixels = painted(places)
    return shot(compressed(pixels), pixels, places, asks)
