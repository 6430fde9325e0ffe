"""Heads, by the top of a person's box alone, against faces that another detector sees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.heads import heads
from anonymizer_node.detectors.loading import load_detectors

NO_FACES = np.zeros((0, 4), np.float32)


def test_the_top_of_a_person_holds_the_face(shared_data: Path, published_centerface: Path) -> None:
    faces = f'{published_centerface} classes=face input_size=640'
    settings = Settings(model=('person_nanodet_int8', faces))
    people_of, faces_of = load_detectors(settings)
    shares = []
    for path in sorted((shared_data / 'coco128' / 'images').glob('*.jpg')):
        pixels = cv2.imread(str(path))
        frame = Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0])
        people = people_of.detect(frame, settings.score_threshold).xyxy
        tops = heads(people, NO_FACES)
        for face in faces_of.detect(frame, 0.5).xyxy:
            centre = (face[:2] + face[2:]) / 2
            within = ((centre >= people[:, :2]) & (centre <= people[:, 2:])).all(axis=1)
            if within.any():
                low = np.maximum(tops[within, :2], face[:2])
                high = np.minimum(tops[within, 2:], face[2:])
                shared = (high - low).clip(0).prod(axis=1)
                shares.append(shared.max() / (face[2:] - face[:2]).prod())
    assert len(shares) >= 70
    assert min(shares) >= 0.75
    assert np.mean(np.array(shares) >= 0.9) >= 0.95
