"""How much of the people in real pictures is obscured, read from the pixels of the output bag.

    python tests/bench/coverage.py [DATASET] [--input-size 512 ...] [--json FILE]

DATASET holds `images/*.jpg` and COCO-format `person_boxes.json`. Every image becomes a raw frame
of one bag, 60 s after the one before, so that nothing is held from one to the next;
`anonymize bag` runs on it, and the output's pixels are counted. The inputs' darkest value is
raised from 0 to 1 first, so that a black pixel of the output is one that was obscured.
Crowd regions are no single person and are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline.bag import anonymize_bag

DATASET = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'coco128'
IMAGE = 'sensor_msgs/msg/Image'
SECONDS_APART = 60
LEAST_HEIGHT = 0.1
"""People smaller than this share of the image's height are counted apart."""


def write_bag(dataset: Path, path: Path) -> list[dict[str, Any]]:
    """The pictures as a bag; name and person boxes (x, y, w, h) of each."""
    annotations = json.loads((dataset / 'person_boxes.json').read_text())
    boxes: dict[int, list[list[float]]] = {}
    for item in annotations['annotations']:
        if not item.get('iscrowd'):
            boxes.setdefault(item['image_id'], []).append(item['bbox'])
    images = sorted(annotations['images'], key=lambda image: image['file_name'])
    with BagWriter(path) as bag:
        types = bag.types.types
        topic = bag.add_topic('/camera/image_raw', IMAGE)
        for index, image in enumerate(images):
            pixels = cv2.imread(str(dataset / 'images' / image['file_name']))
            pixels = np.maximum(pixels, 1)
            seconds = index * SECONDS_APART
            stamp = types['builtin_interfaces/msg/Time'](seconds, 0)
            header = types['std_msgs/msg/Header'](stamp, 'camera')
            height, width = pixels.shape[:2]
            message = types[IMAGE](
                header, height, width, 'bgr8', 0, width * 3, pixels.reshape(-1)
            )
            bag.write(topic, seconds * 10**9, bag.encode(IMAGE, message))
    return [{'name': image['file_name'], 'boxes': boxes.get(image['id'], [])} for image in images]


def obscured_masks(path: Path) -> list[NDArray[np.bool_]]:
    """For every frame of an output bag, which pixels are black."""
    with BagReader(path) as bag:
        masks = []
        for item in bag.messages():
            image = bag.decode(IMAGE, item.data)
            masks.append(~image.data.reshape(image.height, image.width, 3).any(axis=2))
        return masks


def measure(dataset: Path, settings: Settings) -> dict[str, Any]:
    """Run the job and count."""
    with tempfile.TemporaryDirectory() as folder:
        images = write_bag(dataset, Path(folder, 'in'))
        report = anonymize_bag(Path(folder, 'in'), Path(folder, 'out'), settings)
        masks = obscured_masks(Path(folder, 'out'))
    dropped = report.topics['/camera/image_raw'].statuses['dropped']
    if dropped or len(masks) != len(images):
        raise SystemExit(f'{dropped} frames were dropped, {len(masks)} of {len(images)} came out')
    large, small, worst = [], [], []
    for image, mask in zip(images, masks):
        for x, y, width, height in image['boxes']:
            part = mask[
                int(y) : int(np.ceil(y + height)), int(x) : int(np.ceil(x + width))
            ]
            share = float(part.mean())
            if height >= LEAST_HEIGHT * mask.shape[0]:
                large.append(share)
                worst.append((share, image['name'], [round(value) for value in (x, y, width, height)]))
            else:
                small.append(share)
    pixels = sum(int(mask.sum()) for mask in masks) / sum(mask.size for mask in masks)
    return {
        'people_large': len(large),
        'least_covered': min(large),
        'large_half_covered': float(np.mean(np.array(large) >= 0.5)),
        'large_90_covered': float(np.mean(np.array(large) >= 0.9)),
        'people_small': len(small),
        'small_half_covered': float(np.mean(np.array(small) >= 0.5)) if small else None,
        'pixels_obscured': pixels,
        'frames': len(masks),
        'frames_dropped': dropped,
        'worst': sorted(worst)[:8],
    }


def main() -> int:
    """Measure, print, and fail where the bounds aren't kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', nargs='?', type=Path, default=DATASET)
    parser.add_argument('--input-size', type=int, nargs='+', default=[Settings().input_size])
    parser.add_argument('--score-threshold', type=float, default=Settings().score_threshold)
    parser.add_argument('--padding', type=float, default=Settings().padding)
    parser.add_argument("--model", default=Settings().model)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if not args.dataset.is_dir():
        raise SystemExit(f'{args.dataset} is not there')
    results = []
    for size in args.input_size:
        settings = Settings(model=args.model,
            input_size=size, score_threshold=args.score_threshold, padding=args.padding
        )
        result = {'input_size': size, **measure(args.dataset, settings)}
        results.append(result)
        for name, value in result.items():
            print(f'{name:20} {value:.3f}' if isinstance(value, float) else f'{name:20} {value}')
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + '\n')
    kept = all(
        result['least_covered'] >= 0.5
        and result['large_90_covered'] >= 0.95
        and result['pixels_obscured'] <= 0.28
        for result in results
    )
    return 0 if kept else 1


if __name__ == '__main__':
    sys.exit(main())
