"""What the bag job makes of recordings of every kind is shown to keep the laws."""

from __future__ import annotations

import numpy as np
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore
from samples.bags import COMPRESSED, IMAGE, STRING, Entry, read_bag, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, compressed, image, noise

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import COMPRESSIONS, STORAGES, BagReader
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.offline.output import Output
from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.verify import verify_bag

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
SECOND = 1_000_000_000
FRAMES = 6


def scene(index, width=96, height=64):
    pixels = noise(height, width, seed=index, low=1) // 2
    if index % 2:
        pixels[16:48, 16:40] |= 0xC8
    return pixels


def entries():
    made = []
    for index in range(FRAMES):
        at = Stamp(100 + index, 5)
        made += [
            Entry('/raw', IMAGE, image(scene(index), stamp=at), index * SECOND),
            Entry('/jpeg', COMPRESSED, compressed(scene(index), stamp=at), index * SECOND + 1),
            Entry('/log', STRING, f'{index}' * 50, index * SECOND + 2),
        ]
    return made


def proven(source, target, obscured, **output):
    anonymize_bag(source, target, SETTINGS, [BrightDetector()], output=Output(**output))
    verdict = verify_bag(source, target)
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.check('obscured').checked == obscured
    assert verdict.check('record-sealed').checked == 2
    return verdict


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('compression', COMPRESSIONS)
def test_packed_otherwise(tmp_path, storage, compression):
    if storage == 'sqlite3' and compression in ('lz4', 'zstd'):
        pytest.skip('chunks are of MCAP files')
    write_bag(tmp_path / 'in', entries())
    proven(tmp_path / 'in', tmp_path / 'out', 6, storage=storage, compression=compression)


@pytest.mark.parametrize('compression', ['none', 'file'])
def test_split(tmp_path, compression):
    write_bag(tmp_path / 'in', entries())
    packed = {'compression': compression, 'split_bytes': 1}
    verdict = proven(tmp_path / 'in', tmp_path / 'out', 6, **packed)
    with BagReader(tmp_path / 'out') as reader:
        assert len(reader.files) > 1
    assert verdict.check('no-other-files').checked == len(reader.files) + 3
    (tmp_path / 'out' / 'out_99.mcap').write_bytes(b'')
    failed = verify_bag(tmp_path / 'in', tmp_path / 'out').failed()
    assert failed == ['no-other-files', 'nothing-beyond']


def ros1_bag(path):
    types = get_typestore(Stores.ROS1_NOETIC)
    made = types.types
    with Writer(path) as writer:
        front = writer.add_connection('/front', IMAGE, typestore=types)
        log = writer.add_connection('/log', STRING, typestore=types)
        for index in range(FRAMES):
            stamp = made['builtin_interfaces/msg/Time'](12 + index, 34)
            header = made['std_msgs/msg/Header'](index, stamp, 'front')
            pixels = np.ascontiguousarray(scene(index)).reshape(-1)
            message = made[IMAGE](header, 64, 96, 'bgr8', 0, 288, pixels)
            writer.write(front, (1 + index) * SECOND, types.serialize_ros1(message, IMAGE))
            text = made[STRING](f'line {index}')
            writer.write(log, (1 + index) * SECOND + 5, types.serialize_ros1(text, STRING))
    return path


def test_ros1(tmp_path):
    source = ros1_bag(tmp_path / 'in.bag')
    verdict = proven(source, tmp_path / 'out', 3)
    assert verdict.check('other-messages').checked == FRAMES
    sheets = contact_sheets(verdict, show_before=True)
    assert [len(sheet.tiles) for sheet in sheets] == [FRAMES]
    assert all(tile.before and tile.after for tile in sheets[0].tiles)


def test_all_stamps_alike(tmp_path):
    made = [
        entry._replace(message=image(scene(index), stamp=Stamp(0, 0)))
        for index, entry in enumerate(entry for entry in entries() if entry.topic == '/raw')
    ]
    write_bag(tmp_path / 'in', made)
    verdict = proven(tmp_path / 'in', tmp_path / 'out', 5)
    (sheet,) = contact_sheets(verdict)
    assert len(sheet.tiles) == FRAMES
    assert len({tile.after for tile in sheet.tiles}) == FRAMES, 'each its own frame'


def test_scores_come_from_the_record(tmp_path):
    write_bag(tmp_path / 'in', entries())
    verdict = proven(tmp_path / 'in', tmp_path / 'out', 6)
    moments = verdict.topics['/raw'].moments
    assert [moment.people for moment in moments] == [0, 1] * 3
    assert [moment.score for moment in moments] == [None, 0.9] * 3
    (sheet, _) = contact_sheets(verdict)
    assert [tile.why for tile in sheet.doubtful][:3] == ['found with score 0.90'] * 3
    assert read_bag(tmp_path / 'out').keys() == {'/raw', '/jpeg', '/log'}
