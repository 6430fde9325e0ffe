"""Whoever says it and however, the same people are read."""

from __future__ import annotations

from types import SimpleNamespace as Made

import pytest

from anonymizer_node.proof.record import MARKER
from anonymizer_node.proof.truth import DETECTIONS, KnownPerson, people_of


def marker(boxes, alphas=()):
    points = []
    for x0, y0, x1, y1 in boxes:
        for corner in ((x0, y0), (x1, y0), (x1, y0), (x1, y1), (x1, y1), (x0, y1), (x0, y1),
                       (x0, y0)):  # fmt: skip
            points.append(Made(x=float(corner[0]), y=float(corner[1]), z=0.0))
    colours = [Made(r=1.0, g=0.0, b=0.0, a=alpha) for alpha in alphas for _ in range(4)]
    return Made(points=points, outline_colors=colours)


def detection(x, y, width, height, *classes, name='', humble=True):
    place = Made(x=x, y=y)
    centre = Made(position=place, theta=0.0) if humble else Made(x=x, y=y, theta=0.0)
    results = [Made(hypothesis=Made(class_id=told, score=1.0)) for told in classes]
    return Made(bbox=Made(center=centre, size_x=width, size_y=height), results=results, id=name)


def test_a_marker_holds_boxes_and_how_much_is_seen():
    people = people_of(MARKER, marker([(1, 2, 11, 22), (5, 5, 9, 9)], (0.25, 1.0)))

    assert people == [
        KnownPerson((1, 2, 11, 22), 0.25, 'person 1'),
        KnownPerson((5, 5, 9, 9), 1.0, 'person 2'),
    ]
    assert [one.visible for one in people_of(MARKER, marker([(1, 2, 11, 22)]))] == [1.0]
    assert people_of(MARKER, marker([])) == []


def test_a_marker_that_is_something_else_is_refused():
    with pytest.raises(ValueError, match='no whole regions'):
        people_of(MARKER, Made(points=[Made(x=0, y=0)], outline_colors=[]))
    with pytest.raises(ValueError, match='4 for each person'):
        people_of(MARKER, marker([(0, 0, 2, 2), (3, 3, 5, 5)], (1.0,)))


@pytest.mark.parametrize('humble', [True, False])
def test_detections_hold_boxes_by_centre_and_size(humble):
    message = Made(detections=[detection(50.0, 40.0, 20.0, 30.0, '7', name='w', humble=humble)])

    assert people_of(DETECTIONS, message) == [KnownPerson((40, 25, 60, 55), 1.0, 'w')]


def test_of_detections_only_those_classes_are_people_that_are_named():
    message = Made(
        detections=[
            detection(5.0, 5.0, 2.0, 2.0, '3'),
            detection(9.0, 5.0, 2.0, 2.0, 'pallet', 'person'),
            detection(7.0, 5.0, 2.0, 2.0),
        ]
    )

    assert [one.name for one in people_of(DETECTIONS, message)] == [
        'person 1', 'person 2', 'person 3',
    ]  # fmt: skip
    found = people_of(DETECTIONS, message, ('person', '11'))
    assert [one.box for one in found] == [(8, 4, 10, 6)]
