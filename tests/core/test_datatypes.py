import numpy as np
import pytest

from anonymizer_node.core.datatypes import Detections, Region
from anonymizer_node.core.errors import AnonymizerError, DetectorError


def made(xyxy, scores=None, ids=None, names=('person', 'dog')):
    xyxy = np.array(xyxy, np.float32)
    count = len(xyxy)
    return Detections(
        xyxy,
        np.array([0.5] * count if scores is None else scores, np.float32),
        np.array([0] * count if ids is None else ids, np.int64),
        names,
    )


def test_region_is_half_open():
    region = Region(2, 3, 7, 4)
    assert (region.width, region.height, region.area) == (5, 1, 5)


def test_no_detections_is_legal():
    assert len(Detections.empty()) == 0
    assert Detections.empty().xyxy.shape == (0, 4)
    assert Detections.empty(('dog',)).names == ('dog',)
    assert len(made(np.zeros((0, 4)))) == 0


def test_detections_count():
    assert len(made([[0, 0, 1, 1], [2, 2, 3, 3]], ids=[0, 1])) == 2


@pytest.mark.parametrize(
    ('xyxy', 'scores', 'ids', 'named'),
    [
        ([0, 0, 1, 1], [0.5], [0], 'xyxy'),
        (np.zeros(0), [], [], 'xyxy'),
        ([[0, 0, 1]], [0.5], [0], 'xyxy'),
        (np.zeros((1, 4, 1)), [0.5], [0], 'xyxy'),
        ([[0, 0, 1, 1]], [], [0], 'scores'),
        ([[0, 0, 1, 1]], [[0.5]], [0], 'scores'),
        ([[0, 0, 1, 1]], [0.5], [0, 0], 'class_ids'),
        (np.zeros((0, 4)), [0.5], [], 'scores'),
    ],
)
def test_shapes_that_disagree_are_refused(xyxy, scores, ids, named):
    with pytest.raises(DetectorError, match=named):
        made(xyxy, scores, ids)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('place', ['box', 'score'])
def test_a_number_that_is_not_finite_is_no_judgement(bad, place):
    box = [0.0, 0.0, 4.0, bad if place == 'box' else 4.0]
    with pytest.raises(DetectorError, match='finite'):
        made([[0, 0, 1, 1], box], [0.5, bad if place == 'score' else 0.5])


@pytest.mark.parametrize('class_id', [-1, 2, 80])
def test_a_class_without_a_name_is_refused(class_id):
    with pytest.raises(DetectorError, match=r'0\.\.1'):
        made([[0, 0, 1, 1]], ids=[class_id])


def test_every_error_has_the_one_root():
    from anonymizer_node.core import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 5
    assert all(issubclass(kind, AnonymizerError) for kind in kinds)


def test_detections_of_some_classes_keep_names_and_ids():
    found = made([[0, 0, 4, 4], [1, 1, 5, 5], [2, 2, 6, 6]], [0.9, 0.8, 0.7], [0, 1, 0])
    people = found.of_classes(('person', 'cat'))
    assert people.xyxy.tolist() == [[0, 0, 4, 4], [2, 2, 6, 6]]
    assert people.scores.tolist() == pytest.approx([0.9, 0.7])
    assert people.class_ids.tolist() == [0, 0]
    assert people.names == ('person', 'dog')
    assert len(found.of_classes(())) == 0
