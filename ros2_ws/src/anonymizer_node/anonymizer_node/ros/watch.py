"""Keeps an eye on the graph: takes in cameras that appear, and has the open ones follow.

The graph is asked twice a second on a steady timer, for rclpy tells nobody of its changes. With
two hundred topics that takes 0.2 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode

from anonymizer_node.ros.camera import Camera
from anonymizer_node.ros.discovery import Discovery
from anonymizer_node.ros.throttle import Throttle
from anonymizer_node.ros.topics import CameraPlan

PERIOD_S = 0.5


class Watch:
    """The timer, and what is done each time. All of it belongs to the executor's thread."""

    def __init__(
        self,
        node: LifecycleNode,
        discovery: Discovery,
        cameras: Callable[[], Sequence[Camera]],
        take_in: Callable[[CameraPlan], None],
        is_active: Callable[[], bool],
    ) -> None:
        """Look at once, and then again and again.

        Args:
            node: Owner of the timer.
            discovery: Finds cameras.
            cameras: Those that there are.
            take_in: Called with the plan of each new one.
            is_active: Whether the cameras are open.
        """
        self._node = node
        self._discovery = discovery
        self._cameras = cameras
        self._take_in = take_in
        self._is_active = is_active
        self._log_due = Throttle(interval_s=10.0)
        self.look()
        # Not on the node's clock: a simulation that stands still must not blind it.
        self._timer = node.create_timer(
            PERIOD_S, self._try, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def look(self) -> None:
        """Look once."""
        if self._is_active():
            for camera in self._cameras():
                self._follow(camera)
        for plan in self._discovery.look(self._plans()):
            try:
                self._take_in(plan)
            except Exception as error:  # One camera that can't be had must not cost the others.
                self._discovery.refuse(plan, f'{type(error).__name__}: {error}')

    def statuses(self) -> list[DiagnosticStatus]:
        """For the diagnostics."""
        return self._discovery.statuses(self._node.get_fully_qualified_name(), self._plans())

    def close(self) -> None:
        """Look no more."""
        self._node.destroy_timer(self._timer)

    def _plans(self) -> list[CameraPlan]:
        return [camera.plan for camera in self._cameras()]

    def _try(self) -> None:
        try:
            self.look()
        except Exception as error:  # Of memory, most likely; rclpy would end the process.
            if self._node.context.ok() and self._log_due('look'):
                self._node.get_logger().error(
                    f'Could not look for cameras: {type(error).__name__}: {error}'
                )

    def _follow(self, camera: Camera) -> None:
        try:
            camera.follow()
        except Exception as error:  # Likewise.
            if self._log_due(camera.plan.input_name):
                self._node.get_logger().error(
                    f'{camera.plan.input_name} can not be followed, {type(error).__name__}: {error}'
                )
