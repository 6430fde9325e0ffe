"""A detector of one's own, from a file to a quantised file beside it that the settings find."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from samples import bags, exports, images
from samples.exports import EXPORTS, Planted
from samples.graphs import doubler
from samples.layers import FACES, face_box, face_folder, face_picture, tiny_face

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import ConfigError, InputError, ModelError
from anonymizer_node.core.geometry import iou
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.registry import load_registry, resolve
from anonymizer_node.modelling import agreement
from anonymizer_node.modelling.own import OwnRecipe, build_own
from anonymizer_node.modelling.quantize import TARGETS


def recipe(tmp_path, content=None, **changes):
    source = tmp_path / 'models' / 'tiny.onnx'
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(tiny_face() if content is None else content)
    folder = tmp_path / 'pictures'
    if 'calibrate' not in changes and not folder.exists():
        face_folder(folder)
    given = {'source': source, 'calibrate': folder, 'input_size': 128, **changes}
    return OwnRecipe(**given)


def frame(pixels):
    return Frame(pixels, 'bgr8', pixels.shape[1], pixels.shape[0])


def detector(path, input_size=128):
    settings = Settings(model=str(path), providers=('cpu',), input_size=input_size)
    return load_detectors(settings.changed(thoroughness='fast'))[0]


def constants(model):
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def zero_points(model, kind):
    """Those of the nodes of a kind, by the type of what they read or write."""
    known = constants(model)
    return [known[node.input[2]] for node in model.graph.node if node.op_type == kind]


def test_a_placeholder_shape_is_freed_and_faces_are_where_they_were(tmp_path):
    lines = []
    built = build_own(recipe(tmp_path), lines.append)

    assert built.path == tmp_path / 'models' / 'tiny_int8.onnx'
    pixels = face_picture(*FACES)
    for input_size, wide in ((128, pixels), (256, np.kron(pixels, np.ones((2, 2, 1), np.uint8)))):
        found = detector(built.path, input_size).detect(frame(wide[:, :, :]), 0.5)
        if input_size == 128:
            expected = np.array([face_box(*face) for face in FACES], np.float32)
            assert len(found) == 3
            assert iou(expected, found.xyxy).max(axis=1).min() > 0.85
        else:
            assert len(found) > 0  # The graph takes other sizes; what it sees there is as tiny.
    assert any('4 of 5 convolutions on integers' in line for line in lines)
    assert any('are found again' in line for line in lines)
    assert lines[-1] == f"use it with --model '{built.path} classes=face'"


def test_the_entry_has_what_is_needed_and_what_was_measured(tmp_path):
    built = build_own(recipe(tmp_path, licence='MIT'))

    entry = load_registry(built.path.parent / 'models.yaml')['tiny_int8']
    assert entry.sha256 == built.sha256 == hashlib.sha256(built.path.read_bytes()).hexdigest()
    assert (entry.family, entry.classes, entry.licence) == ('centerface', ('face',), 'MIT')
    original = hashlib.sha256(tiny_face()).hexdigest()
    assert entry.source == f'tiny.onnx, SHA-256 {original}'
    figures = entry.about['built']
    assert figures['target'] == 'cpu'
    assert figures['convolutions_on_integers'] == '4 of 5'
    assert figures['calibration'] == {
        'pictures': 4, 'unreadable': 0, 'from': 'a folder', 'seed': 0, 'input_size': 128,
    }  # fmt: skip
    agreed = figures['agreement_with_original']
    # Four pictures of 1, 2, 3 and 1 faces.
    assert (agreed['expected'], agreed['found'], agreed['claimed']) == (7, 7, 7)
    assert agreed['box_overlap'] > 0.9
    assert agreed['score_shift'] < 0.05
    metadata = {item.key: item.value for item in onnx.load(built.path).metadata_props}
    assert metadata['author'] == 'of this test'
    assert (metadata['classes'], metadata['source_sha256']) == ('face', original)


def test_the_setting_finds_it_checked_by_its_entry(tmp_path):
    built = build_own(recipe(tmp_path))
    found = resolve(str(built.path))
    assert (found.name, found.family, found.classes) == ('tiny_int8', 'centerface', ('face',))

    built.path.write_bytes(built.path.read_bytes() + b'\0')
    with pytest.raises(ModelError, match='SHA-256'):
        load_detectors(Settings(model=str(built.path)))


def test_for_a_cpu_activations_are_unsigned_and_weights_of_seven_bits(tmp_path):
    model = onnx.load(build_own(recipe(tmp_path)).path)
    points = zero_points(model, 'QuantizeLinear')
    assert points
    assert {point.dtype.name for point in points} == {'uint8'}
    weights = [array for array in constants(model).values() if array.dtype == np.int8]
    large = [array for array in weights if array.ndim == 4]
    assert len(large) == 4
    assert max(np.abs(array.astype(int)).max() for array in large) <= 64


def test_for_tensorrt_all_is_signed_and_symmetric_with_biases_in_float(tmp_path):
    model = onnx.load(build_own(recipe(tmp_path, target='tensorrt')).path)
    points = zero_points(model, 'QuantizeLinear') + zero_points(model, 'DequantizeLinear')
    assert points
    assert {point.dtype.name for point in points} == {'int8'}
    assert not any(point.any() for point in points)
    kinds = {array.dtype.name for array in constants(model).values()}
    assert kinds <= {'int8', 'float32'}
    # Per channel: as many scales as the stem has outputs.
    scales = [
        constants(model)[node.input[1]].size
        for node in model.graph.node
        if node.op_type == 'QuantizeLinear' and node.input[0] == 'stem_w'
    ]
    assert scales == [8]


def test_a_bag_serves_like_a_folder(tmp_path):
    entries = [
        bags.Entry('/camera/image', bags.IMAGE, images.image(face_picture(FACES[index % 3])), index)
        for index in range(6)
    ]
    bag = bags.write_bag(tmp_path / 'bag', entries)
    built = build_own(recipe(tmp_path, calibrate=bag, pictures=4))
    figures = load_registry(built.path.parent / 'models.yaml')['tiny_int8'].about['built']
    assert figures['calibration']['from'] == 'a bag'
    assert figures['calibration']['pictures'] == 4


@pytest.mark.parametrize('constants_are_inputs', [False, True])
def test_what_old_exporters_wrote_is_brought_up_to_date(tmp_path, constants_are_inputs):
    content = tiny_face(opset=9, constants_are_inputs=constants_are_inputs)
    built = build_own(recipe(tmp_path, content))
    assert len(detector(built.path).detect(frame(face_picture(*FACES)), 0.5)) == 3


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    first = build_own(recipe(tmp_path)).sha256
    assert build_own(recipe(tmp_path, force=True)).sha256 == first


def test_name_and_folder_can_be_chosen(tmp_path):
    built = build_own(recipe(tmp_path, name='faces', out=tmp_path / 'new' / 'folder'))
    assert built.path == tmp_path / 'new' / 'folder' / 'faces_int8.onnx'
    assert list(load_registry(built.path.parent / 'models.yaml')) == ['faces_int8']


def with_layer(name):
    """A family's tiny graph whose picture goes through a convolution that changes nothing."""
    planted = [Planted((32, 24, 96, 72), 0.9)]
    about = EXPORTS[name]
    model = onnx.load_from_string(exports.export(name, planted))
    (cast,) = (node for node in model.graph.node if node.input[0] == 'image')
    bright = next(node for node in model.graph.node if node.op_type == 'ReduceMax')
    same = np.eye(3, dtype=np.float32)[:, :, None, None]
    model.graph.initializer.append(numpy_helper.from_array(same, 'same'))
    source, nodes = cast.output[0], []
    if about.channels_last:
        nodes.append(helper.make_node('Transpose', [source], ['turned'], perm=[0, 3, 1, 2]))
        source = 'turned'
    nodes.append(helper.make_node('Conv', [source, 'same'], ['layer']))
    bright.input[0] = 'layer'
    for index, node in enumerate(nodes, 1):
        model.graph.node.insert(index, node)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('name', EXPORTS)
def test_every_family_can_be_quantised(tmp_path, name, target):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for index in range(2):
        pixels = np.full((96, 128, 3), 30 * index, np.uint8)
        pixels[40:44, 60:64] = 255
        images_png = images.png_bytes(pixels)
        (folder / f'{index}.png').write_bytes(images_png)
    built = build_own(
        recipe(
            tmp_path,
            with_layer(name),
            calibrate=folder,
            family=name,
            input_size=None,
            target=target,
        )
    )

    model = onnx.load(built.path)
    assert 'QuantizeLinear' in {node.op_type for node in model.graph.node}
    entry = load_registry(built.path.parent / 'models.yaml')['tiny_int8']
    assert (entry.family, entry.classes) == (name, EXPORTS[name].classes)
    found = detector(built.path).detect(frame(pixels), 0.5)
    assert iou(found.xyxy, np.array([[32, 24, 96, 72]]))[0, 0] > 0.99


def refused(tmp_path, message, kind=ModelError, content=None, **changes):
    asked = recipe(tmp_path, content, **changes)
    before = bags.digest(tmp_path)
    with pytest.raises(kind, match=message):
        build_own(asked)
    assert bags.digest(tmp_path) == before


def test_a_file_that_is_no_onnx(tmp_path):
    refused(tmp_path, 'can not be loaded as an ONNX model', content=b'not a graph')


def test_a_graph_that_is_no_detector(tmp_path):
    refused(tmp_path, 'is no detector', content=doubler())


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path, 'No such file', source=tmp_path / 'absent.onnx')


def test_a_file_of_another_kind(tmp_path):
    refused(tmp_path, r'ends in \.onnx', InputError, source=tmp_path / 'weights.pt')


def test_half_precision(tmp_path):
    content = tiny_face(kind=TensorProto.FLOAT16, batch=1, size=(128, 96))
    refused(tmp_path, 'half precision', content=content, input_size=None)


def test_a_graph_that_is_quantised_already(tmp_path):
    built = build_own(recipe(tmp_path))
    refused(tmp_path, 'is quantised already: it has DequantizeLinear', source=built.path)


def test_a_graph_with_nothing_to_quantise(tmp_path):
    pixels = np.full((96, 128, 3), 255, np.uint8)
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures/0.png').write_bytes(images.png_bytes(pixels))
    content = exports.export('yolov8', [Planted((32, 24, 96, 72), 0.9)])
    refused(tmp_path, 'nothing to quantise', content=content, input_size=None)


def test_a_class_that_the_model_does_not_have(tmp_path):
    refused(tmp_path, "has no class 'person'; it has face", InputError, classes=('person',))


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / 'empty').mkdir()
    refused(tmp_path, 'has no picture', InputError, calibrate=tmp_path / 'empty')


def test_pictures_of_nobody(tmp_path):
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures/0.png').write_bytes(images.png_bytes(face_picture()))
    refused(tmp_path, 'In none of the 1 calibration pictures does the original see face')


def test_a_quantised_model_that_sees_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(agreement, 'LEAST_FOUND', 1.01)
    refused(tmp_path, r'finds 7 of 7 \(100\.0%\) .* Nothing was written')


def test_a_size_that_the_graph_does_not_have(tmp_path):
    content = tiny_face(batch=1, size=(128, 96))
    refused(tmp_path, 'holds fast', InputError, content=content, input_size=256)
    refused(tmp_path, 'multiple of 32', ConfigError, input_size=130)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'target': 'npu'}, 'choose from cpu, tensorrt'),
        ({'pictures': 0}, 'out of bounds'),
        ({'name': '../up'}, 'is no name for a model'),
        ({'name': 'two words'}, 'is no name for a model'),
    ],
)
def test_flags_out_of_bounds(tmp_path, changes, message):
    refused(tmp_path, message, InputError, **changes)


def test_what_is_in_the_way_stays(tmp_path):
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models/tiny_int8.onnx').write_bytes(b'of somebody')
    refused(tmp_path, 'give --force', InputError)


def test_the_original_is_not_overwritten_even_by_force(tmp_path):
    source = tmp_path / 'models' / 'faces_int8.onnx'
    source.parent.mkdir()
    source.write_bytes(tiny_face())
    refused(tmp_path, 'would be overwritten', InputError, source=source, name='faces', force=True)


def test_a_list_of_models_that_is_none_is_seen_before_the_work(tmp_path):
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models/models.yaml').write_text(yaml.safe_dump({'other': 1}))
    refused(tmp_path, 'is no list of models')
