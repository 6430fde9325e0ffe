"""~/regions: says what was obscured in each frame published, without any pixel."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode

from anonymizer_node.core.datatypes import Outcome, Region
from anonymizer_node.core.pipeline import Codec
from anonymizer_node.ros.qos import message_class, output_qos

try:
    from anonymizer_node.ros.regions import to_marker
except ImportError:  # visualization_msgs is not on every robot.
    to_marker = None  # type: ignore[assignment]

TOPIC = '~/regions'
TYPE = 'visualization_msgs/msg/ImageMarker'
DEPTH = 10


class Announcer:
    """The topic. `open` and `close` belong to the executor's thread, `tell` to the worker's."""

    def __init__(self, node: LifecycleNode) -> None:
        """Closed at first; the node owns the topic."""
        self._node = node
        self._publisher: Any = None

    def open(self) -> None:
        """Make the topic, if its message type is installed."""
        if to_marker is None:
            self._node.get_logger().warning(f'No {TOPIC}: visualization_msgs is not installed.')
            return
        self._publisher = self._node.create_lifecycle_publisher(
            message_class(TYPE), TOPIC, output_qos(DEPTH)
        )

    def close(self) -> None:
        """Tell nothing any more."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            self._node.destroy_lifecycle_publisher(publisher)

    def tell(self, outcome: Outcome, codec: Codec, output_topic: str, camera: int) -> None:
        """Say what was obscured in a frame just published.

        Args:
            outcome: With the message published.
            codec: Of the message.
            output_topic: On which it was published.
            camera: Index of the camera in the node.
        """
        publisher = self._publisher
        if publisher is None or not publisher.get_subscription_count():
            return
        regions = outcome.regions
        if outcome.status == 'blacked_out':
            frame = codec.decode(outcome.message, output_topic, 1)
            regions = (Region(0, 0, frame.width, frame.height),)
        publisher.publish(to_marker(regions, outcome.message.header, output_topic, camera))
