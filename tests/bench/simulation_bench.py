"""How many seeds of a simulated scene leave somebody visible: one line for each seed.

    python tests/bench/simulation_bench.py --seeds 20

The live node's settings and its pipeline, frame by frame without ROS, so that no frame is dropped
and every run says the same. Whoever counts by `proof.leak_books.Bounds` and is less than half
covered is named; --pictures FOLDER saves those frames.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))

from samples.images import Stamp, image

from anonymizer_node.core.config import Settings
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.simulation.scenes import Scene


def missed_in(scene: Scene, pipeline: Pipeline, folder: Path | None) -> tuple[int, list[str]]:
    """How many people were to be covered in all frames, and who was not."""
    bounds, asked, missed = Bounds(), 0, []
    codec = CODECS['sensor_msgs/msg/Image']
    for index in range(scene.frames):
        pixels, people = scene.frame(index)
        time_ns = 10**9 + round(index * 1e9 / scene.rate_hz)
        message = image(pixels, stamp=Stamp(*divmod(time_ns, 10**9)))
        outcome = pipeline.process(message, codec, '/camera')
        covered = np.zeros(pixels.shape[:2], bool)
        for x0, y0, x1, y1 in outcome.regions:
            covered[y0:y1, x0:x1] = True
        for person in people:
            x0, y0, x1, y1 = map(int, person.box)
            counts = y1 - y0 >= bounds.least_height * scene.height
            if not counts or person.visible < bounds.least_visible:
                continue
            asked += 1
            share = covered[y0:y1, x0:x1].mean()
            if share < bounds.least_covered:
                missed.append(f'frame {index}: {person.name}, {x1 - x0}x{y1 - y0} px, {share:.0%}')
                if folder is not None:
                    cv2.rectangle(pixels, (x0, y0), (x1, y1), (0, 0, 255), 2)
                    cv2.imwrite(str(folder / f'{scene.seed}-{index}.png'), pixels)
    return asked, missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seeds', type=int, default=20)
    parser.add_argument('--scene', default='passage')
    parser.add_argument('--rate', type=float, default=15.0)
    parser.add_argument('--seconds', type=float, default=8.0)
    parser.add_argument('--pictures', type=Path)
    args = parser.parse_args()
    settings = Settings.of_node()
    detectors = load_detectors(settings)
    clean, asked, missed = 0, 0, 0
    for seed in range(1, args.seeds + 1):
        scene = Scene(args.scene, 640, 480, args.rate, args.seconds, seed)
        count, names = missed_in(scene, Pipeline(settings, detectors, live=True), args.pictures)
        print(f'seed {seed}: {count} people in frames, {len(names)} less than half covered')
        for name in names:
            print(f'    {name}')
        clean, asked, missed = clean + (not names), asked + count, missed + len(names)
    print(f'{clean} of {args.seeds} seeds clean; {missed} of {asked} people in frames missed')


if __name__ == '__main__':
    main()
