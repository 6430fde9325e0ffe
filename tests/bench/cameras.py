"""Several cameras through one node: frames out, their ages, what was dropped, and the memory.

    python tests/bench/cameras.py [--cameras 4] [--rate 10] [--minutes 10] [--json]

Three processes: the cameras, the node, and this one, which receives what comes out and reads the
diagnostics. The pictures are simulated scenes with people in them. Memory is that of the node's
process, after a minute and at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stage import anonymizer, end, image, own_domain, pictures, share

START_S = 60.0
SETTLE_S = 3.0
PICTURES = 20
FIRST_RSS_S = 60.0


def topic(camera: int) -> str:
    return f'/camera{camera}/image_raw'


def cameras(args: argparse.Namespace) -> None:
    """The process of the cameras: publishes until its standard input ends, and says how many."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    messages = [
        [image(pixels) for pixels in pictures(args.width, args.height, PICTURES, seed)]
        for seed in range(args.cameras)
    ]
    rclpy.init()
    node = rclpy.create_node('cameras')
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publishers = [
        node.create_publisher(Image, topic(camera), best_effort) for camera in range(args.cameras)
    ]
    deadline_s = time.monotonic() + START_S
    while not all(publisher.get_subscription_count() for publisher in publishers):
        rclpy.spin_once(node, timeout_sec=0.05)
        if time.monotonic() > deadline_s:
            raise SystemExit('the node did not come up')
    sent = [0] * args.cameras
    # Cameras of their own clocks: each at another moment of the period, or all at once.
    apart_s = 0.0 if args.together else 1 / args.rate / args.cameras
    begin_s = time.monotonic()
    until_s = begin_s + args.minutes * 60 + SETTLE_S
    number = 0
    while time.monotonic() < until_s:
        for camera, publisher in enumerate(publishers):
            due_s = begin_s + number / args.rate + camera * apart_s
            time.sleep(max(0.0, due_s - time.monotonic()))
            message = messages[camera][number % PICTURES]
            message.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(message)
            sent[camera] += 1
        number += 1
    print(json.dumps(sent), flush=True)
    # What is under way is lost when its publisher goes.
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()
    rclpy.try_shutdown()


class Receiver:
    """Hears what comes out, and the diagnostics."""

    def __init__(self, count: int) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        rclpy.init()
        self.node = rclpy.create_node('receiver')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.ages_ms: list[list[float]] = [[] for _ in range(count)]
        self.heard = [0] * count
        self.node_ages_ms: list[float] = []
        self.books: dict[str, dict[str, str]] = {}
        best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        for camera in range(count):

            def arrived(message: Any, camera: int = camera) -> None:
                now_ns = time.time_ns()
                stamp = message.header.stamp
                self.heard[camera] += 1
                self.ages_ms[camera].append((now_ns - stamp.sec * 10**9 - stamp.nanosec) / 1e6)

            self.node.create_subscription(
                Image, '/anonymized' + topic(camera), arrived, best_effort
            )
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._told, 10)

    def _told(self, array: Any) -> None:
        for status in array.status:
            values = {entry.key: entry.value for entry in status.values}
            if 'received' in values:
                self.books[values['input']] = values
                if values.get('age median [ms]'):
                    self.node_ages_ms.append(float(values['age median [ms]']))

    def spin(self, seconds: float) -> None:
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def begin(self) -> None:
        """Wait until each camera's frames come, and forget them."""
        deadline_s = time.monotonic() + START_S
        while not all(self.heard):
            self.spin(0.1)
            if time.monotonic() > deadline_s:
                raise SystemExit(f'nothing came out of some camera: {self.heard}')
        for ages in self.ages_ms:
            ages.clear()
        self.node_ages_ms.clear()


def memory_mb(pid: int) -> dict[str, float]:
    """Resident memory of a process, all and without what it shares with others, MB."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    values = dict(line.split(':', 1) for line in lines)
    return {
        'rss': int(values['VmRSS'].split()[0]) / 1024,
        'own': int(values['RssAnon'].split()[0]) / 1024,
    }


def processor_s(pid: int) -> float:
    """How long a process has had a core, in all its threads together."""
    told = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf('SC_CLK_TCK')


def run(args: argparse.Namespace, node_pid: int, source: subprocess.Popen[str]) -> dict[str, Any]:
    """Receive for the time, and account."""
    receiver = Receiver(args.cameras)
    receiver.begin()
    seconds = args.minutes * 60
    first_s = min(FIRST_RSS_S, seconds / 2)
    busy_s = processor_s(node_pid)
    receiver.spin(first_s)
    first = memory_mb(node_pid)
    receiver.spin(seconds - first_s)
    last = memory_mb(node_pid)
    busy_s = processor_s(node_pid) - busy_s
    counts = [len(ages) for ages in receiver.ages_ms]
    ages = [age for each in receiver.ages_ms for age in each]
    assert source.stdout is not None
    while not select.select([source.stdout], [], [], 0)[0]:
        receiver.spin(0.1)
    sent = json.loads(source.stdout.readline())
    receiver.spin(SETTLE_S)
    totals: Counter[str] = Counter()
    for values in receiver.books.values():
        totals.update({key: int(value) for key, value in values.items() if value.isdigit()})
    done = totals['published'] + totals['dropped'] + totals['pending']
    return {
        'frames_per_second': sum(counts) / seconds,
        'frames_per_second_by_camera': [count / seconds for count in counts],
        'age_ms_median': statistics.median(ages),
        'age_ms_p95': share(ages, 0.95),
        'age_ms_most': max(ages),
        'age_ms_median_of_diagnostics': statistics.median(receiver.node_ages_ms),
        'sent': sum(sent),
        'received_by_node': totals['received'],
        'published': totals['published'],
        'received_here': sum(receiver.heard),
        'dropped_by_cause': {
            key.removeprefix('dropped: '): count
            for key, count in totals.items()
            if key.startswith('dropped: ') and count
        },
        'pending': totals['pending'],
        'not_in_the_books': totals['received'] - done,
        'never_reached_the_node': sum(sent) - totals['received'],
        'rss_mb_first': first['rss'],
        'rss_mb_end': last['rss'],
        'rss_growth': last['rss'] / first['rss'] - 1,
        'own_mb_first': first['own'],
        'own_mb_end': last['own'],
        'processor_cores': busy_s / seconds,
    }


def main() -> int:
    """Start everything, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cameras', type=int, default=4)
    parser.add_argument('--rate', type=float, default=10.0, help='Of each camera, Hz.')
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--together', action='store_true', help='All cameras at one moment.')
    parser.add_argument('--param', action='append', default=[], metavar='NAME:=VALUE')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--play', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    own_domain()
    if args.play:
        cameras(args)
        return 0
    node = anonymizer([topic(camera) for camera in range(args.cameras)], args.param)
    source = subprocess.Popen(
        [sys.executable, __file__, '--play', *sys.argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        result = run(args, node.pid, source)
    finally:
        end(source, node)
    if args.json:
        print(json.dumps({**vars(args), **result}, indent=2))
    else:
        show(args, result)
    return 0 if result['not_in_the_books'] == 0 else 1


def show(args: argparse.Namespace, result: dict[str, Any]) -> None:
    """Print it for people."""
    each = ', '.join(f'{rate:.2f}' for rate in result['frames_per_second_by_camera'])
    print(
        f'{args.cameras} x {args.width}x{args.height} at {args.rate:g} Hz for '
        f'{args.minutes:g} min: {result["frames_per_second"]:.2f} frames/s out ({each}); '
        f'age median {result["age_ms_median"]:.1f} ms (by diagnostics '
        f'{result["age_ms_median_of_diagnostics"]:.1f}), 95 % {result["age_ms_p95"]:.1f}, '
        f'most {result["age_ms_most"]:.1f}'
    )
    print(
        f'  sent {result["sent"]}, received by the node {result["received_by_node"]}, published '
        f'{result["published"]}, dropped {result["dropped_by_cause"]}, pending '
        f'{result["pending"]}, not in the books {result["not_in_the_books"]}, never reached the '
        f'node {result["never_reached_the_node"]}'
    )
    print(
        f'  memory {result["rss_mb_first"]:.1f} MB, at the end {result["rss_mb_end"]:.1f} MB '
        f'({result["rss_growth"]:+.1%}); its own {result["own_mb_first"]:.1f} and '
        f'{result["own_mb_end"]:.1f} MB; the node keeps {result["processor_cores"]:.2f} cores busy'
    )


if __name__ == '__main__':
    sys.exit(main())
