"""Pictures with thumbnails come through a job, and their thumbnails don't, whoever is in them."""

import json

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from samples.bags import COMPRESSED, Entry, converted, read_bag, read_messages, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, compressed, decoded, image, noise
from samples.jpegs import exif, jpeg_of, with_segments

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.offline.bag import REGIONS_NAME, REPORT_NAME, anonymize_bag
from anonymizer_node.offline.report import BagReport
from anonymizer_node.proof.verify import verify_bag

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
SOI = b'\xff\xd8\xff'
IN_EXIF, BEHIND = 'a thumbnail in EXIF', 'what lies behind the picture'
RIG = 'vendor_msgs/msg/Rig'
RIG_TEXT = 'std_msgs/Header header\nsensor_msgs/CompressedImage[] shots\n'


def scene(person, seed=0):
    pixels = noise(48, 64, seed=seed) // 2
    if person:
        pixels[8:40, 16:32] |= 0xC8
    return pixels


def photographed(person, seed=0, kind='jpeg'):
    """A message as a camera makes it, with somebody in its thumbnail."""
    message = compressed(scene(person, seed), kind, 'bytes', Stamp(100 + seed, 5))
    thumbnail = jpeg_of(scene(True, seed)[::2, ::2])
    if kind == 'jpeg':
        message.data = with_segments(message.data, exif(thumbnail, orientation=1))
    message.data += thumbnail
    return message


def anonymized(tmp_path, entries):
    write_bag(tmp_path / 'in', entries)
    return anonymize_bag(tmp_path / 'in', tmp_path / 'out', SETTINGS, [BrightDetector()])


@pytest.mark.parametrize(
    ('kind', 'removed'), [('jpeg', f'{IN_EXIF}, {BEHIND}'), ('png', BEHIND)], ids=['jpeg', 'png']
)
def test_photos_in_a_bag(tmp_path, kind, removed):
    people = (True, False, False)
    photos = [photographed(person, seed, kind) for seed, person in enumerate(people)]
    plain = compressed(scene(False, 3), kind, 'bytes', Stamp(103, 5))
    entries = [Entry('/a', COMPRESSED, item, at) for at, item in enumerate([*photos, plain])]
    report = anonymized(tmp_path, entries)
    assert report.clean
    assert report.topics['/a'].statuses == {'anonymized': 1, 'untouched': 3}
    assert report.topics['/a'].removed == {removed: 3}
    (remark,) = report.topics['/a'].remarks()
    assert remark == f'Removed from 3 frames, as nobody would have looked at it: {removed}.'
    told = json.loads((tmp_path / 'out' / REPORT_NAME).read_text())
    assert told['topics']['/a']['removed'] == {removed: 3}
    assert BagReport.from_dict(told).topics['/a'].removed == {removed: 3}
    lines = (tmp_path / 'out' / REGIONS_NAME).read_text().splitlines()
    assert [json.loads(line)['removed'] for line in lines] == [removed] * 3 + ['']
    after = read_messages(tmp_path / 'out', '/a')
    for index, (before, message) in enumerate(zip(photos, after, strict=False)):
        data = bytes(message.data)
        assert kind == 'png' or data.find(SOI, 1) == -1
        assert before.data[-200:-50] not in data
        assert (message.format, message.header.stamp.sec) == (before.format, 100 + index)
        if not people[index]:
            assert np.array_equal(decoded(data), decoded(before.data))
    assert read_bag(tmp_path / 'out')['/a'][3] == read_bag(tmp_path / 'in')['/a'][3]
    verdict = verify_bag(tmp_path / 'in', tmp_path / 'out')
    assert verdict.passed, [check for check in verdict.checks if not check.passed]
    (untouched,) = [check for check in verdict.checks if check.name == 'untouched-identical']
    assert (untouched.checked, untouched.detail) == (3, '2 without a thumbnail or the like')


def test_photos_inside_messages(tmp_path):
    types = get_typestore(Stores.LATEST)
    types.register(get_types_from_msg(RIG_TEXT, RIG))
    groups = ((False, False), (True, False), (False,))
    with BagWriter(tmp_path / 'in') as writer:
        topic = writer.add_topic('/rig', RIG, definition=RIG_TEXT)
        for index, people in enumerate(groups):
            shots = [photographed(person, 5 * index + at) for at, person in enumerate(people)]
            if index == 2:
                shots = [compressed(scene(False), 'jpeg', 'bytes')]
            made = [converted(types, COMPRESSED, shot) for shot in shots]
            message = types.types[RIG](made[0].header, made)
            writer.write(topic, 100 + index, bytes(types.serialize_cdr(message, RIG)))
    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', SETTINGS, [BrightDetector()])
    assert report.clean
    assert report.topics['/rig'].statuses == {'anonymized': 1, 'untouched': 2}
    assert report.topics['/rig'].removed == {f'{IN_EXIF}, {BEHIND}': 2}
    before, after = (read_bag(tmp_path / name)['/rig'] for name in ('in', 'out'))
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    for (_, data), people in zip(after, groups, strict=True):
        assert data.count(SOI) == len(people)
    verdict = verify_bag(tmp_path / 'in', tmp_path / 'out')
    assert verdict.passed, [check for check in verdict.checks if not check.passed]


def test_a_photo_that_follows_another_topic(tmp_path):
    colour = image(scene(False), stamp=Stamp(100, 5))
    entries = [
        Entry('/colour', 'sensor_msgs/msg/Image', colour, 1),
        Entry('/infrared', COMPRESSED, photographed(False), 2),
    ]
    write_bag(tmp_path / 'in', entries)
    settings = SETTINGS.changed(follow=('/infrared=/colour',))
    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', settings, [BrightDetector()])
    assert report.topics['/infrared'].removed == {f'{IN_EXIF}, {BEHIND}': 1}
    (message,) = read_messages(tmp_path / 'out', '/infrared')
    assert bytes(message.data).find(SOI, 1) == -1
