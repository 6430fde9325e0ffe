"""Many bags on a Dask cluster that exists: a bag a task, and nothing else of our own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from anonymizer_node import __version__
from anonymizer_node.core.errors import InputError, StorageError
from anonymizer_node.offline.fleet import (
    Ended,
    Order,
    carry_out,
    check_targets,
    other_version,
    said_of,
    task_of,
)

RETRIES = 2
"""Of a bag whose work broke off by an error that may be gone the next time."""

CONNECT_SECONDS = 20

LOST = 'The scheduler was lost; a worker may finish the bag all the same.'


def on_cluster(orders: Sequence[Order], address: str) -> Iterator[Ended]:
    """Do the work on all bags on the workers of a Dask scheduler; as they end.

    Dask gives the work of a worker that died to another one, as often as its scheduler's setting
    `allowed-failures` says.

    Raises:
        InputError: If dask.distributed is absent, no scheduler with workers is at that address, or
            a worker has another version of this package.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InputError(
            f'The cluster at {address!r} is reached through dask.distributed, which is not '
            'installed: pip install distributed.'
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # The edge to Dask: of malformed addresses it raises all kinds.
        raise InputError(
            f'No Dask scheduler answers at {address!r} ({str(error) or type(error).__name__}); '
            'give an address such as tcp://HOST:8786, as "dask scheduler" prints it.'
        ) from error
    with client:
        _check_workers(client, address)
        refused, todo = check_targets(orders)
        yield from refused
        run = f'anonymize-bag-{uuid.uuid4().hex}'
        submitted = {
            client.submit(_on_worker, order, key=f'{run}-{number}', retries=RETRIES, pure=False): (
                order
            )
            for number, order in enumerate(todo)
        }
        try:
            for future in as_completed(submitted, loop=client.loop):
                if future.status == 'finished':
                    yield future.result()
                    continue
                lost = future.status == 'cancelled'
                why = LOST if lost else said_of(future.exception())
                yield Ended(task_of(submitted[future]), error=why)
        finally:
            client.cancel(list(submitted))


def _check_workers(client: Any, address: str) -> None:
    """Refuse a cluster that isn't fit for the work."""

    def version() -> str:
        # This function is sent as it is: a worker without the package could not look it up.
        try:
            from anonymizer_node import __version__ as found
        except ImportError:
            return ''
        return found

    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (TimeoutError, asyncio.TimeoutError) as error:  # Two, before Python 3.11.
        raise InputError(
            f'The Dask scheduler at {address!r} has no workers; start some with '
            f'"dask worker {address}".'
        ) from error
    for worker, found in sorted(client.run(version).items()):
        if found != __version__:
            has = f'the worker {worker} has {found or "none"}'
            raise InputError(other_version(has, __version__))


def _on_worker(order: Order) -> Ended:
    """The work on a bag; what may go better the next time is raised, for Dask to try again."""
    try:
        return Ended(task_of(order), carry_out(order))
    except (StorageError, OSError, MemoryError):
        raise
    except Exception as error:  # What it is doesn't change by trying: a defect, or the bag's own.
        return Ended(task_of(order), error=said_of(error))
