"""The settings that say something of single topics, as lists of TOPIC=VALUE, taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anonymizer_node.core.errors import ConfigError

TOPIC_ACTIONS = ('anonymize', 'copy', 'drop')


def actions_of(entries: Sequence[str]) -> dict[str, str]:
    """The setting `topic_actions` as topic -> action.

    Raises:
        ConfigError: If an entry isn't TOPIC=ACTION, or a topic has two.
    """
    actions: dict[str, str] = {}
    for entry in entries:
        topic, _, action = entry.partition('=')
        if not topic.startswith('/') or action not in TOPIC_ACTIONS:
            raise ConfigError(
                f'topic_actions entry {entry!r} is not TOPIC=ACTION with an absolute topic '
                f'and one of {", ".join(TOPIC_ACTIONS)}.'
            )
        if actions.setdefault(topic, action) != action:
            raise ConfigError(f'topic_actions names {topic!r} twice.')
    return actions


def twins_of(entries: Sequence[str], actions: Mapping[str, str]) -> dict[str, str]:
    """The setting `follow` as topic -> the topic that it follows.

    Args:
        entries: TOPIC=COLOUR_TOPIC each.
        actions: Of `actions_of`.

    Raises:
        ConfigError: If an entry isn't TOPIC=COLOUR_TOPIC, a topic has two, one that is followed
            follows itself, or topic_actions has one of the two left out.
    """
    twins: dict[str, str] = {}
    for entry in entries:
        topic, _, colour = entry.partition('=')
        if not (topic.startswith('/') and colour.startswith('/')):
            raise ConfigError(
                f'follow entry {entry!r} is not TOPIC=COLOUR_TOPIC with two absolute topics.'
            )
        if twins.setdefault(topic, colour) != colour:
            raise ConfigError(f'follow names {topic!r} twice.')
    for topic, colour in twins.items():
        if colour in twins:
            raise ConfigError(
                f'follow has {topic!r} follow {colour!r}, which is not judged but follows '
                f'{twins[colour]!r}; let both follow the same.'
            )
        for name in (topic, colour):
            action = actions.get(name, 'anonymize')
            if action != 'anonymize':
                raise ConfigError(
                    f'follow names {name!r}, for which topic_actions has {action!r}; take it '
                    'out of one of the two.'
                )
    return twins
