"""What the JPEG path costs, as a share of bare decoding and encoding with OpenCV.

    python tests/bench/jpeg_bench.py [--width 1920] [--height 1080] [--quality 90] [--json FILE]

One thread and its processor time, pictures with one person, everything in turns. `bare` is
`cv2.imdecode` at full size and `cv2.imencode` at the picture's quality, which is what any pipeline
does that decodes, obscures and encodes; obscuring itself is not in it. `empty` is all that is done
to the bytes of a frame in which nobody is found, the rest is that and the redaction of the person.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_pictures import street
from bench_turns import in_turns

from anonymizer_node.core.config import Settings
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats import jpeg

BOUNDS: Mapping[str, float] = {'empty': 0.6, 'blackout': 1.1, 'pixelate': 1.1}
"""Of bare."""


def cases(width: int, height: int, quality: int) -> tuple[dict[str, Callable[[], Any]], int]:
    """What is measured by name, `bare` first, and the bytes of the picture."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    files = []
    for seed in range(2):  # No file comes twice in a row: what is known of the last is no use.
        pixels, person = street(width, height, seed=seed)
        files.append(cv2.imencode('.jpg', pixels, parameters)[1].tobytes())
    least_size = Settings().input_size

    def bare(data: bytes) -> None:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        cv2.imencode('.jpg', decoded, parameters)

    def empty(data: bytes) -> None:
        jpeg.decode(data, least_size)

    def anonymised(data: bytes, method: str) -> None:
        jpeg.decode(data, least_size)
        jpeg.redact(data, [person], method, 0.5)

    found: dict[str, Callable[[bytes], None]] = {'bare': bare, 'empty': empty}
    for method in REDACTORS:
        found[method] = functools.partial(anonymised, method=method)
    return {name: _over(files, work) for name, work in found.items()}, len(files[0])


def _over(files: list[bytes], work: Callable[[bytes], None]) -> Callable[[], None]:
    turns = itertools.cycle(files)
    return lambda: work(next(turns))


def measure(width: int, height: int, quality: int, rounds: int) -> dict[str, Any]:
    """Ratios to `bare`, with what they were made of."""
    cv2.setNumThreads(1)
    work, size = cases(width, height, quality)
    taken = in_turns(work, rounds, time.thread_time)
    return {
        'width': width,
        'height': height,
        'quality': quality,
        'bytes': size,
        'without_loss': jpeg.available(),
        'taken': {name: item.as_dict() for name, item in taken.items()},
        'ratios': {name: item.ratio_to(taken['bare']) for name, item in taken.items()},
    }


def main() -> int:
    """Measure, print, and fail where a bound isn't kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--width', type=int, default=1920)
    parser.add_argument('--height', type=int, default=1080)
    parser.add_argument('--quality', type=int, default=90)
    parser.add_argument('--rounds', type=int, default=60)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    result = measure(args.width, args.height, args.quality, args.rounds)
    print(f'{args.width}x{args.height}, quality {args.quality}, {result["bytes"]} bytes')
    for name, taken in result['taken'].items():
        bound = f'  at most {BOUNDS[name]}' if name in BOUNDS else ''
        print(
            f'{name:10} {taken["median_ms"]:7.2f} ms ({taken["low_ms"]:.2f} to '
            f'{taken["high_ms"]:.2f})  {result["ratios"][name]:5.2f}{bound}'
        )
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    return int(any(result['ratios'][name] > bound for name, bound in BOUNDS.items()))


if __name__ == '__main__':
    sys.exit(main())
