"""Which files make up a recording, and which recordings lie in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from anonymizer_node.formats.rosbag.metadata import FILE_NAME

STORED = ('.mcap', '.db3')
ZIPPED = '.zstd'
ROS1 = ('.bag', '.bag.active')
"""The latter while it is recorded, and for ever if the recorder was killed."""

_NUMBERED = re.compile(r'(.+)_(\d+)')


def is_storage(path: Path) -> bool:
    """Whether a path is named like a storage file of rosbag2, compressed or not."""
    return bare(path).suffix in STORED


def bare(path: Path) -> Path:
    """A storage file's path without the ending of its compression."""
    return path.with_suffix('') if path.suffix == ZIPPED else path


def parts_of(folder: Path) -> list[Path]:
    """The storage files of a recording whose folder has no metadata.yaml, in order, or [].

    A recorder that was killed leaves files of one name, numbered. Others are recordings of their
    own, but for the one that is named like its folder.
    """
    files: dict[str, Path] = {}
    for path in sorted(item for item in folder.iterdir() if item.is_file() and is_storage(item)):
        # Killed while it compressed a file, the recorder leaves both: the other one is the whole.
        if bare(path).name not in files or path.suffix != ZIPPED:
            files[bare(path).name] = path
    if len(files) == 1 and Path(next(iter(files))).stem == folder.name:
        return list(files.values())
    numbers = {}
    for name, path in files.items():
        found = _NUMBERED.fullmatch(Path(name).stem)
        if found is None:
            return []
        numbers[found.group(1), Path(name).suffix, int(found.group(2))] = path
    if len({key[:2] for key in numbers}) > 1:
        return []
    return [numbers[key] for key in sorted(numbers)]


def is_recording(path: Path) -> bool:
    """Whether a path is one recording: a rosbag2 directory, whole or broken off, or a file."""
    if path.is_dir():
        return (path / FILE_NAME).is_file() or bool(parts_of(path))
    return path.is_file() and (is_storage(path) or path.name.endswith(ROS1))


def recordings_in(folder: Path) -> Iterator[Path]:
    """Every recording in a folder, then those in the folders in it, in the order of their names.

    Links to folders are not followed, and hidden folders are nobody's recordings.

    Raises:
        OSError: If a folder can't be looked into.
    """

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse):
        here = Path(place)
        if here != folder and is_recording(here):
            folders.clear()
            yield here
            continue
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(files):
            if not name.startswith('.') and is_recording(here / name):
                yield here / name
