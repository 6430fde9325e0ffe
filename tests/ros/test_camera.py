from __future__ import annotations

import types

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from sensor_msgs.msg import Image

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Outcome
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.ros.camera import Camera, UnsupportedEventTypeError
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
        self.tells_of_losses = True
        self.running = True
        self.context = types.SimpleNamespace(ok=lambda: self.running)
        self.now_ns = 2_000_000_000

    def create_lifecycle_publisher(self, kind, topic, qos, qos_overriding_options):
        return types.SimpleNamespace(publish=self.published.append)

    def create_subscription(
        self, kind, topic, callback, qos, event_callbacks, qos_overriding_options
    ):
        if event_callbacks is not None and not self.tells_of_losses:
            raise UnsupportedEventTypeError('not by this middleware')
        self.receive, self.events = callback, event_callbacks
        return object()

    def destroy_lifecycle_publisher(self, publisher):
        pass

    def destroy_subscription(self, subscription):
        pass

    def get_clock(self):
        return types.SimpleNamespace(now=lambda: types.SimpleNamespace(nanoseconds=self.now_ns))

    def get_logger(self):
        note = self.logged.append
        return types.SimpleNamespace(
            warning=lambda text: note(('warning', text)), error=lambda text: note(('error', text))
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

    monkeypatch.setattr(camera._publisher, 'publish', refuse)
    node.receive(image())
    camera.serve()
    assert camera.intake.tally().dropped == {'internal': 1}
    assert camera.intake.tally().published == 0


def test_error_while_publishing_at_the_end_of_the_process_is_no_failure(camera, node, monkeypatch):
    def refuse(message):
        node.running = False
        raise RuntimeError('the context is gone')

    monkeypatch.setattr(camera._publisher, 'publish', refuse)
    node.receive(image())
    camera.serve()
    assert camera.intake.tally().dropped == {'inactive': 1}
    assert node.logged == []


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
