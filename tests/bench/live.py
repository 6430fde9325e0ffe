"""The node at camera rate: frames out a second, and the age of each when it arrives.

    python tests/bench/live.py [--width 640] [--height 480] [--rate 30] [--seconds 60]

One process is the camera and the recorder, the node is another. The age of a frame is the time
from just before its publication to the arrival of its anonymised twin in the same process, so it
holds two DDS hops. The picture is scikit-image's astronaut, so there is somebody to obscure.
"""

from __future__ import annotations

import argparse
import array
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anonymizer_node.resources import share_path

TOPIC = '/camera/image_raw'
START_S = 60.0


def picture(width: int, height: int) -> Any:
    """A person before a wall, (height, width, 3) uint8 BGR."""
    import skimage

    portrait = cv2.imread(str(Path(skimage.__file__).parent / 'data' / 'astronaut.png'))
    side = min(width, height)
    image = np.full((height, width, 3), 120, np.uint8)
    left = (width - side) // 2
    image[:side, left : left + side] = cv2.resize(portrait, (side, side))
    return image


def run(width: int, height: int, rate: float, seconds: float) -> dict[str, Any]:
    """Play, receive, and count."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('bench_camera')
    published: dict[int, float] = {}
    ages: list[float] = []

    def arrived(message: Image) -> None:
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        if stamp in published:
            ages.append(time.perf_counter() - published.pop(stamp))

    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    camera = node.create_publisher(Image, TOPIC, best_effort)
    node.create_subscription(Image, f'/anonymized{TOPIC}', arrived, 10)

    message = Image(height=height, width=width, encoding='bgr8', step=width * 3)
    message.data = array.array('B', picture(width, height).tobytes())

    def publish() -> None:
        message.header.stamp = node.get_clock().now().to_msg()
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        published[stamp] = time.perf_counter()
        camera.publish(message)

    deadline = time.monotonic() + START_S
    while not camera.get_subscription_count() or not node.count_publishers(f'/anonymized{TOPIC}'):
        rclpy.spin_once(node, timeout_sec=0.05)
        if time.monotonic() > deadline:
            raise SystemExit('the node did not come up')
    while not ages and time.monotonic() < deadline:  # Until the first frame is through.
        publish()
        rclpy.spin_once(node, timeout_sec=0.2)
    ages.clear()
    published.clear()
    timer = node.create_timer(1 / rate, publish)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        rclpy.spin_once(node, timeout_sec=0.05)
    timer.cancel()
    sent = len(published) + len(ages)
    drain = time.monotonic() + 0.5
    while time.monotonic() < drain:
        rclpy.spin_once(node, timeout_sec=0.05)
    node.destroy_node()
    rclpy.try_shutdown()
    milliseconds = sorted(age * 1000 for age in ages)
    return {
        'frames_sent': sent,
        'frames_received': len(ages),
        'received_per_second': len(ages) / seconds,
        'share_received': len(ages) / sent,
        'age_ms_median': statistics.median(milliseconds),
        'age_ms_p95': milliseconds[int(0.95 * len(milliseconds))],
        'age_ms_most': milliseconds[-1],
    }


def main() -> int:
    """Start the node, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--rate', type=float, default=30.0)
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--param', action='append', default=[], metavar='NAME:=VALUE')
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(os.getpid() % 100 + 1))
    os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='anonymizer-bench-'))
    os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', str(share_path('config/fastdds.xml')))
    parameters = [f'input_topics:=[{TOPIC}]', *args.param]
    command = [sys.executable, '-m', 'anonymizer_node.ros.main', '--ros-args']
    for parameter in parameters:
        command += ['-p', parameter]
    node = subprocess.Popen(command)
    try:
        result = run(args.width, args.height, args.rate, args.seconds)
    finally:
        node.send_signal(signal.SIGINT)
        node.wait(20)
    print(json.dumps({**vars(args), **result}, indent=2))
    return 0


if __name__ == '__main__':
    sys.exit(main())
