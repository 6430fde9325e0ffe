"""Obscures the people in recorded bags and writes new ones; the rest is copied as it is."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from anonymizer_node.cli.bag_tables import show_bags, show_plan, show_report
from anonymizer_node.cli.common import check_writable, counted, positive, wrote_json
from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import COMPRESSIONS, STORAGES
from anonymizer_node.offline.bag import BagReport
from anonymizer_node.offline.cluster import on_cluster
from anonymizer_node.offline.fleet import Ended, expected, in_processes, orders_of, said_of
from anonymizer_node.offline.many import (
    Planned,
    Task,
    anonymize_task,
    check_outside,
    planned,
    tasks_of,
    whole,
)
from anonymizer_node.offline.output import ATTACHMENT_ACTIONS, Output
from anonymizer_node.offline.remote import location
from anonymizer_node.offline.teams import Team, load_teams

INTERRUPTED = 130
"""Exit status, as shells have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'sources',
        metavar='IN',
        nargs='+',
        help='A rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file, or a folder of these; a '
        'path, or a URL such as s3://BUCKET/RUNS.',
    )
    parser.add_argument(
        'target',
        metavar='OUT',
        help='A new rosbag2 directory; of several bags each becomes one below it. A path or a URL.',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='Only say what would be done with each topic. Exit status 1 if one would be left out.',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='Write the plan or the reports for programs.'
    )
    spread = parser.add_mutually_exclusive_group()
    spread.add_argument(
        '--jobs',
        type=positive,
        default=1,
        metavar='N',
        help='Bags to work on at a time, each in a process of its own and with its share of the '
        'threads. Default: 1; one bag keeps two cores busy and more of them with more threads.',
    )
    spread.add_argument(
        '--cluster',
        default='',
        metavar='ADDRESS',
        help='Have the workers of a Dask scheduler do the bags, such as tcp://HOST:8786.',
    )
    packing = parser.add_argument_group('output', 'What is not given is as it is in the source.')
    packing.add_argument('--storage', choices=STORAGES, default='')
    packing.add_argument(
        '--compression',
        choices=COMPRESSIONS,
        default='',
        help="rosbag2's own by file or by message, or that of an MCAP file's chunks.",
    )
    packing.add_argument(
        '--split-size',
        type=positive,
        default=0,
        metavar='MB',
        help='Begin a new file when one has grown to this.',
    )
    packing.add_argument(
        '--attachments',
        choices=ATTACHMENT_ACTIONS,
        default='',
        help='What to do with the files in MCAP files, which may hold pictures. Default: they are '
        'left out, with exit status 1.',
    )
    add_setting_flags(parser)


def main(args: argparse.Namespace) -> int:
    """Run it."""
    settings = settings_from(args)
    output = Output(args.storage, args.compression, args.split_size * 1_000_000, args.attachments)
    check_writable(args.json)
    sources = [location(source) for source in args.sources]
    tasks = tasks_of(sources, location(args.target))
    if args.json is not None:
        places = [whole(source) for source in (*sources, *(task.source for task in tasks))]
        places += [whole(task.target) for task in tasks]
        check_outside(places, args.json, 'JSON file')
    console = Console()
    entries: list[dict[str, Any]] = []
    many = len(tasks) > 1
    if args.dry_run:

        def once(task: Task) -> int:
            return _dry_run(console, task, settings, output, entries)

        status = _each(console, tasks, once, entries) if many else once(tasks[0])
    elif args.cluster or (args.jobs > 1 and many):
        jobs = min(args.jobs, len(tasks))
        threads = max(1, settings.threads // jobs)
        orders = orders_of(tasks, settings, output, threads)
        ended = on_cluster(orders, args.cluster) if args.cluster else in_processes(orders, jobs)
        status = _as_they_end(console, ended, len(tasks), entries)
    else:
        teams = load_teams(settings, _notice(console)) if many else ()

        def once(task: Task) -> int:
            return _run(console, task, settings, output, teams, entries)

        status = _each(console, tasks, once, entries) if many else once(tasks[0])
    if many and status != INTERRUPTED:
        if not args.dry_run:
            show_bags(console, entries)
        failed = sum('error' in entry for entry in entries)
        unclean = sum(not entry['clean'] for entry in entries) - failed
        console.print(f'{len(entries)} bags: {unclean} not clean, {failed} failed.', markup=False)
    if not wrote_json('bag', args.json, {'bags': entries}):
        status = max(status, 1)  # The bags are written.
    return status


def _each(
    console: Console,
    tasks: Sequence[Task],
    once: Callable[[Task], int],
    entries: list[dict[str, Any]],
) -> int:
    """Every bag, whatever becomes of the others; the worst exit status."""
    worst = 0
    for number, task in enumerate(tasks, 1):
        _head(console, number, len(tasks), task)
        try:
            worst = max(worst, once(task))
        except Exception as error:  # Whatever it is, a MemoryError or a defect: the others go on.
            if not expected(error):
                traceback.print_exc()
            _failed(Ended(task, error=said_of(error)), entries)
            worst = 2
        except KeyboardInterrupt:
            print(
                f'anonymize bag: interrupted; of {len(tasks)} bags {number - 1} were done, and '
                f'nothing was written of {task.source}',
                file=sys.stderr,
            )
            return INTERRUPTED
    return worst


def _as_they_end(
    console: Console, results: Iterator[Ended], count: int, entries: list[dict[str, Any]]
) -> int:
    """Every bag that others work on, when it is done; the worst exit status."""
    worst = 0
    try:
        for number, ended in enumerate(results, 1):
            _head(console, number, count, ended.task)
            worst = max(worst, ended.status)
            if ended.report is None:
                _failed(ended, entries)
            else:
                _succeeded(console, ended.task, ended.report, entries)
    except KeyboardInterrupt:
        print(
            f'anonymize bag: interrupted; of {count} bags {len(entries)} were done. A worker of a '
            'cluster finishes the bag that it is at.',
            file=sys.stderr,
        )
        return INTERRUPTED
    entries.sort(key=lambda entry: str(entry['source']))
    return worst


def _head(console: Console, number: int, count: int, task: Task) -> None:
    console.rule(f'{number} of {count}: {escape(str(task.source))}', characters='-')


def _failed(ended: Ended, entries: list[dict[str, Any]]) -> None:
    print(f'anonymize bag: {ended.task.source}: {ended.error}', file=sys.stderr)
    entries.append(ended.as_dict())


def _succeeded(
    console: Console, task: Task, report: BagReport, entries: list[dict[str, Any]]
) -> None:
    show_report(console, report)
    console.print(f'Written to {task.target}', markup=False, soft_wrap=True)
    console.print(f'Seal {report.seal}', markup=False, soft_wrap=True)
    entries.append(Ended(task, report).as_dict())


def _dry_run(
    console: Console,
    task: Task,
    settings: Settings,
    output: Output,
    entries: list[dict[str, Any]],
) -> int:
    found: Planned = planned(task, settings, output)
    show_plan(console, found.topics)
    for loss in found.losses:
        console.print(loss, markup=False)
    entries.append(found.as_dict())
    return 0 if found.clean else 1


def _run(
    console: Console,
    task: Task,
    settings: Settings,
    output: Output,
    teams: Sequence[Team],
    entries: list[dict[str, Any]],
) -> int:
    with counted(console, 'messages') as progress:
        report = anonymize_task(
            task,
            settings,
            output,
            teams=teams,
            progress=progress,
            notice=_notice(console),
            planned=lambda plans: show_plan(console, plans),
        )
    _succeeded(console, task, report, entries)
    return 0 if report.clean else 1


def _notice(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, markup=False)
