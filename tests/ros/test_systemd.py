from __future__ import annotations

import os
import socket

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from anonymizer_node.ros.systemd import SIGNS_PER_LIMIT, Systemd


class Node:
    """Keeps the timer."""

    period_s = None

    def create_timer(self, period_s, callback, clock):
        self.period_s = period_s
        self.callback = callback
        return object()


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def told(self):
        try:
            return self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return []

    def close(self):
        self._socket.close()


@pytest.fixture(params=['path', 'abstract'])
def manager(request, tmp_path):
    name = f'anonymizer-test-{os.getpid()}'
    address = str(tmp_path / 'notify') if request.param == 'path' else '\0' + name
    made = Manager(address)
    made.variable = address.replace('\0', '@')
    yield made
    made.close()


def systemd(manager, hung='', **more):
    node = Node()
    environment = {'NOTIFY_SOCKET': manager.variable, **more}
    return node, Systemd(node, lambda: 'active', lambda: hung, environment)


def test_it_is_told_what_there_is_to_tell(manager):
    _, made = systemd(manager)
    made.ready()
    assert manager.told() == ['READY=1', 'STATUS=active']
    made.live()
    assert manager.told() == ['WATCHDOG=1', 'STATUS=active']
    made.stopping()
    assert manager.told() == ['STOPPING=1']


def test_while_a_frame_hangs_there_is_no_sign_of_life(manager):
    _, made = systemd(manager, hung='the detector has been at one frame for 9 s.')
    made.live()
    assert manager.told() == ['STATUS=Hung: the detector has been at one frame for 9 s.']


def test_signs_of_life_come_well_within_the_limit(manager):
    node, _ = systemd(manager, WATCHDOG_USEC='30000000')
    assert node.period_s == 30 / SIGNS_PER_LIMIT
    node.callback()
    assert 'WATCHDOG=1' in manager.told()


@pytest.mark.parametrize(
    'variables',
    [{}, {'WATCHDOG_USEC': ''}, {'WATCHDOG_USEC': '30000000', 'WATCHDOG_PID': '1'}],
    ids=['no watchdog', 'empty', "another process's"],
)
def test_without_a_watchdog_of_ours_there_is_no_timer(manager, variables):
    node, made = systemd(manager, **variables)
    assert node.period_s is None
    made.ready()
    assert manager.told()


def test_elsewhere_nothing_is_said_and_nothing_fails(tmp_path):
    for environment in ({}, {'NOTIFY_SOCKET': str(tmp_path / 'nobody'), 'WATCHDOG_USEC': '1'}):
        made = Systemd(Node(), lambda: 'active', str, environment)
        made.ready()
        made.live()
        made.stopping()
