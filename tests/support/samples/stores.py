"""What is in a store and in a folder, and a store that fails when a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def memory_store() -> Iterator[Any]:
    """fsspec's store in memory, with nothing in it."""
    fsspec = pytest.importorskip('fsspec', reason='needs fsspec: pip install distributed fsspec')
    made = fsspec.filesystem('memory')
    made.store.clear()
    made.pseudo_dirs[:] = ['']
    yield made
    made.store.clear()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, by its place in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def stored(store: Any, place: str) -> dict[str, bytes]:
    """The same, of a place in a store."""
    root = store._strip_protocol(place)
    return {name[len(root) + 1 :]: store.cat_file(name) for name in store.find(root)}


def breaks_at(
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    happens: Callable[[Callable[[], None]], None],
) -> None:
    """Have something happen at the so-manieth file that is put there.

    Args:
        store: Whose kind it is.
        monkeypatch: For how long.
        number: From 1 on.
        happens: In place of putting it; is given what puts it.
    """
    whole, names = type(store).put_file, []

    def put_file(self: Any, here: str, there: str, **how: Any) -> None:
        names.append(there)
        if len(names) == number:
            happens(lambda: whole(self, here, there))  # By a driver that calls nobody back.
        else:
            whole(self, here, there, **how)

    monkeypatch.setattr(type(store), 'put_file', put_file)
