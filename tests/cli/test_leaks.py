"""`anonymize leaks` over a recorded simulation."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from samples.bags import COMPRESSED, Entry, digest, write_bag
from samples.images import Stamp, compressed

from anonymizer_node.cli import leaks as command
from anonymizer_node.cli.main import main
from anonymizer_node.formats.bags import MessageTypes
from anonymizer_node.proof.record import MARKER

OUT, TRUTH = '/anonymized/front/image_raw', '/truth/front/image_raw'
BOX = (8, 8, 40, 56)
FRAMES = 12


def truth(types, stamp):
    kinds = types.types.types
    x0, y0, x1, y1 = map(float, BOX)
    ring = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    point, duration = kinds['geometry_msgs/msg/Point'], kinds['builtin_interfaces/msg/Duration']
    colour = kinds['std_msgs/msg/ColorRGBA'](0.0, 0.0, 0.0, 0.0)
    points = [point(*at, 0.0) for n in range(4) for at in (ring[n], ring[(n + 1) % 4])]
    time = kinds['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
    header = kinds['std_msgs/msg/Header'](time, '')
    return types.encode(
        MARKER,
        kinds[MARKER](
            header, 'truth', 0, 5, 0, point(0.0, 0.0, 0.0), 2.0, colour, 0, colour, duration(0, 0),
            points, [],
        ),
    )  # fmt: skip


@pytest.fixture
def simulated(tmp_path):
    def record(raw_frames=()):
        types, entries = MessageTypes(), []
        for number in range(FRAMES):
            stamp = Stamp(10 + number, 3)
            pixels = np.random.default_rng(number).integers(30, 255, (64, 96, 3), np.uint8)
            if number not in raw_frames:
                pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 0
            time_ns = (10 + number) * 10**9
            entries.append(Entry(TRUTH, MARKER, truth(types, stamp), time_ns))
            image = compressed(pixels, 'png', 'bytes', stamp)
            entries.append(Entry(OUT, COMPRESSED, image, time_ns + 10**7))
        return write_bag(tmp_path / 'bag', entries)

    return record


def test_nobody_got_through(simulated, tmp_path, capsys):
    assert main(['leaks', str(simulated()), '--json', str(tmp_path / 'verdict.json')]) == 0

    printed = capsys.readouterr().out
    assert f'{OUT}: 12 frames, 12 people looked for in 12 of them' in printed
    assert printed.endswith('Nobody got through.\n')
    assert json.loads((tmp_path / 'verdict.json').read_text())['passed']


def test_somebody_got_through(simulated, capsys):
    assert main(['leaks', str(simulated([7])), '--topics', OUT]) == 1

    printed = capsys.readouterr().out
    assert f'LEAK: {OUT} at 17.000000003 s: person 1 at x 8 to 40, y 8 to 56' in printed
    assert 'FAILED: 1 times somebody is less covered than asked.' in printed


def test_bounds_are_heeded(simulated, capsys):
    bag = str(simulated([7]))

    assert main(['leaks', bag, '--least-covered', '0']) == 0
    assert main(['leaks', bag, '--least-height', '0.9']) == 1
    assert 'in 0 frames only' in capsys.readouterr().out
    assert main(['leaks', bag, '--least-frames', '13', '--least-covered', '0']) == 1


def test_wrong_usage_is_said(simulated, tmp_path, capsys):
    bag = str(simulated())

    assert main(['leaks', bag, '--prefix', '/hidden']) == 2
    assert main(['leaks', bag, '--least-covered', '7']) == 2
    assert main(['leaks', str(tmp_path / 'absent')]) == 2
    said = capsys.readouterr().err
    assert "begins with '/hidden'; name the topics, or another prefix" in said
    assert main(['leaks', bag, '--topics', f'{OUT}=/truth/rear']) == 2
    assert f'Name another as {OUT}=TRUTH' in capsys.readouterr().err


@pytest.mark.parametrize('place', ['absent/verdict', 'bag/verdict', 'other/metadata.yaml'])
def test_a_json_file_that_can_not_be_is_refused_before_any_work(
    simulated, tmp_path, capsys, monkeypatch, place
):
    bag, other = simulated(), tmp_path / 'other'
    shutil.copytree(bag, other)
    monkeypatch.setattr(command, 'check_bag', None)
    before = digest(tmp_path)
    words = ['leaks', str(bag), '--source', str(other), '--json', str(tmp_path / place)]
    assert main(words) == 2
    assert str(tmp_path / place) in capsys.readouterr().err
    assert digest(tmp_path) == before
