"""Which point clouds are pictures.

Asked the other way round: a cloud is copied only if all of it is known to be none, for a driver may
call its colours what it likes, and put bytes where no field says what they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader

CAUSE = 'colour_cloud'
"""Why such a cloud was dropped, for counting."""

POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
OLD_POINT_CLOUD = 'sensor_msgs/msg/PointCloud'

GEOMETRY = frozenset(
    {
        *('x', 'y', 'z', 'range', 'distance', 'depth', 'azimuth', 'elevation'),
        *('normal_x', 'normal_y', 'normal_z', 'nx', 'ny', 'nz', 'curvature'),
        *('ring', 'channel', 'line', 'laser_id', 'row', 'column', 'return_type', 'tag'),
        *('t', 'time', 'timestamp', 'time_stamp', 'time_offset', 'offset_time', 'stamp'),
        *('velocity', 'radial_velocity', 'doppler', 'rcs', 'snr'),
    }
)
"""Fields that say where a point is, when and by which beam it was measured, or how it moves."""

BRIGHTNESSES = frozenset(
    {'intensity', 'intensities', 'reflectivity', 'ambient', 'signal', 'near_ir'}
)
"""Fields that make a grey picture of a cloud whose points lie in rows, and else are spots."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 8: 8}
"""Bytes of each `sensor_msgs/msg/PointField.datatype`."""


def why_picture(reader: BagReader, message: BagMessage) -> str:
    """Why a point cloud of either type may show a picture, or '' if it surely doesn't."""
    topic = message.topic
    remedy = f'topic_actions "{topic.name}=copy" vouches that nobody is to be seen.'
    try:
        cloud = reader.decode(topic.msgtype, message.data)
        why = _of_old(cloud) if topic.msgtype == OLD_POINT_CLOUD else _of(cloud)
    except (FrameError, AttributeError, TypeError, KeyError, ValueError) as error:
        return f'A point cloud can not be read: {error}; {remedy}'
    return f'A point cloud has {why}; {remedy}' if why else ''


def _of(cloud: Any) -> str:
    rows, columns, step = int(cloud.height), int(cloud.width), int(cloud.point_step)
    for item in cloud.fields:
        name = str(item.name).lower()
        if name in BRIGHTNESSES and rows > 1:
            return f'the field {item.name!r} in {rows} rows, which shows a picture'
        if name not in GEOMETRY | BRIGHTNESSES or int(item.count) > 1:
            return f'the field {item.name!r}, which may show a picture'
    if not len(cloud.data):
        return ''
    padded = rows > 1 and int(cloud.row_step) != columns * step
    if padded or len(cloud.data) != rows * columns * step:
        return f'{len(cloud.data)} bytes for {rows} x {columns} points of {step}'
    declared = np.zeros(step, bool)
    for item in cloud.fields:
        declared[int(item.offset) : int(item.offset) + _SIZES[int(item.datatype)]] = True
    # Between fields PCL leaves gaps, for alignment: what is the same in all points shows nothing.
    gaps = np.asarray(cloud.data).reshape(-1, step)[:, ~declared]
    if gaps.size and (gaps != gaps[:1]).any():
        return f'{gaps.shape[1]} bytes in each point that no field declares'
    return ''


def _of_old(cloud: Any) -> str:
    for item in cloud.channels:
        if str(item.name).lower() not in GEOMETRY | BRIGHTNESSES:
            return f'the channel {item.name!r}, which may show a picture'
        if len(item.values) not in (0, len(cloud.points)):
            return f'{len(item.values)} values of {item.name!r} for {len(cloud.points)} points'
    return ''
