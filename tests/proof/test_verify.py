"""A clean output passes; one thing spoiled is caught, and named."""

from __future__ import annotations

import base64
import copy
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from samples.bags import COMPRESSED, IMAGE, STRING, Entry, write_bag
from samples.images import Stamp, image, rows_of

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats import jpeg
from anonymizer_node.formats.bags import qos_profile
from anonymizer_node.proof.definitions import defined_twice, types_in
from anonymizer_node.proof.report import Section, headline
from anonymizer_node.proof.verify import verify_bag

CLOUD = 'sensor_msgs/msg/PointCloud2'


def spoil_rows(twins, topic, number, change):
    """Apply a function to the bytes, (height, step), of a raw message of the output."""
    message = twins.message(topic, number)
    rows = rows_of(message)
    change(rows)
    message.data = rows.tobytes()


def repaint(twins, topic, number, change):
    """Apply a function to the pixels of a PNG of the output."""
    message = twins.message(topic, number)
    pixels = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    change(pixels)
    message.data = cv2.imencode('.png', pixels)[1].tobytes()


def test_clean_output_passes(twins):
    verdict = twins.verdict()
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.check('untouched-identical').checked == 3
    assert verdict.check('obscured').checked == 6
    assert verdict.check('other-messages').checked == 3
    assert verdict.check('images-complete').checked == 9
    assert verdict.topics['/front/image_raw'].statuses == {'untouched': 1, 'anonymized': 2}
    assert verdict.as_dict()['passed'] is True


def test_raw_frame_put_back(twins):
    number = twins.find('/front/image_raw', 1)
    twins.after[number] = twins.before[number]
    verdict = twins.verdict()
    assert {'nothing-raw', 'obscured'} <= set(verdict.failed())
    failure = verdict.check('nothing-raw').failures[0]
    assert (failure.topic, failure.index) == ('/front/image_raw', 1)
    assert failure.stamp_ns == 101_000_000_005


@pytest.mark.parametrize('covered', [True, False])
def test_what_is_held_before_a_covered_lens_changes_nothing(twins, covered):
    number = twins.find('/front/image_raw', 1)
    rows = rows_of(twins.message('/front/image_raw', 1))
    rows[:] = 0
    rows[10, 3 * 30] = 0 if covered else 1
    for side in (twins.before, twins.after):
        message = copy.deepcopy(side[number].message)
        message.data = rows.tobytes()
        side[number] = side[number]._replace(message=message)
    verdict = twins.verdict()
    assert ('nothing-raw' in verdict.failed()) is not covered


def test_jpeg_put_back(twins):
    number = twins.find('/rear/image/compressed', 2)
    twins.after[number] = twins.before[number]
    assert {'nothing-raw', 'obscured'} <= set(twins.verdict().failed())


@pytest.mark.parametrize('topic', ['/front/image_raw', '/rear/image/compressed', '/side/png'])
def test_image_lost(twins, topic):
    del twins.after[twins.find(topic, 1)]
    verdict = twins.verdict()
    assert verdict.failed() == ['images-complete']
    assert verdict.check('images-complete').failed == 1


def test_image_lost_but_on_record_is_the_run_s_loss_and_no_other_failure(twins):
    number = twins.find('/front/image_raw', 1)
    del twins.after[number]
    line = next(
        line for line in twins.lines if line['topic'] == '/front/image_raw' and line['index'] == 1
    )
    line.update(status='dropped', regions=[], cause='detector')
    entry = twins.summary['topics']['/front/image_raw']
    entry.update(anonymized=1, dropped=1)
    verdict = twins.verdict()
    assert verdict.failed() == ['run-clean']
    assert verdict.check('run-clean').state == 'warning'
    assert "{'detector': 1}" in verdict.check('run-clean').failures[0].what
    assert 'detector 1' in verdict.check('images-complete').detail
    assert verdict.topics['/front/image_raw'].statuses['dropped'] == 1


def test_dropped_frame_put_back(twins):
    line = next(line for line in twins.lines if line['topic'] == '/side/png' and line['index'] == 2)
    line.update(status='dropped', regions=[], cause='decode')
    twins.summary['topics']['/side/png'].update(anonymized=1, dropped=1)
    assert twins.verdict().failed() == ['images-complete', 'run-clean']


def test_image_added(twins):
    extra = twins.after[twins.find('/front/image_raw', 0)]
    twins.after.append(extra._replace(time_ns=extra.time_ns + 500))
    assert twins.verdict().failed() == ['images-complete']


def test_image_doubled_at_the_same_time(twins):
    index = twins.find('/front/image_raw', 0)
    twins.after.insert(index, twins.after[index])
    assert 'images-complete' in twins.verdict().failed()


def test_one_pixel_changed_outside_raw(twins):
    def change(rows):
        rows[60, 0] ^= 1

    spoil_rows(twins, '/front/image_raw', 1, change)
    verdict = twins.verdict()
    assert verdict.failed() == ['outside-identical']
    assert '1 pixels' in verdict.check('outside-identical').failures[0].what


def test_one_byte_of_row_padding_changed(twins):
    def change(rows):
        rows[30, -1] ^= 1

    spoil_rows(twins, '/front/image_raw', 1, change)
    assert twins.verdict().failed() == ['outside-identical']


def test_row_padding_may_become_zero_where_somebody_was_found(twins):
    spoil_rows(twins, '/front/image_raw', 1, lambda rows: rows[:, -3:].fill(0))
    assert twins.verdict().passed


def test_row_padding_stays_where_nobody_was_found(twins):
    spoil_rows(twins, '/front/image_raw', 0, lambda rows: rows[:, -3:].fill(0))
    assert twins.verdict().failed() == ['untouched-identical']


def test_one_pixel_changed_outside_png(twins):
    def change(pixels):
        pixels[2, 2, 1] ^= 1

    repaint(twins, '/side/png', 1, change)
    assert twins.verdict().failed() == ['outside-identical']


def test_jpeg_encoded_anew(twins_encoded_anew):
    assert twins_encoded_anew.verdict().failed() == ['outside-identical']


def say_encoded_anew(twins):
    notes = [jpeg.NOTE_WITHOUT_LIBRARY]
    twins.summary['topics']['/rear/image/compressed']['notes'] = notes
    return twins.verdict()


def test_jpeg_encoded_anew_and_said_so_is_a_warning_and_no_proof(twins_encoded_anew):
    verdict = say_encoded_anew(twins_encoded_anew)
    assert not verdict.passed
    assert verdict.failed() == ['encoded-anew']
    assert verdict.check('encoded-anew').state == 'warning'
    assert verdict.check('encoded-anew').failed == 2


def test_note_of_the_frame_counts_before_that_of_its_topic(twins_encoded_anew):
    for line in twins_encoded_anew.lines:
        line['note'] = ''
    assert 'outside-identical' in say_encoded_anew(twins_encoded_anew).failed()


def test_jpeg_damaged_outside_and_called_encoded_anew(twins_encoded_anew):
    message = twins_encoded_anew.message('/rear/image/compressed', 1)
    pixels = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    pixels = np.where(pixels > 8, pixels // 2, pixels)
    message.data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
    assert 'outside-identical' in say_encoded_anew(twins_encoded_anew).failed()


@pytest.mark.parametrize(
    'change',
    [
        lambda message: setattr(message.header.stamp, 'nanosec', 6),
        lambda message: setattr(message.header, 'frame_id', ''),
        lambda message: setattr(message, 'encoding', 'rgb8'),
        lambda message: setattr(message, 'is_bigendian', 0),
    ],
    ids=['stamp', 'frame_id', 'encoding', 'is_bigendian'],
)
def test_attribute_changed(twins, change):
    index = twins.find('/front/image_raw', 1)
    message = copy.deepcopy(twins.after[index].message)
    change(message)
    twins.replace('/front/image_raw', 1, message=message)
    assert 'image-attributes' in twins.verdict().failed()


def test_format_changed(twins):
    twins.message('/side/png', 1).format = 'png'
    assert 'image-attributes' in twins.verdict().failed()


def test_step_padding_removed(twins):
    message = twins.message('/front/image_raw', 1)
    rows = rows_of(message)[:, : message.width * 3]
    message.step, message.data = rows.shape[1], rows.tobytes()
    assert 'image-attributes' in twins.verdict().failed()


def test_region_stated_and_not_obscured(twins):
    line = next(
        line for line in twins.lines if line['topic'] == '/front/image_raw' and line['index'] == 1
    )
    line['regions'].append([60, 0, 90, 40])
    verdict = twins.verdict()
    assert verdict.failed() == ['obscured']
    assert 'x 60 to 90' in verdict.check('obscured').failures[0].what


def test_region_of_a_jpeg_stated_and_not_obscured(twins):
    line = next(line for line in twins.lines if 'rear' in line['topic'] and line['index'] == 1)
    line['regions'].append([63, 0, 96, 64])
    verdict = twins.verdict()
    assert verdict.failed() == ['obscured', 'no-second-picture']
    (failure,) = verdict.check('no-second-picture').failures
    assert 'blocks that hold more than their one shade' in failure.what


def test_last_row_left_clear(twins):
    original = twins.before[twins.find('/front/image_raw', 1)].message

    def change(rows):
        rows[55, 60:132] = rows_of(original)[55, 60:132]

    spoil_rows(twins, '/front/image_raw', 1, change)
    assert twins.verdict().failed() == ['obscured']


def test_region_turned_inside_out_or_beyond_the_picture(twins):
    twins.lines[3]['regions'] = [[44, 8, 20, 56]]
    twins.lines[5]['regions'] = [[20, 8, 44, 65]]
    verdict = twins.verdict()
    assert verdict.check('obscured').failed == 2


def test_frame_without_people_changed(twins):
    def change(rows):
        rows[0, 0] ^= 1

    spoil_rows(twins, '/front/image_raw', 0, change)
    assert twins.verdict().failed() == ['untouched-identical']


def test_statement_about_a_frame_removed(twins):
    twins.lines.pop()
    verdict = twins.verdict()
    assert {'on-record', 'record-agrees'} <= set(verdict.failed())


@pytest.mark.parametrize('name', ['regions.jsonl', 'anonymization.json'])
def test_record_removed(twins, name):
    twins.write()
    (twins.target / name).unlink()
    verdict = verify_bag(twins.source, twins.target)
    assert 'on-record' in verdict.failed()


@pytest.mark.parametrize('line', ['{', '[]', '{"topic": 1}', '\x00'])
def test_record_damaged(twins, line):
    twins.write()
    with (twins.target / 'regions.jsonl').open('a') as file:
        file.write(line + '\n')
    assert 'on-record' in verify_bag(twins.source, twins.target).failed()


def test_record_counts_disagree(twins):
    twins.summary['topics']['/side/png']['untouched'] = 2
    assert twins.verdict().failed() == ['record-agrees']


def test_record_times_swapped(twins):
    first, last = (line for line in twins.lines if line['topic'] == '/side/png' and line['regions'])
    first['time_ns'], last['time_ns'] = last['time_ns'], first['time_ns']
    verdict = twins.verdict()
    assert verdict.check('on-record').failed == 2


def test_other_message_lost(twins):
    del twins.after[twins.find('/chatter', 1)]
    assert twins.verdict().failed() == ['other-messages']


def test_other_message_changed(twins):
    twins.replace('/chatter', 1, message='hellO 1')
    assert twins.verdict().failed() == ['other-messages']


def test_other_message_at_another_time(twins):
    index = twins.find('/chatter', 1)
    twins.replace('/chatter', 1, time_ns=twins.after[index].time_ns + 1)
    verdict = twins.verdict()
    assert verdict.failed() == ['other-messages']
    assert verdict.check('other-messages').failed == 2


def test_image_at_another_time(twins):
    index = twins.find('/front/image_raw', 1)
    twins.replace('/front/image_raw', 1, time_ns=twins.after[index].time_ns + 1)
    assert 'images-complete' in twins.verdict().failed()


def test_topic_left_out_in_silence(twins):
    twins.after = [entry for entry in twins.after if entry.topic != '/chatter']
    assert 'left-out-named' in twins.verdict().failed()


def test_topic_left_out_with_a_reason(twins):
    twins.after = [entry for entry in twins.after if entry.topic != '/chatter']
    twins.summary['topics']['/chatter'].update(
        action='drop', reason='as asked', asked=True, copied=0, dropped=3
    )
    twins.summary['settings']['topic_actions'] = ['/chatter=drop']
    verdict = twins.verdict()
    assert verdict.passed, verdict.failed()
    assert verdict.topics['/chatter'].role == 'left out'


def test_topic_added(twins):
    twins.after.append(Entry('/extra', STRING, 'hello', 210_000_000_000))
    assert 'topics-kept' in twins.verdict().failed()


def test_topic_of_another_type_or_qos(twins, monkeypatch):
    monkeypatch.setattr('samples.bags.RELIABLE', qos_profile(reliable=True, depth=11))
    twins.write()
    monkeypatch.undo()
    plain = write_bag(twins.folder / 'plain', twins.before)
    verdict = verify_bag(plain, twins.target)
    assert verdict.failed() == ['topics-kept']
    assert 'QoS' in verdict.check('topics-kept').failures[0].what


def test_image_topic_copied_because_its_owner_said_so(twins):
    for index, entry in enumerate(twins.after):
        if entry.topic == '/side/png':
            twins.after[index] = twins.before[index]
    twins.lines = [line for line in twins.lines if line['topic'] != '/side/png']
    twins.summary['topics']['/side/png'].update(
        action='copy', asked=True, copied=3, anonymized=0, untouched=0
    )
    twins.summary['settings']['topic_actions'] = ['/side/png=copy']
    verdict = twins.verdict()
    assert verdict.passed, verdict.failed()
    said = verdict.check('no-picture-copied').detail
    assert said == 'NOT anonymised, but copied as their owner asked: /side/png (3 of 3 messages)'
    assert verdict.topics['/side/png'].vouched == 3
    assert verdict.vouched in headline([Section('One', verdict)])


def test_image_topic_on_record_as_asked_for_that_the_settings_do_not_name(twins):
    test_image_topic_copied_because_its_owner_said_so(twins)
    twins.summary['settings']['topic_actions'] = ['/side/pn=copy', '/side/png=anonymize']
    twins.folder = twins.folder / 'forged'
    twins.folder.mkdir()
    assert {'on-record', 'record-agrees'} <= set(twins.verdict().failed())


def test_image_topic_copied_unasked(twins):
    for index, entry in enumerate(twins.after):
        if entry.topic == '/side/png':
            twins.after[index] = twins.before[index]
    twins.lines = [line for line in twins.lines if line['topic'] != '/side/png']
    twins.summary['topics']['/side/png'].update(action='copy', asked=False, copied=3)
    assert 'on-record' in twins.verdict().failed()


def test_copied_topic_of_which_some_frames_were_anonymised(twins):
    lines = [line for line in twins.lines if line['topic'] == '/side/png']
    number = twins.find('/side/png', 2)
    twins.after[number] = twins.before[number]
    lines[2].update(status='copied', regions=[], people=None)
    twins.summary['settings']['topic_actions'] = ['/side/png=copy']
    entry = twins.summary['topics']['/side/png']
    entry.update(action='copy', asked=True, anonymized=1, untouched=1, copied=1)
    verdict = twins.verdict()
    assert verdict.passed, verdict.failed()
    assert '/side/png (1 of 3 messages)' in verdict.check('no-picture-copied').detail
    assert verdict.topics['/side/png'].statuses == {'anonymized': 1, 'untouched': 1}
    entry.update(action='anonymize', asked=False)
    twins.summary['settings']['topic_actions'] = []
    twins.folder = twins.folder / 'unasked'
    twins.folder.mkdir()
    assert 'on-record' in twins.verdict().failed()


def drop_text(twins, dropped):
    del twins.after[twins.find('/chatter', 1)]
    twins.summary['topics']['/chatter'].update(
        copied=2, dropped=dropped, causes={'colour_cloud': dropped}
    )
    return twins.verdict()


def test_copied_message_dropped_and_on_record(twins):
    verdict = drop_text(twins, 1)
    assert verdict.failed() == ['run-clean']
    assert 'colour_cloud 1' in verdict.check('images-complete').detail


def test_copied_messages_dropped_in_another_number_than_on_record(twins):
    assert 'other-messages' in drop_text(twins, 2).failed()


def with_cloud(twins, names):
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    fields = [types['sensor_msgs/msg/PointField'](name, 0, 7, 1) for name in names]
    header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](1, 0), 'map')
    cloud = types[CLOUD](header, 1, 1, fields, False, 16, 16, np.zeros(16, np.uint8), True)
    data = bytes(store.serialize_cdr(cloud, CLOUD))
    entry = Entry('/cloud', CLOUD, data, 206_000_000_000)
    twins.before.append(entry)
    twins.after.append(entry)
    said = {**twins.summary['topics']['/chatter'], 'type': CLOUD, 'count': 1, 'copied': 1}
    twins.summary['topics']['/cloud'] = said
    return said


def test_point_cloud_in_colour_copied_unasked(twins):
    with_cloud(twins, ['x', 'rgb'])
    verdict = twins.verdict()
    assert verdict.failed() == ['no-picture-copied']
    assert 'the fields rgb' in verdict.check('no-picture-copied').failures[0].what


def test_point_cloud_without_colour_and_one_that_was_asked_for(twins):
    with_cloud(twins, ['x', 'intensity'])
    assert twins.verdict().passed
    del twins.before[-1], twins.after[-1]
    said = with_cloud(twins, ['x', 'r', 'g', 'b'])
    said['asked'] = True
    twins.summary['settings']['topic_actions'] = ['/cloud=copy']
    twins.folder = twins.folder / 'asked'
    twins.folder.mkdir()
    verdict = twins.verdict()
    assert verdict.passed, verdict.failed()


def test_two_image_types_on_one_topic(twins):
    for entries in (twins.before, twins.after):
        for index, entry in enumerate(entries):
            if entry.topic == '/side/png':
                entries[index] = entry._replace(topic='/front/image_raw')
    types = {'/front/image_raw': IMAGE, '/side/png': COMPRESSED, '/rear/image/compressed': ''}
    for line in twins.lines:
        line['type'] = types[line['topic']]
        if line['topic'] == '/side/png':
            line['topic'] = '/front/image_raw'
    topics = twins.summary['topics']
    topics[f'/front/image_raw ({COMPRESSED})'] = topics.pop('/side/png')
    sums = {'regions': 3, 'most_people': 2}
    topics[f'/front/image_raw ({COMPRESSED})'].update(sums)
    topics['/front/image_raw'].update(sums)
    verdict = twins.verdict()
    assert verdict.passed, verdict.failed()
    assert verdict.check('images-complete').checked == 9
    assert verdict.topics[f'/front/image_raw ({COMPRESSED})'].statuses['anonymized'] == 2


def test_picture_inside_a_message_of_text(twins):
    data = b'\x00\x01\x00\x00\x20\x00\x00\x00' + b'\xff\xd8\xff\xe0\x00\x10JFIF\x00' + b'\x01' * 21
    for entries in (twins.before, twins.after):
        entries.append(Entry('/chatter', STRING, data, 205_000_000_000))
    twins.summary['topics']['/chatter'].update(count=4, copied=4)
    verdict = twins.verdict()
    assert verdict.failed() == ['no-picture-copied']


def test_thumbnail_left_in_a_jpeg(twins):
    message = twins.message('/rear/image/compressed', 1)
    thumbnail = b'Exif\0\0' + b'\xff\xd8\xff\xdb' + b'\1' * 40
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    message.data = message.data[:2] + segment + message.data[2:]
    assert twins.verdict().failed() == ['no-second-picture']


def segment(marker, payload):
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, 'big') + payload


def chunk(kind, payload):
    return (
        len(payload).to_bytes(4, 'big')
        + kind
        + payload
        + zlib.crc32(kind + payload).to_bytes(4, 'big')
    )


RAW_BYTES = bytes(range(1, 251)) * 40
INSERTED = {
    'a comment': (
        '/rear/image/compressed',
        lambda data: data[:2] + segment(0xFE, RAW_BYTES) + data[2:],
    ),
    'application data': (
        '/rear/image/compressed',
        lambda data: data[:2] + segment(0xE7, RAW_BYTES) + data[2:],
    ),
    'exif': (
        '/rear/image/compressed',
        lambda data: data[:2] + segment(0xE1, b'Exif\0\0' + RAW_BYTES) + data[2:],
    ),
    'tables': (
        '/rear/image/compressed',
        lambda data: data[:2] + segment(0xDB, bytes(65) * 300) + data[2:],
    ),
    'tables that no component has': (
        '/rear/image/compressed',
        lambda data: data[:2] + segment(0xDB, bytes([3] + 64 * [7]) * 80) + data[2:],
    ),
    'a second scan': (
        '/rear/image/compressed',
        lambda data: data[:-2] + data[data.index(b'\xff\xda') :],
    ),
    'behind the last block': (
        '/rear/image/compressed',
        lambda data: data[:-2] + RAW_BYTES + data[-2:],
    ),
    'behind a restart marker': (
        '/rear/image/compressed',
        lambda data: data[:-2] + b'\xff\xd0' + RAW_BYTES + data[-2:],
    ),
    'behind the end': ('/rear/image/compressed', lambda data: data + RAW_BYTES),
    'a chunk': ('/side/png', lambda data: data[:33] + chunk(b'raWw', RAW_BYTES) + data[33:]),
    'words': ('/side/png', lambda data: data[:33] + chunk(b'tEXt', b'a\0b') + data[33:]),
    'behind the png': ('/side/png', lambda data: data + RAW_BYTES),
    'behind the pixels': (
        '/side/png',
        lambda data: data[:-12] + chunk(b'IDAT', RAW_BYTES) + data[-12:],
    ),
}


@pytest.mark.parametrize('status', ['anonymized', 'blacked_out'])
@pytest.mark.parametrize('what', INSERTED)
def test_something_put_into_a_picture_file_that_no_decoder_shows(twins, what, status):
    topic, put = INSERTED[what]
    message = twins.message(topic, 1)
    if status == 'blacked_out':
        kind = '.png' if topic == '/side/png' else '.jpg'
        message.data = cv2.imencode(kind, np.zeros((64, 96, 3), np.uint8))[1].tobytes()
        line = next(line for line in twins.lines if line['topic'] == topic and line['index'] == 1)
        line.update(status=status, regions=[], cause='detector')
        twins.summary['topics'][topic].update(anonymized=1, blacked_out=1)
    expected = ['run-clean'] if status == 'blacked_out' else []
    assert twins.verdict().failed() == expected
    message.data = put(bytes(message.data))
    twins.folder = twins.folder / 'put'
    twins.folder.mkdir()
    assert twins.verdict().failed() == ['no-second-picture', *expected]


def test_rows_that_a_png_does_not_show(twins):
    message = twins.message('/side/png', 1)
    pixels = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    more = cv2.imencode('.png', np.vstack([pixels, pixels]))[1].tobytes()
    header = message.data[16:29]
    message.data = more[:16] + header + zlib.crc32(b'IHDR' + header).to_bytes(4, 'big') + more[33:]
    assert twins.verdict().failed() == ['no-second-picture']


def test_something_beside_the_rows_of_a_replaced_frame(twins):
    for line in twins.lines:
        if line['topic'] == '/front/image_raw' and line['index'] == 1:
            line.update(status='blacked_out', regions=[], cause='detector')
    twins.summary['topics']['/front/image_raw'].update(anonymized=1, blacked_out=1)
    spoil_rows(twins, '/front/image_raw', 1, lambda rows: rows.fill(0))
    assert twins.verdict().failed() == ['run-clean']
    spoil_rows(twins, '/front/image_raw', 1, lambda rows: rows[:, -3:].fill(7))
    twins.folder = twins.folder / 'put'
    twins.folder.mkdir()
    assert twins.verdict().failed() == ['replaced-frames', 'run-clean']


def test_replaced_frame_must_be_black(twins):
    for line in twins.lines:
        if line['topic'] == '/front/image_raw' and line['index'] > 0:
            line.update(status='blacked_out', regions=[], cause='detector')
    twins.summary['topics']['/front/image_raw'].update(anonymized=0, blacked_out=2)
    spoil_rows(twins, '/front/image_raw', 2, lambda rows: rows[:, :-3].fill(0))
    verdict = twins.verdict()
    assert verdict.failed() == ['replaced-frames', 'run-clean']
    assert verdict.check('replaced-frames').failed == 1


def test_unknown_encoding_can_not_be_judged(twins):
    for entries in (twins.before, twins.after):
        for index, entry in enumerate(entries):
            if entry.topic == '/front/image_raw':
                message = copy.deepcopy(entry.message)
                message.encoding = 'bayer_rggb12'
                entries[index] = entry._replace(message=message)
    assert {'obscured', 'outside-identical'} <= set(twins.verdict().failed())


def test_same_bag_twice_is_refused(twins):
    twins.write()
    with pytest.raises(InputError, match='two bags'):
        verify_bag(twins.source, twins.source)


def test_not_a_bag(twins, tmp_path):
    twins.write()
    with pytest.raises(InputError, match='does not exist'):
        verify_bag(twins.source, tmp_path / 'nothing')


def test_empty_bags_have_nothing_to_show(tmp_path):
    one = image(np.ones((8, 8, 3), np.uint8), stamp=Stamp(1, 0))
    source = write_bag(tmp_path / 'in', [Entry('/a', IMAGE, one, 1)])
    target = write_bag(tmp_path / 'out', [])
    verdict = verify_bag(source, target)
    assert {'on-record', 'left-out-named'} <= set(verdict.failed())
    assert verdict.check('obscured').state == 'empty'


UNIT = '=' * 80 + '\nMSG: vendor_msgs/Unit\n'


@pytest.mark.parametrize(
    ('second', 'differs'),
    [('uint32 id  # As before.\n', ''), ('uint32 id\nuint8[] pixels\n', 'vendor_msgs/Unit')],
)
def test_a_type_that_the_bag_defines_in_two_ways_is_noticed(second, differs):
    reader = SimpleNamespace(
        definitions=(
            ('vendor_msgs/msg/A', f'string words\nUnit[] units\n{UNIT}uint32 id\n'),
            ('vendor_msgs/msg/B', f'vendor_msgs/Unit unit\n{UNIT}{second}'),
            ('vendor_msgs/msg/C', 'string words\n'),
        )
    )
    assert defined_twice(reader.definitions, types_in(reader, 'vendor_msgs/msg/A')) == differs
    assert defined_twice(reader.definitions, types_in(reader, 'vendor_msgs/msg/C')) == ''


def idl(fields, also=''):
    """A type as `mcap` records hold it in IDL."""
    line = '=' * 80
    return (
        f'{line}\nIDL: vendor_msgs/msg/A\n// generated\n#include "vendor_msgs/msg/B.idl"\n'
        'module vendor_msgs { module msg {\n  typedef double double__4[4];\n'
        '  module A_Constants { const uint8 MOST = 3; };\n'
        '  @verbatim (language="comment", text="of {use}; and (more)")\n'
        f'  struct A {{ {fields} }};\n}}; }};\n{also}'
    )


ALL_FIELDS = (
    'sequence<uint8> bytes; /* many */ @unit (value="m") double far; double__4 k; '
    'string<12> name; sequence<vendor_msgs::msg::B, 3> parts; unsigned long count;'
)
SAME_AS_MSG = (
    'uint8 MOST=3\nbyte[] bytes  # many\nfloat64 far 1.0\nfloat64[4] k\nstring<=12 name\n'
    'B[<=3] parts\nuint32 count\n'
)


@pytest.mark.parametrize(
    ('other', 'differs'),
    [
        (SAME_AS_MSG, ''),
        (idl(ALL_FIELDS), ''),
        (SAME_AS_MSG.replace('float64 far', 'float32 far'), 'vendor_msgs/A'),
        (SAME_AS_MSG.replace('k\n', 'k\nuint8[] pixels\n'), 'vendor_msgs/A'),
        (idl(ALL_FIELDS.replace('double__4 k', 'double k')), 'vendor_msgs/A'),
        (idl(ALL_FIELDS.replace('uint8>', 'uint8, 9>')), 'vendor_msgs/A'),
    ],
)
def test_definitions_in_idl_that_differ(other, differs):
    definitions = (('vendor_msgs/msg/A', idl(ALL_FIELDS)), ('vendor_msgs/msg/A', other))
    reader = SimpleNamespace(definitions=definitions)
    types = types_in(reader, 'vendor_msgs/msg/A')
    assert types >= {'vendor_msgs/A', 'vendor_msgs/B'}
    assert defined_twice(definitions, types) == differs


def test_a_picture_in_base64_copied_unasked(twins):
    picture = cv2.imencode('.jpg', np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    entry = Entry('/words', STRING, base64.encodebytes(picture).decode(), 206_000_000_000)
    twins.before.append(entry)
    twins.after.append(entry)
    said = {**twins.summary['topics']['/chatter'], 'type': STRING, 'count': 1, 'copied': 1}
    twins.summary['topics']['/words'] = said
    verdict = twins.verdict()
    assert verdict.failed() == ['no-picture-copied']
    assert 'in base64' in verdict.check('no-picture-copied').failures[0].what
