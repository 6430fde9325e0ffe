"""Obscures the people in recorded bags and writes new ones; the rest is copied as it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from anonymizer_node.cli.common import check_json, positive, progress_bar, write_json
from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.formats.bags import COMPRESSIONS, STORAGES
from anonymizer_node.offline.bag import ENDINGS, BagReport, anonymize_bag
from anonymizer_node.offline.many import Planned, Task, planned, tasks_of
from anonymizer_node.offline.output import ATTACHMENT_ACTIONS, Output
from anonymizer_node.offline.plan import TopicPlan
from anonymizer_node.offline.teams import Team, load_teams


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'sources',
        metavar='IN',
        nargs='+',
        type=Path,
        help='A rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file, or a folder of these.',
    )
    parser.add_argument(
        'target',
        metavar='OUT',
        type=Path,
        help='A new rosbag2 directory; of several bags each becomes one below it.',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='Only say what would be done with each topic. Exit status 1 if one would be left out.',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='Write the plan or the reports for programs.'
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
    check_json(args.json)
    tasks = tasks_of(args.sources, args.target)
    console = Console()
    entries: list[dict[str, Any]] = []
    if args.dry_run:

        def once(task: Task) -> int:
            return _dry_run(console, task, settings, output, entries)
    else:
        teams: Sequence[Team] = ()
        if len(tasks) > 1:
            notice = _notice(console)
            teams = load_teams(settings, notice)

        def once(task: Task) -> int:
            return _run(console, task, settings, output, teams, entries)

    status = once(tasks[0]) if len(tasks) == 1 else _each(console, tasks, once, entries)
    if args.json is not None:
        write_json(args.json, {'bags': entries})
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
        console.rule(f'{number} of {len(tasks)}: {task.source}', characters='-')
        try:
            worst = max(worst, once(task))
        except (AnonymizerError, OSError) as error:
            print(f'anonymize bag: {task.source}: {error}', file=sys.stderr)
            about = {'source': str(task.source), 'target': str(task.target)}
            entries.append({**about, 'clean': False, 'error': str(error)})
            worst = 2
        except KeyboardInterrupt:
            print(
                f'anonymize bag: interrupted; of {len(tasks)} bags {number - 1} were done, and '
                f'nothing was written of {task.source}',
                file=sys.stderr,
            )
            return 130
    failed = sum('error' in entry for entry in entries)
    unclean = sum(not entry['clean'] for entry in entries) - failed
    console.print(f'{len(tasks)} bags: {unclean} not clean, {failed} failed.', markup=False)
    return worst


def _dry_run(
    console: Console,
    task: Task,
    settings: Settings,
    output: Output,
    entries: list[dict[str, Any]],
) -> int:
    found: Planned = planned(task, settings, output)
    _show_plan(console, found.topics)
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
    with progress_bar(console) as bar:
        progress = bar.add_task('messages', total=None)
        report = anonymize_bag(
            task.source,
            task.target,
            settings,
            teams=teams,
            progress=lambda done, total: bar.update(progress, completed=done, total=total),
            notice=_notice(console),
            output=output,
            planned=lambda plans: _show_plan(console, plans),
        )
    _show_report(console, report)
    console.print(f'Written to {task.target}', markup=False, soft_wrap=True)
    entries.append({'target': str(task.target), **report.as_dict(), 'source': str(task.source)})
    return 0 if report.clean else 1


def _notice(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, markup=False)


def _show_plan(console: Console, plans: Sequence[TopicPlan]) -> None:
    """What will be done with each topic, and why."""
    table = Table(box=None, pad_edge=False)
    table.add_column('topic', overflow='fold')
    table.add_column('type', overflow='fold')
    table.add_column('messages', justify='right')
    table.add_column('what to do')
    table.add_column('why', overflow='fold')
    for item in plans:
        told = (item.topic.name, item.topic.msgtype, str(item.topic.count), item.action)
        table.add_row(*told, item.reason)
    console.print(table, markup=False)
    console.print()


def _show_report(console: Console, report: BagReport) -> None:
    console.print(summary(report))
    for name, topic in report.topics.items():
        if topic.missing:
            console.print(
                f'{name}: {topic.count} messages are declared, but {topic.count - topic.missing} '
                'were read; the recording is damaged.',
                markup=False,
            )
        for cause, reason in topic.reasons.items():
            console.print(f'{name}: {topic.causes[cause]} frames, {cause}: {reason}', markup=False)
        for note in topic.notes:
            console.print(f'{name}: {note}', markup=False)
        if topic.action == 'drop' and not topic.asked:
            console.print(f'{name} was left out: {topic.reason}', markup=False)
    for note in [*report.losses, *report.notes]:
        console.print(note, markup=False)


def summary(report: BagReport) -> Table:
    """What became of each topic."""
    table = Table(box=None, pad_edge=False)
    table.add_column('topic', overflow='fold')
    table.add_column('type', overflow='fold')
    for heading in ('in', 'copied', 'anonymized', 'untouched', 'blacked out', 'dropped', 'regions'):
        table.add_column(heading, justify='right')
    for name, topic in report.topics.items():
        counts = [topic.statuses[status] for status in ENDINGS]
        cells = [str(value) if value else '-' for value in (*counts, topic.regions)]
        table.add_row(name, topic.msgtype, str(topic.count), *cells)
    return table
