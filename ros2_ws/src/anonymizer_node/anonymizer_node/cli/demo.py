"""Plays scenes of real people into the node and through a bag, checks the laws, shows it all."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from anonymizer_node.core.datatypes import STATUSES
from anonymizer_node.demo.processes import StageError
from anonymizer_node.demo.run import SECONDS, SEED, DemoResult, Half, run_demo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'out',
        metavar='OUT',
        nargs='?',
        type=Path,
        default=Path('demo'),
        help='Folder for everything that it makes; default: demo.',
    )
    parser.add_argument(
        '--seconds',
        type=float,
        default=SECONDS,
        help=f'How long the cameras play, the shorter the faster; default: {SECONDS:g}.',
    )
    parser.add_argument('--seed', type=int, default=SEED, help=f'Of the scenes; default: {SEED}.')
    parser.add_argument(
        '--no-ros', action='store_true', help='Leave out the live half, which needs ROS 2.'
    )


def main(args: argparse.Namespace) -> int:
    """Run it."""
    console = Console(highlight=False)

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    try:
        result = run_demo(args.out, args.seconds, args.seed, not args.no_ros, tell=tell)
    except StageError as error:
        tell(f'{error}')
        return 1
    for half in result.halves:
        for line in told(half):
            tell(line)
    tell(_ending(result))
    tell(f'{result.seconds:.0f} s. Look at {result.page.resolve()}')
    return 0 if result.passed else 1


def told(half: Half) -> list[str]:
    """What came of one half, in lines."""
    what = 'The node, live' if half.name == 'live' else 'The recorded bag'
    lines = [
        f'{what}: {sum(check.state == "passed" for check in half.checks)} checks passed, '
        f'{sum(check.state == "failed" for check in half.checks)} failed.'
    ]
    for name, topic in half.verdict.topics.items():
        if topic.role == 'anonymized':
            counts = ', '.join(
                f'{topic.statuses[status]} {status}'
                for status in (*STATUSES, 'unpublished')
                if topic.statuses.get(status)
            )
            lines.append(f'  {name}: {topic.count_in} frames in; {counts}')
    people = half.people
    lines.append(
        f'  people: {len(people.judged)} in frames, the one covered least to {people.least:.0%}, '
        f'{people.well:.1%} to 90% or more'
    )
    for check in half.checks:
        if check.state in ('failed', 'warning'):
            lines.append(f'  {check.state}: {check.statement} {check.detail}')
            lines.extend(f'    {failure}' for failure in check.failures)
    return lines


def _ending(result: DemoResult) -> str:
    if result.passed:
        return 'Every law held.'
    return 'A LAW COULD NOT BE SHOWN TO HOLD: see above and on the page.'
