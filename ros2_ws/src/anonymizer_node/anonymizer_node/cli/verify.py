"""Shows, from the two recordings alone, that an anonymised bag keeps the laws."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.proof.verdict import LAWS, Verdict
from anonymizer_node.proof.verify import verify_bag

_MARKS = {'passed': 'holds', 'failed': 'BROKEN', 'warning': 'note', 'empty': '-'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument('source', metavar='IN', type=Path, help='The bag as it was recorded.')
    parser.add_argument(
        'target', metavar='OUT', type=Path, help='What "anonymize bag" or a node made of it.'
    )
    parser.add_argument(
        '--prefix',
        default='',
        help='OUT is a recording of a live node whose topics begin with this, such as '
        '/anonymized; it may be the same bag as IN.',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='Write everything to a file too.')


def main(args: argparse.Namespace) -> int:
    """Run it; 0 if every law could be shown to hold, 1 if not."""
    verdict = verify_bag(args.source, args.target, args.prefix)
    console = Console()
    console.print(table_of(verdict))
    for check in verdict.checks:
        for failure in check.failures:
            console.print(f'{check.name}: {failure}', markup=False, soft_wrap=True)
        if check.failed > len(check.failures):
            console.print(f'{check.name}: and {check.failed - len(check.failures)} more')
        if check.detail:
            console.print(f'{check.name}: {check.detail}', markup=False, soft_wrap=True)
    broken = verdict.failed()
    if broken:
        console.print(f'Not shown: {", ".join(broken)}.')
    else:
        console.print('Every law holds.')
    if args.json is not None:
        args.json.write_text(json.dumps(verdict.as_dict(), indent=2) + '\n', encoding='utf-8')
    return 0 if verdict.passed else 1


def table_of(verdict: Verdict) -> Table:
    """One line for each check."""
    table = Table(box=None, pad_edge=False)
    table.add_column('law')
    table.add_column('check', no_wrap=True)
    table.add_column('', no_wrap=True)
    table.add_column('looked at', justify='right')
    table.add_column('what was shown', overflow='fold')
    for check in verdict.checks:
        table.add_row(
            f'{check.law} {LAWS[check.law]}',
            check.name,
            _MARKS[check.state],
            f'{check.checked:,} {check.unit}',
            check.statement,
        )
    return table
