"""What other processes of a test do. A spawned one imports it from here, wherever the test lies."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from anonymizer_node.formats.rosbag.staging import Staging


def at_work(parent: Path, said: Connection) -> None:
    """Make a run's folder, say which, and wait to be killed."""
    made = Staging(parent, 'bag')
    (made.folder / 'raw.mcap').write_bytes(b'raw')
    said.send(str(made.folder))
    said.recv()


class Surprising(dict):
    """Settings at which whoever reads them stumbles."""

    def __init__(self, error: type[Exception], *words: str) -> None:
        super().__init__()
        self._error = error, words

    def __reduce__(self) -> tuple[type[Surprising], tuple[object, ...]]:
        return Surprising, (self._error[0], *self._error[1])

    def __iter__(self) -> Iterator[str]:
        raise self._error[0](*self._error[1])
