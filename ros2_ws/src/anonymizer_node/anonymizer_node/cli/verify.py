"""Shows, from the two recordings alone, that an anonymised bag keeps the laws."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.cli.common import check_writable, write_json
from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.offline.remote import Location, fetched, location
from anonymizer_node.offline.report import described
from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.report import Section, write_page
from anonymizer_node.proof.second import SAME_PERSON, Judge
from anonymizer_node.proof.verdict import LAWS, Verdict
from anonymizer_node.proof.verify import verify_bag

JUDGE_SCORE = 0.5
"""Threshold of a second detector that names none: it is asked who is surely there."""

_MARKS = {
    'passed': 'holds',
    'failed': 'BROKEN',
    'warning': 'not shown',
    'empty': 'nothing to check',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'source', metavar='IN', help='The bag as it was recorded; a path, or a URL as of s3://.'
    )
    parser.add_argument(
        'target', metavar='OUT', help='What "anonymize bag" or a node made of it. Likewise.'
    )
    parser.add_argument(
        '--prefix',
        default='',
        help='OUT is a recording of a live node whose topics begin with this, such as '
        '/anonymized; it may be the same bag as IN.',
    )
    parser.add_argument(
        '--judge',
        metavar='MODEL',
        default='',
        help='A second detector, of another family than that of the run: whom it sees in IN it '
        'must not see in OUT. An ONNX file or a known name, options behind it as in the setting '
        f'"model": "face.onnx classes=face". Score {JUDGE_SCORE} unless it says score_threshold; '
        f'the same person is who overlaps by {SAME_PERSON:.0%}% of the smaller box.',
    )
    parser.add_argument(
        '--seal',
        type=_seal,
        metavar='SHA256',
        help='Of the record, as "anonymize bag" told it when it made OUT.',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='Write everything to a file too.')
    parser.add_argument(
        '--report',
        type=Path,
        metavar='FILE.html',
        help='Write a page to look at. It shows frames of OUT, and nothing of IN.',
    )
    parser.add_argument(
        '--show-people',
        action='store_true',
        help='Frames of IN on the page too, and those of OUT with which something is wrong. They '
        'show the people who were obscured.',
    )


def _seal(text: str) -> str:
    if not re.fullmatch('[0-9a-fA-F]{64}', text):
        raise argparse.ArgumentTypeError(f'{text!r} is no SHA-256 of 64 hexadecimal digits')
    return text.lower()


def main(args: argparse.Namespace) -> int:
    """Run it; 0 if every law could be shown to hold, 1 if not."""
    places = location(args.source), location(args.target)
    _check(args, places)
    judge = load_judge(args.judge) if args.judge else None
    with fetched(*places) as (source, target):
        return _verify(args, source, target, judge)


def _verify(args: argparse.Namespace, source: Path, target: Path, judge: Judge | None) -> int:
    verdict = verify_bag(source, target, args.prefix, judge=judge, seal=args.seal or '')
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
    if verdict.vouched:
        console.print(
            f'NOT anonymised, but copied as their owner asked: {verdict.vouched}.',
            markup=False,
            soft_wrap=True,
        )
    if args.json is not None:
        write_json(args.json, verdict.as_dict())
    if args.report is not None:
        section = Section(
            target.resolve().name,
            verdict,
            sheets=contact_sheets(verdict, args.show_people),
        )
        write_page(args.report, [section], show_before=args.show_people)
        console.print(f'The page is {args.report}', markup=False, soft_wrap=True)
    return 0 if verdict.passed else 1


def _check(args: argparse.Namespace, places: Sequence[Location]) -> None:
    """Refuse what could not be done at the end of a long run.

    Raises:
        ConfigError: If two flags don't go together.
        InputError: If a file could not be written, or lay in a bag.
    """
    if args.prefix and (args.judge or args.seal):
        raise ConfigError('--judge and --seal are for outputs of "anonymize bag", not --prefix.')
    if args.show_people and args.report is None:
        raise ConfigError('--show-people is about the page; name one with --report.')
    for path in (args.json, args.report):
        check_writable(path, *places)


def load_judge(entry: str) -> Judge:
    """The second detector that an entry like those of the setting `model` names.

    Raises:
        ConfigError: If it isn't well formed.
        ModelError: If the model can't be used.
    """
    settings = Settings.from_mapping({'model': [entry], 'score_threshold': JUDGE_SCORE})
    (terms,), (detector,) = settings.terms(), load_detectors(settings)
    classes = detector.names
    if terms.own_classes or set(terms.classes) & set(classes):
        classes = terms.wanted(detector.names)
    return Judge(detector, classes, terms.score_threshold, described(detector))


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
                table.add_row(f'  {check.name}', _MARKS[check.state], check.looked_at)
    return table
