"""What each level of thoroughness finds and costs, int8 beside fp32, as one table.

    python tests/bench/thoroughness_bench.py DATASET --fp32 FILE [--input-size 416 512]

FILE is made by `anonymize model build --fp32`. DATASET is anything that `anonymize model eval`
reads. All latencies are taken in turns, frame by frame, in one run.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from anonymizer_node.core.config import THOROUGHNESS, Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.modelling.bench import load_cases, measure
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import evaluate
from anonymizer_node.modelling.pictures import read

HEADINGS = (
    'looks', 'px', 'weights', 'AP50', 'all half', '70 %', '90 %', 'small half', '70 %', '90 %',
    'tenth half', '90 %', 'least', 'pixels', 'ms, 1 thread', '2 threads',
)  # fmt: skip
ROUNDS = 30


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dataset', type=Path)
    parser.add_argument('--fp32', type=Path, required=True, help='the twin in fp32')
    parser.add_argument('--input-size', type=int, nargs='+', default=[416, 512])
    args = parser.parse_args()
    defaults = Settings(providers=('cpu',))
    dataset = read_dataset(args.dataset, defaults.classes)
    weights = {'int8': defaults.model[0], 'fp32': str(args.fp32)}
    frame_picture = max(dataset.pictures, key=lambda picture: len(picture.boxes))
    pixels = read(frame_picture.path)
    frame = Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0])
    loaded = load_cases(
        defaults, list(weights.values()), ['cpu'], [1, 2], args.input_size, THOROUGHNESS
    )
    timings = measure(loaded.detectors, frame, ROUNDS, defaults.score_threshold)
    taken = {timing.case: float(np.median(timing.total_ms)) for timing in timings}
    print('| ' + ' | '.join(HEADINGS) + ' |')
    print('|' + ' --- |' * len(HEADINGS))
    for level, size, (kind, model) in product(THOROUGHNESS, args.input_size, weights.items()):
        settings = defaults.changed(model=model, thoroughness=level, input_size=size)
        found = evaluate(dataset, settings, {kind: load_detectors(settings)[0]})
        everybody, small, tenth = (found.group(name) for name in ('all', 'small', 'tenth'))
        shares = [
            *(everybody.half, everybody.covered_70, everybody.covered_90),
            *(small.half, small.covered_70, small.covered_90),
            *(tenth.half, tenth.covered_90, tenth.least, found.pixels_obscured),
        ]
        times = [
            next(
                ms
                for case, ms in taken.items()
                if (case.model, case.threads, case.input_size, case.thoroughness)
                == (model, threads, size, level)
            )
            for threads in (1, 2)
        ]
        cells = [level, str(size), kind, f'{found.precisions[0].ap50:.3f}']
        cells += [f'{100 * share:.1f}' for share in shares] + [f'{ms:.1f}' for ms in times]
        print('| ' + ' | '.join(cells) + ' |', flush=True)


if __name__ == '__main__':
    main()
