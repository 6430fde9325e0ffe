"""Frames one by one, in the processor time of one thread: against peers and against the limit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import cv2
import jpeg_bench
import numpy as np
import pipeline_bench
from bench_peers import BMW, Plain, bmw, deface
from bench_pictures import street
from bench_rows import LIMIT, Missing, Row
from bench_turns import in_turns

from anonymizer_node.core.config import Settings
from anonymizer_node.core.encodings import encoding_named
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.redaction import REDACTORS, redact
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.image_codecs import CompressedImageCodec, ImageCodec

PLAIN, DEFACE = 'plain OpenCV', 'deface'
QUALITY = 90
LOOKS = ('fast', 'balanced')
"""What the node and what jobs over recordings do by default; the plain pipeline looks once."""

SCALED_WIDTH = 640
"""Of the frames that deface is given to look at, where its frames are larger: its `--scale`."""


def against_peers(width: int, height: int, rounds: int) -> Iterator[Row | Missing]:
    """Whole frames, raw and as JPEG; or why a peer is missing."""
    cv2.setNumThreads(1)
    pixels, _ = street(width, height)
    data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    settings = Settings(threads=1, providers=('cpu',))
    plain = Plain(settings.model[0], 1, settings.input_size, settings.score_threshold)
    raw: dict[str, Callable[[], Any]] = {PLAIN: lambda: plain.frame(pixels)}
    packed: dict[str, Callable[[], Any]] = {PLAIN: lambda: plain.jpeg(data, QUALITY)}
    for name in LOOKS:
        asked = settings.changed(thoroughness=name)
        raw[name] = _processed(asked, ImageCodec(), lambda index: _raw(pixels, index))
        packed[name] = _processed(asked, CompressedImageCodec(), lambda index: _packed(data, index))
    scaled = (SCALED_WIDTH, SCALED_WIDTH * height // width)
    shapes = {DEFACE: None, f'{DEFACE}, scaled': scaled}
    for name, shape in shapes.items():
        if shape is not None and width <= SCALED_WIDTH:
            continue
        other = deface(1, shape)
        if isinstance(other, str):
            yield Missing(name, other)
            continue
        raw[name] = lambda other=other: other(pixels)
        packed[name] = lambda other=other: _through_jpeg(other, data)
    for kind, cases in (('raw', raw), ('JPEG', packed)):
        taken = in_turns(cases, rounds, time.process_time)
        for peer in [name for name in cases if name not in LOOKS]:
            for ours in LOOKS:
                yield Row.of('peers', f'{kind} frame {width}x{height}', ours, peer, taken)


def obscuring(width: int, height: int, rounds: int) -> Iterator[Row | Missing]:
    """Obscuring alone, two people, the boxes given."""
    cv2.setNumThreads(1)
    pixels, person = street(width, height, 3)
    shift = width // 3
    regions = [person._replace(x0=person.x0 + by, x1=person.x1 + by) for by in (0, shift)]
    black = encoding_named('bgr8').black
    work: dict[str, Callable[[], Any]] = {}
    for method in REDACTORS:
        other = bmw(method, pixels)
        if isinstance(other, str):
            yield Missing(f'{BMW} {method}', other)
            continue
        work[method] = lambda method=method: redact(pixels, regions, black, method, 0.5)
        work[f'{BMW} {method}'] = lambda other=other: other(regions)
    taken = in_turns(work, rounds, time.thread_time)
    for method in [name for name in work if name in REDACTORS]:
        what = f'{width}x{height}, 2 people'
        yield Row.of('obscuring alone', what, method, f'{BMW} {method}', taken)


def against_the_limit(width: int, height: int, rounds: int) -> Iterator[Row]:
    """The JPEG path against bare decoding and encoding."""
    cv2.setNumThreads(1)
    work, _ = jpeg_bench.cases(width, height, QUALITY)
    work = {'bare decoding and encoding': work.pop('bare'), **work}
    taken = in_turns(work, rounds, time.thread_time)
    bare, *ours = work
    for name in ours:
        yield Row.of(LIMIT, f'JPEG {width}x{height}', name, bare, taken)


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


def _through_jpeg(other: Callable[[Any], Any], data: bytes) -> bytes:
    """What somebody who takes BGR and gives RGB does to a JPEG."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    done = cv2.cvtColor(other(pixels), cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return bytes(cv2.imencode('.jpg', done, quality)[1].tobytes())
