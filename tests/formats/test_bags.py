import shutil
import struct

import numpy as np
import pytest
import yaml
from mcap.reader import SeekingReader
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from samples.bags import (
    BEST_EFFORT,
    IMAGE,
    RELIABLE,
    STORAGES,
    STRING,
    Entry,
    converted,
    digest,
    read_bag,
    write_bag,
)
from samples.images import Stamp, image, noise

from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.formats.bags import UNKNOWN_HASH, BagReader, BagWriter, Leaf, qos_profile
from anonymizer_node.formats.rosbag import mcap_chunks
from anonymizer_node.formats.rosbag.definitions import typestore_of
from anonymizer_node.formats.rosbag.storage_writers import STORAGE_WRITERS

OWN = 'vendor_msgs/msg/Reading'
OWN_TEXT = (
    'std_msgs/Header header\nfloat32[3] values\nvendor_msgs/Unit[<=4] units\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/Unit\nstring<=8 name\nuint8[] blob\n'
)
OWN_HASH = 'RIHS01_' + '7' * 64


def strings(count=3, topic='/log'):
    return [Entry(topic, STRING, f'line {index}', 1000 + index) for index in range(count)]


def nothing_left_in(folder):
    return [item.name for item in folder.iterdir()] == []


# --- Writing and reading again


@pytest.mark.parametrize('storage', STORAGES)
def test_messages_come_back_byte_for_byte_with_their_times(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage) as writer:
        raw = writer.add_topic('/raw', OWN, [RELIABLE], OWN_TEXT, OWN_HASH)
        log = writer.add_topic('/log', STRING)
        sent = {'/raw': [], '/log': []}
        for index in range(20):
            data = b'\0\1\0\0' + bytes([index]) * (index * 7)
            time_ns = 1_790_000_000_000_000_000 + index * 333
            writer.write(raw, time_ns, data)
            sent['/raw'].append((time_ns, data))
            text = writer.encode(STRING, writer.types.types[STRING](f'line {index}'))
            writer.write(log, time_ns, text)
            sent['/log'].append((time_ns, text))
    assert read_bag(tmp_path / 'bag') == sent
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.storage == storage
        assert reader.count == 40
        assert reader.start_ns == 1_790_000_000_000_000_000
        assert reader.duration_ns == 19 * 333
        assert {topic.name: topic.count for topic in reader.topics} == {'/raw': 20, '/log': 20}


@pytest.mark.parametrize('storage', STORAGES)
def test_qos_definition_hash_and_custom_data_are_kept(tmp_path, storage):
    latched = qos_profile(reliable=True, depth=1, latched=True)
    with BagWriter(tmp_path / 'first', storage) as writer:
        writer.add_topic('/own', OWN, [latched, BEST_EFFORT], OWN_TEXT, OWN_HASH)
        writer.set_custom_data({'site': 'plant 3', 'shift': 'night: 2'})
    for source, target in (('first', 'second'), ('second', 'third')):
        with BagReader(tmp_path / source) as reader:
            with BagWriter(tmp_path / target, storage, reader.version) as writer:
                writer.set_custom_data(reader.custom_data)
                for topic in reader.topics:
                    writer.add_like(topic)
            described = reader.topics
    with BagReader(tmp_path / 'third') as reader:
        assert reader.topics == described
        (topic,) = reader.topics
        assert (topic.name, topic.msgtype) == ('/own', OWN)
        assert (topic.definition, topic.type_hash) == (OWN_TEXT, OWN_HASH)
        assert topic.qos == (latched, BEST_EFFORT)
        assert topic.qos[0].durability == QosDurability.TRANSIENT_LOCAL
        assert topic.qos[1].reliability == QosReliability.BEST_EFFORT
        assert reader.custom_data == {'site': 'plant 3', 'shift': 'night: 2'}


@pytest.mark.parametrize('storage', STORAGES)
def test_two_qos_on_one_topic_are_two_topics_with_their_own_messages(tmp_path, storage):
    with BagWriter(tmp_path / 'bag', storage) as writer:
        first = writer.add_topic('/log', STRING, [RELIABLE])
        second = writer.add_topic('/log', STRING, [BEST_EFFORT])
        for time_ns, topic in ((1, first), (2, second), (3, second)):
            text = writer.encode(STRING, writer.types.types[STRING](str(time_ns)))
            writer.write(topic, time_ns, text)
    with BagReader(tmp_path / 'bag') as reader:
        assert [(topic.name, topic.qos, topic.count) for topic in reader.topics] == [
            ('/log', (RELIABLE,), 1),
            ('/log', (BEST_EFFORT,), 2),
        ]
        found = [(message.time_ns, message.topic.qos[0]) for message in reader.messages()]
    assert found == [(1, RELIABLE), (2, BEST_EFFORT), (3, BEST_EFFORT)]


@pytest.mark.parametrize('storage', STORAGES)
def test_messages_of_one_time_stay_in_order(tmp_path, storage):
    path = write_bag(
        tmp_path / 'bag', [Entry('/log', STRING, f'{index}', 5) for index in range(30)], storage
    )
    with BagReader(path) as reader:
        found = [reader.decode(STRING, message.data).data for message in reader.messages()]
    assert found == [str(index) for index in range(30)]


@pytest.mark.parametrize('storage', STORAGES)
def test_a_storage_file_alone_is_a_bag_too(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', strings(), storage)
    file = next(path.glob('*.mcap' if storage == 'mcap' else '*.db3'))
    assert read_bag(file) == read_bag(path)
    with BagReader(file) as reader:
        assert reader.storage == storage


@pytest.mark.parametrize('version', [8, 9])
@pytest.mark.parametrize('storage', STORAGES)
def test_the_metadata_has_the_version_of_the_source(tmp_path, storage, version):
    path = write_bag(tmp_path / 'bag', strings(), storage, version=version)
    metadata = yaml.safe_load((path / 'metadata.yaml').read_text())
    assert metadata['rosbag2_bagfile_information']['version'] == version
    with BagReader(path) as reader:
        assert reader.version == version


def test_older_metadata_is_written_as_the_oldest_that_can_be(tmp_path):
    path = write_bag(tmp_path / 'bag', strings(), version=5)
    with BagReader(path) as reader:
        assert reader.version == 8


@pytest.mark.parametrize('storage', STORAGES)
def test_the_files_have_the_name_of_the_bag(tmp_path, storage):
    path = write_bag(tmp_path / 'morning run', strings(), storage)
    names = {item.name for item in path.iterdir()}
    suffix = {'mcap': 'mcap', 'sqlite3': 'db3'}[storage]
    assert names == {'metadata.yaml', f'morning run.{suffix}'}
    metadata = yaml.safe_load((path / 'metadata.yaml').read_text())
    assert metadata['rosbag2_bagfile_information']['relative_file_paths'] == [
        f'morning run.{suffix}'
    ]


@pytest.mark.parametrize('storage', STORAGES)
def test_an_empty_bag_is_a_bag(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', [], storage)
    with BagReader(path) as reader:
        assert (reader.topics, reader.count, reader.start_ns, reader.duration_ns) == ((), 0, 0, 0)
        assert list(reader.messages()) == []


# --- Types


@pytest.mark.parametrize('storage', STORAGES)
def test_a_type_without_definition_is_unknown_and_not_empty(tmp_path, storage):
    """Recorders write a blank text for a type that they don't know."""
    for index, text in enumerate(('', '\n', '   \n\n')):
        with BagWriter(tmp_path / f'bag{index}', storage) as writer:
            topic = writer.add_topic('/own', OWN, definition=text)
            assert topic.type_hash == UNKNOWN_HASH
            writer.write(topic, 1, b'\0\1\0\0' + bytes(50_000))
        with BagReader(tmp_path / f'bag{index}') as reader:
            assert reader.leaves(OWN) is None
            (message,) = reader.messages()
            assert message.data == b'\0\1\0\0' + bytes(50_000)
            with pytest.raises(FrameError, match=OWN):
                reader.decode(OWN, message.data)


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize(
    'text',
    [
        'this is } no definition',
        'uint8[',
        'Missing field',
        '=' * 80 + '\nIDL: vendor_msgs/msg/Reading\nmodule {{{\n',
    ],
)
def test_a_definition_that_can_not_be_parsed_is_none_and_the_rest_is_read(tmp_path, storage, text):
    with BagWriter(tmp_path / 'bag', storage) as writer:
        writer.write(writer.add_topic('/own', OWN, definition=text), 1, b'\0\1\0\0')
        log = writer.add_topic('/log', STRING)
        writer.write(log, 2, writer.encode(STRING, writer.types.types[STRING]('hello')))
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.leaves(OWN) is None
        assert [leaf.path for leaf in reader.leaves(STRING)] == ['data']
        assert [topic.definition for topic in reader.topics if topic.name == '/own'] == [text]
        assert reader.decode(STRING, list(reader.messages())[1].data).data == 'hello'


def test_an_image_topic_without_definition_is_read_as_images_are(tmp_path):
    message = image(noise(4, 5))
    with Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/front', IMAGE, msgdef='', rihs01=UNKNOWN_HASH)
        types = get_typestore(Stores.LATEST)
        writer.write(connection, 1, types.serialize_cdr(converted(types, IMAGE, message), IMAGE))
    with BagReader(tmp_path / 'bag') as reader:
        (found,) = reader.messages()
        assert reader.decode(IMAGE, found.data).data.tobytes() == bytes(message.data)


def test_a_definition_beside_a_blank_one_is_the_one_that_counts():
    """A bag merged from two: one recorder knew the type, the other didn't."""
    store = typestore_of([(OWN, ''), (OWN, 'uint8[] data\n'), (OWN, '  \n')])
    assert [name for name, _ in store.fielddefs[OWN][1]] == ['data']


UNIT = '=' * 80 + '\nMSG: vendor_msgs/Unit\n'
DISPUTED = {
    'two texts': [(OWN, 'uint32 id\n'), (OWN, 'uint32 id\nuint8[] pixels\n')],
    'one can not be parsed': [(OWN, 'uint32 id\n'), (OWN, 'uint8[')],
    'a dependency': [
        (OWN, f'vendor_msgs/Unit unit\n{UNIT}uint32 id\n'),
        ('vendor_msgs/msg/Other', f'vendor_msgs/Unit unit\n{UNIT}uint8[] pixels\n'),
    ],
    'a dependency twice in one text': [
        (OWN, f'vendor_msgs/Unit unit\n{UNIT}uint8[] pixels\n{UNIT}uint32 id\n')
    ],
    'a dependency that is usual': [
        (OWN, 'std_msgs/String text\n'),
        (STRING, 'string data\n'),
        (STRING, 'uint8[] data\n'),
    ],
}


@pytest.mark.parametrize('name', DISPUTED)
def test_a_type_with_two_definitions_is_unknown_and_so_is_what_holds_it(name):
    for definitions in (DISPUTED[name], DISPUTED[name][::-1]):
        reader = BagReader('nowhere')
        reader.types = typestore_of(definitions)
        assert reader.leaves(OWN) is None
        assert reader.leaves('sensor_msgs/msg/Imu')


def test_two_definitions_with_the_same_fields_are_no_trouble():
    texts = ('uint8 A=1\nuint32 id  # What.\n', 'uint32 id\n')
    store = typestore_of([(OWN, text) for text in texts])
    assert [name for name, _ in store.fielddefs[OWN][1]] == ['id']


def test_the_bag_s_own_definition_is_the_one_that_counts(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/own', OWN, definition=OWN_TEXT)
        writer.add_topic('/image', IMAGE)
    with BagReader(tmp_path / 'bag') as reader:
        leaves = {leaf.path: leaf for leaf in reader.leaves(OWN)}
    assert leaves['values'] == Leaf('values', 'float32', 3, (OWN,))
    assert leaves['units.blob'].base == 'uint8'
    assert leaves['units.blob'].most == 0
    assert leaves['units.blob'].within == (OWN, 'vendor_msgs/msg/Unit')
    assert leaves['header.frame_id'].within == (OWN, 'std_msgs/msg/Header')


def test_a_usual_type_of_another_release_is_read_by_its_own_definition(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        topic = writer.add_topic('/log', STRING, definition='uint32 level\nstring data\n')
        writer.write(topic, 1, b'\0\1\0\0' + b'\7\0\0\0' + b'\3\0\0\0hi\0')
        writer.add_topic('/image', IMAGE)
    with BagReader(tmp_path / 'bag') as reader:
        (message,) = reader.messages()
        decoded = reader.decode(STRING, message.data)
        assert (decoded.level, decoded.data) == (7, 'hi')
        assert len(reader.leaves(IMAGE)) > 5
    # And it stays with that bag.
    with BagReader(write_bag(tmp_path / 'other', strings(1))) as reader:
        assert [leaf.path for leaf in reader.leaves(STRING)] == ['data']


def test_definitions_in_idl_are_read_and_kept(tmp_path):
    text = (
        '=' * 80 + f'\nIDL: {OWN}\nmodule vendor_msgs {{ module msg {{ struct Reading '
        '{ sequence<uint8> data; }; }; };\n'
    )
    for path, source in ((tmp_path / 'first', None), (tmp_path / 'second', tmp_path / 'first')):
        with BagWriter(path) as writer:
            if source is None:
                writer.add_topic('/own', OWN, definition=text, type_hash=OWN_HASH)
            else:
                with BagReader(source) as reader:
                    writer.add_like(reader.topics[0])
        with BagReader(path) as reader:
            assert reader.topics[0].definition == text
            assert reader.leaves(OWN) == [Leaf('data', 'uint8', 0, (OWN,))]


def test_arrays_within_arrays_count_as_all_of_them_together(tmp_path):
    part = '=' * 80 + '\nMSG: vendor_msgs/Row\nuint8[64] cells\nuint8 kind\n'
    with BagWriter(tmp_path / 'bag') as writer:
        for name, rows in (('A', '[3]'), ('B', '[]'), ('C', '')):
            text = f'vendor_msgs/Row{rows} rows\n{part}'
            writer.add_topic(f'/{name}', f'vendor_msgs/msg/{name}', definition=text)
    with BagReader(tmp_path / 'bag') as reader:
        found = [[leaf.most for leaf in reader.leaves(f'vendor_msgs/msg/{n}')] for n in 'ABC']
    assert found == [[192, 3], [0, 0], [64, 1]]


def test_a_type_that_holds_itself_is_unknown(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/own', OWN, definition='vendor_msgs/Reading[] more\n')
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.leaves(OWN) is None


def test_a_type_that_holds_an_unknown_one_is_unknown(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/own', OWN, definition='vendor_msgs/Secret secret\n')
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.leaves(OWN) is None
        assert reader.leaves('nobody_msgs/msg/Ever') is None


@pytest.mark.parametrize('little', [True, False])
def test_either_byte_order_is_read_and_written_again_as_it_was(tmp_path, little):
    message = image(noise(4, 5), stamp=Stamp(77, 88))
    path = write_bag(tmp_path / 'bag', [Entry('/front', IMAGE, message, 1)])
    with BagReader(path) as reader:
        native = reader.types.serialize_cdr(
            converted(reader.types, IMAGE, message), IMAGE, little_endian=little
        )
        data = bytes(native)
        decoded = reader.decode(IMAGE, data)
        assert (decoded.width, decoded.header.stamp.sec) == (5, 77)
        assert reader.encode(IMAGE, decoded, data) == data


def test_a_decoded_image_is_a_view_of_its_buffer(tmp_path):
    path = write_bag(tmp_path / 'bag', [Entry('/front', IMAGE, image(noise(4, 5)), 1)])
    with BagReader(path) as reader:
        (found,) = reader.messages()
        buffer = bytearray(found.data)
        decoded = reader.decode(IMAGE, buffer)
        assert np.shares_memory(decoded.data, np.frombuffer(buffer, np.uint8))
        decoded.data[0] ^= 0xFF
        assert buffer != found.data
        assert not reader.decode(IMAGE, bytes(found.data)).data.flags.writeable


@pytest.mark.parametrize('length', [0, 1, 3, 4, 5, 20, 40, -1])
def test_a_message_cut_off_is_a_frame_that_can_not_be_read(tmp_path, length):
    path = write_bag(tmp_path / 'bag', [Entry('/front', IMAGE, image(noise(4, 5)), 1)])
    with BagReader(path) as reader:
        (found,) = reader.messages()
        with pytest.raises(FrameError, match=IMAGE):
            reader.decode(IMAGE, bytes(found.data)[:length])


# --- A target appears whole or not at all


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_after_an_exception_nothing_is_left(tmp_path, storage, error):
    path = tmp_path / 'deep' / 'er' / 'bag'
    with pytest.raises(error), BagWriter(path, storage) as writer:  # noqa: PT012
        topic = writer.add_topic('/log', STRING)
        writer.write(topic, 1, b'\0\1\0\0' + bytes(100_000))
        (writer.folder / 'more.json').write_text('{}')
        raise error
    assert nothing_left_in(tmp_path)


def test_parents_that_were_there_stay_with_what_is_in_them(tmp_path):
    (tmp_path / 'deep').mkdir()
    with pytest.raises(RuntimeError), BagWriter(tmp_path / 'deep' / 'er' / 'bag'):
        raise RuntimeError
    assert [item.name for item in tmp_path.iterdir()] == ['deep']
    assert nothing_left_in(tmp_path / 'deep')


@pytest.mark.parametrize('storage', STORAGES)
def test_until_the_end_there_is_no_target(tmp_path, storage):
    path = tmp_path / 'new' / 'bag'
    with BagWriter(path, storage) as writer:
        writer.write(writer.add_topic('/log', STRING), 1, b'\0\1\0\0\1\0\0\0\0')
        assert not path.exists()
        assert writer.folder.parent.parent == path.parent, 'renaming needs the same file system'
        assert writer.folder.parent.name.startswith('.')
        (writer.folder / 'extra.json').write_text('{}')
    assert (path / 'extra.json').is_file()
    assert [item.name for item in path.parent.iterdir()] == ['bag']


@pytest.mark.parametrize('kind', ['folder', 'empty folder', 'file', 'link', 'dead link'])
def test_what_exists_is_not_overwritten(tmp_path, kind):
    path = tmp_path / 'bag'
    if kind == 'file':
        path.write_text('mine')
    elif 'link' in kind:
        path.symlink_to(tmp_path / 'elsewhere')
        if kind == 'link':
            (tmp_path / 'elsewhere').mkdir()
    else:
        path.mkdir()
        if kind == 'folder':
            (path / 'mine').write_text('mine')
    before = sorted(item.name for item in tmp_path.iterdir())
    with pytest.raises(InputError, match='exists already') as raised, BagWriter(path):
        pass
    assert repr(str(path)) in str(raised.value)
    assert sorted(item.name for item in tmp_path.iterdir()) == before


def test_a_target_that_came_into_being_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / 'bag'
    with pytest.raises(InputError, match='meanwhile'), BagWriter(path):  # noqa: PT012
        path.mkdir()
        (path / 'mine').write_text('mine')
    assert [item.name for item in tmp_path.iterdir()] == ['bag']
    assert [item.name for item in path.iterdir()] == ['mine']


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / 'file').write_text('mine')
    writer = BagWriter(tmp_path / 'file' / 'bag')
    with pytest.raises(InputError, match='can not be written to'), writer:
        pass
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('place', ['write', 'close', 'add_topic'])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, storage, place, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    target = BagWriter(tmp_path / 'new' / 'bag', storage)
    with pytest.raises(InputError, match='No space left') as raised, target as writer:  # noqa: PT012
        topic = writer.add_topic('/log', STRING)
        monkeypatch.setattr(STORAGE_WRITERS[storage], place, full)
        writer.write(topic, 1, b'\0\1\0\0')
        writer.add_topic('/other', STRING)
    assert str(tmp_path / 'new' / 'bag') in str(raised.value)
    assert nothing_left_in(tmp_path)


# --- What is no bag


def test_an_absent_path_is_refused(tmp_path):
    with pytest.raises(InputError, match='does not exist') as raised, BagReader(tmp_path / 'no'):
        pass
    assert repr(str(tmp_path / 'no')) in str(raised.value)


def broken(tmp_path, kind):
    path = write_bag(tmp_path / 'bag', strings(40), 'sqlite3' if 'sqlite' in kind else 'mcap')
    storage = next(item for item in path.iterdir() if item.suffix != '.yaml')
    if kind == 'empty folder':
        shutil.rmtree(path)
        path.mkdir()
    elif kind == 'metadata is no YAML':
        (path / 'metadata.yaml').write_text('{ : [')
    elif kind == 'metadata is a list':
        (path / 'metadata.yaml').write_text('[1, 2]')
    elif kind == 'metadata is bytes':
        (path / 'metadata.yaml').write_bytes(b'\xff\xfe\x00')
    elif kind == 'storage is absent':
        storage.unlink()
    elif kind.endswith('truncated'):
        data = storage.read_bytes()
        storage.write_bytes(data[: len(data) * 2 // 3])
    elif kind.endswith('garbage'):
        storage.write_bytes(b'garbage ' * 500)
    elif kind == 'storage is empty':
        storage.write_bytes(b'')
    elif kind == 'a photo':
        path = tmp_path / 'photo.jpg'
        path.write_bytes(b'\xff\xd8\xff')
    elif kind == 'a text named mcap':
        path = tmp_path / 'notes.mcap'
        path.write_text('notes')
    elif kind == 'an empty db3':
        path = tmp_path / 'empty.db3'
        path.write_bytes(b'')
    elif kind == 'only the magic':
        path = tmp_path / 'begun.mcap'
        path.write_bytes(b'\x89MCAP0\r\n')
    elif kind == 'ros1 bag':
        path = tmp_path / 'old.bag'
        path.write_bytes(b'#ROSBAG V2.0\n')
    return path


@pytest.mark.parametrize(
    'kind',
    [
        'empty folder',
        'metadata is no YAML',
        'metadata is a list',
        'metadata is bytes',
        'storage is absent',
        'storage is empty',
        'mcap garbage',
        'sqlite truncated',
        'sqlite garbage',
        'a photo',
        'a text named mcap',
        'an empty db3',
        'ros1 bag',
        'only the magic',
    ],
)
def test_what_is_no_whole_bag_is_refused_with_a_remedy(tmp_path, kind):
    path = broken(tmp_path, kind)
    before = digest(path)
    with pytest.raises(InputError) as raised, BagReader(path) as reader:
        list(reader.messages())
    assert repr(str(path)) in str(raised.value)
    assert digest(path) == before


@pytest.mark.parametrize('error', [MemoryError, struct.error, AssertionError, ZeroDivisionError])
@pytest.mark.parametrize('place', [(SeekingReader, 'get_summary'), (mcap_chunks, 'breakup_chunk')])
def test_whatever_the_parser_raises_the_bag_is_refused(tmp_path, monkeypatch, error, place):
    path = write_bag(tmp_path / 'bag', strings())

    def fail(*args, **kwargs):
        raise error('told to fail')

    monkeypatch.setattr(*place, fail)
    with pytest.raises(InputError, match='told to fail'), BagReader(path) as reader:
        list(reader.messages())


def test_what_the_consumer_raises_is_its_own(tmp_path):
    with BagReader(write_bag(tmp_path / 'bag', strings())) as reader, pytest.raises(ValueError):  # noqa: PT011
        [int(message.topic.name) for message in reader.messages()]


@pytest.mark.parametrize('storage', STORAGES)
def test_a_bag_with_bytes_changed_anywhere_is_read_or_refused(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', strings(40), storage)
    (file,) = (item for item in path.iterdir() if item.suffix != '.yaml')
    sound = file.read_bytes()
    random = np.random.default_rng(7)
    whole = [data for _, data in read_bag(path)['/log']]
    read, refused = 0, 0
    for _ in range(60):
        data = bytearray(sound)
        at = int(random.integers(len(data) - 8))
        data[at : at + 8] = random.bytes(8)
        file.write_bytes(data)
        try:
            with BagReader(path) as reader:
                found = [bytes(message.data) for message in reader.messages()]
        except InputError:
            refused += 1
        else:
            # Eight bytes that are changed are in one message, or in two that lie side by side.
            assert sum(data not in whole for data in found) <= 2
            read += 1
    assert read >= 5
    assert refused >= 5


@pytest.mark.parametrize('storage', STORAGES)
def test_reading_changes_nothing(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', strings(), storage)
    before = digest(tmp_path)
    read_bag(path)
    assert digest(tmp_path) == before
