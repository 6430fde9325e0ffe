"""Starts anonymizer_node, and brings it up.

    ros2 launch anonymizer_node anonymizer.launch.py input_topics:="['/front/image_raw']"
    ros2 launch launch/anonymizer.launch.py params_file:=my.yaml      (the same file, in a clone)

Defaults are the node's own: only arguments that are given are passed on, and they win over
params_file. Whenever the process starts, also again, this file has it configured and activated, so
the node's own parameter `autostart` is off here whatever a params_file says. A configuration that
is refused ends the launch with exit status 1, unless `required` is false; inactive, the node
publishes nothing.

With Fast DDS, and no profile of the user's own, the profile is set without which large images are
lost; it holds for what is launched after this file too, such as camera drivers, which need it most.
Another middleware is left alone.
"""

import sys

import yaml
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import matches_action
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from lifecycle_msgs.msg import Transition

from anonymizer_node.ros.fast_dds import profile_environment

ARGUMENTS = {
    'namespace': ('', 'Namespace of the node; relative topics are resolved in it.'),
    'params_file': ('', 'YAML file of parameters, such as config/anonymizer.yaml of this package.'),
    'input_topics': (
        '', "Image topics to anonymise, as a YAML list: ['/front/image_raw']. Default: the node's."
    ),
    'model': (
        '', "Detector: a name from models.yaml, or a path to an ONNX file. Default: the node's."
    ),
    'method': (
        '', "How people are obscured: blackout, pixelate or blur. Default: the node's."
    ),
    'autostart': (
        'true',
        'true: configure and activate whenever the process starts; false: wait for transitions.',
    ),
    'required': (
        'true',
        'true: end the whole launch, with exit status 1, if the node is refused or dies; false: '
        'say so and let the rest go on, without anonymised images.',
    ),
    'respawn': (
        'false', 'true: start the process again when it dies. It is silent until active again.'
    ),
    'log_level': ('', "Of the node: debug, info, warn, error or fatal. Default: the node's."),
}  # fmt: skip
RESPAWN_DELAY_S = 1.0
FIRST_NUDGE_S, NUDGE_S = 10.0, 3.0


class Supervisor:
    """Brings the node up and says when it goes down."""

    def __init__(self, node: LifecycleNode, autostart: bool, required: bool, respawn: bool) -> None:
        self._node = node
        self._autostart = autostart
        self._required = required
        self._respawn = respawn
        self._starts = 0
        self._state = ''
        self._rising = False

    def handlers(self) -> list[RegisterEventHandler]:
        """What to do when the process starts or ends, and when the node's state changes."""

        def on(function):
            return [OpaqueFunction(function=function)]

        return [
            RegisterEventHandler(OnProcessExit(target_action=self._node, on_exit=on(self._exited))),
            RegisterEventHandler(
                OnProcessStart(target_action=self._node, on_start=on(self._started))
            ),
            RegisterEventHandler(
                OnStateTransition(target_lifecycle_node=self._node, entities=on(self._moved))
            ),
        ]

    def _started(self, context: LaunchContext) -> list[Action]:
        self._starts += 1
        self._state, self._rising = '', False
        if not self._autostart:
            return []
        return [self._ask(Transition.TRANSITION_CONFIGURE), self._nudge_later(1)]

    def _moved(self, context: LaunchContext) -> list[Action]:
        start, goal = context.locals.event.start_state, context.locals.event.goal_state
        self._state = goal
        if not self._autostart:
            return []
        if goal in ('configuring', 'activating'):
            self._rising = True
        elif goal == 'active':
            self._rising = False
            return [LogInfo(msg='anonymizer_node is active.')]
        elif goal == 'inactive' and start == 'configuring':
            return [self._ask(Transition.TRANSITION_ACTIVATE)]
        elif goal in ('unconfigured', 'inactive', 'finalized') and self._rising:
            self._rising = False
            return self._down('is refused: as it is set up, it can not anonymise. Its log says why')
        return []

    def _exited(self, context: LaunchContext) -> list[Action]:
        code = context.locals.event.returncode
        if context.is_shutdown:
            return []
        if self._respawn:
            return [LogInfo(msg=f'anonymizer_node ended with {code}; it is started again.')]
        return self._down(f'ended with exit status {code}')

    def _down(self, what: str) -> list[Action]:
        if self._required:
            # What is raised in a launch ends it, and is its exit status.
            raise RuntimeError(f'anonymizer_node {what}.')
        get_logger('anonymizer.launch').error(f'anonymizer_node {what}. Nothing is anonymised.')
        return []

    def _ask(self, transition: int) -> EmitEvent:
        return EmitEvent(
            event=ChangeState(
                lifecycle_node_matcher=matches_action(self._node), transition_id=transition
            )
        )

    def _nudge_later(self, attempt: int) -> TimerAction:
        """Ask again later: a request, or word of what became of it, may be lost.

        So it is just after a crash, while the graph still shows the dead process.
        """
        starts = self._starts

        def nudge(context: LaunchContext) -> list[Action]:
            done = self._state not in ('', 'inactive', 'configuring', 'activating')
            if starts != self._starts or done or context.is_shutdown:
                return []
            asks = []
            if self._state == 'inactive' or (not self._state and attempt % 2 == 0):
                asks = [self._ask(Transition.TRANSITION_ACTIVATE)]
            elif not self._state:
                asks = [self._ask(Transition.TRANSITION_CONFIGURE)]
            return [*asks, self._nudge_later(attempt + 1)]

        period = FIRST_NUDGE_S if starts == 1 and attempt == 1 else NUDGE_S
        return TimerAction(period=period, actions=[OpaqueFunction(function=nudge)])


def parameters(given: dict[str, str]) -> list:
    """Parameters for the node: the file, then what was given beside it.

    Args:
        given: Arguments that aren't empty.
    """
    overrides: dict = {'autostart': False}
    if 'input_topics' in given:
        topics = yaml.safe_load(given['input_topics'])
        overrides['input_topics'] = [topics] if isinstance(topics, str) else topics
    for name in ('model', 'method'):
        if name in given:
            overrides[name] = ParameterValue(given[name], value_type=str)
    files = [ParameterFile(given['params_file'])] if 'params_file' in given else []
    return [*files, overrides]


def truth(name: str, text: str) -> bool:
    """An argument that is true or false."""
    value = yaml.safe_load(text)
    if not isinstance(value, bool):
        raise ValueError(f'{name} is {text!r}; give true or false.')
    return value


def set_up(context: LaunchContext) -> list[Action]:
    """The actions, made from the arguments."""
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    given = {name: value for name, value in values.items() if value}
    autostart, required, respawn = (
        truth(name, values[name]) for name in ('autostart', 'required', 'respawn')
    )
    node = LifecycleNode(
        # Not by package and executable: a pip-installed package has no lib folder of its own.
        executable=sys.executable,
        arguments=['-m', 'anonymizer_node.ros.main'],
        exec_name='anonymizer_node',
        name='anonymizer_node',
        namespace=values['namespace'],
        parameters=parameters(given),
        ros_arguments=['--log-level', given['log_level']] if 'log_level' in given else [],
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        output='screen',
    )
    variables = profile_environment(context.environment)
    return [
        *(SetEnvironmentVariable(*item) for item in variables.items()),
        *Supervisor(node, autostart, required, respawn).handlers(),
        node,
    ]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=set_up)])
