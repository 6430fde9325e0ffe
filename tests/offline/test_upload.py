"""Uploads: whole at their place or known not to be, whatever breaks them off and when."""

import json
import os
import signal
import threading

import pytest
from samples.stores import breaks_at, contents, memory_store, stored

from anonymizer_node.core.errors import InputError, StorageError
from anonymizer_node.formats.bags import METADATA_NAME
from anonymizer_node.offline import upload
from anonymizer_node.offline.remote import UPLOADING, Remote
from anonymizer_node.offline.report import REPORT_NAME
from anonymizer_node.offline.upload import check_free, publish

PLACE = Remote('memory://bucket/out')
WAIT_S = 30


@pytest.fixture
def store():
    with memory_store() as made:
        yield made


@pytest.fixture
def made(tmp_path):
    """A finished recording of four files, in the order in which they are put there."""
    folder = tmp_path / 'made'
    folder.mkdir()
    for name in ('out.mcap', 'regions.jsonl', METADATA_NAME, REPORT_NAME):
        (folder / name).write_bytes(f'what is in {name}'.encode())
    return folder


def raising(error, arrives=False):
    def happens(put):
        if arrives:
            put()
        raise error

    return happens


def killed_at(store, monkeypatch, made, number):
    """Leave what a run leaves that is killed with so many files put there."""
    with monkeypatch.context() as patch:
        breaks_at(store, patch, number, raising(ConnectionError('killed'), arrives=True))
        patch.setattr(type(store), 'rm_file', lambda self, path: None)  # The dead tidy nothing up.
        with pytest.raises(StorageError):
            publish(made, PLACE)


def test_a_whole_one_is_there_and_nothing_else(store, made):
    check_free(PLACE)
    assert stored(store, PLACE.url) == {}
    publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


# --- The store fails


@pytest.mark.parametrize('number', [1, 2, 3])
@pytest.mark.parametrize('arrives', [False, True])
def test_one_that_breaks_leaves_nothing(store, made, monkeypatch, number, arrives):
    breaks_at(store, monkeypatch, number, raising(ConnectionError('the line is cut'), arrives))
    with pytest.raises(StorageError, match='the line is cut') as caught:
        publish(made, PLACE)
    assert 'is left' not in str(caught.value)
    assert stored(store, PLACE.url) == {}


def test_a_report_that_is_refused_leaves_nothing(store, made, monkeypatch):
    breaks_at(store, monkeypatch, 4, raising(PermissionError('Access Denied')))
    with pytest.raises(StorageError, match='Access Denied'):
        publish(made, PLACE)
    assert stored(store, PLACE.url) == {}


def test_where_only_the_answer_is_lost_all_is_well(store, made, monkeypatch):
    breaks_at(store, monkeypatch, 4, raising(ConnectionError('the line is cut'), arrives=True))
    publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


def test_a_report_that_may_still_arrive_never_lies_there_alone(store, made, monkeypatch):
    late = []

    def happens(put):
        late.append(put)
        raise TimeoutError('no answer')

    breaks_at(store, monkeypatch, 4, happens)
    with pytest.raises(StorageError, match=r'no answer.* the next run on .* begins anew'):
        publish(made, PLACE)
    left = stored(store, PLACE.url)
    assert set(left) == {*contents(made), UPLOADING} - {REPORT_NAME}
    late[0]()
    assert stored(store, PLACE.url).items() >= contents(made).items()
    with pytest.raises(InputError, match='not overwritten'):
        publish(made, PLACE)


def test_what_can_not_be_taken_away_is_said_to_be_there(store, made, monkeypatch):
    def refuse(self, path):
        raise PermissionError('Access Denied')

    with monkeypatch.context() as patch:
        breaks_at(store, patch, 3, raising(PermissionError('no more')))
        patch.setattr(type(store), 'rm_file', refuse)
        with pytest.raises(StorageError, match=r'no more.* What was put there is left'):
            publish(made, PLACE)
    assert set(stored(store, PLACE.url)) == {'out.mcap', 'regions.jsonl', UPLOADING}
    publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


def test_a_report_that_can_not_be_taken_away_keeps_the_rest(store, made, monkeypatch):
    remove = type(store).rm_file

    def rm_file(self, path):
        if path.endswith(REPORT_NAME):
            raise PermissionError('Access Denied')
        remove(self, path)

    def among_others(put):
        put()
        store.pipe_file('/bucket/out/theirs', b'theirs')

    monkeypatch.setattr(type(store), 'rm_file', rm_file)
    breaks_at(store, monkeypatch, 4, among_others)
    with pytest.raises(StorageError, match="'theirs' is another one"):
        publish(made, PLACE)
    assert stored(store, PLACE.url).items() >= contents(made).items()


def test_a_store_that_takes_nothing_is_refused_before_any_work(store, monkeypatch):
    def refuse(self, path, value, **how):
        raise PermissionError('Access Denied')

    monkeypatch.setattr(type(store), 'pipe_file', refuse)
    with pytest.raises(StorageError, match='Access Denied'):
        check_free(PLACE)


# --- The run is killed


@pytest.mark.parametrize('number', [1, 2, 3])
def test_after_one_that_was_killed_the_next_one_is_whole(store, made, monkeypatch, number):
    killed_at(store, monkeypatch, made, number)
    left = stored(store, PLACE.url)
    assert len(left) == number + 1
    assert UPLOADING in left
    assert REPORT_NAME not in left
    assert (METADATA_NAME in left) == (number == 3), 'it is the last but one'
    (made / 'out.mcap').rename(made / 'out.db3')  # Packed otherwise this time.
    check_free(PLACE)
    assert stored(store, PLACE.url) == left, 'until there is something to take its place'
    publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


def test_killed_while_it_takes_away_what_was_left_it_is_known_still(store, made, monkeypatch):
    killed_at(store, monkeypatch, made, 3)
    remove, removed = type(store).rm_file, []

    def rm_file(self, path):
        if removed:
            raise ConnectionError('killed')
        removed.append(path)
        remove(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(type(store), 'rm_file', rm_file)
        with pytest.raises(StorageError):
            publish(made, PLACE)
    assert removed == [f'/bucket/out/{METADATA_NAME}'], 'by which others know a recording'
    publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


# --- The run is interrupted


@pytest.fixture
def interruptible():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_interrupted_it_takes_away_what_is_on_its_way_too(store, made, monkeypatch, interruptible):
    taken, arrived, remove = threading.Event(), threading.Event(), type(store).rm_file

    def rm_file(self, path):
        taken.set()
        remove(self, path)

    def late(put):
        interrupt()
        taken.wait(1)  # In vain: nothing is taken away before this is there.
        put()
        arrived.set()

    monkeypatch.setattr(type(store), 'rm_file', rm_file)
    breaks_at(store, monkeypatch, 4, late)
    with pytest.raises(KeyboardInterrupt):
        publish(made, PLACE)
    assert arrived.wait(WAIT_S)
    assert stored(store, PLACE.url) == {}


def test_interrupted_it_gives_up_a_long_file(store, made, monkeypatch, interruptible):
    given_up = []

    def put_file(self, here, there, callback, **how):
        interrupt()
        try:
            for _ in iter(lambda: given_up or threading.Event().wait(0.01), True):
                callback.relative_update(1)
        except BaseException as error:
            given_up.append(error)
            raise

    monkeypatch.setattr(type(store), 'put_file', put_file)
    with pytest.raises(KeyboardInterrupt):
        publish(made, PLACE)
    assert [type(error) for error in given_up] == [InterruptedError]
    assert stored(store, PLACE.url) == {}


@pytest.mark.parametrize('number', [1, 4])
def test_interrupted_while_the_store_hangs_it_leaves_what_belongs_together(
    store, made, monkeypatch, interruptible, number
):
    release, arrived = threading.Event(), threading.Event()

    def hang(put):
        interrupt()
        release.wait(WAIT_S)
        put()
        arrived.set()

    monkeypatch.setattr(upload, 'PATIENCE_S', 0.1)
    with monkeypatch.context() as patch:
        breaks_at(store, patch, number, hang)
        with pytest.raises(KeyboardInterrupt):
            publish(made, PLACE)
        release.set()
        assert arrived.wait(WAIT_S)
    left = stored(store, PLACE.url)
    if number == 4:
        assert left.items() >= contents(made).items()
    else:
        assert set(left) == {UPLOADING, 'out.mcap'}
        publish(made, PLACE)
        assert stored(store, PLACE.url) == contents(made)


# --- Somebody else


@pytest.mark.parametrize('refusing', [check_free, lambda place: publish(place.made, place)])
@pytest.mark.parametrize('name', ['theirs', METADATA_NAME, 'out.mcap'])
def test_others_files_are_never_written_over(store, made, name, refusing):
    store.pipe_file(f'/bucket/out/{name}', b'theirs')
    place = Remote(PLACE.url)
    object.__setattr__(place, 'made', made)
    with pytest.raises(InputError, match='holds 1 files that no run of this program'):
        refusing(place)
    assert stored(store, PLACE.url) == {name: b'theirs'}


def test_others_files_beside_what_a_killed_try_left_are_left_alone(store, made, monkeypatch):
    killed_at(store, monkeypatch, made, 2)
    store.pipe_file('/bucket/out/theirs', b'theirs')
    before = stored(store, PLACE.url)
    with pytest.raises(StorageError, match="holds 'theirs' beside an upload"):
        publish(made, PLACE)
    assert stored(store, PLACE.url) == before


@pytest.mark.parametrize('text', [b'theirs', b'[]', b'{}', b'\xff'])
def test_a_marker_that_is_none_is_refused(store, made, text):
    store.pipe_file(f'/bucket/out/{UPLOADING}', text)
    with pytest.raises(StorageError, match='can not be read'):
        publish(made, PLACE)
    assert stored(store, PLACE.url) == {UPLOADING: text}


def test_files_that_appear_meanwhile_are_left_and_it_is_taken_back(store, made, monkeypatch):
    def among_others(put):
        put()
        store.pipe_file('/bucket/out/theirs', b'theirs')

    breaks_at(store, monkeypatch, 2, among_others)
    with pytest.raises(StorageError, match="'theirs' is another one"):
        publish(made, PLACE)
    assert stored(store, PLACE.url) == {'theirs': b'theirs'}


@pytest.mark.parametrize('number', [1, 3, 4])
def test_one_that_fails_leaves_what_another_run_finished(store, made, monkeypatch, number):
    def overtaken(put):
        publish(made, PLACE)
        raise ConnectionError('the line is cut')

    breaks_at(store, monkeypatch, number, overtaken)
    with pytest.raises(StorageError, match='the line is cut'):
        publish(made, PLACE)
    assert stored(store, PLACE.url) == contents(made)


def test_one_that_another_run_has_overtaken_writes_no_report(store, made, monkeypatch):
    def overtaken(put):
        put()
        other = json.dumps({'files': ['out.mcap', 'regions.jsonl', METADATA_NAME]}).encode()
        store.pipe_file(f'/bucket/out/{UPLOADING}', other)

    breaks_at(store, monkeypatch, 3, overtaken)
    with pytest.raises(StorageError, match='Another run puts a recording at'):
        publish(made, PLACE)
    assert set(stored(store, PLACE.url)) == {*contents(made), UPLOADING} - {REPORT_NAME}
