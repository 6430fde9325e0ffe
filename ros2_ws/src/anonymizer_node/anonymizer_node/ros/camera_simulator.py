"""The executable `camera_simulator`: cameras that see people whose places are known.

It renders its scenes first, waits until every image and every truth has a subscriber, plays them in
real time, and ends. The truth of `/front/image_raw` is on `/truth/front/image_raw`: one marker for
each frame, with the same header; see `ros.truth`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node
from std_msgs.msg import Header

from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.formats.bags import MessageTypes
from anonymizer_node.proof.truth import TRUTH_PREFIX
from anonymizer_node.ros.camera_player import CameraPlayer, acknowledged
from anonymizer_node.ros.described import Described, declare
from anonymizer_node.ros.qos import message_class, output_qos
from anonymizer_node.ros.session import heed_signals, refused_words, session
from anonymizer_node.ros.truth import truth_marker
from anonymizer_node.simulation.cameras import FORM, Camera
from anonymizer_node.simulation.footage import Footage, Shot
from anonymizer_node.simulation.stages import STAGES

NAME = 'camera_simulator'
TRUTH_TYPE = 'visualization_msgs/msg/ImageMarker'
TRUTH_DEPTH = 100

PARAMETERS: Mapping[str, Described] = {
    'cameras': Described(
        ('front=passage:bgr8:15', 'rear=passage:jpeg:10:reliable'),
        f'Each camera as {FORM}. Scenes: {", ".join(STAGES)}; passage is another one for every '
        'seed. Transports: bgr8 and mono8 are raw images, jpeg a compressed one.',
    ),
    'seed': Described(1, 'Decides every pixel; the second camera gets the next one.', 0, 2**31),
    'seconds': Described(8.0, 'How long a scene takes.', 0.5, 120.0),
    'loops': Described(1, 'How often it is played; 0: until the process is told to end.', 0, 10**6),
    'wait_seconds': Described(
        60.0, 'How long to wait for subscribers of images and truth.', 0.0, 86400.0
    ),
}


class TruthTeller:
    """Publishes who is in each frame."""

    def __init__(self, node: Node, cameras: Sequence[Camera]) -> None:
        """A topic for each camera."""
        self._frames = [f'{camera.name}_optical_frame' for camera in cameras]
        self.publishers = [
            node.create_publisher(
                message_class(TRUTH_TYPE), TRUTH_PREFIX + camera.topic, output_qos(TRUTH_DEPTH)
            )
            for camera in cameras
        ]

    def tell(self, shot: Shot, data: bytes, stamp_ns: int) -> None:
        """The truth of a message, if it is an image."""
        camera, beside = divmod(shot.channel, 2)
        if beside or camera >= len(self.publishers):
            return
        header = Header(frame_id=self._frames[camera])
        header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        self.publishers[camera].publish(truth_marker(shot.people, header, camera))


def main(args: Sequence[str] | None = None) -> int:
    """Play; 0, 1 if nobody listened or somebody missed something, 2 on a wrong parameter."""
    heed_signals()
    if args is None and refused_words(NAME, sys.argv[1:]):
        return 2
    try:
        with session(NAME, sys.argv if args is None else args) as (node, executor):
            try:
                return _played(node, executor, declare(node, PARAMETERS))
            except AnonymizerError as error:
                node.get_logger().fatal(str(error))
                return 2
    except KeyboardInterrupt:
        return 0


def _played(node: Node, executor: Executor, values: Mapping[str, Any]) -> int:
    log = node.get_logger()
    cameras = [Camera.parse(text) for text in values['cameras']]
    footage = Footage(cameras, values['seconds'], values['seed'], MessageTypes(), apart=True)
    # Rendered in advance: while it plays, the processor is the others'.
    shots = list(footage.shots())
    player, truth = CameraPlayer(node, executor, footage), TruthTeller(node, cameras)
    log.info(f'Waiting for subscribers of {", ".join(camera.topic for camera in cameras)}.')
    awaited = [*player.images, *truth.publishers]
    lacking = player.wait_for_subscribers(awaited, values['wait_seconds'])
    if lacking:
        log.fatal(f'Nobody subscribes to {", ".join(lacking)}.')
        return 1
    played = 0
    while values['loops'] == 0 or played < values['loops']:
        late_s = player.play(shots, truth.tell)
        played += 1
        log.info(
            f'Played seed {values["seed"]}: {len(shots)} messages, the latest {late_s * 1e3:.0f} '
            'ms late.'
        )
    if not (player.wait_for_acknowledgement() and acknowledged(truth.publishers)):
        log.error('A reliable subscriber did not acknowledge everything.')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
