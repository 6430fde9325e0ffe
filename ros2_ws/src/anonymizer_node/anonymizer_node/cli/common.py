"""What several verbs ask for and show alike."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from anonymizer_node.core.errors import InputError


def add_verbs(
    parser: argparse.ArgumentParser, verbs: Mapping[str, str], modules: str, dest: str, run: str
) -> None:
    """Make a parser take one of several verbs.

    Args:
        parser: Of the command line, or of a verb that has verbs of its own.
        verbs: Verb -> what it does.
        modules: What stands before the verb in the name of its module, which has `add_arguments`
            and `main`.
        dest: Argument that gets the verb.
        run: Argument that gets its `main`.
    """
    parsers = parser.add_subparsers(dest=dest, metavar='VERB', required=True)
    for name, purpose in verbs.items():
        module = importlib.import_module(f'{modules}{name}')
        verb = parsers.add_parser(name, help=purpose, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(**{run: module.main})


def positive(text: str) -> int:
    """A whole number from 1 on; for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return int(text)


def check_json(path: Path | None) -> None:
    """Refuse a file that could not be written at the end of a long run.

    Raises:
        InputError: If its folder isn't there.
    """
    if path is None:
        return
    try:
        with TemporaryFile(dir=path.absolute().parent):
            writable = not path.is_dir()
    except OSError:
        writable = False
    if not writable:
        raise InputError(
            f'{str(path)!r} can not be written; give a file name in a folder that exists.'
        )


def write_json(path: Path, figures: Any) -> None:
    """Write figures, for programs and for reading."""
    path.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')


def progress_bar(console: Console) -> Progress:
    """Shows how far a run is, and goes away with it; into a file nothing."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def counted(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for one kind of thing; gives what is to be told (done, of how many)."""
    with progress_bar(console) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
