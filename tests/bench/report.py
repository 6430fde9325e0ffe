"""All comparisons in one run: against peers, against the limit, and how the cost grows.

    python tests/bench/report.py [--html build/bench.html] [--json build/bench.json]
    python tests/bench/report.py --short
    python tests/bench/report.py --from build/bench.json [--html FILE] [--markdown] [--write-docs]

Whatever is compared takes turns, and the ratio of a row is the median of the ratios round by
round: how many times as fast ours is. Where that is below 1 somebody is faster, and it says so.
Frames are measured in processor time of one thread, so that other programs don't count; recordings
and the node by the clock, which wants a quiet machine. What isn't there is named and left out.

`--short` is for CI: few rounds, the small size, and a comparison with `reference.json`; it fails if
a ratio fell below half of that. `--write-reference` makes the file anew. `--from` measures nothing:
it makes page, tables and documents of what was measured before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench_frames
import bench_growth
import bench_live
import bench_markdown
import bench_page
import bench_recordings
import cv2
import numpy as np
import onnxruntime
from bench_rows import Missing, Row, above_the_limit, better, bounds, fallen, reference_text, slower
from stage import own_domain

from anonymizer_node import __version__
from anonymizer_node.formats import jpeg

REFERENCE = Path(__file__).resolve().with_name('reference.json')
SIZES = ((640, 480), (1024, 768), (1920, 1080))


def measured(short: bool) -> Iterator[Row | Missing]:
    """Every row as soon as it is there, and what could not be measured."""
    rounds = 12 if short else 30
    for width, height in SIZES[:1] if short else SIZES:
        yield from bench_frames.against_peers(width, height, rounds)
        yield from bench_frames.obscuring(width, height, rounds)
    for width, height in (SIZES[0],) if short else (SIZES[0], SIZES[2]):
        yield from bench_frames.against_the_limit(width, height, rounds)
    for kind in ('raw',) if short else ('raw', 'jpeg'):
        yield from bench_recordings.against_others(kind, 20 if short else 60, 3 if short else 5)
    yield from bench_live.age(*SIZES[0], 60 if short else 200)
    if not short:
        yield from bench_live.age(1280, 720, 100)


def grown(told: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """What more people, pixels, looks, frames and cameras cost, with the memory."""
    steps: dict[str, Callable[[], list[dict[str, Any]]]] = {
        'people': lambda: bench_growth.by_people(20),
        'pixels': lambda: bench_growth.by_pixels(20),
        'looks': lambda: bench_growth.by_looks(20),
        'frames': lambda: bench_recordings.by_length(3),
        'cameras': lambda: bench_live.by_cameras(12),
    }
    if bench_live.why_not():
        del steps['cameras']
    found = {}
    for name, step in steps.items():
        told(f'how the cost grows with {name}')
        found[name] = step()
    return found


def on_air(told: Callable[[str], None]) -> list[dict[str, Any]]:
    """The node at camera rate; nothing where it can't run."""
    found = []
    for shape in () if bench_live.why_not() else bench_live.SHAPES:
        told(f'the node, {shape.cameras} x {shape.width}x{shape.height} at {shape.rate_hz:g} Hz')
        found.append(bench_live.live(shape))
    return found


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    names = [
        line.split(':', 1)[1].strip()
        for line in Path('/proc/cpuinfo').read_text().splitlines()
        if line.startswith('model name')
    ]
    return {
        'processor': f'{os.cpu_count()} x {names[0] if names else platform.machine()}',
        'python': platform.python_version(),
        'anonymizer_node': __version__,
        'numpy': np.__version__,
        'opencv': cv2.__version__,
        'onnxruntime': onnxruntime.__version__,
        'libjpeg_turbo': jpeg.available(),
    }


def whole(short: bool) -> dict[str, Any]:
    """Measure all, print it on the way, and give it as one result."""
    begin = time.monotonic()

    def told(text: str) -> None:
        print(f'[{time.monotonic() - begin:4.0f} s] {text}', flush=True)

    rows: list[Row] = []
    missing: list[Missing] = []
    for item in measured(short):
        if isinstance(item, Missing):
            if item not in missing:
                missing.append(item)
                told(f'left out: {item.other}: {item.why}')
            continue
        rows.append(item)
        told(
            f'{item.ratio:6.2f} ({item.spread[0]:.2f} to {item.spread[1]:.2f})  '
            f'{item.ours_ms:8.2f} ms / {item.other_ms:8.2f} ms  {item.key}'
        )
    result: dict[str, Any] = {
        'machine': machine(),
        'day': time.strftime('%Y-%m-%d'),
        'load_at_begin': os.getloadavg()[0],
        'rows': [row.as_dict() for row in rows],
        'missing': [item._asdict() for item in missing],
        'growth': {} if short else grown(told),
        'node': [] if short else on_air(told),
    }
    result['seconds'] = round(time.monotonic() - begin)
    return {**result, **concluded(rows)}


def concluded(rows: list[Row]) -> dict[str, Any]:
    """What follows from the rows: for those who read the JSON."""
    return {
        'slower': [row.key for row in slower(rows)],
        'above_the_limit': [row.key for row in above_the_limit(rows)],
        'bounds': [{**item._asdict(), 'kept': item.kept} for item in bounds(rows)],
    }


def verdict(rows: list[Row]) -> Iterator[str]:
    """Who is faster than we, what the limits are missed by, and what was promised, as lines."""
    for row in slower(rows):
        yield f'slower than {row.other}: {row.what}, {row.ours}: {row.ratio:.2f}'
    for row in above_the_limit(rows):
        yield f'above the limit ({row.other}): {row.what}, {row.ours}: {1 / row.ratio:.2f} times'
    for item in bounds(rows):
        kept = 'kept' if item.kept else 'NOT KEPT'
        yield f'bound {kept}: {item.key}: {item.share:.2f}, at most {item.most}'


def written(path: Path | None, text: str) -> None:
    """Write a file where one is asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        print(path)


def main(words: list[str] | None = None) -> int:
    """Measure, print, write, and compare with the reference where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--html', type=Path)
    parser.add_argument('--json', type=Path)
    parser.add_argument('--short', action='store_true')
    parser.add_argument('--write-reference', action='store_true')
    parser.add_argument('--from', type=Path, dest='source', metavar='JSON')
    parser.add_argument('--markdown', action='store_true', help='Print all tables.')
    parser.add_argument('--write-docs', action='store_true', help='Put them into the documents.')
    args = parser.parse_args(words)
    short = args.short or args.write_reference
    if short and args.source:
        parser.error('--short and --write-reference measure the short form: leave out --from.')
    if args.source:
        result = json.loads(args.source.read_text(encoding='utf-8'))
    else:
        own_domain()
        result = whole(short)
    rows = [Row.from_dict(item) for item in result['rows']]
    for line in verdict(rows):
        print(line)
    written(args.json, json.dumps(result, indent=2) + '\n')
    if args.html:
        written(args.html, bench_page.page(result))
    if args.markdown:
        print(bench_markdown.everything(result))
    if args.write_docs:
        for path in bench_markdown.write(result):
            print(path)
    if args.write_reference:
        REFERENCE.write_text(reference_text(rows), encoding='utf-8')
        return 0
    return compared(rows, result['missing']) if args.short else 0


def compared(rows: list[Row], missing: list[dict[str, str]]) -> int:
    """0, or 1 if something fell in two runs: in one it may have been another program's turn."""
    reference = json.loads(REFERENCE.read_text(encoding='utf-8'))
    left_out = [Missing(**item) for item in missing]
    if fallen(rows, reference, left_out):
        print('something fell; once more, to be sure')
        rows = better(rows, [Row.from_dict(item) for item in whole(short=True)['rows']])
    worse = fallen(rows, reference, left_out)
    for sentence in worse:
        print(f'fell: {sentence}')
    return int(bool(worse))


if __name__ == '__main__':
    sys.exit(main())
