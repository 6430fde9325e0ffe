"""Depth follows colour through the node: obscured where that is, or not published at all."""

from __future__ import annotations

import array
import copy

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import marked_node  # noqa: E402
import pictures  # noqa: E402
from harness import reliable  # noqa: E402
from pictures import COVERED, HEIGHT, WIDTH, key, picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

COLOUR, DEPTH, OTHER = '/camera/color/image_raw', '/camera/depth/image_raw', '/other/image_raw'
HALF = tuple(np.array(COVERED) // 2 + [0, 0, 1, 0])
"""`COVERED` in depth of half the size, rounded outward."""

ERROR = b'\x02'


def depth_at(stamp, millimetres_seed=1):
    """Depth of half the size of colour, with random distances."""
    random = np.random.default_rng(millimetres_seed)
    values = random.integers(300, 9000, (HEIGHT // 2, WIDTH // 2), np.uint16)
    message = Image(height=HEIGHT // 2, width=WIDTH // 2, encoding='16UC1', step=WIDTH)
    message.header.frame_id = 'camera_optical'
    message.header.stamp = copy.deepcopy(stamp)
    message.data = array.array('B', values.tobytes())
    return message


def later(stamp, milliseconds):
    total = stamp.sec * 10**9 + stamp.nanosec + milliseconds * 10**6
    moved = copy.deepcopy(stamp)
    moved.sec, moved.nanosec = divmod(total, 10**9)
    return moved


def colour(**about):
    return pictures.raw(picture(**about))


def values_of(message):
    return np.frombuffer(message.data, np.uint16).reshape(message.height, message.width)


class Pair:
    """A colour and a depth camera, with the node between them and the test."""

    def __init__(self, world, environment=None, **parameters):
        topics = [COLOUR, DEPTH, OTHER]
        world.start(
            input_topics=topics,
            follow=[f'{DEPTH}={COLOUR}'],
            hold_seconds=0.0,
            environment=environment,
            **reliable(*topics),
            **parameters,
        )
        self.probe = world.probe
        self.send = {topic: self.probe.publisher(Image, topic).publish for topic in topics}
        self.heard = {topic: self.probe.subscribe(Image, '/anonymized' + topic) for topic in topics}
        for _ in range(200):
            first = colour(person=False)
            self.send[COLOUR](first)
            self.send[OTHER](colour(person=False))
            self.send[DEPTH](depth_at(first.header.stamp))
            self.probe.spin_for(0.1)
            if all(self.heard.values()):
                break
        # No frame of the warm-up is within reach of what follows.
        self.probe.spin_for(0.3)

    def answer(self, message, topic=DEPTH):
        return next((item for item in self.heard[topic] if key(item) == key(message)), None)

    def wait(self, message, topic=DEPTH):
        return self.probe.until(lambda: self.answer(message, topic), f'an output of {topic}')

    def twins_missed(self):
        return int(self.probe.next_health(DEPTH).values['dropped: twin'])


@pytest.fixture(scope='module')
def pair(module_world):
    return Pair(module_world)


def assert_hidden(sent, got):
    x0, y0, x1, y1 = HALF
    before, after = values_of(sent), values_of(got).copy()
    assert not after[y0:y1, x0:x1].any()
    after[y0:y1, x0:x1] = before[y0:y1, x0:x1]
    assert np.array_equal(after, before)
    for name in ('header', 'height', 'width', 'encoding', 'is_bigendian', 'step'):
        assert getattr(got, name) == getattr(sent, name)


@pytest.mark.parametrize('first', ['colour', 'depth'])
def test_depth_is_obscured_where_colour_is_and_nowhere_else(pair, first):
    twin = colour()
    depth = depth_at(twin.header.stamp)
    order = [(COLOUR, twin), (DEPTH, depth)]
    for topic, message in order if first == 'colour' else order[::-1]:
        pair.send[topic](message)
    assert_hidden(depth, pair.wait(depth))
    assert pair.wait(twin, COLOUR)


def test_where_nobody_is_depth_passes_as_it_came(pair):
    pair.probe.spin_for(0.2)
    twin = colour(person=False)
    depth = depth_at(twin.header.stamp, 2)
    pair.send[COLOUR](twin)
    pair.send[DEPTH](depth)
    assert pair.wait(depth) == depth


def test_depth_waits_for_its_twin_and_keeps_nobody_else_waiting(world):
    # However busy the machine, depth waits.
    pair = Pair(world, {'MOST_WAIT_S': '60', 'HUNG_S': '60'})
    missed = pair.twins_missed()
    twin = colour()
    depth, other = depth_at(twin.header.stamp, 3), colour()
    pair.send[DEPTH](depth)
    pair.probe.counted(DEPTH, 'pending', 1)
    pair.send[OTHER](other)
    pair.wait(other, OTHER)
    pair.probe.spin_for(0.5)
    assert pair.answer(depth) is None
    pair.send[COLOUR](twin)
    assert_hidden(depth, pair.wait(depth))
    assert pair.twins_missed() == missed


def test_without_a_twin_depth_is_dropped_and_counted(pair):
    before = pair.twins_missed()
    twin = colour()
    depth = depth_at(later(twin.header.stamp, 500), 4)
    pair.send[COLOUR](twin)
    pair.send[DEPTH](depth)
    status = pair.probe.counted(DEPTH, 'dropped: twin', before + 1)
    assert status.level == ERROR
    assert COLOUR in status.values['last failure']
    assert pair.answer(depth) is None
    books = pair.probe.next_health(DEPTH).values
    counts = {name: int(value) for name, value in books.items() if value.isdigit()}
    assert counts['received'] == counts['published'] + counts['dropped'] + counts['pending']
    assert counts['carried'] == 0


def test_a_twin_that_fails_takes_depth_with_it(pair):
    pair.probe.spin_for(0.2)
    before = pair.twins_missed()
    twin = colour(corner=marked_node.RAISES)
    depth = depth_at(twin.header.stamp, 5)
    pair.send[COLOUR](twin)
    pair.send[DEPTH](depth)
    pair.probe.counted(DEPTH, 'dropped: twin', before + 1)
    assert pair.answer(depth) is None
    assert pair.answer(twin, COLOUR) is None


def test_nothing_raw_got_out_of_all_this(pair):
    """Last in the module: every depth frame heard of a time when somebody was there is hidden."""
    with_people = {key(item) for item in pair.heard[COLOUR] if _is_hidden(item)}
    checked = 0
    for depth in pair.heard[DEPTH]:
        if key(depth) in with_people:
            x0, y0, x1, y1 = HALF
            assert not values_of(depth)[y0:y1, x0:x1].any()
            checked += 1
    assert checked >= 2


def _is_hidden(message):
    x0, y0, x1, y1 = COVERED
    pixels = pictures.pixels_of(message).reshape(HEIGHT, WIDTH, 3)
    return not pixels[y0:y1, x0:x1].any()


def test_depth_of_a_time_without_colour_can_be_black_instead(world):
    pair = Pair(world, on_failure='blackout')
    stamp = later(colour().header.stamp, 700)
    depth = depth_at(stamp)
    pair.send[DEPTH](depth)
    assert not values_of(pair.wait(depth)).any()
    status = pair.probe.counted(DEPTH, 'blacked_out', 1)
    assert status.values['last failure'].startswith('twin')
