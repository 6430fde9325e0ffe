"""One thread that serves the cameras in turn, so that one detector session does for all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol


class Servable(Protocol):
    """Something that has work to do now and then."""

    @property
    def has_work(self) -> bool:
        """Whether `serve` would do something."""

    def serve(self) -> None:
        """Do one piece of work. Must not raise an `Exception`."""


class Worker:
    """Serves whoever has work, round robin: one busy camera can't starve the others."""

    def __init__(self, clients: Sequence[Servable]) -> None:
        """Not running yet.

        Args:
            clients: In the order of their turns.
        """
        self._clients = tuple(clients)
        self._turn = 0
        self._stopping = False
        self._bell = threading.Condition()
        # A daemon only for the case that a client hangs: the process must still be able to end.
        self._thread = threading.Thread(target=self._run, name='anonymizer_worker', daemon=True)

    def start(self) -> None:
        """Begin to serve. Once only."""
        self._thread.start()

    def wake(self) -> None:
        """Someone has work."""
        with self._bell:
            self._bell.notify()

    def stop(self, timeout_s: float) -> bool:
        """Serve nobody any more, and wait for the one being served.

        Args:
            timeout_s: Longest wait, seconds.

        Returns:
            Whether the thread has ended.
        """
        with self._bell:
            self._stopping = True
            self._bell.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            client = self._next()
            if client is None:
                return
            client.serve()

    def _next(self) -> Servable | None:
        """Whose turn it is, waited for; None when stopping."""
        with self._bell:
            while not self._stopping:
                for offset in range(len(self._clients)):
                    index = (self._turn + offset) % len(self._clients)
                    if self._clients[index].has_work:
                        self._turn = index + 1
                        return self._clients[index]
                self._bell.wait()
            return None
