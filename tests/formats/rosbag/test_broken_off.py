"""Recordings that broke off are read up to the break, and say so."""

import contextlib
import shutil
import sqlite3

import numpy as np
import pytest
from samples.bags import STORAGES, STRING, digest
from samples.recordings import cdr, mcap_file, split_bag, texts_of

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader

TEXTS = [f'line {index} ' + 'x' * 300 for index in range(60)]


def opened(path):
    """Texts, declared count, losses."""
    with BagReader(path) as reader:
        texts = [reader.decode(STRING, message.data).data for message in reader.messages()]
        return texts, sum(topic.count for topic in reader.topics), reader.losses


@pytest.mark.parametrize('compression', ['', 'lz4', 'zstd'])
@pytest.mark.parametrize('chunked', [True, False])
def test_a_truncated_mcap_is_read_up_to_the_break_wherever_that_is(tmp_path, compression, chunked):
    whole = mcap_file(tmp_path / 'in.mcap', TEXTS, compression, use_chunking=chunked).read_bytes()
    cut = tmp_path / 'cut.mcap'
    most = 0
    for length in range(200, len(whole) - 1, 97 if len(whole) > 4000 else 23):
        cut.write_bytes(whole[:length])
        if not most:
            with contextlib.suppress(InputError):
                opened(cut)
                most = 1
            if not most:
                continue
        texts, declared, losses = opened(cut)
        assert texts == TEXTS[: len(texts)], 'whole messages, in order, from the first'
        assert declared == len(texts) >= most
        assert len(losses) == 1
        assert 'cut.mcap breaks off' in losses[0]
        most = len(texts)
    assert most == len(TEXTS), 'with only the index lost, no message is'


def test_a_message_that_is_cut_in_two_is_not_read_as_one(tmp_path):
    whole = mcap_file(tmp_path / 'in.mcap', ['a', 'b' * 1000], use_chunking=False).read_bytes()
    (tmp_path / 'cut.mcap').write_bytes(whole[: whole.index(b'b' * 1000) + 500])
    assert opened(tmp_path / 'cut.mcap')[0] == ['a']


def test_an_mcap_with_zeros_behind_the_break_is_read_up_to_it(tmp_path):
    """What a file system leaves of a file that was longer than what had been written."""
    whole = mcap_file(tmp_path / 'in.mcap', TEXTS, 'zstd').read_bytes()
    (tmp_path / 'cut.mcap').write_bytes(whole[: len(whole) // 2] + bytes(5000))
    texts, declared, losses = opened(tmp_path / 'cut.mcap')
    assert 0 < len(texts) == declared < len(TEXTS)
    assert 'breaks off' in losses[0]


def test_an_mcap_without_an_index_is_whole(tmp_path):
    path = mcap_file(
        tmp_path / 'in.mcap',
        TEXTS,
        'lz4',
        use_statistics=False,
        use_summary_offsets=False,
        repeat_channels=False,
        repeat_schemas=False,
    )
    assert opened(path) == (TEXTS, len(TEXTS), [])


def test_a_whole_mcap_with_a_damaged_chunk_is_refused(tmp_path):
    path = mcap_file(tmp_path / 'in.mcap', TEXTS)
    data = bytearray(path.read_bytes())
    at = data.index(b'line 30')
    data[at + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match='is damaged'):
        opened(path)


@pytest.mark.parametrize('text', [b'', b'\n', bytes(500)])
def test_metadata_into_which_nothing_was_written_is_none(tmp_path, text):
    path = split_bag(tmp_path / 'run', [['a'], ['b']])
    (path / 'metadata.yaml').write_bytes(text)
    texts, _, losses = opened(path)
    assert texts == ['a', 'b']
    assert 'or it is empty' in losses[0]


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('compression', ['none', 'file', 'message'])
def test_without_metadata_the_files_are_read_in_order(tmp_path, storage, compression):
    # Eleven parts: by name the tenth would come second.
    parts = [[f'{index}a', f'{index}b'] for index in range(11)]
    path = split_bag(tmp_path / 'run', parts, storage, compression)
    with BagReader(path) as reader:
        described = reader.topics, reader.packing, reader.start_ns, reader.duration_ns
    (path / 'metadata.yaml').unlink()
    before = digest(path)
    texts, declared, losses = opened(path)
    assert texts == [text for part in parts for text in part]
    assert declared == 22
    assert len(losses) == 1
    assert 'There is no metadata.yaml' in losses[0]
    with BagReader(path) as reader:
        assert (reader.topics, reader.packing, reader.start_ns, reader.duration_ns) == described
    assert digest(path) == before


def test_the_last_file_of_a_recording_that_broke_off_is_read_as_far_as_it_goes(tmp_path):
    path = split_bag(tmp_path / 'run', [['a'], ['b'], ['c']])
    (path / 'metadata.yaml').unlink()
    last = path / 'run_2.mcap'
    last.write_bytes(last.read_bytes()[:-30])
    (path / 'run_3.mcap').touch()
    texts, _, losses = opened(path)
    assert texts == ['a', 'b', 'c']
    assert [next(w for w in ('no metadata', 'empty', 'breaks off') if w in t) for t in losses] == [
        'no metadata',
        'empty',
        'breaks off',
    ]


def test_a_recorder_killed_while_it_compressed_left_the_file_twice(tmp_path):
    path = split_bag(tmp_path / 'run', [['a'], ['b']], 'mcap', 'file')
    (path / 'metadata.yaml').unlink()
    plain = split_bag(tmp_path / 'plain' / 'run', [['a'], ['b']], 'mcap')
    shutil.copy(plain / 'run_1.mcap', path / 'run_1.mcap')
    packed = path / 'run_1.mcap.zstd'
    packed.write_bytes(packed.read_bytes()[:20])
    assert opened(path)[0] == ['a', 'b']


def test_a_compressed_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    random = np.random.default_rng(0)
    long = [random.bytes(2000).hex() for _ in range(800)]
    path = split_bag(tmp_path / 'run', [['a'], long], 'mcap', 'file')
    (path / 'metadata.yaml').unlink()
    packed = path / 'run_1.mcap.zstd'
    packed.write_bytes(packed.read_bytes()[:-200])
    texts, declared, losses = opened(path)
    assert 100 < len(texts) == declared < len(long)
    assert texts == ['a', *long][: len(texts)]
    assert 'run_1.mcap.zstd breaks off' in losses[1]
    assert 'run_1.mcap breaks off' in losses[2]
    # So early that nothing of it is left.
    packed.write_bytes(packed.read_bytes()[:200])
    texts, _, losses = opened(path)
    assert texts == ['a']
    assert 'run_1.mcap.zstd' in losses[-1]


def test_files_of_several_names_are_no_recording_that_broke_off(tmp_path):
    for name in ('one.mcap', 'two.mcap'):
        mcap_file(tmp_path / name, ['a'])
    with pytest.raises(InputError, match='nor files of one recording'), BagReader(tmp_path):
        pass


def test_a_file_that_metadata_names_and_that_breaks_off_is_missing_messages(tmp_path):
    path = split_bag(tmp_path / 'run', [['a'], ['b'], TEXTS])
    last = path / 'run_2.mcap'
    last.write_bytes(last.read_bytes()[:9000])
    texts, declared, losses = opened(path)
    assert texts == ['a', 'b', *TEXTS][: len(texts)]
    assert declared == 2 + len(TEXTS)
    assert 'run_2.mcap breaks off' in losses[0]


# --- sqlite3


def recorder_killed(path, ending):
    """A .db3 whose recorder was killed before it closed it, with a -wal or a -journal."""
    made = split_bag(path.parent / 'made', [TEXTS[:40]], 'sqlite3')
    (file,) = made.glob('*.db3')
    live = path.parent / 'live.db3'
    shutil.copy(file, live)
    database = sqlite3.connect(live, isolation_level=None)
    mode = 'WAL' if ending == '-wal' else 'DELETE'
    database.execute(f'PRAGMA journal_mode={mode}').fetchall()
    if ending == '-wal':
        for index in range(40, 60):
            insert = 'INSERT INTO messages (topic_id, timestamp, data) VALUES (1, ?, ?)'
            database.execute(insert, (1000 + index, cdr(TEXTS[index])))
    else:
        # Half of a transaction is in the file already, and the journal knows how to undo it.
        database.execute('PRAGMA cache_size = 1')
        database.execute('BEGIN')
        database.execute("UPDATE messages SET data = x'00'")
    for name in ('', ending):
        shutil.copy(f'{live}{name}', f'{path}{name}')
    database.close()
    shutil.rmtree(made)
    for item in path.parent.glob('live.db3*'):
        item.unlink()


@pytest.mark.parametrize(('ending', 'count'), [('-wal', 60), ('-journal', 40)])
def test_what_sqlite_kept_beside_the_file_counts(tmp_path, ending, count):
    (tmp_path / 'bag').mkdir()
    path = tmp_path / 'bag' / 'run.db3'
    recorder_killed(path, ending)
    names = sorted(item.name for item in path.parent.iterdir())
    before = digest(path.parent)
    (tmp_path / 'scratch').mkdir()
    with BagReader(path, tmp_path / 'scratch') as reader:
        texts = [reader.decode(STRING, message.data).data for message in reader.messages()]
        assert 'was not closed' in reader.losses[0]
        assert f'run.db3{ending} holds' in reader.losses[0]
    assert texts == TEXTS[:count]
    assert digest(path.parent) == before
    assert sorted(item.name for item in path.parent.iterdir()) == names
    assert list((tmp_path / 'scratch').iterdir()) == []


def test_an_empty_wal_is_none(tmp_path):
    path = split_bag(tmp_path / 'run', [['a']], 'sqlite3')
    (path / 'run_0.db3-wal').touch()
    assert opened(path) == (['a'], 1, [])


@pytest.mark.parametrize('alone', [True, False])
def test_a_truncated_db3_is_read_up_to_the_break(tmp_path, alone):
    path = split_bag(tmp_path / 'run', [[text * 20 for text in TEXTS]], 'sqlite3')
    file = path / 'run_0.db3'
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    texts, declared, losses = opened(file if alone else path)
    assert 10 < len(texts) < len(TEXTS)
    assert texts == [text * 20 for text in TEXTS[: len(texts)]]
    assert declared == (len(texts) if alone else len(TEXTS))
    assert f'breaks off after {len(texts)} messages' in losses[0]


def test_texts_of_a_whole_bag_are_all(tmp_path):
    assert texts_of(split_bag(tmp_path / 'run', [TEXTS])) == TEXTS
