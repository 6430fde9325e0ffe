"""The units of config/systemd, by systemd's own checks and by what they promise."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / 'ros2_ws/src/anonymizer_node/config/systemd'
NODE = FOLDER / 'anonymizer_node.service'
RECORDER = FOLDER / 'anonymized_recorder.service'
MOST_EXPOSED = {NODE: 25, RECORDER: 20}
"""Of 100, as `systemd-analyze security` rates them; it says OK below 50."""
UNITS = pytest.mark.parametrize('unit', MOST_EXPOSED, ids=lambda path: path.stem)


def analyze(*arguments: str | Path) -> str:
    if not shutil.which('systemd-analyze'):
        pytest.skip('needs systemd-analyze')
    done = subprocess.run(
        ['systemd-analyze', '--man=no', *arguments], capture_output=True, text=True, timeout=60
    )
    if 'unrecognized option' in done.stderr or 'Unknown command' in done.stderr:
        pytest.skip('needs a newer systemd-analyze')
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def section(unit: Path, name: str = 'Service') -> dict[str, list[str]]:
    """The settings of a unit's section, each with all its values."""
    found: dict[str, list[str]] = {}
    text = unit.read_text(encoding='utf-8').split(f'[{name}]\n')[1].split('\n[')[0]
    for line in text.replace('\\\n', ' ').splitlines():
        if '=' in line and not line.startswith('#'):
            key, value = line.split('=', 1)
            found.setdefault(key, []).append(value)
    return found


def command(unit: Path) -> str:
    """What its shell is given, as systemd hands it over."""
    (line,) = section(unit)['ExecStart']
    start = "/bin/bash -c '"
    assert line.startswith(start)
    assert line.endswith("'")
    script = line[len(start) : -1]
    assert "'" not in script
    return script.replace('$$', '$').replace('%%', '%')


def test_systemd_finds_no_fault_in_the_units():
    # Some versions print faults and exit with 0. Together, since one requires the other.
    assert analyze('verify', NODE, RECORDER) == ''


@UNITS
def test_the_unit_is_hardened(unit):
    analyze('security', '--offline=true', f'--threshold={MOST_EXPOSED[unit]}', unit)


@pytest.mark.parametrize(
    ('unit', 'name', 'values'),
    [
        # No image on a disk, but those that are meant to be.
        (NODE, 'LimitCORE', ['0']),
        (NODE, 'MemorySwapMax', ['0']),
        (NODE, 'WatchdogSignal', ['SIGKILL']),
        (RECORDER, 'LimitCORE', ['0']),
        (RECORDER, 'MemorySwapMax', ['0']),
        (NODE, 'ProtectSystem', ['strict']),
        (RECORDER, 'ProtectSystem', ['strict']),
        (NODE, 'ReadWritePaths', []),
        (RECORDER, 'ReadWritePaths', []),
        # What a hardened unit must not be, for images to come and go.
        (NODE, 'PrivateIPC', []),
        (NODE, 'PrivateNetwork', []),
        (RECORDER, 'PrivateNetwork', []),
        (NODE, 'Type', ['notify']),
        (NODE, 'Restart', ['on-failure']),
        (RECORDER, 'Restart', ['always']),
        # Raw images are in shared memory, and cameras in /dev.
        (RECORDER, 'TemporaryFileSystem', ['/dev/shm']),
        (RECORDER, 'PrivateDevices', ['yes']),
        (RECORDER, 'SupplementaryGroups', []),
    ],
)
def test_the_units_keep_their_promises(unit, name, values):
    assert section(unit).get(name, []) == values


@UNITS
def test_its_command_is_one_that_the_shell_can_read(unit):
    subprocess.run(['bash', '-n', '-c', command(unit)], check=True)


def test_the_node_is_the_main_process_and_the_journal_alone_has_its_log():
    assert 'exec python3 -m anonymizer_node.ros.main ' in command(NODE)
    assert ' --disable-external-lib-logs ' in command(NODE)
    assert ' --enclave /anonymizer_node ' in command(NODE)


def test_the_recorder_waits_for_the_anonymiser_and_stops_with_it():
    told = section(RECORDER, 'Unit')
    assert told['Requires'] == told['After'] == ['anonymizer_node.service']


def test_the_recorder_is_another_user():
    assert section(RECORDER)['User'] != section(NODE)['User']


def test_the_camera_shares_memory_with_the_node_so_it_is_the_same_user():
    (user,) = section(NODE)['User']
    text = (FOLDER / 'camera.service.d/anonymizer.conf').read_text(encoding='utf-8')
    assert f'\nUser={user}\n' in text


STUB = """#!/bin/sh
# In place of ros2: what it was given, line by line, and then it waits to be told to end.
trap 'echo interrupted >> "$SAID"; exit 0' INT
printf '%s\\n' "$@" "enclave $ROS_SECURITY_ENCLAVE_OVERRIDE" \
    "profile $FASTRTPS_DEFAULT_PROFILES_FILE" > "$SAID.part"
mv "$SAID.part" "$SAID"
while sleep 0.1; do :; done
"""


@pytest.fixture
def record(tmp_path):
    """Starts the recorder's command with stubs: of ROS, of df by what is free, of sleep."""
    if not shutil.which('bash'):
        pytest.skip('needs bash')
    started = []
    free = tmp_path / 'free'
    said = tmp_path / 'said'

    def begin(free_mb: int) -> tuple[subprocess.Popen[str], Path, Path]:
        free.write_text(f'Avail\n{free_mb}\n')
        for name, text in {
            'ros2': STUB,
            'df': f'#!/bin/sh\nexec cat {free}\n',
            'sleep': f'#!/bin/sh\nexec {shutil.which("sleep")} 0.1\n',
        }.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        for setup in ('opt/ros/humble/setup.bash', 'opt/anonymizer_node/setup.bash'):
            (tmp_path / setup).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / setup).write_text('')
        script = command(RECORDER).replace('/opt/ros/', f'{tmp_path}/opt/ros/')
        env = {
            'PATH': f'{tmp_path}:{os.environ["PATH"]}',
            'ROS_DISTRO': 'humble',
            'WORKSPACE': f'{tmp_path}/opt/anonymizer_node',
            'STATE_DIRECTORY': '/var/lib/anonymized',
            'LEAST_FREE_MB': '2048',
            'MAX_BAG_SIZE': '1073741824',
            'SAID': str(said),
        }
        process = subprocess.Popen(
            ['bash', '-c', script],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, said, free

    yield begin
    for process in started:
        # The loop that looks at the disk too, as systemd ends all of a unit's processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def appears(path: Path) -> list[str]:
    deadline_s = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline_s, f'{path.name} did not come'
        time.sleep(0.02)
    return path.read_text().splitlines()


def test_it_records_anonymised_topics_only_into_its_own_folder(record):
    _, said, _ = record(free_mb=5000)
    told = appears(said)
    assert told[:2] == ['bag', 'record']
    pattern = told[told.index('--regex') + 1]
    # As rosbag2 does it: wherever it is found in the name.
    assert re.search(pattern, '/anonymized/front/image_raw')
    for raw in ('/front/image_raw', '/front/anonymized/image_raw', '/anonymized', '/anonymizedx/y'):
        assert not re.search(pattern, raw)
    assert '--all' not in told
    assert told[told.index('--max-bag-size') + 1] == '1073741824'
    assert re.fullmatch(
        r'/var/lib/anonymized/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d', told[told.index('--output') + 1]
    )
    assert 'enclave /recorder' in told
    assert told[-1].endswith('/share/anonymizer_node/config/fastdds_udp.xml')


def test_it_does_not_begin_without_room_on_the_disk(record):
    process, said, _ = record(free_mb=2047)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'Only 2047 MB are free' in error
    assert not said.exists()


def test_it_ends_its_bag_when_the_disk_fills(record):
    process, said, free = record(free_mb=2048)
    appears(said)
    free.write_text('Avail\n100\n')
    assert process.wait(60) == 0
    assert said.read_text().splitlines()[-1] == 'interrupted'
