"""The lifecycle node. It owns the parameters, the detector and the cameras.

    unconfigured  parameters are there, nothing else
    inactive      settings checked, model verified and loaded, topics decided; none is open
    active        topics open, the worker runs

A transition that can't be made for a reason of ours (a setting, a model, a topic) is refused: the
node stays where it was, says why in the log and on /diagnostics, and publishes nothing. One that
fails for another reason ends in `unconfigured`, with everything freed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from anonymizer_node.core.config import Settings
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.roles import Detector
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.ros.announcer import Announcer, Audience
from anonymizer_node.ros.camera import Camera
from anonymizer_node.ros.diagnostics import ABOUT, DetectorReport
from anonymizer_node.ros.discovery import Discovery
from anonymizer_node.ros.followers import Twins
from anonymizer_node.ros.params import SettingsParameters
from anonymizer_node.ros.qos_overrides import check_overrides
from anonymizer_node.ros.reporter import Reporter, types_offered
from anonymizer_node.ros.stills import Stills
from anonymizer_node.ros.stopwatch import TimedDetector, drain_together_ms
from anonymizer_node.ros.topics import CameraPlan, patterns_of, plan_cameras, resolved
from anonymizer_node.ros.transitions import transition
from anonymizer_node.ros.watch import Watch
from anonymizer_node.ros.watchdog import Watchdog
from anonymizer_node.ros.worker import Worker

NAME = 'anonymizer_node'
AUTOSTART = ParameterDescriptor(
    description='Configure and activate at the start, without being told to.', read_only=True
)
STOP_TIMEOUT_S = 2.0
"""How long a frame in work may take to finish when the node is deactivated."""

DetectorFactory = Callable[[Settings], Sequence[Detector]]


class AnonymizerNode(LifecycleNode):
    """See the module.

    Attributes:
        autostart: Whether whoever runs the node should configure and activate it at the start.
        state: Name of the lifecycle state.
        hangs: Whether a thread is still stuck in a detector that the node has given up.
        refusal: Why the latest transition was refused or failed; '' if it wasn't.
    """

    def __init__(
        self, detector_factory: DetectorFactory | None = None, **node_arguments: Any
    ) -> None:
        """Unconfigured, with parameters and diagnostics.

        Args:
            detector_factory: Called with the settings on each configuration; None: loads the models
                that they name.
            node_arguments: For `rclpy.node.Node`, such as `parameter_overrides`.
        """
        super().__init__(NAME, **node_arguments)
        self.state = 'unconfigured'
        self.refusal = ''
        self.hangs = False
        self._detector_factory = detector_factory or functools.partial(
            load_detectors, notice=self.get_logger().info
        )
        self._detectors: tuple[TimedDetector, ...] = ()
        self._about: tuple[dict[str, Any], ...] = ()
        self._passed_over: tuple[str, ...] = ()
        self._twins = Twins()
        self._pipeline: Pipeline | None = None
        self._cameras: tuple[Camera, ...] = ()
        self._watch: Watch | None = None
        self._worker: Worker | None = None
        self._active_since_s: float | None = None
        self._announcer = Announcer(self)
        self._stills = Stills(self, lambda: self._cameras, lambda: self._active_since_s is not None)
        self._audience = Audience(self._announcer, self._stills)
        self.autostart: bool = self.declare_parameter('autostart', True, AUTOSTART).value
        self._settings_parameters = SettingsParameters(self, self._check, self._change)
        self._watchdog = Watchdog(
            self, lambda: self._worker, lambda: self._cameras, lambda: self._detectors
        )
        self._reporter = Reporter(
            self,
            self._detector_report,
            lambda: self._cameras,
            lambda: self._active_since_s,
            lambda: self._watchdog.verdict,
            lambda: [] if self._watch is None else self._watch.statuses(),
        )

    @transition(reaches='inactive')
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the settings, decide the topics, verify and load the model."""
        settings = self._settings_parameters.settings()
        expand = functools.partial(resolved, self, only_expand=True)
        remap = functools.partial(resolved, self)
        plans = plan_cameras(settings, expand, remap, functools.partial(types_offered, self))
        patterns = patterns_of(settings, expand)
        check_overrides(self, plans, knows_all=not patterns)
        detectors = self._detector_factory(settings)
        timed = tuple(TimedDetector(detector) for detector in detectors)
        pipeline = Pipeline(settings, timed, live=True)
        self._detectors, self._pipeline = timed, pipeline
        self._twins = Twins()  # What hung, and was given up, keeps its own.
        self._about = tuple(_about(detector) for detector in detectors)
        self._passed_over = tuple(
            dict.fromkeys(key for item in detectors for key in getattr(item, 'passed_over', ()))
        )
        self._log_detectors()
        self._cameras = ()
        for plan in plans:
            self._take_in(plan)
        own_name, warn = self.get_fully_qualified_name(), self.get_logger().warning
        self._watch = Watch(
            self,
            Discovery(settings, patterns, own_name, self, remap, warn),
            lambda: self._cameras,
            self._take_in,
            lambda: self._active_since_s is not None,
        )
        if settings.detect_every > 1:
            self.get_logger().warning(
                f'detect_every is {settings.detect_every}: frames in between are not judged. Who '
                'comes into view there is visible until the next detection.'
            )
        return super().on_configure(state)

    @transition(reaches='active')
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the topics and start to work."""
        try:
            self._open()
            result = super().on_activate(state)
        except Exception:  # Whatever it was: refused or failed, nothing half open stays behind.
            self._stop()
            raise
        assert self._worker is not None
        self._worker.start()
        self._active_since_s = time.monotonic()
        return result

    @transition(reaches='inactive')
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the topics: after this nothing is published."""
        if not self._stop():
            # The thread that hangs keeps what it has; a next configuration gets all anew.
            self.refusal = f'the detector did not come back within {STOP_TIMEOUT_S:.0f} s.'
            self.get_logger().error(f'Deactivated, but {self.refusal} Configure the node again.')
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    @transition(reaches='unconfigured')
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the plans."""
        self.release()
        return super().on_cleanup(state)

    @transition(reaches='finalized')
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self.release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything; the node can be configured again."""
        self.release()
        self.state = 'unconfigured'
        return TransitionCallbackReturn.SUCCESS

    def release(self) -> None:
        """Stop publishing and free everything but the parameters and diagnostics."""
        self._stop()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        self._cameras = ()
        self._pipeline = None
        self._detectors = ()
        self._about = ()
        self._passed_over = ()

    @property
    def hung(self) -> str:
        """A sentence while a frame hangs, otherwise ''."""
        return self._watchdog.verdict

    def silence(self) -> bool:
        """Publish no image any more. Whether the worker has ended, or hangs in the detector."""
        for camera in self._cameras:
            camera.silence()
        self._stills.silence()
        ended = self._worker is None or self._worker.stop(STOP_TIMEOUT_S)
        self.hangs = self.hangs or not ended
        return ended

    def destroy_node(self) -> None:
        """Stop, and end the node."""
        self.release()
        super().destroy_node()

    def _open(self) -> None:
        """Make the topics, and a worker that hasn't begun."""
        assert self._pipeline is not None
        self._pipeline.forget()
        self._twins.forget()
        self._worker = Worker(self._cameras)
        self._announcer.open()
        for camera in self._cameras:
            camera.wake = self._worker.wake
            camera.open()

    def _stop(self) -> bool:
        """Close all topics and end the worker. Whether it has ended."""
        self._active_since_s = None
        for camera in self._cameras:
            camera.silence()
        try:
            with ExitStack() as closing:  # All are closed, whatever one of them raises.
                closing.callback(self._stills.close)
                for camera in self._cameras:
                    closing.callback(camera.close)
        finally:
            ended = self.silence()
            self._worker = None
        self._announcer.close()
        return ended

    def _check(self, settings: Settings) -> None:
        if self._pipeline is not None:
            Pipeline(settings, self._pipeline.detectors)  # It refuses what doesn't fit.

    def _change(self, settings: Settings) -> None:
        if self._pipeline is not None:
            self._pipeline.settings = settings

    def _detector_report(self) -> DetectorReport:
        worker = self._worker
        return DetectorReport(
            self.state,
            self.refusal,
            self._watchdog.verdict,
            0.0 if worker is None else worker.busy_s(),
            drain_together_ms(self._detectors),
            self._about,
            {} if self._pipeline is None else self._pipeline.settings.as_dict(),
            self._passed_over,
            '' if worker is None else worker.mishap,
            (
                '' if worker is None else worker.trouble,
                '' if self._watch is None else self._watch.trouble,
            ),
        )

    def _take_in(self, plan: CameraPlan) -> None:
        """One more camera, which is opened if the node is active."""
        assert self._pipeline is not None
        about = len(self._cameras), plan, self._pipeline, self._audience, self._twins
        camera = Camera(self, *about)
        if self._worker is not None:
            camera.wake = self._worker.wake
            try:
                camera.open()
            except Exception:  # Whatever it was, nothing half open stays behind.
                camera.close()
                raise
            self._worker.add(camera)
        self._cameras = (*self._cameras, camera)
        follows = f', following {plan.twin}' if plan.twin else ''
        self.get_logger().info(
            f'{plan.input_name} ({plan.type_name}) -> {plan.output_name}{follows}'
        )

    def _log_detectors(self) -> None:
        for about in self._about:
            told = ', '.join(f'{key} {value}' for key, value in about.items())
            self.get_logger().info(f'Detector: {told or "of your own"}.')


def _about(detector: Detector) -> dict[str, Any]:
    """What a detector can say of itself, to show."""
    model = getattr(detector, 'model', None)
    told = {name: getattr(detector, name, getattr(model, name, '')) for name in ABOUT}
    return {name: value for name, value in told.items() if value}
