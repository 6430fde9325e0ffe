import os
import signal
import subprocess
import sys
import threading

import pytest

from anonymizer_node.ros.session import Told, read_line, refused_words


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    ends = [reader, writer]
    yield ends
    for end in ends:
        os.close(end)


def test_lines_come_one_by_one_and_the_end_is_empty(pipe):
    reader, writer = pipe
    os.write(writer, b'one\ntwo\nthr')
    os.close(pipe.pop())
    assert [read_line(reader) for _ in range(4)] == [b'one\n', b'two\n', b'thr', b'']


def test_a_signal_whose_handler_raises_ends_the_wait(pipe):
    def wait():
        threading.Timer(0, os.kill, (os.getpid(), signal.SIGINT)).start()
        read_line(pipe[0])

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait()
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_only_notes_something_does_not(pipe):
    reader, writer = pipe
    noted = []

    def note(number, frame):
        noted.append(number)
        os.write(writer, b'go\n')

    before = signal.signal(signal.SIGUSR1, note)
    try:
        signalled = threading.Timer(0, os.kill, (os.getpid(), signal.SIGUSR1))
        signalled.start()
        assert read_line(reader) == b'go\n'
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert noted == [signal.SIGUSR1]


def test_signals_are_noted():
    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    try:
        told, other = Told(signal.SIGUSR1), Told(signal.SIGUSR2)
        assert not told
        signal.raise_signal(signal.SIGUSR1)
        assert told
        assert not other
    finally:
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGUSR2, before[1])


ANOTHER_IN_THE_MIDST = """
import os, signal, sys, threading
from anonymizer_node.ros import main

def signalled(args):
    calls = []
    def profile(frame, event, argument):
        # In the midst of the first signal's handler and of all that it calls, another signal.
        if event == 'call':
            calls.append(frame.f_code.co_name)
            os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    sys.setprofile(profile)
    for _ in range(10**8):  # No call in it: Python 3.10 would run the handler inside `profile`.
        if calls:
            break
    sys.setprofile(None)
    assert calls

main.rclpy.init = signalled
main._run = None
sys.exit(main.main([]) + 40)
"""


def test_a_signal_in_the_midst_of_another_ones_handler_ends_the_node_all_the_same():
    done = subprocess.run(
        [sys.executable, '-c', ANOTHER_IN_THE_MIDST], capture_output=True, text=True, timeout=40
    )
    assert (done.returncode, done.stderr) == (40, '')


@pytest.mark.parametrize(
    ('words', 'strangers'),
    [
        ([], ''),
        (['--ros-args', '-p', 'method:=blur', '-r', '__ns:=/robot', '--log-level', 'warn'], ''),
        (['--help'], "'--help'"),
        (['-p', 'method:=blur'], "'-p'"),
        (['--params-file', 'x.yaml', '--ros-args', '-p', 'a:=1'], "'--params-file' 'x.yaml'"),
    ],
)
def test_words_that_ros_does_not_take_are_refused(words, strangers, capfd):
    assert refused_words('anonymizer_node', words) == bool(strangers)
    said = capfd.readouterr().err
    assert (f'{strangers}: anonymizer_node takes ROS arguments alone' in said) == bool(strangers)


def test_a_parameter_file_that_is_not_there_is_refused_without_a_traceback(capfd):
    assert refused_words('leak_checker', ['--ros-args', '--params-file', 'absent.yaml'])
    said = capfd.readouterr().err
    assert 'absent.yaml' in said
    assert 'Traceback' not in said


@pytest.mark.parametrize('module', ['main', 'camera_simulator', 'leak_checker'])
def test_the_executables_refuse_them_before_they_do_anything(module, tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', f'anonymizer_node.ros.{module}', '--parms-file', 'my.yaml'],
        env={**os.environ, 'ROS_LOG_DIR': str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "'--parms-file' 'my.yaml'" in done.stderr
    assert done.stderr.count('\n') == 1
