"""Measures detectors and settings on a labelled data set: how they rank, and who is hidden."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.cli.common import check_writable, counted, positive, write_json
from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.modelling import misses
from anonymizer_node.modelling.bars import AT_LEAST, DEFAULT_GROUP, judge, parse_bar
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import evaluate
from anonymizer_node.modelling.evaluation import GROUPS, Evaluation

TITLES = {
    'tenth': 'a tenth of the height or more',
    'below_tenth': 'lower',
    'small': 'small: less than 32 x 32 px',
    'medium': 'medium: less than 96 x 96 px',
    'large': 'large',
    'all': 'all',
}
"""Group -> its name in the table, in this order."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'dataset',
        metavar='DATASET',
        type=Path,
        help='A COCO annotation JSON or a folder with one, or a folder with images/ and labels/ '
        '(YOLO).',
    )
    parser.add_argument(
        '--images', metavar='FOLDER', type=Path, help='The pictures, where they lie elsewhere.'
    )
    parser.add_argument(
        '--labels',
        metavar='CLASS',
        action='append',
        help='Classes of the data set that are to be hidden. Default: those of the setting '
        '"classes" that it labels.',
    )
    parser.add_argument('--json', metavar='FILE', type=Path, help='Write all figures there.')
    parser.add_argument(
        '--sheet',
        metavar='FILE.png',
        type=Path,
        help='Write the worst misses as one picture. It shows people; its name will say so.',
    )
    parser.add_argument(
        '--misses',
        metavar='N',
        type=positive,
        default=misses.MOST_TILES,
        help='How many of the worst misses to list and show. Default: %(default)s.',
    )
    parser.add_argument(
        '--require',
        metavar='[GROUP:]NAME=NUMBER',
        nargs='+',
        action='extend',
        default=[],
        help='Exit with 1 where this bar is not met. At least, of people: '
        f'{", ".join(AT_LEAST)}; of detections: ap50. At most: pixels, false (regions per empty '
        f'picture). GROUP is {", ".join(GROUPS)} or "class NAME"; without it {DEFAULT_GROUP}, '
        "those at least a tenth of the picture's height. Example: half=1 90=0.95 small:half=0.5 "
        'pixels=0.28.',
    )
    add_setting_flags(parser)


def main(args: argparse.Namespace) -> int:
    """Run it."""
    settings = settings_from(args)
    sheet_path = misses.marked(args.sheet) if args.sheet else None
    files = [args.dataset] if args.dataset.is_file() else []  # What is measured may lie with it.
    for path in (args.json, sheet_path):
        check_writable(path, *files)
    labels = tuple(args.labels or settings.classes)
    dataset = read_dataset(args.dataset, labels, args.images, partly=not args.labels)
    groups = [*GROUPS, *(f'class {label}' for label in dataset.labels)]
    bars = [parse_bar(text, groups) for text in args.require]

    console = Console(highlight=False)
    loaded = load_detectors(settings, lambda text: console.print(text, markup=False))
    detectors = dict(zip(settings.model, loaded, strict=True))
    with counted(console, 'pictures') as progress:
        evaluation = evaluate(dataset, settings, detectors, progress)
    judged = judge(bars, evaluation)
    lines: list[str] = []
    if sheet_path is not None:
        sheet = misses.contact_sheet(evaluation, args.misses)
        if sheet is None:
            lines.append('No sheet was written: nobody is less than 90 % covered.')
        else:
            misses.save(sheet, sheet_path)
            lines.append(f'{sheet_path} {misses.WARNING}.')
    if args.json:
        figures = evaluation.as_dict(args.misses)
        figures['bars'] = [
            {'bar': str(one.bar), 'value': one.value, 'met': one.met} for one in judged
        ]
        write_json(args.json, figures)
        lines.append(f'All figures are in {args.json}')
    console.print(people_table(evaluation))
    console.print()
    for line in (*figure_lines(evaluation), *lines):
        console.print(line, markup=False, soft_wrap=True)
    for one in judged:
        said = 'met' if one.met else 'NOT MET'
        console.print(f'{said}: {one}', markup=False, soft_wrap=True)
    return 0 if not evaluation.failed and all(one.met for one in judged) else 1


def people_table(evaluation: Evaluation) -> Table:
    """The people by group, and how far they are covered."""
    table = Table(box=None, pad_edge=False)
    table.add_column('people', overflow='fold')
    for heading in ('number', 'half covered', '70 %', '90 %', 'least'):
        table.add_column(heading, justify='right', no_wrap=True)
    several = len(evaluation.dataset.labels) > 1
    classes = [name for name in evaluation.group_names if name not in GROUPS] if several else []
    for name in (*list(TITLES)[:-1], *classes, 'all'):
        group = evaluation.group(name)
        shares = (group.half, group.covered_70, group.covered_90, group.least)
        cells = [_percent(share) for share in shares]
        table.add_row(TITLES.get(name, name), str(group.people), *cells)
    return table


def figure_lines(evaluation: Evaluation) -> list[str]:
    """The other figures, a line each."""
    dataset, empty = evaluation.dataset, evaluation.empty
    counted = ', '.join(dataset.labels)
    lines = [f'{len(dataset.pictures)} pictures, labelled: {counted}']
    for one in evaluation.precisions:
        share = '-' if one.ap50 is None else f'{one.ap50:.3f}'
        lines.append(f'AP50 of {one.name}, {_as_one(one.classes)}: {share}')
        lines += [
            f'AP50 of {one.name}, {label} alone: {"-" if ap is None else f"{ap:.3f}"}'
            for label, ap in one.by_class.items()
        ]
        if one.unjudged:
            lines.append(f'{one.name} failed on {one.unjudged} pictures')
    lines.append(
        f'Pixels obscured: {_percent(evaluation.pixels_obscured)} '
        f"(people's boxes: {_percent(evaluation.pixels_of_people)})"
    )
    false = evaluation.false_per_empty
    lines.append(
        f'False regions per empty picture: {"-" if false is None else f"{false:.2f}"} '
        f'({len(empty)} pictures with nobody, {sum(bool(frame.regions) for frame in empty)} of '
        'them with a region)'
    )
    for cause, count in evaluation.causes.items():
        reason = evaluation.reasons[cause]
        lines.append(f'{count} pictures failed and are in no figure, {cause}: {reason}')
    left_out = sum(picture.left_out for picture in dataset.pictures)
    if left_out:
        lines.append(f'{left_out} labels have no area inside their picture and were left out')
    unknown = [name for name in evaluation.settings.classes if name not in dataset.known]
    if unknown:
        lines.append(
            f'The data set labels no {", ".join(unknown)}; what was found as such is counted like '
            'the rest'
        )
    return lines


def _as_one(classes: Sequence[str]) -> str:
    return ', '.join(classes) + (' as one class' if len(classes) > 1 else '')


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f} %'
