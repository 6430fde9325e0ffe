"""Graphs whose shapes alone don't tell, and messages that must."""

import numpy as np
import pytest
from samples.exports import EXPORTS, Planted, export
from samples.graphs import (
    FLOAT,
    Graph,
    TensorProto,
    doubler,
    helper,
    model_file,
    model_of,
    onnx,
    shaped,
)

from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.onnx import OnnxDetector

PICTURE = (FLOAT, [1, 3, 96, 128])


def loaded(content, classes=(), size=128, family=''):
    return OnnxDetector(model_file(content, '', classes), ['cpu'], 1, size, family=family)


def free_grid(anchors, numbers=85, in_pixels=False, metadata=None):
    """A graph of free sides: `anchors` rows in each cell of three strides, all zeros or centres."""
    graph = Graph()
    levels = []
    for stride in (8, 16, 32):
        cells = graph.add(
            'Slice',
            'image',
            graph.constant(np.array([0, stride // 2, stride // 2], np.int64)),
            graph.constant(np.array([1, 1 << 30, 1 << 30], np.int64)),
            graph.constant(np.array([1, 2, 3], np.int64)),
            graph.constant(np.array([1, stride, stride], np.int64)),
        )
        zeros = graph.add('Mul', cells, graph.constant(np.float32(0)))
        flat = graph.add('Reshape', zeros, graph.constant(np.array([1, -1, 1], np.int64)))
        levels += [flat] * anchors
    column = graph.add('Concat', *levels, axis=1)
    row = np.zeros((1, 1, numbers), np.float32)
    if in_pixels:
        row[..., :4] = (50, 50, 10, 10)
    graph.add('Add', column, graph.constant(row), output='output')
    return model_of(
        graph,
        [helper.make_tensor_value_info('image', FLOAT, ['n', 3, 'h', 'w'])],
        [helper.make_tensor_value_info('output', FLOAT, ['n', 'cells', numbers])],
        metadata or {},
    )


def test_yolox_and_yolov5_of_free_sides_are_told_apart_by_their_anchors():
    assert loaded(free_grid(1)).family == 'yolox'
    assert loaded(free_grid(3, in_pixels=True)).family == 'yolov5'


@pytest.mark.parametrize('size', [128, 256, 416, 640])
@pytest.mark.parametrize(('width', 'height'), [(640, 480), (300, 700), (64, 64)])
def test_free_sides_follow_the_setting_and_the_frame(size, width, height):
    detector = loaded(free_grid(1), size=size)
    assert detector.input_size == size
    pixels = np.zeros((height, width, 3), np.uint8)
    assert len(detector.detect(Frame(pixels, 'bgr8', width, height), 0.1)) == 0


def test_ultralytics_metadata_is_read():
    metadata = {'names': "{0: 'person', 1: 'hard hat'}", 'stride': '32', 'task': 'detect'}
    planted = [Planted((10, 10, 40, 60), 0.5, 1)]
    content = export('yolov8', planted, metadata=metadata, classes=('person', 'hard hat'))
    bright = Frame(np.full((96, 128, 3), 255, np.uint8), 'bgr8', 128, 96)
    found = loaded(content).detect(bright, 0.25)
    assert [found.names[index] for index in found.class_ids] == ['hard hat']
    metadata['names'] = "{0: 'person'}"
    with pytest.raises(ModelError, match='2 classes, but 1 are named'):
        loaded(export('yolov8', planted, metadata=metadata, classes=('person', 'hard hat')))


def test_a_coarser_stride_in_the_metadata_is_kept_to():
    detector = loaded(free_grid(1), size=160)
    assert detector._place(640, 480, 'centre', 160)[:2] == (160, 128)
    content = free_grid(1, metadata={'stride': '64'})
    assert loaded(content, size=160)._place(640, 480, 'centre', 160)[:2] == (192, 128)


@pytest.mark.parametrize('task', ['pose', 'segment', 'classify', 'obb'])
@pytest.mark.parametrize('name', ['yolov5', 'yolov8', 'yolo_end2end'])
def test_a_graph_made_for_another_task_is_refused(name, task):
    metadata = {'classes': 'a,b,c', 'task': task}
    with pytest.raises(ModelError, match=task):
        loaded(export(name, metadata=metadata))


def test_six_numbers_of_one_class_are_no_finished_boxes():
    for name in ('yolox', 'yolox_decoded', 'yolov5'):
        detector = loaded(export(name, classes=('person',)))
        assert (detector.family, detector.names) == (name, ('person',))
        with pytest.raises(ModelError, match='anchors of one class'):
            loaded(export(name, classes=('person',)), family='yolo_end2end')


def test_eighty_five_numbers_are_coco_s_and_need_no_names():
    assert loaded(free_grid(1)).names[0] == 'person'
    with pytest.raises(ModelError, match='nothing says which'):
        loaded(free_grid(1, numbers=9))


def test_boxes_that_are_shares_of_the_input_are_refused():
    def normalised(outputs):
        for output in outputs.values():
            boxes = output[0, :4] if output.shape[1] == 7 else output[0, :, :4].T
            boxes /= 200

    for name in ('yolov5', 'yolov8'):
        encode = EXPORTS[name].encode

        def shrunk(planted, classes, encode=encode):
            outputs = encode(planted, classes)
            normalised(outputs)
            return outputs

        with pytest.raises(ModelError, match='not in pixels'):
            loaded(export(name, encode=shrunk))


def test_finished_boxes_that_are_shares_are_refused():
    def shares(planted, classes):
        output = np.zeros((1, 300, 6))
        output[0, :, 2:4] = 0.5
        return {'output0': output}

    with pytest.raises(ModelError, match='not in pixels'):
        loaded(export('yolo_end2end', encode=shares))


def test_queries_without_a_size_input_are_refused():
    with pytest.raises(ModelError, match='orig_target_sizes'):
        loaded(export('rtdetr', takes_size=False))


def test_a_second_input_that_the_family_does_not_know_is_refused():
    content = export('yolov8')
    model = onnx.load_from_string(content)
    model.graph.input.append(helper.make_tensor_value_info('more', TensorProto.INT64, [1, 2]))
    with pytest.raises(ModelError, match='second input'):
        loaded(model.SerializeToString())


def test_a_float_input_of_the_tensorflow_api_is_refused():
    with pytest.raises(ModelError, match='uint8'):
        loaded(export('tfod', kind='float', kinds=('float',)))


def test_names_with_a_number_behind_are_those_of_tensorflow():
    def numbered(planted, classes):
        outputs = EXPORTS['tfod'].encode(planted, classes)
        extra = {'raw_detection_boxes:0': np.zeros((1, 7, 4))}
        return {f'{name}:0': array for name, array in outputs.items()} | extra

    assert loaded(export('tfod', encode=numbered)).family == 'tfod'


@pytest.mark.parametrize(
    'content',
    [
        doubler(),
        shaped([PICTURE], [[1, 1000]], {}),
        shaped([PICTURE], [[1, 84, 8400]], {}),
        shaped([PICTURE], [[1, 25200, 85]], {}),
        shaped([PICTURE], [[1, 3, 12, 16, 85]], {}),
        shaped([PICTURE], [[1, 100, 5], [1, 100]], {}),
        shaped([PICTURE], [[5, 7]], {}),
        shaped([PICTURE], [[]], {}),
        shaped([PICTURE], [[0]], {}),
    ],
)
def test_what_is_no_detector_is_refused_in_words(content):
    with pytest.raises(ModelError) as raised:
        loaded(content, ('person',))
    assert "'/models/tiny.onnx'" in str(raised.value)
    assert 'since it' in str(raised.value)


def test_a_graph_that_fails_on_the_probe_is_refused_with_a_remedy():
    graph = Graph()
    flat = graph.add('Reshape', 'image', graph.constant(np.array([1, 3, 640 * 640], np.int64)))
    graph.add('Identity', flat, output='y')
    content = model_of(
        graph,
        [helper.make_tensor_value_info('image', FLOAT, [1, 3, 'h', 'w'])],
        [helper.make_tensor_value_info('y', FLOAT, [1, 3, None])],
        {'classes': 'person'},
    )
    with pytest.raises(ModelError, match='input_size') as raised:
        loaded(content)
    assert '128x96' in str(raised.value)
