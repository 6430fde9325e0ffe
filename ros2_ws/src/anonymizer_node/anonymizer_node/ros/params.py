"""`Settings` as ROS parameters, and back.

Names, defaults, bounds and help come from `core.config.options()`. What rclpy can't check or
checks with an exception in the constructor (types, unknown names) is checked here instead, so
that a bad value makes the node refuse to configure, with the sentence of the `ConfigError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.option import Option
from anonymizer_node.ros.qos_overrides import OVERRIDES


def descriptor(default: Any, option: Option) -> ParameterDescriptor:
    """What a parameter says of itself.

    Args:
        default: Of the setting; its type is the parameter's.
        option: What is known of the setting.
    """
    described = ParameterDescriptor(
        description=_description(option),
        additional_constraints=_constraints(option),
        read_only=not option.live,
        # rclpy takes an empty list for bytes (rclpy#912), and an integer where a float is
        # declared for an error. `Settings` checks types better.
        dynamic_typing=isinstance(default, (tuple, float)),
    )
    if option.low is not None and option.high is not None:
        if isinstance(default, float):
            described.floating_point_range = [
                FloatingPointRange(from_value=float(option.low), to_value=float(option.high))
            ]
        elif isinstance(default, int):
            described.integer_range = [
                IntegerRange(
                    from_value=int(option.low),
                    to_value=int(option.high),
                    step=option.multiple_of or 1,
                )
            ]
    return described


def _description(option: Option) -> str:
    return f'{option.help} [{option.unit}]' if option.unit else option.help


def _constraints(option: Option) -> str:
    parts = []
    if option.choices:
        parts.append(f'One of: {", ".join(option.choices)}.')
    if option.multiple_of:
        parts.append(f'A multiple of {option.multiple_of}.')
    if not option.live:
        parts.append('Only at the start: in a parameter file or with -p.')
    return ' '.join(parts)


class SettingsParameters:
    """The parameters of a node that are settings."""

    def __init__(
        self,
        node: Node,
        check: Callable[[Settings], None],
        on_change: Callable[[Settings], None],
    ) -> None:
        """Declare every setting, with its value from the command line or a parameter file.

        Args:
            node: Gets the parameters.
            check: Called with the new settings when live ones are to be set at run time, once for
                a group. It may raise a `ConfigError`: the group is then refused as a whole.
            on_change: Called with them once they are set.
        """
        self._node = node
        self._check = check
        self._on_change = on_change
        self._defaults = {name: default for name, (default, _) in options(live=True).items()}
        self._problems: dict[str, str] = {}
        for name, (default, option) in options(live=True).items():
            self._declare(name, default, option)
        node.add_on_set_parameters_callback(self._on_set)
        # Others may still refuse what `_on_set` allows. Humble can't tell that they have not.
        self._has_post_set = hasattr(node, 'add_post_set_parameters_callback')
        if self._has_post_set:
            node.add_post_set_parameters_callback(self._after_set)

    def settings(self) -> Settings:
        """The settings that the parameters hold.

        Raises:
            ConfigError: If a parameter given is unknown, or a value not allowed.
        """
        self._refuse_unknown()
        for problem in self._problems.values():
            raise ConfigError(problem)
        return Settings.from_mapping(self._values())

    def _declare(self, name: str, default: Any, option: Option) -> None:
        override = _overrides(self._node).get(name)
        value = default
        if override is not None:
            # The parameter file's parser gives an empty list no type, and so no value.
            given = [] if override.value is None else override.value
            try:
                value = getattr(Settings.from_mapping({name: given}), name)
            except ConfigError as error:
                self._problems[name] = str(error)
        if isinstance(value, tuple):
            value = list(value)
        # The override is applied by hand: rclpy would raise on one of the wrong type.
        self._node.declare_parameter(
            name, value, ParameterDescriptor(dynamic_typing=True), ignore_override=True
        )
        if isinstance(value, list):
            typed = Parameter(name, Parameter.Type.STRING_ARRAY, value)
            self._node.set_parameters([typed])
        described = descriptor(default, option)
        described.type = self._node.get_parameter(name).type_.value
        self._node.set_descriptor(name, described)

    def _refuse_unknown(self) -> None:
        for name in sorted(_overrides(self._node)):
            if not self._node.has_parameter(name) and not name.startswith(OVERRIDES):
                raise ConfigError(
                    f'Parameter {name!r} is unknown; known are {", ".join(sorted(self._defaults))}.'
                )

    def _values(self) -> dict[str, Any]:
        return {name: self._node.get_parameter(name).value for name in self._defaults}

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        changes = {item.name: item.value for item in parameters if item.name in self._defaults}
        if not changes:
            return SetParametersResult(successful=True)
        still_wrong = {
            name: problem for name, problem in self._problems.items() if name not in changes
        }
        try:
            # With a start value still to be corrected there is nothing in force to change.
            changed = Settings.from_mapping({**self._values(), **changes})
            if not still_wrong:
                self._check(changed)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not self._has_post_set:
            self._take(changes, changed)
        return SetParametersResult(successful=True)

    def _after_set(self, parameters: Iterable[Parameter]) -> None:
        changes = [item.name for item in parameters if item.name in self._defaults]
        if changes:
            self._take(changes, Settings.from_mapping(self._values()))

    def _take(self, changes: Iterable[str], changed: Settings) -> None:
        for name in changes:
            self._problems.pop(name, None)
        if not self._problems:
            self._on_change(changed)


def _overrides(node: Node) -> Mapping[str, Parameter]:
    """The values given at the start, by name. rclpy offers them under no public name."""
    overrides: Mapping[str, Parameter] = node._parameter_overrides
    return overrides
