"""Who is in a simulated frame, as a standard message: the marker that `~/regions` uses too.

Each person is a box around what can be seen of them, its four edges as opaque as they are in view.
The other way it is read by `proof.truth`, which reads other simulators' messages as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import ImageMarker

from anonymizer_node.core.datatypes import Region
from anonymizer_node.proof.truth import LINES_PER_BOX
from anonymizer_node.ros.regions import to_marker
from anonymizer_node.simulation.scenes import TruePerson

NAMESPACE = 'truth'
"""No topic's name: a marker that has one states what was obscured in that topic's images."""


def truth_marker(people: Sequence[TruePerson], header: Any, camera: int) -> ImageMarker:
    """A marker that shows people.

    Args:
        people: In a frame; maybe nobody.
        header: The frame's.
        camera: Number of the camera; becomes the id.
    """
    boxes = [
        Region(int(x0), int(y0), math.ceil(x1), math.ceil(y1)) for (x0, y0, x1, y1), *_ in people
    ]
    marker = to_marker(boxes, header, NAMESPACE, camera)
    marker.outline_colors = [
        ColorRGBA(g=1.0, a=float(person.visible)) for person in people for _ in range(LINES_PER_BOX)
    ]
    return marker
