"""What several verbs ask for and show alike."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from anonymizer_node.core.errors import InputError
from anonymizer_node.offline.bag import whole_source
from anonymizer_node.offline.remote import Location


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
        # Of a verb in a verb the inner one stays.
        verb.set_defaults(parser=verb, **{run: module.main})


def positive(text: str) -> int:
    """A whole number from 1 on; for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return int(text)


def check_writable(path: Path | None, *others: Location) -> None:
    """Refuse a file that could not be written at the end of a long run, or that spoiled others.

    Args:
        path: The file; None: none was asked for.
        others: What is read, and what is made beside it; of a bag's file all of the bag counts.

    Raises:
        InputError: If it can't be written, is one of the others or lies in one.
    """
    if path is None:
        return
    inside = path.resolve()
    for other in others:
        if isinstance(other, Path) and whole_source(other) in (inside, *inside.parents):
            raise InputError(
                f'{str(path)!r} is or lies in {str(other)!r}, where nothing else belongs; put it '
                'beside.'
            )
    reason = ''
    try:
        with TemporaryFile(dir=path.absolute().parent):
            if path.is_dir():
                reason = os.strerror(errno.EISDIR)
            elif path.exists() and not os.access(path, os.W_OK):
                reason = os.strerror(errno.EACCES)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(
            f'{str(path)!r} can not be written: {reason}. Name a file in a folder that exists and '
            'can be written to.'
        )


def write_json(path: Path, figures: Any) -> None:
    """Write figures, for programs and for reading."""
    path.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')


def wrote_json(verb: str, path: Path | None, figures: Any) -> bool:
    """Write figures of what is there already; False if they can't be, which is said.

    Args:
        verb: Whose.
        path: None: nobody asked for them.
        figures: All that can be JSON.
    """
    try:
        if path is not None:
            write_json(path, figures)
    except OSError as error:
        print(f'anonymize {verb}: {str(path)!r}: {error}', file=sys.stderr)
        return False
    return True


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
