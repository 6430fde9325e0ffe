"""Fixtures of the integration tests: processes, a probe, a DDS domain for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonymizer_node.ros.fast_dds import profile_environment

SUPPORT = Path(__file__).parent / 'support'
sys.path[:0] = [str(SUPPORT), str(SUPPORT.parent)]


# The tests' own publishers are cameras: they need the profile too. Fast DDS reads it once in the
# life of a process, so it is set before any test, of whatever folder, makes a node.
os.environ.update(profile_environment(os.environ))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    """A domain for one test."""
    from world import a_world

    with a_world(tmp_path) as made:
        yield made


@pytest.fixture(scope='module')
def module_world(tmp_path_factory: Any) -> Iterator[Any]:
    """A domain for the tests of one module."""
    from world import a_world

    with a_world(tmp_path_factory.mktemp('world')) as made:
        yield made
