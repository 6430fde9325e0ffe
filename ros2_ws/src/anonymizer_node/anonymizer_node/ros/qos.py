"""Quality of service, and message types by name.

Subscriptions ask for as much as every publisher of the topic offers, as `ros2 bag record` does:
reliable if all are reliable, transient local if all are. Less would match as well, but large
images that are sent best-effort get lost, and what was sent before is never seen. With no
publisher yet they ask for the least, which any publisher matches.

Publications are reliable and volatile, or transient local where the input is. Whatever is given as
a standard parameter `qos_overrides./topic.subscription.reliability` and the like comes before all
of this: see `qos_overrides`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from rclpy.qos import (
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_check_compatible,
)


def message_class(type_name: str) -> type:
    """The Python class of a message type such as `sensor_msgs/msg/Image`."""
    package, kind, name = type_name.split('/')
    found: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return found


def input_qos(depth: int, offered: Sequence[QoSProfile] = ()) -> QoSProfile:
    """What to ask for.

    Args:
        depth: Messages kept for us.
        offered: By the publishers that there are now.
    """
    reliable = bool(offered) and all(
        profile.reliability == QoSReliabilityPolicy.RELIABLE for profile in offered
    )
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=(
            QoSReliabilityPolicy.RELIABLE if reliable else QoSReliabilityPolicy.BEST_EFFORT
        ),
        durability=_durability(is_durable(offered)),
    )


def output_qos(depth: int, durable: bool = False) -> QoSProfile:
    """Reliable, so that subscribers of either reliability match.

    Args:
        depth: Messages kept for subscribers.
        durable: Also for those that come later.
    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=_durability(durable),
    )


def is_durable(offered: Sequence[QoSProfile]) -> bool:
    """Whether all publishers, one at least, keep messages for who comes later."""
    return bool(offered) and all(
        profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL for profile in offered
    )


def _durability(durable: bool) -> QoSDurabilityPolicy:
    return QoSDurabilityPolicy.TRANSIENT_LOCAL if durable else QoSDurabilityPolicy.VOLATILE


def in_words(profile: QoSProfile) -> str:
    """The two policies by which images are lost or found, to show."""
    return f'{profile.reliability.name.lower()}, {profile.durability.name.lower()}'


def owner(info: Any) -> str:
    """The full name of the node that a publisher or subscription belongs to, to show."""
    if 'UNKNOWN' in info.node_name:  # Seen a moment before its node, or no node of ROS at all.
        return 'a node without a name'
    return f'{info.node_namespace.rstrip("/")}/{info.node_name}'


def misfit(offered: QoSProfile, asked: QoSProfile) -> str:
    """Why a publisher and a subscription don't hear each other; '' if they do."""
    compatibility, reason = qos_check_compatible(offered, asked)
    if compatibility != QoSCompatibility.ERROR:
        return ''
    return str(reason).replace('ERROR: ', '').strip().rstrip(';').lower()
