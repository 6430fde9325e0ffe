from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import cv2
from samples.encoded import from_bgr
from sensor_msgs.msg import CompressedImage, Image

from anonymizer_node.core.datatypes import Detections, Outcome
from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.ros.stills import Stills, as_jpeg, still_topic

RAW = CODECS['sensor_msgs/msg/Image']
SEEN = Detections.empty()


class Node:
    """As much of a node as stills need."""

    def __init__(self):
        self.published = {}
        self.destroyed = 0
        self.timers = []

    def create_service(self, kind, name, callback, callback_group):
        self.answer = callback
        return object()

    def create_publisher(self, kind, topic, qos):
        heard = self.published.setdefault(topic, [])
        return SimpleNamespace(publish=heard.append)

    def destroy_publisher(self, publisher):
        self.destroyed += 1

    def create_timer(self, period_s, callback, clock):
        self.timers.append(callback)
        return callback

    def destroy_timer(self, timer):
        self.timers.remove(timer)

    def resolve_topic_name(self, topic):
        return topic.replace('~', '/n')


def camera(index, topic):
    return SimpleNamespace(
        index=index, plan=SimpleNamespace(input_name=topic, output=f'/anonymized{topic}', twin='')
    )


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def stills(node):
    cameras = [camera(0, '/a'), camera(1, '/b/compressed')]
    return Stills(node, lambda: cameras, lambda: True)


class Request:
    """A call of the service, of which rclpy would be in charge."""

    def __init__(self, node):
        self._node = node
        self._response = SimpleNamespace(success=False, message='')
        self._work = node.answer(None, self._response)
        self.go_on()

    def go_on(self):
        """Run it until it waits again; whether it has answered."""
        try:
            self._work.send(None)
        except StopIteration:
            self._work = None
        return self._work is None

    @property
    def answer(self):
        assert self.go_on()
        return self._response.success, self._response.message


def image(value=7):
    return Image(height=16, width=16, step=48, encoding='bgr8', data=[value] * 768)


def published(message=None, status='anonymized', detections=SEEN):
    return Outcome(status, message or image(), detections=detections)


def test_next_frame_of_each_camera_is_taken_and_no_other(stills, node):
    stills.tell(published(), RAW, '/anonymized/a', 0)
    assert node.published == {}
    request = Request(node)
    other = CompressedImage(format='png', data=[1, 2, 3])
    stills.tell(published(other, 'untouched'), None, '/anonymized/b/compressed', 1)
    assert not request.go_on()
    for value in (100, 200):
        stills.tell(published(image(value)), RAW, '/anonymized/a', 0)
    assert request.answer == (
        True,
        'On /n/still/anonymized/a/compressed, /n/still/anonymized/b/compressed/compressed.',
    )
    (still,) = node.published['~/still/anonymized/a/compressed']
    assert node.published['~/still/anonymized/b/compressed/compressed'] == [other]
    shown = cv2.imdecode(np.frombuffer(still.data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (16, 16, 3)
    assert np.abs(shown.astype(int) - 100).max() <= 2
    assert node.timers == []


@pytest.mark.parametrize(
    'outcome',
    [
        published(status='blacked_out'),
        published(status='dropped'),
        published(detections=None),
        published(status='untouched', detections=None),
    ],
)
def test_frame_that_was_not_judged_and_anonymised_is_not_taken(stills, node, outcome):
    request = Request(node)
    stills.tell(outcome, RAW, '/anonymized/a', 0)
    (expire,) = node.timers
    expire()
    assert request.answer == (False, 'No frame of /a, /b/compressed went out within 3 s.')
    assert not any(node.published.values())


def test_node_that_is_not_active_has_none(node):
    Stills(node, lambda: [camera(0, '/a')], lambda: False)
    success, message = Request(node)._response.success, Request(node)._response.message
    assert (success, message[:22]) == (False, 'The node is not active')
    assert node.published == {}


def test_node_without_cameras_has_none(node):
    Stills(node, list, lambda: True)
    assert vars(Request(node)._response) == {'success': False, 'message': 'There is no camera.'}


def test_nothing_is_published_once_it_is_silent(stills, node):
    request = Request(node)
    stills.silence()
    stills.tell(published(), RAW, '/anonymized/a', 0)
    assert not any(node.published.values())
    assert request.answer[0] is False
    assert node.destroyed == 0
    stills.close()
    stills.close()
    assert node.destroyed == 2


def test_nothing_is_published_if_it_falls_silent_during_the_work(stills, node, monkeypatch):
    Request(node)
    encode = cv2.imencode

    def meanwhile(*arguments):
        stills.close()
        return encode(*arguments)

    monkeypatch.setattr(cv2, 'imencode', meanwhile)
    stills.tell(published(), RAW, '/anonymized/a', 0)
    assert not any(node.published.values())


def test_nothing_is_published_for_a_request_that_was_answered_meanwhile(stills, node, monkeypatch):
    request = Request(node)
    encode = cv2.imencode

    def meanwhile(*arguments):
        node.timers[0]()
        return encode(*arguments)

    monkeypatch.setattr(cv2, 'imencode', meanwhile)
    stills.tell(published(), RAW, '/anonymized/a', 0)
    assert request.answer[0] is False
    assert not any(node.published.values())


def test_request_that_fails_is_answered(stills, node, monkeypatch):
    def starved(*arguments):
        raise MemoryError('none left')

    monkeypatch.setattr(node, 'create_publisher', starved)
    response = Request(node)._response
    assert (response.success, response.message) == (False, 'MemoryError: none left')


def test_frame_that_can_not_be_shown_is_said(stills, node, monkeypatch):
    request = Request(node)
    stills.tell(published(CompressedImage()), None, '/anonymized/b/compressed', 1)
    monkeypatch.setattr(cv2, 'imencode', lambda *arguments: (False, None))
    stills.tell(published(), RAW, '/anonymized/a', 0)
    assert request.answer == (
        False,
        'On /n/still/anonymized/b/compressed/compressed. '
        'The picture of /anonymized/a can not be written as a JPEG.',
    )


def test_message_that_was_published_is_left_as_it_was():
    message = image()
    before = message.data.tobytes()
    as_jpeg(message, RAW, '/anonymized/a')
    assert message.data.tobytes() == before
    with pytest.raises(FrameError):
        as_jpeg(Image(encoding='from_the_future'), RAW, '/anonymized/a')


def test_an_answer_that_is_late_does_not_end_the_request_after_it(stills, node):
    """The last frame's thread is held up while the patience ends and the next request comes."""
    first = Request(node)
    (patience,) = node.timers
    finish, held = stills._finish, []
    stills._finish = held.append
    for index, topic in enumerate(['/anonymized/a', '/anonymized/b/compressed']):
        message = image() if index == 0 else CompressedImage(format='png', data=[1])
        stills.tell(published(message), RAW, topic, index)
    stills._finish = finish
    patience()
    assert first.go_on()
    second = Request(node)
    for done in held:
        stills._finish(done)
    assert not second.go_on()
    stills.tell(published(), RAW, '/anonymized/a', 0)
    other = CompressedImage(format='png', data=[1])
    stills.tell(published(other), RAW, '/anonymized/b/compressed', 1)
    assert second.answer[0]


def test_raw_and_compressed_of_one_camera_have_stills_of_their_own():
    raw, compressed = '/anonymized/a/image_raw', '/anonymized/a/image_raw/compressed'
    assert still_topic(raw) == '~/still/anonymized/a/image_raw/compressed'
    assert still_topic(compressed) == '~/still/anonymized/a/image_raw/compressed/compressed'


@pytest.mark.parametrize(
    'encoding', ['mono8', 'bgra8', 'mono16', 'rgb16', 'nv12', 'yuv422_yuy2', 'bayer_rggb8']
)
def test_a_still_shows_what_went_out_and_not_an_eighth_of_it(encoding):
    """Squares of 4 pixels become one grey when a picture is reduced by 8."""
    y, x = np.mgrid[:96, :128]
    squares = np.where((y // 4 + x // 4) % 2, 235, 20).astype(np.uint8)
    message = from_bgr(np.repeat(squares[:, :, None], 3, axis=2), encoding)
    still = as_jpeg(message, RAW, '/anonymized/a')
    shown = cv2.imdecode(np.frombuffer(still.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (96, 128)
    bright = squares > 128
    assert shown[bright].mean() - shown[~bright].mean() > 120
