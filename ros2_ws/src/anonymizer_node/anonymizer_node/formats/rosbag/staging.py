"""Where a recording is made before it appears: a hidden folder that nobody mistakes for it.

The folder is locked as long as its run lives. A run that was killed leaves it behind unlocked, and
the next one beside it takes it away: it may hold messages as they were recorded.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import re
import secrets
import shutil
import socket
from pathlib import Path

from anonymizer_node.core.errors import InputError

try:
    import fcntl
except ImportError:  # On Windows: nothing is taken away there but by the run that made it.
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = 'anonymizer_node.lock'
"""In it is whose folder it is: no other is taken away."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says of a disk that is full."""

SPARE_BYTES = 64 * 2**20
"""Left free beside what is needed: for reports, and for everybody else."""

_MARK = '.part-'
_NAME = re.compile(r'\.(.*)\.part-([0-9a-f]{8})[0-9a-f]{8}', re.DOTALL)
_OURS = 'anonymizer_node at work\n'
_BOOT = Path('/proc/sys/kernel/random/boot_id')
_TRIES = 100


class Staging:
    """A hidden, locked folder, gone when it is closed.

    Attributes:
        folder: It.
    """

    def __init__(self, parent: Path, name: str) -> None:
        """Make it.

        Args:
            parent: Where; it exists.
            name: For whom: part of the folder's name.

        Raises:
            OSError: If it can't be made.
        """
        self._lock = -1
        for _ in range(_TRIES):
            self.folder = parent / _named(name, secrets.token_hex(4))
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
                lock = _locked(self.folder)
                if lock is not None:
                    self._lock = lock
                    try:
                        (self.folder / LOCK_NAME).write_text(f'{_OURS}{_host()}\n{_boot()}\n')
                    except OSError:
                        self.close()
                        raise
                    return
            # Another run took the folder away before it was locked.
        raise OSError(errno.EBUSY, 'No folder could be locked', str(parent))

    def close(self) -> None:
        """Take the folder away, with all that is in it."""
        _take_away(self.folder)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def sweep(parent: Path) -> list[Path]:
    """Take away what killed runs left in a folder; what living ones are at work on stays.

    Returns:
        What was taken away.
    """
    folders: list[Path] = []
    with contextlib.suppress(OSError):
        folders = sorted(parent.glob(f'.*{_MARK}*'))
    return [folder for folder in folders if _swept(folder)]


def _swept(folder: Path) -> bool:
    """Whether a folder was a dead run's and is gone."""
    with contextlib.suppress(OSError):  # Somebody else's, who may have it.
        if folder.is_symlink() or not folder.is_dir():
            return False
        if (folder / LOCK_NAME).is_file():
            lock = _locked(folder)
            if lock is not None and lock >= 0:
                if _is_of_here(folder):
                    _take_away(folder)
                os.close(lock)
        elif _is_named(folder.name):
            # Killed right after it was made, or right before it was gone; it is only taken away if
            # it is empty. Should its run live, it makes another one.
            folder.rmdir()
        return not folder.exists()
    return False


def _named(name: str, random: str) -> str:
    """What a folder for a recording is called: no other is by chance, so an empty one is known."""
    check = hashlib.sha256(f'{_OURS}{name} {random}'.encode()).hexdigest()
    return f'.{name}{_MARK}{random}{check[:8]}'


def _is_named(folder: str) -> bool:
    parts = _NAME.fullmatch(folder)
    return parts is not None and _named(*parts.groups()) == folder


def _is_of_here(folder: Path) -> bool:
    """Whether a dead run's folder is of this machine: locks of others may not be seen here."""
    head, _, rest = (folder / LOCK_NAME).read_text('utf-8', 'replace').partition('\n')
    if not head:
        # Killed before it was said, it had nothing else in it.
        return _is_named(folder.name) and len(list(folder.iterdir())) == 1
    host, _, boot = rest.partition('\n')
    # A container's name changes from run to run, and the other with every start of the machine.
    return f'{head}\n' == _OURS and (host == _host() or '' != boot.strip() == _boot())


def _host() -> str:
    return socket.gethostname()


def _boot() -> str:
    """What tells one start of a machine from all others, or ''."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text(encoding='utf-8').strip()
    return ''


class NoRoomError(InputError):
    """A disk is too full for what is to be written."""


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Refuse to begin what could not be finished.

    Args:
        folder: Where it will be written; it exists.
        needed: Bytes.
        purpose: Of them, in words.

    Raises:
        NoRoomError: If there is less room.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise NoRoomError(
            f'{purpose} takes about {in_words(needed)}, and {str(folder)!r} has '
            f'{in_words(free)} free; make room or name another target.'
        )


def in_words(size: float) -> str:
    """Bytes, for people."""
    if size < 1000:
        return f'{size:.0f} bytes'
    power = min(4, int(math.log10(size)) // 3)
    return f'{size / 1000**power:.1f} {("", "kB", "MB", "GB", "TB")[power]}'


def send(path: Path, begin: int) -> None:
    """Have the disk begin to take what a file holds from there on; doesn't wait for it.

    Linux does so for who says that he doesn't need it in memory any more. What isn't on the disk
    yet stays in memory all the same. It is advice: where it can't be given nothing is lost.
    """
    if not hasattr(os, 'posix_fadvise'):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, begin, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have all of a folder on the disk, not on its way there."""
    for path in sorted(folder.rglob('*')):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Have a file or a folder's list of names on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have no such thing for folders.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP, errno.EBADF)):
            raise
    finally:
        os.close(descriptor)


def _take_away(folder: Path) -> None:
    """Delete a folder, its lock last: killed meanwhile, it is still known for what it is."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK_NAME:
                path.unlink(missing_ok=True)
        (folder / LOCK_NAME).unlink(missing_ok=True)
        folder.rmdir()


def _locked(folder: Path) -> int | None:
    """A lock on a folder; -1 where the file system knows none, None if it is somebody else's."""
    path = folder / LOCK_NAME
    if fcntl is None:
        path.touch()
        return -1
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        # Without locks nobody can tell the living from the dead, so nothing is taken away.
        os.close(lock)
        return -1
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    os.close(lock)
    return None
