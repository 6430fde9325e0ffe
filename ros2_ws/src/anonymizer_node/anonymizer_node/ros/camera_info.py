"""The calibration beside an image, passed on as the same bytes."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode

from anonymizer_node.ros.inlet import Inlet
from anonymizer_node.ros.outlet import Outlet
from anonymizer_node.ros.topics import CameraPlan

TYPE = 'sensor_msgs/msg/CameraInfo'
DEPTH = 10


class InfoRelay:
    """One camera_info topic. It belongs to a camera, which opens and closes it."""

    def __init__(self, node: LifecycleNode, plan: CameraPlan) -> None:
        """Closed at first.

        Args:
            node: Owner of the topics.
            plan: Of the camera.
        """
        self._outlet = Outlet(node, TYPE, plan.info_output, plan.info_output_name, DEPTH)
        self._inlet = Inlet(
            node, TYPE, plan.info, plan.info_name, DEPTH, self._outlet.publish, raw=True
        )

    def open(self) -> None:
        """Make the topics and pass on."""
        self._inlet.look()
        self._outlet.open(self._inlet.durable)
        self._inlet.open()

    def follow(self) -> None:
        """Go along with what is offered now."""
        self._inlet.look()
        self._outlet.keep(self._inlet.durable, self._inlet.is_alone)
        self._inlet.adapt()
        self._outlet.look()

    def close(self) -> None:
        """Pass on no longer."""
        self._outlet.close()
        self._inlet.close()

    @property
    def trouble(self) -> str:
        """Why somebody isn't heard or doesn't hear; '' if all is well."""
        return self._inlet.trouble or self._outlet.trouble
