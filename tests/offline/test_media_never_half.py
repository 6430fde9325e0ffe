"""Whatever happens to a run over photos and videos, there is no OUT or a whole one."""

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from samples.bags import digest
from samples.detectors import BrightDetector
from samples.jpegs import jpeg_of
from samples.videos import read_video, room, write_video

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import staging
from anonymizer_node.offline.media import anonymize_media

pytest.importorskip('av')
SUPPORT = Path(__file__).resolve().parents[1] / 'support'
STUCK = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from samples.detectors import BrightDetector
from anonymizer_node.core.config import Settings
from anonymizer_node.offline.media import anonymize_media

class Stuck(BrightDetector):
    def detect(self, frame, threshold):
        if len(self.frames) == int(sys.argv[4]):
            print('working', flush=True)
            threading.Event().wait()
        return super().detect(frame, threshold)

anonymize_media(Path(sys.argv[2]), Path(sys.argv[3]), Settings(), [Stuck()])
"""


@pytest.fixture
def settings(tmp_path):
    return Settings(padding=0.0, detection_cache=str(tmp_path / 'cache'))


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / 'in'
    source.mkdir()
    (source / 'a.jpg').write_bytes(jpeg_of(room(True)))
    write_video(source / 'b.mp4', [room(index > 5, 640, 480) for index in range(90)])
    return source


def names_in(path):
    return sorted(item.name for item in path.iterdir())


@pytest.mark.parametrize('frames', [0, 1, 80])
def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_take_away(
    tmp_path, settings, folder, frames
):
    before = digest(folder)
    words = [SUPPORT, folder, tmp_path / 'out', frames]
    command = [sys.executable, '-c', STUCK, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == 'working\n'
        process.kill()
    assert not (tmp_path / 'out').exists()
    assert [name for name in names_in(tmp_path) if name.startswith('.out.part-')]
    report = anonymize_media(folder, tmp_path / 'out', settings, [BrightDetector()])
    assert report.clean
    assert [name for name in names_in(tmp_path) if name != 'cache'] == ['in', 'out']
    assert len(read_video(tmp_path / 'out' / 'b.mp4')) == 90
    assert digest(folder) == before


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB."""
    place = tmp_path / 'disk'
    place.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=200k', 'none', place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip('needs the right to mount a small file system')
    yield place
    subprocess.run(['umount', place], check=True)


@pytest.mark.parametrize('kind', ['photo', 'video'])
def test_a_full_disk_ends_the_run_and_leaves_nothing(
    tmp_path, settings, small_disk, monkeypatch, kind
):
    """One file too many is no reason to write the others and call it done."""
    source = tmp_path / 'in'
    source.mkdir()
    (source / 'z.jpg').write_bytes(jpeg_of(room(True)))
    if kind == 'photo':
        (source / 'a.jpg').write_bytes(jpeg_of(room(True, 1600, 1200), '444', quality=100))
        pixels = jpeg_of(room(True, 1600, 1200))
        for index in range(20):
            (source / f'b{index}.jpg').write_bytes(pixels)
    else:
        random = np.random.default_rng(0)
        noise = random.integers(0, 130, (30, 240, 320, 3), np.uint8)
        noise[:, 100:140, 100:140] = 230
        write_video(source / 'a.mp4', list(noise))
    before = digest(source)
    # As if somebody else had filled it meanwhile.
    monkeypatch.setattr(staging.shutil, 'disk_usage', lambda path: SimpleNamespace(free=10**12))
    with pytest.raises(OSError) as raised:  # noqa: PT011
        anonymize_media(source, small_disk / 'new' / 'out', settings, [BrightDetector()])
    assert raised.value.errno == errno.ENOSPC
    assert names_in(small_disk) == []
    assert digest(source) == before


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    tmp_path, settings, small_disk, folder
):
    with pytest.raises(InputError, match=r'free; make room'):
        anonymize_media(folder, small_disk / 'out', settings, [BrightDetector()])
    assert names_in(small_disk) == []
