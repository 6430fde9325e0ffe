"""What the simulator says of its people is read back, and never taken for a statement."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')
pytest.importorskip('visualization_msgs', reason='needs visualization_msgs')

from std_msgs.msg import Header

from anonymizer_node.proof.record import MARKER
from anonymizer_node.proof.truth import people_of
from anonymizer_node.ros.truth import truth_marker
from anonymizer_node.simulation.scenes import TruePerson

PEOPLE = (
    TruePerson((1.0, 2.0, 30.0, 40.0), 0.25, 'one'),
    TruePerson((0.0, 0.0, 640.0, 480.0), 1.0, 'two'),
)


def test_people_come_back_with_how_much_is_seen_of_them():
    header = Header(frame_id='camera')
    header.stamp.sec, header.stamp.nanosec = 5, 7

    marker = truth_marker(PEOPLE, header, 3)

    assert marker.header == header
    assert [(one.box, one.visible) for one in people_of(MARKER, marker)] == [
        ((1, 2, 30, 40), 0.25),
        ((0, 0, 640, 480), 1.0),
    ]
    assert people_of(MARKER, truth_marker((), header, 0)) == []


def test_it_is_no_statement_of_what_was_obscured():
    # A marker named by a topic states what was obscured there.
    assert not truth_marker(PEOPLE, Header(), 0).ns.startswith('/')
