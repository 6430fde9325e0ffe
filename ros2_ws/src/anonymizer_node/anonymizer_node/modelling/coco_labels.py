"""Reads COCO's annotation JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.labelled import Dataset, Label, Labelled, size_of, wanted

_PREFIX = 'instances_'


def annotations_in(path: Path) -> list[Path]:
    """The annotation files that a path may mean: itself, or those in a folder."""
    if path.is_file():
        return [path] if path.suffix.lower() == '.json' else []
    return sorted(path.glob('*.json')) or sorted(path.glob(f'annotations/{_PREFIX}*.json'))


def recognises(path: Path) -> bool:
    """Whether a path is such a data set."""
    return bool(annotations_in(path))


def read(path: Path, labels: Sequence[str], images: Path | None, partly: bool) -> Dataset:
    """See `datasets.read_dataset`."""
    found = annotations_in(path)
    if len(found) > 1:
        listing = ', '.join(file.name for file in found)
        raise InputError(
            f'{str(path)!r} has {len(found)} JSON files ({listing}); give the path of the one with '
            'the annotations.'
        )
    (file,) = found
    content = _content(file)
    try:
        names = {category['id']: str(category['name']) for category in content['categories']}
        listed = sorted(content['images'], key=lambda image: str(image['file_name']))
        by_image = _by_image(content['annotations'], names, file)
        _check_listed(listed, by_image, file)
        chosen = wanted(labels, list(dict.fromkeys(names.values())), path, partly)
        paths = _pictures([str(image['file_name']) for image in listed], file, images)
        pictures = tuple(
            _labelled(image, paths[str(image['file_name'])], by_image, chosen) for image in listed
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f'{str(file)!r} is no COCO annotation file ({type(error).__name__}: {error}); it needs '
            '"images", "annotations" and "categories".'
        ) from error
    return Dataset(path, 'coco', pictures, chosen, tuple(dict.fromkeys(names.values())))


def _content(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f'{str(file)!r} can not be read as JSON ({error}); give a COCO annotation file.'
        ) from error


def _by_image(
    annotations: Sequence[Mapping[str, Any]], names: Mapping[Any, str], file: Path
) -> dict[Any, list[Label]]:
    """The labels of all classes by image id."""
    found: dict[Any, list[Label]] = {}
    for item in annotations:
        box, said = item.get('bbox'), f'Annotation {item.get("id")} of {str(file)!r}'
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            raise InputError(
                f'{said} has the bbox {box!r}; it takes four numbers: left, top, width, height.'
            )
        if item['category_id'] not in names:
            raise InputError(
                f'{said} is of category {item["category_id"]!r}, which the file does not list; '
                'add it to "categories".'
            )
        x, y, width, height = box
        label = Label(
            names[item['category_id']], (x, y, x + width, y + height), bool(item.get('iscrowd'))
        )
        found.setdefault(item['image_id'], []).append(label)
    return found


def _check_listed(
    listed: Sequence[Mapping[str, Any]], by_image: Mapping[Any, Any], file: Path
) -> None:
    """See that every label is of a picture, and that none is there twice."""
    ids = [image['id'] for image in listed]
    lost = [str(one) for one in by_image if one not in ids]
    if lost or len(set(ids)) != len(ids):
        said = (
            f'has labels of picture {lost[0]}, which it does not list'
            if lost
            else ('lists a picture id twice')
        )
        raise InputError(f'{str(file)!r} {said}: people would be counted wrongly. Mend the file.')


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _labelled(
    image: Mapping[str, Any],
    path: Path,
    by_image: Mapping[Any, list[Label]],
    chosen: Sequence[str],
) -> Labelled:
    stated = (image.get('width'), image.get('height'))
    if None not in stated and not all(type(side) is int and 0 < side < 2**31 for side in stated):
        raise InputError(
            f'The picture {path.name!r} is said to be {stated[0]!r} x {stated[1]!r} px large; give '
            'whole numbers.'
        )
    width, height = size_of(path) if None in stated else (image['width'], image['height'])
    labels = [label for label in by_image.get(image['id'], []) if label.name in chosen]
    return Labelled.of(path, width, height, labels)


def _pictures(names: Sequence[str], file: Path, images: Path | None) -> dict[str, Path]:
    """Where each picture lies.

    Raises:
        InputError: If there are none, or one is missing.
    """
    if not names:
        raise InputError(f'{str(file)!r} lists no pictures; give annotations of some.')
    folders = [images] if images is not None else _usual_folders(file)
    paths, missing = {}, []
    for name in names:
        for folder in folders:
            if (folder / name).is_file():
                paths[name] = folder / name
                break
        else:
            missing.append(name)
    if missing:
        searched = ', '.join(repr(str(folder)) for folder in folders)
        raise InputError(
            f'The picture {missing[0]!r} that {str(file)!r} lists is in none of {searched} '
            f'({len(missing)} of {len(names)} pictures are missing); name their folder with '
            '--images.'
        )
    return paths


def _usual_folders(file: Path) -> list[Path]:
    """Beside the annotations, in `images`, or in the folder of the split: `val2017`."""
    root = file.parent.parent if file.parent.name == 'annotations' else file.parent
    folders = [file.parent, root, root / 'images']
    if file.stem.startswith(_PREFIX):
        split = file.stem[len(_PREFIX) :]
        folders += [root / split, root / 'images' / split]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
