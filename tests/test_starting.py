"""The executables, where something that they need isn't there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anonymizer_node import starting

WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Without())
from anonymizer_node import starting
sys.argv = [{executable!r}, *{words!r}]
sys.exit(starting.{executable}())
"""


def run(executable, missing='', words=()):
    code = WITHOUT.format(executable=executable, missing=missing, words=list(words))
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ('executable', 'missing'),
    [
        ('anonymizer_node', 'rclpy'),
        ('anonymizer_node', 'rclpy._rclpy_pybind11'),
        ('anonymizer_node', 'sensor_msgs'),
        ('camera_simulator', 'rclpy'),
        ('leak_checker', 'rclpy'),
    ],
)
def test_without_ros_or_with_that_of_another_python_the_remedy_is_said(executable, missing):
    done = run(executable, missing)
    assert done.returncode == 2
    assert done.stdout == ''
    assert done.stderr.startswith(f'{executable}: ROS 2 can not be loaded by {sys.executable}')
    assert f"No module named '{missing}'. Source the setup.bash" in done.stderr
    assert done.stderr.count('\n') == 1


@pytest.mark.parametrize(
    ('missing', 'package'),
    [('rosbags', 'rosbags'), ('yaml', 'PyYAML'), ('cv2', 'opencv-python-headless')],
)
def test_a_package_of_pip_that_is_missing_is_named(missing, package):
    done = run('anonymize', missing, ['--version'])
    assert done.returncode == 2
    assert done.stderr.startswith(f"anonymize: No module named '{missing}', in {sys.executable}")
    assert done.stderr.endswith(f'; install it: pip install {package}.\n')
    assert done.stderr.count('\n') == 1


def test_without_ros_the_command_line_works():
    done = run('anonymize', 'rclpy', ['--version'])
    assert (done.returncode, done.stderr) == (0, '')


def test_opencv_that_was_built_for_another_numpy_is_told():
    said = starting.said(ImportError('numpy.core.multiarray failed to import'), '')
    assert 'pip install "numpy<2"' in said


def test_what_is_missing_of_our_own_is_a_defect():
    done = run('anonymize', 'anonymizer_node.cli.main')
    assert done.returncode == 1
    assert 'Traceback' in done.stderr
