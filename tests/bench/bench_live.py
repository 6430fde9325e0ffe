"""The node over real DDS: how old frames get, and what more cameras cost."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from bench_rows import LIMIT, Missing, Row
from bench_turns import Taken

HERE = Path(__file__).resolve().parent
FLOOR = 'detector and bare hop'
CAMERAS = (1, 2, 4, 8)
CAMERA_RATE_HZ = 10
MOST_S = 400.0


class Shape(NamedTuple):
    """Cameras that are alike."""

    cameras: int
    width: int
    height: int
    rate_hz: float
    seconds: float


SHAPES = (Shape(1, 640, 480, 30, 30), Shape(1, 1280, 720, 15, 30), Shape(4, 640, 480, 30, 30))
LONG = Shape(4, 640, 480, CAMERA_RATE_HZ, 90)
"""Long enough for the memory after a minute and that at the end to be told apart."""


def why_not() -> str:
    """Why the node can't be run here, or ''."""
    if importlib.util.find_spec('rclpy') is None:
        return 'no rclpy: "make setup" brings it on Linux x86_64, elsewhere source your ROS 2'
    return ''


def age(width: int, height: int, rounds: int) -> Iterator[Row | Missing]:
    """The age of a frame behind the node against that which it has at least."""
    if why := why_not():
        yield Missing(FLOOR, why)
        return
    size = ['--width', str(width), '--height', str(height)]
    told = _told('age.py', '--json', '--rounds', str(rounds), *size)
    times = {name: np.array(values) for name, values in told['rounds_ms'].items()}
    taken = {
        'age': Taken(times['node']),
        FLOOR: Taken(times['hop'] + times['detector']),
    }
    yield Row.of(LIMIT, f'raw frame {width}x{height} through the node', 'age', FLOOR, taken)


def live(shape: Shape) -> dict[str, Any]:
    """What comes out of the node, how old, and what its process takes."""
    size = ['--width', str(shape.width), '--height', str(shape.height)]
    rate = ['--rate', str(shape.rate_hz)]
    if shape.cameras == 1:
        told = _told('live.py', '--seconds', str(shape.seconds), *rate, *size)
        told['frames_per_second'] = told['received_per_second']
    else:
        told = _several(shape)
    kept = ('frames_per_second', 'age_ms_median', 'age_ms_p95', 'age_ms_most')
    more = ('rss_mb_first', 'rss_mb_end', 'rss_growth', 'own_mb_end', 'processor_cores')
    return {**shape._asdict(), **{name: told[name] for name in (*kept, *more) if name in told}}


def by_cameras(seconds: float) -> list[dict[str, Any]]:
    """More and more cameras of one rate; four of them for longer."""
    shapes = [Shape(count, 640, 480, CAMERA_RATE_HZ, seconds) for count in CAMERAS]
    found = []
    for shape in shapes:
        asked = LONG if shape.cameras == LONG.cameras else shape
        found.append({**asked._asdict(), **_several(asked)})
    return found


def _several(shape: Shape) -> dict[str, Any]:
    return _told(
        'cameras.py',
        '--json',
        *('--cameras', str(shape.cameras), '--rate', str(shape.rate_hz)),
        *('--width', str(shape.width), '--height', str(shape.height)),
        *('--minutes', str(shape.seconds / 60)),
    )


def _told(script: str, *flags: str) -> dict[str, Any]:
    """What a bench prints as JSON, which begins with the first brace of a line of its own."""
    words: Sequence[str] = [sys.executable, str(HERE / script), *flags]
    done = subprocess.run(words, capture_output=True, text=True, timeout=MOST_S, check=False)
    begin = done.stdout.find('{\n')
    if done.returncode or begin < 0:
        last = '\n'.join((done.stdout + done.stderr).splitlines()[-15:])
        raise SystemExit(f'{script} {" ".join(flags)} ended with {done.returncode}:\n{last}')
    return dict(json.JSONDecoder().raw_decode(done.stdout, begin)[0])  # Logs may follow.
