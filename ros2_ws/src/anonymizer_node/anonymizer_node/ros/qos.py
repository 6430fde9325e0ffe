"""Quality of service, and message types by name."""

from __future__ import annotations

import importlib

from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)


def message_class(type_name: str) -> type:
    """The Python class of a message type such as `sensor_msgs/msg/Image`."""
    package, kind, name = type_name.split('/')
    found: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return found


def input_qos(depth: int) -> QoSProfile:
    """Best effort, so that publishers of either reliability match."""
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=QoSReliabilityPolicy.BEST_EFFORT,
        durability=QoSDurabilityPolicy.VOLATILE,
    )


def output_qos(depth: int) -> QoSProfile:
    """Reliable, so that subscribers of either reliability match."""
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.VOLATILE,
    )
