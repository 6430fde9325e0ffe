"""Work on the items of a stream in several threads, in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')

ENDING_SECONDS = 60.0
"""So long work that nobody needs any more is waited for. A frame takes seconds at most, so what
takes longer hangs: in a driver, or on a device that is gone."""


def in_order(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    workers: int,
    ahead: int,
    is_small: Callable[[Item], bool] = lambda item: False,
) -> Generator[Result, None, None]:
    """What `work` makes of every item, in the order of the items.

    The items are taken in the thread of the caller, and no more of them than are in work. What
    `work` or the items raise is raised here, in its turn; nothing more is begun then, nor when
    the caller stops taking results. What is in work then is waited for, but not for ever: see
    `ENDING_SECONDS`. Its thread is left to itself, and doesn't keep the process from ending.

    Args:
        items: Taken one by one.
        work: Called in threads, several at a time.
        workers: How many threads.
        ahead: How many items may be in work or done before their turn.
        is_small: Whether an item is less work than to hand it to a thread and take it back. It is
            done in the thread of the caller, when it is taken; what interrupts that is raised at
            once.
    """
    pending: deque[Future[Result]] = deque()
    pool = _Pool(work, workers)
    try:
        for item in items:
            if not is_small(item):
                pending.append(pool.submit(item))
            elif pending:
                pending.append(_done(work, item))
            else:
                yield work(item)
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        pool.end()


class _Pool(Generic[Item, Result]):
    """Threads that do one kind of work. Those of the standard library are waited for at exit."""

    def __init__(self, work: Callable[[Item], Result], workers: int) -> None:
        self._work = work
        self._todo: SimpleQueue[tuple[Future[Result], Item] | None] = SimpleQueue()
        name = getattr(work, '__name__', '')
        self._threads = [
            threading.Thread(target=self._run, name=f'{name}_{number}', daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: Item) -> Future[Result]:
        """Have it done; what it comes to."""
        future: Future[Result] = Future()
        self._todo.put((future, item))
        return future

    def end(self) -> None:
        """No more will come; what is in work is waited for, as long as that may take."""
        for _ in self._threads:
            self._todo.put(None)
        until = monotonic() + ENDING_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))

    def _run(self) -> None:
        while (task := self._todo.get()) is not None:
            future, item = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._work(item))
                except BaseException as error:  # It is raised where the result is taken.
                    future.set_exception(error)
                del item, task, future  # Or they'd be kept until the next one comes.


def _done(work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """What `work` makes of an item, or raises, to be told in its turn."""
    future: Future[Result] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # But not what interrupts the caller: its turn may never come.
        future.set_exception(error)
    return future
