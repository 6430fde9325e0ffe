"""Which point clouds are pictures."""

from __future__ import annotations

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader

CAUSE = 'colour_cloud'
"""Why such a cloud was dropped, for counting."""

COLOURS = frozenset({'rgb', 'rgba', 'bgr', 'bgra', 'r', 'g', 'b'})
"""Fields that colour the points: the cloud shows people as a camera does."""

BRIGHTNESSES = frozenset({'intensity', 'reflectivity', 'ambient', 'signal', 'near_ir'})
"""Fields that make a grey picture of a cloud whose points lie in rows."""


def why_picture(reader: BagReader, message: BagMessage) -> str:
    """Why a sensor_msgs/msg/PointCloud2 may show a picture, or '' if it surely doesn't."""
    topic = message.topic
    remedy = f'topic_actions "{topic.name}=copy" vouches that nobody is to be seen.'
    try:
        cloud = reader.decode(topic.msgtype, message.data)
        names = {str(item.name).lower() for item in cloud.fields}
        rows = int(cloud.height)
    except (FrameError, AttributeError, TypeError) as error:
        return f'A point cloud can not be read: {error}; {remedy}'
    found = sorted(names & COLOURS) or (sorted(names & BRIGHTNESSES) if rows > 1 else [])
    if not found:
        return ''
    arranged = f' in {rows} rows' if rows > 1 else ''
    return f'A point cloud has the field {found[0]!r}{arranged}, which shows a picture; {remedy}'
