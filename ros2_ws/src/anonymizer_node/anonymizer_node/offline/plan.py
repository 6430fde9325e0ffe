"""What will be done with each topic of a bag, and why, decided before any of it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern, is_pattern
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
        twin: Name of the colour topic that it follows, in place of being judged; or ''.
    """

    topic: Topic
    action: str
    reason: str
    asked: bool = False
    places: tuple[Place, ...] = ()
    twin: str = ''

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
            that holds no pictures we can read, to anonymise and to copy the same, or to follow one
            that isn't anonymised.
    """
    actions = settings.actions()
    twins = settings.twins()
    settings = _with_names(settings, reader)
    names = {topic.name for topic in reader.topics}
    for option, named in (
        ('input_topics', settings.input_topics),
        ('topic_actions', actions),
        ('follow', (*twins, *twins.values())),
    ):
        for name in named:
            if name not in names:
                raise ConfigError(
                    f'{option} names {name!r}, which is not in {str(reader.path)!r}; it has '
                    f'{", ".join(sorted(names)) or "no topics"}.'
                )
    plans = [_planned(topic, reader, settings, actions) for topic in reader.topics]
    return [_following(item, twins) for item in plans]


def _following(planned: TopicPlan, twins: dict[str, str]) -> TopicPlan:
    """The plan of a topic that may follow another one or be followed.

    Raises:
        ConfigError: If it does or is, and isn't of images that are anonymised.
    """
    name = planned.topic.name
    if name not in twins and name not in twins.values():
        return planned
    if planned.action != 'anonymize' or planned.places:
        raise ConfigError(
            f'follow names {name!r}, which is not anonymised as an image ({planned.reason}); name '
            'image topics that are.'
        )
    if planned.places:
        raise ConfigError(
            f'follow names {name!r}, whose images are inside messages of type '
            f'{planned.topic.msgtype}; name topics of images.'
        )
    if name not in twins:
        return planned
    reason = f'images that follow {twins[name]}'
    return replace(planned, reason=reason, twin=twins[name])


def _with_names(settings: Settings, reader: BagReader) -> Settings:
    """The settings with the names that patterns among `input_topics` mean in their place.

    Raises:
        ConfigError: If a pattern means no topic of images.
    """
    copied = {topic for topic, action in settings.actions().items() if action == 'copy'}
    names: list[str] = []
    for entry in settings.input_topics:
        meant = [entry]
        if is_pattern(entry):
            pattern = TopicPattern(entry)
            images = [topic.name for topic in reader.topics if readable(topic)]
            meant = [name for name in images if name not in copied and pattern.matches(name)]
            if not meant:
                raise ConfigError(
                    f'input_topics has the pattern {entry!r}, which matches no images in '
                    f'{str(reader.path)!r}; it has {", ".join(sorted(images)) or "none"}.'
                )
        names += [name for name in meant if name not in names]
    return settings.changed(input_topics=tuple(names))


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
