from __future__ import annotations

import os
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from anonymizer_node.ros import health
from anonymizer_node.ros.diagnostics import ERROR, OK, WARN, DetectorReport, detector_status
from anonymizer_node.ros.health import verdict
from anonymizer_node.ros.node import NAME

NODE = '/front/anonymizer_node'


def detector(**values):
    return detector_status(DetectorReport(**{'state': 'active', **values}), NODE)


def camera(level, message=''):
    return DiagnosticStatus(level=level, name=f'{NODE}: /image', hardware_id=NODE, message=message)


def test_the_node_is_known_by_its_name():
    assert f'/{NAME}' == health.NODE


def test_active_node_is_well():
    assert verdict([detector(), camera(OK)], NODE) == (True, f'{NODE} is active.')


def test_warnings_are_no_reason_to_start_it_again():
    assert verdict([detector(), camera(WARN)], NODE)[0]


@pytest.mark.parametrize('state', ['unconfigured', 'inactive', 'finalized', ''])
def test_node_that_publishes_nothing_is_not_well(state):
    well, sentence = verdict([detector(state=state)], NODE)
    assert not well
    assert 'nothing is published' in sentence


@pytest.mark.parametrize(
    ('statuses', 'said'),
    [
        ([detector(hung='it hangs'), camera(OK)], 'it hangs'),
        ([detector(refusal='no such model')], 'no such model'),
        ([detector(), camera(ERROR, 'Somebody else publishes')], 'Somebody else publishes'),
    ],
)
def test_error_is_said(statuses, said):
    well, sentence = verdict(statuses, NODE)
    assert not well
    assert said in sentence


def test_other_nodes_do_not_count():
    other = DiagnosticStatus(
        level=ERROR,
        name='/front/anonymizer_node2: detector',
        hardware_id='/front/anonymizer_node2',
        values=[KeyValue(key='state', value='active')],
    )
    assert verdict([other], NODE) is None
    assert verdict([], NODE) is None
    assert verdict([other, detector()], NODE)[0]


@pytest.mark.parametrize(
    ('more', 'enclave'), [([], '/anonymizer_health'), (['--enclave', '/mine'], '/mine')]
)
def test_in_the_nodes_container_it_is_not_the_node(monkeypatch, more, enclave):
    monkeypatch.setenv('ROS_SECURITY_ENCLAVE_OVERRIDE', '/anonymizer_node')
    begun = []

    @contextmanager
    def session(name, args, **options):
        # With SROS 2 the variable would win over the argument.
        begun.append((name, args, os.environ.get('ROS_SECURITY_ENCLAVE_OVERRIDE')))
        yield SimpleNamespace(create_subscription=lambda *given: None), None

    monkeypatch.setattr(health, 'session', session)
    monkeypatch.setattr(health, 'spin_until', lambda *given: False)
    assert health.main(more) == 1
    assert begun == [('anonymizer_health', ['--ros-args', '--enclave', enclave], None)]
