"""Fast DDS: the profile without which large images are lost, and what killed processes leave."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from anonymizer_node.resources import share_path

NEW_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLD_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
OLD_DISTROS = ('humble', 'iron', 'jazzy')
"""Their Fast DDS 2 reads the old variable only. Fast DDS 3 reads both, and warns of the old."""

SHARED_MEMORY = Path('/dev/shm')  # noqa: S108 - Where the kernel puts it.

_FIRST_RCLPY_WITH_FAST_DDS_3 = 8
_LOCK_OF_A_SEGMENT = re.compile(r'fast(?:dds|rtps)_[0-9a-f]{16}_el')
_OLDER_THAN_S = 10.0


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


def remove_abandoned_segments(
    folder: Path = SHARED_MEMORY, older_than_s: float = _OLDER_THAN_S
) -> int:
    """Remove the shared memory of processes that are gone, as `fastdds shm clean` does.

    A process that ends in order removes its segment itself. One that is killed leaves it, 70 MB
    with our profile, until the machine starts anew; Fast DDS never looks for it. As long as the
    process lives it holds a lock (`flock`) on the file `..._el` beside the segment, so what can be
    locked is nobody's. What belongs to another user stays.

    Args:
        folder: Where the segments are; one that isn't there holds none.
        older_than_s: In seconds. A younger one may be about to be locked by who makes it.

    Returns:
        How many bytes were freed.
    """
    freed = 0
    try:
        locks = [entry for entry in folder.iterdir() if _LOCK_OF_A_SEGMENT.fullmatch(entry.name)]
    except OSError:
        return freed
    for lock in locks:
        try:
            if time.time() - lock.stat().st_ctime >= older_than_s:
                freed += _remove_if_abandoned(lock)
        except OSError:  # In use, another user's, or removed meanwhile.
            continue
    return freed


def _remove_if_abandoned(lock: Path) -> int:
    # Anybody may put a pipe there, whose opening would be waited for.
    descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        segment = lock.with_name(lock.name[: -len('_el')])
        size = 0
        if segment.exists():
            size = segment.stat().st_size
            segment.unlink()
        lock.unlink()
        return size
    finally:
        os.close(descriptor)
