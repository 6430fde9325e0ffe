"""launch_testing: a whole simulation, and nobody gets through."""

import unittest

import launch_testing
import launch_testing.actions
import launch_testing.asserts
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from anonymizer_node.resources import share_path

PATIENCE_S = 240.0


def generate_test_description():
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share_path('launch/simulation.launch.py'))),
                launch_arguments={
                    'cameras': '[front=passage:bgr8:10:reliable, rear=passage:jpeg:10:reliable]',
                    'seconds': '3',
                }.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestWhileItRuns(unittest.TestCase):
    def test_the_checker_comes_to_its_verdict(self, proc_info, proc_output):
        proc_output.assertWaitFor('PASSED', timeout=PATIENCE_S)
        proc_info.assertWaitForShutdown(process='leak_checker', timeout=PATIENCE_S)


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    def test_every_process_ended_in_order(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
        for name in ('anonymizer_node', 'leak_checker', 'camera_simulator'):
            assert any(name in process for process in proc_info.process_names()), name
