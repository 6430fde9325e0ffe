"""DDS domains that no other test run on this machine uses meanwhile."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Above 101 the ports of a domain overlap with those that Linux hands out by chance.
MOST = 101

_turn = itertools.count(os.getpid())


@contextmanager
def own_domain() -> Iterator[int]:
    """A domain id, locked until the end of the block, also against other processes.

    Never the one used last: what a domain leaves behind may still be heard for some seconds.
    """
    folder = Path(tempfile.gettempdir())
    for _ in range(MOST):
        domain_id = 1 + next(_turn) % MOST
        path = folder / f'anonymizer-test-domain-{domain_id}.lock'
        with path.open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain_id
            return
    raise RuntimeError(f'All {MOST} DDS domains are taken by test runs.')
