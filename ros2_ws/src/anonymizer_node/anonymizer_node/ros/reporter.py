"""Publishes /diagnostics once a second, whatever the state of the node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from anonymizer_node.ros.books import Tally
from anonymizer_node.ros.camera import Camera
from anonymizer_node.ros.diagnostics import (
    CameraReport,
    DetectorReport,
    camera_status,
    detector_status,
)
from anonymizer_node.ros.throttle import Throttle

PERIOD_S = 1.0


class Reporter:
    """The topic, its timer, and the books of the last report."""

    def __init__(
        self,
        node: Node,
        detector: Callable[[], DetectorReport],
        cameras: Callable[[], Sequence[Camera]],
        active_since_s: Callable[[], float | None],
        hung: Callable[[], str] = str,
        more: Callable[[], Sequence[DiagnosticStatus]] = tuple,
    ) -> None:
        """Begin to report.

        Args:
            node: Owner of the topic.
            detector: The state of node and detector.
            cameras: Those configured.
            active_since_s: When the node was activated, on the monotonic clock; None if not active.
            hung: A sentence while the worker hangs.
            more: What else there is to report.
        """
        self._node = node
        self._more = more
        self._detector = detector
        self._cameras = cameras
        self._active_since_s = active_since_s
        self._hung = hung
        self._log_due = Throttle(interval_s=10.0)
        self._before: dict[Camera, Tally] = {}
        self._reported_s = time.monotonic()
        self._publisher = node.create_publisher(
            DiagnosticArray, '/diagnostics', QoSProfile(depth=10)
        )
        # Not on the node's clock: a simulation that stands still must not silence it.
        self._timer = node.create_timer(
            PERIOD_S, self._try, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def report(self) -> None:
        """Publish one report."""
        now_s = time.monotonic()
        elapsed_s, self._reported_s = now_s - self._reported_s, now_s
        name = self._node.get_fully_qualified_name()
        array = DiagnosticArray()
        array.header.stamp = self._node.get_clock().now().to_msg()
        array.status.append(detector_status(self._detector(), name))
        array.status.extend(self._more())
        tallies = {camera: camera.intake.tally(drain=True) for camera in self._cameras()}
        for camera, tally in tallies.items():
            plan = camera.plan
            report = CameraReport(
                plan.input_name,
                plan.output_name,
                plan.type_name,
                types_offered(self._node, plan.input),
                tally,
                self._before.get(camera, Tally()),
                elapsed_s,
                now_s,
                self._active_since_s(),
                strangers(name, self._node.get_publishers_info_by_topic(plan.output)),
                self._hung(),
                camera.trouble,
                camera.qos_in,
                camera.qos_out,
            )
            array.status.append(camera_status(report, name))
        self._before = tallies
        self._publisher.publish(array)

    def _try(self) -> None:
        try:
            self.report()
        except Exception as error:  # Of memory, most likely; rclpy would end the process.
            if self._node.context.ok() and self._log_due('report'):
                self._node.get_logger().error(
                    f'No report on /diagnostics: {type(error).__name__}: {error}'
                )


def types_offered(node: Node, topic: str) -> list[str]:
    """The types that publishers offer on a topic now.

    Args:
        node: Sees the graph.
        topic: Absolute name before remapping, for rclpy applies the rules to it.
    """
    return [info.topic_type for info in node.get_publishers_info_by_topic(topic)]


def strangers(own_name: str, publishers: Iterable[Any]) -> list[str]:
    """The nodes that publish on an output topic beside ours, by full name.

    Args:
        own_name: Full name of our node, which has one publisher there at most. A second one under
            this name is another process's.
        publishers: As `get_publishers_info_by_topic` gives them.
    """
    names = [f'{info.node_namespace.rstrip("/")}/{info.node_name}' for info in publishers]
    if own_name in names:
        names.remove(own_name)
    return sorted(set(names))
