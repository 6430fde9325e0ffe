"""Training data from an anonymised bag: pictures, labels, calibrations.

The labels are the regions that were obscured. Whoever was missed can still be seen: label them in
CVAT (annotations/instances_default.json) or Label Studio (label_studio/), train a detector of your
own with them, and measure it with "anonymize model eval".
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.cli.common import counted, positive
from anonymizer_node.offline.export import export_bag
from anonymizer_node.offline.export_report import Choice, Export, remarks_of
from anonymizer_node.offline.remote import fetched, location


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'source',
        metavar='BAG',
        help='What "anonymize bag" wrote: a rosbag2 directory; a path, or a URL as of s3://.',
    )
    parser.add_argument('target', metavar='OUT', type=Path, help='A new folder.')
    parser.add_argument(
        '--topic',
        metavar='TOPIC',
        action='append',
        default=[],
        help='Only this one; may be given several times. Default: all with anonymised images.',
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        '--every',
        metavar='N',
        type=positive,
        default=1,
        help='Of each topic every n-th frame. Default: %(default)s.',
    )
    which.add_argument(
        '--interval',
        metavar='SECONDS',
        type=float,
        default=0.0,
        help='Of each topic one frame in so many seconds.',
    )
    parser.add_argument(
        '--label',
        metavar='NAME',
        type=_name,
        help='What the obscured regions are called. Default: the class that was obscured; '
        '"obscured" if there are several.',
    )
    parser.add_argument(
        '--not-anonymized',
        action='store_true',
        help='BAG has no report of "anonymize bag", and I vouch that nobody in it can be '
        'recognised. Its pictures are exported as they are, without labels.',
    )


def main(args: argparse.Namespace) -> int:
    """Run it."""
    choice = Choice(tuple(args.topic), args.every, args.interval)
    console = Console()
    place = location(args.source)
    with fetched(place) as (source,), counted(console, 'messages') as progress:
        export = export_bag(
            source,
            args.target,
            choice,
            args.not_anonymized,
            progress,
            args.label or '',
        )
    console.print(summary(export))
    for line in remarks_of(export):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f'Written to {args.target}', markup=False, soft_wrap=True)
    return 0 if export.clean else 1


def summary(export: Export) -> Table:
    """What was exported of each topic."""
    table = Table(box=None, pad_edge=False)
    table.add_column('topic', overflow='fold')
    for heading in ('messages', 'pictures', 'labels', 'black', 'failed'):
        table.add_column(heading, justify='right', no_wrap=True)
    for name, topic in export.topics.items():
        figures = (topic.count, topic.exported, topic.regions, topic.black, topic.failed.total())
        table.add_row(name, *(str(figure) if figure else '-' for figure in figures))
    return table


def _name(text: str) -> str:
    """A class's name, on one line; for argparse."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f'{text!r} is no name')
    return text.strip()
