"""What would be faster, measured against what is done: batches of cameras, strides of large frames.

    python tests/bench/alternatives_bench.py [--rounds 40] [--threads 1 2]
        [--dataset FOLDER]

Batches: the embedded graph, which takes one picture at a time, is made to take several, as the
worker could give it where several cameras wait; against the same pictures one after the other.
Strides: every second or fourth row and column of a large frame in place of the mean of those
between, which is what a letterbox begins with; and who is still found then, in pictures of twice
the size of the input. Everything in turns, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
from bench_bags import DATA
from bench_pictures import street
from bench_turns import Taken, in_turns
from onnx import numpy_helper

from anonymizer_node.core.config import Settings
from anonymizer_node.core.geometry import Letterbox
from anonymizer_node.core.scaling import Scaler
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.registry import resolve
from anonymizer_node.detectors.shapes import with_shape
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import evaluate

FRAMES = ((1280, 720), (1920, 1080), (3840, 2160))
BATCHES = (2, 4)


def say(name: str, ours: Taken, other: Taken, count: int = 1) -> None:
    """One line: medians per picture, and the median of the ratios of neighbours."""
    print(
        f'{name:36} {ours.median_ms / count:7.2f} ms as it is, {other.median_ms / count:7.2f} ms '
        f'so: {other.ratio_to(ours):.2f} of the time'
    )


def batched(content: bytes, batch: int) -> bytes:
    """The embedded graph for several pictures at once."""
    model = onnx.load_from_string(with_shape(content, 'image', (None, None, None, 3)))
    for item in model.graph.initializer:
        shape = numpy_helper.to_array(item)
        if shape.dtype == np.int64 and shape.ndim == 1 and len(shape) > 1 and shape[0] == 1:
            shape = np.array([batch, *shape[1:]], np.int64)
            item.CopyFrom(numpy_helper.from_array(shape, item.name))
    return bytes(model.SerializeToString())


def session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """A session as the detector has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry('session.force_spinning_stop', '1')
    return onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])


def batches(rounds: int, threads: int) -> None:
    """One run for several pictures, against a run for each."""
    model = resolve(Settings.of_node().model[0])
    pictures = np.stack(
        [cv2.resize(street(640, 480, 1 + index)[0], (416, 320)) for index in range(max(BATCHES))]
    )
    single = session(model.content, threads)
    one = [single.run(None, {'image': pictures[index : index + 1]}) for index in range(2)]
    for batch in BATCHES:
        several = session(batched(model.content, batch), threads)
        together = several.run(None, {'image': pictures[:batch]})
        for index in range(2):
            for alone, among in zip(one[index], together, strict=True):
                np.testing.assert_allclose(among[index], alone[0], atol=0.02)

        def each(batch: int = batch) -> None:
            for index in range(batch):
                single.run(None, {'image': pictures[index : index + 1]})

        def at_once(batch: int = batch, several: Any = several) -> None:
            several.run(None, {'image': pictures[:batch]})

        taken = in_turns({'each': each, 'at once': at_once}, rounds)
        say(f'batch of {batch}, {threads} threads', taken['each'], taken['at once'], batch)


def strides(rounds: int, width: int, height: int) -> None:
    """Rows and columns left out, against their means."""
    cv2.setNumThreads(1)
    pixels = street(width, height, 1)[0]
    box = Letterbox.fit(width, height, Settings.of_node().input_size)
    by = 1
    while width >= 2 * by * box.width:
        by *= 2
    as_it_is, so = Scaler(), Scaler()

    def means() -> None:
        as_it_is(pixels, box.width, box.height)

    def left_out() -> None:
        so(np.ascontiguousarray(pixels[::by, ::by]), box.width, box.height)

    taken = in_turns({'means': means, 'strides': left_out}, rounds, time.thread_time)
    say(f'letterbox of {width}x{height}, 1 of {by}', taken['means'], taken['strides'])


def people(dataset: Path) -> None:
    """Who is found in half the size, by means and by strides."""

    def every_other(self: Scaler, pixels: Any, name: str) -> Any:
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        return pixels[: 2 * rows : 2, : 2 * columns : 2]

    settings = Settings.of_node(input_size=320)
    labelled = read_dataset(dataset, settings.classes)
    half = Scaler._half
    for name, how in (('means', half), ('strides', every_other)):
        Scaler._half = how
        detectors = dict(zip(settings.model, load_detectors(settings), strict=True))
        figures = evaluate(labelled, settings, detectors, lambda done, total: None).as_dict(1)
        covered = figures['people']['all']['half_covered']
        print(
            f'{name} at 320 px: AP50 {figures["detectors"][0]["ap50"]:.3f}, half covered '
            f'{100 * covered:.1f} %'
        )
    Scaler._half = half


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=40)
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--dataset', type=Path, default=DATA / 'coco128')
    args = parser.parse_args()
    for threads in args.threads:
        batches(args.rounds, threads)
    for width, height in FRAMES:
        strides(args.rounds, width, height)
    if args.dataset.is_dir():
        people(args.dataset)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
