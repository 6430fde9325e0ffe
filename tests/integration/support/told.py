"""What ~/regions says, in the type that the node chooses where the tests run."""

from __future__ import annotations

try:
    from vision_msgs.msg import Detection2DArray as Regions

    from anonymizer_node.ros.region_detections import from_detections as regions_of
except ImportError:
    from visualization_msgs.msg import ImageMarker as Regions

    from anonymizer_node.ros.regions import from_marker as regions_of

__all__ = ['Regions', 'regions_of', 'topic_of']


def topic_of(message):
    """The image topic that a message with a region in it is about."""
    return message.detections[0].id if hasattr(message, 'detections') else message.ns
