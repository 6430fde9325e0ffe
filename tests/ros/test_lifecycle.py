"""Every transition, refused and failed ones too, and what stays behind after many of them."""

from __future__ import annotations

import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from anonymizer_node.core.datatypes import Detections  # noqa: E402
from anonymizer_node.core.errors import ConfigError  # noqa: E402

OUT = '/anonymized/a'


def made(result):
    return result.name == 'SUCCESS'


def reach(node, *steps):
    for step in steps:
        assert made(getattr(node, f'trigger_{step}')())


def entities(node):
    return (
        len(list(node.publishers)),
        len(list(node.subscriptions)),
        len(list(node.timers)),
        len(list(node.services)),
        len(node._managed_entities),
    )


def workers():
    return [item for item in threading.enumerate() if item.name == 'anonymizer_worker']


def refuse(*arguments):
    raise ConfigError('Not like that.')


def fail(*arguments):
    raise ZeroDivisionError('a bug')


ACTIVATIONS = {
    'refused': (refuse, 'FAILURE', 'inactive', 'Not like that.'),
    'failed': (fail, 'ERROR', 'unconfigured', 'ZeroDivisionError: a bug'),
}


@pytest.mark.parametrize('case', ACTIVATIONS)
@pytest.mark.parametrize('part', ['camera', 'announcer'])
def test_activation_that_is_not_made_leaves_nothing_open_and_may_be_tried_again(
    make_node, monkeypatch, case, part
):
    do, result, state, reason = ACTIVATIONS[case]
    node = make_node(input_topics=['/a', '/b'])
    before = {'unconfigured': entities(node)}
    reach(node, 'configure')
    before['inactive'] = entities(node)
    with monkeypatch.context() as broken:
        broken.setattr(node._cameras[1] if part == 'camera' else node._announcer, 'open', do)
        assert node.trigger_activate().name == result
    assert (node.state, node.refusal) == (state, reason)
    assert entities(node) == before[state]
    assert node._worker is None
    assert workers() == []
    if state == 'unconfigured':
        reach(node, 'configure')
    reach(node, 'activate')
    assert node.count_publishers(OUT) == 1
    assert node.refusal == ''


@pytest.mark.parametrize('transition', ['deactivate', 'cleanup', 'shutdown'])
def test_transition_that_fails_inside_frees_everything_and_says_why(
    make_node, monkeypatch, transition
):
    node = make_node(input_topics=['/a'])
    reach(node, 'configure', 'activate')
    if transition == 'cleanup':
        reach(node, 'deactivate')
    inner = '_stop' if transition == 'deactivate' else 'release'
    before = getattr(node, inner)
    calls = []

    def once():
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError('a bug')
        return before()

    monkeypatch.setattr(node, inner, once)
    assert getattr(node, f'trigger_{transition}')().name == 'ERROR'
    assert node.refusal == 'ZeroDivisionError: a bug'
    assert node.state == 'unconfigured'
    assert node.count_publishers(OUT) == 0
    assert workers() == []
    reach(node, 'configure', 'activate', 'shutdown')
    assert node.state == 'finalized'


@pytest.mark.parametrize('broken', ['destroy_subscription', 'destroy_lifecycle_publisher'])
@pytest.mark.parametrize('transition', ['deactivate', 'shutdown'])
def test_no_camera_goes_on_because_another_one_can_not_be_closed(
    make_node, monkeypatch, transition, broken
):
    node = make_node(input_topics=['/a', '/b', '/c', '/d'])
    reach(node, 'configure', 'activate')
    cameras = node._cameras
    monkeypatch.setattr(node, broken, fail)
    assert getattr(node, f'trigger_{transition}')().name == 'ERROR'
    for camera in cameras:
        camera._receive(Image(height=1, width=1, step=3, encoding='bgr8', data=[1, 2, 3]))
        assert camera.intake.tally().dropped == {'inactive': 1}
        assert not camera._outlet.publish(Image())
    assert workers() == []
    monkeypatch.undo()


@pytest.mark.parametrize('do', [refuse, fail])
def test_node_can_be_shut_down_after_an_error(make_node, do):
    node = make_node(do, input_topics=['/a'])
    assert node.trigger_configure().name != 'SUCCESS'
    assert node.state == 'unconfigured'
    reach(node, 'shutdown')
    assert node.state == 'finalized'


def test_fifty_cycles_leave_nothing_behind(make_node):
    node = make_node(input_topics=['/a', '/b/compressed'])

    def cycle():
        reach(node, 'configure', 'activate', 'deactivate', 'cleanup')

    def counts():
        gc.collect()
        # rclpy's callback group keeps dead weak references of what has been destroyed.
        objects = sum(not isinstance(item, weakref.ref) for item in gc.get_objects())
        return entities(node), threading.active_count(), objects

    for _ in range(5):
        cycle()
    there, threads, objects = counts()
    for _ in range(50):
        cycle()
    assert counts()[:2] == (there, threads)
    # Fewer than one for each cycle: nothing of a cycle stays.
    assert counts()[2] - objects < 50


class Gated:
    """Sees a person, when it is let."""

    names = ('person', 'dog')
    input_size = 512

    def __init__(self):
        self.asked, self.let = threading.Event(), threading.Event()
        self.thresholds = []

    def detect(self, frame, score_threshold):
        self.thresholds.append(score_threshold)
        self.asked.set()
        assert self.let.wait(20)
        boxes = np.array([[4, 4, 12, 12]], np.float32)
        return Detections(boxes, np.ones(1, np.float32), np.zeros(1, np.int64), self.names)


def test_frame_in_work_is_finished_with_the_settings_that_it_began_with(make_node):
    detector = Gated()
    node = make_node(lambda settings: [detector], input_topics=['/a'], padding=0.0)
    reach(node, 'configure', 'activate')
    (camera,) = node._cameras
    published = []
    node._audience = None
    camera._announcer = SimpleNamespace(
        tell=lambda outcome, *_: (published.append(outcome), told.set())
    )
    told = threading.Event()

    def frame(sec):
        message = Image(height=16, width=16, step=48, encoding='bgr8', data=[200] * 768)
        message.data = message.data[:]
        message.header.stamp.sec = sec
        return message

    camera._receive(frame(1))
    assert detector.asked.wait(20)
    changed = [
        Parameter('method', value='pixelate'),
        Parameter('padding', value=0.25),
        Parameter('score_threshold', value=0.9),
    ]
    assert node.set_parameters_atomically(changed).successful
    detector.let.set()
    assert told.wait(20)
    told.clear()
    camera._receive(frame(2000))
    assert told.wait(20)
    reach(node, 'deactivate')

    first, second = (
        np.frombuffer(outcome.message.data, np.uint8).reshape(16, 16, 3) for outcome in published
    )
    assert [outcome.regions for outcome in published] == [((4, 4, 12, 12),), ((2, 2, 14, 14),)]
    assert not first[4:12, 4:12].any()
    assert (second == 200).all()
    assert detector.thresholds[0] != 0.9
    assert detector.thresholds[1] == 0.9


def test_group_with_one_bad_value_changes_nothing_and_says_why(make_node):
    node = make_node(input_topics=['/a'])
    reach(node, 'configure')
    before = node._pipeline.settings
    bad = [
        Parameter('strength', value=3.0),
        Parameter('hold_seconds', value=-1.0),
        Parameter('on_failure', value='publish'),
        Parameter('classes', value=['person', 'unicorn']),
        Parameter('detect_every', value='often'),
    ]
    for wrong in bad:
        good = Parameter('padding', value=0.3)
        for group in ([good, wrong], [wrong, good]):
            result = node.set_parameters_atomically(group)
            assert not result.successful
            assert result.reason
        assert node._pipeline.settings is before
        assert node.get_parameter('padding').value == before.padding
        assert (
            node.get_parameter(wrong.name).value == node._settings_parameters._values()[wrong.name]
        )
