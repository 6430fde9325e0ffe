"""The health check of containers, as a process beside the node's."""

from __future__ import annotations

import subprocess
import sys

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from harness import ACTIVATE, CONFIGURE, NODE, REPOSITORY, environment  # noqa: E402

ENTRYPOINT = REPOSITORY / 'docker/entrypoint'


def health(world, folder, *arguments: str) -> tuple[int, str]:
    """Exit status and sentence, by way of the containers' entry point."""
    env = environment(world.domain_id, folder)
    # What it would be in an image; and what the entry point is there to add is taken away.
    env['PATH'] = f'{sys.prefix}/bin:{env["PATH"]}'
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        env.pop(name, None)
    command = [ENTRYPOINT, 'python3', '-m', 'anonymizer_node.ros.health', *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


def test_health_follows_the_node(world, tmp_path):
    world.start(input_topics=['/front/image_raw'], autostart=False)
    probe = world.probe
    assert probe.state() == 'unconfigured'
    status, said = health(world, tmp_path, '--timeout', '60')
    assert (status, said) == (1, f'{NODE} is unconfigured: nothing is published.\n')
    assert probe.change_state(CONFIGURE)
    assert probe.change_state(ACTIVATE)
    assert health(world, tmp_path, '--timeout', '60') == (0, f'{NODE} is active.\n')


def test_nobody_is_not_well(world, tmp_path):
    status, said = health(world, tmp_path, '--timeout', '0.5')
    assert (status, said) == (1, f'{NODE} said nothing within 0 s.\n')
