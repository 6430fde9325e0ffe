"""The live half: cameras, the node and a recorder, each a process, over the real ROS 2."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from anonymizer_node.core.config import Settings
from anonymizer_node.demo.books import DIAGNOSTICS
from anonymizer_node.demo.processes import Children
from anonymizer_node.ros.fast_dds import profile_environment
from anonymizer_node.simulation.cameras import Camera
from anonymizer_node.simulation.footage import IMU_TOPIC

REGIONS_TOPIC = '/anonymizer_node/regions'
STARTED_WITHIN_S = 60.0
NEEDED = ('rclpy', 'sensor_msgs.msg', 'diagnostic_msgs.msg', 'visualization_msgs.msg')

_PORT_BASE, _PORTS_PER_DOMAIN, _FIRST_UNICAST = 7400, 250, 10
_DOMAINS = range(216, 231)
"""High ones, which nobody chooses by hand, and whose ports lie above those that Linux hands out."""


def why_no_ros() -> str:
    """Why ROS 2 can't be used from this Python, or ''."""
    code = '\n'.join(f'import {name}' for name in NEEDED)
    tried = subprocess.run(
        [sys.executable, '-c', code], env=environment(), capture_output=True, text=True
    )
    if tried.returncode == 0:
        return ''
    lines = tried.stderr.strip().splitlines() or [f'exit status {tried.returncode}']
    return lines[-1]


def environment(logs: Path | None = None) -> dict[str, str]:
    """The environment for the processes: a ROS domain of their own, large images over DDS."""
    env = dict(os.environ)
    env.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    env['PYTHONUNBUFFERED'] = '1'
    if logs is not None:
        env['ROS_DOMAIN_ID'] = str(free_domain())
        # Nor do other machines on the network hear of it.
        env['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        env['ROS_LOG_DIR'] = str(logs / 'ros')
        env.update(profile_environment(env))
    return env


def free_domain() -> int:
    """A ROS domain that no process of this machine uses."""
    for domain in random.sample(_DOMAINS, len(_DOMAINS)):
        port = _PORT_BASE + _PORTS_PER_DOMAIN * domain + _FIRST_UNICAST
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', port))
            except OSError:
                continue
            return domain
    return _DOMAINS[0]


def play_and_record(
    cameras: Sequence[Camera], seconds: float, seed: int, source: Path, target: Path, logs: Path
) -> None:
    """Play scenes into the node and record what comes out.

    Args:
        cameras: What to play.
        seconds: How long.
        seed: Of the scenes.
        source: Where the player writes what it published.
        target: Where the recorder writes what the node published.
        logs: An existing folder for the output of each process.

    Raises:
        StageError: If a process fails or takes too long.
    """
    prefix = Settings().output_prefix
    inputs = [camera.topic for camera in cameras]
    outputs = [prefix + name for camera in cameras for name in (camera.topic, camera.info_topic)]
    recorded = [*outputs, REGIONS_TOPIC, DIAGNOSTICS, IMU_TOPIC]
    python = (sys.executable, '-m')
    with Children(environment(logs), logs) as children:
        recorder = children.start(
            'recorder',
            [*python, 'anonymizer_node.ros.recorder', str(target),
             '--regex', '|'.join(map(re.escape, recorded)), '--expect', *recorded],
        )  # fmt: skip
        node = children.start(
            'node',
            [*python, 'anonymizer_node.ros.main', '--ros-args', '-p',
             f'input_topics:=[{",".join(inputs)}]'],
        )  # fmt: skip
        player = children.start(
            'player',
            [*python, 'anonymizer_node.ros.camera_player', str(source), '--on-command',
             '--seconds', str(seconds), '--seed', str(seed), '--wait', str(STARTED_WITHIN_S),
             *(word for camera in cameras for word in ('--camera', str(camera)))],
        )  # fmt: skip
        # The player knows when the node listens to it, the recorder when the node publishes to it.
        children.wait_for_line(player, 'player: ready', STARTED_WITHIN_S)
        children.wait_for_line(recorder, 'recorder: ready', STARTED_WITHIN_S)
        player.send_line()
        children.wait_for_line(player, 'player: played', seconds + STARTED_WITHIN_S)
        # It waits for silence first, long enough for one more of the node's reports.
        recorder.interrupt()
        recorder.wait(STARTED_WITHIN_S)
        player.end_input()
        player.wait(STARTED_WITHIN_S)
        node.interrupt()
        node.wait(STARTED_WITHIN_S)
