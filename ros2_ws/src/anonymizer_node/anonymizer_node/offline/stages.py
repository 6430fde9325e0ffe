"""Work on the items of a stream in several threads, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


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
    the caller stops taking results.

    Args:
        items: Taken one by one.
        work: Called in threads, several at a time.
        workers: How many threads.
        ahead: How many items may be in work or done before their turn.
        is_small: Whether an item is less work than to hand it to a thread and take it back. It is
            done in the thread of the caller, when it is taken.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix=getattr(work, '__name__', '')) as pool:
        try:
            for item in items:
                if not is_small(item):
                    pending.append(pool.submit(work, item))
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


def _done(work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """What `work` makes of an item, or raises, to be told in its turn."""
    future: Future[Result] = Future()
    try:
        future.set_result(work(item))
    except BaseException as error:  # As the pool does.
        future.set_exception(error)
    return future
