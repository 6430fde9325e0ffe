"""What the SROS 2 policy grants, worked out as sros2 does: by patterns, and denied otherwise."""

from __future__ import annotations

import fnmatch
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

POLICY = Path(__file__).resolve().parents[1] / 'ros2_ws/src/anonymizer_node/config/sros2/policy.xml'
RAW = ('/front/image_raw', '/front/camera_info')
OUT = ('/anonymized/front/image_raw', '/anonymized/front/camera_info', '/anonymized/x/y/compressed')
SHARED = {'/parameter_events', '/rosout', '/clock'}
"""Topics of ROS itself, which hold no pixel."""


def granted(kind: str, right: str) -> dict[str, set[str]]:
    """The patterns for which a right is granted, by enclave.

    Args:
        kind: `topic` or `service`.
        right: `publish`, `subscribe`, `request` or `reply`.
    """
    root = ElementTree.parse(POLICY).getroot()
    found: dict[str, set[str]] = {}
    for enclave in root.iter('enclave'):
        names = found.setdefault(enclave.attrib['path'], set())
        for profile in enclave.iter('profile'):
            space = profile.attrib['ns'].rstrip('/')
            for group in profile.iter(f'{kind}s'):
                assert set(group.attrib.values()) == {'ALLOW'}  # The rest is denied.
                if right in group.attrib:
                    names |= {
                        expanded(str(item.text), space, profile.attrib['node'])
                        for item in group.iter(kind)
                    }
    return found


def expanded(name: str, space: str, node: str) -> str:
    if name.startswith('~/'):
        return f'{space}/{node}/{name[2:]}'
    return name if name.startswith('/') else f'{space}/{name}'


def may(kind: str, right: str, name: str) -> set[str]:
    """The enclaves that have a right on a name. A star goes over slashes, as in DDS Security."""
    return {
        enclave
        for enclave, patterns in granted(kind, right).items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }


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
        assert {'/rosout', '/parameter_events'} <= patterns, enclave
