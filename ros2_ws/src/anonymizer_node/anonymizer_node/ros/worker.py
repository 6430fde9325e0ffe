"""One thread that serves the cameras in turn, so that one detector session does for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol


class Servable(Protocol):
    """Something that has work to do now and then."""

    @property
    def has_work(self) -> bool:
        """Whether `serve` would do something."""

    def serve(self) -> None:
        """Do one piece of work. Must not raise an `Exception`."""


PAUSE_S = 0.1
"""After a client that raised, which it must not: without memory it would raise at once again."""


class Worker:
    """Serves whoever has work, round robin: one busy camera can't starve the others.

    Attributes:
        mishap: What a client raised last, though it must not; '' if none did.
    """

    def __init__(
        self, clients: Sequence[Servable], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Not running yet.

        Args:
            clients: In the order of their turns.
            clock: Monotonic, seconds.
        """
        self.mishap = ''
        self._clients = tuple(clients)
        self._clock = clock
        self._began_s: float | None = None
        self._turn = 0
        self._stopping = False
        self._bell = threading.Condition()
        # A daemon only for the case that a client hangs: the process must still be able to end.
        self._thread = threading.Thread(target=self._run, name='anonymizer_worker', daemon=True)

    def start(self) -> None:
        """Begin to serve. Once only."""
        self._thread.start()

    def add(self, client: Servable) -> None:
        """One more to serve, also while running."""
        with self._bell:
            self._clients = (*self._clients, client)
            self._bell.notify()

    def wake(self) -> None:
        """Someone has work."""
        with self._bell:
            self._bell.notify()

    def busy_s(self) -> float:
        """For how long the client in its turn has been served, seconds; 0 if nobody is."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._clock() - began_s

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
            self._began_s = self._clock()
            try:
                client.serve()
            except BaseException as error:  # If this thread ended, nobody would be served again.
                self._began_s = None
                self._stumble(error)
            finally:
                self._began_s = None

    def _stumble(self, error: BaseException) -> None:
        try:
            self.mishap = f'{type(error).__name__}: {error}'
        except Exception:  # No memory for a sentence.
            self.mishap = 'MemoryError'
        with self._bell:
            if not self._stopping:
                self._bell.wait(PAUSE_S)

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
