"""Runs the node in a simulation with known people: does anybody get through?

    ros2 launch anonymizer_node simulation.launch.py seed:=7

Simulated cameras play a scene into the node, and a checker looks at every frame that comes out. The
launch ends by itself: with exit status 0 if everybody was covered, with 1 if somebody was not, or
if too little came out to say so.
"""

import sys

import yaml
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from anonymizer_node.core.config import Settings
from anonymizer_node.resources import share_path
from anonymizer_node.ros import camera_simulator, leak_checker
from anonymizer_node.simulation.cameras import Camera

PASSED_ON = {
    'params_file': 'YAML file of parameters for the anonymizer.',
    'model': "Detector of the anonymizer. Default: the node's.",
    'method': "How the anonymizer obscures. Default: the node's.",
}
SIMULATOR = ('cameras', 'seed', 'seconds')
CHECKER = ('least_height', 'least_visible', 'least_covered', 'least_frames', 'summary')


def written(value) -> str:
    """A default as an argument is written."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).replace('\n...', '').strip()


def arguments() -> list[DeclareLaunchArgument]:
    """Those of the anonymizer without defaults, those of the others with their own."""
    declared = [
        DeclareLaunchArgument(name, default_value='', description=text)
        for name, text in PASSED_ON.items()
    ]
    for names, table in ((SIMULATOR, camera_simulator.PARAMETERS),
                         (CHECKER, leak_checker.PARAMETERS)):  # fmt: skip
        for name in names:
            default, text, *_ = table[name]
            value = list(default) if isinstance(default, tuple) else default
            declared.append(
                DeclareLaunchArgument(
                    name, default_value=written(value) if value else '', description=text
                )
            )
    return declared


def given(context: LaunchContext, names: tuple[str, ...], table: dict) -> dict:
    """Parameters from the arguments that aren't empty, each of its parameter's type."""
    found = {}
    for name in names:
        text = LaunchConfiguration(name).perform(context)
        if text:
            value = text if isinstance(table[name].default, str) else yaml.safe_load(text)
            found[name] = float(value) if isinstance(table[name].default, float) else value
    return found


def program(name: str, parameters: dict) -> Node:
    """A node of this package. Not by executable: a pip-installed package has no lib folder."""
    return Node(
        executable=sys.executable,
        arguments=['-m', f'anonymizer_node.ros.{name}'],
        exec_name=name,
        name=name,
        parameters=[parameters],
        output='screen',
    )


def simulator_ended(event, context: LaunchContext) -> None:
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f'camera_simulator ended with exit status {event.returncode}.')


def checker_ended(event, context: LaunchContext) -> list[Action] | None:
    if context.is_shutdown:
        return None
    if event.returncode:
        # What is raised in a launch ends it, and is its exit status.
        raise RuntimeError('leak_checker could not show that nobody got through; see its log.')
    return [Shutdown(reason='nobody got through')]


def set_up(context: LaunchContext) -> list[Action]:
    """The actions, made from the arguments."""
    simulated = given(context, SIMULATOR, camera_simulator.PARAMETERS)
    topics = [Camera.parse(text).topic for text in simulated['cameras']]
    checked = given(context, CHECKER, leak_checker.PARAMETERS)
    checked['topics'] = [Settings().output_prefix + topic for topic in topics]
    anonymizer = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share_path('launch/anonymizer.launch.py'))),
        launch_arguments={
            'input_topics': written(topics),
            **{name: LaunchConfiguration(name) for name in PASSED_ON},
        }.items(),
    )
    simulator = program('camera_simulator', simulated)
    checker = program('leak_checker', checked)
    return [
        RegisterEventHandler(OnProcessExit(target_action=simulator, on_exit=simulator_ended)),
        RegisterEventHandler(OnProcessExit(target_action=checker, on_exit=checker_ended)),
        anonymizer,
        checker,
        simulator,
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*arguments(), OpaqueFunction(function=set_up)])
