"""Whole recordings: `anonymize bag` against a plain loop and the bare inference, and by length."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bag_bench
from bench_pictures import street
from bench_rows import LIMIT, Row
from bench_turns import in_turns

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.offline.teams import Team, load_teams

HERE = Path(__file__).resolve().parent
PICTURES = 8
"""Which follow each other: no message is the one before it."""

LENGTHS = (100, 400, 1600)
"""Frames."""

LOOP, INFERENCE = 'a plain loop', 'bare inference'


def against_others(kind: str, frames: int, rounds: int) -> Iterator[Row]:
    """A whole run by the clock and on all cores, from nothing to a bag that is on the disk.

    Beside it a loop with the same detector, and the inference alone that is in it: as many frames
    at a time as there are cores, none of which waits for anything.
    """
    cores = os.cpu_count() or 1
    settings = Settings(threads=cores, providers=('cpu',))
    teams = load_teams(settings)
    pictures = [street(bag_bench.WIDTH, bag_bench.HEIGHT, seed=seed)[0] for seed in range(PICTURES)]
    prepared = [_prepared(team, pictures[0]) for team in teams]
    number = itertools.count()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(teams)) as pool:
        source, outputs = Path(folder, 'in'), Path(folder, 'out')
        bag_bench.write_bag(source, bag_bench.there_and_back(pictures, frames), kind)
        outputs.mkdir()

        def bag() -> None:
            # What one run has judged is kept for the next one, and would be taken here.
            target = outputs / str(next(number))
            fresh = settings.changed(detection_cache=f'{target}-judged')
            anonymize_bag(source, target, fresh, teams=teams)

        def loop() -> None:
            bag_bench.loop(source, outputs / str(next(number)), settings)

        def infer(team: list[Any]) -> None:
            while next(left) < frames:
                for one, ready in team:
                    one.infer(ready)

        def inference() -> None:
            nonlocal left
            left = itertools.count()
            list(pool.map(infer, prepared))

        def emptied() -> None:
            shutil.rmtree(outputs)
            outputs.mkdir()

        left = itertools.count()
        cases = {'bag': bag, LOOP: loop, INFERENCE: inference}
        taken = in_turns(cases, rounds, warm_up=1, between=emptied)
    what = f'bag of {frames} {kind} frames {bag_bench.WIDTH}x{bag_bench.HEIGHT}'
    yield Row.of('recordings', what, 'bag', LOOP, taken)
    yield Row.of(LIMIT, what, 'bag', INFERENCE, taken)


def _prepared(team: Team, pixels: Any) -> list[tuple[OnnxDetector, Any]]:
    """Every look at a frame of one set of detectors: who looks, and at what."""
    found = []
    height, width = pixels.shape[:2]
    frame = Frame(pixels, 'bgr8', width, height)
    for detector in team:
        one: Any = detector if isinstance(detector, OnnxDetector) else detector.detector  # type: ignore[attr-defined]
        sizes = [0] if one is detector else [view.size for view in detector.views]  # type: ignore[attr-defined]
        for size in sizes:
            ready = one.prepare(frame, size)
            feeds = {name: array.copy() for name, array in ready.feeds.items()}
            found.append((one, ready._replace(feeds=feeds)))
    return found


def by_length(rounds: int) -> list[dict[str, Any]]:
    """What a frame costs and what memory is taken, by the length of the bag.

    JPEGs, `fast`; every run is a process of its own, and the lengths take turns.
    """
    pictures = [street(bag_bench.WIDTH, bag_bench.HEIGHT, seed=seed)[0] for seed in range(PICTURES)]
    runs: dict[int, list[dict[str, float]]] = {length: [] for length in LENGTHS}
    with tempfile.TemporaryDirectory() as folder:
        for length in LENGTHS:
            source = Path(folder, str(length))
            bag_bench.write_bag(source, bag_bench.there_and_back(pictures, length), 'jpeg')
        for _ in range(rounds):
            for length in LENGTHS:
                target = Path(folder, 'out')
                words = [sys.executable, __file__, str(Path(folder, str(length))), str(target)]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                runs[length].append(json.loads(done.stdout))
                shutil.rmtree(target)
                shutil.rmtree(f'{target}-judged')
    return [
        {
            'frames': length,
            'ms_a_frame': _spread([item['seconds'] / length * 1e3 for item in found]),
            'peak_mib': statistics.median(item['peak_mib'] for item in found),
        }
        for length, found in runs.items()
    ]


def _spread(values: list[float]) -> tuple[float, float, float]:
    """Median, least and most: there are too few for quarters."""
    return statistics.median(values), min(values), max(values)


def peak_mib() -> float:
    """The most memory that this process ever had, MiB."""
    # Not from getrusage, in which a child begins with what its parent had.
    lines = Path('/proc/self/status').read_text().splitlines()
    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1]) / 1024


def main() -> None:
    """The process of one run: from a bag to another."""
    source, target = map(Path, sys.argv[1:])
    settings = Settings(providers=('cpu',), thoroughness='fast')
    kept = settings.changed(threads=os.cpu_count() or 1, detection_cache=f'{target}-judged')
    seconds, _ = bag_bench.timed(lambda: anonymize_bag(source, target, kept))
    print(json.dumps({'seconds': seconds, 'peak_mib': peak_mib()}))


if __name__ == '__main__':
    main()
