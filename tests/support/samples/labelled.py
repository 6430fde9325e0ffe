"""Tiny labelled data sets on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (100, 80)
"""Width and height of the pictures, pixels."""


def write_picture(path: Path, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    """A PNG of noise without black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(1, 256, (size[1], size[0], 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


def annotation(image: int, box: Sequence[float], category: int = 1, crowd: int = 0) -> dict:
    """A box of a picture; the box is xyxy, unlike COCO's own."""
    x0, y0, x1, y1 = box
    bbox = [x0, y0, x1 - x0, y1 - y0]
    return {'image_id': image, 'category_id': category, 'bbox': bbox, 'iscrowd': crowd}


def write_coco(
    folder: Path,
    names: Sequence[str],
    annotations: Sequence[dict[str, Any]],
    categories: Sequence[str] = ('person', 'dog'),
    file: str = 'boxes.json',
    images: str = 'images',
) -> Path:
    """A COCO data set; pictures have the ids 1, 2, ... in the order given, categories too."""
    for number, name in enumerate(names):
        write_picture(folder / images / name, seed=number)
    content = {
        'images': [
            {'id': number, 'file_name': name, 'width': SIZE[0], 'height': SIZE[1]}
            for number, name in enumerate(names, 1)
        ],
        'annotations': [{'id': 10 + number, **item} for number, item in enumerate(annotations)],
        'categories': [{'id': number, 'name': name} for number, name in enumerate(categories, 1)],
    }
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(content))
    return folder


def write_yolo(
    folder: Path,
    labels: Mapping[str, str | None],
    classes: Sequence[str] = ('person', 'dog'),
    split: str = '',
) -> Path:
    """A YOLO data set; picture's stem -> text of its label file, None for no file."""
    (folder / 'labels' / split).mkdir(parents=True, exist_ok=True)
    for number, (stem, text) in enumerate(labels.items()):
        write_picture(folder / 'images' / split / f'{stem}.png', seed=number)
        if text is not None:
            (folder / 'labels' / split / f'{stem}.txt').write_text(text)
    (folder / 'classes.txt').write_text('\n'.join(classes) + '\n')
    return folder
