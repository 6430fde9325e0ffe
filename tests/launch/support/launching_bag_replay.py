"""launch_testing: a bag is played through the node and recorded; arguments: bag and out."""

import unittest

import launch_testing
import launch_testing.actions
import launch_testing.asserts
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from anonymizer_node.resources import share_path

PATIENCE_S = 120.0


def generate_test_description():
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag'),
            DeclareLaunchArgument('out'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share_path('launch/bag_replay.launch.py'))),
                launch_arguments={
                    'bag': LaunchConfiguration('bag'),
                    'out': LaunchConfiguration('out'),
                    'input_topics': "['/front/image_raw', '/rear/image_raw/compressed']",
                    'regex': '/anonymized/.*|/anonymizer_node/regions',
                }.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestWhileItRuns(unittest.TestCase):
    def test_the_bag_is_played(self, proc_info):
        proc_info.assertWaitForStartup(process='play', timeout=PATIENCE_S)
        proc_info.assertWaitForShutdown(process='play', timeout=PATIENCE_S)


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    def test_every_process_ended_in_order(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
