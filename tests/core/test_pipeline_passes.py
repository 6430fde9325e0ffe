"""The first law over recordings: nothing leaves that the first pass did not judge."""

from dataclasses import replace

import numpy as np
import pytest
from samples.codecs import NotingCodec
from samples.detectors import FakeDetector, detections

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import NO_PIXELS, Cover, Frame, Judgement, Redacted, Region
from anonymizer_node.core.errors import (
    DetectorError,
    FrameError,
    RedactionError,
    UnsupportedEncodingError,
)
from anonymizer_node.core.pipeline import Pipeline

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
PERSON = (10, 10, 20, 30)


class Codec(NotingCodec):
    """Hands a message through; its frames are of one size and time."""

    def __init__(self, fails=(), error=None, size=(60, 40), stamp_ns=7):
        super().__init__(fails, error)
        self.size = size
        self.stamp_ns = stamp_ns

    def decode(self, message, source, least_size):
        self.called('decode')
        width, height = self.size
        pixels = np.zeros((height, width, 3), np.uint8)
        return Frame(pixels, 'bgr8', width, height, self.stamp_ns, source)

    def revisit(self, message, source):
        self.called('revisit')
        return Frame(NO_PIXELS, 'bgr8', *self.size, self.stamp_ns, source)

    def redact(self, message, frame, regions, method, strength):
        self.called('redact')
        return Redacted({'redacted': regions}, regions, 'noted')


def judgement(*boxes):
    return Judgement((detections(*boxes),), 60, 40, 7)


def cover(*held, kept=()):
    return Cover(np.array(kept, bool), np.array(held, np.float32).reshape(-1, 4))


def redacted(judged, covered, codec=None, settings=SETTINGS):
    pipeline = Pipeline(settings, [FakeDetector()])
    return pipeline.redact({'raw': True}, codec or Codec(), '/front', judged, covered)


# The first pass


def test_a_frame_is_judged_and_left_as_it_is():
    codec = Codec()
    detector = FakeDetector(PERSON, names=('person', 'chair'))
    found = Pipeline(SETTINGS, [detector]).judge({'raw': True}, codec, '/front')
    assert codec.calls == ['decode']
    assert (found.width, found.height, found.stamp_ns, found.cause) == (60, 40, 7, '')
    assert found.found[0].xyxy.tolist() == [list(PERSON)]
    assert detector.frames[0].source == '/front'


def test_only_the_classes_that_are_wanted_are_judged():
    answer = detections(PERSON, (1, 1, 5, 5), names=('person', 'chair'), ids=(0, 1))
    detector = FakeDetector(answer=lambda frame: answer, names=('person', 'chair'))
    found = Pipeline(SETTINGS, [detector]).judge({}, Codec(), '/front')
    assert found.found[0].xyxy.tolist() == [list(PERSON)]


@pytest.mark.parametrize(
    ('error', 'cause'),
    [
        (FrameError('no picture'), 'decode'),
        (UnsupportedEncodingError('no such'), 'encoding'),
        (ZeroDivisionError('odd'), 'decode'),
    ],
)
def test_a_frame_that_can_not_be_decoded_is_no_judged_one(error, cause):
    found = Pipeline(SETTINGS, [FakeDetector()]).judge({}, Codec(['decode'], error), '/front')
    assert (found.cause, found.found) == (cause, ())
    assert str(error) in found.reason


def test_a_detector_that_fails_or_answers_of_another_picture_has_not_judged():
    def fail(frame):
        raise DetectorError('told to fail')

    for detector in (FakeDetector(answer=fail), FakeDetector((90, 90, 99, 99))):
        found = Pipeline(SETTINGS, [detector]).judge({}, Codec(), '/front')
        assert (found.cause, found.found) == ('detector', ())


def test_an_interrupt_is_no_failure_of_a_frame():
    def interrupt(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pipeline(SETTINGS, [FakeDetector(answer=interrupt)]).judge({}, Codec(), '/front')


def test_the_boxes_to_join_are_padded_ones():
    pipeline = Pipeline(SETTINGS.changed(padding=0.1), [FakeDetector()])
    assert pipeline.to_cover(judgement(PERSON)).tolist() == [[9, 8, 21, 32]]


# The second pass


def test_own_boxes_and_held_ones_are_covered():
    outcome = redacted(judgement(PERSON), cover((40, 5, 50, 20), kept=[True]))
    assert outcome.status == 'anonymized'
    assert outcome.message == {'redacted': (Region(10, 10, 20, 30), Region(40, 5, 50, 20))}
    assert outcome.regions == outcome.message['redacted']
    assert len(outcome.detections) == 1
    assert (outcome.width, outcome.height, outcome.note) == (60, 40, 'noted')


def test_a_frame_without_anything_to_cover_is_the_same_message_and_not_even_decoded():
    codec = Codec()
    outcome = redacted(judgement(), cover(), codec)
    assert outcome.status == 'untouched'
    assert outcome.message == {'raw': True}
    assert codec.calls == ['stripped']
    assert len(outcome.detections) == 0


def test_what_nobody_looks_at_goes_in_the_second_pass_and_where_that_fails_the_frame():
    class Carrying(Codec):
        def stripped(self, message):
            self.called('stripped')
            return Redacted({'raw': False}, removed='a thumbnail')

    outcome = redacted(judgement(), cover(), Carrying())
    assert (outcome.message, outcome.removed) == ({'raw': False}, 'a thumbnail')
    outcome = redacted(judgement(), cover(), Carrying(fails=['stripped']))
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'redaction')


def test_a_frame_s_own_boxes_are_covered_whatever_the_joining_says():
    for kept in ([False], []):
        outcome = redacted(judgement(PERSON), cover(kept=kept))
        assert outcome.message == {'redacted': (Region(10, 10, 20, 30),)}


def test_pruned_boxes_are_not_covered_where_pruning_is_asked_for():
    pruning = SETTINGS.changed(least_sightings=2)
    boxes = judgement(PERSON, (40, 5, 50, 20))
    outcome = redacted(boxes, cover(kept=[False, True]), settings=pruning)
    assert outcome.regions == (Region(40, 5, 50, 20),)
    # What does not fit the frame's boxes decides nothing.
    outcome = redacted(boxes, cover(kept=[False]), settings=pruning)
    assert (outcome.status, outcome.message) == ('dropped', None)


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize(
    ('judged', 'covered'), [(None, cover()), (judgement(), None), (None, None)]
)
def test_what_is_not_judged_or_not_joined_does_not_leave(judged, covered, on_failure):
    codec = Codec()
    outcome = redacted(judged, covered, codec, SETTINGS.changed(on_failure=on_failure))
    assert outcome.cause == 'unjudged'
    assert outcome.reason
    assert 'redact' not in codec.calls
    if on_failure == 'drop':
        assert (outcome.status, outcome.message) == ('dropped', None)
    else:
        assert (outcome.status, outcome.message) == ('blacked_out', {'black': True})


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
def test_what_failed_in_the_first_pass_fails_in_the_second_for_the_same_cause(on_failure):
    failed = Judgement(cause='encoding', reason='no such encoding')
    outcome = redacted(failed, None, settings=SETTINGS.changed(on_failure=on_failure))
    assert (outcome.cause, outcome.reason) == ('encoding', 'no such encoding')
    assert outcome.message == (None if on_failure == 'drop' else {'black': True})


@pytest.mark.parametrize('step', ['revisit', 'redact'])
@pytest.mark.parametrize('error', [FrameError('x'), RedactionError('x'), ZeroDivisionError('x')])
def test_a_step_that_fails_lets_nothing_out(step, error):
    outcome = redacted(judgement(PERSON), cover(kept=[True]), Codec([step], error))
    assert (outcome.status, outcome.message, outcome.regions) == ('dropped', None, ())
    assert outcome.cause == {'revisit': 'decode', 'redact': 'redaction'}[step]


@pytest.mark.parametrize('codec', [Codec(size=(61, 40)), Codec(size=(60, 41)), Codec(stamp_ns=8)])
def test_a_judgement_of_another_picture_lets_nothing_out(codec):
    outcome = redacted(judgement(PERSON), cover(kept=[True]), codec)
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'unjudged')


@pytest.mark.parametrize('odd', [np.nan, np.inf])
def test_a_box_that_is_not_finite_lets_nothing_out(odd):
    outcome = redacted(judgement(), cover((0, 0, odd, 10)))
    assert (outcome.status, outcome.message) == ('dropped', None)


def test_both_passes_make_of_one_frame_what_one_pass_does():
    two = SETTINGS.changed(model=('a', 'b'), padding=0.1)
    detectors = [FakeDetector(PERSON), FakeDetector((40, 5, 50, 20))]
    pipeline = Pipeline(two, detectors)
    at_once = pipeline.process({'raw': True}, Codec(), '/front')
    judged = pipeline.judge({'raw': True}, Codec(), '/front')
    after = pipeline.redact({'raw': True}, Codec(), '/front', judged, cover(kept=[True] * 2))
    assert len(after.detections) == len(at_once.detections) == 2
    assert replace(after, detections=None) == replace(at_once, detections=None)
