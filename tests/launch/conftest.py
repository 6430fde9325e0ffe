"""Launch files run in processes of their own, each in its own DDS domain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SUPPORT = Path(__file__).parent / 'support'
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / 'tests' / 'integration' / 'support'))

PATIENCE_S = 300.0


class Launch:
    """A launch at work."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open('wb') as output:
            self._process = subprocess.Popen(
                command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors='replace')

    def wait_for(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        import time

        until = time.monotonic() + timeout_s
        while text not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.1)

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Its exit status."""
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f'The launch does not end:\n{self.output}')

    def end(self) -> None:
        if self._process.poll() is None:
            self.interrupt()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


class Launcher:
    """Starts launches in one domain."""

    def __init__(self, folder: Path, domain_id: int) -> None:
        from harness import environment

        self.domain_id = domain_id
        self.env = environment(domain_id, folder) | {'PYTHONUNBUFFERED': '1'}
        self._folder = folder
        self.launches: list[Launch] = []

    def _start(self, command: list[str]) -> Launch:
        log = self._folder / f'launch-{len(self.launches)}.txt'
        made = Launch([sys.executable, *command], self.env, log)
        self.launches.append(made)
        return made

    def launch(self, name: str, **arguments: str) -> Launch:
        """A launch file of the project, as `ros2 launch` runs it."""
        words = [f'{key}:={value}' for key, value in arguments.items()]
        file = str(REPOSITORY / 'launch' / name)
        return self._start([str(SUPPORT / 'run_launch.py'), file, *words])

    def launch_test(self, name: str, **arguments: str) -> Launch:
        """A test of launch_testing's."""
        words = [f'{key}:={value}' for key, value in arguments.items()]
        return self._start(['-m', 'launch_testing.launch_test', str(SUPPORT / name), *words])


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Any]:
    for name in ('rclpy', 'launch', 'launch_ros', 'launch_testing'):
        pytest.importorskip(name, reason=f'needs {name}: source ROS 2')
    from domains import own_domain

    with own_domain() as domain_id:
        made = Launcher(tmp_path, domain_id)
        yield made
        for launch in made.launches:
            launch.end()
