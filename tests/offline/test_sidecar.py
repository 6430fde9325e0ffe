"""The file of detections: what it holds, what of it is believed, what becomes of a broken one."""

import errno
import json
import os
import shutil
import threading
from io import FileIO
from types import SimpleNamespace

import numpy as np
import pytest
from samples.detectors import detections

from anonymizer_node.core.datatypes import Judgement
from anonymizer_node.core.errors import DetectorError, InputError
from anonymizer_node.formats.rosbag.model import BagMessage, Topic
from anonymizer_node.offline import private as module
from anonymizer_node.offline import pruning
from anonymizer_node.offline import sidecar as sidecar_module
from anonymizer_node.offline.chain import START, BrokenChainError, link, unlink
from anonymizer_node.offline.judging import is_of
from anonymizer_node.offline.private import make_folder
from anonymizer_node.offline.records import Part, Record, as_json, digest_of, from_json
from anonymizer_node.offline.sidecar import COMPLETE, PARTIAL, Sidecar, StaleError
from anonymizer_node.offline.videos import VIDEO
from anonymizer_node.offline.videos import is_of as is_of_video

IDENTITY = {'bag': {'count': 9}, 'detectors': [{'names': ['person']}]}


def record(index, cause='', boxes=((1.1, 2.2, 30.3, 40.4),)):
    orientation = 1 + index % 8
    judgement = Judgement((detections(*boxes),), 64, 48, 5 + index, orientation=orientation)
    if cause:
        judgement = Judgement(stamp_ns=5 + index, cause=cause, reason='told to fail')
    digest, parts = digest_of(b'%d' % index), (Part('', judgement),)
    return Record('/front', 'sensor_msgs/msg/Image', index, digest, parts)


def same(one, other):
    return as_json(one) == as_json(other)


def write(folder, count, complete=True, cause=''):
    with Sidecar(folder, IDENTITY) as sidecar:
        assert not sidecar.was_complete
        for index in range(count):
            sidecar.append(record(index, cause if index == 2 else ''))
        if complete:
            sidecar.complete()


def the_file(folder):
    (path,) = folder.iterdir()
    return path


def believed(folder, identity=IDENTITY):
    """What a later run takes: (all of it, how many records)."""
    with Sidecar(folder, identity) as sidecar:
        if sidecar.was_complete:
            return True, len(list(sidecar.records()))
        return False, len(list(sidecar.earlier()))


# Records


def test_a_record_is_the_same_after_json_to_the_last_bit():
    rng = np.random.default_rng(0)
    boxes = rng.random((5, 4)).astype(np.float32) * 700
    before = record(3, boxes=boxes.tolist())
    after = from_json(json.loads(json.dumps(as_json(before))), [['person']])
    assert same(before, after)
    assert after.parts[0].judgement.found[0].xyxy.dtype == np.float32
    assert np.array_equal(after.parts[0].judgement.found[0].xyxy, boxes)
    assert same(record(1, 'decode'), from_json(as_json(record(1, 'decode')), [['person']]))


@pytest.mark.parametrize(
    'spoil',
    [
        lambda value: value['images'][0]['found'].clear(),
        lambda value: value['images'][0].update(width=0),
        lambda value: value['images'][0].update(stamp_ns=None),
        lambda value: value['images'][0]['found'][0].update(xyxy=[[1, 2, 3]]),
        lambda value: value['images'][0]['found'][0].update(scores=[]),
        lambda value: value.pop('sha256'),
    ],
)
def test_what_is_no_record_of_a_judged_frame_is_refused(spoil):
    value = as_json(record(1))
    spoil(value)
    with pytest.raises((ValueError, KeyError, TypeError, DetectorError)):
        from_json(value, [['person']])


# The chain


def test_a_line_is_good_behind_its_own_line_only():
    first, one = link(START, {'a': 1})
    second, two = link(one, {'b': 2})
    assert unlink(START, first) == ({'a': 1}, one)
    assert unlink(one, second) == ({'b': 2}, two)
    for before, line in (
        (START, second),
        (one, first),
        (two, second),
        (one, second[:-1]),
        (one, second.replace(b'2', b'3', 1)),
        (one, b''),
        (one, b'\xff\n'),
    ):
        with pytest.raises(BrokenChainError):
            unlink(before, line)


# The file


def test_what_one_run_wrote_the_next_one_reads(tmp_path):
    write(tmp_path / 'cache', 5)
    with Sidecar(tmp_path / 'cache', IDENTITY) as sidecar:
        assert sidecar.was_complete
        assert all(same(item, record(at)) for at, item in enumerate(sidecar.records()))
        assert len(list(sidecar.records())) == 5
    assert the_file(tmp_path / 'cache').suffix == '.detections'


def test_without_a_folder_it_serves_one_run(tmp_path):
    for _ in range(2):
        with Sidecar(None, IDENTITY) as sidecar:
            assert not sidecar.was_complete
            assert list(sidecar.earlier()) == []
            sidecar.append(record(0))
            sidecar.complete()
            assert len(list(sidecar.records())) == 1


def test_it_is_read_while_it_is_written_and_waits_for_the_rest(tmp_path):
    with Sidecar(tmp_path / 'cache', IDENTITY) as sidecar:
        read = []
        arrived = threading.Semaphore(0)

        def reader():
            for item in sidecar.records():
                read.append(item)
                arrived.release()

        thread = threading.Thread(target=reader)
        thread.start()
        for index in range(4):
            sidecar.append(record(index))
            assert arrived.acquire(timeout=20)
            assert len(read) == index + 1
        assert thread.is_alive()
        sidecar.complete()
        thread.join(20)
        assert not thread.is_alive()


def test_a_failure_of_the_first_pass_is_raised_where_the_second_one_waits(tmp_path):
    with Sidecar(tmp_path / 'cache', IDENTITY) as sidecar:
        sidecar.append(record(0))
        records = sidecar.records()
        next(records)
        sidecar.fail(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            next(records)


def test_another_identity_is_another_file(tmp_path):
    write(tmp_path / 'cache', 3)
    assert believed(tmp_path / 'cache', {**IDENTITY, 'bag': {'count': 8}}) == (False, 0)
    assert believed(tmp_path / 'cache') == (True, 3)


def test_a_file_of_another_identity_under_this_name_is_not_believed(tmp_path):
    write(tmp_path / 'cache', 3)
    path = the_file(tmp_path / 'cache')
    other = {**IDENTITY, 'bag': {'count': 8}}
    with Sidecar(tmp_path / 'other', other) as sidecar:
        sidecar.complete()
    path.replace(the_file(tmp_path / 'other'))
    assert believed(tmp_path / 'other', other) == (False, 0)


DAMAGES = {
    'one byte': lambda data: data.replace(b'30.29', b'30.28', 1),
    'a line lost': lambda data: b''.join([*data.splitlines(keepends=True)[:3], data[-60:]]),
    'a line twice': lambda data: b''.join(
        line * (1 + (at == 2)) for at, line in enumerate(data.splitlines(keepends=True))
    ),
    'lines exchanged': lambda data: b''.join(
        data.splitlines(keepends=True)[at] for at in (0, 2, 1, 3, 4, 5)
    ),
    'cut off in a line': lambda data: data[:-30],
    'cut off behind a line': lambda data: b''.join(data.splitlines(keepends=True)[:-1]),
    'something behind it': lambda data: data + b'{}\n',
    'nothing in it': lambda data: b'',
    'zeros': lambda data: bytes(len(data)),
    'no header': lambda data: data.split(b'\n', 1)[1],
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_file_is_not_believed_and_is_made_anew(tmp_path, damage):
    folder = tmp_path / 'cache'
    write(folder, 4)
    path = the_file(folder)
    spoilt = DAMAGES[damage](path.read_bytes())
    assert spoilt != path.read_bytes()
    path.write_bytes(spoilt)
    assert believed(folder) == (False, 0)
    write(folder, 4)
    assert believed(folder) == (True, 4)


def test_a_file_altered_while_it_is_used_is_noticed(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 4)
    with Sidecar(folder, IDENTITY) as sidecar:
        assert sidecar.was_complete
        path = the_file(folder)
        path.write_bytes(DAMAGES['one byte'](path.read_bytes()))
        with pytest.raises(StaleError):
            list(sidecar.records())
        sidecar.discard()
    assert believed(folder) == (False, 0)


@pytest.mark.parametrize('most', [0, 1, 2, 9])
@pytest.mark.parametrize('behind', [0, 1, 3])
def test_records_come_from_memory_or_from_the_file_and_are_the_same(
    tmp_path, monkeypatch, most, behind
):
    monkeypatch.setattr(sidecar_module, 'MOST_FRESH', most)
    unlinked = []
    monkeypatch.setattr(
        sidecar_module, 'unlink', lambda *args: unlinked.append(args) or unlink(*args)
    )
    read = []
    with Sidecar(tmp_path / 'cache', IDENTITY) as sidecar:
        records = sidecar.records()
        for index in range(9):
            sidecar.append(record(index))
            if index >= behind:
                read.append(next(records))
        sidecar.complete()
        read += records
    assert len(read) == 9
    assert all(same(item, record(index)) for index, item in enumerate(read))
    if most == 0:
        assert len(unlinked) == 9, 'all from the file'
    if most > behind:
        assert not unlinked, 'all from memory'
    assert believed(tmp_path / 'cache') == (True, 9)


# Going on


def test_an_unfinished_file_is_gone_on_with_where_it_stopped(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 3, complete=False)
    with Sidecar(folder, IDENTITY) as sidecar:
        assert not sidecar.was_complete
        for at, (item, place) in enumerate(sidecar.earlier()):
            assert same(item, record(at))
            sidecar.confirm(place)
        sidecar.append(record(3))
        sidecar.complete()
        assert len(list(sidecar.records())) == 4
    assert believed(folder) == (True, 4)


def test_a_line_that_was_being_written_when_the_run_was_killed_is_left_out(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 3, complete=False)
    path = the_file(folder)
    path.write_bytes(path.read_bytes()[:-20])
    assert believed(folder) == (False, 2)


def test_records_that_are_not_confirmed_are_gone(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 4, complete=False)
    with Sidecar(folder, IDENTITY) as sidecar:
        places = [place for _, place in sidecar.earlier()]
        sidecar.confirm(places[1])
        sidecar.append(record(9))
        sidecar.complete()
        assert [item.time_ns for item in sidecar.records()] == [0, 1, 9]
    assert believed(folder) == (True, 3)
    with Sidecar(tmp_path / 'none', IDENTITY) as sidecar:
        pass
    write(tmp_path / 'more', 3, complete=False)
    with Sidecar(tmp_path / 'more', IDENTITY) as sidecar:
        sidecar.complete()
        assert list(sidecar.records()) == [], 'the bag had none of these images'


def test_nothing_unconfirmed_is_ever_read(tmp_path):
    write(tmp_path / 'cache', 3, complete=False)
    with Sidecar(tmp_path / 'cache', IDENTITY) as sidecar:
        place = next(iter(sidecar.earlier()))[1]
        sidecar.confirm(place)
        records = sidecar.records()
        assert next(records).time_ns == 0
        sidecar.fail(InputError('it would have waited'))
        with pytest.raises(InputError, match='waited'):
            next(records)


def test_a_frame_on_which_a_detector_failed_is_tried_again(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 5, cause='detector')
    assert believed(folder) == (False, 2)
    write(tmp_path / 'decode', 5, cause='decode')
    assert believed(tmp_path / 'decode') == (True, 5)


def test_two_runs_at_once_do_not_write_into_one_file(tmp_path):
    folder = tmp_path / 'cache'
    with Sidecar(folder, IDENTITY) as first, Sidecar(folder, IDENTITY) as second:
        for sidecar in (first, second):
            sidecar.append(record(0))
        second.append(record(1))
        second.complete()
        assert len(list(second.records())) == 2
        first.complete()
    assert believed(folder) == (True, 1)


def test_a_folder_that_can_not_be_written_to_is_said(tmp_path):
    (tmp_path / 'file').write_text('')
    with (
        pytest.raises(InputError, match='detection_cache'),
        Sidecar(tmp_path / 'file' / 'cache', IDENTITY),
    ):
        pass


def test_a_file_that_another_run_finishes_in_this_moment_is_left_alone(tmp_path, monkeypatch):
    folder = tmp_path / 'cache'
    lock = module.fcntl.flock

    def finished_meanwhile(file, how):
        the_file(folder).rename(tmp_path / 'finished')
        lock(file, how)

    monkeypatch.setattr(module.fcntl, 'flock', finished_meanwhile)
    with Sidecar(folder, IDENTITY) as sidecar:
        sidecar.append(record(0))
        assert (tmp_path / 'finished').read_bytes() == b''
        sidecar.complete()
        assert len(list(sidecar.records())) == 1
    assert list(folder.iterdir()) == []


# The kept copy is a convenience: losing it is no error


def test_a_folder_deleted_during_the_run_costs_the_copy_and_not_the_run(tmp_path):
    folder = tmp_path / 'cache'
    with Sidecar(folder, IDENTITY) as sidecar:
        sidecar.append(record(0))
        shutil.rmtree(folder)
        sidecar.append(record(1))
        sidecar.complete()
        assert [item.time_ns for item in sidecar.records()] == [0, 1]
        assert [note for note in sidecar.notes if 'is not kept' in note and str(folder) in note]
    assert not folder.exists()


@pytest.mark.parametrize('lines', [0, 1, 3, 6])
def test_no_room_in_the_folder_costs_the_copy_and_not_the_run(tmp_path, monkeypatch, lines):
    class Full(FileIO):
        left = lines

        def write(self, data):
            Full.left -= 1
            if Full.left < 0:
                super().write(data[:5])
                raise OSError(errno.ENOSPC, 'No space left on device')
            return super().write(data)

    def opened(path, write=False):
        path.touch(0o600)
        return Full(path, 'r+') if write else None

    monkeypatch.setattr(sidecar_module, 'open_private', opened)
    folder = tmp_path / 'cache'
    with Sidecar(folder, IDENTITY) as sidecar:
        records = sidecar.records()
        for index in range(5):
            sidecar.append(record(index))
            assert next(records).time_ns == index
        sidecar.complete()
        assert list(records) == []
        assert [item.time_ns for item in sidecar.records()] == [0, 1, 2, 3, 4]
        assert 'No space left' in sidecar.notes[-1]
    monkeypatch.undo()
    assert not believed(folder)[0]


def test_a_complete_file_cut_off_while_it_is_read_ends_the_reading(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 5)
    with Sidecar(folder, IDENTITY) as sidecar:
        assert sidecar.was_complete
        os.truncate(the_file(folder), the_file(folder).stat().st_size // 2)
        ended = threading.Event()
        raised = []

        def reader():
            try:
                list(sidecar.records())
            except StaleError as error:
                raised.append(error)
            ended.set()

        threading.Thread(target=reader, daemon=True).start()
        assert ended.wait(20), 'it reads for ever'
        assert raised


# Whose it is


def test_what_is_kept_nobody_else_may_write_or_read(tmp_path):
    folder = tmp_path / 'above' / 'cache'
    for complete in (False, True):
        write(folder, 2, complete=complete)
        assert the_file(folder).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize('complete', [True, False], ids=['complete', 'partial'])
@pytest.mark.parametrize('mode', [0o620, 0o602], ids=['group', 'everybody'])
def test_a_file_that_others_may_write_to_is_not_believed(tmp_path, mode, complete):
    folder = tmp_path / 'cache'
    write(folder, 4, complete=complete)
    the_file(folder).chmod(mode)
    before = the_file(folder).read_bytes()
    with Sidecar(folder, IDENTITY) as sidecar:
        assert not sidecar.was_complete
        assert list(sidecar.earlier()) == []
        assert 'others may write' in sidecar.notes[0]
        assert before in [path.read_bytes() for path in folder.iterdir()]
        sidecar.append(record(0))
        sidecar.complete()
        assert len(list(sidecar.records())) == 1


@pytest.mark.skipif(not hasattr(os, 'geteuid'), reason='no users')
def test_a_file_of_another_user_is_not_believed(tmp_path, monkeypatch):
    folder = tmp_path / 'cache'
    write(folder, 4)
    somebody = os.geteuid() + 1
    monkeypatch.setattr(module.os, 'geteuid', lambda: somebody)
    assert believed(folder) == (False, 0)


def test_nothing_is_written_through_a_link(tmp_path):
    folder = tmp_path / 'cache'
    write(folder, 4, complete=False)
    mine = tmp_path / 'mine'
    mine.write_text('precious')
    place = the_file(folder)
    place.unlink()
    place.symlink_to(mine)
    with Sidecar(folder, IDENTITY) as sidecar:
        sidecar.append(record(0))
        sidecar.complete()
    assert mine.read_text() == 'precious'


@pytest.mark.parametrize('labels', [(), ('', ''), ('views[0]',)], ids=str)
def test_a_record_of_an_image_with_other_parts_is_not_of_it(labels):
    topic = Topic('/front', 'sensor_msgs/msg/Image', 1)
    message = BagMessage(topic, 1, b'1', 1, 0, 0)
    one = record(1)
    assert is_of(one, message, one.digest, inside=False)
    parts = tuple(Part(label, one.parts[0].judgement) for label in labels)
    assert not is_of(one._replace(parts=parts), message, one.digest, inside=False)
    assert is_of(one._replace(parts=parts), message, one.digest, inside=True)


@pytest.mark.parametrize('labels', [(), ('', ''), ('views[0]',)], ids=str)
def test_a_record_with_other_parts_is_not_of_a_frame_of_a_video(labels):
    frame = SimpleNamespace(stamp_ns=1)
    judgement = record(1).parts[0].judgement
    one = Record('clip.mp4', VIDEO, 1, 'ab', (Part('', judgement),))
    assert is_of_video(one, frame, 'ab')
    assert not is_of_video(one, frame, 'cd')
    assert not is_of_video(one._replace(time_ns=2), frame, 'ab')
    assert not is_of_video(one._replace(msgtype='sensor_msgs/msg/Image'), frame, 'ab')
    parts = tuple(Part(label, judgement) for label in labels)
    assert not is_of_video(one._replace(parts=parts), frame, 'ab')


# Growing for ever


def kept(folder, number, size, age_s, ending=COMPLETE):
    """A file of detections that was last used so long ago."""
    path = folder / f'{number:032x}{ending}'
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    os.utime(path, (1_700_000_000 - age_s,) * 2)
    return path


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder in which no more than 3000 bytes are kept."""
    monkeypatch.setattr(pruning, 'MOST_KEPT_BYTES', 3000)
    make_folder(tmp_path / 'kept')
    return tmp_path / 'kept'


def finish(folder, identity=IDENTITY):
    with Sidecar(folder, identity) as sidecar:
        if not sidecar.was_complete:
            sidecar.append(record(0))
        sidecar.complete()
    return sidecar


def test_of_too_many_files_those_that_were_used_longest_ago_go_first(small):
    paths = [kept(small, number, 1000, age_s=10 * number) for number in range(4)]
    half = kept(small, 9, 500, age_s=99, ending=PARTIAL)
    finish(small)
    assert [path.exists() for path in paths] == [True, True, False, False]
    assert not half.exists()
    assert sum(path.stat().st_size for path in small.iterdir()) <= 3000
    assert finish(small).was_complete, 'and the new one is there'


def test_what_fits_is_all_kept(small):
    paths = [kept(small, number, 700, age_s=number) for number in range(3)]
    finish(small)
    assert all(path.exists() for path in paths)


def test_a_file_that_is_used_again_is_as_good_as_new(small):
    finish(small)
    (mine,) = small.iterdir()
    os.utime(mine, (1_600_000_000,) * 2)
    assert finish(small).was_complete
    other = kept(small, 1, 2900, age_s=0)
    finish(small, {**IDENTITY, 'tool': 'another'})
    assert mine.exists()
    assert not other.exists()


def test_the_newest_stays_however_large(small, monkeypatch):
    monkeypatch.setattr(pruning, 'MOST_KEPT_BYTES', 1)
    alone = kept(small, 1, 9000, age_s=5)
    pruning.prune(small, (COMPLETE, PARTIAL), alone)
    assert alone.exists()
    finish(small)
    assert finish(small).was_complete


def test_what_is_no_file_of_detections_or_is_being_written_is_left_alone(small, tmp_path):
    mine = small / 'thesis.detections'
    mine.write_bytes(bytes(9000))
    folder = small / f'{5:032x}{COMPLETE}'
    folder.mkdir()
    precious = tmp_path / 'precious'
    precious.write_bytes(bytes(9000))
    link = small / f'{6:032x}{COMPLETE}'
    link.symlink_to(precious)
    others = kept(small, 7, 9000, age_s=5)
    others.chmod(0o666)
    fits = kept(small, 8, 100, age_s=6)
    with Sidecar(small, {**IDENTITY, 'tool': 'slow'}) as slow:
        slow.append(record(0))
        (partial,) = small.glob(f'*{PARTIAL}')
        os.utime(partial, (1_500_000_000,) * 2)
        finish(small)
        assert partial.exists()
        slow.append(record(1))
        slow.complete()
    assert mine.exists()
    assert folder.is_dir()
    assert link.is_symlink()
    assert precious.exists()
    assert others.exists()
    assert fits.exists(), 'of it all only what may go counts'
    assert finish(small, {**IDENTITY, 'tool': 'slow'}).was_complete
