"""~/regions: says what was obscured in each frame published, without any pixel.

As `vision_msgs/Detection2DArray` where vision_msgs is installed, otherwise as an `ImageMarker`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rclpy.lifecycle import LifecycleNode

from anonymizer_node.core.datatypes import Outcome, Region
from anonymizer_node.core.roles import Codec
from anonymizer_node.ros.qos import message_class, output_qos

try:
    from anonymizer_node.ros.region_detections import to_detections
except ImportError:  # vision_msgs is not on every robot, nor among the wheels.
    to_detections = None  # type: ignore[assignment]
try:
    from anonymizer_node.ros.regions import to_marker
except ImportError:  # Nor is visualization_msgs.
    to_marker = None  # type: ignore[assignment]

TOPIC = '~/regions'
DETECTIONS = 'vision_msgs/msg/Detection2DArray'
MARKER = 'visualization_msgs/msg/ImageMarker'
DEPTH = 10

Form = Callable[[Sequence[Region], Any, str, int], Any]
"""Makes a message of regions, the image's header, its topic, and the index of its camera."""


class Listener(Protocol):
    """Somebody who is told of every frame published."""

    def tell(self, outcome: Outcome, codec: Codec, output_topic: str, camera: int) -> None:
        """A frame was published.

        Args:
            outcome: With the message published, not to be changed.
            codec: Of the message.
            output_topic: On which it was published.
            camera: Index of the camera in the node.
        """


class Audience:
    """Several listeners as one."""

    def __init__(self, *listeners: Listener) -> None:
        """Told in this order."""
        self._listeners = listeners

    def tell(self, outcome: Outcome, codec: Codec, output_topic: str, camera: int) -> None:
        """See `Listener.tell`. Every one is told, whatever another one raises."""
        raised = None
        for listener in self._listeners:
            try:
                listener.tell(outcome, codec, output_topic, camera)
            except Exception as error:  # Raised again below.
                raised = error
        if raised is not None:
            raise raised


class Announcer:
    """The topic. `open` and `close` belong to the executor's thread, `tell` to the worker's."""

    def __init__(self, node: LifecycleNode) -> None:
        """Closed at first; the node owns the topic."""
        self._node = node
        self._publisher: Any = None
        self._form: Form | None = None

    def open(self) -> None:
        """Make the topic, if a message type for it is installed."""
        forms: Mapping[str, Form | None] = {DETECTIONS: to_detections, MARKER: to_marker}
        for type_name, form in forms.items():
            if form is not None:
                self._form = form
                self._publisher = self._node.create_lifecycle_publisher(
                    message_class(type_name), TOPIC, output_qos(DEPTH)
                )
                return
        self._node.get_logger().warning(
            f'No {TOPIC}: neither vision_msgs nor visualization_msgs is installed.'
        )

    def close(self) -> None:
        """Tell nothing any more."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            self._node.destroy_lifecycle_publisher(publisher)

    def tell(self, outcome: Outcome, codec: Codec, output_topic: str, camera: int) -> None:
        """See `Listener.tell`: say what was obscured."""
        publisher, form = self._publisher, self._form
        if publisher is None or form is None or not publisher.get_subscription_count():
            return
        regions = outcome.regions
        if outcome.status == 'blacked_out':
            frame = codec.measure(outcome.message, output_topic)
            regions = (Region(0, 0, frame.width, frame.height),)
        publisher.publish(form(regions, outcome.message.header, output_topic, camera))
