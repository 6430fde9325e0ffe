"""The proof looks into messages that hold images among other things."""

import json

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from samples.bags import IMAGE, converted
from samples.detectors import BrightDetector
from samples.images import Stamp, compressed, image, noise

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline.bag import REGIONS_NAME, anonymize_bag
from anonymizer_node.proof.verify import verify_bag

COMPRESSED = 'sensor_msgs/msg/CompressedImage'
RIG = 'vendor_msgs/msg/Rig'
RIG_TEXT = (
    'string name\nfloat64 value\nsensor_msgs/Image left\nsensor_msgs/CompressedImage[] views\n'
)
RAW = 'foxglove_msgs/msg/RawImage'
RAW_TEXT = (
    'builtin_interfaces/Time timestamp\nstring frame_id\nuint32 width\nuint32 height\n'
    'string encoding\nuint32 step\nuint8[] data\n'
)


def scene(person, seed):
    pixels = noise(64, 48, seed=seed) // 2
    if person:
        pixels[16:48, 8:24] |= 0xC8
    return pixels


@pytest.fixture
def types():
    store = get_typestore(Stores.LATEST)
    store.register(get_types_from_msg(RIG_TEXT, RIG))
    store.register(get_types_from_msg(RAW_TEXT, RAW))
    return store


@pytest.fixture
def pair(tmp_path, types):
    """A bag with images inside messages, and what was made of it."""
    made = types.types
    with BagWriter(tmp_path / 'in') as writer:
        rig = writer.add_topic('/rig', RIG, definition=RIG_TEXT)
        raw = writer.add_topic('/raw', RAW, definition=RAW_TEXT)
        for index, person in enumerate((True, False)):
            at = Stamp(100 + index)
            left = converted(types, IMAGE, image(scene(person, index), stamp=at))
            views = [
                converted(types, COMPRESSED, compressed(scene(person, 10 + n), stamp=at))
                for n in range(2)
            ]
            message = made[RIG](f'rig {index}', float('nan'), left, views)
            writer.write(rig, index, bytes(types.serialize_cdr(message, RIG)))
            pixels = np.frombuffer(scene(person, 20 + index).tobytes(), np.uint8)
            stamp = made['builtin_interfaces/msg/Time'](4 + index, 5)
            message = made[RAW](stamp, 'cam', 48, 64, 'bgr8', 144, pixels)
            writer.write(raw, index, bytes(types.serialize_cdr(message, RAW)))
    run(tmp_path)
    return tmp_path


def run(folder, **values):
    settings = Settings(padding=0.0, hold_seconds=0.0, **values)
    anonymize_bag(folder / 'in', folder / 'out', settings, [BrightDetector()])


def spoil(folder, types, change):
    """Rewrite the output bag with a changed first message of /rig."""
    with BagReader(folder / 'out') as reader, BagWriter(folder / 'spoilt') as writer:
        topics = {topic.key: writer.add_like(topic) for topic in reader.topics}
        done = False
        for message in reader.messages():
            data = message.data
            if message.topic.name == '/rig' and not done:
                decoded = reader.decode(RIG, bytearray(data))
                change(decoded)
                data = bytes(types.serialize_cdr(decoded, RIG))
                done = True
            writer.write(topics[message.topic.key], message.time_ns, data)
        for name in ('anonymization.json', REGIONS_NAME):
            (writer.folder / name).write_bytes((folder / 'out' / name).read_bytes())
    return verify_bag(folder / 'in', folder / 'spoilt')


def first_of(folder, name):
    with BagReader(folder / name) as reader:
        message = next(m for m in reader.messages() if m.topic.name == '/rig')
        return reader.decode(RIG, bytes(message.data))


def test_a_clean_output_passes(pair):
    verdict = verify_bag(pair / 'in', pair / 'out')
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.topics['/rig'].role == verdict.topics['/raw'].role == 'anonymized'
    assert verdict.check('obscured').checked == 4
    assert verdict.check('untouched-identical').checked == 4
    assert verdict.check('images-complete').checked == 4


def test_one_image_put_back_is_caught(pair, types):
    before = first_of(pair, 'in')
    verdict = spoil(pair, types, lambda message: setattr(message, 'left', before.left))
    assert {'nothing-raw', 'obscured'} <= set(verdict.failed())
    verdict_failure = verdict.check('nothing-raw').failures[0]
    assert (verdict_failure.topic, verdict_failure.index) == ('/rig', 0)


def test_one_image_in_an_array_put_back_is_caught(pair, types):
    before = first_of(pair, 'in')

    def change(message):
        message.views[1] = before.views[1]

    assert 'obscured' in spoil(pair, types, change).failed()


def test_pixels_changed_outside_are_caught(pair, types):
    def change(message):
        message.left.data[0] ^= 1

    assert spoil(pair, types, change).failed() == ['outside-identical']


def test_a_word_changed_beside_the_images_is_caught(pair, types):
    verdict = spoil(pair, types, lambda message: setattr(message, 'name', 'other'))
    assert verdict.failed() == ['other-messages']


def test_an_image_taken_out_is_caught(pair, types):
    verdict = spoil(pair, types, lambda message: message.views.pop())
    assert {'on-record', 'other-messages'} & set(verdict.failed())


def test_a_line_taken_out_of_the_record_is_caught(pair):
    path = pair / 'out' / REGIONS_NAME
    lines = path.read_text().splitlines()
    number = next(i for i, text in enumerate(lines) if json.loads(text)['image'] == 'views[1]')
    del lines[number]
    path.write_text('\n'.join(lines) + '\n')
    assert 'on-record' in verify_bag(pair / 'in', pair / 'out').failed()


def test_an_image_on_record_as_copied_that_nobody_asked_for_is_caught(pair):
    path = pair / 'out' / REGIONS_NAME
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    for line in lines:
        if line['image'] == 'left' and line['index'] == 1:
            line['status'] = 'copied'
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert 'on-record' in verify_bag(pair / 'in', pair / 'out').failed()


def test_a_dropped_message_on_record_is_the_run_s_loss_and_no_other_failure(
    pair, tmp_path_factory, types
):
    folder = tmp_path_factory.mktemp('other')
    odd = image(scene(False, 1))
    odd.encoding = 'yuv422_of_ours'
    left = converted(types, IMAGE, odd)
    with BagWriter(folder / 'in') as writer:
        rig = writer.add_topic('/rig', RIG, definition=RIG_TEXT)
        message = types.types[RIG]('x', 1.0, left, [])
        writer.write(rig, 1, bytes(types.serialize_cdr(message, RIG)))
    run(folder)
    verdict = verify_bag(folder / 'in', folder / 'out')
    assert verdict.failed() == ['run-clean']
    assert verdict.check('images-complete').detail == 'Dropped, and on record: encoding 1'


def say_that_it_holds_no_image(folder, name, count):
    """The whole topic raw in the output, and a record that has nothing to say of it."""
    path = folder / 'out' / REGIONS_NAME
    lines = [text for text in path.read_text().splitlines() if json.loads(text)['topic'] != name]
    path.write_text(''.join(text + '\n' for text in lines))
    values = json.loads((folder / 'out' / 'anonymization.json').read_text())
    sums = {'anonymized': 0, 'untouched': 0, 'copied': count, 'regions': 0, 'most_people': 0}
    values['topics'][name].update(action='copy', reason='holds no image', **sums)
    (folder / 'out' / 'anonymization.json').write_text(json.dumps(values))
    with BagReader(folder / 'in') as raw, BagReader(folder / 'out') as reader:
        before = {(m.topic.name, m.time_ns): bytes(m.data) for m in raw.messages()}
        with BagWriter(folder / 'spoilt') as writer:
            topics = {topic.key: writer.add_like(topic) for topic in reader.topics}
            for message in reader.messages():
                here = message.topic.name, message.time_ns
                data = before[here] if here[0] == name else message.data
                writer.write(topics[message.topic.key], message.time_ns, data)
            for file in ('anonymization.json', REGIONS_NAME):
                (writer.folder / file).write_bytes((folder / 'out' / file).read_bytes())
    return verify_bag(folder / 'in', folder / 'spoilt')


@pytest.mark.parametrize('name', ['/rig', '/raw'])
def test_images_inside_messages_that_are_said_to_hold_none(pair, name):
    """Found by the proof in the type's own definition, whatever the record says."""
    verdict = say_that_it_holds_no_image(pair, name, 2)
    assert 'no-picture-copied' in verdict.failed()
    failures = verdict.check('no-picture-copied').failures
    said = [str(failure) for failure in failures if failure.topic == name]
    found = f'holds an image, {"left" if name == "/rig" else "itself"}, '
    assert sum(found in what for what in said) == 2


@pytest.mark.parametrize('definition', ['', 'uint8[] data\n'])
def test_a_type_that_nobody_can_read_copied_unasked(tmp_path, definition):
    """Not defined, or in two ways."""
    for name in ('in', 'out'):
        with BagWriter(tmp_path / name) as writer:
            one = writer.add_topic('/one', 'vendor_msgs/msg/State', definition=definition)
            writer.write(one, 1, b'\0\1\0\0\0\0\0\0')
            if definition:
                other = 'uint32 data\n'
                writer.add_topic('/other', 'vendor_msgs/msg/State', definition=other)
    verdict = verify_bag(tmp_path / 'in', tmp_path / 'out')
    said = verdict.check('no-picture-copied').failures[0]
    assert said.topic == '/one'
    assert 'not at all or in two ways' in said.what


def test_an_owner_s_copy_passes_where_the_rest_is_obscured(pair, tmp_path_factory, types):
    folder = tmp_path_factory.mktemp('other')
    odd = image(scene(False, 1))
    odd.encoding = 'yuv422_of_ours'
    left = converted(types, IMAGE, odd)
    view = converted(types, COMPRESSED, compressed(scene(True, 10)))
    with BagWriter(folder / 'in') as writer:
        rig = writer.add_topic('/rig', RIG, definition=RIG_TEXT)
        for views in ([view], []):
            message = types.types[RIG]('x', 1.0, left, views)
            writer.write(rig, 1, bytes(types.serialize_cdr(message, RIG)))
    run(folder, topic_actions=('/rig=copy',))
    verdict = verify_bag(folder / 'in', folder / 'out')
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.check('obscured').checked == 1
