"""Against stand-ins for vision_msgs 4 (Humble, Jazzy): it is not among the wheels."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from std_msgs.msg import Header

from anonymizer_node.core.datatypes import Outcome, Region
from anonymizer_node.ros import announcer as announcing


@dataclass
class Point2D:
    x: float = 0.0
    y: float = 0.0


@dataclass
class Pose2D:
    position: Point2D = field(default_factory=Point2D)
    theta: float = 0.0


@dataclass
class BoundingBox2D:
    center: Pose2D = field(default_factory=Pose2D)
    size_x: float = 0.0
    size_y: float = 0.0


@dataclass
class Detection2D:
    header: Any = field(default_factory=Header)
    results: list = field(default_factory=list)
    bbox: BoundingBox2D = field(default_factory=BoundingBox2D)
    id: str = ''


@dataclass
class Detection2DArray:
    header: Any = field(default_factory=Header)
    detections: list = field(default_factory=list)


NAME = 'anonymizer_node.ros.region_detections'


@pytest.fixture(scope='module')
def made():
    """The module, with the real vision_msgs where there is one."""
    stand_ins = {}
    try:
        import vision_msgs.msg  # noqa: F401
    except ImportError:
        messages = ModuleType('vision_msgs.msg')
        for kind in (BoundingBox2D, Detection2D, Detection2DArray):
            setattr(messages, kind.__name__, kind)
        stand_ins = {'vision_msgs': ModuleType('vision_msgs'), 'vision_msgs.msg': messages}
    sys.modules.update(stand_ins)
    yield importlib.import_module(NAME)
    for name in stand_ins:
        del sys.modules[name]
    if stand_ins:
        del sys.modules[NAME]


sides = st.tuples(st.integers(0, 8000), st.integers(1, 8000)).map(lambda ab: (ab[0], sum(ab)))
regions = st.tuples(sides, sides).map(
    lambda both: Region(both[0][0], both[1][0], both[0][1], both[1][1])
)


@given(st.lists(regions, max_size=5))
def test_regions_survive_the_round_trip(made, listed):
    array = made.to_detections(listed, Header(), '/out', 0)
    assert made.from_detections(array) == tuple(listed)


def test_array_carries_header_and_topic(made):
    header = Header(frame_id='camera')
    header.stamp.sec = 7
    array = made.to_detections([Region(1, 2, 4, 8)], header, '/anonymized/a', 3)
    assert array.header == header
    (detection,) = array.detections
    assert (detection.header, detection.id, list(detection.results)) == (
        header,
        '/anonymized/a',
        [],
    )
    box = detection.bbox
    assert (box.center.position.x, box.center.position.y) == (2.5, 5.0)
    assert (box.size_x, box.size_y) == (3.0, 6.0)
    assert isinstance(box.size_x, float)


class Node:
    def __init__(self):
        self.made, self.published, self.warned = [], [], []

    def create_lifecycle_publisher(self, kind, topic, qos):
        self.made.append((kind, topic))
        return SimpleNamespace(get_subscription_count=lambda: 1, publish=self.published.append)

    def get_logger(self):
        return SimpleNamespace(warning=self.warned.append)


def told(monkeypatch, detections, marker):
    """What an announcer with these forms makes and says."""
    monkeypatch.setattr(announcing, 'to_detections', detections)
    monkeypatch.setattr(announcing, 'to_marker', marker)
    monkeypatch.setattr(announcing, 'message_class', lambda name: name)
    node = Node()
    announcer = announcing.Announcer(node)
    announcer.open()
    message = SimpleNamespace(header='header')
    announcer.tell(Outcome('untouched', message), None, '/anonymized/a', 2)
    return node


def form(name):
    return lambda regions, header, topic, camera: (name, regions, header, topic, camera)


def test_vision_msgs_come_first(monkeypatch):
    node = told(monkeypatch, form('detections'), form('marker'))
    assert node.made == [('vision_msgs/msg/Detection2DArray', '~/regions')]
    assert node.published == [('detections', (), 'header', '/anonymized/a', 2)]


def test_without_them_it_is_a_marker(monkeypatch):
    node = told(monkeypatch, None, form('marker'))
    assert node.made == [('visualization_msgs/msg/ImageMarker', '~/regions')]
    assert node.published == [('marker', (), 'header', '/anonymized/a', 2)]


def test_without_either_it_is_said_and_nothing_is_published(monkeypatch):
    node = told(monkeypatch, None, None)
    assert node.made == node.published == []
    assert 'neither vision_msgs nor visualization_msgs' in node.warned[0]


def test_every_listener_is_told_though_another_one_raises():
    heard = []

    class Broken:
        def tell(self, *arguments):
            raise MemoryError

    class Ear:
        def tell(self, *arguments):
            heard.append(arguments)

    audience = announcing.Audience(Broken(), Ear())
    with pytest.raises(MemoryError):
        audience.tell('outcome', 'codec', '/topic', 1)
    assert heard == [('outcome', 'codec', '/topic', 1)]
