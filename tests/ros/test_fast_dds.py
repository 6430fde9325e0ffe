from __future__ import annotations

from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from anonymizer_node.ros.fast_dds import NEW_VARIABLE, OLD_VARIABLE, profile_environment


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
