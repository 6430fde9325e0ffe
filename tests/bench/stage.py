"""What the live benches share: pictures, processes, and a domain of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anonymizer_node.ros.fast_dds import profile_environment

HERE = Path(__file__).parent
END_S = 20.0


def own_domain() -> None:
    """A DDS domain, logs and the Fast DDS profile for this process and its children.

    To be called before rclpy is imported anywhere: Fast DDS reads its profile once.
    """
    os.environ.setdefault('ROS_DOMAIN_ID', str(os.getpid() % 100 + 1))
    os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='anonymizer-bench-'))
    os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    os.environ.update(profile_environment(os.environ))


def pictures(width: int, height: int, count: int, seed: int) -> list[Any]:
    """(height, width, 3) uint8 BGR each: people in one of the simulated scenes, as a camera sees.

    Args:
        width: Columns, pixels.
        height: Rows, pixels.
        count: How many, evenly over the scene.
        seed: Of the scene; also chooses which.
    """
    from anonymizer_node.simulation.scenes import Scene
    from anonymizer_node.simulation.stages import STAGES

    name = list(STAGES)[seed % len(STAGES)]
    scene = Scene(name, width, height, rate_hz=count, duration_s=1.0, seed=seed)
    return [scene.frame(index)[0] for index in range(scene.frames)]


def image(pixels: Any) -> Any:
    """sensor_msgs/Image bgr8, without a stamp."""
    import array

    from sensor_msgs.msg import Image

    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding='bgr8', step=width * 3)
    message.data = array.array('B', pixels.tobytes())
    return message


def anonymizer(topics: Sequence[str], parameters: Sequence[str]) -> subprocess.Popen[bytes]:
    """The node, for some topics, with parameters such as `threads:=1`."""
    command = [sys.executable, '-m', 'anonymizer_node.ros.main', '--ros-args']
    for parameter in (f'input_topics:=[{",".join(topics)}]', *parameters):
        command += ['-p', parameter]
    return subprocess.Popen(command)


def end(*processes: subprocess.Popen[Any]) -> None:
    """End processes in order, and wait for them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()


def share(values: Sequence[float], of: float) -> float:
    """A percentile, `of` in 0..1; nan if there are no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(of * len(ordered)))] if ordered else float('nan')
