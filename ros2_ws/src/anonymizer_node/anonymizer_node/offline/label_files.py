"""Labels of exported pictures, in the forms that trainers and labelling tools read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import yaml

from anonymizer_node import __version__
from anonymizer_node.core.datatypes import Region

IMAGES = 'images'


class Picture(NamedTuple):
    """An exported picture and what is known of it.

    Attributes:
        name: Of its file in the folder `IMAGES`.
        width: Columns, pixels.
        height: Rows, pixels.
        regions: What was obscured in it.
        topic: Where it comes from.
        stamp_ns: Time of its header; None if unknown.
        time_ns: When it was recorded.
    """

    name: str
    width: int
    height: int
    regions: tuple[Region, ...]
    topic: str
    stamp_ns: int | None
    time_ns: int


class LabelFile(Protocol):
    """One form of labels."""

    def __init__(self, folder: Path, category: str) -> None:
        """Begin. Args: folder: Of the whole export. category: What the labels are called."""

    def add(self, picture: Picture) -> None:
        """Take the next picture's labels."""

    def finish(self) -> None:
        """Write what is still to be written."""


class Coco:
    """annotations/instances_default.json, as CVAT, FiftyOne and `anonymize model eval` read it."""

    def __init__(self, folder: Path, category: str) -> None:
        """See `LabelFile`."""
        self._path = folder / 'annotations' / 'instances_default.json'
        self._category = category
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, picture: Picture) -> None:
        """See `LabelFile`."""
        number = len(self._images) + 1
        self._images.append(
            {
                'id': number,
                'file_name': picture.name,
                'width': picture.width,
                'height': picture.height,
                'topic': picture.topic,
                'stamp_ns': picture.stamp_ns,
                'time_ns': picture.time_ns,
            }
        )
        self._annotations += [
            {
                'id': len(self._annotations) + index,
                'image_id': number,
                'category_id': 1,
                'bbox': [region.x0, region.y0, region.width, region.height],
                'area': region.area,
                'segmentation': [],
                'iscrowd': 0,
            }
            for index, region in enumerate(picture.regions, 1)
        ]

    def finish(self) -> None:
        """See `LabelFile`."""
        _write_json(
            self._path,
            {
                'info': {'description': f'exported by anonymizer_node {__version__}'},
                'licenses': [],
                'categories': [{'id': 1, 'name': self._category, 'supercategory': ''}],
                'images': self._images,
                'annotations': self._annotations,
            },
        )


class Yolo:
    """labels/NAME.txt beside images/, with data.yaml and classes.txt."""

    def __init__(self, folder: Path, category: str) -> None:
        """See `LabelFile`."""
        self._labels = folder / 'labels'
        self._labels.mkdir()
        (folder / 'classes.txt').write_text(f'{category}\n', encoding='utf-8')
        # Without `path` the folders are looked for beside this file; `.` would be the current one.
        about = {'train': IMAGES, 'val': IMAGES, 'names': [category]}
        (folder / 'data.yaml').write_text(yaml.safe_dump(about, sort_keys=False), encoding='utf-8')

    def add(self, picture: Picture) -> None:
        """See `LabelFile`."""
        lines = [
            f'0 {(x0 + x1) / 2 / picture.width:.9f} {(y0 + y1) / 2 / picture.height:.9f} '
            f'{(x1 - x0) / picture.width:.9f} {(y1 - y0) / picture.height:.9f}\n'
            for x0, y0, x1, y1 in picture.regions
        ]
        path = self._labels / f'{Path(picture.name).stem}.txt'
        path.write_text(''.join(lines), encoding='utf-8')

    def finish(self) -> None:
        """See `LabelFile`."""


class LabelStudio:
    """label_studio/tasks.json with the regions as predictions to correct, and config.xml."""

    def __init__(self, folder: Path, category: str) -> None:
        """See `LabelFile`."""
        self._folder = folder / 'label_studio'
        self._category = category
        self._tasks: list[dict[str, Any]] = []

    def add(self, picture: Picture) -> None:
        """See `LabelFile`."""
        results = [
            {
                'id': f'region{index}',
                'type': 'rectanglelabels',
                'from_name': 'label',
                'to_name': 'image',
                'original_width': picture.width,
                'original_height': picture.height,
                'image_rotation': 0,
                'value': {
                    'x': 100 * region.x0 / picture.width,
                    'y': 100 * region.y0 / picture.height,
                    'width': 100 * region.width / picture.width,
                    'height': 100 * region.height / picture.height,
                    'rotation': 0,
                    'rectanglelabels': [self._category],
                },
            }
            for index, region in enumerate(picture.regions)
        ]
        # Served from local files, with the export as the root of documents.
        data = {
            'image': f'/data/local-files/?d={IMAGES}/{quote(picture.name)}',
            'topic': picture.topic,
            'time_ns': str(picture.time_ns),
        }
        predictions = [{'model_version': 'anonymizer_node', 'result': results}]
        self._tasks.append({'data': data, 'predictions': predictions})

    def finish(self) -> None:
        """See `LabelFile`."""
        _write_json(self._folder / 'tasks.json', self._tasks)
        (self._folder / 'config.xml').write_text(
            '<View>\n'
            '  <Image name="image" value="$image"/>\n'
            '  <RectangleLabels name="label" toName="image">\n'
            f'    <Label value={quoteattr(self._category)}/>\n'
            '  </RectangleLabels>\n'
            '</View>\n',
            encoding='utf-8',
        )


LABEL_FILES: Mapping[str, type[LabelFile]] = {
    'coco': Coco,
    'yolo': Yolo,
    'label-studio': LabelStudio,
}
"""By name."""


def _write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + '\n', encoding='utf-8')
