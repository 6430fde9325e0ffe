"""How much of the people in real pictures is obscured, read from the pixels of the output bag.

    python tests/bench/coverage_bench.py [DATASET] [--input-size 512 ...] [--json FILE]

DATASET is labelled as `anonymize model eval` takes it, which is quicker and says more; here
nothing of the run is believed but its pixels. Every image becomes a raw frame
of one bag, 60 s after the one before, so that nothing is held from one to the next; the job of
`anonymize bag` runs on it, and the output's pixels are counted. Crowd regions are no single
person and are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench_bags import DATA, TOPIC, obscured_masks, write_bag
from numpy.typing import NDArray

from anonymizer_node.core.config import THOROUGHNESS, Settings
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import share_covered
from anonymizer_node.modelling.evaluation import LEAST_HEIGHT
from anonymizer_node.modelling.labelled import pixels_of
from anonymizer_node.offline.bag import anonymize_bag

SECONDS_APART = 60
PEOPLE = ('person',)
LEAST_COVERED = 0.5
LEAST_SHARE_90 = 0.95
MOST_OBSCURED = 0.28


def measure(dataset: Path, settings: Settings) -> dict[str, Any]:
    """Run the job and count."""
    pictures = read_dataset(dataset, PEOPLE).pictures

    def frames() -> Iterator[tuple[float, NDArray[Any]]]:
        for index, picture in enumerate(pictures):
            yield index * SECONDS_APART, pixels_of(picture)

    with tempfile.TemporaryDirectory() as folder:
        write_bag(Path(folder, 'in'), frames())
        report = anonymize_bag(Path(folder, 'in'), Path(folder, 'out'), settings)
        masks = obscured_masks(Path(folder, 'out'))
    dropped = report.topics[TOPIC].statuses['dropped']
    if len(masks) != len(pictures) - dropped:
        raise SystemExit(f'{len(masks)} frames came out of {len(pictures)}, {dropped} dropped')
    large, small, worst = [], [], []
    for picture, mask in zip(pictures, masks, strict=True):
        for box in picture.boxes_of(PEOPLE).tolist():
            share = share_covered(mask, box)
            if box[3] - box[1] >= LEAST_HEIGHT * picture.height:
                large.append(share)
                worst.append((round(share, 2), picture.path.name, [round(side) for side in box]))
            else:
                small.append(share)
    return {
        'people_large': len(large),
        'least_covered': min(large),
        'large_half_covered': float(np.mean(np.array(large) >= 0.5)),
        'large_90_covered': float(np.mean(np.array(large) >= 0.9)),
        'people_small': len(small),
        'small_half_covered': float(np.mean(np.array(small) >= 0.5)) if small else None,
        'pixels_obscured': sum(int(mask.sum()) for mask in masks) / sum(m.size for m in masks),
        'frames': len(masks),
        'frames_dropped': dropped,
        'worst': sorted(worst)[:5],
    }


def kept(result: dict[str, Any]) -> bool:
    """Whether a result is within the bounds."""
    return bool(
        result['least_covered'] >= LEAST_COVERED
        and result['large_90_covered'] >= LEAST_SHARE_90
        and result['pixels_obscured'] <= MOST_OBSCURED
        and result['frames_dropped'] == 0
    )


def main() -> int:
    """Measure, print, and fail where the bounds aren't kept."""
    defaults = Settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', nargs='?', type=Path, default=DATA / 'coco128')
    parser.add_argument('--model', action='append', default=None)
    parser.add_argument('--thoroughness', default=defaults.thoroughness, choices=THOROUGHNESS)
    parser.add_argument('--input-size', type=int, nargs='+', default=[defaults.input_size])
    parser.add_argument('--score-threshold', type=float, default=defaults.score_threshold)
    parser.add_argument('--padding', type=float, default=defaults.padding)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if not args.dataset.is_dir():
        raise SystemExit(f'{args.dataset} is not there')
    results = []
    for size in args.input_size:
        settings = defaults.changed(
            model=args.model or defaults.model,
            thoroughness=args.thoroughness,
            input_size=size,
            score_threshold=args.score_threshold,
            padding=args.padding,
        )
        result = {'input_size': size, **measure(args.dataset, settings)}
        results.append(result)
        for name, value in result.items():
            print(f'{name:20} {value:.3f}' if isinstance(value, float) else f'{name:20} {value}')
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + '\n')
    return 0 if all(kept(result) for result in results) else 1


if __name__ == '__main__':
    sys.exit(main())
