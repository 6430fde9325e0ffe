"""All comparisons in one run: against peers, against the limit, and how the cost grows.

    python tests/bench/report.py [--html bench.html] [--json bench.json]
    python tests/bench/report.py --short

Whatever is compared takes turns, and the ratio of a row is the median of the ratios round by
round: how many times as fast ours is. Where that is below 1 somebody is faster, and it says so.
Times are processor time of one thread, the bag's excepted, so that other programs don't count; a
quiet machine is better all the same. Peers that aren't installed are named and left out.

`--short` is for CI: few rounds, the small size, and a comparison with `reference.json`; it fails if
a ratio fell below half of that. `--write-reference` makes the file anew.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bench_page
import cv2
import numpy as np
import onnxruntime
from bench_rows import (
    Row,
    against_peers,
    against_the_limit,
    bag_against_inference,
    growth,
    obscuring,
    slower,
)

from anonymizer_node import __version__
from anonymizer_node.formats import jpeg

REFERENCE = Path(__file__).resolve().with_name('reference.json')
SIZES = ((640, 480), (1024, 768), (1920, 1080))
MOST_FALL = 0.5
"""Of a ratio, against the reference. Machines differ; what is broken differs by more."""


def measured(short: bool) -> Iterator[Row | str]:
    """Every row as soon as it is there, and what could not be measured, as a sentence."""
    rounds = 12 if short else 30
    for width, height in SIZES[:1] if short else SIZES:
        yield from against_peers(width, height, rounds)
        yield from obscuring(width, height, rounds)
    yield from against_the_limit(*SIZES[0 if short else 2], rounds)
    if not short:
        yield from bag_against_inference(5)


def fallen(rows: list[Row], reference: dict[str, float]) -> list[str]:
    """What became worse than the reference allows, as sentences."""
    found = {row.key: row.ratio for row in rows}
    return [
        f'{key}: {found[key]:.2f}, and {ratio:.2f} was expected'
        for key, ratio in reference.items()
        if key in found and found[key] < MOST_FALL * ratio
    ]


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    names = [
        line.split(':', 1)[1].strip()
        for line in Path('/proc/cpuinfo').read_text().splitlines()
        if line.startswith('model name')
    ]
    return {
        'processor': f'{len(names)} x {names[0] if names else platform.processor()}',
        'python': platform.python_version(),
        'anonymizer_node': __version__,
        'numpy': np.__version__,
        'opencv': cv2.__version__,
        'onnxruntime': onnxruntime.__version__,
        'libjpeg_turbo': jpeg.available(),
    }


def main() -> int:
    """Measure, print, write, and compare with the reference where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--html', type=Path)
    parser.add_argument('--json', type=Path)
    parser.add_argument('--short', action='store_true')
    parser.add_argument('--write-reference', action='store_true')
    args = parser.parse_args()
    short = args.short or args.write_reference
    rows, missing = [], []
    for item in measured(short):
        if isinstance(item, str):
            missing.append(item)
            print(f'left out: {item}')
            continue
        rows.append(item)
        print(
            f'{item.ratio:6.2f} ({item.spread[0]:.2f} to {item.spread[1]:.2f})  '
            f'{item.ours_ms:8.2f} ms / {item.other_ms:8.2f} ms  {item.key}',
            flush=True,
        )
    for row in slower(rows):
        print(f'slower than {row.other}: {row.what}, {row.ours}: {row.ratio:.2f}')
    result = {
        'machine': machine(),
        'rows': [{'key': row.key, **asdict(row)} for row in rows],
        'slower': [row.key for row in slower(rows)],
        'missing': sorted(set(missing)),
        'growth': {} if short else growth(20),
    }
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    if args.html:
        args.html.write_text(bench_page.page(result))
    if args.write_reference:
        reference = {row.key: round(row.ratio, 2) for row in rows}
        REFERENCE.write_text(json.dumps(reference, indent=2) + '\n')
        return 0
    worse = fallen(rows, json.loads(REFERENCE.read_text())) if args.short else []
    for sentence in worse:
        print(f'fell: {sentence}')
    return int(bool(worse))


if __name__ == '__main__':
    sys.exit(main())
