"""Files that are this user's alone: what others could have written is not believed.

A file of detections says where nobody is. Its digests guard against damage, and not against
somebody who makes one: whoever could write it could have people left uncovered.
"""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile

try:
    import fcntl
except ImportError:  # Not on Windows: two runs on one bag at once are then not told apart.
    fcntl = None  # type: ignore[assignment]

_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_NO_LINK = getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_CLOEXEC', 0) | getattr(os, 'O_BINARY', 0)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may look into; one that is there stays as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, write: bool = False) -> FileIO | None:
    """A file of this user's, or None if it is somebody else's, a link, or others may write to it.

    Args:
        path: Of the file.
        write: Make it if it isn't there, and open it for writing too.

    Raises:
        OSError: If it can't be opened.
    """
    flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
    if path.is_symlink():
        return None
    descriptor = os.open(path, flags | _NO_LINK, 0o600)
    if not is_private(os.fstat(descriptor)):
        os.close(descriptor)
        return None
    return FileIO(descriptor, 'r+' if write else 'r')


def temporary() -> FileIO:
    """A file that is gone when it is closed."""
    return TemporaryFile(buffering=0)  # Whoever asked for it closes it.


def locked(file: FileIO, path: Path) -> bool:
    """Whether a file is this run's alone, and is still the one of that name."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False


def is_private(status: os.stat_result) -> bool:
    """Whether a file is this user's alone, no link, and others may not write to it."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if not hasattr(os, 'geteuid'):  # Windows, where the mode says nothing of others.
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & _BY_OTHERS
