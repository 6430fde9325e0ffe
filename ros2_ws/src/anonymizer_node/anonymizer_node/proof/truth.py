"""What a simulation says of who is in a frame, whichever of the usual messages it says it with.

The messages are read by their attributes, so that those of rclpy and of a bag both do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from anonymizer_node.proof.detections import DETECTIONS
from anonymizer_node.proof.record import MARKER, regions_of

TRUTH_PREFIX = '/truth'
"""Before the name of an image topic: the topic of its truth, unless told otherwise."""


class KnownPerson(NamedTuple):
    """Somebody in a frame.

    Attributes:
        box: Of the part that can be seen: left, top, right, bottom, pixels, half-open.
        visible: Share of the whole person that can be seen, 0..1; 1 where it isn't said.
        name: To point at them.
    """

    box: tuple[float, float, float, float]
    visible: float = 1.0
    name: str = ''


def people_of(msgtype: str, message: Any, classes: Collection[str] = ()) -> list[KnownPerson]:
    """Everybody whom a message of `READERS` names.

    Args:
        msgtype: Its type.
        message: Decoded.
        classes: Names or numbers of the classes that are people; none: all are. Markers have none.

    Raises:
        KeyError: If the type isn't one of them.
        ValueError: If it holds no such thing.
    """
    return READERS[msgtype](message, classes)


def _of_marker(marker: Any, classes: Collection[str]) -> list[KnownPerson]:
    boxes = list(regions_of(marker))
    colours = marker.outline_colors
    if len(colours) not in (0, LINES_PER_BOX * len(boxes)):
        raise ValueError(f'{len(colours)} colours are not {LINES_PER_BOX} for each person')
    people = []
    for number, box in enumerate(boxes):
        visible = float(colours[LINES_PER_BOX * number].a) if len(colours) else 1.0
        corners = (float(box.x0), float(box.y0), float(box.x1), float(box.y1))
        people.append(KnownPerson(corners, visible, f'person {number + 1}'))
    return people


def _of_detections(detections: Any, classes: Collection[str]) -> list[KnownPerson]:
    people = []
    for number, detection in enumerate(detections.detections):
        names = [_class_of(result) for result in detection.results]
        if classes and not set(names) & set(classes):
            continue
        centre = detection.bbox.center
        place = getattr(centre, 'position', centre)  # Before Humble x and y were its own.
        across, down = float(detection.bbox.size_x) / 2, float(detection.bbox.size_y) / 2
        x, y = float(place.x), float(place.y)
        name = str(getattr(detection, 'id', '')) or f'person {number + 1}'
        people.append(KnownPerson((x - across, y - down, x + across, y + down), 1.0, name))
    return people


def _class_of(result: Any) -> str:
    hypothesis = getattr(result, 'hypothesis', result)
    return str(getattr(hypothesis, 'class_id', getattr(hypothesis, 'id', '')))


LINES_PER_BOX = 4
"""A marker may give each edge of a box a colour, whose alpha is how much of the person is seen."""

READERS: Mapping[str, Callable[[Any, Collection[str]], list[KnownPerson]]] = {
    MARKER: _of_marker,
    DETECTIONS: _of_detections,
}
"""Message type -> how people are read from it."""
