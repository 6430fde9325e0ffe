"""What an MCAP file says of channels and types is kept, if it is too short for a picture."""

import sqlite3

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer
from samples.bags import STRING, read_bag
from samples.detectors import BrightDetector
from samples.recordings import TEXT, cdr

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.offline.output import Output
from anonymizer_node.proof.verify import verify_bag

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
OWN = ('offered_qos_profiles', 'topic_type_hash')
IDL = (
    'module std_msgs { module msg { struct String { string data; }; }; };',
    '=' * 80 + '\nIDL: std_msgs/msg/String\n'
    'module std_msgs { module msg { struct String { string data; }; }; };\n',
)


def bag(path, *channels, language='ros2msg', text=TEXT, records=()):
    """A .mcap file of one message for each channel: (topic, what is said of it)."""
    with path.open('wb') as stream:
        writer = Writer(stream)
        writer.start(profile='ros2', library='test')
        schema = writer.register_schema(STRING, language, text.encode())
        for index, (topic, said) in enumerate(channels):
            key = writer.register_channel(topic, 'cdr', schema, said)
            writer.add_message(key, 100 + index, cdr(f'{index}'), 100 + index, 40 + index)
        for name, values in records:
            writer.add_metadata(name, values)
        writer.finish()
    return path


def run(source, target, **output):
    report = anonymize_bag(source, target, SETTINGS, [BrightDetector()], output=Output(**output))
    assert read_bag(target) == read_bag(source)
    assert verify_bag(source, target).failed() == ([] if report.clean else ['run-clean'])
    return report


def summary_of(target):
    (file,) = target.glob('*.mcap')
    with file.open('rb') as stream:
        return make_reader(stream).get_summary()


def words_of(target):
    """Topic -> what is said of its channel, but for what rosbag2 says."""
    return {
        channel.topic: {key: value for key, value in channel.metadata.items() if key not in OWN}
        for channel in summary_of(target).channels.values()
    }


@pytest.mark.parametrize('again', [False, True])
def test_what_is_said_of_a_channel_is_kept(tmp_path, again):
    """Also of a directory, whose metadata.yaml doesn't say it."""
    said = {'offered_qos_profiles': '', 'serial': 'a 7', 'lens': 'wide ä'}
    source = bag(tmp_path / 'in.mcap', ('/log', said), ('/plain', {}))
    if again:
        run(source, tmp_path / 'first')
        source = tmp_path / 'first'
        (source / 'anonymization.json').unlink()
        (source / 'regions.jsonl').unlink()
    report = run(source, tmp_path / 'out')
    assert report.clean
    assert report.notes == []
    assert words_of(tmp_path / 'out') == {'/log': {'serial': 'a 7', 'lens': 'wide ä'}, '/plain': {}}


def test_two_channels_that_become_one_are_both_heard_and_where_they_differ_it_is_noted(tmp_path):
    source = bag(
        tmp_path / 'in.mcap', ('/log', {'a': '1', 'b': '2'}), ('/log', {'b': 'two', 'c': '3'})
    )
    report = run(source, tmp_path / 'out')
    assert report.clean
    assert words_of(tmp_path / 'out') == {'/log': {'a': '1', 'b': '2', 'c': '3'}}
    (note,) = report.notes
    assert note == '/log has channels that say two things of the same; the first is kept.'


@pytest.mark.parametrize(
    'said',
    [
        [{'jpg': 'A' * 256}],
        [{'A' * 256: 'jpg'}],
        [{f'part {index}': chr(65 + index) * 250 for index in range(17)}],
        [{'part': f'{index}' + 'B' * 240} for index in range(18)],
    ],
    ids=['a long value', 'a long key', 'many in one', 'many in all'],
)
def test_what_may_be_a_picture_is_left_out_and_told(tmp_path, said):
    channels = [(f'/log{index}', words) for index, words in enumerate(said)]
    source = bag(tmp_path / 'in.mcap', *channels)
    report = run(source, tmp_path / 'out')
    assert not report.clean
    assert report.losses == [
        'What is said of the channels is left out: it is large enough to hold a picture.'
    ]
    assert all(words == {} for words in words_of(tmp_path / 'out').values())


def test_words_that_all_channels_have_count_once(tmp_path):
    channels = [(f'/log{index}', {'recorder': 'x' * 200}) for index in range(50)]
    source = bag(tmp_path / 'in.mcap', *channels)
    assert run(source, tmp_path / 'out').clean
    assert len(words_of(tmp_path / 'out')) == 50
    assert all(words == {'recorder': 'x' * 200} for words in words_of(tmp_path / 'out').values())


def test_records_and_channels_together_are_no_more_than_a_picture_needs(tmp_path):
    said = {f'part {index}': chr(65 + index) * 250 for index in range(15)}
    source = bag(tmp_path / 'in.mcap', ('/log', said), records=[('more', {'part': 'z' * 250})])
    report = run(source, tmp_path / 'out')
    assert words_of(tmp_path / 'out') == {'/log': said}
    assert [loss[:29] for loss in report.losses] == ["The metadata record 'more' is"]
    alone = run(bag(tmp_path / 'alone.mcap', ('/log', said)), tmp_path / 'other')
    assert alone.clean


def test_a_storage_without_a_place_for_it_loses_it_aloud(tmp_path):
    source = bag(tmp_path / 'in.mcap', ('/log', {'serial': '7'}))
    report = run(source, tmp_path / 'out', storage='sqlite3')
    assert report.losses == [
        "What channels say under 'serial' is left out: sqlite3 has no place for it."
    ]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize(
    ('language', 'text'), [('omgidl', IDL[0]), ('ros2idl', IDL[1]), ('ros2msg', TEXT)]
)
def test_the_language_of_a_definition_is_called_what_it_was_called(
    tmp_path, language, text, storage
):
    source = bag(tmp_path / 'in.mcap', ('/log', {}), language=language, text=text)
    assert run(source, tmp_path / 'out', storage=storage).clean
    if storage == 'mcap':
        (schema,) = summary_of(tmp_path / 'out').schemas.values()
        found = schema.encoding, schema.data.decode()
    else:
        (file,) = (tmp_path / 'out').glob('*.db3')
        with sqlite3.connect(file) as database:
            rows = 'SELECT encoding, encoded_message_definition FROM message_definitions'
            (found,) = database.execute(rows)
        database.close()
        run(tmp_path / 'out', tmp_path / 'back', storage='mcap')
        (schema,) = summary_of(tmp_path / 'back').schemas.values()
        assert (schema.encoding, schema.data.decode()) == (language, text)
    assert found == (language, text)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_picture_in_a_key_or_called_a_hash_does_not_get_out(tmp_path, storage):
    coded = '/9j/' + 'Ab3d' * 500
    said = {'topic_type_hash': coded}
    source = bag(tmp_path / 'in.mcap', ('/log', {coded: '7', **said}), ('/log', {coded: '8'}))
    report = run(source, tmp_path / 'out', storage=storage)
    assert 'The type hash of /log is left out: it is none.' in report.losses
    assert not any(b'Ab3d' in path.read_bytes() for path in (tmp_path / 'out').iterdir())


def test_a_picture_in_the_name_of_a_record_is_not_in_the_report(tmp_path):
    coded = '/9j/' + 'Ab3d' * 500
    source = bag(tmp_path / 'in.mcap', ('/log', {}), records=[(coded, {'a': 'b'})])
    report = run(source, tmp_path / 'out')
    assert any(loss.startswith("The metadata record '/9j/Ab3d") for loss in report.losses)
    for path in (tmp_path / 'out').iterdir():
        assert b'Ab3d' * 20 not in path.read_bytes()


@pytest.mark.parametrize('said', ['/9j/' + 'A' * 4000, b'\xff\xd8\xff' * 500, None])
def test_what_is_no_name_of_a_language_is_left_out(tmp_path, said):
    source = tmp_path / 'in'
    run(bag(tmp_path / 'in.mcap', ('/log', {})), source, storage='sqlite3')
    (file,) = source.glob('*.db3')
    with sqlite3.connect(file) as database:
        database.execute('CREATE TABLE other AS SELECT * FROM message_definitions')
        database.execute('DROP TABLE message_definitions')
        database.execute('UPDATE other SET encoding = ?', [said])
        database.execute('ALTER TABLE other RENAME TO message_definitions')
    database.close()
    for storage in ('sqlite3', 'mcap'):
        target = tmp_path / storage
        run(source, target, storage=storage)
        assert not any(b'/9j/' in path.read_bytes() for path in target.iterdir())
        with BagReader(target) as reader:
            assert [(item.language, item.definition) for item in reader.topics] == [
                ('ros2msg', TEXT)
            ]


def test_words_that_were_not_in_the_input_are_found_by_the_proof(tmp_path):
    source = bag(tmp_path / 'in.mcap', ('/log', {'serial': '7'}))
    run(source, tmp_path / 'out')
    other = bag(tmp_path / 'other.mcap', ('/log', {'serial': '8'}))
    verdict = verify_bag(other, tmp_path / 'out')
    assert not verdict.check('attached').passed
    with BagReader(source) as reader:
        assert reader.topics[0].words == (('serial', '7'),)
