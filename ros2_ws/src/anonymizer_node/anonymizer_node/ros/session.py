"""Begins and ends ROS in a small process of its own, and waits in it."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import rclpy
import rclpy.logging
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

WAKE_S = 0.1
"""How long a wait goes without looking at its condition, seconds; events wake it sooner."""


class Told:
    """Takes note of signals, and does nothing else.

    Without an event, which has a lock: a second signal in the midst of the first one's handler, as
    a terminal and a launch file send them, would wait for that for ever.
    """

    def __init__(self, *numbers: int) -> None:
        """Args: numbers: Of the signals to heed from now on. In the main thread only."""
        self._came = False
        for number in numbers:
            signal.signal(number, self._note)

    def __bool__(self) -> bool:
        """Whether one has come."""
        return self._came

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True


@contextmanager
def session(name: str, args: Sequence[str] = (), **options: Any) -> Iterator[tuple[Node, Executor]]:
    """A node and its executor, spun by whoever holds them.

    Args:
        name: Of the node.
        args: ROS arguments, as on a command line.
        options: Of rclpy's `Node`.
    """
    rclpy.init(args=list(args), signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node(name, **options)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            yield node, executor
        finally:
            executor.shutdown()
            node.destroy_node()
    finally:
        if rclpy.ok():
            rclpy.shutdown()


def refused_words(name: str, words: Sequence[str]) -> bool:
    """Whether a command line has words that ROS doesn't take or understand, which is said.

    Passed over, a setting without --ros-args before it would not be in force, and nobody told.

    Args:
        name: Of the executable.
        words: Of the command line, the executable's own left out.
    """
    log = rclpy.logging.get_logger(name)
    try:
        strangers = remove_ros_args(list(words))
    except RuntimeError as error:  # rclpy's RCLError: a parameter file that isn't there.
        log.fatal(f'{" ".join(map(repr, words))}: {error}')
        return True
    if strangers:
        log.fatal(
            f'{" ".join(map(repr, strangers))}: {name} takes ROS arguments alone, such as '
            '--ros-args -p NAME:=VALUE or --ros-args --params-file FILE.'
        )
    return bool(strangers)


def spin_until(executor: Executor, condition: Callable[[], bool], timeout_s: float) -> bool:
    """Handle events until a condition holds; whether it came to hold in time."""
    until = time.monotonic() + timeout_s
    while not condition():
        left = until - time.monotonic()
        if left <= 0:
            return False
        executor.spin_once(timeout_sec=min(left, WAKE_S))
    return True


def read_line(descriptor: int) -> bytes:
    """Wait for a line on a pipe; what came of one if the pipe ended before.

    A blocking read sleeps on when a signal came just before it; here no signal is overlooked.
    Python's own handlers only: call it in the main thread.
    """
    line = b''
    ours, signals = socket.socketpair()
    with ours, signals:
        signals.setblocking(False)
        before = signal.set_wakeup_fd(signals.fileno(), warn_on_full_buffer=False)
        try:
            while not line.endswith(b'\n'):
                ready, _, _ = select.select([descriptor, ours.fileno()], [], [])
                if ours.fileno() in ready:
                    ours.recv(4096)  # The handler has run; if it didn't raise, wait on.
                if descriptor in ready:
                    character = os.read(descriptor, 1)
                    if not character:
                        break
                    line += character
        finally:
            signal.set_wakeup_fd(before)
    return line


def heed_signals() -> None:
    """Let SIGINT and SIGTERM raise `KeyboardInterrupt`, so that `with` does its work.

    SIGINT does so by itself, except in what a shell started in the background.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
