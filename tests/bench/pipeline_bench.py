"""Where the time of a frame goes: inference, and everything else.

    python tests/bench/pipeline_bench.py [--width 640] [--height 480] [--people 1]
        [--thoroughness fast] [--json FILE]

The whole way of a raw bgr8 frame through the pipeline, with the embedded detector on one thread and
in the processor time of that thread: other programs don't count, and neither do ROS and DDS. Each
step is clocked where it begins and ends, so the steps add up to the whole but for the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from bench_pictures import street

from anonymizer_node.core import pipeline as steps
from anonymizer_node.core.config import THOROUGHNESS, Settings
from anonymizer_node.core.tracking import Tracker
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.formats.image_codecs import ImageCodec

WARM_UP = 10
MOST_BESIDES_MS = 1.5
"""Median of all that is not inference, 640x480 with one person."""

PARTS: Mapping[str, tuple[Any, str]] = {
    'codec: look at the message': (ImageCodec, 'decode'),
    'letterbox': (OnnxDetector, 'prepare'),
    'inference': (OnnxDetector, 'infer'),
    'boxes from the answer': (OnnxDetector, 'decode'),
    'NMS': (OnnxDetector, 'chosen'),
    'tracking': (Tracker, 'update'),
    'redaction': (ImageCodec, 'redact'),
}
"""What is clocked: class and method."""


class Clocked:
    """The methods of `PARTS`, clocked while this is in force."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self._genuine: list[tuple[Any, str, Callable[..., Any]]] = []

    def __enter__(self) -> Clocked:
        for name, (owner, method) in PARTS.items():
            genuine = getattr(owner, method)
            self._genuine.append((owner, method, genuine))
            setattr(owner, method, self._clocked(name, genuine))
        return self

    def __exit__(self, *error: object) -> None:
        for owner, method, genuine in self._genuine:
            setattr(owner, method, genuine)

    def _clocked(self, name: str, genuine: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **more: Any) -> Any:
            begin = time.thread_time()
            try:
                return genuine(*args, **more)
            finally:
                self.taken[name] += time.thread_time() - begin

        return run


def message_of(pixels: Any, index: int) -> Any:
    """A sensor_msgs/msg/Image without ROS, at 30 Hz."""
    stamp_ns = index * 33_333_333
    stamp = SimpleNamespace(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    height, width = pixels.shape[:2]
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id='camera'),
        height=height,
        width=width,
        encoding='bgr8',
        is_bigendian=0,
        step=3 * width,
        data=pixels.reshape(-1).copy(),
    )


class Case:
    """One kind of frame, and what each step took in every round so far.

    Attributes:
        rows: Milliseconds by step, of the rounds that count.
    """

    def __init__(
        self,
        width: int,
        height: int,
        people: int,
        method: str,
        thoroughness: str = '',
        input_size: int = 0,
    ) -> None:
        cv2.setNumThreads(1)
        settings = Settings(threads=1, providers=('cpu',), method=method)
        self._settings = settings.changed(
            thoroughness=thoroughness or settings.thoroughness,
            input_size=input_size or settings.input_size,
        )
        detectors = load_detectors(self._settings)
        self._pipeline = steps.Pipeline(self._settings, detectors, live=True)
        self._pixels, _ = street(width, height, people)
        self._codec = ImageCodec()
        self._about = {'width': width, 'height': height, 'people': people, 'method': method}
        self._rounds = self._regions = 0
        self.rows: list[dict[str, float]] = []

    def round(self) -> None:
        """Take the frame through the pipeline once more; the first times don't count."""
        message = message_of(self._pixels, self._rounds)
        self._rounds += 1
        with Clocked() as clocked:
            begin = time.thread_time()
            outcome = self._pipeline.process(message, self._codec, '/camera')
            whole = time.thread_time() - begin
        if outcome.status != 'anonymized':
            raise SystemExit(f'nobody was obscured: {outcome}')
        self._regions = len(outcome.regions)
        row = {name: 1000 * taken for name, taken in clocked.taken.items()}
        row['the rest'] = 1000 * whole - sum(row.values())
        row['all but inference'] = 1000 * whole - row['inference']
        row['whole'] = 1000 * whole
        if self._rounds > WARM_UP:
            self.rows.append(row)

    def result(self) -> dict[str, Any]:
        """Of each step the median and the middle half."""
        return {
            **self._about,
            'regions': self._regions,
            'thoroughness': self._settings.thoroughness,
            'input_size': self._settings.input_size,
            'ms': {
                name: [
                    float(value)
                    for value in np.percentile([row[name] for row in self.rows], (50, 25, 75))
                ]
                for name in self.rows[0]
            },
        }


def measure(
    width: int, height: int, people: int, rounds: int, method: str, thoroughness: str = ''
) -> dict[str, Any]:
    """Milliseconds of each step, median and middle half."""
    case = Case(width, height, people, method, thoroughness)
    for _ in range(WARM_UP + rounds):
        case.round()
    return case.result()


def main() -> int:
    """Measure, print, and fail where the bound isn't kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--people', type=int, default=1)
    parser.add_argument('--method', default=Settings().method)
    parser.add_argument('--thoroughness', default='', choices=THOROUGHNESS)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    result = measure(
        args.width, args.height, args.people, args.rounds, args.method, args.thoroughness
    )
    print(
        f'{args.width}x{args.height} bgr8, {result["regions"]} regions, {args.method}, '
        f'{result["thoroughness"]}'
    )
    for name, (median, low, high) in result['ms'].items():
        print(f'{name:28} {median:7.3f} ms ({low:.3f} to {high:.3f})')
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    most = MOST_BESIDES_MS * (args.width * args.height) / (640 * 480)
    return int(result['ms']['all but inference'][0] > most)


if __name__ == '__main__':
    sys.exit(main())
