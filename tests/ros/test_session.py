import os
import signal
import threading

import pytest

from anonymizer_node.ros.session import read_line


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
