"""How the cost of a frame grows: with people, with pixels; and the memory with both."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pipeline_bench
from bench_recordings import peak_mib

from anonymizer_node.core.config import Settings

PEOPLE = (1, 2, 5, 10, 20, 50)
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
CROWDED = (1280, 720)

Point = tuple[int, int, int]
"""Width, height, people."""


def by_people(rounds: int) -> list[dict[str, Any]]:
    """Frames of one size with more and more people in them."""
    return _measured([(*CROWDED, people) for people in PEOPLE], rounds)


def by_pixels(rounds: int) -> list[dict[str, Any]]:
    """Frames with one person, larger and larger."""
    return _measured([(*size, 1) for size in SIZES], rounds)


def _measured(points: Sequence[Point], rounds: int) -> list[dict[str, Any]]:
    """All points, which take turns; as the node looks."""
    settings = Settings.of_node()
    cases = [
        pipeline_bench.Case(*point, settings.method, settings.thoroughness, settings.input_size)
        for point in points
    ]
    for _ in range(pipeline_bench.WARM_UP + rounds):
        for case in cases:
            case.round()
    return [
        {**case.result(), 'peak_mib': _peak_mib(point)}
        for point, case in zip(points, cases, strict=True)
    ]


def _peak_mib(point: Point) -> float:
    """Peak memory of a process that did nothing but anonymise frames of a kind, MiB."""
    words = [sys.executable, __file__, *map(str, point)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))


def main() -> None:
    """The process whose memory counts."""
    sys.path.insert(0, str(Path(__file__).parent))
    settings = Settings.of_node()
    width, height, people = map(int, sys.argv[1:])
    case = pipeline_bench.Case(
        width, height, people, settings.method, settings.thoroughness, settings.input_size
    )
    for _ in range(5):
        case.round()
    print(json.dumps(peak_mib()))


if __name__ == '__main__':
    main()
