"""Which fields of a message type may be a picture, by what they can hold.

An array that may be long enough is one, whatever its numbers are, unless it is in `NO_PICTURE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anonymizer_node.formats.bags import Leaf

LEAST_PAYLOAD = 256
"""Fewer bytes than these in a field are no picture: 16 x 16 grey pixels. Of numbers with a
fraction, which are covariances rather, fewer values."""

_WIDTHS = {
    **dict.fromkeys(('uint8', 'int8', 'byte', 'char', 'octet', 'bool'), 1),
    **dict.fromkeys(('uint16', 'int16', 'wchar'), 2),
    **dict.fromkeys(('uint32', 'int32'), 4),
    **dict.fromkeys(('uint64', 'int64'), 8),
    **dict.fromkeys(('float32', 'float64', 'float128'), 1),
}
"""What one element counts."""

_ALIASES = dict.fromkeys(('byte', 'char', 'octet'), 'uint8')
_SMALL = frozenset({'uint8', 'int8', 'byte', 'char', 'octet', 'uint16', 'int16'})
_COLOURS = frozenset({'r', 'g', 'b', 'red', 'green', 'blue', 'rgb', 'rgba', 'color', 'colour'})

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
    'statistics_msgs/msg/StatisticDataPoint': {'data_type': 'uint8'},
    'sensor_msgs/msg/JoyFeedback': {'type': 'uint8', 'id': 'uint8'},
    'sensor_msgs/msg/PointField': {'datatype': 'uint8'},
    'sensor_msgs/msg/Image': {'is_bigendian': 'uint8'},
    'vision_msgs/msg/VisionClass': {'class_id': 'uint16'},
}
"""Type -> its fields that are no picture, though they might be by their size, and what they are
made of: with other elements a field of that name is another one."""


def why_picture(leaves: Sequence[Leaf]) -> str:
    """What a message type holds that may be a picture, in words; '' if there is no such thing.

    Args:
        leaves: Of the type, but for those that are known to be none, or are looked at.
    """
    # A pixel is made of numbers; with words or an array to it, it is rather an object, which may
    # well have a small number.
    objects = {
        name
        for leaf in leaves
        for name in leaf.within
        if not leaf.single or leaf.base in ('string', 'wstring')
    }
    for leaf in leaves:
        if leaf.single and leaf.within[-1] in objects:
            continue
        picture = _picture(leaf)
        if picture:
            return f'its field {leaf.path!r} is {picture}'
    return ''


def _picture(leaf: Leaf) -> str:
    width = _WIDTHS.get(leaf.base, 0)
    name = leaf.path.rsplit('.', 1)[-1]
    if not width or 0 < leaf.most * width < LEAST_PAYLOAD:
        return ''
    known = NO_PICTURE.get(leaf.within[-1], {}).get(name)
    if known and known == _ALIASES.get(leaf.base, leaf.base):
        return ''
    if not leaf.single:
        return f'an array of {leaf.base} that may be an image'
    if leaf.base in _SMALL or name.lower() in _COLOURS:
        return f'{leaf.base} in an array of {leaf.within[-1]} that may be an image'
    return ''
