from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from anonymizer_node.ros.outlet import Outlet

TYPE = 'sensor_msgs/msg/Image'
PATIENCE_S = 20.0


class Publisher:
    def __init__(self, qos):
        self.qos = qos
        self.enabled = False
        self.published = []

    def on_activate(self, state):
        self.enabled = True

    def publish(self, message):
        assert self.enabled
        self.published.append(message)


class Node:
    """As much of a node as an outlet needs."""

    def __init__(self):
        self._parameter_overrides = {}
        self.subscriptions = []
        self.there = []
        self.made = []

    def create_lifecycle_publisher(self, kind, topic, qos, qos_overriding_options):
        if qos_overriding_options.policy_kinds:
            qos.reliability = QoSReliabilityPolicy.BEST_EFFORT
        publisher = Publisher(qos)
        self.made.append(publisher)
        self.there.append(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher):
        self.there.remove(publisher)

    def get_subscriptions_info_by_topic(self, topic):
        return self.subscriptions


@pytest.fixture
def node():
    return Node()


def outlet_of(node):
    return Outlet(node, TYPE, '/a', '/b', 5)


def test_publishes_while_it_is_open_and_leaves_nothing_behind(node):
    outlet = outlet_of(node)
    assert not outlet.publish('too early')
    outlet.open(durable=False)
    assert outlet.publish('one')
    assert outlet.told == 'reliable, volatile'
    outlet.close()
    assert not outlet.publish('too late')
    assert node.there == []
    assert node.made[0].published == ['one']
    assert outlet.told == ''


def test_silenced_it_publishes_nothing_and_its_publisher_is_left_to_be_closed(node):
    outlet = outlet_of(node)
    outlet.open(durable=False)
    outlet.silence()
    assert not outlet.publish('too late')
    assert len(node.there) == 1
    outlet.keep(durable=True)
    assert len(node.made) == 1
    outlet.close()
    assert node.there == []


def test_becomes_durable_once_and_never_less(node):
    outlet = outlet_of(node)
    outlet.keep(durable=True)
    assert node.made == []
    outlet.open(durable=False)
    for durable in (False, True, True, False):
        outlet.keep(durable)
    assert [publisher.qos.durability for publisher in node.made] == [
        QoSDurabilityPolicy.VOLATILE,
        QoSDurabilityPolicy.TRANSIENT_LOCAL,
    ]
    assert node.there == [node.made[1]]
    assert outlet.publish('one')
    assert node.made[1].published == ['one']


@pytest.mark.parametrize('still_there', [True, False])
def test_publisher_that_could_not_be_made_anew_is_made_next_time(node, monkeypatch, still_there):
    def full(*_, **__):
        raise MemoryError

    outlet = outlet_of(node)
    outlet.open(durable=False)
    outlet.publish('one')
    with monkeypatch.context() as patch:
        patch.setattr(node, 'create_lifecycle_publisher', full)
        with pytest.raises(MemoryError):
            outlet.keep(durable=True)
    assert outlet.keep(durable=True, is_alone=not still_there)
    assert outlet.publish('two')
    assert node.there == [node.made[1]]
    assert node.made[1].qos.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
    assert node.made[1].published == ['one', 'two']


def test_frame_that_comes_while_the_publisher_is_made_anew_waits_for_it(node, monkeypatch):
    outlet = outlet_of(node)
    outlet.open(durable=False)
    create = node.create_lifecycle_publisher
    done = []
    publishing = threading.Thread(target=lambda: done.append(outlet.publish('one')))

    def create_slowly(*arguments, **named):
        publishing.start()
        publishing.join(0.2)
        assert done == []
        return create(*arguments, **named)

    monkeypatch.setattr(node, 'create_lifecycle_publisher', create_slowly)
    outlet.keep(durable=True)
    publishing.join(PATIENCE_S)
    assert done == [True]
    assert node.made[1].published == ['one']


def test_a_frame_whose_publishing_is_held_up_does_not_hold_up_the_executor(node):
    """A reliable reader that is slow: `publish` blocks, and `keep` gives up and is tried again."""
    outlet = outlet_of(node)
    outlet.open(durable=False)
    began, release = threading.Event(), threading.Event()

    def publish_slowly(message):
        began.set()
        assert release.wait(PATIENCE_S)

    node.made[0].publish = publish_slowly
    publishing = threading.Thread(target=outlet.publish, args=('one',))
    publishing.start()
    assert began.wait(PATIENCE_S)
    kept = []
    keeping = threading.Thread(target=lambda: kept.append(outlet.keep(durable=True)))
    keeping.start()
    keeping.join(PATIENCE_S)
    assert kept == [False]
    release.set()
    publishing.join(PATIENCE_S)
    assert outlet.keep(durable=True)
    assert len(node.made) == 2


def test_what_was_collected_before_it_was_silenced_never_goes_out(node):
    outlet = outlet_of(node)
    outlet.open(durable=False)
    outlet.keep(durable=False, is_alone=True)
    outlet.publish('of the former activation')
    outlet.close()
    outlet.open(durable=False)
    outlet.keep(durable=True)
    assert [publisher.published for publisher in node.made[1:]] == [[], []]


def test_subscriber_that_does_not_hear_is_named_if_an_override_is_to_blame(node):
    node.subscriptions = [
        SimpleNamespace(node_namespace='/', node_name='viewer', qos_profile=QoSProfile(depth=1))
    ]
    name = 'qos_overrides./b.publisher.reliability'
    node._parameter_overrides = {name: None}
    outlet = outlet_of(node)
    outlet.look()
    assert outlet.trouble == ''
    outlet.open(durable=False)
    outlet.look()
    assert outlet.trouble == (
        '/b is not heard by /viewer: best effort publisher and reliable subscription; take back '
        f'{name}.'
    )
    node.subscriptions = []
    outlet.look()
    assert outlet.trouble == ''


def test_what_went_out_before_a_durable_publisher_was_found_is_kept_too(node):
    outlet = outlet_of(node)
    outlet.open(durable=False)
    outlet.keep(durable=False, is_alone=True)
    outlet.publish('one')
    outlet.keep(durable=True)
    outlet.publish('two')
    assert node.made[0].published == ['one']
    assert node.made[1].published == ['one', 'two']
    assert not outlet._collected


def test_of_a_camera_that_streams_nothing_is_kept_back(node):
    outlet = outlet_of(node)
    outlet.open(durable=False)
    for number in range(10):
        outlet.publish(number)
    assert list(outlet._collected) == [5, 6, 7, 8, 9]
    outlet.keep(durable=False)
    outlet.publish('more')
    assert not outlet._collected
    # It goes, and another one comes in its place.
    outlet.keep(durable=False, is_alone=True)
    outlet.publish('other')
    outlet.keep(durable=True)
    assert node.made[1].published == ['other']
    outlet.close()
    assert not outlet._collected
