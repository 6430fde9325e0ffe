"""People are found in every encoding as they are in bgr8."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.encoded import from_bgr

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.image_codecs import ImageCodec

CODEC = ImageCodec()
PICTURES = 24
LEAST_SHARED = {'mono16': 0.85, 'bayer_rggb8': 0.9, 'bayer_gbrg16': 0.9}
"""Grey pictures tell a detector less, and mosaics have each colour at half the resolution."""

ENCODINGS = ('rgb16', 'yuv422', 'yuv422_yuy2', 'nv12', 'nv21', 'nv24', *LEAST_SHARED)


@pytest.fixture(scope='module')
def detectors():
    return load_detectors(Settings())


@pytest.fixture(scope='module')
def pictures(shared_data: Path):
    chosen = []
    for path in sorted((shared_data / 'coco128' / 'images').glob('*.jpg')):
        bgr = cv2.imread(str(path))
        chosen.append(bgr[: bgr.shape[0] // 2 * 2, : bgr.shape[1] // 2 * 2])
    return chosen[:PICTURES]


def covered(detectors, message):
    """The pixels that are obscured of a message."""
    outcome = Pipeline(Settings(hold_seconds=0.0), detectors).process(message, CODEC, '/a')
    assert outcome.status in ('anonymized', 'untouched'), outcome.reason
    return coverage_mask(outcome.regions, message.width, message.height)


@pytest.fixture(scope='module')
def as_bgr8(detectors, pictures):
    return [covered(detectors, from_bgr(bgr, 'bgr8')) for bgr in pictures]


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_what_is_obscured_in_bgr8_is_in_every_encoding(encoding, detectors, pictures, as_bgr8):
    of_bgr8 = shared = 0
    for bgr, expected in zip(pictures, as_bgr8, strict=True):
        found = covered(detectors, from_bgr(bgr, encoding))
        of_bgr8 += int(expected.sum())
        shared += int((expected & found).sum())
    assert shared / of_bgr8 >= LEAST_SHARED.get(encoding, 0.95)


def test_the_detector_is_shown_the_whole_frame(pictures):
    frame = CODEC.decode(from_bgr(pictures[0], 'nv12'), '/a', 512)
    assert isinstance(frame, Frame)
    assert (frame.height, frame.width) == pictures[0].shape[:2]
    assert np.ptp(frame.pixels) > 100
