"""What several verbs ask for and show alike."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from anonymizer_node.core.errors import InputError


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
