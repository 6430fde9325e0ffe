"""Messages with painted marks for the detector of marked_node.py."""

from __future__ import annotations

import array
import itertools
import time
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

WIDTH, HEIGHT = 160, 120
PERSON_BOX = (40, 24, 88, 104)
COVERED = (35, 16, 93, 112)
"""`PERSON_BOX` grown by a padding of 0.1, rounded outward."""

_stamps = itertools.count(1)


def picture(
    person: bool = True, corner: Any = None, width: int = WIDTH, height: int = HEIGHT
) -> Any:
    """(height, width, 3) uint8 BGR: texture, a magenta person, a corner that tells of a fault."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(40, 200, (height // 8, width // 8, 3), np.uint8)
    pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if person:
        x0, y0, x1, y1 = PERSON_BOX
        pixels[y0:y1, x0:x1] = (255, 0, 255)
    if corner is not None:
        pixels[:8, :8] = corner
    return pixels


def stamped(message: Any) -> Any:
    """The message with a stamp that no other one has, near the present."""
    now_ns = time.time_ns() // 1_000_000 * 1_000_000 + next(_stamps)
    message.header.stamp.sec = now_ns // 1_000_000_000
    message.header.stamp.nanosec = now_ns % 1_000_000_000
    message.header.frame_id = 'camera_optical'
    return message


def raw(pixels: Any, encoding: str = 'bgr8', spare: int = 0, is_bigendian: int = 0) -> Image:
    """A raw image, with `spare` bytes of 77 behind each row."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    rows = np.concatenate([rows, np.full((height, spare), 77, np.uint8)], axis=1)
    return stamped(
        Image(
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=is_bigendian,
            step=rows.shape[1],
            data=array.array('B', rows.tobytes()),
        )
    )


def compressed(pixels: Any, kind: str = 'jpeg') -> CompressedImage:
    """A compressed image as image_transport's plugin labels it."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if kind == 'jpeg' else []
    done, data = cv2.imencode(f'.{kind}', pixels, options)
    assert done
    message = CompressedImage(format=f'bgr8; {kind} compressed bgr8')
    message.data = array.array('B', data.tobytes())
    return stamped(message)


def key(message: Any) -> tuple[int, int]:
    """Which message it is."""
    return message.header.stamp.sec, message.header.stamp.nanosec


def decoded(message: Any) -> Any:
    return cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)


def pixels_of(message: Any) -> Any:
    """(height, step) of a raw message."""
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
