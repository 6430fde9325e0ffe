"""How much older a frame is for having been through the node than it must be.

    python tests/bench/age.py [--width 640] [--height 480] [--rounds 200] [--json]

One after another, on the same frame, in every round:

    node      camera stamp to arrival of the anonymised frame
    hop       the same message there and back through a node that only copies it: one reception, one
              publication, same QoS, same Fast DDS profile
    detector  the detector alone, in this process, with the node's settings

The ratio of the first median to the sum of the others says what codec, redaction, tracking and
handing over from thread to thread cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from stage import anonymizer, end, image, own_domain, pictures, share

CAMERA = '/camera/image_raw'
COPIED = '/copier/image_raw'
OUT = '/anonymized' + CAMERA
COPIED_OUT = '/copied/image_raw'
START_S = 60.0
ANSWER_S = 2.0
POLL_S = 0.05
WARM_UP = 20


def copier() -> None:
    """The node that only copies."""
    import rclpy
    from sensor_msgs.msg import Image

    from anonymizer_node.ros.camera import PUBLISHER_DEPTH, SUBSCRIPTION_DEPTH
    from anonymizer_node.ros.qos import input_qos, output_qos

    rclpy.init()
    node = rclpy.create_node('copier')
    publisher = node.create_publisher(Image, COPIED_OUT, output_qos(PUBLISHER_DEPTH))
    node.create_subscription(Image, COPIED, publisher.publish, input_qos(SUBSCRIPTION_DEPTH))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


class Camera:
    """Sends a message and waits for what comes back."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        rclpy.init()
        self.node = rclpy.create_node('age_bench')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._publishers = {
            topic: self.node.create_publisher(Image, topic, best_effort)
            for topic in (CAMERA, COPIED)
        }
        self._came: tuple[int, int] | None = None
        self._at_s = 0.0
        for topic in (OUT, COPIED_OUT):
            self.node.create_subscription(Image, topic, self._arrived, best_effort)

    def _arrived(self, message: Any) -> None:
        self._at_s = time.perf_counter()
        self._came = message.header.stamp.sec, message.header.stamp.nanosec

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline_s = time.monotonic() + seconds
        while not condition():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            # What is discovered wakes nobody: it has to be asked for.
            self._executor.spin_once(timeout_sec=min(left_s, POLL_S))
        return True

    def age_ms(self, topic: str, message: Any) -> float | None:
        """From the stamp to the arrival of the answer; None if none came."""
        stamp = message.header.stamp = self.node.get_clock().now().to_msg()
        began_s = time.perf_counter()
        self._publishers[topic].publish(message)
        if not self.until(lambda: self._came == (stamp.sec, stamp.nanosec), ANSWER_S):
            return None
        return (self._at_s - began_s) * 1e3

    def connect(self) -> None:
        def matched() -> bool:
            return all(each.get_subscription_count() for each in self._publishers.values()) and all(
                self.node.count_publishers(topic) for topic in (OUT, COPIED_OUT)
            )

        if not self.until(matched, START_S):
            raise SystemExit('the nodes did not come up')


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """Take the rounds."""
    from anonymizer_node.core.config import Settings
    from anonymizer_node.core.datatypes import Frame
    from anonymizer_node.detectors.loading import load_detectors

    settings = Settings.of_node()
    if args.threads:
        settings = settings.changed(threads=args.threads)
    (detector,) = load_detectors(settings)
    frames = pictures(args.width, args.height, 30, seed=0)
    messages = [image(pixels) for pixels in frames]
    camera = Camera()
    camera.connect()
    times: dict[str, list[float]] = {'node': [], 'hop': [], 'detector': []}
    lost = 0
    for number in range(-WARM_UP, args.rounds):
        pixels, message = frames[number % len(frames)], messages[number % len(frames)]

        def detect(pixels: Any = pixels) -> float:
            frame = Frame(pixels, 'bgr8', args.width, args.height)
            began_s = time.perf_counter()
            detector.detect(frame, settings.score_threshold)
            return (time.perf_counter() - began_s) * 1e3

        measures: list[tuple[str, Callable[[], float | None]]] = [
            ('node', partial(camera.age_ms, CAMERA, message)),
            ('hop', partial(camera.age_ms, COPIED, message)),
            ('detector', detect),
        ]
        # Each in its turn is the first after the rest.
        first = number % len(measures)
        took = {name: measure() for name, measure in measures[first:] + measures[:first]}
        if None in took.values():
            lost += 1
        elif number >= 0:
            for name, value in took.items():
                times[name].append(value)
        # A camera lets the processor rest between two frames.
        camera.until(lambda: False, args.rest_ms / 1e3)
    fast = {name: share(values, 0.1) for name, values in times.items()}
    medians = {f'{name}_ms_median': statistics.median(values) for name, values in times.items()}
    floor = medians['hop_ms_median'] + medians['detector_ms_median']
    return {
        'rounds': len(times['node']),
        'lost': lost,
        **medians,
        'rounds_ms': times,
        'floor_ms': floor,
        'ratio': medians['node_ms_median'] / floor,
        # What is left of it where nobody else wants the processor.
        'ratio_of_fastest_tenth': fast['node'] / (fast['hop'] + fast['detector']),
    }


def main() -> int:
    """Start the nodes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--rest-ms', type=float, default=15.0, help='Idle after each round.')
    parser.add_argument('--threads', type=int, default=0, help="0: the node's default.")
    parser.add_argument('--param', action='append', default=[], metavar='NAME:=VALUE')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--copier', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    own_domain()
    if args.copier:
        copier()
        return 0
    threads = [f'threads:={args.threads}'] if args.threads else []
    nodes = (
        anonymizer([CAMERA], [*threads, *args.param]),
        subprocess.Popen([sys.executable, __file__, '--copier']),
    )
    try:
        result = measured(args)
    finally:
        end(*nodes)
    if args.json:
        print(json.dumps({**vars(args), **result}, indent=2))
    else:
        print(
            f'{args.width}x{args.height}, {result["rounds"]} rounds, medians: '
            f'through the node {result["node_ms_median"]:.1f} ms, bare hop '
            f'{result["hop_ms_median"]:.1f} ms, detector {result["detector_ms_median"]:.1f} ms; '
            f'ratio {result["ratio"]:.2f}, of the fastest tenth '
            f'{result["ratio_of_fastest_tenth"]:.2f} ({result["lost"]} rounds lost)'
        )
    return 0


if __name__ == '__main__':
    sys.exit(main())
