"""What lies beside the messages: attachments, metadata records, and how the new bag is packed."""

import errno
import json
import os

import pytest
from mcap.reader import make_reader
from samples.bags import digest
from samples.detectors import FakeDetector
from samples.recordings import mcap_file, split_bag, texts_of

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError, InputError
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline import output
from anonymizer_node.offline.bag import REPORT_NAME, anonymize_bag
from anonymizer_node.offline.many import planned, tasks_of
from anonymizer_node.offline.output import Output, scratch_beside

PHOTO = b'\xff\xd8\xff\xe0' + bytes(200)


def run(tmp_path, source, **asked):
    before = digest(source)
    report = anonymize_bag(
        source, tmp_path / 'out', Settings(), [FakeDetector()], output=Output(**asked)
    )
    assert digest(source) == before
    told = json.loads((tmp_path / 'out' / REPORT_NAME).read_text())
    assert (told['losses'], told['notes'], told['clean']) == (
        report.losses,
        report.notes,
        report.clean,
    )
    return report


def inside(path):
    """Attachments and metadata records of an .mcap file."""
    with path.open('rb') as stream:
        reader = make_reader(stream)
        attachments = [
            (item.name, item.media_type, item.create_time, item.log_time, bytes(item.data))
            for item in reader.iter_attachments()
        ]
        return attachments, {item.name: item.metadata for item in reader.iter_metadata()}


@pytest.mark.parametrize('indexed', [True, False])
def test_an_attachment_is_left_out_and_named_and_the_report_is_not_clean(tmp_path, indexed):
    about = {} if indexed else {'use_statistics': False}
    source = mcap_file(tmp_path / 'in.mcap', ['a'], attachments=[('face.jpg', PHOTO)], **about)
    report = run(tmp_path, source)
    assert not report.clean
    assert "'face.jpg'" in report.losses[0]
    assert '"--attachments copy"' in report.losses[0]
    assert PHOTO[:4] not in (tmp_path / 'out' / 'out.mcap').read_bytes()
    assert inside(tmp_path / 'out' / 'out.mcap')[0] == []


def test_an_attachment_is_dropped_as_asked(tmp_path):
    source = mcap_file(tmp_path / 'in.mcap', ['a'], attachments=[('face.jpg', PHOTO)])
    report = run(tmp_path, source, attachments='drop')
    assert report.clean
    assert "'face.jpg' are left out, as asked" in report.notes[0]
    assert inside(tmp_path / 'out' / 'out.mcap')[0] == []


@pytest.mark.parametrize('indexed', [True, False])
def test_an_attachment_is_copied_as_asked(tmp_path, indexed):
    about = {} if indexed else {'use_statistics': False}
    files = [('map.pgm', b'P5 1 1 255 x'), ('face.jpg', PHOTO)]
    source = mcap_file(tmp_path / 'in.mcap', ['a'], attachments=files, **about)
    report = run(tmp_path, source, attachments='copy')
    assert report.clean
    assert report.notes == []
    expected = [(name, 'image/jpeg', 3, 4, data) for name, data in files]
    assert inside(tmp_path / 'out' / 'out.mcap')[0] == expected


def test_an_attachment_has_no_place_in_sqlite3(tmp_path):
    source = mcap_file(tmp_path / 'in.mcap', ['a'], attachments=[('face.jpg', PHOTO)])
    report = run(tmp_path, source, attachments='copy', storage='sqlite3')
    assert not report.clean
    assert 'no place' in report.losses[0]
    assert 'publish times' in report.notes[0]


def test_words_beside_the_messages_are_copied_but_for_those_that_could_be_a_picture(tmp_path):
    records = [('site', {'plant': '3', 'täg': 'ä'}), ('thumbnail', {'base64': 'x' * 5000})]
    source = mcap_file(tmp_path / 'in.mcap', ['a'], metadata=records)
    report = run(tmp_path, source)
    assert not report.clean
    assert len(report.losses) == 1
    assert "'thumbnail' is left out" in report.losses[0]
    _, found = inside(tmp_path / 'out' / 'out.mcap')
    assert found.keys() == {'site', 'rosbag2'}
    assert found['site'] == {'plant': '3', 'täg': 'ä'}


def test_a_recording_that_broke_off_is_not_clean_and_says_so(tmp_path):
    source = split_bag(tmp_path / 'in', [['a'], ['b']])
    (source / 'metadata.yaml').unlink()
    report = run(tmp_path, source)
    assert not report.clean
    assert 'broke off' in report.losses[0]
    assert texts_of(tmp_path / 'out') == ['a', 'b']
    with BagReader(tmp_path / 'out') as reader:
        assert reader.losses == [], 'the new one is whole'


def test_the_plan_names_what_would_be_lost_of_the_bag_as_a_whole(tmp_path):
    source = mcap_file(tmp_path / 'in.mcap', ['a'], attachments=[('face.jpg', PHOTO)])
    (task,) = tasks_of([source], tmp_path / 'out')
    found = planned(task, Settings(), Output())
    assert not found.clean
    assert "'face.jpg'" in found.as_dict()['losses'][0]
    assert planned(task, Settings(), Output(attachments='copy')).clean


@pytest.mark.parametrize(
    'asked',
    [
        {'attachments': 'keep'},
        {'storage': 'rosbag'},
        {'compression': 'gzip'},
        {'storage': 'sqlite3', 'compression': 'lz4'},
    ],
)
def test_what_is_not_there_can_not_be_asked_for(asked):
    with pytest.raises(ConfigError, match=f"'{list(asked.values())[-1]}'"):
        Output(**asked)


def test_what_is_needed_meanwhile_lies_beside_the_target_or_where_it_will_be(tmp_path):
    assert scratch_beside(tmp_path / 'out') == tmp_path
    assert scratch_beside(tmp_path / 'a' / 'b' / 'out') == tmp_path


WORDS = {
    'small': {f'site {i}': 'x' * 190 for i in range(20)},
    'long': {'site': 'x' * 256},
    'long key': {'x' * 256: 'site'},
    'long in bytes': {'site': '\u00e9' * 128},
    'many': {f'site {i}': 'x' * 190 for i in range(22)},
    'no words': {'site': ['x' * 100]},
}


def test_custom_data_that_could_be_a_picture_is_left_out_and_named(tmp_path):
    for name, values in WORDS.items():
        with BagWriter(tmp_path / name) as writer:
            writer.set_custom_data(values)
        report = anonymize_bag(
            tmp_path / name, tmp_path / f'{name}_out', Settings(), [FakeDetector()]
        )
        with BagReader(tmp_path / f'{name}_out') as reader:
            assert reader.custom_data == (values if name == 'small' else {})
        assert report.clean == (name == 'small')


def test_metadata_records_that_are_small_but_many_are_left_out_and_named(tmp_path):
    records = [(f'part{i}', {'raw': 'A' * 250}) for i in range(50)]
    source = mcap_file(tmp_path / 'in.mcap', ['a'], metadata=records)
    report = run(tmp_path, source)
    with BagReader(tmp_path / 'out') as reader:
        kept = [item.name for item in reader.metadata_records]
    assert kept == [f'part{i}' for i in range(15)]
    assert len(report.losses) == 35
    assert "'part15'" in report.losses[0]


def test_a_folder_that_can_not_be_written_to_is_refused_with_reason_and_remedy(
    tmp_path, monkeypatch
):
    def read_only(parent, name):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), f'{parent}/.{name}')

    monkeypatch.setattr(output, 'Staging', read_only)
    with pytest.raises(InputError) as raised:
        output.staged(tmp_path / 'deep' / 'out')
    assert str(raised.value) == (
        f"'{tmp_path}' can not be written to: Read-only file system. Name another target."
    )
