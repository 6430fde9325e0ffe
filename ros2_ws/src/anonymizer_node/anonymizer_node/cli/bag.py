"""Obscures the people in a recorded bag and writes a new one; the rest is copied as it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.offline.bag import ENDINGS, BagReport, anonymize_bag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'source', metavar='IN', type=Path, help='A rosbag2 directory, a .mcap or a .db3 file.'
    )
    parser.add_argument('target', metavar='OUT', type=Path, help='A new rosbag2 directory.')
    add_setting_flags(parser)


def main(args: argparse.Namespace) -> int:
    """Run it."""
    settings = settings_from(args)
    console = Console()
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task('messages', total=None)
        report = anonymize_bag(
            args.source,
            args.target,
            settings,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            notice=lambda text: console.print(text, markup=False),
        )
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
    console.print(f'Written to {args.target}', markup=False, soft_wrap=True)
    return 0 if report.clean else 1


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
