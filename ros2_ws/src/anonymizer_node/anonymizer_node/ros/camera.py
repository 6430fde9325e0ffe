"""One camera: its subscription, its publisher, and what happens to a frame between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.lifecycle import LifecycleNode

from anonymizer_node.core.datatypes import Outcome
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.image_codecs import CODECS, stamp_ns
from anonymizer_node.ros.announcer import Listener
from anonymizer_node.ros.books import EXPECTED, HUNG, INACTIVE, INTERNAL, OVERRUN, RATE, TRANSPORT
from anonymizer_node.ros.camera_info import InfoRelay
from anonymizer_node.ros.followers import ROOM, Twins
from anonymizer_node.ros.inlet import Inlet
from anonymizer_node.ros.intake import Intake
from anonymizer_node.ros.outlet import Outlet
from anonymizer_node.ros.throttle import Throttle
from anonymizer_node.ros.topics import CameraPlan

SUBSCRIPTION_DEPTH = 5
"""DDS drops without a word what doesn't fit here, so there is room for when the executor is late.
Of what it hands over only the newest waits for the detector, and the rest is counted."""

PUBLISHER_DEPTH = 5

OLDEST_PLAUSIBLE_MS = 60_000.0
"""A frame older than this, or from the future, has a stamp of some other clock: no age is told."""

_UNFINISHED = Outcome('dropped', cause=INTERNAL, reason='Its work was broken off.')


class Camera:
    """One image topic, with the camera_info beside it unless another camera passes that on.

    The executor's thread calls `open`, `follow` and `close` and receives; the worker's thread calls
    `serve`.

    Attributes:
        index: Of this camera in the node.
        plan: The topics.
        intake: The frame that waits, and the books.
        wake: Called when a frame waits.
    """

    def __init__(
        self,
        node: LifecycleNode,
        index: int,
        plan: CameraPlan,
        pipeline: Pipeline,
        announcer: Listener,
        twins: Twins | None = None,
    ) -> None:
        """Closed at first.

        Args:
            node: Owner of the topics.
            index: Of this camera in the node.
            plan: The topics.
            pipeline: Shared by all cameras; only `serve` uses it to process.
            announcer: Told of every frame published.
            twins: Shared by all cameras: what those that are followed have shown.
        """
        self.index = index
        self.plan = plan
        self.intake = Intake(room=ROOM, follows=True) if plan.twin else Intake()
        self.wake: Callable[[], None] = lambda: None
        self._node = node
        self._pipeline = pipeline
        self._twins = twins or Twins()
        self._source = plan.input_name
        self._codec = CODECS[plan.type_name]
        self._log_due = Throttle(interval_s=10.0)
        self._announcer = announcer
        self._outlet = Outlet(node, plan.type_name, plan.output, plan.output_name, PUBLISHER_DEPTH)
        self._inlet = Inlet(
            node,
            plan.type_name,
            plan.input,
            plan.input_name,
            SUBSCRIPTION_DEPTH,
            self._receive,
            self._lost,
        )
        self._info = InfoRelay(node, plan) if plan.info else None

    def open(self) -> None:
        """Make the topics and take frames."""
        self._inlet.look()
        self._outlet.open(self._inlet.durable)
        self._inlet.open()
        self.intake.open()
        if self._info is not None:
            self._info.open()

    def follow(self) -> None:
        """Go along with what is offered now. Only while open."""
        self._inlet.look()
        # First, or the image that was kept for us would go out unkept.
        kept = self._outlet.keep(self._inlet.durable, self._inlet.is_alone)
        if kept and self._inlet.adapt():
            self._node.get_logger().info(
                f'{self.plan.input_name} is subscribed to as {self._inlet.told} from now on, which '
                'is what its publishers offer.'
            )
        self._outlet.look()
        if self.plan.twin:
            self.wake()  # A frame may have waited for long enough.
        if self._info is not None:
            self._info.follow()

    def close(self) -> None:
        """After this returned nothing is published, whatever the worker is at."""
        self.silence()
        if self._info is not None:
            self._info.close()
        self._outlet.close()
        self._inlet.close()

    def silence(self) -> None:
        """Take nothing in and publish nothing from now on; the topics are left as they are."""
        self.intake.close()
        self._outlet.silence()

    @property
    def trouble(self) -> str:
        """Why a publisher isn't heard, or somebody doesn't hear; '' if all is well."""
        about_info = '' if self._info is None else self._info.trouble
        return self._inlet.trouble or self._outlet.trouble or about_info

    @property
    def qos_in(self) -> str:
        """The QoS asked for, in words; '' if closed."""
        return self._inlet.told

    @property
    def qos_out(self) -> str:
        """The QoS offered, in words; '' if closed."""
        return self._outlet.told

    @property
    def has_work(self) -> bool:
        """Whether a frame waits, and waits for nothing else than its turn."""
        if not self.plan.twin:
            return self.intake.has_waiting
        oldest = self.intake.oldest
        if oldest is None:
            return False
        try:
            return self._twins.is_due(self._source, self.plan.twin, *oldest)
        except Exception:  # Of memory, most likely. `serve` may not raise it, nor may this.
            return True

    def serve(self) -> None:
        """Process the frame that waits, and publish what came of it."""
        message = self.intake.take()
        if message is None:
            return
        done, age_ms = _UNFINISHED, None
        try:
            done = self._publish(self._processed(message))
            if done.message is not None:
                with self._surviving():
                    age_ms = self._age_ms(done.message)
                    self._announcer.tell(done, self._codec, self.plan.output_name, self.index)
        except Exception as error:  # The worker serves other cameras too, and must not end.
            if done is _UNFINISHED:
                done = self._unexpected(error)
        finally:  # Whatever it was, a want of memory for the sentence about it included.
            self.intake.settle(done, self._people(done), age_ms)
        self._log(done.status, done.cause, done.reason)

    def _processed(self, message: Any) -> Outcome:
        """What the pipeline makes of a message, which those who follow are told."""
        at_ns = stamp_ns(message)
        senders = self._inlet.senders
        if self.plan.twin:
            known = self._twins.known(self._source, self.plan.twin, at_ns, senders > 1)
            return self._pipeline.follow(message, self._codec, self._source, known)
        outcome = self._pipeline.process(message, self._codec, self._source, senders == 1)
        self._twins.judged(self._source, at_ns, outcome, senders > 1)
        return outcome

    def _publish(self, outcome: Outcome) -> Outcome:
        """The one place at which images leave. Returns what became of the frame."""
        if outcome.message is None:
            return outcome
        if self.intake.overdue:
            return Outcome(
                'dropped',
                cause=HUNG,
                reason=f'It came back after {self.intake.busy_s():.1f} s, too late to publish.',
            )
        if not self._outlet.publish(outcome.message):
            return Outcome('dropped', cause=INACTIVE, reason='The node was deactivated.')
        return outcome

    def _lost(self, count: int, reason: str) -> None:
        with self._surviving():
            self.intake.lose(count)
            self._log('dropped', TRANSPORT, reason)

    def _receive(self, message: Any) -> None:
        try:
            cause = self.intake.offer(message, self._pipeline.settings.max_rate_hz)
        except Exception as error:  # Of memory, most likely; rclpy would end the process.
            self.intake.fail(f'{type(error).__name__}: {error}')
            return
        with self._surviving():
            if cause != RATE:
                self.wake()
            if cause == OVERRUN:
                self._log(
                    'dropped',
                    OVERRUN,
                    'Frames come faster than they are processed; the newest goes first. Lower '
                    'max_rate_hz or input_size, or use a faster provider.',
                )

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """For what goes on beside a frame, which is worth no end of the process: say so at most."""
        try:
            yield
        except Exception as error:  # As above.
            if self._node.context.ok() and self._log_due('beside'):
                self._node.get_logger().error(
                    f'{self.plan.input_name}: {type(error).__name__}: {error}'
                )

    def _unexpected(self, error: Exception) -> Outcome:
        if not self._node.context.ok():
            return Outcome('dropped', cause=INACTIVE, reason='The process is ending.')
        return Outcome('dropped', cause=INTERNAL, reason=f'{type(error).__name__}: {error}')

    def _people(self, outcome: Outcome) -> int:
        return 0 if outcome.detections is None else len(outcome.detections)

    def _age_ms(self, message: Any) -> float | None:
        age_ms = (self._node.get_clock().now().nanoseconds - stamp_ns(message)) / 1e6
        return age_ms if 0 <= age_ms <= OLDEST_PLAUSIBLE_MS else None

    def _log(self, status: str, cause: str, reason: str) -> None:
        if not cause or cause in (RATE, INACTIVE) or not self._log_due(cause):
            return
        count = self.intake.tally().dropped.get(cause, 0)
        text = f'{self.plan.input_name}: frame {status}, {cause} ({count} dropped so): {reason}'
        if cause in EXPECTED:
            self._node.get_logger().warning(text)
        else:
            self._node.get_logger().error(text)
