import dataclasses

import numpy as np
import pytest
from samples.detectors import FakeDetector, detections
from samples.labelled import annotation, write_coco

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError, DetectorError
from anonymizer_node.modelling.bars import judge, parse_bar
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import LEAST_SCORE, evaluate, share_covered

PEOPLE = [
    annotation(1, (10, 10, 30, 50)),  # Half of it is found.
    annotation(1, (60, 10, 64, 14)),  # Small, and below a tenth of 80 rows: missed.
    annotation(2, (0, 0, 100, 80)),  # All of it is found.
    annotation(2, (50, 40, 100, 80), crowd=1),
]
SETTINGS = Settings(padding=0.0)


@pytest.fixture
def dataset(tmp_path):
    """Pictures 1, 2 with people, 3 and 4 empty."""
    names = ['1.png', '2.png', '3.png', '4.png']
    return read_dataset(write_coco(tmp_path, names, PEOPLE), ('person',))


class InTurn(FakeDetector):
    """Answers picture by picture; each is shown twice: for AP50, and by the pipeline."""

    def __init__(self, *answers, names=('person',)):
        super().__init__(answer=self._next, names=names)
        self.thresholds = []
        self._answers = [answer for answer in answers for _ in range(2)]

    def detect(self, frame, score_threshold):
        self.thresholds.append(score_threshold)
        return super().detect(frame, score_threshold)

    def _next(self, frame):
        answer = self._answers[len(self.frames) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def told():
    """Half of the first person, all of the third, two false ones in picture 3."""
    return InTurn(
        detections((10, 10, 30, 30)),
        detections((0, 0, 100, 80)),
        detections((0, 0, 10, 10), (20, 20, 30, 30)),
        detections(),
    )


def test_every_share_is_that_of_the_pixels(dataset):
    found = evaluate(dataset, SETTINGS, {'told': told()})
    assert [person.covered for person in found.people] == [0.5, 0.0, 1.0]
    assert found.group('all') == (3, 2 / 3, 1 / 3, 1 / 3, 0.0)
    assert found.group('tenth') == (2, 1.0, 0.5, 0.5, 0.5)
    assert found.group('below_tenth') == (1, 0.0, 0.0, 0.0, 0.0)
    assert found.group('small').people == 2  # 20 x 40 px is less than 32 x 32.
    assert found.group('medium') == (1, 1.0, 1.0, 1.0, 1.0)
    assert found.group('large') == (0, None, None, None, None)
    assert found.group('class person') == found.group('all')
    # 20 x 20, all of 8000, and twice 10 x 10, of four pictures.
    assert found.pixels_obscured == (400 + 8000 + 200) / 32000
    assert found.pixels_of_people == (800 + 16 + 8000) / 32000
    assert (len(found.empty), found.false_per_empty) == (2, 1.0)
    assert found.failed == 0


def test_ap50_counts_from_a_low_score_and_the_rest_at_the_settings(dataset):
    detector = told()
    found = evaluate(dataset, SETTINGS, {'told': detector})
    assert detector.thresholds == [LEAST_SCORE, SETTINGS.score_threshold] * 4
    # All sure alike, in order: hit (overlap one half), hit, false, false; one of three is missed.
    assert found.precisions[0].ap50 == pytest.approx(2 / 3)


def test_padding_counts_as_the_pipeline_applies_it(dataset):
    found = evaluate(dataset, Settings(padding=0.25), {'told': told()})
    assert found.people[0].covered == 25 / 40


def test_nothing_is_held_from_one_picture_to_the_next(dataset):
    answers = [detections((0, 0, 100, 80)), *[detections()] * 3]
    found = evaluate(dataset, Settings(hold_seconds=10.0), {'told': InTurn(*answers)})
    assert [len(frame.regions) for frame in found.frames] == [1, 0, 0, 0]


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
def test_a_picture_that_fails_is_in_no_figure_and_is_said(dataset, on_failure):
    answers = [DetectorError('told to fail'), *[detections()] * 3]
    settings = SETTINGS.changed(on_failure=on_failure)
    found = evaluate(dataset, settings, {'told': InTurn(*answers)})
    assert (found.failed, found.causes) == (1, {'detector': 1})
    assert found.reasons == {'detector': 'told to fail'}
    assert [person.picture for person in found.people] == [1]
    assert found.pixels_of_people == 8000 / 24000
    assert found.precisions[0].unjudged == 1
    figures = found.as_dict()
    assert figures['failed']['people'] == 2
    assert figures['data']['people'] == 3


def test_what_the_settings_do_not_name_hides_nobody(dataset):
    detector = FakeDetector(
        answer=lambda frame: detections((0, 0, 100, 80), names=('dog', 'person')),
        names=('dog', 'person'),
    )
    found = evaluate(dataset, SETTINGS, {'told': detector})
    assert found.group('all').least == 0.0
    assert found.precisions[0][1:3] == (('person',), 0.0)


def test_it_is_no_matter_under_which_class_somebody_was_hidden(dataset):
    names = ('rider', 'person')
    answer = detections((10, 10, 30, 50), (60, 10, 64, 14), names=names, ids=[0, 1])
    whole = detections((0, 0, 100, 80), names=names, ids=[0])
    none = detections(names=names)
    detector = InTurn(answer, whole, none, none, names=names)
    settings = SETTINGS.changed(classes=names)
    found = evaluate(dataset, settings, {'told': detector})
    assert found.precisions[0].ap50 == 1.0
    assert found.precisions[0].by_class == {}
    assert found.group('all').least == 1.0


def test_several_labelled_classes_have_their_own_figures_too(tmp_path):
    boxes = [annotation(1, (0, 0, 10, 10)), annotation(1, (50, 50, 60, 60), category=2)]
    dataset = read_dataset(write_coco(tmp_path, ['1.png'], boxes), ('person', 'dog'))
    names = ('person', 'dog')
    # The dog is found as a person: hidden all the same.
    answer = detections((0, 0, 10, 10), (50, 50, 60, 60), names=names, ids=[0, 0])
    found = evaluate(
        dataset, SETTINGS.changed(classes=names), {'told': InTurn(answer, names=names)}
    )
    assert found.precisions[0].ap50 == 1.0
    assert found.precisions[0].by_class == {'person': 1.0, 'dog': 0.0}
    assert found.group('class dog').least == 1.0


def test_a_class_that_the_detector_lacks_is_refused(dataset):
    with pytest.raises(ConfigError, match='face'):
        evaluate(dataset, SETTINGS.changed(classes=('face',)), {'told': told()})


def test_the_worst_misses_are_those_of_whom_most_is_visible(dataset):
    found = evaluate(dataset, SETTINGS, {'told': told()})
    assert [(miss.picture, miss.uncovered_px) for miss in found.misses(9)] == [(0, 400), (0, 16)]
    assert len(found.misses(1)) == 1


def test_the_json_has_every_figure(dataset):
    figures = evaluate(dataset, SETTINGS, {'told': told()}).as_dict(misses=1)
    assert figures['data'] == {
        'path': str(dataset.path),
        'kind': 'coco',
        'labels': ['person'],
        'pictures': 4,
        'people': 3,
        'crowds': 1,
        'labels_left_out': 0,
    }
    assert figures['people']['tenth'] == {
        'people': 2,
        'half_covered': 1.0,
        'covered_70': 0.5,
        'covered_90': 0.5,
        'least_covered': 0.5,
    }
    assert figures['empty'] == {
        'pictures': 2,
        'with_regions': 1,
        'false_regions': 2,
        'false_regions_per_picture': 1.0,
    }
    assert figures['detectors'][0]['name'] == 'told'
    assert figures['misses'] == [
        {'picture': '1.png', 'label': 'person', 'box': [10, 10, 30, 50], 'covered': 0.5}
    ]
    assert figures['settings'] == SETTINGS.as_dict()


def test_progress_is_told(dataset):
    told_of = []
    evaluate(dataset, SETTINGS, {'told': told()}, lambda *done: told_of.append(done))
    assert told_of == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ('box', 'share'),
    [
        ((0, 0, 4, 4), 1.0),
        ((2, 0, 6, 4), 0.5),
        ((3.5, 0, 4.5, 1), 0.5),  # Rounded outward: columns 3 and 4.
        ((-5, 0, 4, 4), 1.0),
        ((6, 6, 90, 90), 0.0),
        ((20, 20, 30, 30), 1.0),
    ],
)
def test_share_covered(box, share):
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    assert share_covered(mask, box) == share


# --- Bars

GROUPS = ['all', 'tenth', 'small', 'large', 'class person']


@pytest.mark.parametrize(
    ('text', 'value', 'met'),
    [
        ('half=1', 1.0, True),
        ('all:half=0.66', 2 / 3, True),
        ('all:half=0.67', 2 / 3, False),
        ('90=0.5', 0.5, True),
        ('70=0.51', 0.5, False),
        ('least=0.5', 0.5, True),
        ('small:least=0.1', 0.0, False),
        ('class person:half=0.5', 2 / 3, True),
        ('large:half=0', None, False),
        ('ap50=0.66', 2 / 3, True),
        ('ap50=0.67', 2 / 3, False),
        ('pixels=0.26875', 0.26875, True),
        ('pixels=0.26', 0.26875, False),
        ('false=1', 1.0, True),
        ('false=0.9', 1.0, False),
    ],
)
def test_a_bar_is_met_or_not(dataset, text, value, met):
    found = evaluate(dataset, SETTINGS, {'told': told()})
    (judged,) = judge([parse_bar(text, GROUPS)], found)
    assert (judged.value, judged.met) == (pytest.approx(value) if value else value, met)


def test_without_an_empty_picture_nothing_shows_that_there_is_nothing_false(dataset):
    some = dataclasses.replace(dataset, pictures=dataset.pictures[:2])
    found = evaluate(some, SETTINGS, {'told': told()})
    assert judge([parse_bar('false=9', GROUPS)], found)[0].met is False


@pytest.mark.parametrize(
    'text',
    ['half', 'half=', 'half=x', 'half=-1', 'half=nan', 'half=1.1', 'best=1', '80=1', 'false=inf',
     'none:half=1', 'all:pixels=0.5', 'all:ap50=0.5'],
)  # fmt: skip
def test_a_bar_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=text):
        parse_bar(text, GROUPS)
