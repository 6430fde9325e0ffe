"""The standard parameters that override the quality of service of single topics.

They are called `qos_overrides./topic.subscription.reliability` and the like, and are given at the
start, in a parameter file or with -p. rclpy applies them when a topic is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rclpy.qos
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.ros.topics import CameraPlan

OVERRIDES = 'qos_overrides.'
"""What the names of the standard parameters begin with."""

PUBLISHER, SUBSCRIPTION = 'publisher', 'subscription'

_NO_OVERRIDES = frozenset({'INVALID', 'AVOID_ROS_NAMESPACE_CONVENTIONS'})
_POLICIES = {
    name.lower(): kind
    for name, kind in QoSPolicyKind.__members__.items()
    if name not in _NO_OVERRIDES
}
_OF_RCLPY = ('/clock', '/parameter_events', '/rosout')
_WORDS = ('history', 'reliability', 'durability', 'liveliness')


def overridden(node: Any, name: str, kind: str) -> frozenset[str]:
    """The policies that parameters were given for.

    Args:
        node: Has the parameters.
        name: Of a topic, resolved.
        kind: `PUBLISHER` or `SUBSCRIPTION`.
    """
    # The values given at the start; rclpy offers them under no public name.
    start = f'{OVERRIDES}{name}.{kind}.'
    given = (key[len(start) :] for key in node._parameter_overrides if key.startswith(start))
    return frozenset(policy for policy in given if policy in _POLICIES)


def overriding(policies: Iterable[str]) -> QoSOverridingOptions:
    """Has rclpy apply the parameters given, and no other.

    It declares a parameter for each policy named here, and holds on to the value that this has at
    the first time: one that nobody gave would keep a subscription from following its publishers.
    """
    return QoSOverridingOptions([_POLICIES[policy] for policy in sorted(policies)])


def to_take_back(name: str, kind: str, policies: Iterable[str]) -> str:
    """The parameters that override some policies of a topic, in a sentence."""
    return ' or '.join(f'{OVERRIDES}{name}.{kind}.{policy}' for policy in sorted(policies))


def check_overrides(node: Any, plans: Sequence[CameraPlan], knows_all: bool) -> None:
    """Refuse overrides that are wrong, and warn of those that are for nothing.

    Args:
        node: Has the parameters.
        plans: Of its cameras.
        knows_all: Whether no other camera can come.

    Raises:
        ConfigError: As `refuse_bad_overrides` does.
    """
    given = node._parameter_overrides
    refuse_bad_overrides(given)
    if not knows_all:
        return
    subscriptions = [name for plan in plans for name in (plan.input_name, plan.info_name)]
    publications = [name for plan in plans for name in (plan.output_name, plan.info_output_name)]
    for name in idle_overrides(given, subscriptions, publications):
        node.get_logger().warning(
            f'{name} has no effect: it is for none of the topics of images and camera_info, which '
            'go by their names after remapping.'
        )


def refuse_bad_overrides(given: Mapping[str, Any]) -> None:
    """Refuse what rclpy would pass over, or raise on when the topic is made.

    Args:
        given: Parameters by name, `rclpy.parameter.Parameter`.

    Raises:
        ConfigError: If a `qos_overrides` parameter names no policy, or has a value that it doesn't
            take.
    """
    for name, parameter in given.items():
        if not name.startswith(OVERRIDES):
            continue
        topic, _, rest = name[len(OVERRIDES) :].partition('.')
        kind, _, policy = rest.partition('.')
        kind = kind.partition('_')[0]  # An id may follow.
        if not topic.startswith('/') or kind not in (PUBLISHER, SUBSCRIPTION):
            raise ConfigError(
                f'Parameter {name!r} overrides nothing; it is called '
                'qos_overrides./TOPIC.subscription.POLICY or qos_overrides./TOPIC.publisher.POLICY.'
            )
        if policy not in _POLICIES:
            raise ConfigError(
                f'Parameter {name!r} overrides no policy; there are {", ".join(sorted(_POLICIES))}.'
            )
        _refuse_value(name, policy, parameter.value)


def idle_overrides(
    given: Iterable[str], subscriptions: Iterable[str], publications: Iterable[str]
) -> list[str]:
    """The `qos_overrides` parameters that are for no topic of the node.

    Args:
        given: Names of parameters.
        subscriptions: Resolved names of topics.
        publications: Likewise.
    """
    known = [f'{OVERRIDES}{name}.{SUBSCRIPTION}' for name in subscriptions]
    known += [f'{OVERRIDES}{name}.{PUBLISHER}' for name in publications]
    known += [f'{OVERRIDES}{name}.' for name in _OF_RCLPY]
    return sorted(
        name for name in given if name.startswith(OVERRIDES) and not name.startswith(tuple(known))
    )


def _refuse_value(name: str, policy: str, value: Any) -> None:
    if policy not in _WORDS:
        if type(value) is not int or value < 0:
            raise ConfigError(f'{name} is {value!r}; it takes a whole number, 0 or more.')
        return
    known = getattr(rclpy.qos, f'{policy.capitalize()}Policy').__members__
    words = [word.lower() for word in known if word != 'UNKNOWN']
    if not isinstance(value, str) or value.lower() not in words:
        raise ConfigError(f'{name} is {value!r}; choose from {", ".join(words)}.')
