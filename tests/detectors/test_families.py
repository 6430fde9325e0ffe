"""Contract of everything in FAMILIES. A new family gets one in samples/exports.py."""

import numpy as np
import pytest
from samples.exports import EXPORTS, Planted, export, to_input
from samples.graphs import model_file
from samples.images import image, pixels_of

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.detectors.families import FAMILIES
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.formats.image_codecs import CODECS

FRAME_WIDTH, FRAME_HEIGHT = 256, 128
LEFT = (40, 20, 80, 100)
RIGHT = (84, 20, 124, 100)
KINDS = [(name, kind) for name, about in EXPORTS.items() for kind in about.kinds]


def frame(bright=True, width=FRAME_WIDTH, height=FRAME_HEIGHT):
    pixels = np.full((height, width, 3), 255 if bright else 0, np.uint8)
    return Frame(pixels, 'bgr8', width, height)


def loaded(content, family='', classes=()):
    return OnnxDetector(model_file(content, family, classes), ['cpu'], 1, 128)


def planted(name, box, score=0.75, class_id=0, width=FRAME_WIDTH, height=FRAME_HEIGHT):
    placement = FAMILIES[name].preprocessing.placement
    return Planted(to_input(box, placement, width, height), score, class_id)


def test_every_family_has_an_export():
    assert list(EXPORTS) == list(FAMILIES)


@pytest.mark.parametrize('name', FAMILIES)
def test_what_a_family_is_is_said(name):
    family = FAMILIES[name]
    assert family.title
    assert family.source.startswith('https://')
    assert family.nms_iou is None or 0.4 <= family.nms_iou < 1


@pytest.mark.parametrize('name', FAMILIES)
def test_a_graph_s_family_is_guessed_and_the_guess_is_stated(name):
    detector = loaded(export(name))
    assert detector.family == name
    assert detector.family_reason.startswith('guessed: ')
    assert detector.names == EXPORTS[name].classes


@pytest.mark.parametrize('name', FAMILIES)
def test_a_graph_s_family_can_be_named(name):
    content = export(name)
    for_setting = OnnxDetector(model_file(content), ['cpu'], 1, 128, family=name)
    assert 'the setting "family"' in for_setting.family_reason
    assert 'models.yaml' in loaded(content, name).family_reason
    metadata = {'classes': ','.join(EXPORTS[name].classes), 'family': name}
    assert 'its metadata' in loaded(export(name, metadata=metadata)).family_reason


@pytest.mark.parametrize('named', FAMILIES)
@pytest.mark.parametrize('name', FAMILIES)
def test_a_wrong_family_is_refused(name, named):
    if named == name:
        return
    with pytest.raises(ModelError) as raised:
        loaded(export(name), named)
    said = str(raised.value)
    assert f'not {named}, since' in said
    assert "'/models/tiny.onnx'" in said


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_boxes_are_in_pixels_of_a_frame_that_is_not_square(name, kind):
    detector = loaded(export(name, [planted(name, LEFT)], kind))
    found = detector.detect(frame(), 0.25)
    assert isinstance(found, Detections)
    assert (found.xyxy.dtype, found.scores.dtype) == (np.float32, np.float32)
    half = kind == 'float16'
    np.testing.assert_allclose(found.xyxy, [LEFT], atol=0.5 if half else 1e-3)
    np.testing.assert_allclose(found.scores, [0.75], atol=1e-3)


@pytest.mark.parametrize('name', FAMILIES)
def test_boxes_are_in_pixels_of_a_frame_that_is_upright(name):
    size = {'width': 96, 'height': 192}
    box = (10, 30, 50, 130)
    detector = loaded(export(name, [planted(name, box, **size)]))
    found = detector.detect(frame(**size), 0.25)
    np.testing.assert_allclose(found.xyxy, [box], atol=1e-3)


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_nobody_is_no_detections(name, kind):
    found = loaded(export(name, [planted(name, LEFT)], kind)).detect(frame(bright=False), 0.01)
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)
    assert found.names == EXPORTS[name].classes


@pytest.mark.parametrize('name', FAMILIES)
@pytest.mark.parametrize(
    'box', [(-20, 30, 40, 100), (200, 20, 256, 128), (210, -10, 270, 60), (0, 0, 60, 100)]
)
def test_a_person_at_the_edge_is_kept(name, box):
    found = loaded(export(name, [planted(name, box)])).detect(frame(), 0.25)
    np.testing.assert_allclose(found.xyxy, [box], atol=1e-3)


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_of_two_people_side_by_side_both_are_kept(name, kind):
    both = [planted(name, LEFT, 0.75), planted(name, RIGHT, 0.5)]
    found = loaded(export(name, both, kind)).detect(frame(), 0.25)
    half = kind == 'float16'
    np.testing.assert_allclose(found.xyxy, [LEFT, RIGHT], atol=0.5 if half else 1e-3)


@pytest.mark.parametrize('name', FAMILIES)
def test_the_best_comes_first(name):
    both = [planted(name, LEFT, 0.5), planted(name, RIGHT, 0.75)]
    found = loaded(export(name, both)).detect(frame(), 0.25)
    np.testing.assert_allclose(found.scores, [0.75, 0.5], atol=1e-6)


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_a_score_at_exactly_the_threshold_is_kept_and_one_below_is_not(name, kind):
    both = [planted(name, LEFT, 0.25), planted(name, RIGHT, 0.249)]
    found = loaded(export(name, both, kind)).detect(frame(), 0.25)
    assert found.scores.tolist() == [0.25]


@pytest.mark.parametrize('name', FAMILIES)
def test_a_threshold_that_half_precision_can_not_write_is_kept_too(name):
    if 'float16' not in EXPORTS[name].kinds or name == 'yunet':  # Its root rounds on the way.
        return
    assert float(np.float16(0.1)) < 0.1
    found = loaded(export(name, [planted(name, LEFT, 0.1)], 'float16')).detect(frame(), 0.1)
    assert len(found) == 1


@pytest.mark.parametrize('name', FAMILIES)
def test_half_precision_gives_the_classes_that_single_does(name):
    if 'float16' not in EXPORTS[name].kinds or len(EXPORTS[name].classes) == 1:
        return
    found = loaded(export(name, [planted(name, LEFT, 0.5, 2)], 'float16')).detect(frame(), 0.25)
    assert found.class_ids.tolist() == [2]


@pytest.mark.parametrize('name', FAMILIES)
def test_channels_may_come_first_or_last(name):
    for channels_last in (False, True):
        content = export(name, [planted(name, LEFT)], channels_last=channels_last)
        found = loaded(content).detect(frame(), 0.25)
        np.testing.assert_allclose(found.xyxy, [LEFT], atol=1e-3)


@pytest.mark.parametrize('name', FAMILIES)
def test_a_size_fixed_by_the_graph_goes_before_the_setting(name):
    content = export(name, [planted(name, LEFT)])
    detector = OnnxDetector(model_file(content), ['cpu'], 1, 640)
    assert detector.input_size == 128
    np.testing.assert_allclose(detector.detect(frame(), 0.25).xyxy, [LEFT], atol=1e-3)


@pytest.mark.parametrize('name', FAMILIES)
def test_a_free_batch_is_one(name):
    content = export(name, [planted(name, LEFT)], batch='batch')
    assert len(loaded(content).detect(frame(), 0.25)) == 1


@pytest.mark.parametrize('name', FAMILIES)
def test_a_fixed_batch_is_refused(name):
    content = export(name, [planted(name, LEFT)], batch=2)
    if FAMILIES[name].placeholder_shape:
        # 128 x 64 is what the frame gets; the tiny graph still answers as to 128 x 96.
        with pytest.raises(DetectorError, match='expected'):
            loaded(content).detect(frame(), 0.25)
        whole = frame(width=256, height=192)
        assert len(loaded(content).detect(whole, 0.25)) == 1
        return
    with pytest.raises(ModelError, match='takes 2 pictures at a time'):
        loaded(content)


# --- Answers that are none


def outputs_of(name):
    probe = EXPORTS[name].encode((), len(EXPORTS[name].classes))
    unused = {'540', *(key for key in probe if key.startswith('kps'))}
    return [key for key in probe if key not in unused and probe[key].dtype.kind == 'f']


SPOILED = [(name, output) for name in FAMILIES for output in outputs_of(name)]


@pytest.mark.parametrize('bad', [np.nan, np.inf])
@pytest.mark.parametrize(('name', 'output'), SPOILED)
def test_an_answer_that_is_no_number_is_not_nobody(name, output, bad):
    def spoil(outputs):
        outputs[output][...] = bad

    detector = loaded(export(name, [planted(name, LEFT)], spoil=spoil))
    assert len(detector.detect(frame(bright=False), 0.25)) == 0
    if output in ('box_16', 'box_32', 'bbox_16', 'bbox_32'):
        return  # Nobody is at these strides, so only scores tell.
    with pytest.raises(DetectorError):
        detector.detect(frame(), 0.25)


@pytest.mark.parametrize('name', FAMILIES)
def test_one_box_that_is_no_number_is_not_left_out(name):
    """Every number that isn't a score, the detection's own included, becomes NaN."""
    content = export(name, [planted(name, LEFT)])
    clean = loaded(content)
    session, family = clean._session, clean._family

    class Spoiled:
        def run(self, names, feeds):
            answer = [np.array(array) for array in session.run(names, feeds)]
            for array in answer:
                if array.dtype.kind == 'f':
                    array[(array != 0) & (array != 0.75) & (array != 1) & (array != 0.25)] = np.nan
            return answer

    clean._session = Spoiled()
    assert family is FAMILIES[name]
    with pytest.raises(DetectorError):
        clean.detect(frame(), 0.5)


@pytest.mark.parametrize('name', FAMILIES)
@pytest.mark.parametrize('score', [-3.0, 4.0])
def test_a_score_that_is_no_share_is_refused(name, score):
    with pytest.raises(DetectorError, match='not 0 to 1'):
        loaded(export(name, [planted(name, LEFT, score)])).detect(frame(), 0.25)


@pytest.mark.parametrize(
    'name', ['yolo_end2end', 'rtdetr', 'tfod', 'yolov5', 'yolov8', 'ultraface']
)
def test_a_box_turned_inside_out_is_refused(name):
    x0, y0, x1, y1 = LEFT
    with pytest.raises(DetectorError, match='inside out'):
        loaded(export(name, [planted(name, (x1, y0, x0, y1))])).detect(frame(), 0.25)


@pytest.mark.parametrize('name', ['yolo_end2end', 'rtdetr', 'tfod'])
def test_a_class_without_a_name_is_refused(name):
    content = export(name, [planted(name, LEFT, 0.5, 3)])
    with pytest.raises(DetectorError, match='class id'):
        loaded(content).detect(frame(), 0.25)


@pytest.mark.parametrize('name', ['yolo_end2end', 'tfod'])
@pytest.mark.parametrize('bad', [0.5, np.nan, np.inf])
def test_a_class_that_is_no_whole_number_is_refused(name, bad):
    def spoil(outputs):
        if name == 'tfod':
            outputs['detection_classes'][0, 0] = bad
        else:
            outputs['output0'][0, 0, 5] = bad

    with pytest.raises(DetectorError, match='whole numbers'):
        loaded(export(name, [planted(name, LEFT)], spoil=spoil)).detect(frame(), 0.25)


@pytest.mark.parametrize('count', [-1, 21, np.nan, 0.5])
def test_a_number_of_detections_that_is_none_is_refused(count):
    def spoil(outputs):
        outputs['num_detections'][0] = count

    with pytest.raises(DetectorError):
        loaded(export('tfod', [planted('tfod', LEFT)], spoil=spoil)).detect(frame(), 0.25)


# --- Classes


@pytest.mark.parametrize('name', [name for name in EXPORTS if len(EXPORTS[name].classes) > 1])
def test_only_the_classes_of_the_settings_are_obscured(name):
    both = [planted(name, LEFT, 0.75, 1), planted(name, RIGHT, 0.5, 2)]
    detector = loaded(export(name, both))
    found = detector.detect(frame(), 0.25)
    assert [found.names[index] for index in found.class_ids] == ['dog', 'car']
    settings = Settings(classes=('car',), padding=0.0, hold_seconds=0.0)
    codec = CODECS['sensor_msgs/msg/Image']
    pixels = np.full((FRAME_HEIGHT, FRAME_WIDTH, 3), 255, np.uint8)
    outcome = Pipeline(settings, [detector]).process(image(pixels), codec, '/camera')
    assert outcome.status == 'anonymized', outcome.reason
    black = (pixels_of(outcome.message) == 0).all(axis=2)
    assert black[20:100, 84:124].all()
    assert not black[:, :83].any()


@pytest.mark.parametrize('name', FAMILIES)
def test_classes_and_names_must_be_as_many(name):
    dense = ('yolo' in name and 'end2end' not in name) or 'nanodet' in name
    if dense or FAMILIES[name].names:
        with pytest.raises(ModelError, match='since'):
            loaded(export(name, metadata={'classes': 'one,two,three,four'}))
    else:
        assert len(loaded(export(name, metadata={'classes': 'one,two,three,four'})).names) == 4


@pytest.mark.parametrize('name', FAMILIES)
def test_a_graph_without_class_names_is_refused_or_known(name):
    content = export(name, metadata={})
    if FAMILIES[name].names:
        assert loaded(content).names == FAMILIES[name].names
        return
    with pytest.raises(ModelError, match='classes'):
        loaded(content)
    assert loaded(content, '', EXPORTS[name].classes).names == EXPORTS[name].classes


@pytest.mark.parametrize('name', ['yolox', 'yolox_decoded', 'yolov5', 'yolov8', 'nanodet_plus'])
def test_eighty_classes_are_coco_s(name):
    eighty = tuple(map(str, range(80)))
    detector = loaded(export(name, [planted(name, LEFT, 0.5, 16)], metadata={}, classes=eighty))
    found = detector.detect(frame(), 0.25)
    assert len(found.names) == 80
    assert found.names[found.class_ids[0]] == 'dog'
