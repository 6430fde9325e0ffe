"""What the first pass has read, kept for the second one as long as there is room."""

import sqlite3
import threading

import pytest
from samples.bags import IMAGE, SECOND, STRING, Entry, write_bag
from samples.images import image, noise

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline import relay as module
from anonymizer_node.offline.judging import BagImages
from anonymizer_node.offline.relay import Relay

COUNT = 12
SIZE = 40 * 60 * 3


@pytest.fixture
def source(tmp_path):
    return write_bag(
        tmp_path / 'in',
        [
            entry
            for index in range(COUNT)
            for entry in (
                Entry('/front', IMAGE, image(noise(40, 60, seed=index)), 2 * index * SECOND),
                Entry('/log', STRING, f'line {index}', (2 * index + 1) * SECOND),
            )
        ],
    )


@pytest.fixture
def reader(source):
    with BagReader(source) as opened:
        yield opened


def images_of(reader, relay):
    return BagImages(reader, {('/front', IMAGE): ()}, relay)


def taken(relay, reader, tmp_path):
    return list(relay.messages(reader, tmp_path))


@pytest.mark.parametrize('most', [0, SIZE, 3 * SIZE, 10**9])
def test_every_message_comes_once_and_in_order(reader, tmp_path, monkeypatch, most):
    monkeypatch.setattr(module, 'MOST_BYTES', most)
    expected = list(reader.messages())
    relay = Relay()
    with images_of(reader, relay) as images:
        judged = list(images.items())
    assert [message for message, _ in judged] == expected[::2]
    messages = taken(relay, reader, tmp_path)
    assert [message for message, _ in messages] == expected
    # A digest comes with what was kept, and only with images.
    digests = [digest for _, digest in messages[::2]]
    whole = [digest for _, digest in judged]
    kept = sum(map(bool, digests))
    assert digests == whole[:kept] + [''] * (COUNT - kept)
    assert kept == {0: 0, SIZE: 0, 3 * SIZE: 2, 10**9: COUNT}[most]
    assert not any(digest for _, digest in messages[1::2])


def test_what_is_taken_out_makes_room(reader, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'MOST_BYTES', 2 * SIZE)
    relay = Relay()
    expected = list(reader.messages())
    out = relay.messages(reader, tmp_path)
    for message in expected:
        relay.put(message, 'digest')
        assert next(out) == (message, 'digest')
    relay.end(None)
    assert next(out, None) is None


def test_it_waits_for_what_is_to_come(reader, tmp_path):
    relay = Relay()
    found = []
    consumer = threading.Thread(target=lambda: found.extend(relay.messages(reader, tmp_path)))
    consumer.start()
    with images_of(reader, relay) as images:
        for _ in images.items():
            pass
    consumer.join(20)
    assert not consumer.is_alive()
    assert len(found) == 2 * COUNT


def test_what_ends_the_first_pass_ends_the_second(reader, tmp_path):
    relay = Relay()
    images = images_of(reader, relay)
    next(images.items())
    images.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    with pytest.raises(ZeroDivisionError):
        taken(relay, reader, tmp_path)


def test_what_was_not_read_to_its_end_is_not_taken_for_the_whole(reader, tmp_path):
    relay = Relay()
    with images_of(reader, relay) as images:
        next(images.items())
    with pytest.raises(InputError, match='not read to its end'):
        taken(relay, reader, tmp_path)


def test_a_bag_with_other_topics_than_when_it_was_planned_is_refused(
    reader, source, tmp_path, monkeypatch
):
    """Topics are told by their numbers: a raw image must not be taken for the log."""
    monkeypatch.setattr(module, 'MOST_BYTES', 0)
    relay = Relay()
    with images_of(reader, relay) as images:
        list(images.items())
    for path in source.iterdir():
        path.unlink()
    source.rmdir()
    write_bag(source, [Entry('/log', STRING, 'line', SECOND)])
    with pytest.raises(InputError, match='changes while it is read'):
        taken(relay, reader, tmp_path)


@pytest.mark.parametrize('most', [0, 3 * SIZE])
@pytest.mark.parametrize('change', ['DELETE FROM messages WHERE id = 24', 'again'])
def test_no_message_is_lost_between_two_readings(tmp_path, monkeypatch, most, change):
    monkeypatch.setattr(module, 'MOST_BYTES', most)
    entries = [Entry('/log', STRING, 'x' * SIZE, index * SECOND) for index in range(2 * COUNT)]
    source = write_bag(tmp_path / 'in', entries, storage='sqlite3')
    if change == 'again':
        change = 'INSERT INTO messages SELECT 99, topic_id, timestamp, data FROM messages LIMIT 1'
    with BagReader(source) as reader:
        relay = Relay()
        with images_of(reader, relay) as images:
            list(images.items())
        (file,) = source.glob('*.db3')
        with sqlite3.connect(file) as database:
            database.execute(change)
        database.close()
        with pytest.raises(InputError, match='changes while it is read'):
            taken(relay, reader, tmp_path)
