"""An end within bounded time, whatever hangs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

END_S = 15.0
"""Longest time from the signal, or whatever else ends the context, to the end of the process."""

_LOOK_S = 0.5


class Context(Protocol):
    """As much of rclpy's context as is needed here."""

    def ok(self) -> bool:
        """Whether it hasn't been shut down."""


@contextmanager
def bounded_end(context: Context) -> Iterator[threading.Event]:
    """Inside the block, end the process if it doesn't leave it soon after the end began.

    It begins when the context ends, as a signal makes it at once and with it every publication,
    or when the event is set. What the main thread is at then, such as loading a model, it may be
    at for minutes. Code that keeps Python's interpreter locked can't be ended so; onnxruntime,
    OpenCV and libjpeg-turbo don't keep it.

    Args:
        context: In use inside.
    """
    began, left = threading.Event(), threading.Event()
    watch = threading.Thread(
        target=_watch, args=(context, began, left), name='anonymizer_ending', daemon=True
    )
    watch.start()
    try:
        yield began
    finally:
        left.set()


def _watch(context: Context, began: threading.Event, left: threading.Event) -> None:
    while context.ok() and not began.is_set():
        if left.wait(_LOOK_S):
            return
    if not left.wait(END_S):
        status = 1 if context.ok() else 0  # A signal has ended the context by now.
        print(f'Ending without order: not done within {END_S:.0f} s.', file=sys.stderr, flush=True)
        os._exit(status)
