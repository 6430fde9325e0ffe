"""Fixtures of the integration tests: processes, a probe, a DDS domain for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anonymizer_node.ros.fast_dds import profile_environment

SUPPORT = Path(__file__).parent / 'support'
sys.path.insert(0, str(SUPPORT))


# The tests' own publishers are cameras: they need the profile too. Fast DDS reads it once in the
# life of a process, so it is set before any test, of whatever folder, makes a node.
os.environ.update(profile_environment(os.environ))


class World:
    """A DDS domain with a probe in it, and the node processes that are started in it."""

    def __init__(self, folder: Path, domain_id: int) -> None:
        import harness

        self.domain_id = domain_id
        self._folder = folder
        self._harness = harness
        self._probe: Any = None
        self.processes: list[Any] = []

    @property
    def probe(self) -> Any:
        if self._probe is None:
            self._probe = self._harness.Probe(self.domain_id)
        return self._probe

    def start(
        self,
        *more: str,
        script: str = 'marked_node.py',
        environment: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Any:
        """A node process.

        Args:
            more: Further command line.
            script: In `support`; '' for the real executable.
            environment: Variables for the process.
            parameters: Of the node.
        """
        program = [str(SUPPORT / script)] if script else ['-m', 'anonymizer_node.ros.main']
        env = self._harness.environment(self.domain_id, self._folder)
        env.update(environment or {})
        # `pictures.COVERED` goes by it.
        parameters.setdefault('padding', 0.1)
        command = [*program, *self._harness.arguments(parameters, *more)]
        process = self._harness.NodeProcess(command, env, self._folder)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.end()
        if self._probe is not None:
            self._probe.close()


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    from domains import own_domain

    with own_domain() as domain_id:
        made = World(folder, domain_id)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A domain for one test."""
    with a_world(tmp_path) as made:
        yield made


@pytest.fixture(scope='module')
def module_world(tmp_path_factory: Any) -> Iterator[World]:
    """A domain for the tests of one module."""
    with a_world(tmp_path_factory.mktemp('world')) as made:
        yield made
