"""Each message plays its part, by its topic first and its type second."""

from __future__ import annotations

from types import SimpleNamespace as Made

import pytest
from samples.images import Header, Stamp, image

from anonymizer_node.core.errors import InputError
from anonymizer_node.proof.detections import DETECTIONS
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leak_topics import LeakTopics, image_outputs, parse_outputs
from anonymizer_node.proof.leaks import LeakCheck
from anonymizer_node.proof.pictures import IMAGE

from .conftest import PERSON, blacked, scene

OUT, REAR = '/anonymized/front', '/anonymized/rear'
STAMP = Stamp(50, 7)


def array(*boxes):
    """A Detection2DArray of (id, region)."""
    found = []
    for name, (x0, y0, x1, y1) in boxes:
        centre = Made(position=Made(x=(x0 + x1) / 2, y=(y0 + y1) / 2))
        bbox = Made(center=centre, size_x=float(x1 - x0), size_y=float(y1 - y0))
        found.append(Made(id=name, bbox=bbox, results=[]))
    return Made(header=Header(STAMP), detections=found)


@pytest.fixture
def parts():
    check = LeakCheck(Bounds(least_frames=1))
    return LeakTopics(check, {OUT: '/front/boxes', REAR: '/rear/boxes'}, '/anonymized')


def judged(parts, pixels, *statements):
    parts.hear('/front/boxes', DETECTIONS, array(('alice', PERSON)), 1.0)
    parts.hear('/front', IMAGE, image(scene(0), stamp=STAMP), 1.0)
    for statement in statements:
        parts.hear('/anonymizer_node/regions', DETECTIONS, statement, 1.0)
    parts.hear(OUT, IMAGE, image(pixels, stamp=STAMP), 1.0)
    return [leak.person.name for leak in parts.check.settle(1.1)]


def test_a_node_may_state_detections(parts):
    assert judged(parts, blacked(scene(0), [PERSON]), array((OUT, PERSON))) == []
    assert parts.check.judged == 1


def test_a_statement_about_another_topic_covers_nobody(parts):
    # Nothing is said of this frame: it waits, and is then judged by its look.
    assert judged(parts, scene(0), array((REAR, PERSON)), array()) == []
    assert parts.check.judged == 0
    assert [leak.person.name for leak in parts.check.settle(9.0)] == ['alice']


def test_a_stated_region_that_is_not_obscured_covers_nobody(parts):
    assert judged(parts, scene(0), array((OUT, PERSON))) == ['alice']


def test_a_truth_is_no_statement(parts):
    parts.hear('/front/boxes', DETECTIONS, array((OUT, PERSON)), 1.0)

    assert not parts.check._topics[OUT].regions


def test_topics_are_named_with_or_without_their_truth():
    assert parse_outputs([OUT, '/hidden=/who'], '/anonymized') == {
        OUT: '/truth/front',
        '/hidden': '/who',
    }
    for wrong in ('front', '/hidden', '=/who', f'{OUT}=who'):
        with pytest.raises(InputError, match='OUTPUT or OUTPUT=TRUTH'):
            parse_outputs([wrong], '/anonymized')


def test_outputs_are_image_topics_with_the_prefix():
    types = {OUT: IMAGE, '/anonymized/camera_info': 'x', '/front': IMAGE, '/anonymizedx': IMAGE}

    assert image_outputs(types, '/anonymized') == [OUT]
