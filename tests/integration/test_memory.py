"""Without memory a frame is dropped, or the process ends and says so; nothing raw gets out.

That frames survive a want of memory in each of their steps is in tests/ros/test_camera.py.
"""

from __future__ import annotations

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import PERSON_BOX, picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from told import Regions  # noqa: E402

RAW = '/front/image_raw'


def start(world, tmp_path, part):
    """A node with enough memory so far, a link through it, and the file that ends that."""
    starves = tmp_path / 'starves'
    node = world.start(
        script='starving_node.py',
        input_topics=[RAW],
        environment={'STARVES': part, 'STARVES_WHILE': str(starves)},
        **reliable(RAW),
    )
    return node, Link(world.probe, Image, RAW), starves


def check_anonymised(link):
    x0, y0, x1, y1 = PERSON_BOX
    for message in link.heard:
        pixels = np.array(pictures.pixels_of(message)).reshape(pictures.HEIGHT, pictures.WIDTH, 3)
        assert not pixels[y0:y1, x0:x1].any()


def test_process_that_can_not_take_messages_ends_and_says_so(world, tmp_path):
    node, link, starves = start(world, tmp_path, 'taking a message')
    starves.touch()
    for _ in range(5):
        link.publish(pictures.raw(picture()))
    assert node.wait() == 1
    assert 'Ending: MemoryError' in node.output
    assert 'terminate called' not in node.output
    world.probe.spin_for(0.2)
    check_anonymised(link)


def test_want_of_memory_beside_the_frames_ends_nothing(world, tmp_path):
    node, link, starves = start(world, tmp_path, 'reporting')
    starves.touch()
    world.probe.until(lambda: 'No report on /diagnostics: MemoryError' in node.output, 'a word')
    for _ in range(5):
        link.send(pictures.raw(picture()))
    starves.unlink()
    assert link.books()['published'] >= 5
    check_anonymised(link)


def test_frame_of_which_nothing_can_be_told_is_published_and_counted(world, tmp_path):
    node, link, starves = start(world, tmp_path, 'telling of regions')
    markers = world.probe.subscribe(Regions, '/anonymizer_node/regions')
    world.probe.until(lambda: link.send(pictures.raw(picture())) and markers, 'a marker')
    starves.touch()
    before = link.books()
    link.sent = 0
    link.send(pictures.raw(picture()))
    after = link.books()
    assert after['published'] - before['published'] == link.sent
    assert after['dropped'] == before['dropped']
    assert f'{RAW}: MemoryError' in node.output
    check_anonymised(link)


def test_first_frame_without_a_look_at_the_graph_passes(world, tmp_path):
    node, link, starves = start(world, tmp_path, 'looking at the graph')
    starves.touch()
    world.probe.node.destroy_publisher(link.publisher)
    link.publisher = world.probe.publisher(Image, RAW)
    for _ in range(3):
        link.send(pictures.raw(picture()))
    starves.unlink()
    books = link.books()
    assert books['dropped: internal'] == 0
    assert node.running
    check_anonymised(link)
