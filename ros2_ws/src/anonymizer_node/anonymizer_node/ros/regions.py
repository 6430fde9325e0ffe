"""What was obscured, as a standard message: regions <-> visualization_msgs/ImageMarker.

One marker for each published frame, also for one without regions: its absence means that the
frame was not published. Every region is four lines along its edges, eight points in pixels of the
image; (x0, y0) is the first pixel covered, column x1 and row y1 are the first ones that aren't.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import Point
from visualization_msgs.msg import ImageMarker

from anonymizer_node.core.datatypes import Region

POINTS_PER_REGION = 8
_LINE_WIDTH_PX = 2.0


def to_marker(
    regions: Sequence[Region], header: Any, output_topic: str, camera: int
) -> ImageMarker:
    """A marker that shows regions.

    Args:
        regions: In pixels of the image.
        header: The image's.
        output_topic: Of the image; becomes the namespace.
        camera: Index of the camera in the node; becomes the id.
    """
    marker = ImageMarker(header=header, ns=output_topic, id=camera)
    marker.type = ImageMarker.LINE_LIST
    marker.action = ImageMarker.ADD
    marker.scale = _LINE_WIDTH_PX
    marker.outline_color.r = 1.0
    marker.outline_color.a = 1.0
    marker.points = [point for region in regions for point in _edges(region)]
    return marker


def from_marker(marker: ImageMarker) -> tuple[Region, ...]:
    """The regions that a marker shows.

    Raises:
        ValueError: If it isn't one that `to_marker` makes.
    """
    points = marker.points
    if marker.type != ImageMarker.LINE_LIST or len(points) % POINTS_PER_REGION:
        raise ValueError(
            f'An ImageMarker of type {marker.type} with {len(points)} points holds no regions; '
            f'expected are type {ImageMarker.LINE_LIST} and {POINTS_PER_REGION} points each.'
        )
    regions = []
    for start in range(0, len(points), POINTS_PER_REGION):
        corners = points[start : start + POINTS_PER_REGION]
        xs = [round(corner.x) for corner in corners]
        ys = [round(corner.y) for corner in corners]
        regions.append(Region(min(xs), min(ys), max(xs), max(ys)))
    return tuple(regions)


def _edges(region: Region) -> list[Point]:
    x0, y0, x1, y1 = (float(value) for value in region)
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return [
        Point(x=x, y=y) for index in range(4) for x, y in (corners[index], corners[(index + 1) % 4])
    ]
