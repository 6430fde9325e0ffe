"""The topics of a bag as a whole, and what can be told of a message without reading its type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader, Topic
from anonymizer_node.proof.definitions import defined_twice, types_in
from anonymizer_node.proof.pixels import pixels_in
from anonymizer_node.proof.verdict import Failure

POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
OLD_POINT_CLOUD = 'sensor_msgs/msg/PointCloud'
PLAIN_FIELD = re.compile(
    r'[xyzt]|range|distance|depth|azimuth|elevation|n(ormal_)?[xyz]|curvature|ring|channel|line'
    r'|laser_id|row|column|return_type|tag|time|time_?stamp|time_offset|offset_time|stamp'
    r'|velocity|radial_velocity|doppler|rcs|snr'
)
"""Names of fields that say where, when and by what a point was measured."""
GREY_FIELD = re.compile(r'intensit(y|ies)|reflectivity|ambient|signal|near_ir')
"""Names of fields that make a picture of points in rows."""
_SHOWS_PICTURES = re.compile(r'image|video|ffmpeg|theora|disparity', re.IGNORECASE)
_SHOWS_NONE = re.compile(r'imagemarker|imageannotation|camerainfo|regionofinterest', re.IGNORECASE)
_PICTURE_FILE = re.compile(
    rb'(\x89PNG\r\n\x1a\n\0\0\0\rIHDR)'
    rb'|\xff\xd8\xff(?:\xe0..JFIF\0|\xe1..Exif\0|\xee..Adobe|\xdb\0[\x43\x84]\0)',
    re.DOTALL,
)


_PICTURE_IN_BASE64 = re.compile(rb'(?:/9j/|iVBORw0KGgo)(?:[A-Za-z0-9+/]\s*){300}')
_WIDTHS = (1, 1, 2, 2, 4, 4, 4, 8)
"""Bytes of a point field of datatype 1, 2 and so on."""

_HOLDS_PIXELS = re.compile(r'std_msgs/(\w+MultiArray|ColorRGBA)')
"""Types that may hold pixels one by one: see `proof.pixels`."""

Kind = tuple[str, str]
"""A topic's name and message type: publishers of two types may share a name."""


def by_kind(reader: BagReader) -> dict[Kind, list[Topic]]:
    """The entries of a bag by topic and type; one for each QoS that publishers offered."""
    topics: dict[Kind, list[Topic]] = {}
    for topic in reader.topics:
        topics.setdefault((topic.name, topic.msgtype), []).append(topic)
    return topics


def labels(kinds: Iterable[Kind]) -> dict[Kind, str]:
    """What the record calls each: by name, a second type on one name `NAME (TYPE)`."""
    found: dict[Kind, str] = {}
    for name, msgtype in kinds:
        taken = name in found.values()
        found[name, msgtype] = f'{name} ({msgtype})' if taken else name
    return found


def picture_in_cloud(cloud: Any) -> str:
    """What in a sensor_msgs/msg/PointCloud2 may be a picture, in words, or ''."""
    grey = '' if cloud.height > 1 else GREY_FIELD.pattern
    odd = [item.name for item in cloud.fields if not _plain(item.name, grey) or item.count > 1]
    if odd:
        return f'the fields {", ".join(odd)}'
    points, step = cloud.height * cloud.width, cloud.point_step
    data = bytes(cloud.data)
    if not data:
        return ''
    if len(data) != points * step or (
        cloud.height > 1 and cloud.row_step * cloud.height != len(data)
    ):
        return 'bytes that belong to no point'
    spans = [(item.offset, item.offset + _WIDTHS[item.datatype - 1]) for item in cloud.fields]
    for at in range(step):
        if not any(start <= at < end for start, end in spans) and len(set(data[at::step])) > 1:
            return 'bytes that belong to no field'
    return ''


def picture_in_old_cloud(cloud: Any) -> str:
    """What in a sensor_msgs/msg/PointCloud may be a picture, in words, or ''."""
    for item in cloud.channels:
        plain = _plain(item.name, GREY_FIELD.pattern)
        if not plain or len(item.values) not in (0, len(cloud.points)):
            return f'the channel {item.name}'
    return ''


def _plain(name: str, more: str) -> bool:
    known = PLAIN_FIELD.fullmatch(name.lower())
    return bool(known or (more and re.fullmatch(more, name.lower())))


def change_of(before: list[Topic], after: list[Topic]) -> Failure | None:
    """What the output says otherwise of a topic than the input, or None."""
    name = before[0].name
    if len(before) != len(after):
        return Failure(name, f'has {len(after)} publishers, had {len(before)}')
    for old, new in zip(before, after, strict=True):
        pairs = [('type', old.msgtype, new.msgtype), ('QoS', old.qos, new.qos)]
        # Humble's .db3 hold neither; an output may say more than its input.
        if old.definition:
            pairs.append(('definition', old.definition, new.definition))
        if old.type_hash:
            pairs.append(('type hash', old.type_hash, new.type_hash))
        for what, was, now in pairs:
            if was != now:
                return Failure(name, f'its {what} is {now!r}, was {was!r}'[:300])
    return None


def may_show_pictures(msgtype: str) -> bool:
    """Whether a message type has a name like those that carry pictures."""
    short = msgtype.rsplit('/', 1)[-1]
    return bool(_SHOWS_PICTURES.search(short)) and not _SHOWS_NONE.search(short)


def picture_file_in(data: bytes) -> str:
    """The kind of picture file that begins somewhere in a message, or ''."""
    found = _PICTURE_FILE.search(data)
    if found is None:
        return ''
    return 'PNG' if found.group(1) else 'JPEG'


def shown_in(reader: BagReader, message: BagMessage) -> str:
    """The picture in a message that was copied unread, in words, or ''."""
    msgtype = message.topic.msgtype
    look = {POINT_CLOUD: picture_in_cloud, OLD_POINT_CLOUD: picture_in_old_cloud}.get(msgtype)
    if look is not None:
        try:
            found = look(reader.decode(msgtype, message.data))
        except (FrameError, AttributeError, IndexError):
            return 'a point cloud that can not be read'
        return f'a point cloud with {found}, which may be a picture' if found else ''
    types = types_in(reader, msgtype)
    if defined_twice(reader.definitions, types):
        return 'something of a type that the bag defines twice, in two ways'
    if any(_HOLDS_PIXELS.fullmatch(name) for name in types):
        try:
            found = pixels_in(reader.decode(msgtype, message.data))
        except FrameError:
            return 'something that can not be read'
        if found:
            return found
    picture = picture_file_in(bytes(message.data))
    if not picture and _PICTURE_IN_BASE64.search(bytes(message.data)):
        return 'a picture file in base64'
    return f'a {picture} file' if picture else ''
