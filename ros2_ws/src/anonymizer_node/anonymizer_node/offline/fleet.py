"""Many bags at once: the work on each, and processes of this machine that do it.

A bag is one piece of work, told as plain data. A try that was killed is made again, and makes the
same; one that was killed when its target was finished, but before that was told, is taken as done.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from anonymizer_node import __version__
from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import AnonymizerError, InputError, ModelError
from anonymizer_node.detectors.registry import resolve
from anonymizer_node.offline.many import Task, anonymize_task
from anonymizer_node.offline.output import Output
from anonymizer_node.offline.remote import Location, location, refuse_taken, report_at
from anonymizer_node.offline.report import BagReport, described
from anonymizer_node.offline.stages import ENDING_SECONDS
from anonymizer_node.offline.teams import load_teams

MOST_ENDING_SECONDS = ENDING_SECONDS + 30
"""So long a process may take to end: it waits for what is in work, too, and cleans up."""

Order = dict[str, Any]
"""A bag's work: source, target, settings, output, models (their SHA-256), threads and version."""


@dataclass(frozen=True)
class Ended:
    """What became of a bag.

    Attributes:
        task: Which.
        report: What became of it, unless it failed.
        error: Why it failed, or ''.
    """

    task: Task
    report: BagReport | None = None
    error: str = ''

    @property
    def status(self) -> int:
        """As an exit status."""
        if self.report is None:
            return 2
        return 0 if self.report.clean else 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        about: dict[str, Any] = {'source': str(self.task.source), 'target': str(self.task.target)}
        if self.report is None:
            return {**about, 'clean': False, 'error': self.error}
        about |= {'reused': self.report.reused, 'seal': self.report.seal}
        return {**self.report.as_dict(), **about}


def orders_of(
    tasks: Sequence[Task], settings: Settings, output: Output, threads: int = 0
) -> list[Order]:
    """The work on each bag.

    Args:
        tasks: The bags.
        settings: Of the run.
        output: How the targets are packed.
        threads: For the detector of each, in place of those of the settings.

    Raises:
        ModelError: If a model can't be read here, by whose hash the others know theirs.
    """
    common = {
        'version': __version__,
        'settings': settings.as_dict(),
        'output': asdict(output),
        'models': [resolve(terms.model).sha256 for terms in settings.terms()],
        'threads': threads or settings.threads,
    }
    return [
        {**common, 'source': _absolute(task.source), 'target': _absolute(task.target)}
        for task in tasks
    ]


def carry_out(order: Order) -> BagReport:
    """Do the work on a bag, of which nobody had made anything before this run.

    Raises:
        InputError: If this isn't the version that it is to be done with; and as `anonymize_task`.
        ModelError: If a model is another one here.
    """
    if order['version'] != __version__:
        raise InputError(other_version(f'this worker has {__version__}', order['version']))
    earlier = _finished(order)
    if earlier is not None:
        return earlier
    settings = Settings.from_mapping(order['settings'])
    teams = load_teams(settings.changed(threads=order['threads']))
    hashes = [described(detector)['sha256'] for detector in teams[0]]
    if hashes != order['models']:
        raise ModelError(
            f'The models {", ".join(settings.model)} have SHA-256 {", ".join(hashes)} on this '
            f'worker, and {", ".join(order["models"])} where the run was started; install the same '
            'files on all machines.'
        )
    try:
        output = Output(**order['output'])
        return anonymize_task(task_of(order), settings, output, teams=teams)
    except InputError:
        # Another try, of which the cluster had lost sight, may have been faster.
        earlier = _finished(order)
        if earlier is None:
            raise
        return earlier


def in_processes(orders: Sequence[Order], jobs: int) -> Iterator[Ended]:
    """Do the work on several bags at a time, each in a process of its own; as they end.

    A process that dies costs its own bag only, which is tried once more.
    """
    refused, todo = check_targets(orders)
    yield from refused
    waiting = [(order, 1) for order in reversed(todo)]
    living: dict[Connection, tuple[BaseProcess, Order, int]] = {}
    spawned = multiprocessing.get_context('spawn')
    try:
        while waiting or living:
            while waiting and len(living) < jobs:
                order, more = waiting.pop()
                ours, theirs = spawned.Pipe(duplex=False)
                process: BaseProcess = spawned.Process(target=_in_process, args=(theirs, order))
                process.start()
                theirs.close()
                living[ours] = process, order, more
            for ready in cast('list[Connection]', wait(list(living))):
                process, order, more = living.pop(ready)
                ended = _received(ready)
                _ended(process)
                if ended is not None:
                    yield ended
                elif more:
                    waiting.append((order, more - 1))
                else:
                    yield Ended(task_of(order), error=_died(process))
    finally:
        for process, _, _ in living.values():
            process.terminate()
        for process, _, _ in living.values():
            _ended(process)


def _ended(process: BaseProcess) -> None:
    """Wait for a process that has no more to do; one that hangs is killed."""
    process.join(MOST_ENDING_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def other_version(has: str, wanted: str) -> str:
    """What is to be said where versions differ."""
    return (
        f'The run was started with anonymizer_node {wanted}, and {has}; install the same version '
        'on all machines.'
    )


def check_targets(orders: Sequence[Order]) -> tuple[list[Ended], list[Order]]:
    """Refuse the targets that are there: what is there later is of this run."""
    refused, todo = [], []
    for order in orders:
        task = task_of(order)
        try:
            refuse_taken(task.target)
        except (AnonymizerError, OSError) as error:
            refused.append(Ended(task, error=str(error)))
        else:
            todo.append(order)
    return refused, todo


def _finished(order: Order) -> BagReport | None:
    """The report of a try that finished and wasn't heard of, if there was one."""
    task = task_of(order)
    text = report_at(task.target)
    if text is None:
        return None
    try:
        told = json.loads(text)
        report = BagReport.from_dict(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    wanted = task.source.name, order['version'], order['settings'], order['models']
    hashes = [model['sha256'] for model in report.models]
    same = (report.source, told['version'], report.settings, hashes) == wanted
    return report if same else None


def _in_process(connection: Connection, order: Order) -> None:
    """The same, in a process of its own."""

    def stop(number: int, frame: object) -> None:
        # Once: a second signal would break off the cleaning up.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            ended = Ended(task_of(order), carry_out(order))
        except Exception as error:  # Whatever it is, a MemoryError or a defect: it is this bag's.
            if not expected(error):
                traceback.print_exc()
            ended = Ended(task_of(order), error=said_of(error))
        connection.send(ended)


def _absolute(place: Location) -> str:
    """A place in words that mean the same in another folder."""
    return str(place.absolute() if isinstance(place, Path) else place)


def _received(connection: Connection) -> Ended | None:
    """What a process told, None if it died before."""
    with connection:
        try:
            ended = connection.recv()
        except EOFError:
            return None
    assert isinstance(ended, Ended)
    return ended


def task_of(order: Order) -> Task:
    """Which bag an order is of."""
    return Task(location(order['source']), location(order['target']))


def _died(process: BaseProcess) -> str:
    code = process.exitcode or 0
    how = f'signal {-code}' if code < 0 else f'exit status {code}'
    return (
        f'The process that worked on it ended twice by {how}. If memory is short, use fewer jobs.'
    )


def expected(error: BaseException | None) -> bool:
    """Whether an error says what is wrong with a bag; any other one is a surprise."""
    return isinstance(error, (AnonymizerError, OSError))


def said_of(error: BaseException | None) -> str:
    """An error in words: a surprise is told by its name, as are those that have no words."""
    name, words = type(error).__name__, str(error)
    if expected(error):
        return words or name
    return f'{name}: {words}' if words else name
