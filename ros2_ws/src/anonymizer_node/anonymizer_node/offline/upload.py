"""Puts a finished recording somewhere else: there it is whole, or known not to be.

It is whole once the report is in it, which is put there last, when all else was found there in its
full size; the metadata, without which nobody takes it for a finished recording either, goes second
to last. While it lasts a marker lies beside it that says what belongs to it: thereby the next run
on that place knows what a killed one left from what is somebody else's.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from pathlib import Path
from typing import Any

from anonymizer_node.core.errors import AnonymizerError, StorageError
from anonymizer_node.formats.bags import METADATA_NAME
from anonymizer_node.offline.remote import (
    UPLOADING,
    Remote,
    entries_at,
    failed_words,
    files_at,
    progress_of,
    reached,
    refuse_taken,
)
from anonymizer_node.offline.report import REPORT_NAME

PATIENCE_S = 60
"""So long an interrupted run waits for the file that is on its way."""

_LAST = (METADATA_NAME, REPORT_NAME)
_REFUSALS = (AnonymizerError, PermissionError, FileNotFoundError)
"""After these nothing is on its way any more; of other errors that isn't known."""


def check_free(place: Remote) -> None:
    """Refuse, before any work is done, what `publish` would refuse after it.

    Raises:
        InputError: If a finished one is there, or somebody else's files.
        StorageError: If the store doesn't answer, or doesn't take anything there.
    """
    refuse_taken(place)
    with reached(place) as (store, root):
        if not files_at(place):
            _make_folders(store, root)
            store.pipe_file(f'{root}/{UPLOADING}', _marker([]))
            with contextlib.suppress(Exception):  # Its like of a killed try doesn't hinder anybody.
                store.rm_file(f'{root}/{UPLOADING}')


def publish(folder: Path, place: Remote) -> None:
    """Put a finished recording at a place, from which what a killed try left there is taken away.

    If that fails, what was put there is taken away, too. Where the report may still arrive, the
    rest is left for it: the report is never alone.

    Raises:
        InputError: If there is a finished one by now, or somebody else's files.
        StorageError: If the store doesn't take it, or something else is at that place.
    """
    with reached(place) as (store, root):
        _make_folders(store, root)
        _make_way(place, store, root)
        _Upload(folder, place, store, root).run()


def _make_folders(store: Any, root: str) -> None:
    """Make the folders above, where a store has any."""
    # An object store makes the names between by itself; asked to make them, some would make an
    # absent bucket too.
    if store.exists('/' * root.startswith('/') + root.strip('/').partition('/')[0]):
        store.makedirs(root, exist_ok=True)


def _make_way(place: Remote, store: Any, root: str) -> None:
    """Take away what a killed try left."""
    refuse_taken(place)
    found = files_at(place)
    if not found:
        return
    try:
        belongs = set(json.loads(store.cat_file(f'{root}/{UPLOADING}'))['files'])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f'{UPLOADING!r} in {str(place)!r} can not be read. Delete what is there, or name '
            'another target.'
        ) from error
    strange = sorted(set(found) - belongs - {UPLOADING})
    if strange:
        raise StorageError(
            f'{str(place)!r} holds {strange[0]!r} beside an upload that broke off; name a target '
            'that nobody else writes to.'
        )
    # The marker stays until the new one takes its place: killed in between, it is known still.
    for name in sorted(set(found) - {UPLOADING}, key=lambda name: name not in _LAST):
        store.rm_file(f'{root}/{name}')


def _marker(names: list[str]) -> bytes:
    """What the marker says; of every try it is another one."""
    about = {'tool': 'anonymizer_node', 'run': secrets.token_hex(8), 'files': names}
    return json.dumps(about).encode()


class _Upload:
    """One try."""

    def __init__(self, folder: Path, place: Remote, store: Any, root: str) -> None:
        paths = [path for path in folder.rglob('*') if path.is_file()]
        self._sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
        self._folder, self._place, self._store, self._root = folder, place, store, root
        self._marker: Any = None
        self._put: list[str] = []
        self._on_its_way = False

    def run(self) -> None:
        """Do it."""
        names = [*sorted(set(self._sizes).difference(_LAST)), *_LAST]
        self._store.pipe_file(f'{self._root}/{UPLOADING}', _marker(names))
        try:
            self._marker = entries_at(self._place).get(UPLOADING)
            for name in names:
                if name == REPORT_NAME:
                    self._check()
                self._put.append(name)
                self._send(name)
            self._check()
        except Exception as error:  # Where the answer alone was lost all is well.
            if isinstance(error, _REFUSALS) or not self._is_whole():
                known = isinstance(error, AnonymizerError)
                said = str(error) if known else failed_words(self._place, error)
                left = self._take_back(isinstance(error, _REFUSALS))
                raise StorageError(said + left) from error
        except BaseException:  # Interrupted.
            self._take_back(not self._on_its_way)
            raise
        with contextlib.suppress(Exception):  # It says nothing beside a report.
            self._store.rm_file(f'{self._root}/{UPLOADING}')

    def _send(self, name: str) -> None:
        """Put a file there; interrupted, it is given up, or is there, before this goes on.

        What a store's driver does in a thread of its own isn't called back by an interruption, and
        would arrive when all else was taken away.
        """
        stop, done = threading.Event(), threading.Event()
        raised: list[BaseException] = []

        def check() -> None:
            if stop.is_set():
                raise InterruptedError

        def send() -> None:
            there = f'{self._root}/{name}'
            try:
                here = str(self._folder / name)
                self._store.put_file(here, there, callback=progress_of(check))
            except BaseException as error:  # Raised where it is waited for.
                raised.append(error)
            done.set()

        try:
            threading.Thread(target=send, daemon=True).start()
            done.wait()
        except BaseException:  # Interrupted.
            stop.set()
            self._on_its_way = True
            self._on_its_way = not done.wait(PATIENCE_S)
            raise
        if raised:
            raise raised[0]

    def _check(self) -> None:
        """Whether just that is there which was put there; of the report, if it was."""
        found = entries_at(self._place)
        if found.pop(UPLOADING, None) != self._marker:
            raise StorageError(f'Another run puts a recording at {str(self._place)!r} as well.')
        there = {name: int(about['size']) for name, about in found.items()}
        wanted = {name: self._sizes[name] for name in self._put}
        if there != wanted:
            wrong = sorted(name for name, _ in there.items() ^ wanted.items())
            raise StorageError(
                f'{str(self._place)!r} does not hold what was put there, or something besides: '
                f'{wrong[0]!r} is another one; name a target that nobody else writes to.'
            )

    def _is_whole(self) -> bool:
        with contextlib.suppress(Exception):
            if REPORT_NAME in self._put:
                self._check()
                return True
        return False

    def _take_back(self, settled: bool) -> str:
        """Delete what was put there, unless another run is at it, or has finished, by now.

        Args:
            settled: Nothing of it can arrive any more.

        Returns:
            What is to be said of what is left, if that is so.
        """
        left = f' What was put there is left: the next run on {str(self._place)!r} begins anew.'
        if REPORT_NAME in self._put and not settled:
            return left
        try:
            found = entries_at(self._place)
            if found.get(UPLOADING) != self._marker:
                return ''
            # The report first: where it can't be deleted the rest stays with it.
            for name in (*reversed(self._put), UPLOADING):
                if name in found and not (name == UPLOADING and self._on_its_way):
                    self._store.rm_file(f'{self._root}/{name}')
        except Exception:  # The store is the reason, most likely.
            return left
        return ''
