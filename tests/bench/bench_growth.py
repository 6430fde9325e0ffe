"""How cost and memory of a frame grow: with people, with pixels, with how hard is looked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import pipeline_bench
from bench_recordings import peak_mib

from anonymizer_node.core.config import THOROUGHNESS, Settings

PEOPLE = (1, 2, 5, 10, 20, 50)
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
CROWDED = (1280, 720)

LOOKS = tuple((name, size) for name in THOROUGHNESS for size in (416, 512))


class Point(NamedTuple):
    """One kind of frame, and how it is looked at: by default as the node does."""

    width: int
    height: int
    people: int = 1
    thoroughness: str = Settings.of_node().thoroughness
    input_size: int = Settings.of_node().input_size

    def case(self) -> pipeline_bench.Case:
        """The same, ready to be measured."""
        method = Settings.of_node().method
        size = (self.width, self.height, self.people)
        return pipeline_bench.Case(*size, method, self.thoroughness, self.input_size)


def by_people(rounds: int) -> list[dict[str, Any]]:
    """Frames of one size with more and more people in them."""
    return _measured([Point(*CROWDED, people) for people in PEOPLE], rounds)


def by_pixels(rounds: int) -> list[dict[str, Any]]:
    """Frames with one person, larger and larger."""
    return _measured([Point(*size) for size in SIZES], rounds)


def by_looks(rounds: int) -> list[dict[str, Any]]:
    """One frame, looked at harder and harder."""
    return _measured([Point(*SIZES[0], 1, *look) for look in LOOKS], rounds)


def _measured(points: Sequence[Point], rounds: int) -> list[dict[str, Any]]:
    """All points, which take turns."""
    cases = [point.case() for point in points]
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
    width, height, people, thoroughness, input_size = sys.argv[1:]
    case = Point(int(width), int(height), int(people), thoroughness, int(input_size)).case()
    for _ in range(5):
        case.round()
    print(json.dumps(peak_mib()))


if __name__ == '__main__':
    main()
