from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from sensor_msgs.msg import Image

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Outcome, Region
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern
from anonymizer_node.ros import followers
from anonymizer_node.ros.followers import MOST_WAIT_S, Twins, refuse_idle, twins_of

MS = 1_000_000


def depth(ms):
    message = Image(height=4, width=4, step=8, encoding='16UC1', data=[1] * 32)
    message.header.stamp.nanosec = ms * MS
    return message


def outcome(status='anonymized'):
    return Outcome(status, object(), (Region(0, 0, 2, 2),), width=4, height=4)


def test_a_frame_is_due_when_its_twin_has_passed_or_after_a_while():
    twins = Twins()
    assert not twins.is_due('/depth', '/color', depth(100), 0.0)
    twins.judged('/color', 99 * MS, outcome())
    assert not twins.is_due('/depth', '/color', depth(100), 0.9 * MOST_WAIT_S)
    assert twins.is_due('/depth', '/color', depth(100), 1.1 * MOST_WAIT_S)
    twins.judged('/other', 100 * MS, outcome())
    assert not twins.is_due('/depth', '/color', depth(100), 0.0)
    twins.judged('/color', 100 * MS, outcome('dropped'))
    assert twins.is_due('/depth', '/color', depth(100), 0.0)
    twins.forget()
    assert not twins.is_due('/depth', '/color', depth(100), 0.0)


def test_time_that_begins_anew_is_waited_for_anew():
    twins = Twins()
    twins.judged('/color', 100 * MS, outcome())
    late = depth(0)
    late.header.stamp.sec = 5
    assert not twins.is_due('/depth', '/color', late, 0.0)
    assert not twins.is_due('/depth', '/color', depth(100), 0.0), 'its twin was of before'


def test_who_follows_whom_is_resolved():
    settings = Settings(follow=('/depth=/color', '/infra=/color'))
    remap = {'/depth': '/d', '/color': '/c'}
    twins = twins_of(settings, lambda name: remap.get(name, name))
    assert twins == {'/d': '/c', '/infra': '/c'}


@pytest.mark.parametrize('remap', [{'/color': '/depth'}, {'/infra': '/depth'}])
def test_remapping_that_makes_two_of_them_one_is_refused(remap):
    settings = Settings(follow=('/depth=/color', '/infra=/color'))
    with pytest.raises(ConfigError, match='remapping'):
        twins_of(settings, lambda name: remap.get(name, name))


def test_both_must_be_read():
    twins = {'/a/depth': '/a/color'}
    refuse_idle(twins, ['/a/depth', '/a/color'], [])
    refuse_idle(twins, ['/a/depth'], [TopicPattern('/*/color')])
    for inputs in (['/a/depth'], ['/a/color'], []):
        with pytest.raises(ConfigError, match='none of the input_topics'):
            refuse_idle(twins, inputs, [])


def test_no_more_wait_than_come_while_one_waits():
    assert followers.ROOM >= 60 * MOST_WAIT_S
    assert np.isfinite(MOST_WAIT_S)
