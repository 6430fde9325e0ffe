"""What goes out for a while, against what the camera saw: listen.py PICTURE.npy SECONDS

Prints as JSON how many frames came, how many were as the camera saw them, the smallest share
of pixels that was black where it wasn't before, and the longest time without a frame, in seconds.
"""

import json
import sys
import time

import numpy as np
import rclpy
from sensor_msgs.msg import Image

picture = np.load(sys.argv[1])
rclpy.init()
node = rclpy.create_node('listener')
times, shares = [], []


def hear(message: Image) -> None:
    pixels = np.frombuffer(message.data, np.uint8).reshape(picture.shape)
    changed = (pixels != picture).any(axis=2)
    assert not pixels[changed].any()  # blackout
    times.append(time.monotonic())
    shares.append(float(changed.mean()))


node.create_subscription(Image, '/anonymized/front/image_raw', hear, 10)
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    rclpy.spin_once(node, timeout_sec=0.1)
print(
    json.dumps(
        {
            'frames': len(times),
            'raw': sum(share == 0 for share in shares),
            'least_obscured': round(min(shares, default=0.0), 3),
            'longest_gap_s': round(float(np.diff(times).max()), 1) if len(times) > 1 else None,
        }
    )
)
