"""Records topics into a bag: `python -m anonymizer_node.ros.recorder OUT`.

It stands in for `ros2 bag record --regex` where that isn't installed. Messages are written as
they came, without being deserialised.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.subscription import Subscription

from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.formats.bags import BagWriter, qos_profile
from anonymizer_node.ros.offers import connected, offered_qos
from anonymizer_node.ros.qos import message_class
from anonymizer_node.ros.session import WAKE_S, Told, heed_signals, session, spin_until

REGEX = '/anonymized/.*|/anonymizer_node/regions|/imu/.*'
READY = 'recorder: ready'
RECORDED = 'recorder: recorded'
DEPTH = 100
LOOK_EVERY_S = 0.2

AMBIENT = ('/diagnostics', '/rosout')
"""Topics that never fall silent; they don't count when it is asked whether anything still comes."""


class Recorder:
    """Subscribes to what matches and writes it down."""

    def __init__(self, node: Node, executor: Executor, writer: BagWriter, regex: str) -> None:
        """Args as named.

        Raises:
            re.error: If the pattern isn't one.
        """
        self._node = node
        self._executor = executor
        self._writer = writer
        self._pattern = re.compile(regex)
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self.counts: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}
        self.last_s = time.monotonic()
        self._timer = node.create_timer(LOOK_EVERY_S, self.look)

    def look(self) -> None:
        """Subscribe to what has appeared."""
        for name, msgtypes in self._node.get_topic_names_and_types():
            known = name in self._subscriptions or name in self.left_out
            if known or not self._pattern.fullmatch(name):
                continue
            try:
                self._subscribe(name, msgtypes[0])
            except (ImportError, AttributeError) as error:
                self.left_out[name] = f'{msgtypes[0]} is not installed ({error})'
                print(f'recorder: {name} is left out: {self.left_out[name]}', flush=True)

    def _subscribe(self, name: str, msgtype: str) -> None:
        qos = offered_qos(self._node, name, DEPTH)
        if qos is None:
            return
        reliable = qos.reliability == ReliabilityPolicy.RELIABLE
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        kind = message_class(msgtype)
        topic = self._writer.add_topic(name, msgtype, (qos_profile(reliable, DEPTH, latched),))

        def write(data: bytes) -> None:
            self._writer.write(topic, time.time_ns(), data)
            self.counts[name] += 1
            if name not in AMBIENT:
                self.last_s = time.monotonic()

        self._subscriptions[name] = self._node.create_subscription(kind, name, write, qos, raw=True)

    def missing(self, expected: Sequence[str]) -> list[str]:
        """Those topics of which no publisher is connected yet."""
        return [name for name in expected if not self._connected(name)]

    def _connected(self, name: str) -> bool:
        subscription = self._subscriptions.get(name)
        return subscription is not None and connected(self._node, subscription)

    def record(self, wanted: dict[str, int], idle_s: float, stop: Callable[[], bool]) -> None:
        """Until told to stop, all that is wanted is there, or nothing has come for a while."""

        def done() -> bool:
            if wanted and all(self.counts[name] >= count for name, count in wanted.items()):
                return True
            return bool(idle_s and self.counts and time.monotonic() - self.last_s > idle_s)

        while not (stop() or done()):
            self._executor.spin_once(timeout_sec=WAKE_S)

    def drain(self, quiet_s: float) -> None:
        """Until nothing has come for a while, so that what is under way still gets in."""
        self.last_s = time.monotonic()
        spin_until(self._executor, lambda: time.monotonic() - self.last_s > quiet_s, 60.0)


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    top = argparse.ArgumentParser(prog='recorder', description=__doc__)
    top.add_argument('out', type=Path, metavar='OUT', help='A new rosbag2 directory.')
    top.add_argument('--regex', default=REGEX, help=f'Topics; default {REGEX}'.replace('%', '%%'))
    top.add_argument(
        '--expect', nargs='*', default=[], metavar='TOPIC', help='Say "ready" once these are here.'
    )
    top.add_argument('--wait', type=float, default=60.0, help='For the expected, seconds.')
    top.add_argument(
        '--count', nargs='*', default=[], metavar='TOPIC=N', help='End when so many have come.'
    )
    top.add_argument('--idle', type=float, default=0.0, help='End after this silence, seconds.')
    top.add_argument(
        '--drain', type=float, default=1.5, help='Silence to wait for when interrupted, seconds.'
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Record; exit status 0, 1 if something expected never came, 2 on wrong usage."""
    heed_signals()
    args = parser().parse_args(argv)
    try:
        wanted = {
            name: int(count) for name, _, count in (text.rpartition('=') for text in args.count)
        }
        re.compile(args.regex)
    except (ValueError, re.error) as error:
        print(f'recorder: {error}; --count takes TOPIC=N, --regex a pattern.', file=sys.stderr)
        return 2
    try:
        with BagWriter(args.out) as writer, session('recorder') as (node, executor):
            return _recorded(args, wanted, Recorder(node, executor, writer, args.regex), executor)
    except AnonymizerError as error:
        print(f'recorder: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('recorder: interrupted, no bag was written', flush=True)
        return 130


def _recorded(
    args: argparse.Namespace, wanted: dict[str, int], recorder: Recorder, executor: Executor
) -> int:
    expected = tuple(args.expect)
    if not spin_until(executor, lambda: not recorder.missing(expected), args.wait):
        print(f'recorder: nobody publishes {", ".join(recorder.missing(expected))}', flush=True)
        return 1
    # Not an exception from here on: it could break off a message that is being written.
    stop = Told(signal.SIGINT, signal.SIGTERM)
    print(READY, flush=True)
    recorder.record(wanted, args.idle, lambda: bool(stop))
    if stop:
        recorder.drain(args.drain)
    counts = ', '.join(f'{name} {count}' for name, count in sorted(recorder.counts.items()))
    print(f'{RECORDED} {counts or "nothing"}', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
