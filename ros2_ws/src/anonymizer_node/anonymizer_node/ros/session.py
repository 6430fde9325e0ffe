"""Begins and ends ROS in a small process of its own, and waits in it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

WAKE_S = 0.1
"""How long a wait goes without looking at its condition, seconds; events wake it sooner."""


@contextmanager
def session(name: str) -> Iterator[tuple[Node, Executor]]:
    """A node and its executor, spun by whoever holds them. Takes no ROS arguments."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node(name)
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


def spin_until(executor: Executor, condition: Callable[[], bool], timeout_s: float) -> bool:
    """Handle events until a condition holds; whether it came to hold in time."""
    until = time.monotonic() + timeout_s
    while not condition():
        left = until - time.monotonic()
        if left <= 0:
            return False
        executor.spin_once(timeout_sec=min(left, WAKE_S))
    return True


def heed_sigterm() -> None:
    """Let SIGTERM raise `KeyboardInterrupt` as SIGINT does, so that `with` does its work."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
