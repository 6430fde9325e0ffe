"""Contract of everything in FAMILIES. A new family gets its tiny graph in SAMPLES, no more."""

import numpy as np
import pytest
from samples import graphs

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.detectors.families import FAMILIES, GraphInfo
from anonymizer_node.detectors.onnx import OnnxDetector

SAMPLES = {'nanodet': (graphs.painted_nanodet, graphs.paint)}


def test_every_family_has_a_sample():
    assert set(SAMPLES) == set(FAMILIES)


@pytest.mark.parametrize('name', FAMILIES)
def test_a_graph_of_a_family_is_known_by_itself(name):
    make, _ = SAMPLES[name]
    for metadata in ({'classes': 'person'}, {'classes': 'person', 'family': name}):
        model = graphs.model_file(make(metadata=metadata))
        detector = OnnxDetector(model, ['cpu'], 1, 128)
        assert detector.family == name
        assert detector.names == ('person',)


@pytest.mark.parametrize('name', FAMILIES)
def test_a_graph_of_no_family_fits_none(name):
    nothing = GraphInfo((), (), {})
    assert FAMILIES[name].misfit(nothing)
    number = ('x', 'tensor(float)', (1, 4))
    assert FAMILIES[name].misfit(GraphInfo((number,), (number,), {}))


@pytest.mark.parametrize('name', FAMILIES)
def test_detections_are_detections_and_reproducible(name):
    make, paint = SAMPLES[name]
    detector = OnnxDetector(graphs.model_file(make()), ['cpu'], 1, 128)
    pixels = np.zeros((96, 128, 3), np.uint8)
    box = paint(pixels, 5, 7, 200, 2, 3)
    frame = Frame(pixels, 'bgr8', 128, 96)
    first, second = detector.detect(frame, 0.25), detector.detect(frame, 0.25)
    assert isinstance(first, Detections)
    np.testing.assert_allclose(first.xyxy, [box], atol=1e-3)
    assert np.array_equal(first.xyxy, second.xyxy)
    assert np.array_equal(first.scores, second.scores)


@pytest.mark.parametrize('name', FAMILIES)
def test_an_iou_that_suppresses_neighbours_is_none(name):
    assert 0.4 <= FAMILIES[name].NMS_IOU < 1
