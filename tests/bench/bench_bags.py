"""Real pictures as bags, and what of them an output bag obscures, read from its pixels.

The darkest value of the pictures is raised from 0 to 1, so that a black pixel of an output is one
that was obscured.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.formats.bags import BagReader, BagWriter

IMAGE = 'sensor_msgs/msg/Image'
TOPIC = '/camera/image_raw'
DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data'


def write_bag(path: Path, frames: Iterable[tuple[float, NDArray[Any]]]) -> None:
    """Frames, (seconds, (rows, columns, 3) uint8 BGR), as a bag with one raw topic."""
    with BagWriter(path) as bag:
        types = bag.types.types
        topic = bag.add_topic(TOPIC, IMAGE)
        for seconds, pixels in frames:
            time_ns = round(seconds * 1e9)
            stamp = types['builtin_interfaces/msg/Time'](time_ns // 10**9, time_ns % 10**9)
            header = types['std_msgs/msg/Header'](stamp, 'camera')
            height, width = pixels.shape[:2]
            data = np.maximum(pixels, 1).reshape(-1)
            message = types[IMAGE](header, height, width, 'bgr8', 0, width * 3, data)
            bag.write(topic, time_ns, bag.encode(IMAGE, message))


def video(path: Path, rate_hz: float) -> Iterable[tuple[float, NDArray[Any]]]:
    """The frames of a video or an animated GIF, (seconds, BGR)."""
    if path.suffix == '.gif':
        from PIL import Image, ImageSequence

        with Image.open(path) as animation:
            for index, frame in enumerate(ImageSequence.Iterator(animation)):
                yield index / rate_hz, np.asarray(frame.convert('RGB'))[:, :, ::-1]
        return
    capture = cv2.VideoCapture(str(path))
    index = 0
    while True:
        more, pixels = capture.read()
        if not more:
            return
        yield index / rate_hz, pixels
        index += 1


def obscured_masks(path: Path) -> list[NDArray[np.bool_]]:
    """For every frame of an output bag, which pixels are black, (rows, columns) bool."""
    with BagReader(path) as bag:
        masks = []
        for item in bag.messages():
            image = bag.decode(IMAGE, item.data)
            masks.append(~image.data.reshape(image.height, image.width, 3).any(axis=2))
        return masks
