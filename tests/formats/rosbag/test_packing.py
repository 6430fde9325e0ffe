"""Files, compression, publish times: how a recording lies on the disk, and that it stays so."""

from dataclasses import replace

import pytest
import yaml
import zstandard
from mcap.reader import make_reader
from mcap.writer import IndexType
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2 import Reader as RosbagsReader
from rosbags.typesys import Stores, get_typestore
from samples.bags import STORAGES, STRING, digest, read_bag
from samples.recordings import cdr, mcap_file, split_bag, texts_of

from anonymizer_node.core.errors import ConfigError, InputError
from anonymizer_node.formats.bags import BagReader, BagWriter, Packing

ROOT = 'rosbag2_bagfile_information'
TEXTS = [f'line {index} ' + 'x' * 300 for index in range(60)]
PACKINGS = [
    ('mcap', 'none'),
    ('mcap', 'file'),
    ('mcap', 'message'),
    ('mcap', 'lz4'),
    ('mcap', 'zstd'),
    ('sqlite3', 'none'),
    ('sqlite3', 'file'),
    ('sqlite3', 'message'),
]


def copied(source, target, packing=None):
    """A copy as the job makes it: every message written like the one that it was made from."""
    with BagReader(source) as reader, BagWriter.like(reader, target, packing) as writer:
        topics = {topic.key: writer.add_like(topic) for topic in reader.topics}
        for message in reader.messages():
            writer.write(topics[message.topic.key], message.time_ns, message.data, like=message)
    return target


def described(path):
    return yaml.safe_load((path / 'metadata.yaml').read_text())[ROOT]


def in_rosbags(path):
    """What another library reads of it."""
    with RosbagsReader(path) as reader:
        return [(c.topic, c.msgtype, time, bytes(data)) for c, time, data in reader.messages()]


@pytest.mark.parametrize(('storage', 'compression'), PACKINGS)
def test_every_packing_is_read_again_here_and_by_rosbags(tmp_path, storage, compression):
    packing = Packing(storage, compression)
    with BagWriter(tmp_path / 'bag', packing=packing) as writer:
        topic = writer.add_topic('/log', STRING)
        for index, text in enumerate(TEXTS):
            writer.write(topic, index, cdr(text))
    assert texts_of(tmp_path / 'bag') == TEXTS
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.packing == packing
        assert reader.losses == reader.notes == []
    expected = [('/log', STRING, index, cdr(text)) for index, text in enumerate(TEXTS)]
    assert in_rosbags(tmp_path / 'bag') == expected


@pytest.mark.parametrize(('storage', 'compression'), PACKINGS)
def test_a_copy_is_packed_as_its_source(tmp_path, storage, compression):
    source = split_bag(
        tmp_path / 'in', [TEXTS[:20], TEXTS[20:25], TEXTS[25:]], storage, compression
    )
    target = copied(source, tmp_path / 'out')
    before, after = described(source), described(target)
    ending = {'mcap': 'mcap', 'sqlite3': 'db3'}[storage] + ('.zstd' * (compression == 'file'))
    assert after['relative_file_paths'] == [f'out_{index}.{ending}' for index in range(3)]
    assert [item.pop('path') for item in after['files']] == after.pop('relative_file_paths')
    assert len([item.pop('path') for item in before['files']]) == 3
    before.pop('relative_file_paths')
    assert after == before
    assert [item['message_count'] for item in after['files']] == [20, 5, 35]
    assert texts_of(target) == TEXTS
    assert in_rosbags(target) == in_rosbags(source)
    with BagReader(source) as one, BagReader(target) as two:
        assert one.packing == two.packing
        assert one.topics == two.topics


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('mode', CompressionMode.__members__.values())
def test_what_rosbags_compressed_is_read(tmp_path, storage, mode):
    if storage == 'sqlite3' and mode == CompressionMode.STORAGE:
        pytest.skip('sqlite3 has no compression of its own')
    writer = Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection('/log', STRING, typestore=get_typestore(Stores.LATEST))
        for index, text in enumerate(TEXTS):
            writer.write(connection, index, cdr(text))
    assert texts_of(tmp_path / 'bag') == TEXTS


@pytest.mark.parametrize('compression', ['', 'lz4', 'zstd'])
@pytest.mark.parametrize('chunked', [True, False])
def test_publish_times_sequence_numbers_and_hashes_are_kept(tmp_path, compression, chunked):
    source = mcap_file(tmp_path / 'in.mcap', TEXTS, compression, use_chunking=chunked)
    target = copied(source, tmp_path / 'out')
    with (tmp_path / 'out' / 'out.mcap').open('rb') as stream:
        found = [
            (message.log_time, message.publish_time, message.sequence, channel.metadata)
            for _, channel, message in make_reader(stream).iter_messages()
        ]
    assert [item[:3] for item in found] == [
        (1000 + index, 993 + index, 40 + index) for index in range(len(TEXTS))
    ]
    assert found[0][3]['topic_type_hash'] == 'RIHS01_5'
    with BagReader(target) as reader:
        assert reader.packing.compression == ((compression if chunked else '') or 'none')
        assert reader.topics[0].type_hash == 'RIHS01_5'


def test_the_mcap_library_reads_the_output_with_checksums(tmp_path):
    source = mcap_file(tmp_path / 'in.mcap', TEXTS, 'lz4')
    copied(source, tmp_path / 'out')
    with (tmp_path / 'out' / 'out.mcap').open('rb') as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        assert summary.statistics.message_count == len(TEXTS)
        assert {index.compression for index in summary.chunk_indexes} == {'lz4'}
        assert len(list(reader.iter_messages())) == len(TEXTS)
        (record,) = reader.iter_metadata()
    assert record.name == 'rosbag2'
    inner = yaml.safe_load(record.metadata['serialized_metadata'])
    assert inner['message_count'] == len(TEXTS)
    assert inner['storage_identifier'] == 'mcap'


@pytest.mark.parametrize('storage', STORAGES)
def test_the_output_is_split_as_asked(tmp_path, storage):
    source = split_bag(tmp_path / 'in', [TEXTS], storage)
    with BagReader(source) as reader:
        packing = reader.packing.asked(split_bytes=5000)
    # A chunk has to be written before the file has grown.
    texts = [text * 3000 for text in TEXTS[:6]] if storage == 'mcap' else TEXTS
    if storage == 'mcap':
        source = split_bag(tmp_path / 'large', [texts], storage)
    target = copied(source, tmp_path / 'out', packing)
    counts = [item['message_count'] for item in described(target)['files']]
    assert len(counts) > 2
    assert sum(counts) == len(texts)
    assert texts_of(target) == texts
    assert in_rosbags(target) == in_rosbags(source)


def test_storages_and_compressions_are_changed_as_asked(tmp_path):
    source = mcap_file(tmp_path / 'in.mcap', TEXTS, 'lz4')
    with BagReader(source) as reader:
        assert reader.packing.asked(storage='sqlite3') == Packing('sqlite3', 'none')
        packing = reader.packing.asked('sqlite3', 'file')
    target = copied(source, tmp_path / 'out', packing)
    assert (target / 'out.db3.zstd').read_bytes()[:4] == b'\x28\xb5\x2f\xfd'
    assert texts_of(target) == TEXTS


@pytest.mark.parametrize(
    ('asked', 'said'),
    [
        ({'storage': 'rosbag1'}, "'rosbag1'"),
        ({'compression': 'gzip'}, "'gzip'"),
        ({'storage': 'sqlite3', 'compression': 'zstd'}, "'zstd'"),
    ],
)
def test_what_is_not_there_can_not_be_asked_for(asked, said):
    with pytest.raises(ConfigError, match=said):
        Packing().asked(**asked)


def test_a_part_of_which_nothing_may_be_written_makes_no_file(tmp_path):
    source = split_bag(tmp_path / 'in', [['a'], ['drop'], ['b'], ['drop']])
    with BagReader(source) as reader, BagWriter.like(reader, tmp_path / 'out') as writer:
        (topic,) = (writer.add_like(topic) for topic in reader.topics)
        for message in reader.messages():
            if b'drop' not in message.data:
                writer.write(topic, message.time_ns, message.data, like=message)
    assert described(tmp_path / 'out')['relative_file_paths'] == ['out_0.mcap', 'out_1.mcap']
    assert texts_of(tmp_path / 'out') == ['a', 'b']


@pytest.mark.parametrize('storage', STORAGES)
def test_topics_that_only_later_files_have_are_defined(tmp_path, storage):
    """A recorder that found a type later defines it in the files from there on."""
    own = 'vendor_msgs/msg/Reading'
    with BagWriter(tmp_path / 'a', packing=Packing(storage, 'file', numbered=True)) as writer:
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    with BagWriter(tmp_path / 'b', packing=Packing(storage, 'file', numbered=True)) as writer:
        writer.write(writer.add_topic('/own', own, definition='uint8[] data\n'), 2, cdr('b'))
    whole, more = described(tmp_path / 'a'), described(tmp_path / 'b')
    (name,) = more['relative_file_paths']
    (tmp_path / 'b' / name).rename(tmp_path / 'a' / name)
    for key in ('relative_file_paths', 'topics_with_message_count', 'files'):
        whole[key] += more[key]
    whole['message_count'] = 2
    (tmp_path / 'a' / 'metadata.yaml').write_text(yaml.safe_dump({ROOT: whole}))
    with BagReader(tmp_path / 'a') as reader:
        assert [topic.definition for topic in reader.topics if topic.name == '/own'] == [
            'uint8[] data\n'
        ]
        assert reader.leaves(own) is not None
        found = [(message.topic.name, message.part) for message in reader.messages()]
    assert found == [('/log', 0), ('/own', 1)]


def test_custom_data_is_words_even_where_it_looks_like_numbers(tmp_path):
    values = {'version': '1.10', 'flag': 'yes', 'none': 'null', 'hex': '0x10', 'empty': ''}
    with BagWriter(tmp_path / 'in') as writer:
        writer.set_custom_data(values)
    copied(tmp_path / 'in', tmp_path / 'out')
    for path in (tmp_path / 'in', tmp_path / 'out', tmp_path / 'out' / 'out.mcap'):
        with BagReader(path) as reader:
            assert reader.custom_data == values


@pytest.mark.parametrize('storage', STORAGES)
def test_a_file_alone_knows_its_version_distribution_and_custom_data(tmp_path, storage):
    with BagWriter(tmp_path / 'in', storage, 9, ros_distro='kilted') as writer:
        writer.set_custom_data({'site': 'plant 3'})
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    (file,) = (item for item in (tmp_path / 'in').iterdir() if item.suffix != '.yaml')
    with BagReader(file) as reader:
        assert (reader.version, reader.ros_distro) == (9, 'kilted')
        assert reader.custom_data == {'site': 'plant 3'}
    assert described(copied(file, tmp_path / 'out'))['ros_distro'] == 'kilted'


def test_the_metadata_is_as_rosbag2_writes_it(tmp_path):
    """Keys and kinds of values that its YAML converters ask for, up to version 9."""
    with BagWriter(tmp_path / 'bag', packing=Packing('mcap', 'file'), version=9) as writer:
        writer.write(writer.add_topic('/log', STRING), 7, cdr('a'))
    about = described(tmp_path / 'bag')
    (topic,) = about.pop('topics_with_message_count')
    assert topic['message_count'] == 1
    assert topic['topic_metadata']['serialization_format'] == 'cdr'
    assert topic['topic_metadata']['type_description_hash'].startswith('RIHS01_')
    assert topic['topic_metadata']['offered_qos_profiles'] == []
    assert about == {
        'version': 9,
        'storage_identifier': 'mcap',
        'duration': {'nanoseconds': 0},
        'starting_time': {'nanoseconds_since_epoch': 7},
        'message_count': 1,
        'compression_format': 'zstd',
        'compression_mode': 'FILE',
        'relative_file_paths': ['bag.mcap.zstd'],
        'files': [
            {
                'path': 'bag.mcap.zstd',
                'starting_time': {'nanoseconds_since_epoch': 7},
                'duration': {'nanoseconds': 0},
                'message_count': 1,
            }
        ],
        'custom_data': None,
        'ros_distro': 'rosbags',
    }


def test_compressed_files_go_into_a_hidden_folder_in_the_scratch_and_are_gone(tmp_path):
    source = split_bag(tmp_path / 'in', [TEXTS, TEXTS], 'sqlite3', 'file')
    (tmp_path / 'scratch').mkdir()
    before = digest(tmp_path / 'in')
    with BagReader(source, tmp_path / 'scratch') as reader:
        seen = set()
        for message in reader.messages():
            (folder,) = (tmp_path / 'scratch').iterdir()
            assert folder.name.startswith('.in.part-')
            held = [item.name for item in folder.glob('*.db3')]
            assert len(held) == 1, 'one at a time'
            seen.update(held)
            assert message.data
        assert seen == {'in_0.db3', 'in_1.db3'}
        assert reader.expected_bytes > reader.size
    assert list((tmp_path / 'scratch').iterdir()) == []
    assert digest(tmp_path / 'in') == before


def test_a_compressed_file_that_is_damaged_is_refused(tmp_path):
    source = split_bag(tmp_path / 'in', [TEXTS], 'mcap', 'file')
    (file,) = source.glob('*.zstd')
    whole = file.read_bytes()
    for data in (whole[:-20], whole[:60], b'\x28\xb5\x2f\xfdgarbage', b''):
        file.write_bytes(data)
        with pytest.raises(InputError), BagReader(source) as reader:
            list(reader.messages())


def test_a_message_that_can_not_be_decompressed_is_refused(tmp_path):
    packing = Packing('mcap', 'message')
    with BagWriter(tmp_path / 'bag', packing=packing) as writer:
        writer._series._compress = zstandard.ZstdCompressor().compress
        topic = writer.add_topic('/log', STRING)
        writer.write(topic, 1, cdr('a'))
        writer._series._compress = lambda data: b'garbage'
        writer.write(topic, 2, cdr('b'))
    with pytest.raises(InputError), BagReader(tmp_path / 'bag') as reader:
        list(reader.messages())


def test_messages_compressed_one_by_one_are_known_without_metadata(tmp_path):
    for storage in STORAGES:
        source = split_bag(tmp_path / storage, [TEXTS], storage, 'message')
        (file,) = (item for item in source.iterdir() if item.suffix != '.yaml')
        assert read_bag(file) == read_bag(source)
        with BagReader(file) as reader:
            assert reader.packing.compression == 'message'


@pytest.mark.parametrize('kind', ['indexed', 'without index', 'without chunks', 'cut off'])
def test_messages_come_by_time_however_they_lie_in_the_file(tmp_path, kind):
    options = {
        'without index': {'use_statistics': False, 'index_types': IndexType.NONE},
        'without chunks': {'use_chunking': False},
    }.get(kind, {})
    times = [50, 30, 30, 70, 10, 60, 90, 80, 80, 100]
    texts = [f'{index} ' + 'x' * 300 for index in range(len(times))]
    path = mcap_file(tmp_path / 'in.mcap', texts, chunk_size=700, times=times, **options)
    if kind == 'cut off':
        path.write_bytes(path.read_bytes()[:-20])
    with BagReader(path) as reader:
        found = [
            (message.time_ns, reader.decode(STRING, message.data).data[0])
            for message in reader.messages()
        ]
    assert found == sorted(zip(times, '0123456789', strict=True))


@pytest.mark.parametrize('text', ['module a { };', '=' * 80 + '\nIDL: a/msg/B\nmodule a { };'])
def test_a_definition_in_idl_stays_one(tmp_path, text):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/own', 'a/msg/B', definition=text)
        writer.write(writer.add_topic('/log', STRING), 1, cdr('a'))
    with (tmp_path / 'bag' / 'bag.mcap').open('rb') as stream:
        schemas = make_reader(stream).get_summary().schemas.values()
    assert {schema.name: schema.encoding for schema in schemas} == {
        'a/msg/B': 'ros2idl',
        STRING: 'ros2msg',
    }


def test_a_compressed_message_may_leave_its_length_unsaid(tmp_path):
    with BagWriter(tmp_path / 'bag', packing=Packing('mcap', 'message')) as writer:
        writer._series._compress = zstandard.ZstdCompressor(write_content_size=False).compress
        topic = writer.add_topic('/log', STRING)
        writer.write(topic, 1, cdr('a' * 5000))
    assert texts_of(tmp_path / 'bag') == ['a' * 5000]
    with BagWriter(tmp_path / 'cut', packing=Packing('mcap', 'message')) as writer:
        whole = zstandard.ZstdCompressor(write_content_size=False).compress(cdr('a' * 5000))
        writer._series._compress = lambda data: whole[:-3]
        writer.write(writer.add_topic('/log', STRING), 1, cdr(''))
    with pytest.raises(InputError, match='cut off'):
        texts_of(tmp_path / 'cut')


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('time_ns', [-(2**70), 2**70])
def test_a_time_that_the_storage_can_not_hold_is_said_and_leaves_nothing(
    tmp_path, storage, time_ns
):
    target = BagWriter(tmp_path / 'bag', storage)
    with pytest.raises(InputError, match='can not be written'), target as writer:
        writer.write(writer.add_topic('/log', STRING), time_ns, cdr('a'))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('storage', STORAGES)
def test_files_that_overlap_in_time_keep_their_order_when_split_anew(tmp_path, storage):
    packing = Packing(storage, split_bytes=1, numbered=True)
    with BagWriter(tmp_path / 'in', packing=packing) as writer:
        topic = writer.add_topic('/log', STRING)
        for part, times in enumerate([(10, 20, 30), (15, 25, 40), (50, 60)]):
            for index, time_ns in enumerate(times):
                writer._series._packing = replace(packing, split_bytes=2**40 if index else 1)
                writer.write(topic, time_ns, cdr(f'{part} {time_ns}'))
    source = tmp_path / 'in'
    assert len(described(source)['files']) == 3
    with BagReader(source) as reader:
        asked = reader.packing.asked(split_bytes=10**9)
    target = copied(source, tmp_path / 'out', asked)
    assert texts_of(target) == texts_of(source)
    assert [item['message_count'] for item in described(target)['files']] == [3, 5]


@pytest.mark.parametrize('compression', ['lz4', 'zstd'])
def test_the_room_for_what_is_compressed_no_more_is_asked_for(tmp_path, compression):
    texts = ['x' * 100_000] * 50
    source = mcap_file(tmp_path / 'in.mcap', texts, compression, chunk_size=300_000)
    zipped = split_bag(tmp_path / 'zipped', [texts], 'mcap', 'file')
    for path in (source, zipped):
        with BagReader(path) as reader:
            assert reader.size < 1_000_000
            assert reader.expected_bytes_as(reader.packing.asked(compression='none')) > 5_000_000
            same = reader.expected_bytes_as(reader.packing)
            assert same == reader.expected_bytes
            assert (same > 15_000_000) == (path == zipped)
            as_file = reader.expected_bytes_as(reader.packing.asked(compression='file'))
            assert as_file >= reader.size + (3 if path == zipped else 1) * reader.size
