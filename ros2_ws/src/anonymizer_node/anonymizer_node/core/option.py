"""What is known of one setting beside its value, and values checked by it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from anonymizer_node.core.errors import ConfigError

_YAML_HINT = '(in YAML a bare y, n, on or off is a boolean: quote it)'


@dataclass(frozen=True)
class Option:
    """What is known of a setting beyond its name and default.

    Attributes:
        help: One sentence.
        unit: Of the value, or empty.
        low: Least value allowed, inclusive.
        high: Largest value allowed, inclusive.
        choices: The values allowed, for strings and lists of strings.
        multiple_of: The value must be a multiple of this.
        live: Whether a running node accepts a change.
        scope: Where the setting has an effect: `all`, `node` or `bag`.
        live_default: Default of the node, where it has less time than a job over a recording.
    """

    help: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    multiple_of: int | None = None
    live: bool = False
    scope: str = 'all'
    live_default: Any = None


def setting(default: Any, help: str, **about: Any) -> Any:
    """A field of the settings.

    Args:
        default: Its value where nothing else is said.
        help: See `Option`.
        about: What else `Option` takes.
    """
    metadata = {'option': Option(help, **about)}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def from_text(like: Any, text: str) -> Any:
    """A value written as text, of the type that another one has."""
    if isinstance(like, tuple):
        return tuple(part.strip() for part in text.split(','))
    return type(like)(text)


def coerced(item: dataclasses.Field[Any], value: Any) -> Any:
    """A value as the setting has it: whole numbers as floats, one string as a list.

    Args:
        item: Made by `setting`.
        value: To be checked.

    Raises:
        ConfigError: If it has the wrong type or is out of bounds.
    """
    default = item.default if item.default is not dataclasses.MISSING else ()
    option: Option = item.metadata['option']
    if isinstance(default, tuple):
        return _strings(item.name, value, option)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        hint = f' {_YAML_HINT}' if isinstance(value, bool) else ''
        raise ConfigError(
            f'{item.name} is {value!r}, a {type(value).__name__}; '
            f'it takes a {type(default).__name__} such as {default!r}{hint}.'
        )
    if isinstance(value, str):
        _check_choice(item.name, value, option)
    else:
        _check_bounds(item.name, value, option)
    return value


def _strings(name: str, value: Any, option: Option) -> tuple[str, ...]:
    if isinstance(value, str) and value:
        value = (value,)  # A list of one is usually written without brackets.
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f'{name} is {value!r}; it takes a list of strings.')
    for entry in value:
        if not isinstance(entry, str) or not entry:
            raise ConfigError(f'{name} holds {entry!r}; it takes strings {_YAML_HINT}.')
        _check_choice(name, entry, option)
    if len(set(value)) != len(value):
        raise ConfigError(f'{name} {list(value)} names something twice.')
    return tuple(value)


def _check_choice(name: str, value: str, option: Option) -> None:
    if option.choices and value not in option.choices:
        raise ConfigError(f'{name} {value!r} is unknown; choose from {", ".join(option.choices)}.')


def _check_bounds(name: str, value: float, option: Option) -> None:
    unit = f' {option.unit}' if option.unit else ''
    low = option.low if option.low is not None else -float('inf')
    high = option.high if option.high is not None else float('inf')
    if not low <= value <= high:
        raise ConfigError(f'{name} {value!r} is out of bounds; it takes {low} to {high}{unit}.')
    if option.multiple_of and value % option.multiple_of:
        raise ConfigError(f'{name} {value!r} is not a multiple of {option.multiple_of}{unit}.')
