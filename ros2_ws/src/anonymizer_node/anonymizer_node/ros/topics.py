"""Which topics come in and go out, decided before any is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern, is_pattern
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.ros.followers import refuse_idle, twins_of

RAW = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'

TYPE_OF_SUFFIX = {'compressed': COMPRESSED}
"""Type by the last part of a topic's name, for topics that nobody offers yet; else `RAW`."""

UNREADABLE = ('compressedDepth', 'theora', 'ffmpeg', 'zstd')
"""Last parts of names under which image_transport offers what no codec of ours reads."""


@dataclass(frozen=True)
class CameraPlan:
    """One camera's topics.

    Attributes:
        input: As to be subscribed to: remapping rules are still to be applied, once.
        output: As to be published, before remapping.
        input_name: What `input` is in the end.
        output_name: What `output` is in the end.
        type_name: Of both, as `sensor_msgs/msg/Image`.
        info: camera_info beside the image, before remapping; '' if another camera passes it on.
        info_output: What that goes out as, before remapping; '' likewise.
        info_name: What `info` is in the end; '' likewise.
        info_output_name: What `info_output` is in the end; '' likewise.
        twin: The topic that it follows, in place of being judged, as it is in the end; or ''.
    """

    input: str
    output: str
    input_name: str
    output_name: str
    type_name: str
    info: str = ''
    info_output: str = ''
    info_name: str = ''
    info_output_name: str = ''
    twin: str = ''


def plan_cameras(
    settings: Settings,
    expand: Callable[[str], str],
    remap: Callable[[str], str],
    types_offered: Callable[[str], Sequence[str]],
) -> tuple[CameraPlan, ...]:
    """One plan for each input topic that is named and isn't to be left out.

    Patterns are passed over here: `plan_found` is for what they find.

    Args:
        settings: Say the topics.
        expand: Name -> absolute name, by namespace and node name.
        remap: Name -> the absolute name that it is remapped to.
        types_offered: Absolute name -> types that publishers offer on it now.

    Raises:
        ConfigError: If a topic has a type that can't be read, an output would be an input, or a
            topic follows one that isn't read.
    """
    if not settings.input_topics:
        raise ConfigError(
            'input_topics is empty; name the image topics to anonymise, such as '
            '["/front/image_raw"], or give a pattern, such as ["/*/image_raw"].'
        )
    topics = [topic for topic in settings.input_topics if not is_pattern(topic)]
    actions = settings.actions()
    patterns = patterns_of(settings, expand)
    _refuse_idle_actions(actions, [remap(topic) for topic in topics], patterns)
    refuse_idle(twins_of(settings, remap), [remap(topic) for topic in topics], patterns)
    plans: list[CameraPlan] = []
    for topic in topics:
        name = remap(topic)
        if actions.get(name) == 'drop':
            continue
        type_name = type_of(name, types_offered(name))
        plans.append(_plan(expand(topic), name, type_name, settings, remap, plans))
    if not plans and len(topics) == len(settings.input_topics):
        raise ConfigError('topic_actions drops every topic of input_topics; nothing is left to do.')
    _refuse_clashes(plans, settings)
    return tuple(plans)


def patterns_of(settings: Settings, expand: Callable[[str], str]) -> tuple[TopicPattern, ...]:
    """The patterns among the input topics, absolute.

    Args:
        settings: Say the topics.
        expand: Name -> absolute name, by namespace and node name.

    Raises:
        ConfigError: If an entry with a * in it is no pattern.
    """
    return tuple(
        TopicPattern(_expanded(topic, expand))
        for topic in settings.input_topics
        if is_pattern(topic)
    )


def plan_found(
    settings: Settings,
    plans: Sequence[CameraPlan],
    topic: str,
    type_name: str,
    remap: Callable[[str], str],
) -> CameraPlan:
    """The plan for a topic that a pattern found.

    Args:
        settings: As for `plan_cameras`.
        plans: Those that there are.
        topic: Absolute name, as others see it.
        type_name: Offered on it, one that a codec reads.
        remap: As for `plan_cameras`.

    Raises:
        ConfigError: If it can't be taken in beside the others: an output would be an input, or two
            would be one.
    """
    if remap(topic) != topic:
        raise ConfigError(
            f'Topic {topic!r} can not be subscribed to, since the node was started with that name '
            f'remapped to {remap(topic)!r}; take back the remapping.'
        )
    plan = _plan(topic, topic, type_name, settings, remap, plans)
    _refuse_clashes([*plans, plan], settings)
    return plan


def _plan(
    topic: str,
    name: str,
    type_name: str,
    settings: Settings,
    remap: Callable[[str], str],
    others: Sequence[CameraPlan],
) -> CameraPlan:
    """The plan for one topic; camera_info is left to the first camera beside it."""
    prefix = settings.output_prefix.rstrip('/')
    output = prefix + name
    info = _info_beside(name, type_name)
    about_info = {}
    if remap(info) not in [other.info_name for other in others]:
        info_output = prefix + remap(info)
        about_info = {
            'info': info,
            'info_output': info_output,
            'info_name': remap(info),
            'info_output_name': remap(info_output),
        }
    twin = twins_of(settings, remap).get(name, '')
    return CameraPlan(topic, output, name, remap(output), type_name, twin=twin, **about_info)


def resolved(node: Any, topic: str, only_expand: bool = False) -> str:
    """The absolute name of a topic: expanded by namespace, and remapped unless `only_expand`.

    Raises:
        ConfigError: If it isn't the name of a topic.
    """
    try:
        name: str = node.resolve_topic_name(topic, only_expand=only_expand)
    except RuntimeError as error:  # The root of rclpy's RCLError.
        raise ConfigError(f'{topic!r} is not the name of a topic: {error}') from error
    return name


def type_of(topic: str, offered: Sequence[str]) -> str:
    """The type to subscribe with: what is offered, or else what the name says.

    Raises:
        ConfigError: If that is nothing that a codec reads.
    """
    suffix = topic.rsplit('/', 1)[-1]
    if suffix in UNREADABLE:
        raise ConfigError(
            f'Topic {topic!r} is an image_transport of kind {suffix!r}, which can not be read; '
            f'give {topic[: -len(suffix) - 1]!r} or {topic[: -len(suffix)] + "compressed"!r} '
            'in its place.'
        )
    guess = TYPE_OF_SUFFIX.get(suffix, RAW)
    readable = [name for name in offered if name in CODECS]
    if offered and not readable:
        raise ConfigError(
            f'Topic {topic!r} has the type {offered[0]!r}; only {", ".join(CODECS)} can be '
            'anonymised. Give an image topic in its place.'
        )
    return guess if not readable or guess in readable else readable[0]


def _info_beside(topic: str, type_name: str) -> str:
    """The camera_info topic of an image topic (REP 104: in the image's own namespace)."""
    image, _, suffix = topic.rpartition('/')
    if type_name == COMPRESSED and suffix in TYPE_OF_SUFFIX:
        topic = image
    return topic.rpartition('/')[0] + '/camera_info'


def _expanded(pattern: str, expand: Callable[[str], str]) -> str:
    """A pattern made absolute. rclpy can't: it takes a * for an error."""
    if pattern.startswith('/'):
        return pattern
    if pattern.startswith('~/'):
        return expand('~') + pattern[1:]
    return expand('x')[:-1] + pattern


def _refuse_idle_actions(
    actions: Mapping[str, str], inputs: Sequence[str], patterns: Sequence[TopicPattern]
) -> None:
    """Raises: ConfigError: If an action is for a topic that the node doesn't read, or to copy."""
    for topic, action in actions.items():
        if topic not in inputs and not any(pattern.matches(topic) for pattern in patterns):
            entries = [*inputs, *(pattern.text for pattern in patterns)]
            raise ConfigError(
                f'topic_actions has no effect in the node for {topic!r}, which is none of the '
                f'input_topics {entries}; take it out.'
            )
        if action == 'copy':
            raise ConfigError(
                f'topic_actions has {topic!r} copied, but the node republishes nothing that it has '
                f'not anonymised; take {topic!r} out of input_topics and record it as it '
                'is, or have it dropped where a pattern means it.'
            )


def _refuse_clashes(plans: Sequence[CameraPlan], settings: Settings) -> None:
    """Raises: ConfigError: If topics of the cameras are one that must not be."""
    _refuse_loops(plans, settings.output_prefix.rstrip('/'))
    _refuse_info_collisions(plans)


def _refuse_info_collisions(plans: Sequence[CameraPlan]) -> None:
    """Raises: ConfigError: If a camera_info topic is an image's, or two go out as one."""
    infos = [plan.info_name for plan in plans if plan.info]
    outputs = [plan.info_output_name for plan in plans if plan.info]
    images_in = [plan.input_name for plan in plans]
    images_out = [plan.output_name for plan in plans]
    for name in outputs:
        if name in infos or name in images_in:
            raise ConfigError(
                f'Output topic {name!r} is an input topic too; take back the remapping.'
            )
        if name in images_out or outputs.count(name) > 1:
            raise ConfigError(
                f'Topic {name!r} would get a camera_info and something else; take back the '
                'remapping that makes them one.'
            )
    for name in infos:
        if name in images_in or name in images_out:
            raise ConfigError(
                f"Topic {name!r} is an image's and the camera_info of one; take back the "
                'remapping or rename the topic.'
            )


def _refuse_loops(plans: Sequence[CameraPlan], prefix: str) -> None:
    """Raises: ConfigError: If an output is an input, or two cameras share a topic."""
    inputs = [plan.input_name for plan in plans]
    outputs = [plan.output_name for plan in plans]
    for name in inputs:
        if name in outputs:
            raise ConfigError(
                f'Output topic {name!r} is an input topic too; choose another output_prefix or '
                'take back the remapping.'
            )
        if (name + '/').startswith(prefix + '/'):
            raise ConfigError(
                f'Input topic {name!r} lies under output_prefix {prefix!r}, so it is an output '
                'already; give the raw topic or choose another output_prefix.'
            )
    for names in (inputs, outputs):
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f'Topic {name!r} is meant by two of the input_topics {inputs}; '
                    'name each once, and take back remappings that make them one.'
                )
