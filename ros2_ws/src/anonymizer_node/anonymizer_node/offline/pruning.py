"""Keeps the folder of detections from growing for ever."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from anonymizer_node.offline.private import is_private, locked, open_private

MOST_KEPT_BYTES = 5_000_000_000
"""Of all files of detections in a folder together: about a hundred hours of a camera of 30 Hz
with few people."""


def used(path: Path) -> None:
    """Have a file count as new."""
    with contextlib.suppress(OSError):
        os.utime(path)


def prune(folder: Path, endings: Sequence[str], newest: Path) -> None:
    """Delete the files that were used longest ago, until the rest is small enough.

    What isn't a file of detections by its name, or isn't this user's alone, doesn't count and is
    left alone. What a run is writing stays, and so does the newest, however large. That a file
    can't be deleted is no error.

    Args:
        folder: Of the files.
        endings: What the names of such files end with, behind a digest.
        newest: The one that was just written.
    """
    name = re.compile(f'[0-9a-f]{{32}}(?:{"|".join(map(re.escape, endings))})')
    found: list[tuple[int, int, Path]] = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            status = path.lstat()
            if name.fullmatch(path.name) and is_private(status):
                found.append((status.st_mtime_ns, status.st_size, path))
    size = sum(item[1] for item in found)
    for _, less, path in sorted(found):
        if size <= MOST_KEPT_BYTES:
            return
        if path != newest and _deleted(path):
            size -= less


def _deleted(path: Path) -> bool:
    try:
        file = open_private(path, write=True)
        if file is None:
            return False
        with file:
            if not locked(file, path):
                return False
            path.unlink()
    except OSError:
        return False
    return True
