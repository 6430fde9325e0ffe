"""The measurements behind `report.py`, as rows that all have one form."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import jpeg_bench
import numpy as np
import pipeline_bench
from bench_bags import write_bag
from bench_peers import Plain, cut_and_pasted, deface
from bench_pictures import street
from bench_turns import Taken, in_turns

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.encodings import encoding_named
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.redaction import REDACTORS, redact
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.formats.image_codecs import CompressedImageCodec, ImageCodec
from anonymizer_node.offline.bag import anonymize_bag

OURS = ('one look', 'the default')
QUALITY = 90
PEOPLE = (1, 2, 5, 10, 20, 50)
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """Two ways to do the same.

    Attributes:
        group: Which comparison it belongs to.
        what: Is done, to what.
        ours: Which of our ways.
        other: Whose.
        ours_ms: Median.
        other_ms: Median.
        ratio: How many times as fast ours is, the median of the rounds; below 1 it is slower.
        spread: Of the ratio, the middle half of the rounds.
    """

    group: str
    what: str
    ours: str
    other: str
    ours_ms: float
    other_ms: float
    ratio: float
    spread: tuple[float, float]

    @property
    def key(self) -> str:
        """What names the row in a reference."""
        return f'{self.group}: {self.what}: {self.ours} / {self.other}'

    @classmethod
    def of(cls, group: str, what: str, ours: str, other: str, taken: dict[str, Taken]) -> Row:
        """Two cases of one run."""
        mine, theirs = taken[ours], taken[other]
        ratios = theirs.rounds_ms / mine.rounds_ms
        low, middle, high = (float(value) for value in np.percentile(ratios, (25, 50, 75)))
        return cls(group, what, ours, other, mine.median_ms, theirs.median_ms, middle, (low, high))


def against_peers(width: int, height: int, rounds: int) -> Iterator[Row | str]:
    """Whole frames, one thread, processor time; or why a peer is missing."""
    cv2.setNumThreads(1)
    pixels, _ = street(width, height)
    data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    size = f'{width}x{height}'
    settings = Settings(threads=1, providers=('cpu',))
    plain = Plain(settings.model[0], 1, settings.input_size, settings.score_threshold)
    raw: dict[str, Callable[[], Any]] = {'plain OpenCV': lambda: plain.frame(pixels)}
    packed: dict[str, Callable[[], Any]] = {'plain OpenCV': lambda: plain.jpeg(data, QUALITY)}
    for name, thoroughness in zip(OURS, ('fast', settings.thoroughness), strict=True):
        asked = settings.changed(thoroughness=thoroughness)
        raw[name] = _processed(asked, ImageCodec(), lambda index: _raw(pixels, index))
        packed[name] = _processed(asked, CompressedImageCodec(), lambda index: _packed(data, index))
    other = deface(1)
    if isinstance(other, str):
        yield other
    else:
        raw['deface'] = lambda: other(pixels)
    taken = in_turns(raw, rounds, time.process_time)
    for peer in [name for name in ('plain OpenCV', 'deface') if name in raw]:
        for ours in OURS:
            yield Row.of('peers', f'raw frame {size}', ours, peer, taken)
    taken = in_turns(packed, rounds, time.process_time)
    for ours in OURS:
        yield Row.of('peers', f'JPEG frame {size}', ours, 'plain OpenCV', taken)


def obscuring(width: int, height: int, rounds: int) -> Iterator[Row | str]:
    """Obscuring alone, three people, the boxes given."""
    from PIL import Image

    pixels, person = street(width, height, 3)
    shift = width // 3
    regions = [person._replace(x0=person.x0 + by, x1=person.x1 + by) for by in (0, shift)]
    black = encoding_named('bgr8').black
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    work: dict[str, Callable[[], Any]] = {}
    for method in REDACTORS:
        other = cut_and_pasted(method)
        if isinstance(other, str):
            yield other
            return
        work[method] = lambda method=method: redact(pixels, regions, black, method, 0.5)
        work[f'{method} with PIL'] = lambda other=other: other(image, regions)
    taken = in_turns(work, rounds, time.thread_time)
    for method in REDACTORS:
        yield Row.of(
            'obscuring alone', f'{width}x{height}, 2 people', method, f'{method} with PIL', taken
        )


def against_the_limit(width: int, height: int, rounds: int) -> Iterator[Row]:
    """The JPEG path against bare decoding and encoding."""
    cv2.setNumThreads(1)
    work, _ = jpeg_bench.cases(width, height, QUALITY)
    taken = in_turns(work, rounds, time.thread_time)
    for name in [name for name in work if name != 'bare']:
        yield Row.of('limit', f'JPEG {width}x{height}', name, 'bare', taken)


def bag_against_inference(rounds: int, frames: int = 45) -> Iterator[Row]:
    """A bag's whole run against the inference alone that is in it, all cores, wall time."""
    cores = os.cpu_count() or 1
    settings = Settings(threads=cores, providers=('cpu',))
    pixels, _ = street(640, 480)
    detectors = load_detectors(settings)
    prepared = []
    for detector in detectors:
        one = detector if isinstance(detector, OnnxDetector) else detector.detector
        sizes = [0] if one is detector else [view.size for view in detector.views]
        frame = Frame(pixels, 'bgr8', 640, 480)
        for size in sizes:
            ready = one.prepare(frame, size)
            feeds = {name: array.copy() for name, array in ready.feeds.items()}
            prepared.append((one, ready._replace(feeds=feeds)))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, 'in')
        write_bag(source, ((index / 30, pixels) for index in range(frames)))
        number = itertools.count()

        def bag() -> None:
            # What one run has judged is kept for the next one, and would be taken here.
            target = Path(folder, f'out{next(number)}')
            fresh = settings.changed(detection_cache=f'{target}-judged')
            anonymize_bag(source, target, fresh, detectors)

        def inference() -> None:
            for _ in range(frames):
                for one, ready in prepared:
                    one.infer(ready)

        taken = in_turns({'bag': bag, 'bare inference': inference}, rounds)
    yield Row.of('limit', f'bag of {frames} raw frames 640x480', 'bag', 'bare inference', taken)


def growth(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """What a frame costs, by people and by pixels, and what memory the latter take."""
    method = Settings().method
    by_people = [pipeline_bench.measure(1280, 720, people, rounds, method) for people in PEOPLE]
    by_pixels = []
    for width, height in SIZES:
        found = pipeline_bench.measure(width, height, 1, rounds, method)
        found['peak_mib'] = _peak_mib(width, height)
        by_pixels.append(found)
    return {'people': by_people, 'pixels': by_pixels}


def _peak_mib(width: int, height: int) -> float:
    """Peak memory of a process that did nothing but anonymise frames of a size, MiB."""
    # Not from getrusage, in which a child begins with what its parent had.
    script = (
        f'import sys; sys.path.insert(0, {str(HERE)!r})\n'
        'import pipeline_bench\n'
        f'pipeline_bench.measure({width}, {height}, 1, 5, "blackout")\n'
        'for line in open("/proc/self/status"):\n'
        '    if line.startswith("VmHWM"): print(line.split()[1])'
    )
    command = [sys.executable, '-c', script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def _processed(
    settings: Settings, codec: Any, message_of: Callable[[int], Any]
) -> Callable[[], None]:
    pipeline = Pipeline(settings, load_detectors(settings), live=True)
    number = itertools.count()

    def run() -> None:
        outcome = pipeline.process(message_of(next(number)), codec, '/camera')
        if outcome.status != 'anonymized':
            raise SystemExit(f'nobody was obscured: {outcome}')

    return run


def _raw(pixels: Any, index: int) -> Any:
    return pipeline_bench.message_of(pixels, index)


def _packed(data: bytes, index: int) -> Any:
    message = pipeline_bench.message_of(np.zeros((1, 1, 3), np.uint8), index)
    return SimpleNamespace(
        header=message.header, format='bgr8; jpeg compressed bgr8', data=np.frombuffer(data, 'u1')
    )


def slower(rows: Sequence[Row]) -> list[Row]:
    """Those in which somebody else is faster, the worst first."""
    return sorted((row for row in rows if row.ratio < 1), key=lambda row: row.ratio)
