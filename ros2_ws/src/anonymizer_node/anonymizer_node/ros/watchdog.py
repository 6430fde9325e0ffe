"""Tells when the worker hangs, has the cameras drop their frames meanwhile, and sees it come back.

All cameras share the worker, because they share the detector: when one frame hangs, nobody's can
be judged. They are dropped as they come and counted as `hung`, so that neither memory nor the age
of what is published grows. When the frame that hung comes back it is dropped as well, and the
cameras go on by themselves. A call that never comes back is given up with its thread when the node
is deactivated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from anonymizer_node.ros import intake
from anonymizer_node.ros.intake import Intake
from anonymizer_node.ros.stopwatch import TimedDetector
from anonymizer_node.ros.worker import Worker

TICK_S = 0.25
"""How often it looks, seconds: a verdict is at most this late."""


class HasIntake(Protocol):
    """As much of a camera as the watchdog needs."""

    @property
    def intake(self) -> Intake:
        """Its books."""


class Watchdog:
    """The timer and the verdict. Everything runs in the executor's thread.

    Attributes:
        verdict: A sentence while the worker hangs, otherwise ''.
    """

    def __init__(
        self,
        node: Node,
        worker: Callable[[], Worker | None],
        cameras: Callable[[], Iterable[HasIntake]],
        detectors: Callable[[], Iterable[TimedDetector]],
    ) -> None:
        """Begin to look.

        Args:
            node: Owner of the timer.
            worker: That there is now.
            cameras: Likewise.
            detectors: Likewise.
        """
        self.verdict = ''
        self._node = node
        self._worker = worker
        self._cameras = cameras
        self._detectors = detectors
        # Not on the node's clock: a simulation that stands still must not blind it.
        self._timer = node.create_timer(
            TICK_S, self._try, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def look(self) -> None:
        """Judge the worker now."""
        worker = self._worker()
        busy_s = 0.0 if worker is None else worker.busy_s()
        before = self.verdict
        if busy_s > intake.HUNG_S:
            step = (
                'the detector'
                if any(detector.is_busy for detector in self._detectors())
                else 'decoding, redaction or publication'
            )
            self.verdict = (
                f'{step} has been at one frame for {busy_s:.0f} s. No camera is published '
                'meanwhile, and frames are dropped as they come; if it does not come back, '
                'deactivate the node and configure it anew.'
            )
            for camera in self._cameras():
                camera.intake.give_up(self.verdict)
            if not before:
                self._node.get_logger().error(f'Hung: {self.verdict}')
        elif before:
            self.verdict = ''
            for camera in self._cameras():
                camera.intake.resume()
            if worker is not None:
                self._node.get_logger().info('What hung has come back; frames are taken again.')

    def _try(self) -> None:
        try:
            self.look()
        except Exception as error:  # Of memory, most likely; rclpy would end the process.
            # What comes back too late isn't published in any case: `Camera` looks at the time.
            if self._node.context.ok():
                self._node.get_logger().error(f'The watchdog failed: {type(error).__name__}')
