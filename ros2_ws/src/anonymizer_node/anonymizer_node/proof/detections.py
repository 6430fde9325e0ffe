"""A node's ~/regions as vision_msgs/Detection2DArray, read without vision_msgs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anonymizer_node.core.datatypes import Region

DETECTIONS = 'vision_msgs/msg/Detection2DArray'

DEFINITIONS: Mapping[str, str] = {
    DETECTIONS: 'std_msgs/Header header\nDetection2D[] detections',
    'vision_msgs/msg/Detection2D': (
        'std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id'
    ),
    'vision_msgs/msg/ObjectHypothesisWithPose': (
        'ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose'
    ),
    'vision_msgs/msg/ObjectHypothesis': 'string class_id\nfloat64 score',
    'vision_msgs/msg/BoundingBox2D': 'Pose2D center\nfloat64 size_x\nfloat64 size_y',
    'vision_msgs/msg/Pose2D': 'Point2D position\nfloat64 theta',
    'vision_msgs/msg/Point2D': 'float64 x\nfloat64 y',
}
"""The fields of these types from vision_msgs 4 on (Humble), for recordings without definitions."""


def stated(array: Any) -> Iterator[tuple[str, Region | None]]:
    """Topic and region of each box in a decoded array.

    An array without a box is about a frame without regions and has no place for its topic: it
    gives '' and None.
    """
    if not array.detections:
        yield '', None
    for detection in array.detections:
        box = detection.bbox
        x, y = box.center.position.x, box.center.position.y
        yield (
            detection.id,
            Region(
                round(x - box.size_x / 2),
                round(y - box.size_y / 2),
                round(x + box.size_x / 2),
                round(y + box.size_y / 2),
            ),
        )
