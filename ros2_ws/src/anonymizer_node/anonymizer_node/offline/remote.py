"""Recordings that lie elsewhere, such as in an object store: found and fetched.

fsspec reaches them, and is imported once there is one. How they are put there: see `upload`.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from anonymizer_node.core.errors import AnonymizerError, InputError, StorageError
from anonymizer_node.formats.bags import Staging, require_space, sweep
from anonymizer_node.offline.report import REPORT_NAME

UPLOADING = 'anonymization.uploading'
"""Lies beside what is being put somewhere, until that is whole."""

_URL = re.compile(r'[A-Za-z][\w+.:-]*://')
_LOCAL = re.compile(r'file://(localhost(?=/))?')


@dataclass(frozen=True)
class Remote:
    """Where something lies that isn't a path of this machine.

    Attributes:
        url: As fsspec knows it, such as `s3://bucket/runs`; no slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: PurePath | str) -> Remote:
        parts = PurePosixPath(PurePath(below).as_posix()).parts
        return Remote('/'.join((self.url, *parts)))

    @property
    def name(self) -> str:
        """The last part of it."""
        return self.url.rpartition('/')[2]

    @property
    def parents(self) -> Iterator[Remote]:
        """What it lies in, the nearest first."""
        start = _URL.match(self.url)
        url, least = self.url, start.end() if start else 0
        while url.rfind('/') >= least:
            url = url.rpartition('/')[0]
            yield Remote(url)


Location = Path | Remote


def location(text: str) -> Location:
    """A path, or what lies elsewhere if it is given as a URL.

    Raises:
        InputError: If a URL names nothing in its store.
    """
    local = _LOCAL.match(text)
    if local is not None:
        return Path(text[local.end() :])
    start = _URL.match(text)
    if start is None:
        return Path(text)
    place = Remote(text.rstrip('/'))
    if len(place.url) <= start.end():
        raise InputError(f'{text!r} names no recording or folder; write what is behind the "://".')
    return place


@contextlib.contextmanager
def outline(place: Remote) -> Iterator[Path]:
    """What is at a place, as empty files of the same names: which recordings there are shows.

    Raises:
        InputError: If nothing is there.
        StorageError: If the store doesn't answer.
    """
    found = files_at(place)
    if not found:
        raise InputError(f'{str(place)!r} does not exist, or nothing is in it.')
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / place.name
        for name in found:
            path = _below(top, name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            except OSError as error:
                raise InputError(
                    f'{str(place)!r} has {name!r}, which can be no file here: {error.strerror}. '
                    'Name the recordings in it one by one.'
                ) from error
        yield top


def fetch(place: Remote, folder: Path) -> Path:
    """Copy a recording, a file or all files of a folder, into a folder of this machine.

    Raises:
        InputError: If nothing is there, not all of it is yet, or there is no room for it.
        StorageError: If the store doesn't answer, or not all of it came.
    """
    found = files_at(place)
    if not found:
        raise InputError(f'{str(place)!r} does not exist, or nothing is in it.')
    if found.pop(UPLOADING, None) is not None and REPORT_NAME not in found:
        raise InputError(
            f'{str(place)!r} is not whole: it is being put there, or that broke off. Wait for it, '
            'or make it again.'
        )
    require_space(folder, sum(found.values()), f'Fetching {str(place)!r}')
    top = folder / place.name
    with reached(place) as (store, root):
        for name, size in found.items():
            path = _below(top, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(f'{root}/{name}' if name else root, str(path))
            if path.stat().st_size != size:
                raise StorageError(
                    f'Of {name or place.name!r} in {str(place)!r} {path.stat().st_size} of {size} '
                    'bytes came; try again once nobody writes to it.'
                )
    return top


@contextlib.contextmanager
def fetched(*places: Location) -> Iterator[list[Path]]:
    """Recordings as paths of this machine; what lies elsewhere is copied to a hidden folder.

    Raises:
        InputError: As `fetch`.
        StorageError: Likewise.
    """
    if all(isinstance(place, Path) for place in places):
        yield [place for place in places if isinstance(place, Path)]
        return
    here = Path(tempfile.gettempdir())
    sweep(here)
    with contextlib.closing(Staging(here, 'fetched')) as staging:
        known: dict[Location, Path] = {}
        for number, place in enumerate(places):
            if isinstance(place, Remote) and place not in known:
                folder = staging.folder / str(number)
                folder.mkdir()
                known[place] = fetch(place, folder)
        yield [place if isinstance(place, Path) else known[place] for place in places]


def refuse_taken(target: Location) -> None:
    """Refuse a target that is there already, whole or somebody else's.

    Raises:
        InputError: If it is.
        StorageError: If the store doesn't answer.
    """
    if isinstance(target, Path):
        found = {REPORT_NAME: 0} if target.exists() or target.is_symlink() else {}
    else:
        found = files_at(target)
    if REPORT_NAME in found:
        raise InputError(f'{str(target)!r} exists and is not overwritten; name another target.')
    if found and UPLOADING not in found:
        raise InputError(
            f'{str(target)!r} holds {len(found)} files that no run of this program is known to '
            'have put there. Delete them, or name another target.'
        )


def report_at(target: Location) -> bytes | None:
    """The report of a finished target, None if there is none.

    Raises:
        StorageError: If the store doesn't answer.
    """
    if isinstance(target, Path):
        path = target / REPORT_NAME
        return path.read_bytes() if path.is_file() else None
    if REPORT_NAME not in files_at(target):
        return None
    with reached(target) as (store, root):
        return bytes(store.cat_file(f'{root}/{REPORT_NAME}'))


def files_at(place: Remote) -> dict[str, int]:
    """Name below the place -> bytes; '' for a place that is a file itself.

    Raises:
        StorageError: If the store doesn't answer.
    """
    return {name: int(about['size']) for name, about in entries_at(place).items()}


def entries_at(place: Remote) -> dict[str, Any]:
    """The same, with all that the store says of each: of one that was written anew, otherwise.

    Raises:
        StorageError: If the store doesn't answer.
    """
    with reached(place) as (store, root):
        store.invalidate_cache()
        entries: dict[str, Any] = {}
        for path, about in sorted(store.find(root, detail=True).items()):
            if path.endswith('/'):
                continue
            if about.get('size') is None:  # As web servers list what they have.
                about = {**about, **store.info(path)}
            if about.get('size') is None:
                raise StorageError(
                    f'{path!r} is of a store that does not say how long it is: nobody could '
                    'tell whether all of it came. Fetch it yourself.'
                )
            entries[path[len(root) :].lstrip('/')] = about
        return entries


def _below(top: Path, name: str) -> Path:
    """Where a file goes; names in a store may be anything."""
    if any(part in ('..', '.', '') for part in name.split('/')) and name:
        raise InputError(f'{name!r} is no name of a file in a folder; rename it in the store.')
    return top / name if name else top


@contextlib.contextmanager
def reached(place: Remote) -> Iterator[tuple[Any, str]]:
    """The store of a place, and what the place is called in it.

    Raises:
        InputError: If there is no driver for it.
        StorageError: Of whatever goes wrong with it.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise InputError(
            f'{str(place)!r} is reached through fsspec, which is not installed: pip install fsspec.'
        ) from error
    try:
        store, root = url_to_fs(place.url)
    except (ImportError, ValueError) as error:
        raise InputError(f'{str(place)!r} can not be reached: {error}.') from error
    try:
        yield store, root.rstrip('/')
    except AnonymizerError:
        raise
    except Exception as error:  # The edge to the drivers of all kinds of stores.
        raise StorageError(failed_words(place, error)) from error


def progress_of(check: Callable[[], None]) -> Any:
    """What fsspec tells how far a file is, where its driver does: each time `check` may raise."""
    from fsspec.callbacks import Callback

    return Callback(hooks={'check': lambda *_, **__: check()})


def failed_words(place: Remote, error: Exception) -> str:
    """What is to be said of what a store's driver raised."""
    said = str(error).rstrip('. ') or type(error).__name__
    return (
        f'{str(place)!r} failed: {said}. Look after the store, the right to write to it, and the '
        'network.'
    )
