"""Shows every setting with default, unit, bounds and help."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anonymizer_node.core.config import options
from anonymizer_node.core.option import Option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's flags."""
    parser.add_argument(
        '--yaml', action='store_true', help='As a ROS 2 parameter file with the defaults.'
    )


def main(args: argparse.Namespace) -> int:
    """Print them."""
    if args.yaml:
        print(as_yaml(), end='')
        return 0
    table = Table(box=None, pad_edge=False, expand=False)
    table.add_column('setting', no_wrap=True)
    table.add_column('default', overflow='fold', max_width=20)
    table.add_column('what it does')
    for name, (default, option) in options().items():
        bounds = allowed(option)
        more = [f'[{bounds}]'] if bounds else []
        more += ['Can change while the node runs.'] if option.live else []
        if option.live_default is not None:
            more.append(f'The node: {shown(option.live_default)}.')
        table.add_row(name, shown(default), Text(' '.join([option.help, *more])))
    Console().print(table)
    return 0


def as_yaml() -> str:
    """Every setting at its default, with its help as a comment."""
    lines = ['/**:', '  ros__parameters:']
    for name, (default, option) in options(live=True).items():
        value = list(default) if isinstance(default, tuple) else default
        bounds = allowed(option)
        lines.append(f'    # {option.help}' + (f' [{bounds}]' if bounds else ''))
        lines.append(f'    {name}: {json.dumps(value)}')  # A JSON value is a YAML value.
    return '\n'.join(lines) + '\n'


def shown(value: Any) -> str:
    """A default as a person reads it."""
    return ', '.join(value) if isinstance(value, tuple) else str(value)


def allowed(option: Option) -> str:
    """The values that a setting takes."""
    if option.choices:
        return ' | '.join(option.choices)
    if option.low is None or option.high is None:
        return ''
    multiple = f', multiple of {option.multiple_of}' if option.multiple_of else ''
    return f'{option.low:g}..{option.high:g}{multiple} {option.unit}'.strip()
