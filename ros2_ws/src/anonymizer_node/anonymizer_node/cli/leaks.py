"""Shows, in a recording of a simulation with known people, whether somebody got through."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from anonymizer_node.cli.common import check_writable, write_json
from anonymizer_node.core.config import Settings
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leaks_in_bag import check_bag

BOUNDS = {
    'least_height': "Share of the image's height from which on somebody counts",
    'least_visible': 'Share of somebody that must be in view to count, if known',
    'least_covered': 'Share of the visible part that must be obscured',
    'least_frames': 'In so many frames somebody who counts must be',
    'tolerance_s': 'By how much stamps of a frame and its truth may differ, seconds',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument('target', metavar='OUT', type=Path, help='Bag with the output topics.')
    parser.add_argument(
        '--source',
        type=Path,
        metavar='IN',
        help='Bag with inputs and truth, where OUT lacks them.',
    )
    parser.add_argument(
        '--topics',
        nargs='+',
        default=(),
        metavar='OUTPUT[=TRUTH]',
        help='Output topics; default: all image topics with the prefix, truth below /truth.',
    )
    parser.add_argument('--prefix', default=Settings().output_prefix, help='Of output topics.')
    parser.add_argument(
        '--classes', nargs='+', default=(), help='Classes of a Detection2DArray that are people.'
    )
    for field in fields(Bounds):
        if field.name in BOUNDS:
            parser.add_argument(
                f'--{field.name.removesuffix("_s").replace("_", "-")}',
                dest=field.name,
                type=type(field.default),
                default=field.default,
                help=f'{BOUNDS[field.name]}; default {field.default}.',
            )
    parser.add_argument('--json', type=Path, metavar='FILE', help='Write everything to a file too.')


def main(args: argparse.Namespace) -> int:
    """Run it; 0 if nobody got through, 1 if somebody did or too little is there to say so."""
    check_writable(args.json, args.target, *([args.source] if args.source else []))
    bounds = Bounds(**{name: getattr(args, name) for name in BOUNDS})
    check = check_bag(
        args.target, args.source, args.topics, args.prefix.rstrip('/'), bounds, args.classes
    )
    summary = check.summary()
    console = Console()
    for leak in check.leaks:
        console.print(f'LEAK: {leak}', markup=False, soft_wrap=True)
    for topic, count in summary['topics'].items():
        console.print(
            f'{topic}: {count["frames"]} frames, {count["people"]} people looked for in '
            f'{count["judged"]} of them',
            markup=False,
            soft_wrap=True,
        )
    for reason in summary['reasons']:
        console.print(f'FAILED: {reason}.', markup=False, soft_wrap=True)
    if summary['passed']:
        console.print('Nobody got through.')
    if args.json is not None:
        write_json(args.json, summary)
    return 0 if summary['passed'] else 1
