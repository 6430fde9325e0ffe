"""Which fields of a message type may be a picture, by what they can hold.

An array that may be long enough is one, whatever its numbers are, unless it is in `NO_PICTURE`. Of
bytes that is all there is to say: they may be the code of a picture, or of the part by which it
differs from the last one, and then be few. Other numbers are a pixel each: whether they are enough
for a picture each message tells, see `offline.counting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from anonymizer_node.formats.bags import Leaf

LEAST_PAYLOAD = 256
"""Fewer bytes than these in a message are no picture: 16 x 16 grey pixels. Of numbers with a
fraction, which are covariances rather, fewer values."""

WIDTHS = {
    **dict.fromkeys(('uint8', 'int8', 'byte', 'char', 'octet', 'bool'), 1),
    **dict.fromkeys(('uint16', 'int16', 'wchar'), 2),
    **dict.fromkeys(('uint32', 'int32'), 4),
    **dict.fromkeys(('uint64', 'int64'), 8),
    **dict.fromkeys(('float32', 'float64', 'float128'), 1),
}
"""What one element counts."""

_ALIASES = dict.fromkeys(('byte', 'char', 'octet'), 'uint8')
_SMALL = frozenset({'uint8', 'int8', 'byte', 'char', 'octet', 'uint16', 'int16'})
_CODE = frozenset({'uint8', 'int8', 'byte', 'char', 'octet'})
"""What an array of may be the code of a picture, in place of its pixels."""

COLOURS = frozenset(
    {
        *('r', 'g', 'b', 'a', 'red', 'green', 'blue', 'alpha'),
        *('rgb', 'rgba', 'color', 'colour'),
    }
)
"""Names of the parts of a colour."""

_PLACES = frozenset(
    {
        *('x', 'y', 'z', 'w', 'u', 'theta', 'yaw', 'angle', 'azimuth', 'elevation'),
        *('range', 'distance', 'latitude', 'longitude', 'lat', 'lon', 'altitude'),
        *('sec', 'secs', 'nanosec', 'nsec', 'nsecs'),
    }
)
"""Names of numbers that say where or when. What has one is a thing that lies somewhere, and of its
other numbers only small ones and colours are looked at; what has none may be a pixel."""

SELDOM: Mapping[str, frozenset[str]] = {
    'visualization_msgs/msg/Marker': frozenset({'texture.data', 'mesh_file.data'}),
}
"""Type -> fields in it which may hold a picture and hardly ever hold anything: a message in which
they are empty is as good as one of a type without them."""

NO_PICTURE: Mapping[str, Mapping[str, str]] = {
    # Maps, which show walls.
    'nav_msgs/msg/OccupancyGrid': {'data': 'int8'},
    'map_msgs/msg/OccupancyGridUpdate': {'data': 'int8'},
    'octomap_msgs/msg/Octomap': {'data': 'int8'},
    # Distances on a line or some beams.
    'sensor_msgs/msg/LaserScan': {'ranges': 'float32', 'intensities': 'float32'},
    'sensor_msgs/msg/LaserEcho': {'echoes': 'float32'},
    'foxglove_msgs/msg/LaserScan': {'ranges': 'float64', 'intensities': 'float64'},
    # One number for each joint, axis, cell, satellite.
    'sensor_msgs/msg/JointState': {
        'position': 'float64',
        'velocity': 'float64',
        'effort': 'float64',
    },
    'trajectory_msgs/msg/JointTrajectoryPoint': {
        'positions': 'float64',
        'velocities': 'float64',
        'accelerations': 'float64',
        'effort': 'float64',
    },
    'control_msgs/msg/InterfaceValue': {'values': 'float64'},
    'control_msgs/msg/JointJog': {'displacements': 'float64', 'velocities': 'float64'},
    'sensor_msgs/msg/Joy': {'axes': 'float32', 'buttons': 'int32'},
    'sensor_msgs/msg/BatteryState': {'cell_voltage': 'float32', 'cell_temperature': 'float32'},
    'gps_msgs/msg/GPSStatus': {
        'satellite_used_prn': 'int32',
        'satellite_visible_prn': 'int32',
        'satellite_visible_z': 'int32',
        'satellite_visible_azimuth': 'int32',
        'satellite_visible_snr': 'int32',
    },
    # Parameters of a lens, a plane, a body.
    'sensor_msgs/msg/CameraInfo': {'d': 'float64', 'k': 'float64', 'r': 'float64', 'p': 'float64'},
    'pcl_msgs/msg/ModelCoefficients': {'values': 'float32'},
    'shape_msgs/msg/SolidPrimitive': {'type': 'uint8', 'dimensions': 'float64'},
    # Which of the points.
    'pcl_msgs/msg/PointIndices': {'indices': 'int32'},
    'shape_msgs/msg/MeshTriangle': {'vertex_indices': 'uint32'},
    # How sure a pose is.
    'geometry_msgs/msg/PoseWithCovariance': {'covariance': 'float64'},
    'geometry_msgs/msg/TwistWithCovariance': {'covariance': 'float64'},
    'geometry_msgs/msg/AccelWithCovariance': {'covariance': 'float64'},
    # Settings of nodes.
    'rcl_interfaces/msg/ParameterValue': {
        'type': 'uint8',
        'byte_array_value': 'uint8',
        'bool_array_value': 'bool',
        'integer_array_value': 'int64',
        'double_array_value': 'float64',
    },
    'rcl_interfaces/msg/FloatingPointRange': {
        'from_value': 'float64',
        'to_value': 'float64',
        'step': 'float64',
    },
    'rcl_interfaces/msg/IntegerRange': {
        'from_value': 'int64',
        'to_value': 'int64',
        'step': 'uint64',
    },
    # Points of a lidar that turns no rows, as those of `offline.clouds`.
    'livox_ros_driver/msg/CustomPoint': {'reflectivity': 'uint8', 'tag': 'uint8', 'line': 'uint8'},
    'livox_ros_driver2/msg/CustomPoint': {'reflectivity': 'uint8', 'tag': 'uint8', 'line': 'uint8'},
    # Names and states of things, of which a message has some.
    'rmw_dds_common/msg/Gid': {'data': 'uint8'},
    'unique_identifier_msgs/msg/UUID': {'uuid': 'uint8'},
    'action_msgs/msg/GoalStatus': {'status': 'int8'},
    'actionlib_msgs/msg/GoalStatus': {'status': 'uint8'},
    'rcl_interfaces/msg/ParameterDescriptor': {'type': 'uint8'},
    'autoware_auto_perception_msgs/msg/ObjectClassification': {'label': 'uint8'},
    'autoware_perception_msgs/msg/ObjectClassification': {'label': 'uint8'},
    'diagnostic_msgs/msg/DiagnosticStatus': {'level': 'uint8'},
    'statistics_msgs/msg/StatisticDataPoint': {'data_type': 'uint8', 'data': 'float64'},
    'sensor_msgs/msg/JoyFeedback': {'type': 'uint8', 'id': 'uint8', 'intensity': 'float32'},
    'sensor_msgs/msg/PointField': {'datatype': 'uint8'},
    'sensor_msgs/msg/Image': {'is_bigendian': 'uint8'},
    'vision_msgs/msg/VisionClass': {'class_id': 'uint16'},
}
"""Type -> its fields that are no picture, though they might be by their size, and what they are
made of: with other elements a field of that name is another one."""


class Suspects(NamedTuple):
    """The fields of a message type that may be a picture.

    Attributes:
        why: The first one that is by its type, in words; '' if each message tells.
        told: Those of which each message tells: there are too many numbers in them together, or
            there may be.
    """

    why: str
    told: tuple[Leaf, ...]


def suspects_among(leaves: Sequence[Leaf]) -> Suspects:
    """Which fields may be a picture.

    Args:
        leaves: Of the type, but for those that are known to be none, or are looked at otherwise.
    """
    # A pixel is made of numbers; with words or an array to it, it is rather an object, which may
    # well have a small number.
    objects = {
        name
        for leaf in leaves
        for name in leaf.within
        if not leaf.single or leaf.base in ('string', 'wstring')
    }
    placed = {name for leaf in leaves if _name(leaf) in _PLACES for name in leaf.within}
    numbers = [
        leaf
        for leaf in leaves
        if leaf.base in WIDTHS
        and not _known(leaf)
        and not (leaf.single and (leaf.most == 1 or leaf.within[-1] in objects))
        and not (
            leaf.single
            and leaf.base not in _SMALL
            and not is_colour(leaf)
            and leaf.within[-1] in placed
        )
    ]
    for leaf in numbers:
        if leaf.base in _CODE and not leaf.single and _may_be_long(leaf) and not seldom(leaf):
            return Suspects(
                f'its field {leaf.path!r} is an array of {leaf.base} that may be an image', ()
            )
    # Each may be small: together they are as much as one that isn't.
    small = sum(leaf.most * WIDTHS[leaf.base] for leaf in numbers)
    enough = small >= LEAST_PAYLOAD or any(map(_may_be_long, numbers))
    return Suspects('', tuple(numbers) if enough else ())


def seldom(leaf: Leaf) -> bool:
    """Whether a field is in `SELDOM`."""
    path = '.'.join(leaf.path.split('.')[-2:])
    return len(leaf.within) > 1 and path in SELDOM.get(leaf.within[-2], ())


def is_colour(leaf: Leaf) -> bool:
    """Whether a field is a part of a colour, by its name."""
    return leaf.single and _name(leaf) in COLOURS


def _name(leaf: Leaf) -> str:
    return leaf.path.rsplit('.', 1)[-1].lower()


def _may_be_long(leaf: Leaf) -> bool:
    return leaf.most == 0 or leaf.most * WIDTHS[leaf.base] >= LEAST_PAYLOAD


def _known(leaf: Leaf) -> bool:
    """Whether a field is in `NO_PICTURE`."""
    name = leaf.path.rsplit('.', 1)[-1]
    known = NO_PICTURE.get(leaf.within[-1], {}).get(name)
    return bool(known) and known == _ALIASES.get(leaf.base, leaf.base)
