from __future__ import annotations

import fcntl
import os
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from anonymizer_node.ros.fast_dds import (
    NEW_VARIABLE,
    OLD_VARIABLE,
    profile_environment,
    remove_abandoned_segments,
)


@pytest.mark.parametrize(
    ('distro', 'variable'),
    [
        ('humble', OLD_VARIABLE),
        ('jazzy', OLD_VARIABLE),
        ('kilted', NEW_VARIABLE),
        ('rolling', NEW_VARIABLE),
    ],
)
def test_variable_is_the_one_that_the_distro_reads(distro, variable):
    (made,) = profile_environment({'ROS_DISTRO': distro}).items()
    assert made[0] == variable
    assert Path(made[1]).name == 'fastdds.xml'


@pytest.mark.parametrize(
    ('version', 'variable'), [('7.1.5', OLD_VARIABLE), ('9.1.2', NEW_VARIABLE)]
)
def test_without_a_distro_the_version_of_rclpy_tells(monkeypatch, version, variable):
    monkeypatch.setattr(metadata, 'version', lambda name: version)
    assert list(profile_environment({})) == [variable]


@pytest.mark.parametrize(
    'environment',
    [
        {NEW_VARIABLE: 'mine.xml'},
        {OLD_VARIABLE: 'mine.xml'},
        {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
        {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'},
    ],
)
def test_choice_of_the_user_is_left_alone(environment):
    assert profile_environment(environment) == {}


def test_fast_dds_named_by_the_user_gets_it():
    assert profile_environment({'RMW_IMPLEMENTATION': 'rmw_fastrtps_dynamic_cpp'})


def test_profile_has_room_for_large_images():
    (path,) = profile_environment({}).values()
    space = '{http://www.eprosima.com}'
    sizes = ElementTree.parse(path).getroot().iter(f'{space}segment_size')
    assert [int(size.text) for size in sizes] == [64 * 1024 * 1024]


SEGMENT = 'fastdds_0123456789abcdef'


def left_by_a_process(folder, name=SEGMENT, size=1000):
    (folder / name).write_bytes(bytes(size))
    (folder / f'{name}_el').touch()


@pytest.mark.parametrize('name', [SEGMENT, 'fastrtps_fedcba9876543210'])
def test_segment_whose_lock_is_free_is_removed(tmp_path, name):
    left_by_a_process(tmp_path, name)

    assert remove_abandoned_segments(tmp_path, older_than_s=0.0) == 1000
    assert list(tmp_path.iterdir()) == []


def test_segment_whose_process_lives_stays(tmp_path):
    left_by_a_process(tmp_path)
    with (tmp_path / f'{SEGMENT}_el').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert remove_abandoned_segments(tmp_path, older_than_s=0.0) == 0
        assert len(list(tmp_path.iterdir())) == 2


def test_segment_that_is_just_being_made_stays(tmp_path):
    left_by_a_process(tmp_path)

    assert remove_abandoned_segments(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    'name', ['fastdds_port7001', 'sem.fastdds_port7001_mutex', 'psm_0123456789abcdef', 'fastdds_0']
)
def test_what_is_no_segment_stays(tmp_path, name):
    left_by_a_process(tmp_path, name)

    assert remove_abandoned_segments(tmp_path, older_than_s=0.0) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_lock_that_is_a_link_is_not_followed(tmp_path):
    left_by_a_process(tmp_path)
    (tmp_path / f'{SEGMENT}_el').rename(tmp_path / 'elsewhere')
    (tmp_path / f'{SEGMENT}_el').symlink_to(tmp_path / 'elsewhere')

    assert remove_abandoned_segments(tmp_path, older_than_s=0.0) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_pipe_in_place_of_a_lock_is_neither_waited_for_nor_removed(tmp_path):
    (tmp_path / SEGMENT).write_bytes(bytes(1000))
    os.mkfifo(tmp_path / f'{SEGMENT}_el')

    assert remove_abandoned_segments(tmp_path, older_than_s=0.0) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_without_shared_memory_there_is_nothing_to_remove(tmp_path):
    assert remove_abandoned_segments(tmp_path / 'absent') == 0
