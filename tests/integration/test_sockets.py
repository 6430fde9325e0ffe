"""No network port of our own: a bag needs no network, the node only the sockets of its DDS."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from domains import own_domain  # noqa: E402
from harness import environment  # noqa: E402
from samples.bags import IMAGE, Entry, write_bag  # noqa: E402
from samples.images import Stamp, image, noise  # noqa: E402

from anonymizer_node.resources import share_path  # noqa: E402

RAW = '/front/image_raw'
NETWORK = ('tcp', 'tcp6', 'udp', 'udp6')
DDS_FROM = 7400
"""The port of domain 0; each domain has 250."""
EPHEMERAL_FROM = 32768
"""Linux gives these to whoever only sends. Domains from 101 on reach into them."""

pytestmark = pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='needs /proc')


def sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets; it may have ended meanwhile."""
    found = set()
    folder = Path(f'/proc/{pid}/fd')
    try:
        links = list(folder.iterdir())
    except OSError:
        return found
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith('socket:['):
            found.add(target[8:-1])
    return found


def rows(kind: str, inodes: set[str]) -> list[tuple[int, str]]:
    """Local port and state of those of the sockets that are of a kind, such as `udp`."""
    lines = Path(f'/proc/self/net/{kind}').read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return [(int(item[1].split(':')[1], 16), item[3]) for item in fields if item[9] in inodes]


def test_anonymize_bag_opens_no_socket_of_the_network(tmp_path):
    entries = [
        Entry(RAW, IMAGE, image(noise(240, 320), stamp=Stamp(index)), index) for index in range(60)
    ]
    source = write_bag(tmp_path / 'in', entries)
    seen, looks = [], 0
    command = [sys.executable, '-m', 'anonymizer_node.cli.main', 'bag', source, tmp_path / 'out']
    with (tmp_path / 'said').open('wb') as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        while process.poll() is None:
            inodes = sockets(process.pid)
            # A pair between its own threads, say, has no port.
            seen += [row for kind in NETWORK for row in rows(kind, inodes)] if inodes else []
            looks += 1
            time.sleep(0.005)
    assert process.returncode == 0, (tmp_path / 'said').read_text()
    assert (tmp_path / 'out').is_dir()
    assert looks > 50  # It was really looked at while it worked.
    assert seen == []


BARE = """
import rclpy, sys
rclpy.init()
node = rclpy.create_node('bare')
print('here', flush=True)
sys.stdin.readline()
node.destroy_node()
rclpy.shutdown()
"""


def kinds(pid: int) -> list[str]:
    """A process's sockets of the network, by what they are; DDS numbers those of one domain."""
    inodes = sockets(pid)
    found = []
    for kind in NETWORK:
        for port, state in rows(kind, inodes):
            where = 'sends' if port >= EPHEMERAL_FROM else 'DDS' if port >= DDS_FROM else 'other'
            found.append(f'{kind} {state} {where}')
    return sorted(found)


def test_the_node_has_the_ports_of_a_bare_ros_node_and_no_other(world, tmp_path):
    world.start(
        script='', input_topics=[RAW], model=str(share_path('models/person_nanodet_int8.onnx'))
    )
    probe = world.probe
    probe.until(lambda: (said := probe.health('detector')) and said.values['state'] == 'active', '')
    node = kinds(world.processes[-1].pid)
    with own_domain() as domain_id:
        bare = subprocess.Popen(
            [sys.executable, '-c', BARE],
            env=environment(domain_id, tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert bare.stdout.readline() == 'here\n'
        expected = kinds(bare.pid)
        bare.communicate('\n', timeout=60)
    assert 'tcp' not in ' '.join(node)
    assert any(kind.endswith('DDS') for kind in node)
    assert node == expected
