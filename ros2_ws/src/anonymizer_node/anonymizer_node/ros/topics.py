"""Which topics come in and go out, decided before any is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.formats.image_codecs import CODECS

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
        info_output: What that goes out as; '' likewise.
    """

    input: str
    output: str
    input_name: str
    output_name: str
    type_name: str
    info: str = ''
    info_output: str = ''


def plan_cameras(
    settings: Settings,
    expand: Callable[[str], str],
    remap: Callable[[str], str],
    types_offered: Callable[[str], Sequence[str]],
) -> tuple[CameraPlan, ...]:
    """One plan for each input topic that isn't to be left out.

    Args:
        settings: Say the topics.
        expand: Name -> absolute name, by namespace and node name.
        remap: Name -> the absolute name that it is remapped to.
        types_offered: Absolute name -> types that publishers offer on it now.

    Raises:
        ConfigError: If a topic has a type that can't be read, or an output would be an input.
    """
    if not settings.input_topics:
        raise ConfigError(
            'input_topics is empty; name the image topics to anonymise, such as '
            '["/front/image_raw"].'
        )
    actions = settings.actions()
    _refuse_idle_actions(actions, [remap(topic) for topic in settings.input_topics])
    plans: list[CameraPlan] = []
    infos: set[str] = set()
    for topic in settings.input_topics:
        name = remap(topic)
        action = actions.get(name, 'anonymize')
        if action == 'copy':
            raise ConfigError(
                f'topic_actions has {name!r} copied, but the node republishes nothing that it has '
                f'not anonymised; take {name!r} out of input_topics and record it as it is.'
            )
        if action == 'drop':
            continue
        type_name = _type_of(name, types_offered(name))
        output = settings.output_prefix.rstrip('/') + name
        info = _info_beside(name, type_name)
        info_output = settings.output_prefix.rstrip('/') + remap(info)
        first = remap(info) not in infos
        infos.add(remap(info))
        plans.append(
            CameraPlan(
                input=expand(topic),
                output=output,
                input_name=name,
                output_name=remap(output),
                type_name=type_name,
                info=info if first else '',
                info_output=info_output if first else '',
            )
        )
    if not plans:
        raise ConfigError('topic_actions drops every topic of input_topics; nothing is left to do.')
    _refuse_loops(plans, settings.output_prefix.rstrip('/'))
    _refuse_info_collisions(plans, remap)
    return tuple(plans)


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


def _type_of(topic: str, offered: Sequence[str]) -> str:
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


def _refuse_idle_actions(actions: Iterable[str], inputs: Sequence[str]) -> None:
    """Raises: ConfigError: If an action is for a topic that the node doesn't read."""
    for topic in actions:
        if topic not in inputs:
            raise ConfigError(
                f'topic_actions has no effect in the node for {topic!r}, which is none of the '
                f'input_topics {list(inputs)}; take it out.'
            )


def _refuse_info_collisions(plans: Sequence[CameraPlan], remap: Callable[[str], str]) -> None:
    """Raises: ConfigError: If a camera_info topic is an image's, or two go out as one."""
    infos = [remap(plan.info) for plan in plans if plan.info]
    outputs = [remap(plan.info_output) for plan in plans if plan.info]
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
