"""~/take_still: one picture of each camera as it leaves the node, for a look at what it hides.

The service answers when the next frame of every camera has been published as usual and, as a
JPEG, on `~/still/OUTPUT/compressed` too, where it stays for late subscribers until the node is
deactivated. Only frames that detectors judged and that went out anonymised or untouched are taken;
the node writes no file, and keeps no picture otherwise.
"""

from __future__ import annotations

import array
import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import cv2
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import Trigger

from anonymizer_node.core.datatypes import Outcome
from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.roles import Codec
from anonymizer_node.ros.topics import CameraPlan

SERVICE = '~/take_still'
TOPIC = '~/still'
SUFFIX = '/compressed'
PATIENCE_S = 3.0
"""How long a request waits for a frame of every camera, seconds."""

TAKEN = ('anonymized', 'untouched')
_JPEG_QUALITY = 95


class HasPlan(Protocol):
    """As much of a camera as is needed here."""

    index: int
    plan: CameraPlan


class Stills:
    """The service, the topics, and what is still owed.

    `tell` belongs to the worker's thread, everything else to the executor's.
    """

    def __init__(
        self,
        node: LifecycleNode,
        cameras: Callable[[], Iterable[HasPlan]],
        is_active: Callable[[], bool],
    ) -> None:
        """Offer the service.

        Args:
            node: Owner of service and topics.
            cameras: That there are now.
            is_active: Whether the node publishes.
        """
        self._node = node
        self._cameras = cameras
        self._is_active = is_active
        self._lock = threading.Lock()
        self._publishers: dict[int, Any] = {}
        self._silenced: list[Any] = []
        self._owed: set[int] = set()
        self._problems: dict[int, str] = {}
        self._done: Future | None = None
        # A group of its own: a request that waits must not keep the frames from coming in.
        self._service = node.create_service(
            Trigger, SERVICE, self._answer, callback_group=MutuallyExclusiveCallbackGroup()
        )

    def close(self) -> None:
        """Take the stills back, and owe none."""
        self.silence()
        while self._silenced:
            self._node.destroy_publisher(self._silenced.pop())

    def silence(self) -> None:
        """Publish none from now on; the publishers are left as they are."""
        with self._lock:
            self._silenced += self._publishers.values()
            self._publishers.clear()
            done = self._done
        self._finish(done)

    def tell(self, outcome: Outcome, codec: Codec, output_topic: str, camera: int) -> None:
        """See `announcer.Listener.tell`: take the frame, if one of this camera is owed."""
        if camera not in self._owed:
            return
        if outcome.status not in TAKEN or outcome.detections is None:
            return
        try:
            still = as_jpeg(outcome.message, codec, output_topic)
            with self._lock:
                publisher = self._publishers.get(camera)
                if camera not in self._owed or publisher is None:
                    return
                publisher.publish(still)
        except FrameError as error:
            with self._lock:
                self._problems[camera] = str(error)
        with self._lock:
            self._owed.discard(camera)
            if self._owed:
                return
            done = self._done
        # A request that came since then is owed all of its own.
        self._finish(done)

    async def _answer(self, request: Any, response: Any) -> Any:
        """The callback. rclpy lets others run while it waits."""
        try:
            return await self._taken(response)
        except Exception as error:  # rclpy would end the process.
            response.success = False
            response.message = f'{type(error).__name__}: {error}'
            return response

    async def _taken(self, response: Any) -> Any:
        if not self._is_active():
            response.message = 'The node is not active: it publishes no image that could be taken.'
            return response
        # Frames that nobody judges are no stills: those of a camera that follows another one.
        cameras = {item.index: item.plan for item in self._cameras() if not item.plan.twin}
        topics = {index: still_topic(plan.output) for index, plan in cameras.items()}
        done = Future()
        for index, topic in topics.items():
            if index not in self._publishers:
                publisher = self._node.create_publisher(CompressedImage, topic, _latched())
                with self._lock:
                    self._publishers[index] = publisher
        with self._lock:
            self._problems = {}
            self._owed = set(cameras)
            self._done = done
        timer = self._node.create_timer(
            PATIENCE_S,
            functools.partial(self._finish, done),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        try:
            missing = await done if cameras else set()
        finally:
            self._node.destroy_timer(timer)
        problems = self._problems
        late = [cameras[index].input_name for index in sorted(missing)]
        taken = [
            self._node.resolve_topic_name(topic)
            for index, topic in topics.items()
            if index not in missing and index not in problems
        ]
        response.success = bool(taken) and not late and not problems
        response.message = _sentence(taken, late, list(problems.values()))
        return response

    def _finish(self, done: Future | None) -> None:
        """Answer a request, if it still waits, whatever is still owed."""
        with self._lock:
            if self._done is not done:
                return
            missing, self._owed = self._owed, set()
            self._done = None
        if done is not None:
            done.set_result(missing)


def still_topic(output: str) -> str:
    """Where the still of a camera is published, relative to the node's name.

    The prefix of outputs is in it, so that no pattern takes it for a camera, of whatever node.

    Args:
        output: Where the camera's frames are published, before remapping.
    """
    return TOPIC + output + SUFFIX


def as_jpeg(message: Any, codec: Codec, output_topic: str) -> CompressedImage:
    """A published image as a compressed one; one that is compressed already as it is.

    Args:
        message: Not changed.
        codec: Of the message.
        output_topic: Of the message.

    Raises:
        FrameError: If it can't be shown.
    """
    if isinstance(message, CompressedImage):
        return message
    # In its full size: what a detector would be shown may be reduced.
    frame = codec.decode(message, output_topic, max(int(message.width), int(message.height)))
    picture = resized_bgr(frame.pixels, frame.encoding, frame.width, frame.height)
    done, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise FrameError(f'The picture of {output_topic} can not be written as a JPEG.')
    still = CompressedImage(header=message.header, format=f'{frame.encoding}; jpeg compressed bgr8')
    still.data = array.array('B', data.tobytes())
    return still


def _latched() -> QoSProfile:
    return QoSProfile(
        depth=1,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
    )


def _sentence(taken: list[str], late: list[str], problems: list[str]) -> str:
    parts = []
    if taken:
        parts.append(f'On {", ".join(taken)}.')
    if late:
        parts.append(f'No frame of {", ".join(late)} went out within {PATIENCE_S:.0f} s.')
    if not (taken or late or problems):
        parts.append('There is no camera.')
    return ' '.join([*parts, *problems])
