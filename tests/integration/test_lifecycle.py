"""The lifecycle over its services: silent unless active, and an end in order."""

from __future__ import annotations

import signal

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import (  # noqa: E402
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    SHUTDOWN_ACTIVE,
)
from link import Link  # noqa: E402
from pictures import picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

RAW = '/front/image_raw'
OUT = '/anonymized' + RAW
SILENCE_S = 0.3


def check_silent(probe, publisher, heard):
    """Frames go in, none comes out."""
    for _ in range(3):
        publisher.publish(pictures.raw(picture()))
        probe.spin_for(SILENCE_S / 3)
    assert heard == []


def test_transitions_one_by_one(world):
    world.start(input_topics=[RAW], autostart=False)
    probe = world.probe
    publisher = probe.publisher(Image, RAW, wait=False)
    heard = probe.subscribe(Image, OUT, wait=False)
    assert probe.state() == 'unconfigured'
    check_silent(probe, publisher, heard)

    assert probe.change_state(CONFIGURE)
    assert probe.state() == 'inactive'
    check_silent(probe, publisher, heard)

    for _ in range(2):
        assert probe.change_state(ACTIVATE)
        assert probe.state() == 'active'
        link = Link(probe, Image, RAW)
        link.send(pictures.raw(picture()))

        # Frames are under way while it is deactivated; after its answer none comes any more.
        for _ in range(5):
            link.publish(pictures.raw(picture()))
        assert probe.change_state(DEACTIVATE)
        assert probe.state() == 'inactive'
        probe.spin_for(SILENCE_S)
        link.heard.clear()
        check_silent(probe, link.publisher, link.heard)
        assert probe.node.count_publishers(OUT) == 0
        probe.node.destroy_publisher(link.publisher)

    status = probe.next_health(RAW)
    assert status.message.startswith('Not active')
    assert status.values['pending'] == '0'

    assert probe.change_state(CLEANUP)
    assert probe.state() == 'unconfigured'
    values = probe.next_health('detector').values
    assert (values['state'], values['detectors'], values['method']) == ('unconfigured', '0', '')
    assert probe.change_state(CONFIGURE)
    assert probe.change_state(ACTIVATE)
    link = Link(probe, Image, RAW)
    link.send(pictures.raw(picture()))

    assert probe.change_state(SHUTDOWN_ACTIVE)
    assert probe.state() == 'finalized'
    link.heard.clear()
    check_silent(probe, link.publisher, link.heard)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('active', [True, False])
def test_signal_ends_it_in_order(world, number, active):
    node = world.start(input_topics=[RAW], autostart=active)
    probe = world.probe
    if active:
        link = Link(probe, Image, RAW)
        for _ in range(5):
            link.publish(pictures.raw(picture()))
    else:
        assert probe.state() == 'unconfigured'

    node.send(number)

    assert node.wait() == 0, node.output
    for bad in ('terminate called', 'Traceback', 'ERROR', 'FATAL'):
        assert bad not in node.output


def test_second_signal_while_ending_does_no_harm(world):
    # A terminal and a launch file both send one.
    node = world.start(input_topics=[RAW])
    Link(world.probe, Image, RAW)
    node.send(signal.SIGINT)
    node.send(signal.SIGINT)
    assert node.wait() == 0, node.output
    assert 'terminate called' not in node.output
