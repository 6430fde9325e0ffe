from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from anonymizer_node.ros import ending
from anonymizer_node.ros.ending import bounded_end


@pytest.fixture
def exits(monkeypatch):
    """How the process would have ended, and the event that it would have."""
    made = SimpleNamespace(statuses=[], happened=threading.Event())

    def leave(status):
        made.statuses.append(status)
        made.happened.set()

    monkeypatch.setattr(ending.os, '_exit', leave)
    monkeypatch.setattr(ending, '_LOOK_S', 0.01)
    monkeypatch.setattr(ending, 'END_S', 0.05)
    return made


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == 'anonymizer_ending']


@pytest.mark.parametrize('ok', [True, False])
def test_block_that_is_left_ends_nothing(exits, ok):
    with bounded_end(SimpleNamespace(ok=lambda: ok)):
        (watcher,) = watchers()
    watcher.join(20)
    assert not watcher.is_alive()
    assert exits.statuses == []


def test_block_that_hangs_after_the_context_ended_is_ended(exits):
    with bounded_end(SimpleNamespace(ok=lambda: False)):
        assert exits.happened.wait(20)
    assert exits.statuses == [0]


def test_block_that_hangs_on_its_own_way_out_is_ended_as_a_failure(exits):
    with bounded_end(SimpleNamespace(ok=lambda: True)) as began:
        assert not exits.happened.wait(0.2)
        began.set()
        assert exits.happened.wait(20)
    assert exits.statuses == [1]
