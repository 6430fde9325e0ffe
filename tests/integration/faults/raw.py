"""Raw frames whose labels lie: size, step, encoding, length of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from faults.shots import HEIGHT, WIDTH, Shot, raw_shot

LARGEST = 2**32 - 1
STEP = 3 * WIDTH


def labelled(**fields: Any) -> Callable[[], Shot]:
    """A frame with other fields than its own."""

    def make() -> Shot:
        shot = raw_shot()
        for name, value in fields.items():
            setattr(shot.message, name, value)
        return shot

    return make


def with_data(change: Callable[[Any], Any]) -> Callable[[], Shot]:
    """A frame with other data than its own."""

    def make() -> Shot:
        shot = raw_shot()
        shot.message.data = change(shot.message.data)
        return shot

    return make


LIES: Mapping[str, tuple[Callable[[], Shot], ...]] = {
    'step too large': (
        labelled(step=STEP + 1),
        labelled(step=STEP + 64),
        labelled(step=2 * STEP),
        labelled(step=LARGEST),
    ),
    'step too small': (labelled(step=STEP - 1), labelled(step=1), labelled(step=0)),
    'height wrong': (
        labelled(height=HEIGHT + 1),
        labelled(height=HEIGHT - 1),
        labelled(height=1),
        labelled(height=0),
        labelled(height=LARGEST),
    ),
    'width too large': (labelled(width=WIDTH + 1), labelled(width=LARGEST)),
    'width too small': (labelled(width=WIDTH // 2), labelled(width=1), labelled(width=0)),
    'width and height huge': (labelled(width=LARGEST, height=LARGEST, step=LARGEST),),
    'product of height and step overflows 32 bits': (
        labelled(height=1 << 31, step=2),
        labelled(height=(1 << 32) // STEP + HEIGHT + 1),
    ),
    'data too short': (
        with_data(lambda data: data[:-1]),
        with_data(lambda data: data[: len(data) // 2]),
        with_data(lambda data: data[:0]),
    ),
    'data too long': (
        with_data(lambda data: data + data[:1]),
        with_data(lambda data: data + data),
    ),
    'encoding of more channels': (labelled(encoding='bgra8'), labelled(encoding='rgba8')),
    'encoding of fewer channels': (labelled(encoding='mono8'), labelled(encoding='8UC1')),
    'a wider picture of four channels': (labelled(encoding='bgra8', width=WIDTH * 3 // 4),),
    'encoding of another layout': tuple(
        labelled(encoding=name)
        for name in ('mono16', 'bgr16', '32FC1', 'bayer_rggb8', 'yuv422', 'yuv422_yuy2', 'nv12')
    ),
    'encoding unknown': (
        labelled(encoding='bayer_of_the_future'),
        labelled(encoding=''),
        labelled(encoding='BGR8'),
        labelled(encoding='bgr8; jpeg compressed bgr8'),
    ),
    'channels in another order': (labelled(encoding='rgb8'), labelled(encoding='8UC3')),
    'endianness wrong': (labelled(is_bigendian=1),),
    'all of it empty': (labelled(height=0, width=0, step=0, data=[], encoding=''),),
}
