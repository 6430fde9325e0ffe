"""What systemd is told by the real process: that it is ready, that it lives, that it hangs."""

from __future__ import annotations

import signal
import socket
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import marked_node  # noqa: E402
import pictures  # noqa: E402
from harness import ACTIVATE, CONFIGURE, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

RAW = '/front/image_raw'
PATIENCE_S = 30.0
WATCHDOG_S = 1.5


@pytest.fixture
def manager(tmp_path):
    """systemd's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(str(tmp_path / 'notify'))
        ours.settimeout(PATIENCE_S)
        yield ours


def variables(tmp_path):
    return {
        'NOTIFY_SOCKET': str(tmp_path / 'notify'),
        'WATCHDOG_USEC': str(int(WATCHDOG_S * 1e6)),
    }


def until(manager, wanted):
    """What came up to the first message with a line that begins so."""
    lines = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not any(line.startswith(wanted) for line in lines):
        assert time.monotonic() < deadline_s, f'{wanted} did not come: {lines[-6:]}'
        lines += manager.recv(4096).decode().splitlines()
    return lines


def test_ready_when_active_alive_and_stopping(world, manager, tmp_path):
    process = world.start(input_topics=[RAW], environment=variables(tmp_path))
    assert until(manager, 'READY=1') == ['READY=1', 'STATUS=active']
    assert until(manager, 'WATCHDOG=1')[-1] == 'STATUS=active'
    assert process.stop(signal.SIGTERM) == 0
    assert until(manager, 'STOPPING=1')[-1] == 'STOPPING=1'


def test_refused_start_is_never_ready(world, manager, tmp_path):
    process = world.start(
        script='', input_topics=[RAW], model='no_such_model', environment=variables(tmp_path)
    )
    assert process.wait() == 1
    assert until(manager, 'STOPPING=1') == ['STOPPING=1']


def test_without_autostart_it_is_ready_to_be_told(world, manager, tmp_path):
    world.start(input_topics=[RAW], autostart=False, environment=variables(tmp_path))
    assert until(manager, 'READY=1') == ['READY=1', 'STATUS=unconfigured']
    assert world.probe.change_state(CONFIGURE)
    assert world.probe.change_state(ACTIVATE)
    until(manager, 'STATUS=active')


def test_no_sign_of_life_while_a_frame_hangs(world, manager, tmp_path):
    hangs = tmp_path / 'hangs'
    hangs.touch()
    world.start(
        input_topics=[RAW],
        environment={**variables(tmp_path), 'HUNG_S': '1.0', 'HANGS_WHILE': str(hangs)},
        **reliable(RAW),
    )
    until(manager, 'READY=1')
    link = Link(world.probe, Image, RAW)
    link.publish(pictures.raw(picture(corner=marked_node.HANGS)))
    until(manager, 'STATUS=Hung: the detector')
    # From here on only that, until it comes back or is killed.
    seen = [manager.recv(4096).decode() for _ in range(3)]
    assert all(text.startswith('STATUS=Hung:') for text in seen)
    hangs.unlink()
    until(manager, 'WATCHDOG=1')
