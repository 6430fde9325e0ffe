from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from anonymizer_node.ros.qos import (
    in_words,
    input_qos,
    is_durable,
    misfit,
    output_qos,
    owner,
)


def offer(words):
    """A profile by two letters: Reliable or Best effort, Volatile or Latched."""
    return QoSProfile(
        depth=1,
        reliability=(
            QoSReliabilityPolicy.RELIABLE if words[0] == 'R' else QoSReliabilityPolicy.BEST_EFFORT
        ),
        durability=(
            QoSDurabilityPolicy.TRANSIENT_LOCAL if words[1] == 'L' else QoSDurabilityPolicy.VOLATILE
        ),
    )


@pytest.mark.parametrize(
    ('offered', 'asked'),
    [
        ([], 'best_effort, volatile'),
        (['RV'], 'reliable, volatile'),
        (['BV'], 'best_effort, volatile'),
        (['RL'], 'reliable, transient_local'),
        (['BL'], 'best_effort, transient_local'),
        (['RV', 'RL'], 'reliable, volatile'),
        (['RL', 'RL'], 'reliable, transient_local'),
        (['RV', 'BV'], 'best_effort, volatile'),
        (['BL', 'RV'], 'best_effort, volatile'),
    ],
)
def test_asked_is_what_all_publishers_offer_so_each_of_them_is_heard(offered, asked):
    offers = [offer(words) for words in offered]
    profile = input_qos(5, offers)
    assert in_words(profile) == asked
    assert profile.depth == 5
    assert [misfit(item, profile) for item in offers] == [''] * len(offers)
    assert is_durable(offers) is ('transient_local' in asked)


def test_output_serves_subscribers_of_either_reliability():
    assert in_words(output_qos(5)) == 'reliable, volatile'
    assert in_words(output_qos(5, durable=True)) == 'reliable, transient_local'


def test_misfit_says_why():
    reason = misfit(offer('BV'), offer('RL'))
    assert reason.startswith('best effort publisher and reliable subscription')
    assert 'volatile publisher and transient local subscription' in reason


def test_node_seen_before_its_name_is_shown_without_one():
    known = SimpleNamespace(node_namespace='/robot', node_name='driver')
    unknown = SimpleNamespace(
        node_namespace='_NODE_NAMESPACE_UNKNOWN_', node_name='_NODE_NAME_UNKNOWN_'
    )
    assert owner(known) == '/robot/driver'
    assert owner(unknown) == 'a node without a name'
