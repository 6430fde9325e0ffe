"""Kills runs of `anonymize bag` at random moments and looks at what is left.

Whenever a run is killed there is either no OUT or a whole one, the source is as it was, and the
next run completes and takes away what the dead one left:

    python tests/bench/kills.py --kills 200
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections
from anonymizer_node.formats.bags import BagReader, BagWriter, Packing
from anonymizer_node.offline.bag import anonymize_bag

FORK = multiprocessing.get_context('fork')
IMAGE = 'sensor_msgs/msg/Image'
PACKINGS = {
    'mcap': Packing('mcap', 'zstd', split_bytes=1_500_000, numbered=True),
    'sqlite3': Packing('sqlite3', 'none', split_bytes=1_500_000, numbered=True),
    'compressed files': Packing('mcap', 'file', split_bytes=1_500_000, numbered=True),
}
RAW_MARK = b'\xf7\xf6\xf5\xf4' * 8
"""In every frame where the person is: nowhere in an output."""


class LightDetector:
    """Sees one person, always at the same place."""

    names = ('person',)
    input_size = 128

    def detect(self, frame: Any, score_threshold: float) -> Detections:
        """One box."""
        box = np.array([[0, 0, 64, 64]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int64))


def make_source(path: Path, packing: Packing, frames: int) -> Path:
    """A bag of noise with a mark in it."""
    noise = np.random.default_rng(0)
    with BagWriter(path, packing=packing) as writer:
        types = writer.types.types
        camera = writer.add_topic('/front', IMAGE)
        log = writer.add_topic('/log', 'std_msgs/msg/String')
        for index in range(frames):
            pixels = noise.integers(0, 200, (120, 160, 3), np.uint8)
            pixels[8, :16].reshape(-1)[: len(RAW_MARK)] = np.frombuffer(RAW_MARK, np.uint8)
            stamp = types['builtin_interfaces/msg/Time'](index, 0)
            header = types['std_msgs/msg/Header'](stamp, 'front')
            message = types[IMAGE](header, 120, 160, 'bgr8', 0, 480, pixels.reshape(-1))
            writer.write(camera, index * 1000, writer.encode(IMAGE, message))
            text = types['std_msgs/msg/String'](f'line {index}')
            writer.write(log, index * 1000, writer.encode('std_msgs/msg/String', text))
    return path


def run(source: Path, target: Path, begun: Any = None) -> None:
    """Anonymise a bag."""
    if begun is not None:
        begun.set()
    anonymize_bag(source, target, Settings(padding=0.0), [LightDetector()])


def listing(folder: Path) -> dict[str, Any]:
    """Names, times and contents of a folder."""
    told: dict[str, Any] = {}
    for path in sorted(folder.rglob('*')):
        about = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''
        told[str(path.relative_to(folder))] = about.st_mtime_ns, about.st_size, content
    return told


def contents(folder: Path) -> dict[str, str]:
    """Names and contents of a folder."""
    return {name: about[2] for name, about in listing(folder).items()}


def killed_once(source: Path, target: Path, after_s: float) -> bool:
    """Begin a run and kill it; whether it was still at work."""
    begun = FORK.Event()
    process = FORK.Process(target=run, args=(source, target, begun))
    process.start()
    assert begun.wait(60), 'the run did not begin'
    process.join(after_s)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def torture(place: Path, name: str, kills: int, frames: int, chance: random.Random) -> Counter[str]:
    """Kill runs on one source; what was found, or an AssertionError."""
    source = make_source(place / 'in' / 'run', PACKINGS[name], frames)
    reference = place / 'reference' / 'run'
    run(source, reference)
    started = time.monotonic()
    run(source, place / 'timed' / 'run')
    whole_s = time.monotonic() - started
    expected = contents(reference)
    with BagReader(reference) as reader:
        assert not any(RAW_MARK in message.data for message in reader.messages())
    before = listing(place / 'in')
    out = place / 'out'
    out.mkdir()
    target = out / 'run'
    seen: Counter[str] = Counter()
    for number in range(1, kills + 1):
        working = killed_once(source, target, chance.random() * whole_s * 1.2)
        assert listing(place / 'in') == before, 'the source has changed'
        left = [item for item in out.iterdir() if item != target]
        assert all(item.name.startswith('.run.part-') for item in left), left
        # One for the target, and one for each reader of compressed files.
        assert len(left) <= 3, f'what earlier runs left was not taken away: {left}'
        seen['killed at work' if working else 'done before the kill'] += 1
        seen['left something behind'] += bool(left)
        if target.exists():
            assert contents(target) == expected, 'OUT is there and not whole'
            seen['whole OUT'] += 1
            shutil.rmtree(target)
        if number % 10 == 0 or number == kills:
            run(source, target)
            assert [item.name for item in out.iterdir()] == ['run'], 'something is left behind'
            assert contents(target) == expected, 'the run after a kill made something else'
            seen['completed after a kill'] += 1
            shutil.rmtree(target)
    return seen


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--frames', type=int, default=150, help='In the bag, 57 kB each.')
    parser.add_argument('--seed', type=int, default=None, help='Default: another one each time.')
    parser.add_argument('--place', type=Path, default=None, help='Folder to work in.')
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(2**32)
    print(f'seed {seed}')
    chance = random.Random(seed)
    total: Counter[str] = Counter()
    for index, name in enumerate(PACKINGS):
        kills = args.kills // len(PACKINGS) + (index < args.kills % len(PACKINGS))
        with tempfile.TemporaryDirectory(dir=args.place) as place:
            seen = torture(Path(place), name, kills, args.frames, chance)
        print(f'{name}: ' + ', '.join(f'{count} {what}' for what, count in sorted(seen.items())))
        total += seen
    if total['killed at work'] < args.kills // 4 or not total['left something behind']:
        print('Too few runs were killed at work: this has shown nothing.')
        return 1
    print(f'{args.kills} kills: never half an OUT, the source untouched, every next run completed.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
