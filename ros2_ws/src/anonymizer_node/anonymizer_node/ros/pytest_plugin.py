"""A pytest fixture for a robot's own simulation tests: `leak_checker`.

pytest loads this by itself where the package is installed. The test starts its simulation and the
node; the fixture watches what comes out, in a process of its own:

    def test_nobody_gets_through(leak_checker):
        with leak_checker.watch(topics=['/anonymized/front/image_raw=/front/boxes']):
            drive_past_people()

Behind the `with` the verdict is in, and the test fails if somebody got through, or if too little
came to say so. `watch` takes the parameters of the executable. Pauses of the simulation don't end
it, however long.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from anonymizer_node.ros.agreed import WATCHING
from anonymizer_node.ros.fast_dds import remove_abandoned_segments

BEGIN_WITHIN_S, END_WITHIN_S = 60.0, 60.0
LOOK_EVERY_S = 0.05

ENDED_BY_THE_TEST = {'idle_seconds': 0.0}


class Watch:
    """A leak checker at work. A context manager."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None, parameters: Mapping[str, Any]
    ) -> None:
        """Starts it, and waits until it listens.

        Args:
            folder: For its verdict and its log.
            environment: Of the process; None: that of the test.
            parameters: Of the executable.
        """
        self._summary = folder / 'summary.json'
        self._log = folder / 'leak_checker.txt'
        values = {**ENDED_BY_THE_TEST, **parameters}
        words = [f'{name}:={json.dumps(value)}' for name, value in values.items()]
        words.append(f'summary:={json.dumps(str(self._summary))}')
        command = [sys.executable, '-m', 'anonymizer_node.ros.leak_checker', '--ros-args']
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(
                [*command, *(part for word in words for part in ('-p', word))],
                env=None if environment is None else dict(environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.checked = False
        until = time.monotonic() + BEGIN_WITHIN_S
        while WATCHING not in self.output and self._process.poll() is None:
            if time.monotonic() > until:
                self.end()
                break
            time.sleep(LOOK_EVERY_S)

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors='replace')

    def verdict(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Its summary, with `passed` and `reasons`; {} if it came to none.

        Args:
            timeout_s: How long to wait until it ends by itself, as it does only with a parameter
                `idle_seconds` above 0 or if no frame ever comes; None: it is told to end.
        """
        self.checked = True
        if timeout_s is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_WITHIN_S if timeout_s is None else timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
        if not self._summary.is_file():
            return {}
        found: dict[str, Any] = json.loads(self._summary.read_text(encoding='utf-8'))
        return found

    def check(self, timeout_s: float | None = None) -> None:
        """Fail the test unless nobody got through. Args as for `verdict`."""
        summary = self.verdict(timeout_s)
        if not summary.get('passed') or self._process.returncode != 0:
            reasons = '; '.join(summary.get('reasons', ())) or 'it came to no verdict'
            pytest.fail(f'leak_checker: {reasons}\n{self.output}', pytrace=False)

    def end(self) -> None:
        """Make sure that the process is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            remove_abandoned_segments()

    def __enter__(self) -> Watch:
        """It is at work already."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # An error of the test's own says more than that its simulation broke off.
        if exc_type is None and not self.checked:
            self.check()
        self.checked = True
        self.end()


class LeakCheckerFixture:
    """What the fixture `leak_checker` is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.watches: list[Watch] = []

    def watch(self, environment: Mapping[str, str] | None = None, **parameters: Any) -> Watch:
        """Start to watch, with parameters of the executable such as `topics` or `least_frames`.

        Args:
            environment: Of the process, such as another ROS_DOMAIN_ID; None: that of the test.
            parameters: See `ros2 param describe`, or `ros.leak_checker.PARAMETERS`.
        """
        folder = self._folder / str(len(self.watches))
        folder.mkdir()
        made = Watch(folder, environment, parameters)
        self.watches.append(made)
        return made


@pytest.fixture
def leak_checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeakCheckerFixture]:
    """Watches a simulation for people who get through; see `anonymizer_node.ros.pytest_plugin`."""
    made = LeakCheckerFixture(tmp_path_factory.mktemp('leak_checker'))
    yield made
    try:
        for each in made.watches:
            if not each.checked:
                each.check()
    finally:
        for each in made.watches:
            each.end()
