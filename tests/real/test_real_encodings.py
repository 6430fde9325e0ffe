"""People are found in every encoding as they are in bgr8."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.encoded import from_bgr

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import FrameError
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


def deep(grey, form):
    """A grey picture as a camera of more bits sends it, (rows, columns) of 16 bits."""
    gain, noise, bottom = DEEP[form]
    around = np.random.default_rng(0).normal(0.0, noise, grey.shape)
    return np.clip(bottom + grey.astype(float) * gain + around, 0, 65535).astype(np.uint16)


DEEP = {
    '10 bits': (4, 6, 0),
    '12 bits': (16, 20, 0),
    '12 bits, noisy': (16, 200, 0),
    '14 bits': (64, 60, 0),
    '16 bits': (256, 300, 0),
    'thermal': (8, 5, 29000),
    'thermal, little contrast': (0.5, 5, 29900),
    'dark': (1, 4, 60),
}
"""Gain, noise and lowest value of what is made of 8 bits."""

HARD = ('thermal, little contrast', 'dark')


def refused(message):
    try:
        CODEC.decode(message, '/a', 64)
    except FrameError:
        return True
    return False


@pytest.mark.parametrize('form', DEEP)
def test_a_wrong_byte_order_is_told_from_the_right_one(shared_data, form):
    right = wrong = 0
    paths = sorted((shared_data / 'coco128' / 'images').glob('*.jpg'))
    for path in paths:
        message = from_bgr(cv2.imread(str(path)), 'mono16')
        samples = deep(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), form)
        message.data = np.frombuffer(bytearray(samples.astype('<u2').tobytes()), np.uint8)
        message.is_bigendian = 0
        right += refused(message)
        message.is_bigendian = 1
        wrong += refused(message)
    assert right == 0
    assert wrong >= (0.05 if form in HARD else 0.98) * len(paths)


@pytest.mark.parametrize('noise', [0, 6])
@pytest.mark.parametrize('contrast', [1.0, 0.08])
@pytest.mark.parametrize('colour', [1.0, 0.0])
def test_yuv_that_begins_with_the_other_kind_is_told(shared_data, contrast, colour, noise):
    right = wrong = 0
    random = np.random.default_rng(0)
    paths = sorted((shared_data / 'coco128' / 'images').glob('*.jpg'))
    for path in paths:
        bgr = cv2.imread(str(path))
        message = from_bgr(bgr[: len(bgr) // 2 * 2, : bgr.shape[1] // 2 * 2], 'yuv422_yuy2')
        data = np.frombuffer(bytes(message.data), np.uint8).reshape(-1, 2).astype(float)
        data[:, 0] = 16 + (data[:, 0] - 16) * contrast
        data[:, 1] = 128 + (data[:, 1] - 128) * colour * contrast
        data += random.normal(0, noise * contrast**0.5, data.shape)
        message.data = np.frombuffer(bytearray(np.clip(data, 0, 255).astype(np.uint8)), np.uint8)
        right += refused(message)
        message.encoding = 'yuv422'
        wrong += refused(message)
    assert right == 0
    assert contrast < 1 or wrong >= 0.97 * len(paths)


def test_the_detector_is_shown_the_whole_frame(pictures):
    frame = CODEC.decode(from_bgr(pictures[0], 'nv12'), '/a', 512)
    assert isinstance(frame, Frame)
    assert (frame.height, frame.width) == pictures[0].shape[:2]
    assert np.ptp(frame.pixels) > 100
