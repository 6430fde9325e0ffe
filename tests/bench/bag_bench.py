"""How fast `anonymize bag` is: against a plain loop with the same detector, and against deface.

    python tests/bench/bag_bench.py [--frames 3000] [--kind raw jpeg] [--thoroughness fast]

One bag of 640x480 pictures, of real people who walk past a table where the video is beside the
checkout, and else of the project's own scenes. In every round each contender takes it once, in
turns; the median of the rounds counts.

- loop: reads, decodes, detects with the threads that the settings give, redacts, encodes and
  writes, one frame after another, in one pass. It joins nothing and keeps no record.
- tool: the job of `anonymize bag`, from nothing: both passes.
- again: the same with what was detected kept from the run before, so the second pass alone.
- live: the tool with the `input_size` that the node looks at cameras with, 416 px in place of 512.
- deface: CenterFace and the blur of PyPI's deface 1.5.0, where it is installed, on the same
  pictures as a video, read and written by OpenCV, with deface's defaults.

Against deface it is `live` that is held to the bound; both are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_bags import DATA, video
from numpy.typing import NDArray

from anonymizer_node.core.config import THOROUGHNESS, Settings, options
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.offline.messages import MessageCodec
from anonymizer_node.offline.teams import load_teams

WIDTH, HEIGHT, RATE_HZ = 640, 480, 30
VIDEO = DATA / 'video' / 'one-by-one-person-detection.mp4'
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
MSGTYPES = {'raw': IMAGE, 'jpeg': COMPRESSED}
JPEG_QUALITY = 90
LIVE_SIZE = options(live=True)['input_size'][0]
LEAST_AGAINST_LOOP, LEAST_AGAINST_DEFACE, LEAST_INSIDE = 1.25, 8.0, 0.75


def pictures() -> tuple[list[NDArray[Any]], str]:
    """Some pictures, BGR, and of what they are."""
    if VIDEO.is_file():
        frames = [cv2.resize(frame, (WIDTH, HEIGHT)) for _, frame in video(VIDEO, RATE_HZ)]
        return frames, VIDEO.name
    from anonymizer_node.simulation.scenes import Scene

    scene = Scene('workshop', WIDTH, HEIGHT, RATE_HZ, 20.0, 1)
    return [scene.frame(index)[0] for index in range(scene.frames)], 'the scene "workshop"'


def there_and_back(frames: list[Any], count: int) -> Iterator[Any]:
    """So many frames without a cut: to the end and back to the start, again and again."""
    way = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    for index in range(count):
        yield frames[way[index % len(way)]]


def write_bag(path: Path, frames: Iterator[NDArray[Any]], kind: str) -> None:
    """The frames as a bag of one topic."""
    with BagWriter(path) as bag:
        made = bag.types.types
        topic = bag.add_topic('/camera', MSGTYPES[kind])
        for index, pixels in enumerate(frames):
            time_ns = index * 10**9 // RATE_HZ
            stamp = made['builtin_interfaces/msg/Time'](*divmod(time_ns, 10**9))
            header = made['std_msgs/msg/Header'](stamp, 'camera')
            if kind == 'raw':
                data = pixels.reshape(-1)
                message = made[IMAGE](header, HEIGHT, WIDTH, 'bgr8', 0, WIDTH * 3, data)
            else:
                quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
                data = cv2.imencode('.jpg', pixels, quality)[1].reshape(-1)
                message = made[COMPRESSED](header, 'bgr8; jpeg compressed bgr8', data)
            bag.write(topic, time_ns, bag.encode(MSGTYPES[kind], message))


def write_video(path: Path, frames: Iterator[NDArray[Any]]) -> None:
    """The frames as a video that OpenCV reads everywhere."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), RATE_HZ, (WIDTH, HEIGHT))
    for pixels in frames:
        writer.write(pixels)
    writer.release()


def loop(source: Path, target: Path, settings: Settings) -> None:
    """One frame after another."""
    pipeline = Pipeline(settings, load_detectors(settings))
    with BagReader(source) as reader, BagWriter(target) as writer:
        targets = {topic.key: writer.add_like(topic) for topic in reader.topics}
        for message in reader.messages():
            codec = MessageCodec(reader, message.topic.msgtype)
            outcome = pipeline.process(bytearray(message.data), codec, message.topic.name)
            if outcome.message is not None:
                data: Any = message.data
                if outcome.status != 'untouched':
                    data = codec.serialised(outcome.message, message.data)
                writer.write(targets[message.topic.key], message.time_ns, data)


def deface_loop() -> Callable[[Path, Path], None] | None:
    """What deface does to a video, without its reader and writer, which need ffmpeg."""
    if find_spec('deface') is None:
        return None
    for module in ('tqdm', 'imageio', 'imageio_ffmpeg', 'imageio.plugins.ffmpeg'):
        try:  # deface imports these for its progress bar, its reader and its writer.
            import_module(module)
        except ImportError:
            sys.modules[module] = types.ModuleType(module)
    try:
        from deface.centerface import CenterFace
        from deface.deface import anonymize_frame
    except ImportError as error:
        print(f'deface is not measured: {error}')
        return None
    centerface = CenterFace(backend='onnxrt', override_execution_provider='CPUExecutionProvider')

    def run(source: Path, target: Path) -> None:
        capture = cv2.VideoCapture(str(source))
        code = cv2.VideoWriter_fourcc(*'MJPG')
        writer = cv2.VideoWriter(str(target), code, RATE_HZ, (WIDTH, HEIGHT))
        while True:
            more, pixels = capture.read()
            if not more:
                break
            rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            found, _ = centerface(rgb, threshold=0.2)
            anonymize_frame(found, rgb, 1.3, 'blur', True, False, None, 20)
            writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        writer.release()

    return run


class Inside:
    """How long threads are inside onnxruntime."""

    def __init__(self) -> None:
        self.seconds = self.processor_seconds = 0.0
        self._lock = threading.Lock()
        self._infer = OnnxDetector.infer

    def __enter__(self) -> Inside:
        infer = self._infer

        def timed(detector: OnnxDetector, prepared: Any) -> Any:
            begin, busy = time.perf_counter(), time.thread_time()
            answer = infer(detector, prepared)
            seconds, processor = time.perf_counter() - begin, time.thread_time() - busy
            with self._lock:
                self.seconds += seconds
                self.processor_seconds += processor
            return answer

        OnnxDetector.infer = timed  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        OnnxDetector.infer = self._infer  # type: ignore[method-assign]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the processors."""
    begin, busy = time.perf_counter(), processor_seconds()
    work()
    return time.perf_counter() - begin, processor_seconds() - busy


def processor_seconds() -> float:
    """What this process and those that it has waited for have taken."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    taken = [resource.getrusage(who) for who in whose]
    return sum(item.ru_utime + item.ru_stime for item in taken)


def measure(kind: str, frames: list[Any], args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All contenders on one kind of bag."""
    count = args.frames
    settings = Settings(providers=('cpu',), thoroughness=args.thoroughness, threads=args.threads)
    judges = len(load_teams(settings))
    source = folder / f'{kind}-in'
    write_bag(source, there_and_back(frames, count), kind)
    as_video = folder / 'in.avi'
    deface = deface_loop()
    if deface is not None and not as_video.exists():
        write_video(as_video, there_and_back(frames, min(count, args.deface_frames)))
    rates: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    inside: list[tuple[float, float]] = []
    for number in range(args.rounds):
        target = folder / f'{kind}-{number}'
        kept = settings.changed(detection_cache=str(folder / f'{kind}-cache-{number}'))

        def tool(name: str, target: Path = target, kept: Settings = kept) -> Callable[[], object]:
            return lambda: anonymize_bag(source, target.with_suffix(f'.{name}'), kept)

        def plain(target: Path = target) -> None:
            loop(source, target.with_suffix('.loop'), settings)

        def take(
            name: str,
            work: Callable[[], object],
            done: int = count,
            target: Path = target,
        ) -> tuple[float, float]:
            seconds, processor = timed(work)
            rates.setdefault(name, []).append(done / seconds)
            busy.setdefault(name, []).append(processor / done)
            shutil.rmtree(target.with_suffix(f'.{name}'), ignore_errors=True)
            return seconds, processor

        take('loop', plain)
        with Inside() as within:
            seconds, processor = take('tool', tool('tool'))
        inside.append(
            (within.seconds / seconds / judges, within.processor_seconds / max(processor, 1e-9))
        )
        take('again', tool('again'))
        take('live', tool('live', kept=kept.changed(input_size=LIVE_SIZE)))
        if deface is not None:
            video_out = folder / f'out-{number}.avi'
            some = min(count, args.deface_frames)
            take('deface', lambda out=video_out: deface(as_video, out), some)  # type: ignore[misc]
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    shares = np.median(np.array(inside), axis=0)
    result: dict[str, Any] = {
        'frames_per_second': {name: round(value, 1) for name, value in medians.items()},
        'processor_ms_per_frame': {
            name: round(1000 * float(np.median(values)), 2) for name, values in busy.items()
        },
        'rounds': {name: [round(value, 1) for value in values] for name, values in rates.items()},
        'tool_to_loop': round(medians['tool'] / medians['loop'], 2),
        'judges': judges,
        'judges_inside_onnxruntime': round(float(shares[0]), 3),
        'processor_inside_onnxruntime': round(float(shares[1]), 3),
    }
    if 'deface' in medians:
        for name in ('tool', 'live'):
            result[f'{name}_to_deface'] = round(medians[name] / medians['deface'], 1)
    return result


def kept(result: dict[str, Any]) -> bool:
    """Whether a result is within the bounds."""
    return bool(
        result['tool_to_loop'] >= LEAST_AGAINST_LOOP
        and result.get('live_to_deface', LEAST_AGAINST_DEFACE) >= LEAST_AGAINST_DEFACE
        and result['judges_inside_onnxruntime'] >= LEAST_INSIDE
    )


def main() -> int:
    """Measure, print, and fail where the bounds aren't kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--frames', type=int, default=3000)
    parser.add_argument('--deface-frames', type=int, default=600)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--kind', nargs='+', default=['raw', 'jpeg'], choices=MSGTYPES)
    parser.add_argument('--thoroughness', default='fast', choices=THOROUGHNESS)
    parser.add_argument('--threads', type=int, default=Settings().threads)
    parser.add_argument('--folder', type=Path, help='where there is room for the bags')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    frames, what = pictures()
    results: dict[str, Any] = {'pictures': what, 'cores': os.cpu_count(), 'frames': args.frames}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for kind in args.kind:
            results[kind] = measure(kind, frames, args, Path(folder))
            print(kind, json.dumps(results[kind], indent=2), flush=True)
    print(json.dumps({name: results[name] for name in ('pictures', 'cores', 'frames')}))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + '\n', encoding='utf-8')
    return 0 if all(kept(results[kind]) for kind in args.kind) else 1


if __name__ == '__main__':
    sys.exit(main())
