"""What publishers of a topic offer just now, for those that subscribe to what they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from anonymizer_node.ros.qos import input_qos


def offered_qos(node: Node, topic: str, depth: int) -> QoSProfile | None:
    """The strictest profile that every publisher of a topic matches; None: there is none yet."""
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    return input_qos(depth, offers) if offers else None


def connected(node: Node, subscription: Subscription[Any]) -> bool:
    """Whether a publisher is there for a subscription."""
    count: Callable[[], int] | None = getattr(subscription, 'get_publisher_count', None)
    # Humble's subscriptions can't say; there the graph's word must do.
    return (count() if count else node.count_publishers(subscription.topic_name)) > 0
