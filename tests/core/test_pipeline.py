"""The first law: nothing leaves that did not go through every step."""

from dataclasses import replace

import numpy as np
import pytest
from samples.codecs import NotingCodec
from samples.detectors import FakeDetector, detections
from samples.images import Stamp, image, noise, pixels_of, rows_of

from anonymizer_node.core.asked import MOST_BOXES
from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import STATUSES, Frame, Redacted, Region
from anonymizer_node.core.errors import (
    ConfigError,
    DetectorError,
    FrameError,
    RedactionError,
    UnsupportedEncodingError,
)
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.image_codecs import ImageCodec

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)


class FakeCodec(NotingCodec):
    """Hands a message through; it may obscure more than it is asked to."""

    def __init__(self, fails=(), error=None, widen=0, encoding='bgr8'):
        super().__init__(fails, error)
        self.widen = widen
        self.encoding = encoding

    def decode(self, message, source, least_size):
        self.called('decode')
        self.least_size = least_size
        return Frame(noise(40, 60), self.encoding, 60, 40, message.get('stamp', 0), source)

    def redact(self, message, frame, regions, method, strength):
        self.called('redact')
        self.asked = (method, strength)
        wide = tuple(Region(r.x0 - self.widen, r.y0, r.x1 + self.widen, r.y1) for r in regions)
        return Redacted({'redacted': wide}, wide, 'noted')


def run(codec=None, detector=None, settings=SETTINGS, message=None):
    codec, detector = codec or FakeCodec(), detector or FakeDetector((10, 10, 20, 30))
    return Pipeline(settings, [detector]).process(message or {'raw': True}, codec, '/front')


def test_a_frame_with_people_leaves_redacted():
    codec = FakeCodec(widen=2)
    detector = FakeDetector((10, 10, 20, 30))
    detector.input_size = 640
    outcome = run(codec, detector, settings=SETTINGS.changed(method='blur', strength=0.7))
    assert outcome.status == 'anonymized'
    assert outcome.message == {'redacted': (Region(8, 10, 22, 30),)}
    # What is reported is what was obscured, not what was asked for.
    assert outcome.regions == (Region(8, 10, 22, 30),)
    assert outcome.note == 'noted'
    assert (outcome.width, outcome.height) == (60, 40)
    assert len(outcome.detections) == 1
    assert codec.calls == ['decode', 'redact']
    assert codec.asked == ('blur', 0.7)
    assert codec.least_size == 640


def test_a_frame_without_people_leaves_as_the_same_object():
    message = {'raw': True}
    codec = FakeCodec()
    outcome = run(codec, FakeDetector(), message=message)
    assert outcome.status == 'untouched'
    assert outcome.message is message
    assert outcome.regions == ()
    assert codec.calls == ['decode', 'stripped']


class Carrying(FakeCodec):
    """Its messages carry a thumbnail."""

    def stripped(self, message):
        self.called('stripped')
        return Redacted({'raw': False}, removed='a thumbnail')


def test_nobody_is_found_and_the_thumbnail_goes_all_the_same():
    outcome = run(Carrying(), FakeDetector())
    assert (outcome.status, outcome.message) == ('untouched', {'raw': False})
    assert outcome.removed == 'a thumbnail'


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize('error', [FrameError('told to fail'), ValueError('not foreseen')])
def test_a_frame_that_can_not_be_freed_of_its_thumbnail_does_not_leave(on_failure, error):
    codec = Carrying(fails=['stripped'], error=error)
    outcome = run(codec, FakeDetector(), SETTINGS.changed(on_failure=on_failure))
    assert outcome.cause == 'redaction'
    assert outcome.message == (None if on_failure == 'drop' else {'black': True})


def test_the_detector_is_shown_the_frame_and_its_threshold():
    seen = []

    class Asking(FakeDetector):
        def detect(self, frame, score_threshold):
            seen.append((frame.source, frame.width, score_threshold))
            return detections()

    run(detector=Asking(), settings=SETTINGS.changed(score_threshold=0.33))
    assert seen == [('/front', 60, 0.33)]


def test_padding_widens_outward_and_is_clipped_to_the_frame():
    outcome = run(
        detector=FakeDetector((0.5, 0.5, 10.5, 20.5)), settings=SETTINGS.changed(padding=0.1)
    )
    # 10 x 20 grown by 1 and 2 on every side: -0.5..11.5, -1.5..22.5.
    assert outcome.regions == (Region(0, 0, 12, 23),)


FAILURES = {
    'decode': ('decode', FrameError('told to fail')),
    'decode by surprise': ('decode', ValueError('surprise')),
    'encoding': ('decode', UnsupportedEncodingError('told to fail')),
    'redaction': ('redact', RedactionError('told to fail')),
    'redaction by surprise': ('redact', MemoryError()),
    'redaction index': ('redact', IndexError('surprise')),
}


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize('name', FAILURES)
def test_whatever_fails_the_message_does_not_leave(name, on_failure):
    place, error = FAILURES[name]
    message = {'raw': True}
    codec = FakeCodec((place,), error)
    outcome = run(codec, settings=SETTINGS.changed(on_failure=on_failure), message=message)
    assert outcome.message is not message
    if on_failure == 'drop':
        assert outcome.status == 'dropped'
        assert outcome.message is None
        assert 'blacked_out' not in codec.calls
    else:
        assert outcome.status == 'blacked_out'
        assert outcome.message == {'black': True}
    assert outcome.cause == name.split()[0]
    assert outcome.regions == ()
    assert outcome.reason
    if 'surprise' in name:
        assert type(error).__name__ in outcome.reason


@pytest.mark.parametrize('name', FAILURES)
def test_a_frame_that_can_not_even_be_blacked_out_is_dropped(name):
    place, error = FAILURES[name]
    codec = FakeCodec((place, 'blacked_out'), error)
    outcome = run(codec, settings=SETTINGS.changed(on_failure='blackout'))
    assert outcome.status == 'dropped'
    assert outcome.message is None
    assert outcome.cause == name.split()[0]


def answers():
    person = detections((10, 10, 20, 30))
    yield 'raises', DetectorError('told to fail')
    yield 'raises by surprise', RuntimeError('CUDA is gone')
    yield 'nothing', None
    yield 'boxes alone', person.xyxy
    yield 'inside out', detections((20, 10, 10, 30))
    yield 'upside down', detections((10, 30, 20, 10))
    yield 'right of the frame', detections((60, 0, 70, 10))
    yield 'below the frame', detections((0, 40, 10, 50))
    yield 'left of the frame', detections((-10, 0, 0, 10))
    yield 'above the frame', detections((0, -10, 10, 0))
    yield 'one sound and one outside', detections((10, 10, 20, 30), (600, 0, 640, 20))
    yield 'other names', detections((10, 10, 20, 30), names=('human',))
    yield 'other names, empty', detections(names=('human',))
    yield 'normalised to thousands', detections((1e6, 1e6, 2e6, 2e6))
    yield 'too many', detections(*[(10, 10, 20, 30)] * (MOST_BOXES + 1))


@pytest.mark.parametrize(('name', 'answer'), answers(), ids=lambda value: str(value)[:30])
@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
def test_a_detector_that_did_not_judge_lets_nothing_out(name, answer, on_failure):
    def tell(frame):
        if isinstance(answer, Exception):
            raise answer
        return answer

    message = {'raw': True}
    outcome = run(
        detector=FakeDetector(answer=tell),
        settings=SETTINGS.changed(on_failure=on_failure),
        message=message,
    )
    assert outcome.cause == 'detector', name
    assert outcome.message is not message
    assert outcome.status == {'drop': 'dropped', 'blackout': 'blacked_out'}[on_failure]
    assert outcome.reason


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_detector_that_answers_nan_lets_nothing_out(bad):
    outcome = run(detector=FakeDetector((10, 10, bad, 30)))
    assert (outcome.status, outcome.cause) == ('dropped', 'detector')
    assert 'finite' in outcome.reason


@pytest.mark.parametrize(
    ('box', 'region'),
    [
        ((-20, -20, 1, 1), (0, 0, 1, 1)),
        ((59.5, 39.5, 80, 80), (59, 39, 60, 40)),
        ((-5, -5, 100, 100), (0, 0, 60, 40)),
        ((30.2, 20.2, 30.4, 20.4), (30, 20, 31, 21)),
    ],
)
def test_a_box_at_the_edge_is_obscured_to_the_last_row_and_column(box, region):
    outcome = run(detector=FakeDetector(box))
    assert outcome.status == 'anonymized'
    assert outcome.regions == (Region(*region),)


def test_only_the_wanted_classes_are_obscured():
    names = ('dog', 'person', 'car')
    both = detections((0, 0, 9, 9), (20, 20, 30, 30), names=names, ids=[1, 2])
    detector = FakeDetector(answer=lambda frame: both, names=names)
    assert run(detector=detector).regions == (Region(0, 0, 9, 9),)
    everything = SETTINGS.changed(classes=('person', 'car'))
    assert len(run(detector=detector, settings=everything).regions) == 2
    assert run(detector=detector, settings=SETTINGS.changed(classes=('dog',))).status == 'untouched'


def test_as_many_boxes_as_are_allowed_are_obscured_and_others_do_not_count():
    names = ('person', 'dog')
    boxes = [(10, 10, 20, 30)] * (2 * MOST_BOXES)
    ids = [0] * MOST_BOXES + [1] * MOST_BOXES
    detector = FakeDetector(answer=lambda f: detections(*boxes, names=names, ids=ids), names=names)
    assert len(run(detector=detector).regions) == MOST_BOXES


def test_a_box_outside_the_frame_is_a_failure_whatever_its_class():
    names = ('person', 'dog')
    stray = detections((0, 0, 9, 9), (900, 0, 950, 9), names=names, ids=[0, 1])
    outcome = run(detector=FakeDetector(answer=lambda frame: stray, names=names))
    assert outcome.cause == 'detector'


def test_a_class_that_the_model_lacks_is_refused():
    with pytest.raises(ConfigError) as raised:
        Pipeline(SETTINGS.changed(classes=('person', 'rider')), [FakeDetector()])
    assert "'rider'" in str(raised.value)
    assert 'person' in str(raised.value)
    pipeline = Pipeline(SETTINGS, [FakeDetector()])
    with pytest.raises(ConfigError):
        pipeline.settings = SETTINGS.changed(classes=('rider',))
    assert pipeline.settings == SETTINGS


def test_settings_take_effect_with_the_next_frame():
    pipeline = Pipeline(SETTINGS, [FakeDetector((10, 10, 20, 30))])
    codec = FakeCodec()
    pipeline.process({}, codec, '/front')
    assert codec.asked == ('blackout', 0.5)
    pipeline.settings = SETTINGS.changed(method='pixelate')
    pipeline.process({}, codec, '/front')
    assert codec.asked == ('pixelate', 0.5)


def test_a_frame_in_work_keeps_its_settings():
    def change(frame):
        pipeline.settings = SETTINGS.changed(method='pixelate', on_failure='blackout')
        return detections((10, 10, 20, 30))

    pipeline = Pipeline(SETTINGS, [FakeDetector(answer=change)])
    codec = FakeCodec()
    pipeline.process({}, codec, '/front')
    assert codec.asked == ('blackout', 0.5)


def test_holding_is_per_source_and_can_be_forgotten():
    people = [detections((10, 10, 20, 30))]
    detector = FakeDetector(answer=lambda frame: people[0])
    pipeline = Pipeline(SETTINGS.changed(hold_seconds=1.0), [detector])

    def status(source, stamp_ms):
        return pipeline.process({'stamp': stamp_ms * 1_000_000}, FakeCodec(), source).status

    assert [status('/a', 0), status('/c', 0)] == ['anonymized', 'anonymized']
    people[0] = detections()
    assert status('/a', 100) == 'anonymized'
    assert status('/b', 100) == 'untouched'
    pipeline.forget('/a')
    pipeline.forget('/never seen')
    assert status('/a', 200) == 'untouched'
    assert status('/c', 200) == 'anonymized'
    pipeline.forget()
    assert status('/c', 300) == 'untouched'


def test_a_person_stays_held_through_a_frame_that_failed():
    answer = [detections((10, 10, 20, 30))]

    def tell(frame):
        if answer[0] is None:
            raise DetectorError('told to fail')
        return answer[0]

    pipeline = Pipeline(SETTINGS.changed(hold_seconds=1.0), [FakeDetector(answer=tell)])
    seen = []
    for stamp_ms, told in enumerate([answer[0], None, detections()]):
        answer[0] = told
        outcome = pipeline.process({'stamp': stamp_ms * 1_000_000}, FakeCodec(), '/a')
        seen.append(outcome.status)
    assert seen == ['anonymized', 'dropped', 'anonymized']


def test_an_interrupt_is_not_swallowed():
    def interrupt(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(detector=FakeDetector(answer=interrupt))


def test_every_status_is_one_of_the_four():
    outcomes = [
        run(),
        run(detector=FakeDetector()),
        run(FakeCodec(('decode',))),
        run(FakeCodec(('decode',)), settings=SETTINGS.changed(on_failure='blackout')),
    ]
    assert {outcome.status for outcome in outcomes} == set(STATUSES)


def test_a_real_message_through_all_steps():
    pixels = noise(40, 60)
    message = image(pixels, padding=5, stamp=Stamp(3, 4))
    pipeline = Pipeline(SETTINGS, [FakeDetector((10, 10, 20, 30))])
    outcome = pipeline.process(message, ImageCodec(), '/front')
    assert outcome.message is message
    after = pixels_of(message)
    assert not after[10:30, 10:20].any()
    after[10:30, 10:20] = pixels[10:30, 10:20]
    assert np.array_equal(after, pixels)
    assert not rows_of(message)[:, 180:].any(), 'the padding is cleared'


@pytest.mark.parametrize('box', [(10, 10, 10, 60), (10, 60, 40, 60)])
def test_a_box_without_size_is_not_taken_for_nobody(box):
    outcome = Pipeline(SETTINGS, [FakeDetector(box)]).process(
        image(noise(80, 80)), ImageCodec(), '/front'
    )
    assert (outcome.status, outcome.cause) == ('dropped', 'detector')


# --- Several detectors


def several(detectors, settings, frames=1):
    pipeline = Pipeline(settings, detectors)
    codec = FakeCodec()
    outcomes = [
        pipeline.process({'stamp': index * 100_000_000}, codec, '/front') for index in range(frames)
    ]
    return outcomes if frames > 1 else outcomes[0]


def test_what_any_of_them_finds_is_obscured_on_its_own_terms():
    class Asked(FakeDetector):
        def detect(self, frame, score_threshold):
            self.threshold = score_threshold
            return super().detect(frame, score_threshold)

    person = Asked((0, 0, 10, 20))
    badge = Asked(
        answer=lambda frame: detections(
            (30, 10, 40, 20), (50, 0, 60, 9), names=('badge', 'dog'), ids=(0, 1)
        ),
        names=('badge', 'dog'),
    )
    outcome = several(
        [person, badge],
        SETTINGS.changed(
            model=('person', 'b.onnx classes=badge padding=0.5 score_threshold=0.4'),
            padding=0.1,
            score_threshold=0.2,
        ),
    )
    assert outcome.message == {'redacted': (Region(0, 0, 11, 22), Region(25, 5, 45, 25))}
    assert (person.threshold, badge.threshold) == (0.2, 0.4)
    assert outcome.detections.names == ('person', 'badge', 'dog')
    assert outcome.detections.class_ids.tolist() == [0, 1]


def test_one_that_fails_fails_the_frame():
    def fail(frame):
        raise DetectorError('no answer')

    outcome = several(
        [FakeDetector((0, 0, 10, 20)), FakeDetector(answer=fail)],
        SETTINGS.changed(model=('a', 'b')),
    )
    assert (outcome.status, outcome.cause, outcome.message) == ('dropped', 'detector', None)


def test_each_must_have_a_class_that_is_wanted():
    both = SETTINGS.changed(model=('a', 'f.onnx'))
    with pytest.raises(ConfigError, match=r"'f.onnx' has no class 'person'.*classes=face"):
        Pipeline(both, [FakeDetector(), FakeDetector(names=('face',))])
    faces = FakeDetector(names=('face',))
    Pipeline(both.changed(classes=('person', 'face')), [FakeDetector(), faces])


def test_as_many_detectors_as_models_are_needed():
    with pytest.raises(ConfigError, match='1 model, and there are 2 detectors'):
        Pipeline(SETTINGS, [FakeDetector(), FakeDetector()])


def test_the_codec_keeps_as_many_pixels_as_the_neediest_uses():
    first, second = FakeDetector((0, 0, 10, 20)), FakeDetector()
    second.input_size = 900
    codec = FakeCodec()
    pipeline = Pipeline(SETTINGS.changed(model=('a', 'b')), [first, second])
    pipeline.process({'raw': True}, codec, '/front')
    assert codec.least_size == 900


# --- Heads


def test_of_whom_only_the_head_is_asked_for_the_body_stays():
    outcome = run(
        detector=FakeDetector((10, 0, 20, 40)), settings=SETTINGS.changed(region=('head',))
    )
    assert outcome.message == {'redacted': (Region(10, 0, 20, 12),)}


def test_a_face_is_obscured_and_widens_the_head():
    person = FakeDetector((10, 0, 20, 40))
    face = FakeDetector((12, 4, 16, 8), names=('face',))
    settings = SETTINGS.changed(model=('a', 'f.onnx classes=face'), region=('person=head',))
    outcome = several([person, face], settings)
    assert outcome.message == {'redacted': (Region(12, 4, 16, 8), Region(10, 0, 20, 12))}


def test_heads_are_by_class():
    two = FakeDetector(
        answer=lambda frame: detections(
            (0, 0, 10, 40), (20, 0, 30, 40), names=('person', 'rider'), ids=(0, 1)
        ),
        names=('person', 'rider'),
    )
    settings = SETTINGS.changed(classes=('person', 'rider'), region=('head', 'person=person'))
    outcome = run(detector=two, settings=settings)
    assert outcome.message == {'redacted': (Region(0, 0, 10, 40), Region(20, 0, 30, 12))}


def test_a_class_that_nobody_has_is_no_region():
    with pytest.raises(ConfigError, match="No model has a class 'rider'; there are person"):
        Pipeline(SETTINGS.changed(region=('rider=head',)), [FakeDetector()])


# --- Detecting on every n-th frame


SOMEBODY = (10, 10, 20, 30)


@pytest.mark.parametrize('size', [(120, 80), (30, 20), (120, 40)])
def test_a_person_held_stays_covered_when_the_camera_changes_its_resolution(size):
    """Missed in the first frame of the new size: where they were, in its pixels, is covered."""
    people = [detections((10, 10, 20, 30))]
    detector = FakeDetector(answer=lambda frame: people[0])
    flow = Pipeline(SETTINGS.changed(hold_seconds=1.0), [detector])
    flow.process(image(noise(40, 60), stamp=Stamp(1, 0)), ImageCodec(), '/a')
    people[0] = detections()
    other = image(noise(size[1], size[0]), stamp=Stamp(1, 100_000_000))
    outcome = flow.process(other, ImageCodec(), '/a')
    (region,) = outcome.regions
    across, down = size[0] / 60, size[1] / 40
    assert region.x0 <= 10 * across < 20 * across <= region.x1
    assert region.y0 <= 10 * down < 30 * down <= region.y1
    assert region.area < 2 * 200 * across * down


def test_a_head_is_on_top_of_the_picture_as_it_is_shown():
    class Lying(FakeCodec):
        def decode(self, message, source, least_size):
            return replace(super().decode(message, source, least_size), orientation=6)

    # As shown, 40 x 60: somebody upright at the left. As stored: lying, the head to the left.
    def upright(frame):
        return detections((0, 10, 20, 60)) if frame.width == 40 else detections()

    detector = FakeDetector(answer=upright)
    settings = SETTINGS.changed(region=('head',))
    outcome = run(codec=Lying(), detector=detector, settings=settings)
    # To a viewer that doesn't turn it, somebody's head may be on top as it is stored.
    heads = [[10, 20, 60, 40], [10, 20, 25, 40]]
    assert sorted(outcome.regions) == sorted(Region(*head) for head in heads)
    assert outcome.detections.xyxy.tolist() == [[10, 20, 60, 40]]
    assert (outcome.width, outcome.height) == (60, 40)
    pipeline = Pipeline(settings, [FakeDetector(answer=upright)])
    judged = pipeline.judge({}, Lying(), '/front')
    assert sorted(pipeline.to_cover(judged).tolist()) == sorted(heads)


EVERY_THIRD = SETTINGS.changed(detect_every=3, hold_seconds=1.0)


def stamped_run(pipeline, *stamps_ms, source='/front', codec=None):
    codec = codec or FakeCodec()
    return [pipeline.process({'stamp': ms * 1_000_000}, codec, source) for ms in stamps_ms]


def test_between_detections_regions_are_carried_on_and_widened():
    detector = FakeDetector(SOMEBODY)
    outcomes = stamped_run(Pipeline(EVERY_THIRD, [detector], live=True), 100, 200, 300, 400)
    assert [frame.stamp_ns // 1_000_000 for frame in detector.frames] == [100, 400]
    assert [outcome.status for outcome in outcomes] == ['anonymized'] * 4
    assert [outcome.detections is None for outcome in outcomes] == [False, True, True, False]
    areas = [outcome.regions[0].area for outcome in outcomes]
    assert areas[0] == areas[3] == 200
    assert areas[0] < areas[1] <= areas[2]
    for outcome in outcomes:
        region = outcome.regions[0]
        assert (region.x0, region.y0) <= (10, 10)
        assert (region.x1, region.y1) >= (20, 30)


def test_between_detections_a_frame_with_nobody_to_carry_is_passed_on():
    message = {'stamp': 200_000_000}
    pipeline = Pipeline(EVERY_THIRD, [FakeDetector()], live=True)
    stamped_run(pipeline, 100)
    outcome = pipeline.process(message, FakeCodec(), '/front')
    assert outcome.status == 'untouched'
    assert outcome.message is message


def test_every_source_has_its_own_turn():
    detector = FakeDetector(SOMEBODY)
    pipeline = Pipeline(EVERY_THIRD, [detector], live=True)
    stamped_run(pipeline, 100, 200)
    stamped_run(pipeline, 200, 300, source='/rear')
    assert [(frame.source, frame.stamp_ns // 1_000_000) for frame in detector.frames] == [
        ('/front', 100), ('/rear', 200),
    ]  # fmt: skip


@pytest.mark.parametrize(
    'stamps',
    [(100, 301), (100, 1200), (100, 100), (100, 50)],
    ids=['after a while', 'after a gap', 'no time passed', 'time went back'],
)
def test_where_carrying_is_not_safe_the_detector_is_asked(stamps):
    detector = FakeDetector(SOMEBODY)
    stamped_run(Pipeline(EVERY_THIRD, [detector], live=True), *stamps)
    assert len(detector.frames) == 2


def test_without_a_hold_every_frame_is_detected_on():
    detector = FakeDetector(SOMEBODY)
    stamped_run(Pipeline(SETTINGS.changed(detect_every=3), [detector], live=True), 100, 200, 300)
    assert len(detector.frames) == 3


def test_after_a_frame_that_failed_the_next_is_detected_on():
    answers = iter([detections(SOMEBODY), None, detections(SOMEBODY), None])
    detector = FakeDetector(answer=lambda frame: next(answers))
    outcomes = stamped_run(
        Pipeline(EVERY_THIRD, [detector], live=True), 100, 200, 300, 400, 500, 600
    )
    assert [outcome.status for outcome in outcomes] == [
        'anonymized', 'anonymized', 'anonymized', 'dropped', 'anonymized', 'anonymized',
    ]  # fmt: skip
    assert [frame.stamp_ns // 1_000_000 for frame in detector.frames] == [100, 400, 500]


def test_a_frame_of_another_size_is_detected_on():
    class Growing(FakeCodec):
        def decode(self, message, source, least_size):
            frame = super().decode(message, source, least_size)
            return replace(frame, width=frame.width + message['stamp'] // 200_000_000)

    detector = FakeDetector(SOMEBODY)
    stamped_run(Pipeline(EVERY_THIRD, [detector], live=True), 100, 150, 250, codec=Growing())
    assert [frame.stamp_ns // 1_000_000 for frame in detector.frames] == [100, 250]


@pytest.mark.parametrize('other', ['frame_id', 'encoding', 'orientation'])
def test_two_cameras_in_turn_on_one_topic_are_both_detected_on(other):
    class InTurn(FakeCodec):
        def decode(self, message, source, least_size):
            frame = super().decode(message, source, least_size)
            rear = message['stamp'] // 50_000_000 % 2
            values = {'frame_id': 'rear', 'encoding': 'rgb8', 'orientation': 3}
            return replace(frame, **{other: values[other]}) if rear else frame

    detector = FakeDetector(SOMEBODY)
    pipeline = Pipeline(EVERY_THIRD.changed(detect_every=2), [detector], live=True)
    stamped_run(pipeline, 100, 150, 200, 250, 300, codec=InTurn())
    assert {frame.stamp_ns // 1_000_000 for frame in detector.frames} == {100, 150, 200, 250, 300}


def test_every_frame_is_detected_on_where_several_cameras_may_send():
    detector = FakeDetector(SOMEBODY)
    pipeline = Pipeline(EVERY_THIRD, [detector], live=True)
    # Once one of them has left, what was seen last may be of either.
    sent = ((100, True), (150, False), (200, False), (250, True), (300, True))
    for stamp_ms, is_from_one in sent:
        pipeline.process({'stamp': stamp_ms * 1_000_000}, FakeCodec(), '/front', is_from_one)
    assert [frame.stamp_ns // 1_000_000 for frame in detector.frames] == [100, 150, 200, 250]


def test_detect_every_changes_at_run_time():
    detector = FakeDetector(SOMEBODY)
    pipeline = Pipeline(EVERY_THIRD, [detector], live=True)
    stamped_run(pipeline, 100, 200)
    pipeline.settings = EVERY_THIRD.changed(detect_every=1)
    stamped_run(pipeline, 300, 400)
    assert [frame.stamp_ns // 1_000_000 for frame in detector.frames] == [100, 300, 400]


def test_over_a_recording_every_frame_is_detected_on_whatever_the_setting():
    detector = FakeDetector(SOMEBODY)
    stamped_run(Pipeline(EVERY_THIRD, [detector]), 100, 200, 300)
    assert len(detector.frames) == 3


def test_what_is_asked_for_at_run_time_is_looked_for_in_the_next_frame():
    detector = FakeDetector(SOMEBODY)
    pipeline = Pipeline(EVERY_THIRD, [detector], live=True)
    stamped_run(pipeline, 100)
    pipeline.settings = EVERY_THIRD.changed(score_threshold=0.1)
    stamped_run(pipeline, 200)
    assert len(detector.frames) == 2


def test_three_hundred_people_stay_covered_between_detections():
    many = [(x, y, x + 1, y + 1) for x in range(0, 60, 3) for y in range(0, 40, 2)][:300]
    assert len(many) == 300
    pipeline = Pipeline(EVERY_THIRD, [FakeDetector(*many)], live=True)
    first, second = stamped_run(pipeline, 100, 200)
    assert len(first.regions) == len(second.regions) == 300


def test_a_class_that_every_model_leaves_out_is_refused():
    settings = SETTINGS.changed(model=('a', 'b classes=mask'), classes=('person', 'face'))
    detectors = [FakeDetector(), FakeDetector(names=('mask', 'face'))]
    with pytest.raises(ConfigError, match="'face' would not be obscured"):
        Pipeline(settings, detectors)
