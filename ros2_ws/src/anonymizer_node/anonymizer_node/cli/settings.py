"""Settings on the command line: a flag for each, and a YAML file for many."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.option import Option

NODE_ONLY = frozenset({'autostart', 'qos_overrides', 'use_sim_time'})
"""Parameters of the node that are no settings; in its parameter file they are passed over."""


def add_setting_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for every setting that recordings know, and --settings for a file of them."""
    group = parser.add_argument_group('settings', 'See "anonymize params".')
    group.add_argument(
        '--settings', type=Path, metavar='YAML', help='File of settings; flags override it.'
    )
    for name, (default, option) in options().items():
        if option.scope == 'node':
            continue
        flag = '--' + name.replace('_', '-')
        if isinstance(default, tuple):
            # Once for each value: a flag that takes several would take IN and OUT too.
            group.add_argument(
                flag, action='append', default=None, metavar='X', help=_help(default, option)
            )
        else:
            group.add_argument(
                flag,
                type=type(default),
                default=None,
                metavar='{' + ','.join(option.choices) + '}' if option.choices else name.upper(),
                help=_help(default, option),
            )


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings that flags and file name, over the defaults.

    Raises:
        ConfigError: If one isn't known or allowed, or the file isn't readable YAML.
    """
    values = _from_file(args.settings) if args.settings else {}
    for name in options():
        given = getattr(args, name, None)
        if given is not None:
            values[name] = given
    return Settings.from_mapping(values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f'{str(path)!r} can not be read as YAML: {error}') from error
    values = _of_node(values)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f'{str(path)!r} holds no settings; it takes "name: value" lines.')
    return values


def _of_node(values: Any) -> Any:
    """What a ROS 2 parameter file says to its one node; anything else as it is."""
    if not isinstance(values, dict) or len(values) != 1:
        return values
    inner = next(iter(values.values()))
    if isinstance(inner, dict) and set(inner) == {'ros__parameters'}:
        values = inner
    if set(values) == {'ros__parameters'}:
        values = values['ros__parameters'] or {}
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if name not in NODE_ONLY}
    return values


def _help(default: Any, option: Option) -> str:
    shown = ' '.join(default) if isinstance(default, tuple) else default
    unit = f' {option.unit}' if option.unit else ''
    text = f'{option.help} Default: {shown}{unit}.' if shown != '' else option.help
    if isinstance(default, tuple):
        text += ' May be given several times.'
    return text.replace('%', '%%')
