"""Shows, from the two recordings alone, that an anonymised bag keeps the laws."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.proof.verdict import LAWS, Verdict
from anonymizer_node.proof.verify import verify_bag

_MARKS = {
    'passed': 'holds',
    'failed': 'BROKEN',
    'warning': 'not shown',
    'empty': 'nothing to check',
}


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
        if check.failed:
            console.print(f'{check.name}: not so: {check.statement}', markup=False, soft_wrap=True)
        for failure in check.failures:
            console.print(f'{check.name}: {failure}', markup=False, soft_wrap=True)
        if check.failed > len(check.failures):
            console.print(f'{check.name}: and {check.failed - len(check.failures)} more')
        if check.detail:
            console.print(f'{check.name}: {check.detail}', markup=False, soft_wrap=True)
    broken = verdict.failed()
    if broken:
        console.print(f'Not every law holds; could not be shown: {", ".join(broken)}.')
    else:
        console.print('Every law holds.')
    if args.json is not None:
        args.json.write_text(json.dumps(verdict.as_dict(), indent=2) + '\n', encoding='utf-8')
    return 0 if verdict.passed else 1


def table_of(verdict: Verdict) -> Table:
    """One line for each check, under its law."""
    table = Table(box=None, pad_edge=False)
    table.add_column('law and check', overflow='fold')
    table.add_column('result', no_wrap=True)
    table.add_column('looked at', justify='right')
    for law, name in LAWS.items():
        table.add_row(f'{law} {name}')
        for check in verdict.checks:
            if check.law == law:
                looked_at = f'{check.checked:,} {check.unit}'
                table.add_row(f'  {check.name}', _MARKS[check.state], looked_at)
    return table
