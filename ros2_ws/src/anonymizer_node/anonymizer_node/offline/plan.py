"""What will be done with each topic of a bag, and why, decided before any of it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern, is_pattern
from anonymizer_node.formats.bags import BagReader, Topic
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
_LEAST_PICTURE = 4096
"""A fixed array of fewer bytes is no picture: 64 x 64 grey pixels."""


@dataclass(frozen=True)
class TopicPlan:
    """What will be done with a topic.

    Attributes:
        topic: As recorded.
        action: `anonymize`, `copy` or `drop`.
        reason: Why, in words.
        asked: Whether the user named this action.
        twin: Name of the colour topic that it follows, in place of being judged; or ''.
    """

    topic: Topic
    action: str
    reason: str
    asked: bool = False
    twin: str = ''


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
        ConfigError: If it does or is, and isn't anonymised.
    """
    name = planned.topic.name
    if name not in twins and name not in twins.values():
        return planned
    if planned.action != 'anonymize':
        raise ConfigError(
            f'follow names {name!r}, which is not anonymised ({planned.reason}); name image topics '
            'that are.'
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
    if wanted and not readable(topic):
        raise ConfigError(
            f'{topic.name!r} is a {topic.msgtype}, which can not be anonymised; '
            f'types that can are {", ".join(CODECS)}.'
        )
    if asked == 'copy' and wanted:
        raise ConfigError(
            f'{topic.name!r} is among input_topics, but topic_actions has it copied as it is; '
            'take it out of one of the two.'
        )
    if asked == 'copy':
        where = ', where it can not be read' if readable(topic) else ''
        return TopicPlan(topic, 'copy', f'as asked by its owner{where}', asked=True)
    if asked == 'drop':
        return TopicPlan(topic, 'drop', 'as asked', asked=True)
    if readable(topic):
        if settings.input_topics and not wanted:
            return TopicPlan(topic, 'drop', 'images, and not among input_topics')
        return TopicPlan(topic, 'anonymize', 'images')
    reason = why_image_bearing(topic.msgtype, reader)
    if reason:
        return TopicPlan(topic, 'drop', f'{reason}; topic_actions "{topic.name}=copy" keeps it')
    if topic.msgtype == POINT_CLOUD:
        return TopicPlan(topic, 'copy', 'point clouds without colour')
    return TopicPlan(topic, 'copy', 'holds no image')


def why_image_bearing(msgtype: str, reader: BagReader) -> str:
    """Why a message type may hold pictures, or '' if it surely doesn't.

    A type is innocent only if its definition is known and holds no image message and no array of
    bytes that could be one. Of a point cloud it can't be told by its type: each of its messages
    has to be looked at.
    """
    if msgtype in NO_PICTURE_TYPES:
        return ''
    if msgtype in CODECS:
        return 'images in a form that can not be read'
    leaves = reader.leaves(msgtype)
    if leaves is None:
        return 'its message definition is not in the bag, so it may hold images'
    for leaf in leaves:
        if msgtype == POINT_CLOUD and leaf.path == 'data':
            continue
        if leaf.within[-1] in SHAPELESS_TYPES:
            return f'its field {leaf.path!r} is a {leaf.within[-1]}, which may hold an image'
        embedded = [name for name in leaf.within if name in CODECS]
        if embedded:
            return f'holds {embedded[0]} in its field {leaf.path.rsplit(".", 1)[0]!r}'
        payload = leaf.base in _PAYLOAD_BASES and (leaf.most == 0 or leaf.most >= _LEAST_PICTURE)
        if payload and not NO_PICTURE_TYPES.intersection(leaf.within):
            return f'its field {leaf.path!r} is an array of {leaf.base} that may be an image'
    return ''
