"""The launch files, run for real: what they start, how they end, and with which exit status.

Skipped where launch, launch_ros or launch_testing can't be imported; PyPI doesn't have them.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest

for name in ('rclpy', 'launch', 'launch_ros', 'launch_testing'):
    pytest.importorskip(name, reason=f'needs {name}: source ROS 2')

from launch import LaunchContext  # noqa: E402
from launch.actions import EmitEvent, SetEnvironmentVariable, TimerAction  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch_ros.actions import Node  # noqa: E402

from anonymizer_node.demo.coverage import find_people, read_truth  # noqa: E402
from anonymizer_node.demo.run import record_footage  # noqa: E402
from anonymizer_node.proof.verify import verify_bag  # noqa: E402
from anonymizer_node.simulation.cameras import Camera  # noqa: E402

from .conftest import REPOSITORY, SUPPORT  # noqa: E402

FILES = sorted(path.name for path in (REPOSITORY / 'launch').glob('*.launch.py'))
TOPICS = "['/front/image_raw']"
SHORT = {
    'seed': '3',
    'cameras': "['front=passage:bgr8:10:reliable', 'rear=passage:jpeg:10:reliable']",
    'seconds': '3',
}


@pytest.fixture
def photographs():
    for package in ('skimage', 'matplotlib'):
        pytest.importorskip(package, reason='needs: pip install scikit-image matplotlib')


def description_of(name):
    source = PythonLaunchDescriptionSource(str(REPOSITORY / 'launch' / name))
    return source.get_launch_description(LaunchContext())


def test_there_are_the_three():
    assert FILES == ['anonymizer.launch.py', 'bag_replay.launch.py', 'simulation.launch.py']


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(name):
    arguments = description_of(name).get_launch_arguments()
    assert len(arguments) >= 5
    for argument in arguments:
        assert len(argument.description) > 10, argument.name


@pytest.mark.parametrize(
    ('chosen', 'profile'),
    [
        ({}, True),
        ({'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}, True),
        ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, False),
        ({'FASTDDS_DEFAULT_PROFILES_FILE': 'mine.xml'}, False),
    ],
)
def test_fast_dds_gets_its_profile_and_another_middleware_is_left_alone(
    monkeypatch, chosen, profile
):
    for variable in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                     'RMW_IMPLEMENTATION'):  # fmt: skip
        monkeypatch.delenv(variable, raising=False)
    for variable, value in chosen.items():
        monkeypatch.setenv(variable, value)
    context = LaunchContext()
    *arguments, setup = description_of('anonymizer.launch.py').entities
    for argument in arguments:
        argument.execute(context)
    actions = setup.execute(context)
    assert any(isinstance(action, SetEnvironmentVariable) for action in actions) == profile


@pytest.mark.parametrize('name', ['launching_anonymizer.py', 'launching_simulation.py'])
def test_of_launch_testing(launcher, photographs, name):
    run = launcher.launch_test(name)

    assert run.wait() == 0, run.output
    assert 'OK' in run.output


def test_a_refused_configuration_ends_the_launch_and_says_why(launcher):
    run = launcher.launch('anonymizer.launch.py', input_topics=TOPICS, model='nonsense')

    assert run.wait() == 1, run.output
    assert "Model 'nonsense' is unknown" in run.output
    assert 'anonymizer_node is refused' in run.output


def test_a_refused_configuration_need_not_end_it(launcher):
    run = launcher.launch(
        'anonymizer.launch.py', input_topics=TOPICS, method='none', required='false'
    )
    run.wait_for('Nothing is anonymised')
    run.interrupt()

    assert run.wait() == 0, run.output
    assert 'is active' not in run.output


class Told:
    """The supervisor of anonymizer.launch.py, and what it asks for when it is told of states."""

    def __init__(self):
        made = runpy.run_path(str(REPOSITORY / 'launch' / 'anonymizer.launch.py'))
        node = Node(executable='none')
        self._supervisor = made['Supervisor'](node, True, True, False)
        self.timer = None
        self._asked(self._supervisor._started(LaunchContext()))

    def moved(self, start, goal):
        event = SimpleNamespace(start_state=start, goal_state=goal)
        context = SimpleNamespace(locals=SimpleNamespace(event=event))
        return self._asked(self._supervisor._moved(context))

    def later(self):
        """The timer runs out."""
        timer, self.timer = self.timer, None
        return self._asked(timer.actions[0].execute(LaunchContext()) or [])

    def _asked(self, actions):
        for action in actions:
            if isinstance(action, TimerAction):
                self.timer = action
        events = [action.event for action in actions if isinstance(action, EmitEvent)]
        return [event.transition_id for event in events]


CONFIGURE_ID, ACTIVATE_ID = 1, 3


@pytest.mark.parametrize('lost', ['nothing', 'active', 'deactivating'])
def test_a_node_that_an_operator_deactivated_is_not_activated_again(lost):
    told = Told()
    assert told.moved('unconfigured', 'configuring') == []
    assert told.moved('configuring', 'inactive') == [ACTIVATE_ID]
    told.moved('inactive', 'activating')
    if lost != 'active':
        told.moved('activating', 'active')
    if lost != 'deactivating':
        told.moved('active', 'deactivating')
    told.moved('deactivating', 'inactive')

    assert told.later() == []
    assert told.timer is None
    # Nor when it is configured anew by hand.
    told.moved('inactive', 'cleaningup')
    told.moved('cleaningup', 'unconfigured')
    told.moved('unconfigured', 'configuring')
    assert told.moved('configuring', 'inactive') == []


def test_a_node_that_was_never_active_is_asked_again():
    told = Told()
    assert told.later() == [CONFIGURE_ID]
    assert told.later() == [ACTIVATE_ID]
    told.moved('configuring', 'inactive')
    assert told.later() == [ACTIVATE_ID]
    assert told.timer is not None


@pytest.mark.parametrize(
    'states',
    [
        ('unconfigured', 'configuring', 'unconfigured'),
        ('configuring', 'unconfigured'),
        ('activating', 'inactive'),
        ('configuring', 'errorprocessing', 'unconfigured'),
        ('activating', 'errorprocessing', 'finalized'),
    ],
)
def test_a_refusal_is_seen_though_word_of_its_beginning_was_lost(states):
    told = Told()
    *before, last = pairwise(states)
    for start, goal in before:
        told.moved(start, goal)
    with pytest.raises(RuntimeError, match='is refused'):
        told.moved(*last)


def test_without_autostart_it_waits_for_its_transitions(launcher, tmp_path):
    from harness import ACTIVATE, CONFIGURE, Probe

    parameters = tmp_path / 'params.yaml'
    parameters.write_text('anonymizer_node:\n  ros__parameters:\n    autostart: true\n')
    run = launcher.launch(
        'anonymizer.launch.py',
        input_topics=TOPICS,
        autostart='false',
        params_file=str(parameters),
    )
    probe = Probe(launcher.domain_id)
    try:
        assert probe.state() == 'unconfigured'
        probe.spin_for(1.0)
        assert probe.state() == 'unconfigured'
        assert probe.change_state(CONFIGURE)
        assert probe.change_state(ACTIVATE)
        assert probe.state() == 'active'
        run.interrupt()
        assert run.wait() == 0, run.output
    finally:
        probe.close()


def test_a_node_that_dies_ends_the_launch(launcher):
    run = launcher.launch('anonymizer.launch.py', input_topics=TOPICS)
    run.wait_for('anonymizer_node is active')
    os.kill(int(re.search(r'process started with pid \[(\d+)\]', run.output)[1]), signal.SIGKILL)

    assert run.wait() == 1, run.output
    assert 'anonymizer_node ended with exit status -9' in run.output


def test_an_argument_that_is_neither_true_nor_false_is_refused(launcher):
    run = launcher.launch('anonymizer.launch.py', input_topics=TOPICS, autostart='perhaps')

    assert run.wait() == 1
    assert "autostart is 'perhaps'; give true or false" in run.output


def test_a_simulation_in_which_somebody_gets_through_fails(launcher, photographs, tmp_path):
    blind = tmp_path / 'blind.yaml'
    blind.write_text('/**/anonymizer_node:\n  ros__parameters:\n    score_threshold: 0.9\n')
    run = launcher.launch('simulation.launch.py', **SHORT, params_file=str(blind))

    assert run.wait() == 1, run.output
    assert 'LEAK: /anonymized/' in run.output
    assert 'leak_checker could not show that nobody got through' in run.output


def test_a_simulation_that_shows_too_little_fails(launcher, photographs):
    run = launcher.launch('simulation.launch.py', **SHORT, least_frames='100000')

    assert run.wait() == 1, run.output
    assert 'asked for are 100000' in run.output


def test_a_simulation_whose_node_is_refused_fails(launcher, photographs):
    run = launcher.launch('simulation.launch.py', **SHORT, model='nonsense')

    assert run.wait() == 1, run.output


def test_a_simulation_that_can_not_be_fails(launcher, photographs):
    run = launcher.launch('simulation.launch.py', cameras="['front=attic:bgr8:10']")

    assert run.wait() == 1, run.output
    assert 'attic' in run.output


@pytest.fixture
def replay(launcher, photographs, tmp_path):
    """A bag of two cameras, and a `ros2 bag` on the path that needs no rosbag2."""
    cameras = (
        Camera('front', 'workshop', 'bgr8', 5.0, True, 320, 240),
        Camera('rear', 'workshop', 'jpeg', 5.0, True, 320, 240),
    )
    record_footage(cameras, 4.0, 1, tmp_path / 'in')
    program = tmp_path / 'bin' / 'ros2'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {SUPPORT / "bag_stand_in.py"} "$@"\n')
    program.chmod(0o755)
    launcher.env['PATH'] = f'{program.parent}:{launcher.env["PATH"]}'
    return tmp_path / 'in', tmp_path / 'out'


def test_a_bag_is_replayed_through_the_node_and_recorded(launcher, replay):
    source, target = replay
    run = launcher.launch_test('launching_bag_replay.py', bag=str(source), out=str(target))

    assert run.wait() == 0, run.output
    verdict = verify_bag(source, target, '/anonymized', method='blackout')
    assert verdict.passed, verdict.as_dict()
    people = find_people(read_truth(source / 'truth.json'), source, target, '/anonymized')
    assert len(people.judged) > 20
    assert people.check().passed, people.as_dict()


def test_a_replay_of_no_bag_fails(launcher, replay, tmp_path):
    run = launcher.launch(
        'bag_replay.launch.py',
        bag=str(tmp_path / 'absent'),
        out=str(tmp_path / 'out'),
        input_topics=TOPICS,
    )

    assert run.wait() == 1, run.output
    assert 'ros2 bag play ended with exit status' in run.output


def test_a_replay_that_can_not_be_recorded_fails(launcher, replay, tmp_path):
    source, _ = replay
    run = launcher.launch(
        'bag_replay.launch.py', bag=str(source), out=str(source), input_topics=TOPICS
    )

    assert run.wait() == 1, run.output
    assert 'ros2 bag record ended with exit status 2' in run.output
