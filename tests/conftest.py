"""What all tests share: tiny data, made here, and the real data where a checkout has it beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anonymizer_node.ros.fast_dds import remove_abandoned_segments

try:
    import hypothesis
except ImportError:  # On a robot; the tests that need it say so themselves.
    pass
else:
    # The same examples in every run, and no database beside the sources.
    hypothesis.settings.register_profile('repeatable', derandomize=True, database=None)
    hypothesis.settings.load_profile('repeatable')

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / 'shared' / 'data'


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of real images and video; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip('needs ../shared/data, which is not beside this checkout')
    return SHARED_DATA


@pytest.fixture(scope='session', autouse=True)
def nothing_left_in_shared_memory() -> Iterator[None]:
    """Several tests kill ROS processes on purpose: each leaves 70 MB, which is memory."""
    remove_abandoned_segments()
    yield
    remove_abandoned_segments(older_than_s=0.0)


@pytest.fixture(scope='session', autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of this run's own: nothing is taken from an earlier one."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp('cache')
        patch.setenv('XDG_CACHE_HOME', str(folder))
        yield folder
