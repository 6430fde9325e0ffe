"""Names and clocks that aren't the usual ones: remapped, in a namespace, simulated, jumping."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import COVERED, HEIGHT, WIDTH, picture  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

RAW = '/front/image_raw'
DAY_S = 86_400


def at(seconds, person=False):
    """A picture with a stamp, of nobody or of somebody."""
    message = pictures.raw(picture(person=person))
    message.header.stamp.sec = int(seconds)
    message.header.stamp.nanosec = round(seconds % 1 * 1e9)
    return message


def is_covered(message):
    x0, y0, x1, y1 = COVERED
    pixels = pictures.pixels_of(message).reshape(HEIGHT, WIDTH, 3)
    return not pixels[y0:y1, x0:x1].any()


class SimulatedTime:
    """Publishes /clock."""

    def __init__(self, probe):
        self._probe = probe
        self._publisher = probe.publisher(Clock, '/clock')

    def __call__(self, seconds):
        message = Clock()
        message.clock.sec = int(seconds)
        message.clock.nanosec = round(seconds % 1 * 1e9)
        self._publisher.publish(message)
        self._probe.spin_for(0.1)


def test_remapped_input_in_a_namespace_is_anonymised_with_its_camera_info(world):
    topic = '/driver/image_raw'
    world.start(
        '-r', '__ns:=/robot', '-r', 'camera/image:=' + topic,
        input_topics=['camera/image'],
        **reliable(topic),
    )  # fmt: skip
    probe = world.probe
    link = Link(probe, Image, topic)
    assert is_covered(link.send(pictures.raw(picture())))
    assert probe.next_health(topic).values['output'] == '/anonymized' + topic
    info = probe.publisher(CameraInfo, '/driver/camera_info')
    heard = probe.subscribe(CameraInfo, '/anonymized/driver/camera_info')
    sent = pictures.stamped(CameraInfo(width=7))
    probe.publish_until_heard(info, sent, heard, 'camera_info')
    assert heard[0] == sent


def test_age_is_told_by_simulated_time(world):
    world.start(input_topics=[RAW], use_sim_time=True, **reliable(RAW))
    probe = world.probe
    link = Link(probe, Image, RAW)  # It works before there is a clock at all.

    def told(stamp_s, person):
        """What the next report says of the age of a frame."""
        before = int(probe.health(RAW).values['published'])
        link.send(at(stamp_s, person))
        return probe.counted(RAW, 'published', before + 1).values['age median [ms]']

    probe.until(lambda: probe.health(RAW), 'a report')
    assert told(999.95, True) == ''
    set_time = SimulatedTime(probe)
    set_time(1000.0)
    # The clock stands still now, and the reports go on all the same.
    assert told(999.75, True) == '250.0'
    assert told(999.5, False) == '500.0'
    # A simulation that is reset: the clock goes back, and so do the stamps.
    set_time(10.0)
    assert told(9.9, True) == '100.0'
    # The stamp of another clock has no age.
    assert told(5 * DAY_S, False) == ''


@pytest.mark.parametrize('jump_s', [-60.0, 3600.0])
def test_jump_of_the_stamps_forgets_who_was_held_and_nothing_freezes(world, jump_s):
    world.start(input_topics=[RAW], hold_seconds=10.0, max_rate_hz=20.0, **reliable(RAW))
    probe = world.probe
    link = Link(probe, Image, RAW)
    now_s = 5.0 * DAY_S

    assert is_covered(link.send(at(now_s, person=True)))
    assert is_covered(link.send(at(now_s + 1)))
    # Nobody is there after the jump: not one byte is changed, and it doesn't take a minute.
    for step_s in (0.0, 0.1, 0.2):
        sent = at(now_s + jump_s + step_s)
        assert link.send(sent) == sent
    # Held is who is seen from then on.
    assert is_covered(link.send(at(now_s + jump_s + 0.5, person=True)))
    assert is_covered(link.send(at(now_s + jump_s + 1)))
    # And back: as a bag that loops.
    sent = at(now_s + 0.1)
    assert link.send(sent) == sent
    values = probe.next_health(RAW).values
    assert values['age median [ms]'] == ''
    assert int(values['received']) == int(values['published']) + int(values['dropped'])
