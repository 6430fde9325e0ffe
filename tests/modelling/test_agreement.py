import numpy as np
import pytest
from samples.detectors import FakeDetector

from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.modelling.agreement import check, compare

THRESHOLD = 0.15
NAMES = ('person', 'dog')
BLANK = Frame(np.zeros((100, 100, 3), np.uint8), 'bgr8', 100, 100)


def seeing(*rows):
    """A detector that answers with (x0, y0, x1, y1, score, class id) each time."""
    table = np.array(rows, float).reshape(-1, 6)
    answer = Detections(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int64),
        NAMES,
    )
    return FakeDetector(answer=lambda frame: answer, names=NAMES)


def compared(original, quantised, frames=1, classes=NAMES):
    return compare(original, quantised, [BLANK] * frames, THRESHOLD, classes)


BOX = (10, 10, 50, 90)


def test_a_detector_agrees_with_itself():
    same = seeing((*BOX, 0.9, 0), (60, 10, 80, 60, 0.4, 1))
    found = compared(same, same, frames=3)
    assert found == (3, 6, 6, 6, 6, 6, 6, 1.0, 0.0)
    check(found, THRESHOLD, NAMES)


def test_overlap_and_shift_are_means_over_what_was_found():
    original = seeing((0, 0, 100, 100, 0.9, 0), (0, 0, 40, 40, 0.5, 0))
    quantised = seeing((0, 0, 100, 80, 0.8, 0), (0, 0, 40, 40, 0.5, 0), (80, 80, 99, 99, 0.3, 0))
    found = compared(original, quantised)
    assert (found.expected, found.found, found.claimed, found.confirmed) == (2, 2, 3, 2)
    assert (found.before, found.after) == (2, 3)
    assert found.overlap == pytest.approx(0.9)
    assert found.score_shift == pytest.approx(0.05)


def test_what_scores_hardly_more_than_the_threshold_is_not_asked_for():
    found = compared(seeing((*BOX, 0.9, 0), (60, 10, 80, 60, 0.19, 0)), seeing((*BOX, 0.9, 0)))
    assert (found.expected, found.found, found.before) == (1, 1, 2)
    check(found, THRESHOLD, NAMES)


def test_two_boxes_on_one_person_may_become_one():
    found = compared(
        seeing((*BOX, 0.9, 0), (12, 10, 55, 92, 0.6, 0)), seeing((11, 10, 52, 91, 0.9, 0))
    )
    assert (found.expected, found.found) == (2, 2)


@pytest.mark.parametrize(
    'other',
    [(), ((*BOX, 0.9, 1),), ((30, 10, 70, 90, 0.9, 0),)],
    ids=['nobody', 'another class', 'beside'],
)
def test_what_is_not_found_again_is_refused_with_figures(other):
    found = compared(seeing((*BOX, 0.9, 0)), seeing(*other), frames=4)
    assert (found.expected, found.found) == (4, 0)
    with pytest.raises(ModelError, match=r'finds 0 of 4 \(0\.0%\) .* 0\.20 .* at least 90% .*orig'):
        check(found, THRESHOLD, NAMES)


def test_one_of_ten_may_be_lost_and_no_more():
    boxes = [(8 * index, 0, 8 * index + 6, 50, 0.9, 0) for index in range(10)]
    check(compared(seeing(*boxes), seeing(*boxes[1:])), THRESHOLD, NAMES)
    with pytest.raises(ModelError, match='finds 8 of 10'):
        check(compared(seeing(*boxes), seeing(*boxes[2:])), THRESHOLD, NAMES)


def test_people_everywhere_are_refused():
    boxes = [(8 * index, 0, 8 * index + 6, 50, 0.9, 0) for index in range(10)]
    with pytest.raises(ModelError, match=r'the original sees 5 of 10 \(50\.0%\)'):
        check(compared(seeing(*boxes[:5]), seeing(*boxes)), THRESHOLD, NAMES)


def test_only_the_classes_asked_for_count():
    original = seeing((*BOX, 0.9, 0), (60, 10, 80, 60, 0.8, 1))
    found = compared(original, seeing((*BOX, 0.9, 0)), classes=('person',))
    assert (found.expected, found.found, found.before) == (1, 1, 1)


def test_an_original_that_sees_nobody_tells_nothing():
    found = compared(seeing((*BOX, 0.17, 0)), seeing(), frames=5)
    with pytest.raises(ModelError, match=r'In none of the 5 calibration pictures .* person or dog'):
        check(found, THRESHOLD, NAMES)


def test_a_quantised_model_that_fails_is_refused():
    def fail(frame):
        raise DetectorError('The model answered with scores that are not finite.')

    with pytest.raises(
        ModelError, match=r'calibration picture 1: .* not finite\. Use the original'
    ):
        compared(seeing((*BOX, 0.9, 0)), FakeDetector(answer=fail))
