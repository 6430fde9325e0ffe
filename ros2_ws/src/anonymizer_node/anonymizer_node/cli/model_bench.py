"""Measures how long models take for a frame: per provider, threads and input size, in one run."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from anonymizer_node.cli.common import check_writable, counted, positive, write_json
from anonymizer_node.core.config import PROVIDERS, THOROUGHNESS, Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.bench import Timing, as_dict, load_cases, measure, noise
from anonymizer_node.modelling.pictures import read

MOST_SIDE = 8192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    defaults = Settings()
    parser.add_argument(
        'models',
        metavar='MODEL',
        nargs='*',
        default=list(defaults.model),
        help='Names from models.yaml or ONNX files; the first is what the others are compared '
        f'with. Default: {defaults.model[0]}.',
    )
    parser.add_argument(
        '--providers',
        nargs='+',
        choices=PROVIDERS,
        default=list(PROVIDERS),
        help='What is to run them, each by itself; one that is absent is said and skipped. '
        'Default: all.',
    )
    parser.add_argument(
        '--threads',
        metavar='N',
        nargs='+',
        type=int,
        default=[defaults.threads],
        help=f'On the CPU. Default: {defaults.threads}.',
    )
    parser.add_argument(
        '--input-size',
        metavar='PX',
        nargs='+',
        type=int,
        default=[defaults.input_size],
        help=f'Longer side of the input. Default: {defaults.input_size} px.',
    )
    parser.add_argument(
        '--thoroughness',
        nargs='+',
        choices=THOROUGHNESS,
        default=['fast'],
        help='How hard to look. Default: fast.',
    )
    parser.add_argument(
        '--frame',
        metavar='WxH|PICTURE',
        default='640x480',
        help='Size of a frame of noise, in pixels, or a picture: who is in it costs time to '
        'decode. Default: %(default)s.',
    )
    parser.add_argument(
        '--rounds',
        metavar='N',
        type=positive,
        default=200,
        help='Frames for each combination. Default: %(default)s.',
    )
    parser.add_argument(
        '--score-threshold',
        metavar='SCORE',
        type=float,
        default=defaults.score_threshold,
        help='Of the detections to decode. Default: %(default)s.',
    )
    parser.add_argument('--family', default='', help='See "anonymize params"; of all models given.')
    parser.add_argument('--engine-cache', default='', metavar='FOLDER', help="TensorRT's engines.")
    parser.add_argument('--json', metavar='FILE', type=Path, help='Write all figures there.')


def main(args: argparse.Namespace) -> int:
    """Run it."""
    settings = Settings(
        score_threshold=args.score_threshold, family=args.family, engine_cache=args.engine_cache
    )
    check_writable(args.json)
    frame = frame_of(args.frame)
    console = Console(highlight=False)
    loaded = load_cases(
        settings,
        list(dict.fromkeys(args.models)),
        list(dict.fromkeys(args.providers)),
        args.threads,
        args.input_size,
        list(dict.fromkeys(args.thoroughness)),
        lambda text: console.print(text, markup=False),
    )
    with counted(console, 'rounds') as progress:
        timings = measure(
            loaded.detectors,
            frame,
            args.rounds,
            settings.score_threshold,
            progress,
        )
    for line in model_lines(timings):
        console.print(line, markup=False, soft_wrap=True)
    console.print()
    console.print(timing_table(timings))
    console.print(
        f'\nMilliseconds a {frame.width}x{frame.height} frame, {args.rounds} rounds in turns: '
        'median, and what 95 % stay below.',
        soft_wrap=True,
    )
    for line in loaded.skipped:
        console.print(line, markup=False, soft_wrap=True)
    if args.json:
        figures = as_dict(timings, frame, args.rounds, loaded.skipped)
        write_json(args.json, figures)
        console.print(f'All figures are in {args.json}', markup=False, soft_wrap=True)
    return 0


def model_lines(timings: Sequence[Timing]) -> list[str]:
    """The models measured, numbered."""
    models = list(dict.fromkeys(timing.case.model for timing in timings))
    return [f'{number}  {model}' for number, model in enumerate(models, 1)]


def timing_table(timings: Sequence[Timing]) -> Table:
    """A row for each combination; models by their number, since their names may be long."""
    models = list(dict.fromkeys(timing.case.model for timing in timings))
    headings = ['px', 'ms', '95 %', 'letterbox', 'inference', 'decode', 'to #1']
    table = Table(box=None, pad_edge=False)
    table.add_column('#', no_wrap=True)
    table.add_column('on', no_wrap=True)
    table.add_column('thr.', justify='right', no_wrap=True)
    table.add_column('looks', no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify='right', no_wrap=True)
    for timing in timings:
        case, figures = timing.case, timing.as_dict()
        stages = ('total', 'letterbox', 'inference', 'decode')
        medians = [f'{figures[f"{stage}_ms"]["median"]:.2f}' for stage in stages]
        medians.insert(1, f'{figures["total_ms"]["p95"]:.2f}')
        ratio = '-' if timing.ratio is None else f'{timing.ratio:.2f}'
        named = [str(models.index(case.model) + 1), case.provider, str(case.threads or '-')]
        table.add_row(*named, case.thoroughness, str(case.input_size), *medians, ratio)
    return table


def frame_of(text: str) -> Frame:
    """A frame of noise of a size, or a picture.

    Raises:
        InputError: If the text is neither.
    """
    size = re.fullmatch(r'([0-9]{1,5})x([0-9]{1,5})', text)
    if size is None:
        path = Path(text)
        if not path.is_file():
            raise InputError(
                f'The frame {text!r} is neither a size such as 640x480 nor a picture that is there.'
            )
        pixels = read(path)
        return Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0])
    width, height = int(size[1]), int(size[2])
    if not (1 <= width <= MOST_SIDE and 1 <= height <= MOST_SIDE):
        raise InputError(f'The frame {text!r} is too small or large; sides go up to {MOST_SIDE}.')
    return noise(width, height)
