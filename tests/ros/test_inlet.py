from __future__ import annotations

from array import array
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from anonymizer_node.ros import inlet as module
from anonymizer_node.ros.inlet import OVERLAP_S, Inlet

TYPE = 'sensor_msgs/msg/Image'
RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT


class Node:
    """As much of a node as an inlet needs. Subscriptions are told apart by their number."""

    def __init__(self, overrides=()):
        self._parameter_overrides = dict.fromkeys(overrides)
        self.publishers = []
        self.made = []
        self.there = []

    def offer(self, reliability, durability=QoSDurabilityPolicy.VOLATILE, kind=TYPE):
        self.publishers.append(
            SimpleNamespace(
                node_namespace='/',
                node_name='driver',
                topic_type=kind,
                endpoint_gid=[len(self.publishers)],
                qos_profile=QoSProfile(depth=1, reliability=reliability, durability=durability),
            )
        )

    def get_publishers_info_by_topic(self, topic):
        assert topic == '/a'
        return self.publishers

    def create_subscription(self, kind, topic, callback, qos, **more):
        overriding = more['qos_overriding_options'].policy_kinds
        if [policy.name for policy in overriding] == ['RELIABILITY']:
            qos.reliability = RELIABLE  # As rclpy does it, from the parameter.
        made = SimpleNamespace(callback=callback, qos=qos, events=more['event_callbacks'])
        self.made.append(made)
        self.there.append(made)
        return made

    def destroy_subscription(self, subscription):
        self.there.remove(subscription)


class World:
    def __init__(self, overrides=()):
        self.now_s = 100.0
        self.heard = []
        self.lost = []
        self.node = Node(overrides)
        self.inlet = Inlet(
            self.node, TYPE, '/a', '/b', 5,
            self.heard.append,
            lambda count, reason: self.lost.append(count),
            clock=lambda: self.now_s,
        )  # fmt: skip

    def follow(self):
        self.inlet.look()
        return self.inlet.adapt()

    def hear(self, number, by=-1, message=None):
        """A message comes, numbered and sent at a time of its own."""
        info = {'source_timestamp': 1000 + number, 'publication_sequence_number': number}
        self.node.there[by].callback(message or number, info)


@pytest.fixture
def world():
    made = World()
    made.inlet.look()
    made.inlet.open()
    return made


def test_new_subscription_is_there_before_the_old_one_goes(world):
    (first,) = world.node.there
    world.node.offer(RELIABLE)
    assert world.follow()
    assert [made.qos.reliability for made in world.node.there] == [BEST_EFFORT, RELIABLE]
    world.now_s += OVERLAP_S / 2
    assert not world.follow()
    assert len(world.node.there) == 2
    world.now_s += OVERLAP_S
    assert not world.follow()
    assert first not in world.node.there
    assert world.inlet.told == 'reliable, volatile'


def test_subscription_that_can_not_be_made_leaves_the_one_that_there_is(world, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    (first,) = world.node.there
    world.node.offer(RELIABLE)
    with monkeypatch.context() as patch:
        patch.setattr(world.node, 'create_subscription', full)
        with pytest.raises(MemoryError):
            world.follow()
    world.node.publishers[0].qos_profile.reliability = BEST_EFFORT  # As it was.
    world.now_s += 2 * OVERLAP_S
    assert not world.follow()
    assert world.node.there == [first]
    assert world.inlet.told == 'best_effort, volatile'
    world.hear(1)
    assert world.heard == [1]
    first.events.message_lost(SimpleNamespace(total_count=3, total_count_change=3))
    assert world.lost == ([] if module.TELLS_ABOUT_MESSAGES else [3])
    world.inlet.close()
    assert world.node.there == []


def test_what_both_hear_is_taken_once_and_what_one_hears_too(world):
    world.hear(1)
    world.node.offer(RELIABLE)
    world.follow()
    world.hear(1, by=1)  # Kept for the new one, which comes later.
    world.hear(2, by=0)
    world.hear(2, by=1)
    world.hear(3, by=1)
    world.hear(4, by=1)
    world.hear(3, by=0)
    assert world.heard == [1, 2, 3, 4]
    assert world.lost == []  # No gap, though the numbers came in no order.
    world.now_s += OVERLAP_S
    world.follow()
    world.hear(5)
    world.hear(7)
    assert world.heard == [1, 2, 3, 4, 5, 7]
    if module.TELLS_ABOUT_MESSAGES:
        assert world.lost == [1]


def test_what_neither_heard_during_a_change_is_counted_at_the_end_of_it(world):
    if not module.TELLS_ABOUT_MESSAGES:
        pytest.skip('this rclpy does not hand out the numbers of messages')
    world.node.offer(RELIABLE)
    world.hear(1)
    world.follow()
    world.hear(5, by=1)
    world.hear(3, by=0)
    world.hear(6, by=1)
    assert world.lost == []
    world.now_s += OVERLAP_S
    world.follow()
    assert world.lost == [2]


def test_losses_are_told_of_by_the_subscription_in_force_only(world):
    if not module.TELLS_ABOUT_MESSAGES:
        pytest.skip('this rclpy does not hand out the numbers of messages')
    first = world.node.there[0].events
    first.message_lost(SimpleNamespace(total_count_change=2))
    assert world.lost == [2]
    world.node.offer(RELIABLE)
    world.follow()
    first.message_lost(SimpleNamespace(total_count_change=3))
    assert world.lost == [2]
    world.node.there[1].events.message_lost(SimpleNamespace(total_count_change=4))
    assert world.lost == [2, 4]


def test_without_numbers_stamps_tell_what_comes_twice(world):
    def image(seconds):
        stamp = SimpleNamespace(sec=seconds, nanosec=0)
        return SimpleNamespace(header=SimpleNamespace(stamp=stamp), data=array('B', [seconds] * 99))

    receive = world.inlet._hear
    receive(image(1))
    world.node.offer(RELIABLE)
    world.follow()
    receive(image(1))
    assert len(world.heard) == 1
    receive(image(2))
    # Without a stamp, nothing says that it is the same, and none is taken for it.
    receive(image(0))
    receive(image(0))
    assert len(world.heard) == 4
    # Nor is a driver that sets the same stamp again and again, but for the time of a change.
    world.now_s += 2 * OVERLAP_S
    world.follow()
    receive(image(2))
    assert len(world.heard) == 5
    raw = b'the bytes of a message'
    receive(raw)
    assert world.heard[-1] == raw


def test_a_driver_whose_stamp_stands_still_loses_no_frame_in_a_change_without_numbers(world):
    def image(value, size=300_000):
        data = array('B', [7] * size)
        data[size // 2 : size // 2 + 8] = array('B', [value] * 8)
        stamp = SimpleNamespace(sec=1, nanosec=0)
        return SimpleNamespace(header=SimpleNamespace(stamp=stamp), data=data)

    receive = world.inlet._hear
    receive(image(0))
    world.node.offer(RELIABLE)
    world.follow()
    for value in range(1, 61):
        world.now_s += 1 / 30
        for _ in range(2):  # By both subscriptions.
            receive(image(value))
    assert [message.data[150_004] for message in world.heard] == list(range(61))


def test_publisher_that_offers_less_is_heard(world):
    world.node.offer(RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL)
    world.follow()
    assert world.inlet.durable
    world.now_s += OVERLAP_S
    world.node.offer(BEST_EFFORT)
    assert world.follow()
    assert world.inlet.told == 'best_effort, volatile'
    assert world.inlet.trouble == ''
    assert not world.inlet.durable


def test_nothing_changes_when_publishers_go_or_offer_something_else_altogether(world):
    world.node.offer(RELIABLE)
    world.follow()
    world.now_s += OVERLAP_S
    world.follow()
    world.node.publishers.clear()
    assert not world.follow()
    world.node.offer(BEST_EFFORT, kind='sensor_msgs/msg/CompressedImage')
    assert not world.follow()
    assert world.inlet.told == 'reliable, volatile'
    assert len(world.node.made) == 2


def test_override_is_held_on_to_and_who_is_not_heard_is_named():
    name = 'qos_overrides./b.subscription.reliability'
    world = World([name])
    world.inlet.look()
    world.inlet.open()
    world.node.offer(BEST_EFFORT)
    assert not world.follow()
    assert world.inlet.trouble == (
        '/b is not heard from /driver: best effort publisher and reliable subscription; take back '
        f'{name}.'
    )
    # What isn't overridden follows.
    world.node.publishers.clear()
    world.node.offer(RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL)
    assert world.follow()
    assert (world.inlet.told, world.inlet.trouble) == ('reliable, transient_local', '')


def test_closed_in_the_middle_of_a_change_it_leaves_nothing_behind(world):
    world.node.offer(RELIABLE)
    world.follow()
    world.inlet.close()
    assert world.node.there == []
    assert world.inlet.told == ''
    assert not world.follow()
    world.inlet.open()
    assert [made.qos.reliability for made in world.node.there] == [RELIABLE]


def test_count_that_fails_leaves_the_message_be(world, monkeypatch):
    def fail(number):
        raise RuntimeError('the graph is gone')

    monkeypatch.setattr(world.inlet._gaps, 'before', fail)
    world.hear(1)
    world.hear(2)
    assert world.heard == [1, 2]


def test_what_was_kept_is_known_again_however_late_it_is_handed_over(world):
    if not module.TELLS_ABOUT_MESSAGES:
        pytest.skip('this rclpy does not hand out the numbers of messages')
    world.hear(1)
    world.node.offer(RELIABLE)
    world.follow()
    world.now_s += 60.0
    world.follow()
    world.hear(1)
    assert world.heard == [1]
    # Without a number two messages may have been sent at one time, as far as that is told.
    for _ in range(2):
        world.node.there[0].callback('same', {'source_timestamp': 5})
    assert world.heard == [1, 'same', 'same']
    for number in range(2, 2000):
        world.hear(number)
    assert len(world.inlet._recent) == module._REMEMBERED
