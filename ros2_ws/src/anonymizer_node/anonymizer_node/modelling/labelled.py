"""A labelled data set, whatever format it came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array, UInt8Array
from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.pictures import read


class Label(NamedTuple):
    """One labelled box.

    Attributes:
        name: Of its class.
        box: xyxy, pixels of the picture.
        is_crowd: Whether it is a region with a number of people in it, and none of them alone.
    """

    name: str
    box: tuple[float, float, float, float]
    is_crowd: bool = False


@dataclass(frozen=True)
class Labelled:
    """One picture and what is labelled in it.

    Attributes:
        path: Of the picture.
        width: Columns, pixels.
        height: Rows, pixels.
        boxes: (N, 4) float32 xyxy, pixels, clipped to the picture, each with an area.
        names: Class names, N.
        crowd: (N,) bool, see `Label.is_crowd`.
        left_out: Labels that had no area inside the picture.
    """

    path: Path
    width: int
    height: int
    boxes: Float32Array = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    crowd: NDArray[np.bool_] = field(repr=False)
    left_out: int = 0

    @classmethod
    def of(cls, path: Path, width: int, height: int, labels: Sequence[Label]) -> Labelled:
        """A picture with its labels, clipped; those that nothing is left of are counted."""
        boxes = np.array([label.box for label in labels], np.float32).reshape(-1, 4)
        np.clip(boxes, 0, np.array([width, height, width, height], np.float32), out=boxes)
        usable = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        kept = [label for label, use in zip(labels, usable, strict=True) if use]
        return cls(
            path,
            width,
            height,
            boxes[usable],
            tuple(label.name for label in kept),
            np.array([label.is_crowd for label in kept], bool),
            len(labels) - len(kept),
        )

    @property
    def is_empty(self) -> bool:
        """Whether nobody is labelled in it, in a crowd neither."""
        return not len(self.boxes) and not self.left_out

    def boxes_of(self, names: Sequence[str], crowd: bool = False) -> Float32Array:
        """The boxes of some classes, (M, 4): single ones, or crowds."""
        chosen = np.array([name in names for name in self.names], bool) & (self.crowd == crowd)
        return np.asarray(self.boxes[chosen])


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures.

    Attributes:
        path: As given.
        kind: Key of `datasets.FORMATS`.
        pictures: In the order of their names, one at least.
        labels: The classes that were read.
        known: All that the data set labels.
    """

    path: Path
    kind: str
    pictures: tuple[Labelled, ...] = field(repr=False)
    labels: tuple[str, ...]
    known: tuple[str, ...]


def pixels_of(picture: Labelled) -> UInt8Array:
    """A picture as its labels mean it, (height, width, 3) uint8 BGR.

    Raises:
        InputError: If it can't be decoded, or isn't of the size that its labels were made for.
    """
    # Labels are of the picture as shown, or of the one that is stored turned.
    for turned in (True, False):
        pixels = read(picture.path, turned)
        if pixels.shape[:2] == (picture.height, picture.width):
            return pixels
    height, width = pixels.shape[:2]
    raise InputError(
        f'{str(picture.path)!r} is {width}x{height}, but labelled as '
        f'{picture.width}x{picture.height}: its boxes would lie elsewhere. Give the pictures that '
        'were labelled.'
    )


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as shown, pixels.

    Raises:
        InputError: If it can't be decoded.
    """
    height, width = read(path).shape[:2]
    return width, height


def wanted(
    labels: Sequence[str], known: Sequence[str], path: Path, partly: bool
) -> tuple[str, ...]:
    """The classes to read.

    Args:
        labels: Asked for.
        known: To the data set.
        path: Of the data set.
        partly: Accept that some are not known, as long as one is.

    Raises:
        InputError: If one that is needed isn't labelled.
    """
    found = tuple(name for name in labels if name in known)
    missing = [name for name in labels if name not in known]
    if not found or (missing and not partly):
        raise InputError(
            f'{str(path)!r} labels no {missing[0]!r}; it labels {", ".join(known) or "nothing"}. '
            'Say with --labels which of these are to be hidden.'
        )
    return found
