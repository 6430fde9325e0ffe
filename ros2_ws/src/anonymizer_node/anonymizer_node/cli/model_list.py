"""Shows the models of a models.yaml: where they are from, whether they are there, how good."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from anonymizer_node.core.errors import InputError
from anonymizer_node.detectors.registry import CATALOGUE, ModelEntry, load_registry

_FIGURES = ('built', 'measured')
_INDENT = (0, 0, 0, 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'catalogue',
        metavar=f'FOLDER|{CATALOGUE}',
        type=Path,
        nargs='?',
        help='Of models of your own; without it those that come with the project.',
    )


def main(args: argparse.Namespace) -> int:
    """Print a table of the models, then what is known of each."""
    entries = load_registry(_catalogue(args.catalogue)).values()
    console = Console(highlight=False, markup=False)
    table = Table(box=None, pad_edge=False)
    for heading in ('name', 'family', 'classes', 'size', 'licence'):
        table.add_column(heading, overflow='fold', no_wrap=heading in ('name', 'size'))
    for entry in entries:
        there = entry.path.is_file()
        size = f'{entry.path.stat().st_size / 1e6:.1f} MB' if there else 'absent'
        table.add_row(entry.name, entry.family, _classes(entry), size, entry.licence)
    console.print(table)
    for entry in entries:
        console.print(f'\n{entry.name}')
        for line in details(entry):
            console.print(Padding(line, _INDENT, expand=False))
    return 0


def details(entry: ModelEntry) -> Iterator[str]:
    """Where a model is from, and every figure that its entry has, a line each."""
    yield f'from {entry.source or "nobody knows where"}'
    for label in _FIGURES:
        if isinstance(entry.about.get(label), Mapping):
            yield from _lines(label, entry.about[label])


def _lines(label: str, values: Mapping[Any, Any]) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if plain:
        yield f'{label}: ' + ', '.join(f'{key} {value}' for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _lines(f'{label} {key}', value)


def _classes(entry: ModelEntry) -> str:
    """The names, or the first and how many there are."""
    most = 3
    if len(entry.classes) <= most:
        return ', '.join(entry.classes)
    return f'{entry.classes[0]} and {len(entry.classes) - 1} more'


def _catalogue(given: Path | None) -> Path | None:
    if given is None:
        return None
    path = given / CATALOGUE if given.is_dir() else given
    if not path.is_file():
        raise InputError(
            f'{str(path)!r} does not exist; give a folder that "anonymize model build" wrote a '
            'model into.'
        )
    return path
