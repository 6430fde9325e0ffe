from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from anonymizer_node.core.datatypes import Outcome, Region  # noqa: E402
from anonymizer_node.core.errors import ModelError  # noqa: E402
from anonymizer_node.ros.reporter import strangers  # noqa: E402

REFUSED = {
    'no input': ({}, 'input_topics is empty'),
    'unknown parameter': ({'input_topics': ['/a'], 'metod': 'blur'}, "'metod' is unknown"),
    'unknown method': ({'input_topics': ['/a'], 'method': 'none'}, 'choose from blackout'),
    'output is input': ({'input_topics': ['/a'], 'output_prefix': '/'}, 'equal to their inputs'),
    'loop': ({'input_topics': ['/a', '/anonymized/a']}, 'is an input topic too'),
    'no topic name': ({'input_topics': ['/a b']}, "'/a b' is not the name of a topic"),
    'no pattern': ({'input_topics': ['/a**/b']}, "'a**' is no part of one"),
    'unknown QoS': (
        {'input_topics': ['/*'], 'qos_overrides./a.subscription.reliability': 'relyable'},
        'choose from system_default, reliable, best_effort',
    ),
    'unknown class': ({'input_topics': ['/a'], 'classes': ['cat']}, "no class 'cat'"),
}


def succeeded(result):
    return result.name == 'SUCCESS'


@pytest.mark.parametrize('case', REFUSED)
def test_bad_setup_is_refused_and_said(make_node, case):
    values, reason = REFUSED[case]
    node = make_node(**values)
    assert node.trigger_configure().name == 'FAILURE'
    assert node.state == 'unconfigured'
    assert reason in node.refusal
    assert node._cameras == ()
    assert node._detector_report().refusal == node.refusal


def test_model_that_can_not_be_loaded_is_refused(make_node):
    def factory(settings):
        raise ModelError('It was altered.')

    node = make_node(factory, input_topics=['/a'])
    assert node.trigger_configure().name == 'FAILURE'
    assert node.refusal == 'It was altered.'


def test_unexpected_error_while_configuring_is_said_and_leaves_it_unconfigured(make_node):
    def factory(settings):
        raise ZeroDivisionError('a bug')

    node = make_node(factory, input_topics=['/a'])
    assert node.trigger_configure().name == 'ERROR'
    assert node.state == 'unconfigured'
    assert node.refusal == 'ZeroDivisionError: a bug'
    node._detector_factory = lambda settings: [SimpleNamespace(names=('person',), input_size=512)]
    assert succeeded(node.trigger_configure())
    assert node.refusal == ''


def test_transition_that_a_signal_breaks_off_is_no_defect(make_node, capfd):
    def factory(settings):
        node.context.shutdown()  # As rclpy's handler does it.
        raise RuntimeError('the given context is not valid')

    node = make_node(factory, input_topics=['/a'])
    # Before Kilted rclpy wants to publish the transition, and says that it can't.
    with contextlib.suppress(RuntimeError):
        assert node.trigger_configure().name == 'ERROR'
    assert node.refusal == 'the process is ending.'
    assert 'Traceback' not in capfd.readouterr().err


def test_refused_activation_closes_what_was_opened(make_node, monkeypatch):
    node = make_node(input_topics=['/a', '/b'])
    assert succeeded(node.trigger_configure())

    def broken():
        raise RuntimeError('no such QoS')

    monkeypatch.setattr(node._cameras[1], 'open', broken)
    assert node.trigger_activate().name == 'ERROR'
    assert node.state == 'unconfigured'
    assert node.count_publishers('/anonymized/a') == 0
    assert 'no such QoS' in node.refusal


def test_cycles_leave_nothing_behind(make_node):
    node = make_node(input_topics=['/a', '/b/compressed'])

    def counts():
        return (
            len(list(node.publishers)),
            len(list(node.subscriptions)),
            len(node._managed_entities),
            len(list(node.timers)),
        )

    before = counts()
    for _ in range(5):
        assert succeeded(node.trigger_configure())
        for _ in range(2):
            assert succeeded(node.trigger_activate())
            assert counts() > before
            worker = node._worker
            assert succeeded(node.trigger_deactivate())
            assert not worker._thread.is_alive()
        assert succeeded(node.trigger_cleanup())
        assert counts() == before


@pytest.mark.parametrize('steps', [[], ['configure'], ['configure', 'activate']])
def test_shutdown_from_every_state(make_node, steps):
    node = make_node(input_topics=['/a'])
    for step in steps:
        assert succeeded(getattr(node, f'trigger_{step}')())
    assert succeeded(node.trigger_shutdown())
    assert node.state == 'finalized'
    assert node._worker is None
    assert node.count_publishers('/anonymized/a') == 0


def test_frames_reach_the_outside_only_while_active(make_node):
    node = make_node(input_topics=['/a'])
    other = rclpy.create_node('other', context=node.context)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    executor.add_node(other)
    heard = []
    other.create_subscription(Image, '/anonymized/a', heard.append, 10)
    publisher = other.create_publisher(Image, '/a', 10)
    image = Image(height=1, width=1, step=1, encoding='mono8', data=[7])

    def spin(times):
        for _ in range(times):
            publisher.publish(image)
            executor.spin_once(timeout_sec=0.01)
            if heard:
                return

    spin(20)
    assert node.trigger_configure().name == 'SUCCESS'
    spin(20)
    assert heard == []
    assert node.trigger_activate().name == 'SUCCESS'
    spin(2000)
    assert heard[0] == image
    assert node.trigger_deactivate().name == 'SUCCESS'
    for _ in range(20):
        executor.spin_once(timeout_sec=0.01)
    heard.clear()
    spin(20)
    assert heard == []
    executor.shutdown()
    other.destroy_node()


def test_own_attributes_hide_none_of_rclpys(make_node):
    node = make_node()
    plain = rclpy.lifecycle.LifecycleNode('plain', context=node.context)
    ours = {
        '_detector_factory', '_detectors', '_about', '_pipeline', '_cameras', '_watch', '_worker',
        '_active_since_s', '_announcer', '_settings_parameters', '_reporter', 'autostart', 'state',
        'refusal', 'hangs', '_passed_over', '_stills', '_audience', '_watchdog', '_twins',
    }  # fmt: skip
    assert ours <= set(vars(node))
    assert set(vars(node)) - set(vars(plain)) == ours
    assert not ours & set(dir(plain))
    plain.destroy_node()


def test_other_publisher_on_an_output_topic_is_seen(make_node):
    node = make_node(input_topics=['/a'])
    assert succeeded(node.trigger_configure())
    assert succeeded(node.trigger_activate())

    def seen():
        own = node.get_fully_qualified_name()
        return strangers(own, node.get_publishers_info_by_topic('/anonymized/a'))

    assert seen() == []
    for name in ('driver', 'anonymizer_node'):
        other = rclpy.create_node(name, namespace='/robot', context=node.context)
        other.create_publisher(Image, '/anonymized/a', 10)
        assert seen() == [f'/robot/{name}']
        other.destroy_node()


def test_remapping_is_applied_once_to_the_topic_whose_type_is_asked_for(make_node):
    """/a is read from /b; what is on /c, to which /b alone would lead, is another matter."""
    detector = SimpleNamespace(names=('person',), input_size=512)
    words = ('-r', '/a:=/b', '-r', '/b:=/c')
    node = make_node(lambda settings: [detector], *words, input_topics=['/a'])
    driver = rclpy.create_node('driver', context=node.context)
    driver.create_publisher(CompressedImage, '/b', 10)
    driver.create_publisher(Image, '/c', 10)
    assert succeeded(node.trigger_configure())
    assert node._cameras[0].plan.type_name == 'sensor_msgs/msg/CompressedImage'
    assert succeeded(node.trigger_activate())
    told = []
    node._reporter._publisher = SimpleNamespace(publish=told.append)
    node._reporter.report()
    (camera,) = [status for status in told[0].status if status.name.endswith(': /b')]
    assert camera.level == b'\0', camera.message
    driver.destroy_node()


def test_nothing_of_a_former_activation_is_known_in_the_next(make_node):
    """Held regions and what followers know: minutes may have passed, and clocks begin anew."""
    node = make_node(input_topics=['/a', '/d'], follow=['/d=/a'])
    assert succeeded(node.trigger_configure())
    assert succeeded(node.trigger_activate())
    assert succeeded(node.trigger_deactivate())
    person = Outcome('anonymized', object(), (Region(0, 0, 2, 2),), width=4, height=4)
    node._twins.judged('/a', 100, person)
    node._pipeline._sources['/a'] = object()
    assert succeeded(node.trigger_activate())
    assert node._pipeline._sources == {}
    assert not node._twins._of('/a').has_passed(100)


def test_what_hung_and_was_given_up_tells_followers_of_the_next_configuration_nothing(make_node):
    node = make_node(input_topics=['/a', '/d'], follow=['/d=/a'])
    assert succeeded(node.trigger_configure())
    given_up = node._cameras[0]._twins
    assert succeeded(node.trigger_cleanup())
    assert succeeded(node.trigger_configure())
    person = Outcome('anonymized', object(), (Region(0, 0, 2, 2),), width=4, height=4)
    given_up.judged('/a', 100, person)
    assert all(not camera._twins._of('/a').has_passed(100) for camera in node._cameras)
    assert all(camera._twins is node._twins for camera in node._cameras)


def test_second_publisher_under_our_own_name_is_another_process():
    ours = SimpleNamespace(node_namespace='/', node_name='anonymizer_node')
    assert strangers('/anonymizer_node', [ours]) == []
    assert strangers('/anonymizer_node', [ours, ours]) == ['/anonymizer_node']
