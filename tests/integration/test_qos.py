"""Every QoS that a camera may offer, and what is given in its place."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import ACTIVATE, CONFIGURE, DEACTIVATE  # noqa: E402
from link import Link  # noqa: E402
from pictures import key, picture  # noqa: E402
from rclpy.qos import (  # noqa: E402
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

RAW = '/front/image_raw'
OUT = '/anonymized' + RAW
INFO = '/front/camera_info'
RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT
LATCHED, VOLATILE = QoSDurabilityPolicy.TRANSIENT_LOCAL, QoSDurabilityPolicy.VOLATILE
ERROR = b'\x02'
TWICE_S = 1.5
"""Longer than an old subscription is kept beside a new one."""


def qos(reliability=RELIABLE, durability=VOLATILE, depth=10):
    return QoSProfile(depth=depth, reliability=reliability, durability=durability)


def asked(probe, topic=RAW):
    """What the node asks for, by its subscriptions."""
    return [
        (info.qos_profile.reliability, info.qos_profile.durability)
        for info in probe.node.get_subscriptions_info_by_topic(topic)
    ]


def offered(probe, topic=OUT):
    return [
        (info.qos_profile.reliability, info.qos_profile.durability)
        for info in probe.node.get_publishers_info_by_topic(topic)
    ]


def until_asked(probe, reliability, durability, topic=RAW):
    probe.until(
        lambda: asked(probe, topic) == [(reliability, durability)],
        f'{reliability} {durability} to be asked for {topic}, alone',
    )


def until_trouble(probe, part):
    """Wait until the camera is in error for a reason."""

    def is_in_trouble():
        status = probe.health(RAW)
        return status and status.level == ERROR and part in status.message and status

    return probe.until(is_in_trouble, part)


def test_subscription_follows_its_publishers_and_no_frame_is_lost_or_doubled(world):
    # So many that a busy machine loses none before they can be counted.
    world.start(input_topics=[RAW], **{f'qos_overrides.{RAW}.subscription.depth': 100})
    probe = world.probe
    heard = probe.subscribe(Image, OUT)
    until_asked(probe, BEST_EFFORT, VOLATILE)
    first = probe.node.create_publisher(Image, RAW, qos())
    probe.until(first.get_subscription_count, 'a subscription')
    sent = []

    def send_until(condition, *publishers):
        deadline_s = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline_s:
            for publisher in publishers:
                message = pictures.raw(picture(person=False))
                publisher.publish(message)
                if publisher is first:
                    sent.append(key(message))
                probe.spin_for(0.05)
        assert condition()

    def came():
        return {key(message) for message in heard}

    send_until(lambda: heard, first)
    # All from here on must come, whatever the node subscribes with meanwhile.
    began = sent.index(key(heard[0]))
    send_until(lambda: asked(probe) == [(RELIABLE, VOLATILE)], first)
    second = probe.node.create_publisher(Image, RAW, qos(BEST_EFFORT))
    send_until(lambda: asked(probe) == [(BEST_EFFORT, VOLATILE)], first)
    send_until(lambda: len(asked(probe)) == 1, first)
    # The late one is heard as well, and the first one goes on.
    until = len(heard) + 20
    send_until(lambda: len(heard) >= until, first, second)
    probe.node.destroy_publisher(second)
    send_until(lambda: asked(probe) == [(RELIABLE, VOLATILE)], first)
    send_until(lambda: len(asked(probe)) == 1, first)
    send_until(lambda: sent[-1] in came(), first)

    keys = [key(message) for message in heard]
    assert len(keys) == len(set(keys)), 'a frame was published twice'
    values = probe.next_health(RAW).values
    assert int(values['received']) == int(values['published']) + int(values['dropped'])
    assert len(set(sent[began:]) - set(keys)) <= int(values['dropped'])
    assert values['qos in'] == 'reliable, volatile'
    assert values['qos out'] == 'reliable, volatile'


@pytest.mark.parametrize('order', ['camera first', 'node first', 'matched first'])
def test_latched_image_is_received_once_and_kept_for_who_comes_later(world, order):
    probe = world.probe
    heard = probe.subscribe(Image, OUT, wait=False)
    if order != 'camera first':
        world.start(input_topics=[RAW])
        until_asked(probe, BEST_EFFORT, VOLATILE)
    camera = probe.node.create_publisher(Image, RAW, qos(durability=LATCHED, depth=1))
    image = pictures.raw(picture())
    if order == 'matched first':
        # The node hears it before it knows that there is a publisher which keeps it.
        probe.until(camera.get_subscription_count, 'a subscription')
    camera.publish(image)
    if order == 'camera first':
        world.start(input_topics=[RAW])

    until_asked(probe, RELIABLE, LATCHED)
    late = []
    probe.until(lambda: offered(probe) == [(RELIABLE, LATCHED)], 'a durable output')
    probe.node.create_subscription(Image, OUT, late.append, qos(durability=LATCHED, depth=5))
    probe.until(lambda: late, 'the image that was kept')
    assert late[0].header == image.header
    probe.spin_for(TWICE_S)
    assert len(late) == 1
    assert [key(message) for message in heard] == [key(image)] * len(heard)
    # Published again when it is kept: who listened before may find the new publisher in time.
    assert len(heard) <= 2
    assert probe.next_health(RAW).values['received'] == '1'

    # A publisher that keeps nothing is heard too, and the output stays what it was.
    other = probe.node.create_publisher(Image, RAW, qos(BEST_EFFORT))
    until_asked(probe, BEST_EFFORT, VOLATILE)
    second = pictures.raw(picture())
    other.publish(second)
    probe.until(lambda: key(second) in [key(message) for message in late], 'the other one')
    assert offered(probe) == [(RELIABLE, LATCHED)]


def test_latched_image_comes_again_after_the_node_was_inactive(world):
    probe = world.probe
    camera = probe.node.create_publisher(Image, RAW, qos(durability=LATCHED, depth=1))
    camera.publish(pictures.raw(picture()))
    world.start(input_topics=[RAW], autostart=False)
    assert probe.change_state(CONFIGURE)
    heard = []
    probe.node.create_subscription(Image, OUT, heard.append, qos(BEST_EFFORT))
    for times in (1, 2):
        assert probe.change_state(ACTIVATE)
        probe.counted(RAW, 'published', times)
        assert probe.change_state(DEACTIVATE)
        assert probe.node.count_publishers(OUT) == 0


def test_camera_info_follows_its_own_publisher(world):
    probe = world.probe
    latched = probe.node.create_publisher(CameraInfo, INFO, qos(durability=LATCHED, depth=1))
    sent = pictures.stamped(CameraInfo(width=7))
    latched.publish(sent)
    world.start(input_topics=[RAW])
    heard = []
    probe.until(
        lambda: offered(probe, '/anonymized' + INFO) == [(RELIABLE, LATCHED)], 'a durable output'
    )
    probe.node.create_subscription(
        CameraInfo, '/anonymized' + INFO, heard.append, qos(durability=LATCHED, depth=5)
    )
    probe.until(lambda: heard, 'camera_info')
    # The image beside it isn't latched.
    Link(probe, Image, RAW)
    until_asked(probe, RELIABLE, VOLATILE)
    assert offered(probe) == [(RELIABLE, VOLATILE)]
    probe.spin_for(TWICE_S)
    assert heard == [sent]


def test_override_that_keeps_a_publisher_from_being_heard_is_an_error(world):
    name = f'qos_overrides.{RAW}.subscription.reliability'
    world.start(input_topics=['/*/image_raw'], **{name: 'reliable'})
    probe = world.probe
    camera = probe.node.create_publisher(Image, RAW, qos(BEST_EFFORT))

    status = until_trouble(probe, f'{RAW} is not heard from /{probe.node.get_name()}: best effort')
    assert status.message.endswith(f'take back {name}.')
    assert asked(probe) == [(RELIABLE, VOLATILE)]
    # It is over when the publisher is.
    probe.node.destroy_publisher(camera)
    link = Link(probe, Image, RAW)
    link.send(pictures.raw(picture()))
    probe.until(lambda: probe.health(RAW).level != ERROR, 'no error')


def test_override_that_keeps_a_subscriber_from_hearing_is_an_error(world):
    name = f'qos_overrides.{OUT}.publisher.reliability'
    world.start(input_topics=[RAW], **{name: 'best_effort'})
    probe = world.probe
    probe.subscribe(Image, OUT)

    status = until_trouble(probe, f'{OUT} is not heard by /{probe.node.get_name()}: best effort')
    assert status.message.endswith(f'take back {name}.')


def test_every_policy_of_a_late_camera_can_be_overridden(world):
    topics = {
        f'qos_overrides.{RAW}.subscription.reliability': 'best_effort',
        f'qos_overrides.{RAW}.subscription.durability': 'volatile',
        f'qos_overrides.{OUT}.publisher.durability': 'transient_local',
        f'qos_overrides.{OUT}.publisher.deadline': 2_000_000_000,
        f'qos_overrides.{INFO}.subscription.reliability': 'best_effort',
    }
    world.start(input_topics=['/*/image_raw'], **topics)
    probe = world.probe
    probe.node.create_publisher(Image, RAW, qos(durability=LATCHED))
    probe.node.create_publisher(CameraInfo, INFO, qos())
    until_asked(probe, BEST_EFFORT, VOLATILE)
    until_asked(probe, BEST_EFFORT, VOLATILE, INFO)
    (output,) = probe.until(lambda: probe.node.get_publishers_info_by_topic(OUT), 'an output')
    assert output.qos_profile.durability == LATCHED
    assert output.qos_profile.deadline.nanoseconds == 2_000_000_000
    # Looks at the graph go on, and nothing is subscribed to anew.
    for _ in range(8):
        probe.next_health(RAW)
    until_asked(probe, BEST_EFFORT, VOLATILE)
    assert probe.get_parameter(f'qos_overrides.{RAW}.subscription.durability') == 'volatile'
