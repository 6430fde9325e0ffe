"""Labelled data sets from disk. `FORMATS` is the table of what can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling import coco_labels, yolo_labels
from anonymizer_node.modelling.labelled import Dataset


class Format(NamedTuple):
    """One way to lay out a data set.

    Attributes:
        title: What it is, for the user.
        recognises: Whether a path is one.
        read: `(path, labels, images, partly)`, as `read_dataset`.
    """

    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Sequence[str], Path | None, bool], Dataset]


FORMATS: Mapping[str, Format] = {
    'yolo': Format(
        'a folder with images/ and labels/ (YOLO)', yolo_labels.recognises, yolo_labels.read
    ),
    'coco': Format(
        'a COCO annotation JSON, or a folder with one', coco_labels.recognises, coco_labels.read
    ),
}


def read_dataset(
    path: Path, labels: Sequence[str], images: Path | None = None, partly: bool = False
) -> Dataset:
    """Read the labels of a data set; its pictures are found, not yet looked at.

    Args:
        path: Of a file or folder as `FORMATS` says.
        labels: The classes that count; the others are passed over.
        images: Folder of the pictures, where they aren't in one of the usual places.
        partly: Accept that the data set doesn't label some of them, as long as it does one.

    Raises:
        InputError: If it isn't there or not recognised, a label can't be read, a picture is
            missing or there is none, or a class isn't labelled.
    """
    if not path.exists():
        raise InputError(f'{str(path)!r} does not exist; give the path of a labelled data set.')
    if images is not None and not images.is_dir():
        raise InputError(f'{str(images)!r} is no folder; --images takes the one of the pictures.')
    for layout in FORMATS.values():
        if layout.recognises(path):
            return layout.read(path, labels, images, partly)
    titles = '; '.join(layout.title for layout in FORMATS.values())
    raise InputError(f'{str(path)!r} is no data set that can be read; these can: {titles}.')
