"""The calibration beside an image, passed on as the same bytes."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo

from anonymizer_node.ros.qos import input_qos, output_qos

DEPTH = 10


class InfoRelay:
    """One camera_info topic."""

    def __init__(self, node: LifecycleNode, info: str, output: str) -> None:
        """Closed at first.

        Args:
            node: Owner of the topics.
            info: Absolute name, before remapping.
            output: Likewise.
        """
        self._node = node
        self._info = info
        self._output = output
        self._publisher: Any = None
        self._subscription: Any = None

    def open(self) -> None:
        """Make the topics and pass on."""
        overridable = QoSOverridingOptions.with_default_policies()
        self._publisher = self._node.create_lifecycle_publisher(
            CameraInfo, self._output, output_qos(DEPTH), qos_overriding_options=overridable
        )
        self._subscription = self._node.create_subscription(
            CameraInfo,
            self._info,
            self._publisher.publish,
            input_qos(DEPTH),
            qos_overriding_options=overridable,
            raw=True,
        )

    def close(self) -> None:
        """Pass on no longer."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._node.destroy_subscription(subscription)
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            self._node.destroy_lifecycle_publisher(publisher)
