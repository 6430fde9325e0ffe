"""launch_testing: the node comes up, comes up again after a crash, and ends in order."""

import os
import signal
import time
import unittest
from pathlib import Path

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import rclpy
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.srv import GetState

from anonymizer_node.resources import share_path

PATIENCE_S = 60.0
TOPIC = '/front/image_raw'


def generate_test_description():
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share_path('launch/anonymizer.launch.py'))),
                launch_arguments={
                    'input_topics': TOPIC,
                    'namespace': 'robot',
                    'respawn': 'true',
                }.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestWhileItRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rclpy.init()
        cls.node = rclpy.create_node('test')

    @classmethod
    def tearDownClass(cls):
        cls.node.destroy_node()
        rclpy.shutdown()

    def state(self):
        """Of the lifecycle; '' while nobody answers."""
        client = self.node.create_client(GetState, '/robot/anonymizer_node/get_state')
        future = client.call_async(GetState.Request())
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=1.0)
        found = future.result().current_state.label if future.done() else ''
        self.node.destroy_client(client)
        return found

    def wait_until_active(self):
        until = time.monotonic() + PATIENCE_S
        while self.state() != 'active':
            assert time.monotonic() < until, 'the node did not become active'

    def test_it_comes_up_and_again_after_a_crash(self):
        self.wait_until_active()
        assert self.node.count_publishers(f'/anonymized{TOPIC}') == 1
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + PATIENCE_S
        while self.pid() in (None, pid):
            assert time.monotonic() < until, 'the process did not come back'
            time.sleep(0.1)
        self.wait_until_active()
        assert self.pid() != pid

    @staticmethod
    def pid():
        """Of the node's process, a child of this one."""
        children = Path(f'/proc/self/task/{os.getpid()}/children').read_text().split()
        for child in children:
            words = Path(f'/proc/{child}/cmdline').read_text().split('\0')
            if 'anonymizer_node.ros.main' in words:
                return int(child)
        return None


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    def test_the_last_process_ended_in_order(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0, -9])
