"""How `anonymize bag` shows what is planned with bags and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anonymizer_node.core.words import counted
from anonymizer_node.offline.bag import ENDINGS, BagReport
from anonymizer_node.offline.plan import TopicPlan

REUSED_NOTE = 'What was detected is that of an earlier run with the same models and settings.'


def show_plan(console: Console, plans: Sequence[TopicPlan]) -> None:
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


def show_report(console: Console, report: BagReport) -> None:
    """What became of a bag, and all that is to be said of it."""
    console.print(summary(report))
    for name, topic in report.topics.items():
        if topic.missing:
            console.print(
                f'{name}: {topic.count} messages are declared, but {topic.count - topic.missing} '
                'were read; the recording is damaged.',
                markup=False,
            )
        for cause, reason in topic.reasons.items():
            frames = counted(topic.causes[cause], 'frames')
            console.print(f'{name}: {frames}, {cause}: {reason}', markup=False)
        for note in topic.remarks():
            console.print(f'{name}: {note}', markup=False)
        if topic.action == 'drop' and not topic.asked:
            console.print(f'{name} was left out: {topic.reason}', markup=False)
    if report.reused:
        console.print(REUSED_NOTE, markup=False)
    for note in [*report.losses, *report.notes]:
        console.print(note, markup=False)


def summary(report: BagReport) -> Table:
    """What became of each topic, the type of which the plan has: a terminal is 80 wide."""
    table = Table(box=None, pad_edge=False)
    table.add_column('topic', overflow='fold')
    for heading in ('in', 'copied', 'anonymized', 'untouched', 'black', 'dropped', 'regions'):
        table.add_column(heading, justify='right', no_wrap=True)
    for name, topic in report.topics.items():
        counts = [topic.statuses[status] for status in ENDINGS]
        cells = [str(value) if value else '-' for value in (*counts, topic.regions)]
        table.add_row(name, str(topic.count), *cells)
    return table


def show_bags(console: Console, entries: Sequence[Mapping[str, Any]]) -> None:
    """What became of many bags: a row for each."""
    table = Table(box=None, pad_edge=False)
    table.add_column('bag', overflow='fold')
    table.add_column('')
    for heading in ('in', 'anonymized', 'black', 'dropped', 'regions'):
        table.add_column(heading, justify='right', no_wrap=True)
    names = ('count', 'anonymized', 'blacked_out', 'dropped', 'regions')
    for entry in entries:
        topics = entry.get('topics', {}).values()
        sums = [sum(topic[name] for topic in topics) for name in names]
        end = 'failed' if 'error' in entry else 'clean' if entry['clean'] else 'not clean'
        table.add_row(escape(entry['source']), end, *(str(value or '-') for value in sums))
    console.print()
    console.print(table)
