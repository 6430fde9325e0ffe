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
from rclpy.qos import QoSDurabilityPolicy, QoSProfile  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from visualization_msgs.msg import ImageMarker  # noqa: E402

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


def entities(probe):
    """All that the graph shows of the node: names with types, and how many there are of each."""
    node = probe.node
    names = ('anonymizer_node', '/')
    publishers = node.get_publisher_names_and_types_by_node(*names)
    subscriptions = node.get_subscriber_names_and_types_by_node(*names)
    ours = [
        (name, info.endpoint_type)
        for topics, find in (
            (publishers, node.get_publishers_info_by_topic),
            (subscriptions, node.get_subscriptions_info_by_topic),
        )
        for name, _ in topics
        for info in find(name)
        if info.node_name == names[0]
    ]
    return (
        sorted(map(str, publishers)),
        sorted(map(str, subscriptions)),
        sorted(map(str, node.get_service_names_and_types_by_node(*names))),
        sorted(map(str, node.get_client_names_and_types_by_node(*names))),
        sorted(map(str, ours)),
    )


def settled(probe, expected, what):
    probe.until(lambda: entities(probe) == expected, f'{what} as before')


def test_twenty_cycles_grow_nothing_and_all_works_afterwards(world):
    jpeg, late = '/front/image_raw/compressed', '/rear/image_raw'
    world.start(input_topics=[RAW, jpeg, '/rear/*'], autostart=False)
    probe = world.probe
    cameras = {
        topic: probe.publisher(kind, topic, wait=False)
        for topic, kind in ((RAW, Image), (jpeg, CompressedImage), (late, Image))
    }
    info = probe.publisher(CameraInfo, '/front/camera_info', wait=False)
    probe.state()
    idle = active = None
    for cycle in range(20):
        if cycle == 1:
            idle = entities(probe)
        elif idle:
            settled(probe, idle, 'unconfigured')
        assert probe.change_state(CONFIGURE)
        assert probe.change_state(ACTIVATE)
        for topic, camera in cameras.items():
            probe.until(lambda camera=camera: camera.get_subscription_count() == 1, topic)
        probe.until(lambda: info.get_subscription_count() == 1, 'camera_info')
        if cycle == 1:
            probe.spin_for(1.5)  # Until what was subscribed to anew is alone.
            active = entities(probe)
        elif active:
            settled(probe, active, 'active')
        assert probe.change_state(DEACTIVATE)
        assert probe.change_state(CLEANUP)
    assert idle is not None
    assert active not in (None, idle)

    assert probe.change_state(CONFIGURE)
    assert probe.change_state(ACTIVATE)
    for camera in cameras.values():
        probe.node.destroy_publisher(camera)
    Link(probe, Image, RAW).send(pictures.raw(picture()))
    Link(probe, CompressedImage, jpeg).send(pictures.compressed(picture()))
    Link(probe, Image, late).send(pictures.raw(picture()))
    heard = probe.subscribe(CameraInfo, '/anonymized/front/camera_info')
    probe.publish_until_heard(info, CameraInfo(), heard, 'camera_info')


def test_nothing_at_all_is_published_while_deactivated(world):
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    info_out, regions = '/anonymized/front/camera_info', '/anonymizer_node/regions'
    world.start(input_topics=['/*/image_raw'], autostart=False)
    probe = world.probe
    camera = probe.node.create_publisher(Image, RAW, latched)
    info = probe.node.create_publisher(CameraInfo, '/front/camera_info', latched)
    heard = []
    for kind, topic in ((Image, OUT), (CameraInfo, info_out), (ImageMarker, regions)):
        probe.node.create_subscription(kind, topic, heard.append, 10)

    def publish():
        camera.publish(pictures.raw(picture()))
        info.publish(pictures.stamped(CameraInfo()))
        probe.spin_for(0.05)

    def all_heard():
        publish()
        return {type(message) for message in heard} == {Image, CameraInfo, ImageMarker}

    def check_silent():
        heard.clear()
        for _ in range(20):
            publish()
        assert heard == []
        for topic in (OUT, info_out, regions):
            assert probe.node.count_publishers(topic) == 0

    assert probe.change_state(CONFIGURE)
    check_silent()
    for _ in range(2):
        assert probe.change_state(ACTIVATE)
        probe.until(all_heard, 'image, camera_info and regions')
        for _ in range(5):
            publish()
        assert probe.change_state(DEACTIVATE)
        probe.spin_for(SILENCE_S)
        check_silent()


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
