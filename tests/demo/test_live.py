"""What the live half prepares before it starts a process."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from anonymizer_node.demo import live


def test_the_processes_get_a_domain_logs_and_the_profile_of_their_own(tmp_path, monkeypatch):
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    monkeypatch.setenv('ROS_DOMAIN_ID', '7')

    env = live.environment(tmp_path)

    assert int(env['ROS_DOMAIN_ID']) in live._DOMAINS
    assert env['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert env['ROS_LOG_DIR'] == str(tmp_path / 'ros')
    assert Path(env['FASTDDS_DEFAULT_PROFILES_FILE']).is_file()
    assert env['AMENT_PREFIX_PATH']


def test_humble_gets_the_profile_under_its_old_name(tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    monkeypatch.delenv('FASTRTPS_DEFAULT_PROFILES_FILE', raising=False)

    assert Path(live.environment(tmp_path)['FASTRTPS_DEFAULT_PROFILES_FILE']).is_file()


def test_a_prefix_path_that_is_set_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/opt/ros/jazzy')

    assert live.environment(tmp_path)['AMENT_PREFIX_PATH'] == '/opt/ros/jazzy'


def test_a_domain_that_somebody_uses_is_not_taken(monkeypatch):
    used, unused = 229, 230
    monkeypatch.setattr(live, '_DOMAINS', [used, unused])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(('', 7400 + 250 * used + 10))

        assert {live.free_domain() for _ in range(8)} == {unused}


def test_why_ros_can_not_be_had_is_told(monkeypatch):
    monkeypatch.setattr(live, 'NEEDED', ('no_such_ros',))

    assert live.why_no_ros() == "ModuleNotFoundError: No module named 'no_such_ros'"


def test_ros_is_found_where_it_is():
    pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

    assert live.why_no_ros() == ''
