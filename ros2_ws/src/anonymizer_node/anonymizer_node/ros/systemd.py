"""Tells systemd that the node is ready, and that it lives, by the protocol of sd_notify.

For a unit with Type=notify and WatchdogSec=, as `config/systemd/anonymizer_node.service`; elsewhere
it does nothing. The sign of life comes from the executor's thread, so it stops when that stands
still; and it is withheld while a frame hangs, so that systemd starts the process again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

SIGNS_PER_LIMIT = 3
"""Signs of life sent within the time after which systemd takes the process for dead."""


class Systemd:
    """What the service manager is told. Everything runs in the executor's thread."""

    def __init__(
        self,
        node: Node,
        state: Callable[[], str],
        hung: Callable[[], str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Say nothing yet; begin to give signs of life if the unit asks for them.

        Args:
            node: Owner of the timer.
            state: Of its lifecycle.
            hung: A sentence while a frame hangs, otherwise ''.
            environment: Of the process: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
        """
        self._state = state
        self._hung = hung
        self._address = environment.get('NOTIFY_SOCKET', '')
        if self._address.startswith('@'):
            self._address = '\0' + self._address[1:]
        limit_s = _limit_s(environment)
        if self._address and limit_s:
            # Not on the node's clock: a simulation that stands still must not kill it.
            self._timer = node.create_timer(
                limit_s / SIGNS_PER_LIMIT, self.live, clock=Clock(clock_type=ClockType.STEADY_TIME)
            )

    def ready(self) -> None:
        """The node has started."""
        self._send('READY=1', f'STATUS={self._state()}')

    def live(self) -> None:
        """A sign of life, unless a frame hangs."""
        hung = self._hung()
        if hung:
            self._send(f'STATUS=Hung: {hung}')
        else:
            self._send('WATCHDOG=1', f'STATUS={self._state()}')

    def stopping(self) -> None:
        """The node is about to end."""
        self._send('STOPPING=1')

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ours:
                ours.settimeout(1.0)
                ours.sendto('\n'.join(lines).encode(), self._address)
        except OSError:
            # Frames go on being anonymised without it. If signs of life don't arrive any more,
            # systemd says so.
            pass


def _limit_s(environment: Mapping[str, str]) -> float:
    """After how long without a sign of life this process is taken for dead; 0: never, seconds."""
    told = environment.get('WATCHDOG_USEC', '')
    meant = environment.get('WATCHDOG_PID', '') in ('', str(os.getpid()))
    return int(told) / 1e6 if told.isdecimal() and meant else 0.0
