"""Reads folders of YOLO labels: a text file for each picture, a line for each box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import yaml

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.labelled import Dataset, Label, Labelled, size_of, wanted
from anonymizer_node.modelling.pictures import SUFFIXES

_BEYOND = 0.01
"""Shares may leave 0..1 by this much: tools that write them round and let boxes reach out."""

_LINE = 'it takes "class cx cy w h" or "class x1 y1 x2 y2 x3 y3 ...", as shares of the picture'
_NO_LABELS = frozenset({'classes.txt', 'labels.txt', 'notes.txt', 'README.txt'})


def recognises(path: Path) -> bool:
    """Whether a path is such a data set."""
    return (path / 'labels').is_dir()


def read(path: Path, labels: Sequence[str], images: Path | None, partly: bool) -> Dataset:
    """See `datasets.read_dataset`."""
    folder = images if images is not None else _images(path)
    beside = _labels(path, folder)
    known = _names(path)
    chosen = wanted(labels, known, path, partly)
    found = _pictures_in(folder)
    if not found:
        raise InputError(
            f'{str(folder)!r} has no pictures ({", ".join(SUFFIXES)}); name their folder with '
            '--images.'
        )
    _check_complete(beside, found)
    pictures = []
    for picture in found:
        lines = _lines(beside / f'{picture.stem}.txt', known)
        width, height = size_of(picture)
        in_pixels = [
            Label(name, (x0 * width, y0 * height, x1 * width, y1 * height))
            for name, (x0, y0, x1, y1), _ in lines
            if name in chosen
        ]
        pictures.append(Labelled.of(picture, width, height, in_pixels))
    return Dataset(path, 'yolo', tuple(pictures), chosen, known)


def _pictures_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _images(path: Path) -> Path:
    """The folder of pictures: `images` itself, its `val`, or the only one in it."""
    top = path / 'images'
    if _pictures_in(top):
        return top
    splits = [folder for folder in sorted(top.glob('*')) if _pictures_in(folder)]
    chosen = [folder for folder in splits if folder.name == 'val'] or splits
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        names = ', '.join(folder.name for folder in chosen)
        raise InputError(
            f'{str(top)!r} has pictures in {names}; say with --images which of them to take.'
        )
    return top


def _labels(path: Path, images: Path) -> Path:
    """The folder of labels that belongs to a folder of pictures."""
    try:
        folder = path / 'labels' / images.resolve().relative_to((path / 'images').resolve())
    except ValueError:
        folder = path / 'labels'
    if not folder.is_dir():
        raise InputError(
            f'The pictures in {str(images)!r} should have their labels in {str(folder)!r}, which '
            'does not exist; without it all of them would count as empty.'
        )
    return folder


def _check_complete(folder: Path, pictures: Sequence[Path]) -> None:
    """Refuse labels whose picture isn't there: these people would not be counted."""
    stems = {picture.stem for picture in pictures}
    texts = [text for text in sorted(folder.glob('*.txt')) if text.name not in _NO_LABELS]
    missing = [text.name for text in texts if text.stem not in stems]
    if missing:
        raise InputError(
            f'{str(folder / missing[0])!r} labels a picture that is not in '
            f'{str(pictures[0].parent)!r} ({len(missing)} of {len(texts)} are missing); name their '
            'folder with --images.'
        )


def _names(path: Path) -> tuple[str, ...]:
    """Class names by number, from the file that says them.

    Raises:
        InputError: If there is none, or it can't be read.
    """
    # Tools lay a split beside others and write the names once, above them.
    for folder in (path, path / 'labels', path.resolve().parent):
        lists = sorted(folder.glob('*.names'))
        for file in (folder / 'data.yaml', folder / 'classes.txt', *lists[:1]):
            if file.is_file():
                return _names_in(file)
    raise InputError(
        f'Nothing says what the class numbers in {str(path / "labels")!r} mean; put a classes.txt '
        f'into {str(path)!r}, with the names one a line.'
    )


def _names_in(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding='utf-8')
        if file.suffix == '.yaml':
            names = yaml.safe_load(text)['names']
            if isinstance(names, dict):
                names = [names[number] for number in range(len(names))]
            if not isinstance(names, list):
                raise TypeError('"names" is no list')
        else:
            names = text.splitlines()
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f'{str(file)!r} does not say the class names ({type(error).__name__}: {error}); it '
            'takes "names:" with a list, or one name a line.'
        ) from error
    return tuple(str(name).strip() for name in names)


def _lines(file: Path, known: Sequence[str]) -> list[Label]:
    """The labels of a file, boxes as shares of the picture; none if there is no file.

    Raises:
        InputError: If a line is no label.
    """
    try:
        lines = file.read_text(encoding='utf-8').splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{str(file)!r} can not be read ({error}); write it anew.') from error
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_label(line, known))
            except ValueError as error:
                raise InputError(
                    f'Line {number} of {str(file)!r} is {line.strip()!r}: {error}; {_LINE}.'
                ) from error
    return found


def _label(line: str, known: Sequence[str]) -> Label:
    """One line's label; raises ValueError if it is none."""
    words = line.split()
    numbers = [float(word) for word in words]
    if not all(map(math.isfinite, numbers)):
        raise ValueError('a number is not finite')
    if len(numbers) != 5 and (len(numbers) < 7 or len(numbers) % 2 == 0):
        raise ValueError(f'it has {len(numbers)} numbers')
    if not (numbers[0].is_integer() and 0 <= numbers[0] < len(known)):
        raise ValueError(f'class {words[0]} is none of 0..{len(known) - 1}')
    shares = numbers[1:]
    if not all(-_BEYOND <= share <= 1 + _BEYOND for share in shares):
        raise ValueError('a coordinate is no share of the picture, 0..1')
    name = known[int(numbers[0])]
    if len(shares) == 4:
        x, y, width, height = shares
        if width < 0 or height < 0:
            raise ValueError('its size is negative')
        return Label(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    across, down = shares[::2], shares[1::2]
    return Label(name, (min(across), min(down), max(across), max(down)))
