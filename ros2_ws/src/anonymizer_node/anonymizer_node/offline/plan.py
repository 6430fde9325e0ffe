"""What will be done with each topic of a bag, and why, decided before any of it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern, is_pattern
from anonymizer_node.formats.bags import BagReader, Leaf, Place, Topic
from anonymizer_node.formats.embedded import IMAGE_FORMS
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.offline.clouds import OLD_POINT_CLOUD, POINT_CLOUD
from anonymizer_node.offline.payloads import Suspects, seldom, suspects_among

_LOOKED_AT = frozenset({(POINT_CLOUD, 'data'), (OLD_POINT_CLOUD, 'channels.values')})
"""Fields of types whose messages are looked at one by one, see `offline.clouds`."""


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
        told: Fields that may be a picture, as each message tells, see `offline.counting`.
    """

    topic: Topic
    action: str
    reason: str
    asked: bool = False
    places: tuple[Place, ...] = ()
    twin: str = ''
    told: tuple[Leaf, ...] = ()

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
    places = () if readable(topic) else _places(topic.msgtype, reader)
    hidden, told = why_image_bearing(topic.msgtype, reader)
    if told and readable(topic):
        hidden = f'images that have more than their pixels in {told[0].path!r}'
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
        return TopicPlan(topic, 'anonymize', inside or 'images', False, places, told=told)
    if topic.msgtype in (POINT_CLOUD, OLD_POINT_CLOUD):
        return TopicPlan(topic, 'copy', 'point clouds without colour')
    if told:
        return TopicPlan(topic, 'copy', 'messages with too few numbers for an image', told=told)
    return TopicPlan(topic, 'copy', 'holds no image')


def why_image_bearing(msgtype: str, reader: BagReader) -> Suspects:
    """Why a message type may hold pictures that nobody reads.

    A type is innocent only if its definition is known and holds, but for the images that are
    anonymised, nothing that could be one. Of point clouds and many numbers it can't be told by the
    type: each message has to be looked at.
    """
    leaves = reader.leaves(msgtype)
    if leaves is None:
        return Suspects(
            'the bag holds no message definition of it, or two that differ, so it may hold images',
            (),
        )
    # Not every image type: one within another is no place that is looked at.
    judged = {_data_of(place) for place in _places(msgtype, reader)}
    unread = [leaf for leaf in leaves if leaf.path not in judged]
    return suspects_among([leaf for leaf in unread if (msgtype, leaf.path) not in _LOOKED_AT])


def _places(msgtype: str, reader: BagReader) -> tuple[Place, ...]:
    """Where images are inside a type, but for those that hardly any message has."""
    places = reader.places(msgtype, IMAGE_FORMS)
    if not places:
        return ()
    rare = {leaf.path for leaf in reader.leaves(msgtype) or () if seldom(leaf)}
    return tuple(place for place in places if _data_of(place) not in rare)


def _data_of(place: Place) -> str:
    """The path of an image's bytes."""
    return '.'.join((*place.path, 'data'))
