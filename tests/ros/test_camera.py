from __future__ import annotations

import itertools
import types

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Outcome
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.ros import followers
from anonymizer_node.ros.camera import Camera
from anonymizer_node.ros.inlet import TELLS_ABOUT_MESSAGES, UnsupportedEventTypeError
from anonymizer_node.ros.intake import HUNG_S, Intake
from anonymizer_node.ros.topics import CameraPlan

PLAN = CameraPlan('/a', '/anonymized/a', '/a', '/anonymized/a', 'sensor_msgs/msg/Image')


class Detector:
    names = ('person', 'dog')
    input_size = 512
    boxes = ([4, 4, 12, 12],)
    class_ids = (0,)

    def detect(self, frame, score_threshold):
        count = len(self.boxes)
        return Detections(
            np.array(self.boxes, np.float32).reshape(-1, 4),
            np.ones(count, np.float32),
            np.array(self.class_ids, np.int64),
            self.names,
        )


class Node:
    """As much of a node as a camera needs."""

    def __init__(self):
        self.published = []
        self.logged = []
        self.receive = None
        self.publishers = [b'one']
        self.type_name = ''
        self.tells_of_losses = True
        self.running = True
        self.context = types.SimpleNamespace(ok=lambda: self.running)
        self.now_ns = 2_000_000_000
        self._parameter_overrides = {}

    def create_lifecycle_publisher(self, kind, topic, qos, qos_overriding_options):
        return types.SimpleNamespace(publish=self.published.append, on_activate=lambda state: None)

    def create_subscription(
        self, kind, topic, callback, qos, event_callbacks, qos_overriding_options, raw
    ):
        if event_callbacks is not None and not self.tells_of_losses:
            raise UnsupportedEventTypeError('not by this middleware')
        numbers = itertools.count(1)

        def receive(message, number=0):
            numbered = {'publication_sequence_number': next(numbers) if number == 0 else number}
            callback(*([message, numbered] if TELLS_ABOUT_MESSAGES else [message]))

        self.receive, self.events = receive, event_callbacks
        return object()

    def get_publishers_info_by_topic(self, topic):
        qos = QoSProfile(depth=5)
        return [
            types.SimpleNamespace(
                endpoint_gid=list(gid), topic_type=self.type_name, qos_profile=qos
            )
            for gid in self.publishers
        ]

    def destroy_lifecycle_publisher(self, publisher):
        pass

    def destroy_subscription(self, subscription):
        pass

    def get_clock(self):
        return types.SimpleNamespace(now=lambda: types.SimpleNamespace(nanoseconds=self.now_ns))

    def get_logger(self):
        note = self.logged.append
        return types.SimpleNamespace(
            info=lambda text: None,
            warning=lambda text: note(('warning', text)),
            error=lambda text: note(('error', text)),
        )


class Announcer:
    def __init__(self):
        self.told = []

    def tell(self, outcome, codec, output_topic, camera):
        self.told.append((outcome, output_topic, camera))


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def announcer():
    return Announcer()


@pytest.fixture
def camera(node, announcer):
    made = Camera(node, 5, PLAN, Pipeline(Settings(), [Detector()]), announcer)
    made.open()
    return made


def image(sec=1):
    message = Image(height=16, width=16, step=48, encoding='bgr8', data=[200] * 768)
    message.header.stamp.sec = sec
    return message


def test_frame_goes_through_and_is_told_of(camera, node, announcer):
    node.receive(image())
    assert camera.has_work
    camera.serve()
    assert not camera.has_work
    (published,) = node.published
    pixels = np.frombuffer(published.data, np.uint8).reshape(16, 16, 3)
    assert not pixels[3:13, 3:13].any()
    assert (pixels[0] == 200).all()
    tally = camera.intake.tally()
    assert (tally.anonymized, tally.people, tally.ages_ms) == (1, 1, (1000.0,))
    assert announcer.told[0][1:] == ('/anonymized/a', 5)


def test_loss_that_the_middleware_tells_of_is_counted_and_logged(camera, node):
    node.events.message_lost(types.SimpleNamespace(total_count=5, total_count_change=2))
    assert camera.intake.tally().dropped == {'transport': 2}
    assert camera.intake.tally().adds_up
    assert [level for level, _ in node.logged] == ['warning']


needs_numbers = pytest.mark.skipif(
    not TELLS_ABOUT_MESSAGES, reason='this rclpy does not hand out the numbers of messages'
)


@needs_numbers
def test_frames_that_fell_out_of_the_queue_are_counted_by_their_numbers(camera, node):
    node.receive(image(), 7)
    camera.serve()
    node.receive(image(), 12)
    # The middleware may tell of them too; they are counted once.
    node.events.message_lost(types.SimpleNamespace(total_count=4, total_count_change=4))
    tally = camera.intake.tally()
    assert (tally.received, tally.dropped['transport']) == (6, 4)
    assert tally.adds_up
    assert [level for level, _ in node.logged] == ['warning']


@needs_numbers
def test_losses_of_two_publishers_are_counted_by_the_middleware(camera, node):
    node.publishers = [b'one', b'two']
    node.receive(image(), 7)
    node.receive(image(), 100)
    node.events.message_lost(types.SimpleNamespace(total_count=4, total_count_change=4))
    assert camera.intake.tally().dropped['transport'] == 4


@pytest.mark.parametrize(('publishers', 'judged'), [([b'one'], 2), ([b'one', b'two'], 4), ([], 4)])
def test_frames_are_passed_over_only_where_one_camera_sends(node, announcer, publishers, judged):
    settings = Settings(detect_every=2, hold_seconds=1.0)
    camera = Camera(node, 5, PLAN, Pipeline(settings, [Detector()], live=True), announcer)
    node.publishers = publishers
    node.type_name = 'sensor_msgs/msg/Image'
    camera.open()
    for step in range(4):
        message = image()
        message.header.stamp.nanosec = step * 50_000_000
        node.receive(message)
        camera.serve()
    tally = camera.intake.tally()
    assert (tally.anonymized, tally.carried) == (4, 4 - judged)


def test_middleware_that_tells_of_no_losses_is_done_with(node, announcer):
    node.tells_of_losses = False
    camera = Camera(node, 0, PLAN, Pipeline(Settings(), [Detector()]), announcer)
    camera.open()
    node.receive(image())
    assert node.events is None
    assert camera.has_work


def test_nothing_to_serve_is_no_work(camera, node):
    camera.serve()
    assert node.published == []


def test_only_wanted_classes_count_as_people(camera, node, monkeypatch):
    monkeypatch.setattr(Detector, 'boxes', ([4, 4, 12, 12], [0, 0, 5, 5]))
    monkeypatch.setattr(Detector, 'class_ids', (0, 1))
    node.receive(image())
    camera.serve()
    assert camera.intake.tally().people == 1


@pytest.mark.parametrize('stamp_s', [0, 3, -100])
def test_stamp_of_another_clock_gives_no_age(camera, node, stamp_s):
    node.now_ns = 100_000_000_000_000 if stamp_s <= 0 else node.now_ns
    node.receive(image(max(stamp_s, 0)))
    camera.serve()
    assert camera.intake.tally().ages_ms == ()


def test_camera_closed_during_the_work_publishes_nothing(camera, node, monkeypatch, announcer):
    process = camera._pipeline.process

    def close_meanwhile(*arguments):
        outcome = process(*arguments)
        assert outcome.message is not None
        camera.close()
        return outcome

    monkeypatch.setattr(camera._pipeline, 'process', close_meanwhile)
    node.receive(image())
    camera.serve()
    assert node.published == announcer.told == node.logged == []
    assert camera.intake.tally().dropped == {'inactive': 1}


def test_error_that_escapes_the_pipeline_drops_the_frame(camera, node, monkeypatch):
    def broken(*arguments):
        raise ValueError('a bug')

    monkeypatch.setattr(camera._pipeline, 'process', broken)
    node.receive(image())
    camera.serve()
    assert node.published == []
    assert camera.intake.tally().dropped == {'internal': 1}
    assert camera.intake.tally().failure.reason == 'ValueError: a bug'
    assert node.logged[0][0] == 'error'


def test_error_while_publishing_is_counted_as_a_drop(camera, node, monkeypatch):
    def refuse(message):
        raise RuntimeError('no room')

    monkeypatch.setattr(camera._outlet._publisher, 'publish', refuse)
    node.receive(image())
    camera.serve()
    assert camera.intake.tally().dropped == {'internal': 1}
    assert camera.intake.tally().published == 0


def test_error_while_publishing_at_the_end_of_the_process_is_no_failure(camera, node, monkeypatch):
    def refuse(message):
        node.running = False
        raise RuntimeError('the context is gone')

    monkeypatch.setattr(camera._outlet._publisher, 'publish', refuse)
    node.receive(image())
    camera.serve()
    assert camera.intake.tally().dropped == {'inactive': 1}
    assert node.logged == []


class TooLate:
    """A clock that jumps when told."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.mark.parametrize(('took_s', 'published'), [(HUNG_S, 1), (HUNG_S + 0.1, 0)])
def test_result_that_comes_back_too_late_is_never_published(
    camera, node, monkeypatch, took_s, published
):
    clock = TooLate()
    camera.intake = Intake(clock)
    camera.intake.open()
    process = camera._pipeline.process

    def slow(*arguments):
        outcome = process(*arguments)
        assert outcome.message is not None
        clock.now_s += took_s
        return outcome

    monkeypatch.setattr(camera._pipeline, 'process', slow)
    node.receive(image())
    camera.serve()
    assert len(node.published) == camera.intake.tally().published == published
    assert camera.intake.tally().dropped == ({} if published else {'hung': 1})
    assert camera.intake.tally().adds_up


def no_memory(*arguments, **named):
    raise MemoryError


STARVED = {
    'decode': ('_codec', 'decode', 'decode'),
    'detector': ('_detector', 'detect', 'detector'),
    'redaction': ('_codec', 'redact', 'redaction'),
    'publication': ('_outlet', 'publish', 'internal'),
}


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize('where', STARVED)
def test_frame_without_memory_is_dropped_counted_and_the_next_one_passes(
    camera, node, monkeypatch, where, on_failure
):
    camera._pipeline.settings = Settings(on_failure=on_failure)
    camera._detector = Detector
    owner, method, cause = STARVED[where]
    with monkeypatch.context() as starved:
        target = getattr(camera, owner)
        if owner == '_codec':
            fake = types.SimpleNamespace(
                decode=target.decode, redact=target.redact, blacked_out=no_memory
            )
            setattr(fake, method, no_memory)
            starved.setattr(camera, owner, fake)
        else:
            starved.setattr(target, method, no_memory)
            starved.setattr(type(camera._codec), 'blacked_out', no_memory)
        node.receive(image())
        camera.serve()
    tally = camera.intake.tally()
    assert node.published == []
    assert tally.dropped == {cause: 1}
    assert 'MemoryError' in tally.failure.reason
    assert tally.adds_up
    node.receive(image(2))
    camera.serve()
    assert len(node.published) == 1


def test_no_memory_for_the_sentence_either_leaves_the_books_right(camera, node, monkeypatch):
    monkeypatch.setattr(camera._pipeline, 'process', no_memory)
    monkeypatch.setattr(camera, '_unexpected', no_memory)
    node.receive(image())
    with pytest.raises(MemoryError):  # The worker survives it.
        camera.serve()
    tally = camera.intake.tally()
    assert (node.published, tally.dropped, tally.pending) == ([], {'internal': 1}, 0)
    assert tally.adds_up
    assert camera.intake.busy_s() == 0.0


def test_frame_that_can_not_be_taken_in_is_counted_and_the_process_lives(camera, node, monkeypatch):
    with monkeypatch.context() as starved:
        starved.setattr(camera.intake, 'offer', no_memory)
        node.receive(image())
    tally = camera.intake.tally()
    assert (tally.received, tally.dropped) == (1, {'internal': 1})
    node.receive(image(2))
    camera.serve()
    assert len(node.published) == 1


def test_no_memory_beside_a_frame_leaves_the_frame_be(camera, node, monkeypatch):
    with monkeypatch.context() as starved:
        starved.setattr(camera._inlet._gaps, 'before', no_memory)
        starved.setattr(camera, 'wake', no_memory)
        node.receive(image())
    camera.serve()
    assert len(node.published) == camera.intake.tally().published == 1
    assert [level for level, _ in node.logged] == ['error']


def test_error_while_telling_of_regions_leaves_the_frame_published(
    camera, node, announcer, monkeypatch
):
    def refuse(*arguments):
        raise RuntimeError('gone')

    monkeypatch.setattr(announcer, 'tell', refuse)
    node.receive(image())
    camera.serve()
    assert len(node.published) == camera.intake.tally().published == 1
    assert camera.intake.tally().adds_up


def test_frame_that_went_out_is_counted_so_though_not_even_an_error_can_be_logged(
    camera, node, announcer, monkeypatch
):
    monkeypatch.setattr(announcer, 'tell', no_memory)
    monkeypatch.setattr(node, 'get_logger', no_memory)
    node.receive(image())
    camera.serve()
    tally = camera.intake.tally()
    assert len(node.published) == tally.anonymized == 1
    assert tally.dropped == {}
    assert tally.adds_up


def test_same_failure_is_logged_once(camera, node):
    for _ in range(3):
        node.receive(Image(encoding='from_the_future'))
        camera.serve()
    assert len(node.logged) == 1
    level, text = node.logged[0]
    assert level == 'error'
    assert '/a: frame dropped, encoding' in text
    assert "'from_the_future' is not supported" in text


def test_overrun_is_logged_as_a_warning_and_rate_is_not(camera, node):
    node.receive(image())
    node.receive(image())
    assert [level for level, _ in node.logged] == ['warning']
    camera._pipeline.settings = Settings(max_rate_hz=0.1)
    node.logged.clear()
    for _ in range(4):
        node.receive(image())
    assert camera.intake.tally().dropped['rate'] >= 2
    assert [text for _, text in node.logged if 'rate' in text.split(':')[1]] == []


def test_failed_frame_is_blacked_out_if_so_set(camera, node, monkeypatch):
    camera._pipeline.settings = Settings(on_failure='blackout')
    monkeypatch.setattr(Detector, 'boxes', ([np.nan, 0, 1, 1],))
    node.receive(image())
    camera.serve()
    assert not any(node.published[0].data)
    tally = camera.intake.tally()
    assert (tally.blacked_out, tally.failure.cause) == (1, 'detector')


def test_dropped_outcome_is_never_published(camera, node, monkeypatch):
    monkeypatch.setattr(
        camera._pipeline, 'process', lambda *arguments: Outcome('dropped', cause='decode')
    )
    node.receive(image())
    camera.serve()
    assert node.published == []


# --- Cameras that follow

FOLLOWER = CameraPlan('/d', '/anonymized/d', '/d', '/anonymized/d', PLAN.type_name, twin='/a')


@pytest.fixture
def follower(camera, announcer):
    """Beside `camera`, which it follows."""
    made = Camera(Node(), 6, FOLLOWER, camera._pipeline, announcer, camera._twins)
    made.open()
    return made


def depth(sec=1):
    message = Image(height=16, width=16, step=32, encoding='16UC1', data=[9] * 512)
    message.header.stamp.sec = sec
    return message


def test_a_follower_waits_for_its_twin_and_is_obscured_where_that_was(camera, node, follower):
    follower._node.receive(depth())
    assert not follower.has_work
    node.receive(image())
    camera.serve()
    assert follower.has_work
    follower.serve()
    (published,) = follower._node.published
    values = np.frombuffer(published.data, np.uint16).reshape(16, 16)
    assert not values[3:13, 3:13].any()
    assert (values[0] == 9 * 257).all()
    tally = follower.intake.tally()
    assert (tally.anonymized, tally.carried, tally.people, tally.regions) == (1, 0, 0, 1)
    assert not follower.has_work


def test_several_frames_of_a_follower_wait_in_order(camera, node, follower):
    for sec in (1, 2, 3):
        follower._node.receive(depth(sec))
    assert follower.intake.tally().pending == 3
    for sec in (1, 2):
        node.receive(image(sec))
        camera.serve()
    while follower.has_work:
        follower.serve()
    assert [message.header.stamp.sec for message in follower._node.published] == [1, 2]
    assert follower.intake.tally().pending == 1


def test_a_follower_that_has_waited_for_long_is_dropped_and_the_worker_is_told(
    camera, follower, monkeypatch
):
    rung = []
    follower.wake = lambda: rung.append(1)
    follower._node.receive(depth())
    rung.clear()
    follower.follow()
    assert rung, 'time has passed, and nobody else may tell the worker'
    assert not follower.has_work
    monkeypatch.setattr(followers, 'MOST_WAIT_S', -1.0)
    assert follower.has_work
    follower.serve()
    assert follower._node.published == []
    assert follower.intake.tally().dropped == {'twin': 1}
    assert follower.intake.tally().adds_up


def test_a_twin_that_fails_takes_its_follower_with_it(camera, node, follower, monkeypatch):
    def broken(*_):
        raise RuntimeError('broken')

    monkeypatch.setattr(Detector, 'detect', broken)
    follower._node.receive(depth())
    node.receive(image())
    camera.serve()
    follower.serve()
    assert (node.published, follower._node.published) == ([], [])
    assert follower.intake.tally().dropped == {'twin': 1}


@pytest.mark.parametrize('of_several', ['twin', 'follower'])
def test_a_follower_of_what_may_be_another_camera_is_dropped(camera, node, follower, of_several):
    crowded = {'twin': camera, 'follower': follower}[of_several]
    crowded._node.publishers = [b'one', b'two']
    crowded._node.type_name = 'sensor_msgs/msg/Image'
    crowded.follow()
    follower._node.receive(depth())
    node.receive(image())
    camera.serve()
    follower.serve()
    assert (len(node.published), follower._node.published) == (1, [])
    assert follower.intake.tally().dropped == {'twin': 1}
    assert 'several publishers' in follower.intake.tally().failure.reason
    crowded._node.publishers = [b'one']
    crowded.follow()
    follower._node.receive(depth(2))
    node.receive(image(2))
    camera.serve()
    follower.serve()
    assert len(follower._node.published) == 1


def test_a_frame_of_when_there_were_several_publishers_says_nothing_later(camera, node, follower):
    node.type_name = 'sensor_msgs/msg/Image'
    for stamp, publishers in enumerate(([b'one', b'two'], [b'one']), 1):
        node.publishers = publishers
        camera.follow()
        node.receive(image(stamp))
        camera.serve()
    follower._node.receive(depth(1))
    follower.serve()
    assert follower._node.published == []
    assert 'several publishers' in follower.intake.tally().failure.reason
    follower._node.receive(depth(2))
    follower.serve()
    assert len(follower._node.published) == 1


def test_a_want_of_memory_while_it_waits_does_not_end_the_worker(follower, monkeypatch):
    def full(*_):
        raise MemoryError

    follower._node.receive(depth())
    monkeypatch.setattr(follower._twins, 'is_due', full)
    monkeypatch.setattr(follower._twins, 'known', full)
    assert follower.has_work
    follower.serve()
    assert follower._node.published == []
    assert follower.intake.tally().dropped == {'internal': 1}
