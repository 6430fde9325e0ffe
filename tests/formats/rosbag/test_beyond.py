"""What lies in the files of a recording besides what is read from them."""

from __future__ import annotations

import sqlite3
import struct

import lz4.frame
import pytest
import zstandard
from mcap.writer import CompressionType, Writer
from samples.bags import IMAGE, STRING, Entry, write_bag
from samples.images import Stamp, image, noise
from samples.recordings import TEXT, cdr, split_bag

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import (
    BagReader,
    BagWriter,
    MetadataRecord,
    Packing,
    qos_profile,
)

RAW = b'a picture that somebody put there'
ENTRIES = [
    Entry('/front', IMAGE, image(noise(8, 8), stamp=Stamp(1, 0)), 1),
    Entry('/log', STRING, 'x', 2),
]


def found(path):
    with BagReader(path) as reader:
        list(reader.messages())
        return ' '.join(what for _, what in reader.beyond())


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('compression', ['none', 'file', 'message', 'zstd', 'lz4'])
@pytest.mark.parametrize('version', [8, 9])
def test_there_is_nothing_beyond_what_is_written(tmp_path, storage, compression, version):
    if storage == 'sqlite3' and compression in ('zstd', 'lz4'):
        pytest.skip('chunks are of MCAP files')
    packing = Packing(storage, compression)
    with BagWriter(tmp_path / 'bag', version=version, packing=packing) as writer:
        writer.set_custom_data({'robot #3': "of 'site' # 7"})
        qos = [qos_profile(reliable=True), qos_profile(reliable=False, latched=True)]
        topic = writer.add_topic('/log', STRING, qos)
        for time_ns in range(5):
            writer.write(topic, time_ns, cdr('x'))
        if storage == 'mcap':
            writer.add_record(MetadataRecord('site', (('hall', '7'),)))
    assert found(tmp_path / 'bag') == ''
    split_bag(tmp_path / 'split', [['a', 'b'], ['c'], ['d']], storage)
    assert found(tmp_path / 'split') == ''


def mcap_of(path, put, **options):
    """A file by the mcap library, which has whatever `put` makes of its writer."""
    options = {'chunk_size': 1000, 'compression': CompressionType.NONE, **options}
    with path.open('wb') as stream:
        writer = Writer(stream, **options)
        writer.start(profile='ros2', library='test')
        schema = writer.register_schema(STRING, 'ros2msg', TEXT.encode())
        channel = writer.register_channel('/log', 'cdr', schema, {'topic_type_hash': 'RIHS01_5'})
        writer.add_message(channel, 5, cdr('x'), 5)
        put(writer, stream, schema)
        writer.finish()
    return path


IN_MCAP = {
    'another definition': lambda w, s, schema: w.register_schema('a/msg/B', 'ros2msg', RAW),
    'another channel': lambda w, s, schema: [
        w.register_channel('/log', 'cdr', schema, {'a': word}) for word in 'bc'
    ],
    'words of a qos': lambda w, s, schema: w.register_channel(
        '/log', 'cdr', schema, {'offered_qos_profiles': '[] # ' + 'A' * 900}
    ),
    'a hash': lambda w, s, schema: w.register_channel(
        '/log', 'cdr', schema, {'topic_type_hash': 'A' * 900}
    ),
    'a description': lambda w, s, schema: w.add_metadata(
        'rosbag2', {'serialized_metadata': '# ' + 'A' * 900}
    ),
}


@pytest.mark.parametrize('what', IN_MCAP)
def test_in_an_mcap_file(tmp_path, what):
    assert found(mcap_of(tmp_path / 'a.mcap', lambda *given: None)) == ''
    assert found(mcap_of(tmp_path / 'b.mcap', IN_MCAP[what]))


def record(kind, data):
    return bytes([kind]) + struct.pack('<Q', len(data)) + data


def spliced(path, at, data):
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at:])


def test_behind_the_end_and_between_the_records_of_an_mcap_file(tmp_path):
    """Where the summary isn't moved: behind the header a reader goes by offsets that no longer fit,
    so it is put before the end."""
    path = mcap_of(tmp_path / 'a.mcap', lambda *given: None)
    whole = path.read_bytes()
    footer = len(whole) - 8 - 29
    for data, at in (
        (RAW + whole[-8:], len(whole)),  # Its last bytes are as they should be.
        (record(0x42, RAW), footer),
        (record(14, RAW), footer),
        (whole[footer - 26 : footer] * 9, footer),
    ):
        path.write_bytes(whole)
        spliced(path, at, data)
        try:
            assert found(path)
        except InputError:
            continue  # It is not even read.


@pytest.mark.parametrize('compression', ['zstd', 'lz4'])
def test_behind_what_a_chunk_has_compressed(tmp_path, compression, monkeypatch):
    module = zstandard if compression == 'zstd' else lz4.frame
    plain = module.compress
    monkeypatch.setattr(module, 'compress', lambda data, *a: plain(data, *a) + RAW)
    kind = {'zstd': CompressionType.ZSTD, 'lz4': CompressionType.LZ4}[compression]
    path = mcap_of(tmp_path / 'a.mcap', lambda *given: None, compression=kind)
    assert RAW in path.read_bytes()
    assert found(path) == 'bytes behind what a chunk has compressed'


def test_behind_a_message_that_was_compressed(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / 'bag', ENTRIES, packing=Packing('mcap', 'message'))
    assert found(bag) == ''
    with BagWriter(tmp_path / 'other', packing=Packing('mcap', 'message')) as writer:
        writer._series._compress = lambda data: zstandard.compress(data) + RAW
        writer.write(writer.add_topic('/log', STRING), 1, cdr('x'))
    assert found(tmp_path / 'other') == 'bytes behind a compressed message'


def test_behind_a_file_that_was_compressed(tmp_path):
    bag = write_bag(tmp_path / 'bag', ENTRIES, packing=Packing('mcap', 'file'))
    path = next(bag.glob('*.zstd'))
    path.write_bytes(path.read_bytes() + zstandard.compress(b''))
    assert found(bag) == 'bytes behind its end'


SQL = {
    'a table': 'CREATE TABLE more(data BLOB)',
    'a view': 'CREATE VIEW more AS SELECT * FROM messages',
    'a column': "ALTER TABLE messages ADD COLUMN more BLOB DEFAULT 'x'",
    'free pages': 'CREATE TABLE more AS SELECT randomblob(90000) AS x; DROP TABLE more',
    'a definition': "INSERT INTO message_definitions VALUES (9, 'a/msg/B', 'ros2msg', 'x', '')",
    'a topic': "INSERT INTO topics VALUES (9, '/x', 'a/msg/B', 'cdr', '', '')",
    'words of a qos': "UPDATE topics SET offered_qos_profiles = '[] # a picture'",
    'a line more': "INSERT INTO schema VALUES (9, 'x')",
    'a description more': "INSERT INTO metadata VALUES (9, 8, 'x')",
    'a long word': f"UPDATE schema SET ros_distro = '{'A' * 999}'",
}


@pytest.mark.parametrize('what', SQL)
def test_in_a_database(tmp_path, what):
    bag = write_bag(tmp_path / 'bag', ENTRIES, 'sqlite3')
    assert found(bag) == ''
    database = sqlite3.connect(next(bag.glob('*.db3')))
    database.executescript(SQL[what])
    database.commit()
    database.close()
    assert found(bag)


def test_behind_a_database(tmp_path):
    bag = write_bag(tmp_path / 'bag', ENTRIES, 'sqlite3')
    with next(bag.glob('*.db3')).open('ab') as stream:
        stream.write(RAW)
    assert found(bag) == 'bytes behind its last page'


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('rosbag2_bagfile_information:', '# a picture\nrosbag2_bagfile_information:'),
        ('  ros_distro:', '  more: x\n  ros_distro:'),
        ('  ros_distro: rosbags', f'  ros_distro: {"A" * 300}'),
        ('serialization_format: cdr', f'serialization_format: cdr\n      more: {"A" * 300}'),
    ],
)
def test_in_a_description(tmp_path, old, new):
    bag = write_bag(tmp_path / 'bag', ENTRIES)
    text = (bag / 'metadata.yaml').read_text()
    assert old in text
    (bag / 'metadata.yaml').write_text(text.replace(old, new, 1))
    assert found(bag)
