"""Plays a recorded bag through the node, and records what comes out.

    ros2 launch anonymizer_node bag_replay.launch.py bag:=IN out:=OUT \
        input_topics:="['/front/image_raw']"

It is the live path, with a recording in place of the robot: `anonymize bag` is more thorough and
loses no frame. The launch ends by itself when the bag is played: with exit status 1 if a process
failed. Frames that the live node drops are in its diagnostics.
"""

import shlex

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.event_handlers import OnStateTransition

from anonymizer_node.resources import share_path
from anonymizer_node.ros.agreed import PASSED_ON

REQUIRED = {
    'bag': 'The bag to play.',
    'out': 'The bag to record into; it must not exist.',
    'input_topics': "Its image topics, as a YAML list: ['/front/image_raw'].",
}
OPTIONAL = {
    'regex': ('^/anonymized/.*', 'Topics to record; rosbag2 searches for it.'),
    'delay': ('3', 'How long player, node and recorder have to find each other, seconds.'),
    'drain': ('3', 'How long to go on recording after the end of the bag, seconds.'),
    'play_arguments': ('', 'More for "ros2 bag play", such as "--rate 0.5".'),
    'record_arguments': ('', 'More for "ros2 bag record", such as "--storage mcap".'),
}


def failed(name: str):
    """What to do when a process ends that should go on."""

    def ended(event, context: LaunchContext) -> None:
        if not context.is_shutdown:
            raise RuntimeError(f'{name} ended with exit status {event.returncode}.')

    return ended


def set_up(context: LaunchContext) -> list[Action]:
    """The actions, made from the arguments."""
    values = {name: LaunchConfiguration(name).perform(context) for name in (*REQUIRED, *OPTIONAL)}
    recorder = ExecuteProcess(
        cmd=['ros2', 'bag', 'record', '--output', values['out'], '--regex', values['regex'],
             *shlex.split(values['record_arguments'])],
        name='record', output='screen',
    )  # fmt: skip
    player = ExecuteProcess(
        cmd=['ros2', 'bag', 'play', values['bag'], '--delay', values['delay'],
             *shlex.split(values['play_arguments'])],
        name='play', output='screen',
    )  # fmt: skip

    def played(event, context: LaunchContext) -> list[Action] | None:
        if context.is_shutdown:
            return None
        if event.returncode:
            raise RuntimeError(f'ros2 bag play ended with exit status {event.returncode}.')
        return [
            TimerAction(
                period=float(values['drain']), actions=[Shutdown(reason='the bag is played')]
            )
        ]

    anonymizer = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share_path('launch/anonymizer.launch.py'))),
        launch_arguments={
            'input_topics': values['input_topics'],
            **{name: LaunchConfiguration(name) for name in PASSED_ON},
        }.items(),
    )
    return [
        RegisterEventHandler(OnProcessExit(target_action=player, on_exit=played)),
        RegisterEventHandler(
            OnProcessExit(target_action=recorder, on_exit=failed('ros2 bag record'))
        ),
        # Nothing is played before the node anonymises.
        RegisterEventHandler(
            OnStateTransition(goal_state='active', entities=[player], handle_once=True)
        ),
        anonymizer,
        recorder,
    ]


def generate_launch_description() -> LaunchDescription:
    arguments = [DeclareLaunchArgument(name, description=text) for name, text in REQUIRED.items()]
    arguments += [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in OPTIONAL.items()
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value='', description=text)
        for name, text in PASSED_ON.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=set_up)])
