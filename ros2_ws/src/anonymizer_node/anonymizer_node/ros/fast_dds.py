"""The Fast DDS profile without which large images are lost, for processes that are started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from anonymizer_node.resources import share_path

NEW_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLD_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
OLD_DISTROS = ('humble', 'iron', 'jazzy')
"""Their Fast DDS 2 reads the old variable only. Fast DDS 3 reads both, and warns of the old."""

_FIRST_RCLPY_WITH_FAST_DDS_3 = 8


def profile_variable(environment: Mapping[str, str]) -> str:
    """The name of the variable that the installed Fast DDS reads.

    Args:
        environment: Says ROS_DISTRO; where it doesn't (the wheels), rclpy's version tells.
    """
    distro = environment.get('ROS_DISTRO')
    if distro:
        return OLD_VARIABLE if distro in OLD_DISTROS else NEW_VARIABLE
    try:
        rclpy_major = int(metadata.version('rclpy').split('.')[0])
    except metadata.PackageNotFoundError:
        return NEW_VARIABLE
    return OLD_VARIABLE if rclpy_major < _FIRST_RCLPY_WITH_FAST_DDS_3 else NEW_VARIABLE


def profile_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable to add for a process that sends or receives images.

    Args:
        environment: That the process gets otherwise.

    Returns:
        Nothing, where the user has chosen a profile or another middleware.
    """
    chosen = NEW_VARIABLE in environment or OLD_VARIABLE in environment
    if chosen or 'fastrtps' not in environment.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp'):
        return {}
    return {profile_variable(environment): str(share_path('config/fastdds.xml'))}
