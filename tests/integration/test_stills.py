"""~/take_still: a copy of what was published, never of anything else."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import marked_node  # noqa: E402
import numpy as np  # noqa: E402
import pictures  # noqa: E402
from harness import DEACTIVATE, NODE, PATIENCE_S, qos, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import COVERED, PERSON_BOX, key, picture  # noqa: E402
from rclpy.qos import QoSDurabilityPolicy  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

RAW = '/front/image_raw'
JPEG = '/rear/image_raw/compressed'
RAW_STILL = f'{NODE}/still/anonymized{RAW}/compressed'
JPEG_STILL = f'{NODE}/still/anonymized{JPEG}/compressed'


def take_still(probe):
    return probe.call(Trigger, f'{NODE}/take_still', Trigger.Request(), PATIENCE_S)


def late_subscriber(probe, topic):
    """What a subscriber hears that comes after the still."""
    heard = []
    profile = qos(True)
    profile.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    probe.node.create_subscription(CompressedImage, topic, heard.append, profile)
    return heard


def test_still_is_the_anonymised_frame_of_each_camera_and_stays_for_late_subscribers(world):
    world.start(input_topics=[RAW, JPEG], **reliable(RAW, JPEG))
    probe = world.probe
    raw, jpeg = Link(probe, Image, RAW), Link(probe, CompressedImage, JPEG)

    def send_both():
        raw.publish(pictures.raw(picture()))
        jpeg.publish(pictures.compressed(picture()))

    timer = probe.node.create_timer(0.05, send_both)
    answer = take_still(probe)
    assert answer.success, answer.message
    assert answer.message == f'On {RAW_STILL}, {JPEG_STILL}.'
    stills = {topic: late_subscriber(probe, topic) for topic in (RAW_STILL, JPEG_STILL)}
    probe.until(lambda: all(stills.values()), 'both stills')
    timer.cancel()
    probe.spin_for(0.3)

    # One of each, and each is a frame that went out.
    assert [len(heard) for heard in stills.values()] == [1, 1]
    (still,) = stills[JPEG_STILL]
    assert still == jpeg.answer(still)
    (still,) = stills[RAW_STILL]
    published = pictures.pixels_of(raw.answer(still)).reshape(pictures.HEIGHT, pictures.WIDTH, 3)
    assert still.header == raw.answer(still).header
    shown = pictures.decoded(still)
    x0, y0, x1, y1 = COVERED
    assert not published[y0:y1, x0:x1].any()
    inner = shown[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8]
    assert inner.max() <= 8
    assert np.abs(shown.astype(int) - published).mean() < 8

    # It is taken back with the topics.
    assert probe.change_state(DEACTIVATE)
    probe.until(lambda: not probe.node.count_publishers(RAW_STILL), 'the topic to go')
    answer = take_still(probe)
    assert not answer.success
    assert answer.message.startswith('The node is not active')


@pytest.mark.parametrize('corner', [marked_node.RAISES, marked_node.HANGS])
def test_frame_that_is_not_anonymised_is_no_still(world, corner):
    world.start(input_topics=[RAW], on_failure='blackout', **reliable(RAW))
    probe = world.probe
    link = Link(probe, Image, RAW)
    timer = probe.node.create_timer(0.1, lambda: link.publish(pictures.raw(picture(corner=corner))))
    heard = late_subscriber(probe, RAW_STILL)
    answer = take_still(probe)
    timer.cancel()
    assert not answer.success
    assert answer.message == f'No frame of {RAW} went out within 3 s.'
    assert heard == []


def test_frames_come_through_while_a_still_is_waited_for(world):
    world.start(input_topics=[RAW, JPEG], **reliable(RAW, JPEG))
    probe = world.probe
    raw = Link(probe, Image, RAW)  # The other camera is off.
    timer = probe.node.create_timer(0.05, lambda: raw.publish(pictures.raw(picture())))
    answer = take_still(probe)
    timer.cancel()
    assert not answer.success
    assert answer.message == f'On {RAW_STILL}. No frame of {JPEG} went out within 3 s.'
    assert len(raw.heard) >= 10
    x0, y0, x1, y1 = PERSON_BOX
    for message in raw.heard:
        pixels = pictures.pixels_of(message).reshape(pictures.HEIGHT, pictures.WIDTH, 3)
        assert not pixels[y0:y1, x0:x1].any()
    good = pictures.raw(picture())
    assert key(raw.send(good)) == key(good)
