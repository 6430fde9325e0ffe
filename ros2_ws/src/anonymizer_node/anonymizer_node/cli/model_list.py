"""Shows the models in models.yaml, and whether their files are there."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from anonymizer_node.detectors.registry import load_registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def main(args: argparse.Namespace) -> int:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for heading in ('name', 'family', 'classes', 'size', 'licence', 'source'):
        table.add_column(heading, overflow='fold', no_wrap=heading == 'name')
    for entry in load_registry().values():
        there = entry.path.is_file()
        size = f'{entry.path.stat().st_size / 1e6:.1f} MB' if there else 'absent'
        classes = ', '.join(entry.classes)
        table.add_row(entry.name, entry.family, classes, size, entry.licence, entry.source)
    Console().print(table)
    return 0
