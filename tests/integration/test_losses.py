"""Frames that the node never saw are counted all the same."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import picture  # noqa: E402
from rclpy.subscription import Subscription  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

RAW = '/front/image_raw'
BURST = 60

pytestmark = pytest.mark.skipif(
    not hasattr(Subscription, 'CallbackType'), reason='Humble does not hand out numbers of messages'
)


@pytest.mark.parametrize('reliability', ['reliable', 'best_effort', 'as offered'])
def test_burst_that_is_too_much_for_the_queue_is_accounted_for(world, reliability):
    given = {} if reliability == 'as offered' else dict.fromkeys(reliable(RAW), reliability)
    world.start(script='late_node.py', input_topics=[RAW], **given)
    probe = world.probe
    link = Link(probe, Image, RAW)
    before = link.books()
    link.sent = 0

    # The executor of late_node.py sleeps at the first frame of a burst.
    burst = [pictures.raw(picture()) for _ in range(BURST)]
    for message in burst:
        link.publish(message)
    # One after them shows what is missing before it.
    probe.spin_for(1.0)
    link.send(pictures.raw(picture()))

    def settled():
        # While the node subscribes anew, as reliable, what is missing is told at the end of it.
        after = link.books()
        grown = {name: after[name] - before[name] for name in after if name in before}
        return grown['received'] == link.sent and grown

    grown = probe.until(settled, f'{link.sent} frames to be accounted for')
    assert grown['published'] + grown['dropped'] == link.sent
    assert grown['dropped: transport'] >= BURST // 2
    assert probe.health(RAW).values['dropped: hung'] == '0'
