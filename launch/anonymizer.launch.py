"""Starts anonymizer_node.

    ros2 launch anonymizer_node anonymizer.launch.py input_topics:="['/front/image_raw']"
    ros2 launch launch/anonymizer.launch.py params_file:=my.yaml      (the same file, in a clone)

Defaults are the node's own: only arguments that are given are passed on, and they win over
params_file. With Fast DDS, and no profile of the user's own, the profile is set without which
large images are lost; it holds for what is launched after this file too, such as camera drivers,
which need it most. Another middleware is left alone.
"""

import sys

import yaml
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue

from anonymizer_node.ros.fast_dds import profile_environment

ARGUMENTS = {
    'namespace': 'Namespace of the node; relative topics are resolved in it.',
    'params_file': 'YAML file of parameters, such as config/anonymizer.yaml of this package.',
    'input_topics': "Image topics to anonymise, as a YAML list: ['/front/image_raw'].",
    'model': 'Detector: a name from models.yaml, or a path to an ONNX file.',
    'method': 'How people are obscured: blackout, pixelate or blur.',
    'autostart': 'true: configure and activate at the start; false: wait for transitions.',
    'log_level': 'Of the node: debug, info, warn, error or fatal.',
}


def parameters(given: dict[str, str]) -> list:
    """Parameters for the node: the file, then what was given beside it.

    Args:
        given: Arguments that aren't empty.
    """
    overrides: dict = {}
    if 'input_topics' in given:
        topics = yaml.safe_load(given['input_topics'])
        overrides['input_topics'] = [topics] if isinstance(topics, str) else topics
    if 'autostart' in given:
        overrides['autostart'] = yaml.safe_load(given['autostart'])
    for name in ('model', 'method'):
        if name in given:
            overrides[name] = ParameterValue(given[name], value_type=str)
    files = [ParameterFile(given['params_file'])] if 'params_file' in given else []
    return [*files, overrides] if overrides else files


def set_up(context: LaunchContext) -> list[Action]:
    """The actions, made from the arguments."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    given = {name: value for name, value in values.items() if value}
    node = LifecycleNode(
        # Not by package and executable: a pip-installed package has no lib folder of its own.
        executable=sys.executable,
        arguments=['-m', 'anonymizer_node.ros.main'],
        exec_name='anonymizer_node',
        name='anonymizer_node',
        namespace=values['namespace'],
        parameters=parameters(given),
        ros_arguments=['--log-level', given['log_level']] if 'log_level' in given else [],
        output='screen',
    )
    variables = profile_environment(context.environment)
    return [*(SetEnvironmentVariable(*item) for item in variables.items()), node]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value='', description=f"{text} Default: the node's.")
        for name, text in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=set_up)])
