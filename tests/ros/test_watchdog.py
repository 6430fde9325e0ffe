from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from anonymizer_node.ros.intake import HUNG_S, Intake
from anonymizer_node.ros.watchdog import TICK_S, Watchdog


class Node:
    def __init__(self):
        self.logged = []
        self.context = SimpleNamespace(ok=lambda: True)

    def create_timer(self, period_s, callback, clock):
        assert period_s == TICK_S
        self.tick = callback

    def get_logger(self):
        note = self.logged.append
        return SimpleNamespace(error=lambda text: note('error'), info=lambda text: note('info'))


class Worker:
    busy = 0.0

    def busy_s(self):
        return self.busy


@pytest.fixture
def parts():
    cameras = [SimpleNamespace(intake=Intake()) for _ in range(2)]
    for camera in cameras:
        camera.intake.open()
    return SimpleNamespace(
        node=Node(), worker=Worker(), cameras=cameras, detector=SimpleNamespace(is_busy=True)
    )


@pytest.fixture
def watchdog(parts):
    return Watchdog(
        parts.node, lambda: parts.worker, lambda: parts.cameras, lambda: [parts.detector]
    )


def test_worker_that_is_busy_for_a_while_is_well(watchdog, parts):
    parts.worker.busy = HUNG_S
    watchdog.look()
    assert watchdog.verdict == ''
    assert parts.cameras[0].intake.offer('frame', 0) == ''


def test_hung_worker_is_given_up_by_every_camera_and_said_once(watchdog, parts):
    parts.cameras[1].intake.offer('waits', 0)
    parts.worker.busy = HUNG_S + 0.1
    for _ in range(3):
        watchdog.look()
    assert watchdog.verdict.startswith('the detector has been at one frame for 5 s')
    assert parts.node.logged == ['error']
    for camera in parts.cameras:
        assert camera.intake.offer('frame', 0) == 'hung'
    assert parts.cameras[1].intake.tally().dropped == {'hung': 2}


def test_step_that_hangs_is_told_apart(watchdog, parts):
    parts.detector.is_busy = False
    parts.worker.busy = HUNG_S + 0.1
    watchdog.look()
    assert watchdog.verdict.startswith('decoding, redaction or publication has')


def test_worker_that_comes_back_is_taken_on_again(watchdog, parts):
    parts.worker.busy = HUNG_S + 0.1
    watchdog.look()
    parts.worker.busy = 0.0
    watchdog.look()
    watchdog.look()
    assert watchdog.verdict == ''
    assert parts.node.logged == ['error', 'info']
    for camera in parts.cameras:
        assert camera.intake.offer('frame', 0) == ''


def test_deactivation_ends_the_verdict(watchdog, parts):
    parts.worker.busy = HUNG_S + 0.1
    watchdog.look()
    parts.worker = None
    watchdog.look()
    assert watchdog.verdict == ''
    assert parts.node.logged == ['error']


def test_watchdog_without_memory_ends_nothing(watchdog, parts, monkeypatch):
    def starved():
        raise MemoryError

    with monkeypatch.context() as hungry:
        hungry.setattr(parts.worker, 'busy_s', starved)
        parts.node.tick()
    assert parts.node.logged == ['error']
    parts.worker.busy = HUNG_S + 0.1
    parts.node.tick()
    assert watchdog.verdict
