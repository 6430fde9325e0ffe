"""The leak checker as a process over the real DDS: every way of leaking fails, with its place."""

from __future__ import annotations

import json
import signal
import sys

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import harness  # noqa: E402
import pictures  # noqa: E402
from pictures import HEIGHT, PERSON_BOX, WIDTH  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from visualization_msgs.msg import ImageMarker  # noqa: E402

from anonymizer_node.core.datatypes import Region  # noqa: E402
from anonymizer_node.ros import leak_checker as checker  # noqa: E402
from anonymizer_node.ros import pytest_plugin  # noqa: E402
from anonymizer_node.ros.described import Described  # noqa: E402
from anonymizer_node.ros.regions import to_marker  # noqa: E402
from anonymizer_node.ros.truth import truth_marker  # noqa: E402
from anonymizer_node.simulation.scenes import TruePerson  # noqa: E402

RAW, OUT, TRUTH = '/front/image_raw', '/anonymized/front/image_raw', '/truth/front/image_raw'
REGIONS = '/anonymizer_node/regions'
SECOND_BOX = (100, 30, 150, 110)
PEOPLE = (
    TruePerson(tuple(map(float, PERSON_BOX)), 1.0, 'one'),
    TruePerson(tuple(map(float, SECOND_BOX)), 0.8, 'two'),
)
FRAMES = 8


class Robot:
    """Plays camera, node and simulator for a checker."""

    def __init__(self, world, tmp_path, **parameters):
        self.probe = world.probe
        self.file = tmp_path / 'summary.json'
        self.outputs = self.probe.publisher(Image, OUT, wait=False)
        values = {'least_frames': FRAMES, 'idle_seconds': 0.0, 'summary': str(self.file)}
        self.process = harness.NodeProcess(
            ['-m', 'anonymizer_node.ros.leak_checker',
             *harness.arguments({**values, **parameters})],
            harness.environment(world.domain_id, tmp_path),
            tmp_path,
        )  # fmt: skip
        world.processes.append(self.process)

    def connect(self):
        """Its truth has a subscriber only once its outputs have one."""
        self.truths = self.probe.publisher(ImageMarker, TRUTH, wait=False)
        self.inputs = self.probe.publisher(Image, RAW, wait=False)
        self.regions = self.probe.publisher(ImageMarker, REGIONS, wait=False)
        for publisher in (self.truths, self.inputs, self.regions, self.outputs):
            self.probe.until(publisher.get_subscription_count, publisher.topic_name, 60.0)

    def frame(self, hidden=(PERSON_BOX, SECOND_BOX), stated=None, shift_ns=0):
        pixels = np.random.default_rng(1).integers(40, 255, (HEIGHT, WIDTH, 3), np.uint8)
        before = pictures.raw(pixels)
        after = pictures.raw(pixels)
        after.header = before.header
        data = pictures.pixels_of(after).reshape(after.height, after.width, 3)
        for x0, y0, x1, y1 in hidden:
            data[y0:y1, x0:x1] = 0
        regions = [Region(*box) for box in (hidden if stated is None else stated)]
        self.truths.publish(truth_marker(PEOPLE, before.header, 0))
        self.inputs.publish(before)
        self.regions.publish(to_marker(regions, before.header, OUT, 0))
        if shift_ns:
            after = pictures.raw(data)
            after.header.stamp.sec, after.header.stamp.nanosec = before.header.stamp.sec - 3, 5
        self.outputs.publish(after)
        self.probe.spin_for(0.05)
        return before.header.stamp

    def end(self):
        """Exit status and summary."""
        self.process.send(signal.SIGINT)
        status = self.process.wait()
        return status, json.loads(self.file.read_text())


@pytest.fixture
def robot(world, tmp_path):
    made = Robot(world, tmp_path)
    made.connect()
    return made


def test_covered_people_pass(robot):
    for _ in range(FRAMES):
        robot.frame()

    status, summary = robot.end()

    assert status == 0, robot.process.output
    assert summary['passed']
    assert summary['topics'][OUT]['people'] == 2 * FRAMES
    assert summary['topics'][OUT]['least_covered'] == 1.0
    assert f'in {FRAMES} frames {2 * FRAMES} people were looked for' in robot.process.output


def test_one_raw_frame_fails_and_is_named(robot):
    for _ in range(FRAMES):
        robot.frame()
    stamp = robot.frame(hidden=(), stated=(PERSON_BOX, SECOND_BOX))

    status, summary = robot.end()

    assert status == 1
    assert summary['leak_count'] == 2
    assert summary['leaks'][0]['stamp_ns'] == stamp.sec * 10**9 + stamp.nanosec
    assert (
        f'LEAK: {OUT} at {stamp.sec}.{stamp.nanosec:09d} s: person 1 at x 40 to 88, y 24 to 104 '
        'is 0% covered' in robot.process.output
    )


def test_one_person_left_uncovered_fails(robot):
    for number in range(FRAMES):
        robot.frame(hidden=(PERSON_BOX,) if number == 3 else (PERSON_BOX, SECOND_BOX))

    status, summary = robot.end()

    assert status == 1
    assert [(leak['person'], leak['covered']) for leak in summary['leaks']] == [('person 2', 0)]


def test_a_wrong_stamp_fails(robot):
    for _ in range(FRAMES):
        robot.frame()
    robot.probe.spin_for(checker.PARAMETERS['grace'].default + 0.5)
    robot.frame(shift_ns=1)

    status, summary = robot.end()

    assert status == 1
    assert summary['reasons'] == [f'{OUT}: 1 frames bear a stamp that no truth has']


def test_too_few_frames_fail(robot):
    for _ in range(FRAMES - 1):
        robot.frame()

    status, summary = robot.end()

    assert status == 1
    assert summary['reasons'] == [
        f'{OUT}: somebody was there to be covered in {FRAMES - 1} frames only, asked for are '
        f'{FRAMES}'
    ]


def test_no_frames_fail(world, tmp_path):
    robot = Robot(world, tmp_path, wait_seconds=0.5, topics=[OUT])

    assert robot.process.wait() == 1
    assert 'FAILED: /anonymized/front/image_raw: no frame came' in robot.process.output


def test_it_ends_by_itself_when_nothing_comes_any_more(world, tmp_path):
    robot = Robot(world, tmp_path, idle_seconds=1.0)
    robot.connect()
    for _ in range(FRAMES):
        robot.frame()
    robot.probe.node.destroy_publisher(robot.truths)

    assert robot.process.wait() == 0, robot.process.output


def test_a_pause_of_the_simulation_does_not_end_the_check(world, tmp_path):
    robot = Robot(world, tmp_path, idle_seconds=0.5)
    robot.connect()
    for _ in range(FRAMES):
        robot.frame()
    told = f'No frame came for 0.5 s, and {TRUTH} is still published'
    robot.probe.until(lambda: told in robot.process.output, told, 60.0)
    robot.frame(hidden=())
    robot.probe.node.destroy_publisher(robot.truths)

    assert robot.process.wait() == 1, robot.process.output
    assert json.loads(robot.file.read_text())['leak_count'] == 2


def test_a_camera_that_comes_late_does_not_blind_the_check_of_the_others(world, tmp_path):
    late = '/anonymized/rear/image_raw'
    robot = Robot(world, tmp_path, topics=[OUT, late])
    robot.connect()
    robot.frame(hidden=())

    status, summary = robot.end()

    assert status == 1
    assert [leak['topic'] for leak in summary['leaks']] == [OUT, OUT]
    assert f'{late}: no frame came' in summary['reasons']


def test_without_input_and_statement_it_goes_by_the_look(world, tmp_path):
    robot = Robot(world, tmp_path, compare=False, regions_topic="''")
    robot.truths = robot.probe.publisher(ImageMarker, TRUTH, wait=False)
    robot.inputs = robot.probe.publisher(Image, RAW, wait=False)
    robot.regions = robot.probe.publisher(ImageMarker, REGIONS, wait=False)
    robot.probe.until(robot.truths.get_subscription_count, TRUTH, 60.0)
    robot.probe.until(robot.outputs.get_subscription_count, OUT, 60.0)
    for number in range(FRAMES):
        robot.frame(hidden=(PERSON_BOX, SECOND_BOX) if number else (SECOND_BOX,))

    status, summary = robot.end()

    assert (status, summary['leak_count']) == (1, 1)
    assert robot.inputs.get_subscription_count() == 0


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'least_covered': 1.5}, 'least_covered'),
        ({'least_frames': 0}, 'least_frames'),
        ({'topics': ['front']}, 'is not OUTPUT or OUTPUT=TRUTH'),
        ({'tpoics': [OUT]}, "'tpoics' is unknown"),
        ({'least_frames': 'many'}, 'least_frames'),
    ],
)
def test_a_wrong_parameter_is_refused(world, tmp_path, parameters, said):
    robot = Robot(world, tmp_path, **parameters)

    assert robot.process.wait() == 2
    assert said in robot.process.output


def test_every_parameter_says_what_it_is():
    from anonymizer_node.ros.camera_simulator import PARAMETERS

    for table in (checker.PARAMETERS, PARAMETERS):
        for name, about in table.items():
            assert isinstance(about, Described)
            assert about.help.endswith('.'), name


def test_the_fixture_ends_on_no_pause_unless_asked_to(tmp_path, monkeypatch):
    commands = []

    def started(command, **about):
        commands.append(command)
        raise OSError('not started')

    monkeypatch.setattr(pytest_plugin.subprocess, 'Popen', started)
    for parameters in ({}, {'idle_seconds': 4.0}):
        folder = tmp_path / str(len(commands))
        folder.mkdir()
        with pytest.raises(OSError, match='not started'):
            pytest_plugin.LeakCheckerFixture(folder).watch(**parameters)

    assert 'idle_seconds:=0.0' in commands[0]
    assert 'idle_seconds:=4.0' in commands[1]


INI = """
[pytest]
addopts = -p no:cacheprovider -p no:launch_testing -p no:launch_ros
"""
TESTS = """
import time
import pytest

def test_watched_to_the_end(leak_checker):
    with leak_checker.watch(topics=['/anonymized/x'], wait_seconds=60.0):
        time.sleep(0.2)

def test_left_to_the_fixture(leak_checker):
    leak_checker.watch(topics=['/anonymized/x'], wait_seconds=0.2)

def test_an_error_of_its_own_comes_first(leak_checker):
    with leak_checker.watch(topics=['/anonymized/x']):
        raise OSError('of its own')

def test_the_verdict_may_be_asked_for(leak_checker):
    with leak_checker.watch(topics=['/anonymized/x'], wait_seconds=0.2) as watch:
        assert watch.verdict(30.0)['reasons'][0] == '/anonymized/x: no frame came'
"""


def test_the_fixture_fails_a_test_in_which_nothing_was_shown(world, tmp_path):
    import subprocess

    (tmp_path / 'pytest.ini').write_text(INI)
    (tmp_path / 'test_robot.py').write_text(TESTS)
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-rA', '-p', 'anonymizer_node.ros.pytest_plugin']
        if not _plugin_is_installed()
        else [sys.executable, '-m', 'pytest', '-q', '-rA'],
        cwd=tmp_path,
        env=harness.environment(world.domain_id, tmp_path),
        capture_output=True,
        text=True,
    )

    assert run.returncode == 1, run.stdout
    for line in (
        'FAILED test_robot.py::test_watched_to_the_end - Failed: leak_checker: /anonym',
        'ERROR test_robot.py::test_left_to_the_fixture - Failed: leak_checker: /anonym',
        'FAILED test_robot.py::test_an_error_of_its_own_comes_first - OSError: of its own',
        'PASSED test_robot.py::test_the_verdict_may_be_asked_for',
    ):
        assert line in run.stdout, run.stdout
    reason = 'leak_checker: /anonymized/x: no frame came; /anonymized/x: '
    told = run.stdout.partition('short test summary info')[0]  # Which is cut, but not in CI.
    assert told.count(reason) == 2, run.stdout


def _plugin_is_installed():
    from importlib.metadata import entry_points

    return any(point.name == 'anonymizer_node' for point in entry_points(group='pytest11'))
