"""DDS domains with a probe, and the processes that are started in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domains import own_domain
from harness import SUPPORT, NodeProcess, Probe, arguments
from harness import environment as base_environment


class World:
    """A DDS domain with a probe in it, and the node processes that are started in it."""

    def __init__(self, folder: Path, domain_id: int) -> None:
        self.domain_id = domain_id
        self._folder = folder
        self._probe: Any = None
        self.processes: list[Any] = []

    @property
    def probe(self) -> Any:
        if self._probe is None:
            self._probe = Probe(self.domain_id)
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
        env = base_environment(self.domain_id, self._folder)
        env.update(environment or {})
        # `pictures.COVERED` goes by it.
        parameters.setdefault('padding', 0.1)
        command = [*program, *arguments(parameters, *more)]
        process = NodeProcess(command, env, self._folder)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.end()
        if self._probe is not None:
            self._probe.close()


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    with own_domain() as domain_id:
        made = World(folder, domain_id)
        try:
            yield made
        finally:
            made.close()
