"""What will be done with each topic of a bag, and why, decided before any of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.formats.bags import LEAST_PICTURE, BagReader, Leaf, Place, Topic
from anonymizer_node.formats.embedded import IMAGE_FORMS
from anonymizer_node.formats.image_codecs import CODECS

NO_PICTURE_TYPES = frozenset(
    {
        'map_msgs/msg/OccupancyGridUpdate',
        'nav_msgs/msg/OccupancyGrid',
        'octomap_msgs/msg/Octomap',
        'rcl_interfaces/msg/ParameterValue',
        'rmw_dds_common/msg/Gid',
        'unique_identifier_msgs/msg/UUID',
    }
)
"""Types with a payload of bytes that is known to be no picture, by themselves or inside others."""

SHAPELESS_TYPES = frozenset(
    f'std_msgs/msg/{base}MultiArray'
    for base in ('Byte', 'Float32', 'Float64', 'Int8', 'Int16', 'Int32', 'Int64')
) | frozenset(f'std_msgs/msg/UInt{bits}MultiArray' for bits in (8, 16, 32, 64))
"""Containers for numbers of any meaning, pixels among them."""

POINT_CLOUD = 'sensor_msgs/msg/PointCloud2'
"""Copied message by message: see `offline.clouds`."""

_PAYLOAD_BASES = frozenset({'uint8', 'int8', 'byte', 'char', 'octet', 'uint16'})


@dataclass(frozen=True)
class TopicPlan:
    """What will be done with a topic.

    Attributes:
        topic: As recorded.
        action: `anonymize`, `copy` or `drop`.
        reason: Why, in words.
        asked: Whether the user named this action.
        places: Where images are inside its messages; () if they are images themselves.
    """

    topic: Topic
    action: str
    reason: str
    asked: bool = False
    places: tuple[Place, ...] = ()

    @property
    def lossy(self) -> bool:
        """Whether messages are left out that nobody asked to leave out."""
        return self.action == 'drop' and not self.asked and self.topic.count != 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'topic': self.topic.name,
            'type': self.topic.msgtype,
            'count': self.topic.count,
            'action': self.action,
            'asked': self.asked,
            'reason': self.reason,
        }


def plan(reader: BagReader, settings: Settings) -> list[TopicPlan]:
    """One entry for every topic of a bag, in its order.

    Raises:
        ConfigError: If the settings name a topic that the bag doesn't have, ask to anonymise one
            that holds no pictures we can read, or to anonymise and to copy the same.
    """
    actions = settings.actions()
    names = {topic.name for topic in reader.topics}
    for option, named in (('input_topics', settings.input_topics), ('topic_actions', actions)):
        for name in named:
            if name not in names:
                raise ConfigError(
                    f'{option} names {name!r}, which is not in {str(reader.path)!r}; it has '
                    f'{", ".join(sorted(names)) or "no topics"}.'
                )
    return [_planned(topic, reader, settings, actions) for topic in reader.topics]


def readable(topic: Topic) -> bool:
    """Whether a topic is of pictures that a codec reads, in at least some of their encodings."""
    return topic.msgtype in CODECS and not topic.name.endswith('/compressedDepth')


def _planned(
    topic: Topic, reader: BagReader, settings: Settings, actions: dict[str, str]
) -> TopicPlan:
    asked = actions.get(topic.name)
    wanted = asked == 'anonymize' or topic.name in settings.input_topics
    places = () if readable(topic) else reader.places(topic.msgtype, IMAGE_FORMS)
    hidden = why_image_bearing(topic.msgtype, reader)
    if topic.name.endswith('/compressedDepth') and topic.msgtype in CODECS:
        hidden, places = 'images in a form that can not be read', ()
    can_be_read = (readable(topic) or bool(places)) and not hidden
    if wanted and not can_be_read:
        because = f' ({hidden})' if hidden else ''
        raise ConfigError(
            f'{topic.name!r} is a {topic.msgtype}, which can not be anonymised{because}; '
            f'types that can are {", ".join(IMAGE_FORMS)} and those that hold these.'
        )
    if asked == 'copy' and wanted:
        raise ConfigError(
            f'{topic.name!r} is among input_topics, but topic_actions has it copied as it is; '
            'take it out of one of the two.'
        )
    if asked == 'copy':
        where = ', where it can not be read' if can_be_read else ''
        return TopicPlan(topic, 'copy', f'as asked by its owner{where}', True, places)
    if asked == 'drop':
        return TopicPlan(topic, 'drop', 'as asked', True)
    if hidden:
        return TopicPlan(topic, 'drop', f'{hidden}; topic_actions "{topic.name}=copy" keeps it')
    if can_be_read:
        if settings.input_topics and not wanted:
            return TopicPlan(topic, 'drop', 'images, and not among input_topics')
        inside = ', '.join(f'{place.msgtype} in {str(place)!r}' for place in places if place.path)
        return TopicPlan(topic, 'anonymize', inside or 'images', False, places)
    if topic.msgtype == POINT_CLOUD:
        return TopicPlan(topic, 'copy', 'point clouds without colour')
    return TopicPlan(topic, 'copy', 'holds no image')


def why_image_bearing(msgtype: str, reader: BagReader) -> str:
    """Why a message type may hold pictures that nobody reads, or '' if it surely doesn't.

    A type is innocent only if its definition is known and holds, but for the images that are
    anonymised, no array of bytes that could be one. Of a point cloud it can't be told by its type:
    each of its messages has to be looked at.
    """
    if msgtype in NO_PICTURE_TYPES:
        return ''
    leaves = reader.leaves(msgtype)
    if leaves is None:
        return 'its message definition is not in the bag, so it may hold images'
    for leaf in leaves:
        if msgtype == POINT_CLOUD and leaf.path == 'data':
            continue
        if leaf.within[-1] in SHAPELESS_TYPES:
            return f'its field {leaf.path!r} is a {leaf.within[-1]}, which may hold an image'
        if leaf.within[-1] in IMAGE_FORMS and leaf.path.split('.')[-1] == 'data':
            continue
        if _may_be_image(leaf):
            return f'its field {leaf.path!r} is an array of {leaf.base} that may be an image'
    return ''


def _may_be_image(leaf: Leaf) -> bool:
    payload = leaf.base in _PAYLOAD_BASES and (leaf.most == 0 or leaf.most >= LEAST_PICTURE)
    return payload and not NO_PICTURE_TYPES.intersection(leaf.within)
