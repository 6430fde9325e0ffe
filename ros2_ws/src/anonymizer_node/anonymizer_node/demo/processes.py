"""Processes that are started together, watched by what they print, and always ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.ros.fast_dds import remove_abandoned_segments

END_WITHIN_S = 8.0
"""How long a process may take to end when told to, before it is killed, seconds."""

TAIL_LINES = 5


class StageError(AnonymizerError):
    """A process of the demo failed. The message names its log."""


class Child:
    """One process. Its output goes to a log file and is remembered.

    Attributes:
        name: For messages.
        log: Where its output goes.
        lines: What it has printed.
        ended: Whether it has ended and all of its output is in `lines`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        changed: threading.Condition,
    ) -> None:
        """Starts it. `changed` is notified of every line and of the end."""
        self.name = name
        self.log = log
        self.lines: list[str] = []
        self.ended = False
        self._changed = changed
        # A session of its own: Ctrl-C is for us, and we end the others in order.
        self._process = subprocess.Popen(
            list(command),
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout, self.log.open('w', encoding='utf-8') as file:
            for line in self._process.stdout:
                file.write(line)
                file.flush()
                with self._changed:
                    self.lines.append(line.rstrip('\n'))
                    self._changed.notify_all()
        self._process.wait()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def send_line(self) -> None:
        """Give it one empty line on standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Close its standard input."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def interrupt(self) -> None:
        """Send SIGINT, unless it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self, timeout_s: float) -> None:
        """Until it has ended well.

        Raises:
            StageError: If its exit status isn't 0, or it takes too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended, timeout_s):
                raise self.failed(f'did not end within {timeout_s:.0f} s')
        if self._process.returncode != 0:
            raise self.failed()

    def failed(self, what: str = '') -> StageError:
        """An error about this process that shows how its log ends."""
        what = what or f'ended with status {self._process.returncode}'
        tail = ''.join(f'\n    {line}' for line in self.lines[-TAIL_LINES:])
        return StageError(f'The {self.name} {what}. Its log is {self.log}{":" * bool(tail)}{tail}')

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                remove_abandoned_segments()
        self._reader.join(END_WITHIN_S)
        self.end_input()


class Children:
    """Several processes; a context manager that leaves none behind."""

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self._env = env
        self._logs = logs
        self._children: list[Child] = []
        self._changed = threading.Condition()

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Start one; its output goes to NAME.log."""
        log = self._logs / f'{name}.log'
        child = Child(name, command, self._env, log, self._changed)
        self._children.append(child)
        return child

    def wait_for_line(self, child: Child, text: str, timeout_s: float) -> None:
        """Until a process has printed a line that holds a text.

        Raises:
            StageError: If it takes too long, or any of the processes ends meanwhile.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            while not any(text in line for line in child.lines):
                for each in self._children:
                    if each.ended:
                        raise each.failed()
                left = until - time.monotonic()
                if left <= 0:
                    raise child.failed(f'did not say {text!r} within {timeout_s:.0f} s')
                self._changed.wait(left)

    def __enter__(self) -> Children:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for child in reversed(self._children):
            child.end()
