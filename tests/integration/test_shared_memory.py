"""What a killed node leaves in shared memory is removed; what a living one uses is not."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from anonymizer_node.ros.fast_dds import remove_abandoned_segments


def segments(pid: int) -> set[Path]:
    """Those of Fast DDS that a process has in use."""
    found = re.findall(r'/dev/shm/fast(?:dds|rtps)_[0-9a-f]{16}$', maps(pid), re.MULTILINE)
    return {Path(name) for name in found}


def maps(pid: int) -> str:
    return Path(f'/proc/{pid}/maps').read_text(encoding='utf-8')


def test_segment_of_a_killed_node_is_removed(world):
    node = world.start(input_topics=['/camera/image_raw'])
    assert world.probe.until(lambda: world.probe.state() == 'active', 'the node is active')
    ours = segments(os.getpid())
    its = segments(node.pid)
    assert its

    remove_abandoned_segments(older_than_s=0.0)
    assert all(segment.exists() for segment in its | ours)

    node.send(signal.SIGKILL)
    node.wait(quiet=True)
    freed = remove_abandoned_segments(older_than_s=0.0)

    gone = {segment for segment in its if not segment.exists()}
    assert gone
    assert freed >= 64 * 1024 * 1024
    assert all(segment.exists() for segment in segments(os.getpid()) - gone)
