"""What was obscured, as a standard message: regions <-> vision_msgs/Detection2DArray.

One array for each published frame, with its header, also for one without regions: its absence
means that the frame was not published. Every region is a box without a hypothesis, since it may
be of several people, or of nobody any more; its id is the topic of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vision_msgs.msg import BoundingBox2D, Detection2D, Detection2DArray

from anonymizer_node.core.datatypes import Region


def to_detections(
    regions: Sequence[Region], header: Any, output_topic: str, camera: int
) -> Detection2DArray:
    """An array that shows regions.

    Args:
        regions: In pixels of the image.
        header: The image's.
        output_topic: Of the image; becomes the id of each box.
        camera: Index of the camera in the node; the message has no place for it.
    """
    array = Detection2DArray()
    array.header = header
    array.detections = [_detection(region, header, output_topic) for region in regions]
    return array


def from_detections(array: Detection2DArray) -> tuple[Region, ...]:
    """The regions that an array of `to_detections` shows."""
    return tuple(_region(detection.bbox) for detection in array.detections)


def _detection(region: Region, header: Any, output_topic: str) -> Detection2D:
    detection = Detection2D()
    detection.header = header
    detection.id = output_topic
    detection.bbox.center.position.x = (region.x0 + region.x1) / 2
    detection.bbox.center.position.y = (region.y0 + region.y1) / 2
    detection.bbox.size_x = float(region.width)
    detection.bbox.size_y = float(region.height)
    return detection


def _region(box: BoundingBox2D) -> Region:
    x, y = box.center.position.x, box.center.position.y
    width, height = box.size_x, box.size_y
    return Region(
        round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2)
    )
