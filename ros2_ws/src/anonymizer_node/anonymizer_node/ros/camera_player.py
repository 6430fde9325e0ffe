"""Plays scenes as cameras do: `python -m anonymizer_node.ros.camera_player OUT --camera ...`.

It writes what it published as a bag, the raw input for whatever comes after, and beside it
`truth.json`: who was in which frame, and where.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy

from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.ros.qos import message_class
from anonymizer_node.ros.session import heed_signals, read_line, session, spin_until
from anonymizer_node.simulation.cameras import FORM, Camera
from anonymizer_node.simulation.footage import Footage, Recording, Shot, stamped

TRUTH_NAME = 'truth.json'
READY = 'player: ready'
PLAYED = 'player: played'
DEPTH = 10
ACKNOWLEDGED_WITHIN_S = 10.0


Sent = Callable[[Shot, bytes, int], None]
"""Gets a message that was just published: as planned, in CDR, and the stamp that it bears."""


class CameraPlayer:
    """Publishers for every topic of some footage."""

    def __init__(self, node: Node, executor: Executor, footage: Footage) -> None:
        self._node = node
        self._executor = executor
        self._publishers: list[Publisher[Any]] = [
            node.create_publisher(
                message_class(channel.msgtype),
                channel.name,
                QoSProfile(
                    depth=DEPTH,
                    reliability=ReliabilityPolicy.RELIABLE
                    if channel.reliable
                    else ReliabilityPolicy.BEST_EFFORT,
                ),
            )
            for channel in footage.channels
        ]
        self.images = self._publishers[: 2 * len(footage.cameras) : 2]
        self.imu = self._publishers[-1]

    def wait_for_subscribers(
        self, publishers: Sequence[Publisher[Any]], timeout_s: float
    ) -> list[str]:
        """Wait until every one has a subscriber; the topics that still have none."""

        def lacking() -> list[str]:
            return [
                publisher.topic_name
                for publisher in publishers
                if publisher.get_subscription_count() == 0
            ]

        spin_until(self._executor, lambda: not lacking(), timeout_s)
        return lacking()

    def play(self, shots: Sequence[Shot], sent: Sent) -> float:
        """Publish everything at its time, stamped with the node's clock.

        Returns:
            By how much the latest message was late, seconds.
        """
        start, worst, stamp_ns = time.monotonic(), 0.0, 0
        for shot in shots:
            due = start + shot.offset_ns / 1e9
            spin_until(self._executor, lambda: False, due - time.monotonic())
            worst = max(worst, time.monotonic() - due)
            if not shot.with_last:
                stamp_ns = self._node.get_clock().now().nanoseconds
            data = stamped(shot.data, stamp_ns)
            self._publishers[shot.channel].publish(data)
            sent(shot, data, stamp_ns)
        return worst

    def wait_for_acknowledgement(self) -> bool:
        """Whether all reliable subscribers have everything."""
        return acknowledged(self._publishers)


def acknowledged(publishers: Sequence[Publisher[Any]]) -> bool:
    """Whether all reliable subscribers have everything; waits for them."""
    within = Duration(seconds=ACKNOWLEDGED_WITHIN_S)
    return all(publisher.wait_for_all_acked(within) for publisher in publishers)


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    top = argparse.ArgumentParser(prog='camera_player', description=__doc__)
    top.add_argument('out', type=Path, metavar='OUT', help='Bag to write what was published to.')
    top.add_argument(
        '--camera',
        action='append',
        required=True,
        metavar=FORM,
        help='May be given several times.',
    )
    top.add_argument('--seconds', type=float, default=12.0, help='How long to play.')
    top.add_argument('--seed', type=int, default=1, help='Of the scenes.')
    top.add_argument('--wait', type=float, default=30.0, help='For subscribers, seconds.')
    top.add_argument(
        '--on-command',
        action='store_true',
        help='Start with the first line on standard input, and end with the end of it.',
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Play; exit status 0, 1 if nobody listened or somebody missed something, 2 on wrong usage."""
    heed_signals()
    args = parser().parse_args(argv)
    try:
        cameras = [Camera.parse(text) for text in args.camera]
        with BagWriter(args.out) as writer:
            footage = Footage(cameras, args.seconds, args.seed, writer)
            recording = Recording(footage, writer)
            status = _played(args, footage, recording)
            recording.save_truth(writer.folder / TRUTH_NAME)
        return status
    except AnonymizerError as error:
        print(f'camera_player: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('player: interrupted, no bag was written', flush=True)
        return 130


def _played(args: argparse.Namespace, footage: Footage, recording: Recording) -> int:
    with session('camera_player') as (node, executor):
        player = CameraPlayer(node, executor, footage)
        # Rendered in advance: while it plays, the processor is the others'.
        shots = list(footage.shots())
        lacking = player.wait_for_subscribers([*player.images, player.imu], args.wait)
        if lacking:
            print(f'player: nobody subscribes to {", ".join(lacking)}', flush=True)
            return 1
        print(READY, flush=True)
        if args.on_command:
            read_line(sys.stdin.fileno())
        worst_s = player.play(shots, recording.add)
        complete = player.wait_for_acknowledgement()
        print(f'{PLAYED} {len(shots)} messages, at most {worst_s * 1e3:.0f} ms late', flush=True)
        if args.on_command:
            while read_line(sys.stdin.fileno()):
                pass
    if not complete:
        print('player: a reliable subscriber did not acknowledge everything', flush=True)
    return 0 if complete else 1


if __name__ == '__main__':
    sys.exit(main())
