"""What other processes of a test do. A spawned one imports it from here, wherever the test lies."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from anonymizer_node.formats.rosbag.staging import Staging


def at_work(parent: Path, said: Connection) -> None:
    """Make a run's folder, say which, and wait to be killed."""
    made = Staging(parent, 'bag')
    (made.folder / 'raw.mcap').write_bytes(b'raw')
    said.send(str(made.folder))
    said.recv()
