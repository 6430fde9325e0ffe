from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.parameter import Parameter

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.ros.qos_overrides import (
    PUBLISHER,
    SUBSCRIPTION,
    check_overrides,
    idle_overrides,
    overridden,
    refuse_bad_overrides,
)
from anonymizer_node.ros.topics import CameraPlan


def test_overridden_are_the_policies_given_for_the_very_topic_and_kind():
    names = [
        'qos_overrides./a.subscription.reliability',
        'qos_overrides./a.subscription.depth',
        'qos_overrides./a.publisher.durability',
        'qos_overrides./a/b.subscription.history',
        'threads',
    ]
    node = SimpleNamespace(_parameter_overrides=dict.fromkeys(names))
    assert overridden(node, '/a', SUBSCRIPTION) == {'reliability', 'depth'}
    assert overridden(node, '/a', PUBLISHER) == {'durability'}
    assert overridden(node, '/b', PUBLISHER) == frozenset()


GOOD = {
    '/a.subscription.reliability': 'best_effort',
    '/a.subscription.durability': 'TRANSIENT_LOCAL',
    '/a.publisher.history': 'keep_all',
    '/a.publisher.depth': 3,
    '/a.publisher.deadline': 1_000_000,
    '/clock.subscription.reliability': 'reliable',
    '/a.publisher_rear.depth': 3,
}
BAD = {
    '/a.subscription.reliabilty': ('best_effort', 'there are deadline, depth, durability'),
    '/a.subscriber.reliability': ('best_effort', 'overrides nothing'),
    'a.subscription.reliability': ('best_effort', 'overrides nothing'),
    '/a.subscription': ('best_effort', 'there are'),
    '/a.subscription.invalid': (1, 'there are'),
    '/a.subscription.reliability': ('relyable', 'choose from system_default, reliable'),
    '/a.subscription.durability': (True, 'choose from'),
    '/a.publisher.reliability': ('unknown', 'choose from'),
    '/a.subscription.depth': ('five', 'takes a whole number'),
    '/a.publisher.depth': (-1, 'takes a whole number'),
    '/a.publisher.deadline': (0.5, 'takes a whole number'),
}


def test_good_overrides_pass():
    refuse_bad_overrides(
        {f'qos_overrides.{name}': Parameter('x', value=value) for name, value in GOOD.items()}
    )
    refuse_bad_overrides({'threads': Parameter('x', value=2)})


@pytest.mark.parametrize('name', BAD)
def test_override_that_rclpy_would_pass_over_or_raise_on_is_refused(name):
    value, reason = BAD[name]
    with pytest.raises(ConfigError) as caught:
        refuse_bad_overrides({f'qos_overrides.{name}': Parameter('x', value=value)})
    assert reason in str(caught.value)
    assert name in str(caught.value)


def test_override_of_another_topic_is_idle():
    names = [
        'qos_overrides./a.subscription.reliability',
        'qos_overrides./a.publisher.reliability',
        'qos_overrides./anonymized/a.publisher.depth',
        'qos_overrides./ab.subscription.depth',
        'qos_overrides./clock.subscription.depth',
        'threads',
    ]
    assert idle_overrides(names, ['/a'], ['/anonymized/a']) == [
        'qos_overrides./a.publisher.reliability',
        'qos_overrides./ab.subscription.depth',
    ]


@pytest.mark.parametrize(('knows_all', 'count'), [(True, 1), (False, 0)])
def test_idle_override_is_warned_about_if_no_camera_can_come(knows_all, count):
    warned = []
    names = ['/a.subscription.depth', '/anonymized/a.publisher.depth', '/b.subscription.depth']
    node = SimpleNamespace(
        _parameter_overrides={f'qos_overrides.{name}': Parameter('x', value=2) for name in names},
        get_logger=lambda: SimpleNamespace(warning=warned.append),
    )
    plan = CameraPlan('/a', '/anonymized/a', '/a', '/anonymized/a', 'sensor_msgs/msg/Image')
    check_overrides(node, [plan], knows_all)
    assert len(warned) == count
    assert all(text.startswith('qos_overrides./b.subscription.depth') for text in warned)
