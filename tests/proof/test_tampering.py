"""One thing altered in an output of the bag job itself: it is caught, and by the right check."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from samples.bags import IMAGE, STRING, Entry, read_bag, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, image, noise
from samples.recordings import mcap_file

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import (
    Attachment,
    BagReader,
    BagWriter,
    MetadataRecord,
    qos_profile,
)
from anonymizer_node.offline.bag import REGIONS_NAME, REPORT_NAME, anonymize_bag
from anonymizer_node.offline.output import Output
from anonymizer_node.proof.bag_laws import BagLaws
from anonymizer_node.proof.record import FrameRecord, read_record
from anonymizer_node.proof.report import Section, write_page
from anonymizer_node.proof.sealed import check_models, check_seal
from anonymizer_node.proof.verdict import Verdict
from anonymizer_node.proof.verify import verify_bag

SECOND = 1_000_000_000
FRONT, LOG = '/front', '/log'
METHODS = ('blackout', 'pixelate', 'blur')
WIDTH, HEIGHT = 96, 64
SMALL = Attachment('photo.jpg', 'image/jpeg', 3, 4, b'\xff\xd8\xff anything')


def scene(index):
    pixels = noise(HEIGHT, WIDTH, seed=index, low=1) // 2
    if index % 2:
        pixels[8:56, 20:68] |= 0xC8
    return pixels


@dataclass
class Pair:
    """A bag and what was made of it.

    Attributes:
        source: The bag.
        target: The output, to be altered.
        seal: As it was told.
    """

    source: Path
    target: Path
    seal: str

    def rewrite(self, change, topic=lambda item: item, like=None, **about):
        """Write the output anew from its messages as `change` makes them, its record beside.

        With `like`, publish time and sequence number are those of what it makes of the message
        that was in that place.
        """
        with BagReader(self.target) as reader:
            topics = [topic(item) for item in reader.topics]
            keys = {item.key: index for index, item in enumerate(reader.topics)}
            read = list(reader.messages())
            messages = [
                (keys[message.topic.key], message.time_ns, bytes(message.data)) for message in read
            ]
        done = self.target.with_name('rewritten')
        with BagWriter(done, **about) as writer:
            written = [writer.add_like(item) for item in topics]
            for place, (index, time_ns, data) in enumerate(change(messages)):
                made_from = like(read[place]) if like is not None else None
                writer.write(written[index], time_ns, data, like=made_from)
            for name in (REPORT_NAME, REGIONS_NAME):
                shutil.copy(self.target / name, writer.folder / name)
        shutil.rmtree(self.target)
        done.rename(self.target)

    def failed(self, **arguments):
        """What could not be shown."""
        return set(verify_bag(self.source, self.target, **arguments).failed())

    def edit_report(self, change):
        """Alter anonymization.json."""
        path = self.target / REPORT_NAME
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    def seal_anew(self, change=lambda values: None):
        """Alter anonymization.json and leave no digest by which the record alone would tell."""

        def seal(values):
            change(values)
            digest = hashlib.sha256((self.target / REGIONS_NAME).read_bytes()).hexdigest()
            values['digests'] = {REGIONS_NAME: digest}
            text = json.dumps(values, sort_keys=True, separators=(',', ':'))
            values['digests'][REPORT_NAME] = hashlib.sha256(text.encode()).hexdigest()

        self.edit_report(seal)

    def edit_lines(self, change):
        """Alter regions.jsonl."""
        path = self.target / REGIONS_NAME
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        change(lines)
        path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


def make(folder, method='blackout', **about):
    entries = []
    for index in range(6):
        at = Stamp(100 + index, 5)
        entries.append(Entry(FRONT, IMAGE, image(scene(index), stamp=at), index * SECOND))
        entries.append(Entry(LOG, STRING, f'line {index}', index * SECOND + 7))
    write_bag(folder / 'in', entries)
    settings = Settings(padding=0.0, hold_seconds=0.0, method=method)
    report = anonymize_bag(folder / 'in', folder / 'out', settings, [BrightDetector()], **about)
    return Pair(folder / 'in', folder / 'out', report.seal)


@pytest.fixture(params=METHODS)
def each(request, tmp_path):
    return make(tmp_path, request.param)


@pytest.fixture
def pair(tmp_path):
    return make(tmp_path)


def nth(messages, number, topic=0):
    """Index of a topic's message among all."""
    return [index for index, (found, _, _) in enumerate(messages) if found == topic][number]


def test_nothing_altered_passes_rewritten_or_not(each):
    assert each.failed() == set()
    assert each.failed(seal=each.seal) == set()
    each.rewrite(lambda messages: messages)
    assert each.failed(seal=each.seal) == set()


def test_a_raw_frame_put_back(each):
    raw = read_bag(each.source)[FRONT][1][1]

    def change(messages):
        messages[nth(messages, 1)] = (0, SECOND, raw)
        return messages

    each.rewrite(change)
    assert {'nothing-raw', 'obscured'} <= each.failed()


@pytest.mark.parametrize('topic', [0, 1], ids=['image', 'other'])
def test_a_message_lost(pair, topic):
    def change(messages):
        del messages[nth(messages, 2, topic)]
        return messages

    pair.rewrite(change)
    assert pair.failed() == {('images-complete', 'other-messages')[topic]}


@pytest.mark.parametrize('topic', [0, 1], ids=['image', 'other'])
@pytest.mark.parametrize('later_ns', [0, 5])
def test_a_message_doubled(pair, topic, later_ns):
    def change(messages):
        index = nth(messages, 2, topic)
        found, time_ns, data = messages[index]
        messages.insert(index + 1, (found, time_ns + later_ns, data))
        return messages

    pair.rewrite(change)
    assert pair.failed() == {('images-complete', 'other-messages')[topic]}


def with_byte(data, x, y, change):
    """An image message in which a sample is another one; its pixels are at its end."""
    done = bytearray(data)
    place = len(data) - 3 * WIDTH * HEIGHT + 3 * (y * WIDTH + x)
    done[place] = change(done[place])
    return bytes(done)


def test_one_pixel_changed_outside(each):
    def change(messages):
        index = nth(messages, 3)
        found, time_ns, data = messages[index]
        messages[index] = (found, time_ns, with_byte(data, 2, 2, lambda value: value ^ 1))
        return messages

    each.rewrite(change)
    assert each.failed() == {'outside-identical'}


@pytest.mark.parametrize(('x', 'y'), [(20, 8), (44, 32), (67, 55)])
def test_one_pixel_changed_inside(each, x, y):
    def change(messages):
        index = nth(messages, 3)
        found, time_ns, data = messages[index]
        messages[index] = (found, time_ns, with_byte(data, x, y, lambda value: (value + 90) % 256))
        return messages

    each.rewrite(change)
    assert each.failed() == {'obscured'}


@pytest.mark.parametrize('number', [2, 3], ids=['without people', 'with people'])
def test_the_stamp_of_a_header_changed(pair, number):
    def change(messages):
        index = nth(messages, number)
        found, time_ns, data = messages[index]
        done = bytearray(data)
        assert int.from_bytes(done[8:12], 'little') == 5
        done[8] ^= 1
        messages[index] = (found, time_ns, bytes(done))
        return messages

    pair.rewrite(change)
    assert 'image-attributes' in pair.failed()


def test_two_frames_swapped(pair):
    def change(messages):
        one, other = nth(messages, 1), nth(messages, 3)
        first, second = messages[one], messages[other]
        messages[one], messages[other] = (0, first[1], second[2]), (0, second[1], first[2])
        return messages

    pair.rewrite(change)
    assert {'image-attributes', 'outside-identical'} <= pair.failed()


@pytest.mark.parametrize('topic', [FRONT, LOG])
@pytest.mark.parametrize('what', ['publish_ns', 'sequence'])
def test_a_publish_time_or_sequence_number_changed(pair, topic, what):
    def like(message):
        other = {what: getattr(message, what) + 1}
        return message._replace(**other) if message.topic.name == topic else message

    pair.rewrite(list, like=like)
    assert pair.failed() == {'times-kept'}


def test_publish_times_and_sequence_numbers_are_kept_by_the_bag_job(tmp_path):
    path = mcap_file(tmp_path / 'in.mcap', ['a', 'b'])  # Published 7 ns before.
    anonymize_bag(path, tmp_path / 'out', Settings(), [BrightDetector()])
    verdict = verify_bag(path, tmp_path / 'out')
    assert verdict.passed, verdict.failed()
    assert verdict.check('times-kept').checked == 2
    output = Output(storage='sqlite3')  # Has no place for them.
    anonymize_bag(path, tmp_path / 'other', Settings(), [BrightDetector()], output=output)
    verdict = verify_bag(path, tmp_path / 'other')
    assert verdict.passed, verdict.failed()
    assert 'sqlite3' in verdict.check('times-kept').detail


def test_messages_of_one_time_in_another_order(tmp_path):
    entries = [Entry(f'/{name}', STRING, name, 5) for name in 'abc']
    write_bag(tmp_path / 'in', entries)
    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', Settings(), [BrightDetector()])
    pair = Pair(tmp_path / 'in', tmp_path / 'out', report.seal)
    assert pair.failed() == set()
    pair.rewrite(lambda messages: messages[::-1])
    assert pair.failed() == {'times-kept'}


def test_a_topic_renamed(pair):
    pair.rewrite(list, topic=lambda item: item._replace(name=item.name.replace('log', 'logs')))
    assert {'topics-kept', 'left-out-named'} <= pair.failed()


def test_the_qos_of_a_topic_changed(pair):
    other = (qos_profile(reliable=True, depth=99),)
    pair.rewrite(list, topic=lambda item: item._replace(qos=other) if item.name == LOG else item)
    assert pair.failed() == {'topics-kept'}


EDITED_LINES = {
    'a region smaller': lambda lines: lines[1]['regions'][0].__setitem__(0, 30),
    'a region less': lambda lines: lines[1].update(regions=[], status='untouched'),
    'a line less': lambda lines: lines.pop(0),
    'two lines swapped': lambda lines: lines.reverse(),
    'a cause': lambda lines: lines[0].update(cause='as I like it'),
    'a score': lambda lines: lines[1].update(least_score=0.99),
    'encoded anew': lambda lines: lines[1].update(note='encoded anew'),
}


@pytest.mark.parametrize('what', EDITED_LINES)
def test_regions_edited(pair, what):
    pair.edit_lines(EDITED_LINES[what])
    assert 'record-sealed' in pair.failed()


EDITED_REPORTS = {
    'a count': lambda values: values['topics'][FRONT].update(anonymized=4),
    'a setting': lambda values: values['settings'].update(score_threshold=0.9),
    'a model': lambda values: values['models'][0].update(sha256='00' * 32),
    'the digest of the regions': lambda values: values['digests'].update({REGIONS_NAME: '00'}),
    'its own digest': lambda values: values['digests'].update({REPORT_NAME: '00'}),
    'no digest': lambda values: values.pop('digests'),
    'no digest of the regions': lambda values: values['digests'].pop(REGIONS_NAME),
    'a word more': lambda values: values.update(more='words'),
    'the source': lambda values: values.update(source='another'),
}


@pytest.mark.parametrize('what', EDITED_REPORTS)
def test_report_edited(pair, what):
    pair.edit_report(EDITED_REPORTS[what])
    assert 'record-sealed' in pair.failed()


def test_a_forger_who_seals_anew_is_told_by_a_seal_that_was_kept(pair):
    """Somebody is put back, and both files say that nobody was in the frame."""
    raw = read_bag(pair.source)[FRONT][1][1]

    def change(messages):
        messages[nth(messages, 1)] = (0, SECOND, raw)
        return messages

    pair.rewrite(change)
    nobody = {'regions': [], 'status': 'untouched', 'people': 0, 'least_score': None}
    pair.edit_lines(lambda lines: lines[1].update(nobody))
    pair.seal_anew(
        lambda values: values['topics'][FRONT].update(anonymized=2, untouched=4, regions=2)
    )
    assert pair.failed() == set(), 'to the two bags alone it is as if nobody had been found'
    assert pair.failed(seal=pair.seal) == {'record-sealed'}


FIGURES_LEFT = {
    'status': {'anonymized': 3, 'untouched': 3, 'regions': 2},
    'regions': {'anonymized': 2, 'untouched': 4, 'regions': 3},
    'most_people': {'anonymized': 2, 'untouched': 4, 'regions': 2, 'most_people': 2},
    'causes': {'anonymized': 2, 'untouched': 4, 'regions': 2, 'causes': {'detector': 1}},
    'removed': {'anonymized': 2, 'untouched': 4, 'regions': 2, 'removed': {'EXIF': 1}},
    'copied': {'anonymized': 2, 'untouched': 4, 'regions': 2, 'copied': 1},
}


@pytest.mark.parametrize('what', FIGURES_LEFT)
def test_a_sum_that_is_not_that_of_the_lines(pair, what):
    """One frame is said to be empty, and one sum still counts who was in it."""
    raw = read_bag(pair.source)[FRONT][1][1]

    def change(messages):
        messages[nth(messages, 1)] = (0, SECOND, raw)
        return messages

    pair.rewrite(change)
    nobody = {'regions': [], 'status': 'untouched', 'people': 0, 'least_score': None}
    pair.edit_lines(lambda lines: lines[1].update(nobody))
    pair.seal_anew(lambda values: values['topics'][FRONT].update(FIGURES_LEFT[what]))
    assert 'record-agrees' in pair.failed()


@pytest.mark.parametrize('left', [{'people': 1}, {'least_score': 0.9}])
def test_somebody_found_in_a_frame_that_is_said_to_be_untouched(pair, left):
    nobody = {'regions': [], 'status': 'untouched', 'people': 0, 'least_score': None}
    raw = read_bag(pair.source)[FRONT][1][1]

    def change(messages):
        messages[nth(messages, 1)] = (0, SECOND, raw)
        return messages

    pair.rewrite(change)
    pair.edit_lines(lambda lines: lines[1].update({**nobody, **left}))
    pair.seal_anew(
        lambda values: values['topics'][FRONT].update(anonymized=2, untouched=4, regions=2)
    )
    assert pair.failed() == {'on-record'}


LOSSES = {
    'a loss': {'losses': ['half of it']},
    'not clean': {'clean': False},
    'both': {'losses': ['half of it'], 'clean': False},
    'no word on it': {'clean': None},
}


@pytest.mark.parametrize('what', LOSSES)
def test_a_run_that_says_it_lost_something_is_not_said_to_hold(pair, what):
    pair.seal_anew(lambda values: values.update(LOSSES[what]))
    verdict = verify_bag(pair.source, pair.target)
    assert verdict.failed() == ['run-clean']
    said = ' '.join(map(str, verdict.check('run-clean').failures))
    assert ('half of it' in said) == ('losses' in LOSSES[what])


def test_a_frame_that_its_owner_wants_copied_where_it_can_not_be_read(tmp_path):
    odd = image(scene(1), stamp=Stamp(1, 0))
    odd.encoding = 'yuv_of_ours'
    write_bag(
        tmp_path / 'in',
        [Entry(FRONT, IMAGE, odd, 1), Entry(FRONT, IMAGE, image(scene(1), stamp=Stamp(2, 0)), 2)],
    )
    settings = Settings(padding=0.0, hold_seconds=0.0, topic_actions=(f'{FRONT}=copy',))
    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', settings, [BrightDetector()])
    assert report.topics[FRONT].statuses == {'copied': 1, 'anonymized': 1}
    pair = Pair(tmp_path / 'in', tmp_path / 'out', report.seal)
    verdict = verify_bag(pair.source, pair.target)
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    said = 'NOT anonymised, but copied as their owner asked: /front (1 of 2 messages)'
    assert verdict.check('no-picture-copied').detail == said
    assert verdict.check('obscured').checked == 1
    pair.seal_anew(lambda values: values['settings'].update(topic_actions=[]))
    assert {'on-record', 'record-agrees'} <= pair.failed()


MORE = {
    'a line of another topic': lambda lines: lines.append({**lines[0], 'topic': '/rear'}),
    'a line of the same': lambda lines: lines.append({**lines[-1]}),
    'a line of a topic without images': lambda lines: lines.append({**lines[0], 'topic': LOG}),
    'a line of another type': lambda lines: lines.append({**lines[0], 'type': STRING}),
    'a key': lambda lines: lines[0].update(thumbnail='x'),
    'coded words': lambda lines: lines[0].update(note='iVBORw0KGgoAAAANSUhEUg' * 40),
    'another place': lambda lines: lines[0].update(index=7),
    'a cause without a loss': lambda lines: lines[0].update(cause='detector'),
}


@pytest.mark.parametrize('what', MORE)
def test_more_in_the_lines_than_is_about_the_bag(pair, what):
    pair.edit_lines(MORE[what])
    pair.seal_anew()
    assert {'on-record', 'record-agrees'} & pair.failed()


def test_coded_words_in_the_report(pair):
    pair.seal_anew(lambda values: values.update(notes=['iVBORw0KGgoAAAANSUhEUg' * 40]))
    assert pair.failed() == {'on-record'}


def test_a_frame_that_is_black_without_a_cause(pair):
    black = bytes(3 * WIDTH * HEIGHT)

    def change(messages):
        index = nth(messages, 2)
        found, time_ns, data = messages[index]
        messages[index] = (found, time_ns, data[: -len(black)] + black)
        return messages

    pair.rewrite(change)
    nobody = {'status': 'blacked_out', 'people': None}
    pair.edit_lines(lambda lines: lines[2].update(nobody))
    pair.seal_anew(lambda values: values['topics'][FRONT].update(untouched=2, blacked_out=1))
    assert pair.failed() == {'record-agrees'}


def test_another_order_of_bytes(pair):
    with BagReader(pair.target) as reader:
        before = next(message for message in reader.messages() if message.topic.name == FRONT)
        wanted = [m for m in reader.messages() if m.topic.name == FRONT][1]
        assert before.data[1] == 1
        decoded = reader.decode(IMAGE, bytearray(wanted.data))
        other = reader.encode(IMAGE, decoded, b'\0\0')

    def change(messages):
        messages[nth(messages, 1)] = (0, wanted.time_ns, other)
        return messages

    pair.rewrite(change)
    assert pair.failed() == {'on-record'}


def test_a_comment_in_metadata_yaml(pair):
    path = pair.target / 'metadata.yaml'
    path.write_text('# anything\n' + path.read_text())
    assert pair.failed() == {'nothing-beyond'}


AROUND = {
    'options': lambda data: data[:2] + b'\7' + data[3:],
    'a byte behind': lambda data: data + b'\0',
    'three bytes behind': lambda data: data + b'\1\2\3',
}


@pytest.mark.parametrize('what', AROUND)
def test_something_around_the_fields_of_a_message(pair, what):
    def change(messages):
        index = nth(messages, 1)
        found, time_ns, data = messages[index]
        messages[index] = (found, time_ns, AROUND[what](data))
        return messages

    pair.rewrite(change)
    assert pair.failed() == {'on-record'}


def test_what_an_input_has_around_its_fields_stays(tmp_path):
    make(tmp_path)
    shutil.rmtree(tmp_path / 'out')
    with BagReader(tmp_path / 'in') as reader, BagWriter(tmp_path / 'odd') as writer:
        topics = {item.key: writer.add_like(item) for item in reader.topics}
        for message in reader.messages():
            data = bytes(message.data)
            if message.topic.name == FRONT:
                data = data[:2] + b'\0\1' + data[4:] + b'\1\2\3'
            writer.write(topics[message.topic.key], message.time_ns, data)
    settings = Settings(padding=0.0, hold_seconds=0.0)
    report = anonymize_bag(tmp_path / 'odd', tmp_path / 'out', settings, [BrightDetector()])
    assert report.topics[FRONT].statuses == {'anonymized': 3, 'untouched': 3}
    assert Pair(tmp_path / 'odd', tmp_path / 'out', report.seal).failed() == set()


@pytest.mark.parametrize('what', ['words', 'attachment'])
def test_what_is_attached_taken_away(tmp_path, what):
    pair = attached(tmp_path, [SMALL], attachments='copy')
    assert pair.failed() == set()
    with BagReader(pair.target) as reader, BagWriter(tmp_path / 'less') as writer:
        topics = {item.key: writer.add_like(item) for item in reader.topics}
        for message in reader.messages():
            writer.write(topics[message.topic.key], message.time_ns, bytes(message.data))
        for name in (REPORT_NAME, REGIONS_NAME):
            shutil.copy(pair.target / name, writer.folder / name)
        if what == 'words':
            writer.add_attachment(SMALL)
        else:
            writer.add_record(MetadataRecord('site', (('hall', '7'),)))
    pair.target = tmp_path / 'less'
    assert pair.failed() == {'attached'}


def test_an_input_that_breaks_off_of_which_the_record_is_silent(tmp_path):
    path = mcap_file(tmp_path / 'in.mcap', ['a' * 900] * 40)
    path.write_bytes(path.read_bytes()[:20000])
    report = anonymize_bag(path, tmp_path / 'out', Settings(), [BrightDetector()])
    assert report.losses
    pair = Pair(path, tmp_path / 'out', report.seal)
    pair.seal_anew(lambda values: values.update(losses=[]))
    said = ' '.join(map(str, verify_bag(path, pair.target).check('run-clean').failures))
    assert 'not on record' in said


def test_an_output_that_breaks_off(pair):
    path = next(pair.target.glob('*.mcap'))
    path.write_bytes(path.read_bytes()[:-40])
    assert 'nothing-beyond' in pair.failed()


def attached(folder, files, **about):
    """A pair of which the input has attachments."""
    make(folder)
    shutil.rmtree(folder / 'out')
    with BagReader(folder / 'in') as reader, BagWriter(folder / 'with') as writer:
        topics = {item.key: writer.add_like(item) for item in reader.topics}
        for message in reader.messages():
            writer.write(topics[message.topic.key], message.time_ns, bytes(message.data))
        for attachment in files:
            writer.add_attachment(attachment)
        writer.add_record(MetadataRecord('site', (('hall', '7'),)))
    settings = Settings(padding=0.0, hold_seconds=0.0)
    report = anonymize_bag(
        folder / 'with', folder / 'out', settings, [BrightDetector()], output=Output(**about)
    )
    return Pair(folder / 'with', folder / 'out', report.seal)


def test_attachments_that_their_owner_vouched_for(tmp_path):
    pair = attached(tmp_path, [SMALL], attachments='copy')
    verdict = verify_bag(pair.source, pair.target)
    assert verdict.passed, verdict.failed()
    assert "'photo.jpg'" in verdict.check('attached').detail
    assert verdict.check('attached').checked == 2
    pair.edit_report(lambda values: values.update(attachments=''))
    assert 'attached' in pair.failed()


def test_attachments_that_were_left_out_as_asked(tmp_path):
    pair = attached(tmp_path, [SMALL], attachments='drop')
    assert pair.failed() == set()


def test_attachments_that_were_left_out_unasked_are_the_run_s_loss(tmp_path):
    pair = attached(tmp_path, [SMALL])
    verdict = verify_bag(pair.source, pair.target)
    assert verdict.failed() == ['run-clean']
    assert 'photo.jpg' in verdict.check('run-clean').failures[0].what


def add_to(pair, attachment=None, words=None):
    with BagReader(pair.target) as reader, BagWriter(pair.target.with_name('more')) as writer:
        topics = {item.key: writer.add_like(item) for item in reader.topics}
        for message in reader.messages():
            writer.write(topics[message.topic.key], message.time_ns, bytes(message.data))
        for name in (REPORT_NAME, REGIONS_NAME):
            shutil.copy(pair.target / name, writer.folder / name)
        if attachment is not None:
            writer.add_attachment(attachment)
        if words is not None:
            writer.add_record(words)
    pair.target = pair.target.with_name('more')


def test_an_attachment_added(pair):
    add_to(pair, attachment=SMALL)
    assert pair.failed() == {'attached'}


def test_an_attachment_with_other_bytes_under_the_same_name(tmp_path):
    pair = attached(tmp_path, [SMALL], attachments='copy')
    add_to(pair, attachment=SMALL._replace(data=b'\xff\xd8\xff another'))
    assert pair.failed() == {'attached'}


def test_words_added(pair):
    add_to(pair, words=MetadataRecord('site', (('hall', '7'),)))
    assert pair.failed() == {'attached'}


@pytest.mark.parametrize('name', ['raw.mcap', 'notes/photo.png', '.hidden'])
def test_a_file_added(pair, name):
    path = pair.target / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'anything')
    unlisted = {'nothing-beyond'} if path.suffix == '.mcap' else set()
    assert pair.failed() == {'no-other-files', *unlisted}


def test_a_link_added(pair):
    (pair.target / 'in').symlink_to(pair.source)
    assert pair.failed() == {'no-other-files'}


def test_a_known_model_s_name_on_another_file(twins):
    twins.summary['models'][0]['sha256'] = '0' * 64
    verdict = twins.verdict()
    assert verdict.failed() == ['models-known']
    twins.summary['settings']['model'] = ['/site/person_nanodet_int8.onnx']
    twins.folder = twins.folder / 'own'
    twins.folder.mkdir()
    verdict = twins.verdict()
    assert verdict.passed
    assert 'Not among those of models.yaml' in verdict.check('models-known').detail


def places_in(value, path=()):
    """Every place in a JSON document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)) and item:
            yield from places_in(item, (*path, key))
        else:
            yield (*path, key)


def test_whatever_stands_in_the_report_it_is_no_reason_to_stumble(pair, tmp_path):
    text = (pair.target / REPORT_NAME).read_text()
    for path in places_in(json.loads(text)):
        for other in (None, 5, {'a': [1]}):
            values = json.loads(text)
            at = values
            for key in path[:-1]:
                at = at[key]
            if at[path[-1]] == other:
                continue
            at[path[-1]] = other
            (pair.target / REPORT_NAME).write_text(json.dumps(values))
            record = read_record(pair.target)
            assert not check_seal(record).passed
            check_models(record)
            record.reencoded(FrameRecord(FRONT, 0, 0, 'anonymized', ()))
            with BagReader(pair.source) as source, BagReader(pair.target) as target:
                laws = BagLaws(source, target, record)
                verdict = Verdict('in', 'out', '', tuple(laws.run()), laws.topics, record.summary)
            assert 'record-sealed' in verdict.failed()
            write_page(tmp_path / 'page.html', [Section('One', verdict)])
