"""Parameters of a small node: declared from one table, with a description and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from anonymizer_node.core.errors import ConfigError


class Described(NamedTuple):
    """What a parameter is.

    Attributes:
        default: Its value unless told otherwise; its type is the parameter's. A list of no words
            is ('',): ROS knows an empty one by no type.
        help: One sentence.
        low: Least number allowed.
        high: Largest number allowed.
    """

    default: Any
    help: str
    low: float | None = None
    high: float | None = None


def declare(node: Node, table: Mapping[str, Described]) -> dict[str, Any]:
    """Declare them all, read-only; their values by name. Empty words of lists are left out.

    Raises:
        ConfigError: If a value has another type or is out of bounds, or a parameter is unknown.
    """
    values = {}
    for name, about in table.items():
        value = list(about.default) if isinstance(about.default, tuple) else about.default
        try:
            found = node.declare_parameter(name, value, _descriptor(about)).value
        except (ParameterException, ValueError, TypeError) as error:
            raise ConfigError(
                f'Parameter {name!r} can not be what it is set to: {error}'
            ) from error
        values[name] = [word for word in found if word] if isinstance(value, list) else found
    given = node._parameter_overrides  # rclpy offers them under no public name.
    for name in given:
        if not node.has_parameter(name) and not name.startswith('qos_overrides.'):
            raise ConfigError(f'Parameter {name!r} is unknown; known are {", ".join(table)}.')
    return values


def _descriptor(about: Described) -> ParameterDescriptor:
    described = ParameterDescriptor(description=about.help, read_only=True)
    if about.low is not None and about.high is not None:
        if isinstance(about.default, float):
            described.floating_point_range = [
                FloatingPointRange(from_value=float(about.low), to_value=float(about.high))
            ]
        else:
            described.integer_range = [
                IntegerRange(from_value=int(about.low), to_value=int(about.high), step=1)
            ]
    return described
