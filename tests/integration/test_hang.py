"""A frame that hangs: an error in time, nothing gets out late, and the node goes on by itself."""

from __future__ import annotations

import signal
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import marked_node  # noqa: E402
import pictures  # noqa: E402
from harness import ACTIVATE, CONFIGURE, DEACTIVATE, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import key, picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

FRONT = '/front/image_raw'
REAR = '/rear/image_raw'
ERROR = b'\x02'
SOON = {'HUNG_S': '1.0'}


def hanging():
    return pictures.raw(picture(corner=marked_node.HANGS))


def wait_for_verdict(probe):
    return probe.until(
        lambda: (said := probe.health('detector')) and 'at one frame' in said.message and said,
        'a verdict',
    )


def test_all_cameras_are_errors_while_one_frame_hangs_and_go_on_when_it_comes_back(world, tmp_path):
    hangs = tmp_path / 'hangs'
    hangs.touch()
    world.start(
        input_topics=[FRONT, REAR],
        environment={**SOON, 'HANGS_WHILE': str(hangs)},
        **reliable(FRONT, REAR),
    )
    probe = world.probe
    front, rear = Link(probe, Image, FRONT), Link(probe, Image, REAR)
    before = {link.topic: link.books() for link in (front, rear)}
    hung, waiting = hanging(), pictures.raw(picture())

    front.publish(hung)
    probe.counted(FRONT, 'pending', 1)
    rear.publish(waiting)
    assert wait_for_verdict(probe).level == ERROR
    assert 'the detector has been' in probe.health('detector').message
    for link in (front, rear):
        status = probe.until(
            lambda topic=link.topic: (said := probe.health(topic)).level == ERROR and said,
            'an error',
        )
        assert status.message.startswith('Nothing is published: ')
    # What waited is given up, and so is what comes: nothing piles up.
    probe.counted(REAR, 'dropped: hung', 1)
    for _ in range(30):
        for link in (front, rear):
            link.publish(pictures.raw(picture()))
        probe.spin_for(0.01)
    assert probe.counted(FRONT, 'dropped: hung', 30).values['pending'] == '1'
    assert probe.counted(REAR, 'dropped: hung', 31).values['pending'] == '0'
    assert front.heard == rear.heard == []

    hangs.unlink()
    probe.counted(FRONT, 'dropped: hung', 31)
    for link in (front, rear):
        assert link.send(good := pictures.raw(picture())).header == good.header
    late = {key(hung), key(waiting)}
    assert not late & {key(message) for message in front.heard + rear.heard}
    for link in (front, rear):
        probe.until(lambda topic=link.topic: probe.next_health(topic).level != ERROR, 'health')
        grown = {name: link.books()[name] - count for name, count in before[link.topic].items()}
        assert grown['received'] == link.sent == grown['published'] + grown['dropped']
        assert grown['dropped: hung'] == 31
    assert probe.health('detector').level == b'\x00'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_node_that_hangs(world, number):
    node = world.start(input_topics=[FRONT], environment=SOON, **reliable(FRONT))
    link = Link(world.probe, Image, FRONT)
    link.publish(hanging())
    wait_for_verdict(world.probe)

    began_s = time.monotonic()
    assert node.stop(number) == 0, node.output
    assert time.monotonic() - began_s < marked_node.STUCK_S / 2
    world.probe.spin_for(0.2)
    assert link.heard == []


def test_signal_in_the_midst_of_a_frame_that_hangs_later(world):
    # No verdict yet: the signal comes while the frame may still be well.
    node = world.start(input_topics=[FRONT], **reliable(FRONT))
    link = Link(world.probe, Image, FRONT)
    link.publish(hanging())
    world.probe.counted(FRONT, 'pending', 1)
    node.send(signal.SIGTERM)
    node.send(signal.SIGINT)
    assert node.wait() == 0, node.output
    assert link.heard == []


def test_hung_node_that_is_managed_is_made_anew_without_a_restart(world):
    world.start(input_topics=[FRONT], environment=SOON, **reliable(FRONT))
    probe = world.probe
    link = Link(probe, Image, FRONT)
    link.publish(hanging())
    wait_for_verdict(probe)

    assert not probe.change_state(DEACTIVATE)
    assert probe.state() == 'unconfigured'
    assert 'did not come back' in probe.next_health('detector').message
    assert probe.change_state(CONFIGURE)
    assert probe.change_state(ACTIVATE)
    probe.until(link.publisher.get_subscription_count, 'the new subscription')
    good = pictures.raw(picture())
    assert link.send(good).header == good.header
    assert probe.next_health('detector').level == b'\x00'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_node_that_is_stuck_loading_its_model(world, number):
    node = world.start(script='stuck_node.py', input_topics=[FRONT], environment={'END_S': '3.0'})
    world.probe.until(lambda: 'Loading for ever' in node.output, 'the model to be loaded')
    node.send(number)
    assert node.wait() == 0, node.output
    assert 'not done within 3 s' in node.output


def test_kill_in_the_midst_of_a_frame_leaves_nothing_half_and_a_new_node_starts(world):
    first = world.start(input_topics=[FRONT], **reliable(FRONT))
    probe = world.probe
    link = Link(probe, Image, FRONT)
    sent = [pictures.raw(picture()) for _ in range(30)]
    for number, message in enumerate(sent):
        link.publish(message)
        probe.spin_for(0.01)
        if number == 20:
            first.send(signal.SIGKILL)
    first._process.wait()
    probe.spin_for(0.3)
    by_key = {key(message): message for message in sent}
    x0, y0, x1, y1 = pictures.COVERED
    for got in link.heard:
        assert got.header == by_key[key(got)].header
        pixels = pictures.pixels_of(got).reshape(pictures.HEIGHT, pictures.WIDTH, 3)
        assert not pixels[y0:y1, x0:x1].any()
        before = pictures.pixels_of(by_key[key(got)]).reshape(pixels.shape)
        assert (pixels[y1:] == before[y1:]).all()

    world.start(input_topics=[FRONT], **reliable(FRONT))
    probe.until(
        lambda: probe.health(FRONT) and int(probe.next_health(FRONT).values['received']) < 20,
        'the new node',
    )
    good = pictures.raw(picture())
    assert link.send(good).header == good.header
