"""Recordings that lie elsewhere, such as in an object store: found, fetched, and put there.

fsspec reaches them, and is imported once there is one. An upload is whole once the report is in it,
which is put there last, when all else was found there in its full size; the metadata, without which
nobody takes it for a finished recording either, goes second to last.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from anonymizer_node.core.errors import AnonymizerError, InputError, StorageError
from anonymizer_node.formats.bags import METADATA_NAME, require_space
from anonymizer_node.offline.report import REPORT_NAME

_URL = re.compile(r'[A-Za-z][\w+.:-]*://')
_LOCAL = 'file://'
_LAST = (METADATA_NAME, REPORT_NAME)


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
    if text.startswith(_LOCAL):
        return Path(text[len(_LOCAL) :])
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
    found = _files(place)
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
        InputError: If nothing is there, or there is no room for it.
        StorageError: If the store doesn't answer, or not all of it came.
    """
    found = _files(place)
    if not found:
        raise InputError(f'{str(place)!r} does not exist, or nothing is in it.')
    require_space(folder, sum(found.values()), f'Fetching {str(place)!r}')
    top = folder / place.name
    with _reached(place) as (store, root):
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


def publish(folder: Path, place: Remote) -> None:
    """Put a finished recording at a place. If that fails, what was put there is taken away.

    Raises:
        InputError: If there is a finished one by now.
        StorageError: If the store doesn't take it, or something else is at that place.
    """
    if REPORT_NAME in _files(place):
        refuse_taken(place)
    paths = [path for path in folder.rglob('*') if path.is_file()]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    names = [*sorted(set(sizes).difference(_LAST)), *_LAST]
    put: list[str] = []
    with _reached(place) as (store, root):
        try:
            # An object store makes the names between by itself; asked to make them, some would
            # make an absent bucket too.
            if store.exists('/' * root.startswith('/') + root.strip('/').partition('/')[0]):
                store.makedirs(root, exist_ok=True)
            for name in names:
                if name == REPORT_NAME:
                    _check(place, {key: size for key, size in sizes.items() if key != name})
                put.append(name)
                store.put_file(str(folder / name), f'{root}/{name}')
            _check(place, sizes)
        except BaseException:  # Interrupted, too.
            with contextlib.suppress(Exception):
                _take_back(store, root, put)
            raise


def _take_back(store: Any, root: str, put: list[str]) -> None:
    """Delete what was put there, unless another run on the same bag has finished it meanwhile."""
    if REPORT_NAME not in put and store.exists(f'{root}/{REPORT_NAME}'):
        return
    for name in reversed(put):
        with contextlib.suppress(Exception):
            store.rm_file(f'{root}/{name}')


def refuse_taken(target: Location) -> None:
    """Refuse a target that is there already.

    Raises:
        InputError: If it is.
        StorageError: If the store doesn't answer.
    """
    if isinstance(target, Path):
        found = {REPORT_NAME: 0} if target.exists() or target.is_symlink() else {}
    else:
        found = _files(target)
    if not found:
        return
    if REPORT_NAME in found:
        raise InputError(f'{str(target)!r} exists and is not overwritten; name another target.')
    raise InputError(
        f'{str(target)!r} holds {len(found)} files without {REPORT_NAME}: an upload that broke '
        "off, or somebody else's. Delete them, or name another target."
    )


def report_at(target: Location) -> bytes | None:
    """The report of a finished target, None if there is none.

    Raises:
        StorageError: If the store doesn't answer.
    """
    if isinstance(target, Path):
        path = target / REPORT_NAME
        return path.read_bytes() if path.is_file() else None
    if REPORT_NAME not in _files(target):
        return None
    with _reached(target) as (store, root):
        return bytes(store.cat_file(f'{root}/{REPORT_NAME}'))


def _check(place: Remote, sizes: dict[str, int]) -> None:
    found = _files(place)
    # What a killed try left is of the same names, and was written over.
    if REPORT_NAME not in sizes:
        found.pop(REPORT_NAME, None)
    if found != sizes:
        wrong = sorted(name for name, _ in found.items() ^ sizes.items())
        raise StorageError(
            f'{str(place)!r} does not hold what was put there, or something besides: {wrong[0]!r} '
            'is another one; name a target that nobody else writes to.'
        )


def _files(place: Remote) -> dict[str, int]:
    """Name below the place -> bytes; '' for a place that is a file itself."""
    with _reached(place) as (store, root):
        store.invalidate_cache()
        found = store.find(root, detail=True)
        return {
            path[len(root) :].lstrip('/'): int(about['size'] or 0)
            for path, about in sorted(found.items())
            if not path.endswith('/')
        }


def _below(top: Path, name: str) -> Path:
    """Where a file goes; names in a store may be anything."""
    if any(part in ('..', '.', '') for part in name.split('/')) and name:
        raise InputError(f'{name!r} is no name of a file in a folder; rename it in the store.')
    return top / name if name else top


@contextlib.contextmanager
def _reached(place: Remote) -> Iterator[tuple[Any, str]]:
    """The store of a place, and what the place is called in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise InputError(
            f'{str(place)!r} is reached through fsspec, which is not installed: '
            "pip install 'anonymizer_node[cluster]'."
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
        said = str(error).rstrip('. ') or type(error).__name__
        raise StorageError(
            f'{str(place)!r} failed: {said}. Look after the store, the right to write to it, and '
            'the network.'
        ) from error
