from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('visualization_msgs.msg', reason='needs visualization_msgs')

from std_msgs.msg import Header

from anonymizer_node.core.datatypes import Region
from anonymizer_node.ros.regions import from_marker, to_marker

sides = st.tuples(st.integers(0, 8000), st.integers(1, 8000)).map(lambda ab: (ab[0], sum(ab)))
regions = st.tuples(sides, sides).map(
    lambda both: Region(both[0][0], both[1][0], both[0][1], both[1][1])
)


@given(st.lists(regions, max_size=5))
def test_regions_survive_the_round_trip(made):
    assert from_marker(to_marker(made, Header(), '/out', 0)) == tuple(made)


def test_marker_carries_header_topic_and_camera():
    header = Header(frame_id='camera')
    header.stamp.sec = 7
    marker = to_marker([Region(1, 2, 3, 4)], header, '/anonymized/a', 3)
    assert marker.header == header
    assert (marker.ns, marker.id, marker.type) == ('/anonymized/a', 3, marker.LINE_LIST)
    assert len(marker.points) == 8
    edges = {
        frozenset([(a.x, a.y), (b.x, b.y)])
        for a, b in zip(marker.points[::2], marker.points[1::2], strict=True)
    }
    corners = [(1, 2), (3, 2), (3, 4), (1, 4)]
    assert edges == {frozenset([corners[i], corners[i - 1]]) for i in range(4)}


@pytest.mark.parametrize(('kind', 'points'), [(2, 7), (1, 8)])
def test_foreign_marker_is_refused(kind, points):
    marker = to_marker([Region(1, 2, 3, 4)], Header(), '/out', 0)
    marker.type = kind
    marker.points = marker.points[:points]
    with pytest.raises(ValueError, match=f'type {kind} with {points} points'):
        from_marker(marker)
