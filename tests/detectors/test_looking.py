from copy import copy

import cv2
import numpy as np
import pytest
from samples.graphs import model_file, paint, painted_nanodet

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.geometry import nms
from anonymizer_node.detectors.family import Decoded
from anonymizer_node.detectors.looking import ThoroughDetector
from anonymizer_node.detectors.onnx import OnnxDetector


class Seeing:
    """Sees what is white, in whatever part of a frame and size it is asked about."""

    model, provider, family, family_reason = 'model', 'cpu', 'nanodet', 'told'
    names = ('person',)
    input_size = 512

    def __init__(self, fixed=False):
        self.is_fixed = fixed
        self.asked = []

    def candidates(self, frame, score_threshold, input_size=0):
        self.asked.append((frame.width, frame.height, input_size))
        mask = np.ascontiguousarray(frame.pixels[..., 0])
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        scale = frame.width / mask.shape[1]
        boxes = [np.array([x, y, x + w, y + h]) * scale for x, y, w, h, _ in stats[1:]]
        count = len(boxes)
        return Decoded(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(count, 0.5, np.float32),
            np.zeros(count, np.int64),
        )

    def chosen(self, candidates, otherwise_iou=None):
        best = nms(*candidates[:2], otherwise_iou, candidates.class_ids)
        return Detections(*(part[best] for part in candidates), self.names)


def frame_with(*boxes, width=640, height=480, reduced=1):
    pixels = np.zeros((height // reduced, width // reduced, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0 // reduced : y1 // reduced, x0 // reduced : x1 // reduced] = 255
    return Frame(pixels, 'bgr8', width, height, 7, '/front')


def found(frame, thoroughness='thorough', **about):
    return ThoroughDetector(Seeing(**about), thoroughness).detect(frame, 0.2).xyxy.tolist()


@pytest.mark.parametrize('thoroughness', ['balanced', 'thorough'])
@pytest.mark.parametrize('fixed', [False, True])
@pytest.mark.parametrize('reduced', [1, 2])
def test_everybody_is_found_once_and_in_pixels_of_the_frame(thoroughness, fixed, reduced):
    people = [[20, 40, 60, 120], [400, 300, 440, 400], [600, 440, 640, 480]]
    frame = frame_with(*people, reduced=reduced)
    assert sorted(found(frame, thoroughness, fixed=fixed)) == people


def test_a_detector_once_more_looks_at_the_same_and_shares_nothing_but_what_is_loaded():
    class Again(Seeing):
        def again(self):
            other = copy(self)
            other.of = self
            return other

    one = ThoroughDetector(Again(), 'thorough')
    two = one.again()
    assert two.views == one.views
    assert two.detector is not one.detector
    assert two.detector.of is one.detector
    frame = frame_with([20, 40, 60, 120])
    assert two.detect(frame, 0.2).xyxy.tolist() == [[20, 40, 60, 120]]


@pytest.mark.parametrize('size', [(640, 480), (480, 640)])
def test_one_who_lies_across_tiles_is_one(size):
    # Wider than the overlap, so that no tile shows all of it.
    person = [size[0] // 2 - 60, size[1] // 2 - 20, size[0] // 2 + 60, size[1] // 2 + 20]
    parts = ThoroughDetector(Seeing(), 'thorough')
    assert parts.detect(frame_with(person, width=size[0], height=size[1]), 0.2).xyxy.tolist() == [
        person
    ]


def test_only_the_look_for_near_people_counts_for_large_boxes():
    """What a large input makes of somebody near would obscure more and hide nobody."""

    class Wide(Seeing):
        def candidates(self, frame, score_threshold, input_size=0):
            near = super().candidates(frame, score_threshold, input_size)
            if input_size > 512:
                near.xyxy[:, 2] += 200
            return near

    detector = ThoroughDetector(Wide(), 'balanced')
    large, small = [0, 0, 400, 400], [450, 10, 630, 100]
    boxes = detector.detect(frame_with(large), 0.2).xyxy.tolist()
    assert boxes == [large]
    boxes = detector.detect(frame_with(small), 0.2).xyxy.tolist()
    assert sorted(boxes) == [small, [450, 10, 830, 100]]


def test_the_looks_are_as_planned_and_tiles_of_a_standing_frame_stand():
    seeing = Seeing(fixed=True)
    ThoroughDetector(seeing, 'balanced').detect(frame_with(), 0.2)
    assert [(width, height) for width, height, _ in seeing.asked] == [
        (640, 480), (356, 480), (356, 480),
    ]  # fmt: skip
    seeing = Seeing(fixed=True)
    ThoroughDetector(seeing, 'balanced').detect(frame_with(width=480, height=640), 0.2)
    assert [(width, height) for width, height, _ in seeing.asked] == [
        (480, 640), (480, 356), (480, 356),
    ]  # fmt: skip


def test_nobody_is_no_detections():
    assert found(frame_with()) == []


@pytest.mark.parametrize('shape', [(1, 1), (1, 9), (3, 2)])
def test_a_tiny_frame_has_tiles_too(shape):
    pixels = np.full((*shape, 3), 255, np.uint8)
    boxes = ThoroughDetector(Seeing(), 'thorough').detect(
        Frame(pixels, 'bgr8', shape[1], shape[0]), 0.2
    )
    assert [0, 0, shape[1], shape[0]] in boxes.xyxy.tolist()


def test_it_says_what_the_detector_says_and_how_much_of_a_frame_it_uses():
    detector = ThoroughDetector(Seeing(), 'thorough')
    told = (detector.model, detector.provider, detector.family, detector.family_reason)
    assert told == ('model', 'cpu', 'nanodet', 'told')
    assert detector.names == ('person',)
    assert detector.input_size == round(512 * 1.8)


def test_a_real_graph_finds_the_same_person_in_every_size():
    pixels = np.zeros((192, 256, 3), np.uint8)
    box = paint(pixels, 8, 12, 200, across=4, down=8)
    inner = OnnxDetector(model_file(painted_nanodet()), ['cpu'], 1, 256)
    detections = ThoroughDetector(inner, 'balanced').detect(Frame(pixels, 'bgr8', 256, 192), 0.2)
    assert detections.names == ('person',)
    centres = (detections.xyxy[:, :2] + detections.xyxy[:, 2:]) / 2
    expected = (np.array(box[:2]) + box[2:]) / 2
    assert len(centres) >= 1
    assert (np.abs(centres - expected) < 16).all()
