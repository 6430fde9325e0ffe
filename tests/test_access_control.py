"""What the SROS 2 policy grants to whom. `support/policy.py` works it out."""

from __future__ import annotations

import pytest
from policy import granted, may, nodes

RAW = ('/front/image_raw', '/front/camera_info')
OUT = ('/anonymized/front/image_raw', '/anonymized/front/camera_info', '/anonymized/x/y/compressed')
SHARED = {'/parameter_events', '/rosout', '/clock'}
"""Topics of ROS itself, which hold no pixel."""


@pytest.mark.parametrize('topic', RAW)
def test_raw_topics_are_read_by_the_anonymiser_and_written_by_the_camera_alone(topic):
    assert may('topic', 'subscribe', topic) == {'/anonymizer_node'}
    assert may('topic', 'publish', topic) == {'/camera'}


def test_the_camera_writes_nothing_that_others_read():
    written = granted('topic', 'publish')['/camera'] - SHARED
    assert written == set(RAW)


@pytest.mark.parametrize('topic', OUT)
def test_anonymised_topics_are_written_by_the_anonymiser_alone(topic):
    assert may('topic', 'publish', topic) == {'/anonymizer_node'}
    assert may('topic', 'subscribe', topic) == {'/recorder'}


def test_the_recorder_reads_what_is_anonymised_and_no_more():
    read = granted('topic', 'subscribe')['/recorder'] - SHARED
    assert read == {'/anonymized/*', '/diagnostics'}


def test_the_health_check_reads_the_diagnostics_and_no_more():
    assert granted('topic', 'subscribe')['/anonymizer_health'] == {'/diagnostics'}
    assert granted('topic', 'publish')['/anonymizer_health'] == {'/parameter_events'}
    assert not granted('service', 'request')['/anonymizer_health']


def test_the_recorders_node_has_the_name_that_ros2_bag_record_gives_it():
    # Humble's has no option for another.
    assert nodes()['/recorder'] == {'/rosbag2_recorder'}


def test_settings_and_lifecycle_are_the_operators_alone():
    for service in ('set_parameters', 'change_state', 'take_still'):
        name = f'/anonymizer_node/{service}'
        assert may('service', 'request', name) == {'/operator'}
        assert may('service', 'reply', name) == {'/anonymizer_node'}


def test_the_operator_sees_no_stream():
    for topic in (*RAW, *OUT):
        assert '/operator' not in may('topic', 'subscribe', topic)


@pytest.mark.parametrize(
    'topic', ['/diagnostics', '/anonymizer_node/regions', '/anonymizer_node/still/a/compressed']
)
def test_all_that_the_node_publishes_it_may_publish(topic):
    assert may('topic', 'publish', topic) == {'/anonymizer_node'}


def test_every_node_may_do_what_every_node_does():
    for enclave, patterns in granted('topic', 'publish').items():
        # The health check is less of a node, and says nothing.
        needed = {'/parameter_events'} if 'health' in enclave else {'/rosout', '/parameter_events'}
        assert needed <= patterns, enclave
