"""CenterFace is asked about what the default model made of a real photograph."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.bags import IMAGE, Entry, write_bag
from samples.detectors import FakeDetector, detections
from samples.images import Stamp, image

from anonymizer_node.cli.main import main
from anonymizer_node.core.config import Settings
from anonymizer_node.offline.bag import anonymize_bag


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three frames of a known face, moving."""
    data = pytest.importorskip('skimage.data', reason='needs scikit-image for its picture')
    face = np.ascontiguousarray(data.astronaut()[:320, 60:380, ::-1])
    entries = []
    for index in range(3):
        pixels = np.full((480, 640, 3), 90, np.uint8)
        left = 60 + 90 * index
        pixels[80:400, left : left + 320] = face
        message = image(cv2.GaussianBlur(pixels, (3, 3), 0), stamp=Stamp(10 + index, 0))
        entries.append(Entry('/front', IMAGE, message, (10 + index) * 10**9))
    return write_bag(tmp_path / 'in', entries)


def ask(source: Path, target: Path, model: Path, tmp_path: Path) -> tuple[int, dict]:
    """Exit status of the command, and what it says of the second detector."""
    answer = tmp_path / 'answer.json'
    page = tmp_path / 'page.html'
    words = ['verify', str(source), str(target), '--judge', f'{model} input_size=512']
    status = main([*words, '--json', str(answer), '--report', str(page)])
    assert 'second detector' in page.read_text(encoding='utf-8')
    return status, json.loads(answer.read_text())['second_detector']


def test_whom_the_default_model_hides_no_face_detector_sees(source, published_centerface, tmp_path):
    anonymize_bag(source, tmp_path / 'out', Settings(providers=('cpu',)))
    status, said = ask(source, tmp_path / 'out', published_centerface, tmp_path)
    assert (status, said['seen_in_input'], said['seen_again']) == (0, 3, 0)
    assert (said['family'], said['classes']) == ('centerface', ['face'])


def test_whom_a_detector_missed_the_second_one_names(source, published_centerface, tmp_path):
    blind_in_the_middle = iter([(0, 0, 640, 480), None, (0, 0, 640, 480)])

    def answer(frame):
        box = next(blind_in_the_middle)
        return detections(box) if box else detections()

    settings = Settings(hold_seconds=0.0)
    anonymize_bag(source, tmp_path / 'out', settings, [FakeDetector(answer=answer)])
    status, said = ask(source, tmp_path / 'out', published_centerface, tmp_path)
    assert (status, said['seen_in_input'], said['seen_again']) == (1, 3, 1)
    (sighting,) = said['listed']
    assert (sighting['topic'], sighting['position'], sighting['covered']) == ('/front', 1, 0.0)
    x0, y0, x1, y1 = sighting['box']
    assert 230 < x0 < x1 < 400
    assert 120 < y0 < y1 < 280


def test_the_detector_of_the_run_is_no_judge(source, published_centerface, tmp_path, capsys):
    settings = Settings(model=(f'{published_centerface} classes=face padding=0.5',))
    anonymize_bag(source, tmp_path / 'out', settings)
    words = ['verify', str(source), str(tmp_path / 'out'), '--judge', str(published_centerface)]
    assert main(words) == 2
    assert 'no second opinion' in capsys.readouterr().err
