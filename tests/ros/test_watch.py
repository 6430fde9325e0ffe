from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image

from anonymizer_node.ros.camera import Camera


def succeeded(result):
    return result.name == 'SUCCESS'


@pytest.fixture
def active(make_node):
    """An active node with a pattern, and a camera that it has not looked for yet."""
    import rclpy

    node = make_node(input_topics=['/*/image'])
    assert succeeded(node.trigger_configure())
    assert succeeded(node.trigger_activate())
    driver = rclpy.create_node('driver', context=node.context)
    driver.create_publisher(Image, '/front/image', 10)
    driver.create_publisher(Image, '/rear/image', 10)
    yield node
    driver.destroy_node()


def names(node):
    return [camera.plan.input_name for camera in node._cameras]


def test_timer_looks_and_ends_with_the_configuration(active):
    executor = SingleThreadedExecutor(context=active.context)
    executor.add_node(active)
    for _ in range(2000):
        if names(active):
            break
        executor.spin_once(timeout_sec=0.01)
    assert names(active) == ['/front/image', '/rear/image']
    assert active.count_publishers('/anonymized/rear/image') == 1
    timers = len(list(active.timers))
    assert succeeded(active.trigger_deactivate())
    assert succeeded(active.trigger_cleanup())
    assert len(list(active.timers)) == timers - 1
    executor.shutdown()


def test_late_camera_that_can_not_be_opened_costs_no_other_and_is_tried_again(active, monkeypatch):
    real = Camera.open

    def broken(self):
        real(self)
        if self.plan.input_name == '/front/image':
            raise RuntimeError('no room')

    with monkeypatch.context() as patch:
        patch.setattr(Camera, 'open', broken)
        active._watch.look()
        assert names(active) == ['/rear/image']
        assert active.count_publishers('/anonymized/front/image') == 0
        (status,) = active._watch.statuses()
        assert status.message == '/front/image is left out: RuntimeError: no room'
    active._watch.look()
    assert names(active) == ['/rear/image', '/front/image']
    assert active.count_publishers('/anonymized/front/image') == 1
    (status,) = active._watch.statuses()
    assert status.message == '2 cameras.'


def test_camera_that_can_not_be_followed_costs_no_other(active, monkeypatch):
    active._watch.look()
    first, second = active._cameras
    followed = []

    def broken():
        raise RuntimeError('the graph is gone')

    monkeypatch.setattr(first, 'follow', broken)
    monkeypatch.setattr(second, 'follow', lambda: followed.append(second))
    active._watch.look()
    assert followed == [second]


def test_late_cameras_are_served_by_the_worker_that_runs(active):
    active._watch.look()
    for camera in active._cameras:
        assert camera.wake == active._worker.wake
        camera._inlet._receive(Image(height=1, width=1, step=1, encoding='mono8', data=[7]))
    executor = SingleThreadedExecutor(context=active.context)
    executor.add_node(active)
    for _ in range(2000):
        if all(camera.intake.tally().published for camera in active._cameras):
            break
        executor.spin_once(timeout_sec=0.01)
    assert [camera.intake.tally().published for camera in active._cameras] == [1, 1]
    executor.shutdown()


def test_look_that_fails_ends_nothing_and_is_tried_again(active, monkeypatch):
    def broken(plans):
        raise MemoryError

    executor = SingleThreadedExecutor(context=active.context)
    executor.add_node(active)
    calls = []
    with monkeypatch.context() as starved:
        starved.setattr(active._watch._discovery, 'look', lambda plans: calls.append(broken(plans)))
        starved.setattr(active._watch, '_log_due', lambda key: calls.append(key))
        for _ in range(2000):
            if calls:
                break
            executor.spin_once(timeout_sec=0.01)
    assert calls == ['look']
    for _ in range(2000):
        if names(active):
            break
        executor.spin_once(timeout_sec=0.01)
    assert names(active) == ['/front/image', '/rear/image']
    executor.shutdown()
