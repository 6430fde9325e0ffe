"""That the SROS 2 policy grants real nodes all that they open, so that enforcing it stops none."""

from __future__ import annotations

import subprocess
import sys

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from harness import environment, reliable  # noqa: E402
from policy import granted, may, nodes  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

RAW = '/front/image_raw'
KINDS = {
    ('topic', 'publish'): 'get_publisher_names_and_types_by_node',
    ('topic', 'subscribe'): 'get_subscriber_names_and_types_by_node',
    ('service', 'reply'): 'get_service_names_and_types_by_node',
    ('service', 'request'): 'get_client_names_and_types_by_node',
}


def enclaves(world, node: str) -> list[str]:
    """Of the nodes of that name that are known by now."""
    known = world.probe.node.get_node_names_and_namespaces_with_enclaves()
    return [enclave for name, _, enclave in known if name == node]


def opened(world, node: str) -> dict[tuple[str, str], set[str]]:
    """The names that a node is known by now to have endpoints of, by kind and right."""
    if not enclaves(world, node):
        return {which: set() for which in KINDS}
    return {
        which: {name for name, _ in getattr(world.probe.node, look)(node, '/')}
        for which, look in KINDS.items()
    }


def refused(world, node: str, enclave: str) -> list[tuple[str, str, str]]:
    """What the node has opened and the policy doesn't grant it."""
    return [
        (kind, right, name)
        for (kind, right), names in opened(world, node).items()
        for name in names
        if enclave not in may(kind, right, name)
    ]


def test_the_anonymiser_may_open_all_that_it_opens(world):
    world.start('--enclave', '/anonymizer_node', input_topics=[RAW], **reliable(RAW))
    world.probe.publisher(Image, RAW)
    assert nodes()['/anonymizer_node'] == {'/anonymizer_node'}
    wanted = {
        ('topic', 'subscribe'): RAW,
        ('topic', 'publish'): f'/anonymized{RAW}',
        ('service', 'reply'): '/anonymizer_node/change_state',
    }

    def all_there() -> bool:
        found = opened(world, 'anonymizer_node')
        return all(name in found[which] for which, name in wanted.items())

    world.probe.until(all_there, 'the node, as its graph tells it')
    assert refused(world, 'anonymizer_node', '/anonymizer_node') == []
    assert enclaves(world, 'anonymizer_node') == ['/anonymizer_node']


def test_the_health_check_opens_what_it_is_granted_and_has_its_own_enclave(world, tmp_path):
    env = environment(world.domain_id, tmp_path)
    node = 'anonymizer_health'
    command = [sys.executable, '-m', 'anonymizer_node.ros.health', '--timeout', '60']
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            world.probe.until(lambda: enclaves(world, node), 'the health check')
            assert enclaves(world, node) == [f'/{node}']
            world.probe.until(
                lambda: '/diagnostics' in opened(world, node)['topic', 'subscribe'],
                'its subscription',
            )
            found = opened(world, node)
            assert found['topic', 'subscribe'] == granted('topic', 'subscribe')[f'/{node}']
            assert refused(world, node, f'/{node}') == []
        finally:
            process.kill()
