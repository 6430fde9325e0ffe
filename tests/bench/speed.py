"""int8 against fp32 in one run: latency and, on a labelled data set, average precision.

    python tests/bench/speed.py --fp32 FILE [DATASET]

The fp32 twin is made by `anonymize model build --fp32`. The two run alternately, frame by frame,
so that a change in the machine's speed meets both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.geometry import iou
from anonymizer_node.detectors.loading import load_detectors

DATASET = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'coco128'
ROUNDS = 200
LEAST_SCORE = 0.01


def latencies(detectors: dict[str, Any], width: int, height: int) -> dict[str, list[float]]:
    """Seconds of each detection, by detector."""
    rng = np.random.default_rng(0)
    frame = Frame(rng.integers(0, 256, (height, width, 3), np.uint8), 'bgr8', width, height)
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for round_ in range(ROUNDS + 10):
        for name, detector in detectors.items():
            begin = time.perf_counter()
            detector.detect(frame, 0.25)
            if round_ >= 10:
                times[name].append(time.perf_counter() - begin)
    return times


def average_precision(detector: Any, dataset: Path) -> float:
    """AP at IoU 0.5, area under the interpolated precision-recall curve (PASCAL VOC 2010)."""
    annotations = json.loads((dataset / 'person_boxes.json').read_text())
    boxes: dict[int, list[list[float]]] = {}
    crowds: dict[int, list[list[float]]] = {}
    for item in annotations['annotations']:
        x, y, width, height = item['bbox']
        group = crowds if item.get('iscrowd') else boxes
        group.setdefault(item['image_id'], []).append([x, y, x + width, y + height])
    scored: list[tuple[float, bool]] = []
    for image in annotations['images']:
        pixels = cv2.imread(str(dataset / 'images' / image['file_name']))
        height, width = pixels.shape[:2]
        found = detector.detect(Frame(pixels, 'bgr8', width, height), LEAST_SCORE)
        true = np.array(boxes.get(image['id'], []), np.float32).reshape(-1, 4)
        crowd = np.array(crowds.get(image['id'], []), np.float32).reshape(-1, 4)
        overlaps, taken = iou(found.xyxy, true), np.zeros(len(true), bool)
        in_crowd = iou(found.xyxy, crowd)
        for row in np.argsort(-found.scores):
            free = np.where(taken, 0, overlaps[row]) if len(true) else np.zeros(0)
            hit = bool(len(free)) and free.max() >= 0.5
            if hit:
                taken[free.argmax()] = True
            if hit or not (len(crowd) and in_crowd[row].max() >= 0.5):
                scored.append((float(found.scores[row]), hit))
    hits = np.array([hit for _, hit in sorted(scored, key=lambda item: -item[0])])
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    recall = np.cumsum(hits) / sum(len(items) for items in boxes.values())
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * envelope))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', nargs='?', type=Path, default=DATASET)
    parser.add_argument('--fp32', type=Path, required=True, help='the twin in fp32')
    parser.add_argument('--input-size', type=int, default=Settings().input_size)
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    settings = Settings(input_size=args.input_size, threads=args.threads, providers=('cpu',))
    detectors = {
        'int8': load_detectors(settings)[0],
        'fp32': load_detectors(settings.changed(model=str(args.fp32)))[0],
    }
    times = latencies(detectors, 640, 480)
    ratio = statistics.median(
        slow / fast for slow, fast in zip(times['fp32'], times['int8'], strict=True)
    )
    for name, values in times.items():
        print(f'{name}: {1000 * statistics.median(values):.2f} ms a 640x480 frame, median')
    print(f'fp32 / int8: {ratio:.2f}, median of {ROUNDS} pairs')
    if args.dataset.is_dir():
        for name, detector in detectors.items():
            print(f'{name}: AP50 {average_precision(detector, args.dataset):.3f}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
