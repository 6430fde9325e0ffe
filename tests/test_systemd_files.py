"""The units of config/systemd, by systemd's own checks and by what they promise."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / 'ros2_ws/src/anonymizer_node/config/systemd'
UNIT = FOLDER / 'anonymizer_node.service'
MOST_EXPOSED = 25
"""Of 100, as `systemd-analyze security` rates it; it says OK below 50."""


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


def service() -> dict[str, list[str]]:
    """The settings of the unit's section Service, each with all its values."""
    found: dict[str, list[str]] = {}
    text = UNIT.read_text(encoding='utf-8').split('[Service]')[1].split('[Install]')[0]
    for line in text.replace('\\\n', ' ').splitlines():
        if '=' in line and not line.startswith('#'):
            name, value = line.split('=', 1)
            found.setdefault(name, []).append(value)
    return found


def test_systemd_finds_no_fault_in_the_unit():
    # Some versions print faults and exit with 0.
    assert analyze('verify', UNIT) == ''


def test_the_unit_is_hardened():
    analyze('security', '--offline=true', f'--threshold={MOST_EXPOSED}', UNIT)


@pytest.mark.parametrize(
    ('name', 'values'),
    [
        # No raw image on a disk.
        ('LimitCORE', ['0']),
        ('MemorySwapMax', ['0']),
        ('WatchdogSignal', ['SIGKILL']),
        # What a hardened unit must not be, for images to come and go.
        ('PrivateIPC', []),
        ('PrivateNetwork', []),
        ('Type', ['notify']),
        ('Restart', ['on-failure']),
    ],
)
def test_the_unit_keeps_its_promises(name, values):
    assert service().get(name, []) == values


def test_its_command_is_one_that_the_shell_can_read():
    command = service()['ExecStart'][0].replace('$$', '$')
    assert command.startswith("/bin/bash -c '")
    subprocess.run(['bash', '-n', '-c', command], check=True)
    assert 'exec python3 -m anonymizer_node.ros.main ' in command  # The node is the main process.
    assert ' --disable-external-lib-logs ' in command  # The journal alone has the log.


def test_the_recorder_waits_for_the_anonymiser():
    drop_in = configparser.ConfigParser()
    drop_in.optionxform = str
    drop_in.read(FOLDER / 'recorder.service.d/anonymizer.conf')
    assert drop_in['Unit'] == {
        'Requires': 'anonymizer_node.service',
        'After': 'anonymizer_node.service',
    }


def test_whoever_shares_memory_is_one_user():
    (user,) = service()['User']
    for name in ('camera', 'recorder'):
        text = (FOLDER / f'{name}.service.d/anonymizer.conf').read_text(encoding='utf-8')
        assert f'\nUser={user}\n' in text
