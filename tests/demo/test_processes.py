"""The demo's processes: awaited by what they print, ended whatever happens."""

from __future__ import annotations

import os
import sys

import pytest

from anonymizer_node.demo.processes import Children, StageError

PYTHON = (sys.executable, '-u', '-c')


@pytest.fixture
def children(tmp_path):
    with Children(os.environ, tmp_path) as made:
        yield made


def test_a_line_is_awaited_and_answered(children, tmp_path):
    child = children.start('echo', [*PYTHON, 'print("ready"); input(); print("done")'])

    children.wait_for_line(child, 'ready', 30)
    assert child.lines == ['ready']
    child.send_line()
    child.wait(30)

    assert (tmp_path / 'echo.log').read_text() == 'ready\ndone\n'


def test_the_end_of_input_is_passed_on(children):
    child = children.start('reader', [*PYTHON, 'import sys; sys.stdin.read(); print("over")'])

    child.end_input()
    child.wait(30)

    assert child.lines == ['over']


def test_one_that_ends_while_another_is_awaited_is_named_with_its_log(children, tmp_path):
    waiting = children.start('player', [*PYTHON, 'input()'])
    children.start('node', [*PYTHON, 'print("no model"); raise SystemExit(3)'])

    with pytest.raises(StageError, match='The node ended with status 3') as caught:
        children.wait_for_line(waiting, 'never', 30)

    assert str(tmp_path / 'node.log') in str(caught.value)
    assert 'no model' in str(caught.value)


def test_one_that_says_nothing_is_named_with_its_log(children, tmp_path):
    child = children.start('recorder', [*PYTHON, 'input()'])

    with pytest.raises(StageError, match=r"The recorder did not say 'ready' within 0 s"):
        children.wait_for_line(child, 'ready', 0.1)


def test_a_status_other_than_0_is_a_failure(children):
    child = children.start('node', [*PYTHON, 'raise SystemExit(4)'])

    with pytest.raises(StageError, match='status 4'):
        child.wait(30)


def test_one_that_does_not_end_is_a_failure(children):
    child = children.start('node', [*PYTHON, 'input()'])

    with pytest.raises(StageError, match='did not end'):
        child.wait(0.1)


def test_an_interrupt_reaches_it(children):
    # Where the tests run in the background SIGINT is ignored, and children inherit that.
    code = (
        'import signal, sys\n'
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'try:\n print("ready"); sys.stdin.read()\n'
        'except KeyboardInterrupt: print("interrupted")'
    )
    child = children.start('node', [*PYTHON, code])
    children.wait_for_line(child, 'ready', 30)

    child.interrupt()
    child.wait(30)

    assert child.lines[-1] == 'interrupted'


def test_none_is_left_behind(tmp_path):
    with pytest.raises(RuntimeError), Children(os.environ, tmp_path) as children:  # noqa: PT012
        child = children.start('node', [*PYTHON, 'print("ready"); input()'])
        children.wait_for_line(child, 'ready', 30)
        raise RuntimeError

    assert child.ended
