"""A bag over time: who is covered when, and what a second run takes from the first."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.bags import IMAGE, SECOND, STRING, Entry, digest, read_bag, read_messages, write_bag
from samples.detectors import BrightDetector, FakeDetector, detections
from samples.images import Stamp, image, pixels_of

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import DetectorError, InputError
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline import bag as job
from anonymizer_node.offline import judging, redacting, relay, stages
from anonymizer_node.offline.bag import REGIONS_NAME, REPORT_NAME, anonymize_bag
from anonymizer_node.offline.records import digest_of

HEIGHT, WIDTH = 48, 64
INSIDE = np.s_[8:48, 16:40]
RATE_NS = SECOND // 10


class Known(BrightDetector):
    """Of a model file, so that what it finds can be kept."""

    family, family_reason, provider = 'bright', 'as told', 'cpu'

    def __init__(self, sha256='ab' * 32):
        super().__init__()
        self.model = type('Model', (), {'name': 'bright', 'sha256': sha256, 'content': b''})()


def scene(person, at=16):
    room = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    if person:
        room[8:48, at : at + 24] = 220
    return room


def frames(topic, people, start_ns=100 * SECOND):
    made = []
    for index, person in enumerate(people):
        time_ns = start_ns + index * RATE_NS
        message = image(scene(person), stamp=Stamp(*divmod(time_ns, SECOND)))
        made.append(Entry(topic, IMAGE, message, time_ns))
    return made


def walk(count=24):
    """Somebody comes in, is hidden for two frames, and leaves."""
    seen = {*range(8, 12), *range(14, 17)}
    return [index in seen for index in range(count)]


@pytest.fixture
def settings(tmp_path):
    cache = tmp_path / 'cache'
    return Settings(padding=0.0, hold_seconds=0.3, detection_cache=str(cache))


@pytest.fixture
def source(tmp_path):
    log = [Entry('/log', STRING, f'line {index}', 100 * SECOND + index) for index in range(3)]
    entries = [*frames('/front', walk()), *log]
    return write_bag(tmp_path / 'in', sorted(entries, key=lambda entry: entry.time_ns))


def written(path):
    """All that a run wrote, but for what it says of itself."""
    return read_bag(path), (path / REGIONS_NAME).read_text()


def notes(path):
    return json.loads((path / REPORT_NAME).read_text())['notes']


def hidden(path, topic='/front'):
    """In which frames the person's place is black."""
    return [not pixels_of(message)[INSIDE].any() for message in read_messages(path, topic)]


# Joining


def test_who_comes_in_and_leaves_is_covered_before_in_between_and_after(source, tmp_path, settings):
    anonymize_bag(source, tmp_path / 'out', settings, [BrightDetector()])
    # Three frames before the first sight, the gap of two, and three after the last.
    assert hidden(tmp_path / 'out') == [5 <= index <= 19 for index in range(24)]
    before, after = read_bag(source)['/front'], read_bag(tmp_path / 'out')['/front']
    same = [one == other for one, other in zip(before, after, strict=True)]
    assert same == [not 5 <= index <= 19 for index in range(24)], 'the rest is the same bytes'


def test_topics_are_joined_each_by_itself_and_empty_and_single_ones_too(tmp_path, settings):
    one = frames('/single', [True])
    entries = sorted([*frames('/a', walk()), *frames('/b', [False] * 24), *one], key=by_time)
    source = write_bag(tmp_path / 'in', entries)
    with BagReader(source) as reader:
        assert len(reader.topics) == 3
    anonymize_bag(source, tmp_path / 'out', settings, [BrightDetector()])
    first, second = read_bag(source), read_bag(tmp_path / 'out')
    assert second['/b'] == first['/b']
    assert hidden(tmp_path / 'out', '/single') == [True]
    assert sum(hidden(tmp_path / 'out', '/a')) == 15


def by_time(entry):
    return entry.time_ns


def test_a_topic_without_messages_is_kept(tmp_path, settings):
    with BagWriter(tmp_path / 'in') as writer:
        writer.add_topic('/front', IMAGE)
    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', settings, [Known()])
    assert report.clean
    assert read_bag(tmp_path / 'out') == {'/front': []}


def test_a_bag_without_images_is_read_once_and_leaves_no_sidecar(tmp_path, settings, monkeypatch):
    log = [Entry('/log', STRING, f'line {index}', index) for index in range(3)]
    source = write_bag(tmp_path / 'in', log)
    whole, readers = BagReader.messages, []

    def counted(self):
        readers.append(threading.current_thread().name)
        return whole(self)

    monkeypatch.setattr(BagReader, 'messages', counted)
    report = anonymize_bag(source, tmp_path / 'out', settings, [Known()])
    assert report.clean
    assert readers == [threading.main_thread().name]
    assert not (tmp_path / 'cache').exists()
    monkeypatch.undo()
    assert read_bag(tmp_path / 'out') == read_bag(source)


def test_nothing_is_carried_over_a_jump_of_time(tmp_path, settings):
    """The headers' times jump back by a minute, as where two recordings were joined."""
    entries = frames('/front', [False, True, True])
    for entry in frames('/front', [False] * 6, 103 * SECOND):
        entry.message.header.stamp = Stamp(40, entry.time_ns % SECOND)
        entries.append(entry)
    source = write_bag(tmp_path / 'in', entries)
    anonymize_bag(source, tmp_path / 'out', settings, [BrightDetector()])
    assert hidden(tmp_path / 'out') == [True] * 3 + [False] * 6


def test_who_is_seen_rarely_is_pruned_where_that_is_asked_for(tmp_path, settings):
    people = [index in (3, *range(12, 18)) for index in range(24)]
    source = write_bag(tmp_path / 'in', frames('/front', people))
    pruning = settings.changed(least_sightings=3)
    anonymize_bag(source, tmp_path / 'out', pruning, [BrightDetector()])
    assert hidden(tmp_path / 'out') == [9 <= index <= 20 for index in range(24)]
    anonymize_bag(source, tmp_path / 'all', settings, [BrightDetector()])
    assert hidden(tmp_path / 'all') == [index <= 6 or 9 <= index <= 20 for index in range(24)]


@pytest.mark.parametrize('other', [(128, 96), (128, 72), (32, 24)])
def test_a_topic_that_changes_its_resolution_and_back_keeps_whoever_is_missed_there_covered(
    tmp_path, settings, other
):
    """Nobody is detected around either change; the person walks on all the while."""
    count, missed = 18, {5, 6, 12, 13}
    sizes = [other if 6 <= index < 13 else (WIDTH, HEIGHT) for index in range(count)]
    entries, places, stamps = [], [], set()
    for index, (width, height) in enumerate(sizes):
        across, down = width / WIDTH, height / HEIGHT
        left = 12 + index
        place = np.s_[
            int(8 * down) : int(40 * down), int(left * across) : int((left + 24) * across)
        ]
        picture = np.full((height, width, 3), 90, np.uint8)
        picture[place] = 220
        time_ns = 100 * SECOND + index * RATE_NS
        message = image(picture, stamp=Stamp(*divmod(time_ns, SECOND)))
        entries.append(Entry('/front', IMAGE, message, time_ns))
        places.append(place)
        if index in missed:
            stamps.add(time_ns)
    detector = Known()
    look = detector._answer
    detector._answer = lambda frame: detections() if frame.stamp_ns in stamps else look(frame)
    source = write_bag(tmp_path / 'in', entries)
    for name in ('out', 'from the sidecar'):
        report = anonymize_bag(source, tmp_path / name, settings, [detector])
        assert report.clean
        messages = read_messages(tmp_path / name, '/front')
        assert [(item.width, item.height) for item in messages] == sizes
        for index, (message, place) in enumerate(zip(messages, places, strict=True)):
            assert not pixels_of(message)[place].any(), index
            black = (pixels_of(message) == 0).all(axis=2).mean()
            share = 24 * 32 / (WIDTH * HEIGHT)
            assert black < 2 * share, f'{index}: covered is where they are, and not all over'
    assert len(detector.frames) == count, 'the second run took from the first'
    assert written(tmp_path / 'out') == written(tmp_path / 'from the sidecar')


# A second run


CHANGES = {
    'method': {'method': 'pixelate'},
    'strength': {'method': 'blur', 'strength': 0.9},
    'padding': {'padding': 0.2},
    'hold': {'hold_seconds': 1.0},
    'pruning': {'least_sightings': 5},
    'on_failure': {'on_failure': 'blackout'},
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_run_with_another_way_of_obscuring_detects_nothing_anew(
    source, tmp_path, settings, change
):
    first, second = Known(), Known()
    assert not anonymize_bag(source, tmp_path / 'first', settings, [first]).reused
    assert len(first.frames) == 24
    changed = settings.changed(**CHANGES[change])
    assert anonymize_bag(source, tmp_path / 'second', changed, [second]).reused
    assert second.frames == []
    anew = changed.changed(detection_cache=str(tmp_path / 'elsewhere'))
    anonymize_bag(source, tmp_path / 'anew', anew, [Known()])
    assert written(tmp_path / 'second') == written(tmp_path / 'anew')


def test_the_sidecar_lies_in_its_folder_and_not_beside_the_source(source, tmp_path, settings):
    before = digest(source)
    anonymize_bag(source, tmp_path / 'out', settings, [Known()])
    assert digest(source) == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ['cache', 'in', 'out']
    (file,) = (tmp_path / 'cache').iterdir()
    assert file.suffix == '.detections'


def test_a_sidecar_in_the_source_is_refused(source, tmp_path, settings):
    inside = settings.changed(detection_cache=str(source / 'cache'))
    with pytest.raises(InputError, match='detection_cache'):
        anonymize_bag(source, tmp_path / 'out', inside, [Known()])
    assert not (source / 'cache').exists()


def test_detectors_that_can_not_be_told_apart_leave_no_sidecar(source, tmp_path, settings):
    anonymize_bag(source, tmp_path / 'out', settings, [BrightDetector()])
    assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize(
    ('change', 'detector'),
    [
        ({'score_threshold': 0.2}, Known()),
        ({'thoroughness': 'thorough'}, Known()),
        ({}, Known('cd' * 32)),
    ],
)
def test_what_bears_on_the_detections_has_them_made_anew(
    source, tmp_path, settings, change, detector
):
    anonymize_bag(source, tmp_path / 'first', settings, [Known()])
    anonymize_bag(source, tmp_path / 'second', settings.changed(**change), [detector])
    assert len(detector.frames) == 24


@pytest.mark.parametrize('whole', [True, False])
def test_detections_of_a_bag_that_was_altered_are_not_used(tmp_path, settings, whole):
    """Its metadata is the same; somebody stands elsewhere in one frame."""
    entries = frames('/front', walk())
    source = write_bag(tmp_path / 'in', entries)
    detector = Known() if whole else stopping(20)
    if whole:
        anonymize_bag(source, tmp_path / 'first', settings, [detector])
    else:
        with pytest.raises(KeyboardInterrupt):
            anonymize_bag(source, tmp_path / 'first', settings, [detector])
    entries[15] = entries[15]._replace(
        message=image(scene(True, at=40), stamp=entries[15].message.header.stamp)
    )
    write_bag(tmp_path / 'altered', entries)
    again = Known()
    report = anonymize_bag(tmp_path / 'altered', tmp_path / 'out', settings, [again])
    assert report.clean
    assert len(again.frames) == (24 if whole else 9)
    assert not pixels_of(read_messages(tmp_path / 'out', '/front')[15])[8:48, 40:64].any()
    anew = settings.changed(detection_cache=str(tmp_path / 'elsewhere'))
    anonymize_bag(tmp_path / 'altered', tmp_path / 'anew', anew, [Known()])
    assert written(tmp_path / 'out') == written(tmp_path / 'anew')


def test_a_damaged_sidecar_is_made_anew(source, tmp_path, settings):
    anonymize_bag(source, tmp_path / 'first', settings, [Known()])
    (file,) = (tmp_path / 'cache').iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    lines[10] = lines[10].replace(b'[[16.0,', b'[[60.0,')
    assert lines != file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b''.join(lines))
    again = Known()
    anonymize_bag(source, tmp_path / 'second', settings, [again])
    assert len(again.frames) == 24
    assert written(tmp_path / 'first') == written(tmp_path / 'second')


@pytest.mark.parametrize('passes', [(23, 24), (24, 23)])
def test_a_bag_that_changes_between_the_passes_is_refused(
    source, tmp_path, settings, monkeypatch, passes
):
    """The first pass reads other images than the second one."""
    whole = BagReader.messages
    threads = ('judging', threading.main_thread().name)

    def changing(self):
        most = dict(zip(threads, passes, strict=True))[threading.current_thread().name]
        images = 0
        for message in whole(self):
            images += message.topic.msgtype == IMAGE
            if images <= most:
                yield message

    monkeypatch.setattr(relay, 'MOST_BYTES', 0)  # Either pass reads for itself.
    monkeypatch.setattr(BagReader, 'messages', changing)
    with pytest.raises(InputError, match='changes while it is read'):
        anonymize_bag(source, tmp_path / 'out', settings, [Known()])
    assert not (tmp_path / 'out').exists()


def test_an_image_that_changes_between_the_passes_is_refused(
    source, tmp_path, settings, monkeypatch
):
    whole = BagReader.messages

    def changing(self):
        for index, message in enumerate(whole(self)):
            if index == 9 and threading.current_thread().name != 'judging':
                message = message._replace(data=message.data[:-1] + b'x')
            yield message

    monkeypatch.setattr(relay, 'MOST_BYTES', 0)  # Either pass reads for itself.
    monkeypatch.setattr(BagReader, 'messages', changing)
    with pytest.raises(InputError, match='changes while it is read'):
        anonymize_bag(source, tmp_path / 'out', settings, [Known()])
    assert not (tmp_path / 'out').exists()


def test_a_bag_is_read_and_hashed_once_where_there_is_room_between_the_passes(
    source, tmp_path, settings, monkeypatch
):
    read, hashed = [], []
    whole = BagReader.messages

    def counted(self):
        for message in whole(self):
            read.append(message)
            yield message

    def digested(data):
        hashed.append(data)
        return digest_of(data)

    monkeypatch.setattr(BagReader, 'messages', counted)
    for module in (judging, redacting):
        monkeypatch.setattr(module, 'digest_of', digested)
    anonymize_bag(source, tmp_path / 'once', settings, [Known()])
    assert (len(read), len(hashed)) == (27, 24)
    # What is kept from an earlier run is believed for the very bytes that it is of, and no others.
    anonymize_bag(source, tmp_path / 'again', settings, [Known()])
    assert (len(read), len(hashed)) == (54, 48)


@pytest.mark.parametrize('most', [0, 1, 40_000, 150_000])
def test_how_much_fits_between_the_passes_changes_nothing(
    source, tmp_path, settings, monkeypatch, most
):
    anonymize_bag(source, tmp_path / 'roomy', settings, [Known()])
    monkeypatch.setattr(relay, 'MOST_BYTES', most)
    anew = settings.changed(detection_cache=str(tmp_path / 'elsewhere'))
    assert anonymize_bag(source, tmp_path / 'narrow', anew, [Known()]).clean
    assert written(tmp_path / 'narrow') == written(tmp_path / 'roomy')


# Going on after a run that ended early


def stopping(after):
    """A detector that is interrupted at a frame."""
    detector = Known()
    look = detector._answer

    def interrupted(frame):
        if len(detector.frames) > after:
            raise KeyboardInterrupt
        return look(frame)

    detector._answer = interrupted
    return detector


def test_a_run_goes_on_where_the_one_before_was_interrupted(source, tmp_path, settings):
    with pytest.raises(KeyboardInterrupt):
        anonymize_bag(source, tmp_path / 'out', settings, [stopping(10)])
    assert not (tmp_path / 'out').exists()
    again = Known()
    report = anonymize_bag(source, tmp_path / 'out', settings, [again])
    assert len(again.frames) == 14
    assert report.clean
    whole = settings.changed(detection_cache=str(tmp_path / 'elsewhere'))
    anonymize_bag(source, tmp_path / 'whole', whole, [Known()])
    assert written(tmp_path / 'out') == written(tmp_path / 'whole')


KILLED = """
import os, signal, sys
from pathlib import Path
from test_two_passes import Known, Settings, anonymize_bag
detector = Known()
look = detector._answer
def killed(frame):
    if len(detector.frames) > 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return look(frame)
detector._answer = killed
source, target, cache = sys.argv[1:]
settings = Settings(padding=0.0, hold_seconds=0.3, detection_cache=cache)
anonymize_bag(Path(source), Path(target), settings, [detector])
"""


def test_a_run_goes_on_where_the_one_before_was_killed(source, tmp_path, settings):
    here = Path(__file__).parent
    known = filter(None, [os.environ.get('PYTHONPATH')])
    path = os.pathsep.join([str(here), str(here.parent / 'support'), *known])
    arguments = [source, tmp_path / 'out', settings.detection_cache]
    ended = subprocess.run(
        [sys.executable, '-c', KILLED, *map(str, arguments)],
        env={**os.environ, 'PYTHONPATH': path},
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / 'out').exists()
    again = Known()
    report = anonymize_bag(source, tmp_path / 'out', settings, [again])
    assert report.clean
    # Besides the frames behind it those are lost that were judged and waited to be written.
    assert 12 <= len(again.frames) <= 16
    assert hidden(tmp_path / 'out') == [5 <= index <= 19 for index in range(24)]


def test_a_frame_on_which_the_detector_failed_is_tried_again(source, tmp_path, settings):
    failing = Known()
    look = failing._answer

    def fail(frame):
        if len(failing.frames) == 5:
            raise DetectorError('told to fail')
        return look(frame)

    failing._answer = fail
    report = anonymize_bag(source, tmp_path / 'out', settings, [failing])
    assert report.topics['/front'].causes == {'detector': 1}
    again = Known()
    report = anonymize_bag(source, tmp_path / 'again', settings, [again])
    assert report.clean
    assert len(again.frames) == 20


def test_a_frame_that_can_not_be_decoded_is_dropped_from_the_sidecar_too(tmp_path, settings):
    entries = frames('/front', walk())
    entries[3].message.step = 5
    source = write_bag(tmp_path / 'in', entries)
    for name in ('first', 'second'):
        report = anonymize_bag(source, tmp_path / name, settings, [Known()])
        assert report.topics['/front'].causes == {'decode': 1}
        assert len(read_bag(tmp_path / name)['/front']) == 23
    assert written(tmp_path / 'first') == written(tmp_path / 'second')
    said = [
        json.loads((tmp_path / name / REPORT_NAME).read_text())['topics']['/front']
        for name in ('first', 'second')
    ]
    assert said[0] == said[1]


# Threads


def test_two_detectors_at_a_time_change_nothing(source, tmp_path, settings, monkeypatch):
    anonymize_bag(source, tmp_path / 'one', settings, [BrightDetector()])
    both = threading.Barrier(2, timeout=20)

    def made():
        detector = BrightDetector()
        look = detector._answer

        def together(frame):
            both.wait()
            return look(frame)

        detector._answer = together
        return [detector]

    monkeypatch.setattr(job, 'load_teams', lambda settings, notice: (made(), made()))
    opencv_threads = cv2.getNumThreads()
    anonymize_bag(source, tmp_path / 'two', settings)
    assert written(tmp_path / 'two') == written(tmp_path / 'one')
    assert cv2.getNumThreads() == opencv_threads


def test_the_order_of_all_messages_is_kept(tmp_path, settings):
    entries = []
    for index in range(40):
        entries += frames(f'/camera{index % 3}', [index % 2 == 0], (100 + index) * SECOND)
        entries.append(Entry('/log', STRING, f'{index}', (100 + index) * SECOND))
    source = write_bag(tmp_path / 'in', entries)
    anonymize_bag(source, tmp_path / 'out', settings, [BrightDetector()])
    orders = []
    for path in (source, tmp_path / 'out'):
        with BagReader(path) as reader:
            orders.append([(item.topic.name, item.time_ns) for item in reader.messages()])
    assert orders[0] == orders[1]
    assert len(orders[0]) == 80


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize('where', ['progress', 'detector', 'write', 'sidecar'])
def test_an_error_in_any_stage_ends_the_run_and_leaves_nothing(
    source, tmp_path, settings, monkeypatch, where, error
):
    def fail(*args, **kwargs):
        raise error('told to fail')

    detector = FakeDetector(answer=lambda frame: detections())
    progress = None
    if where == 'progress':
        progress = fail
    elif where == 'detector':
        # A RuntimeError is a frame lost; what ends the run is no Exception.
        detector = FakeDetector(answer=lambda frame: (_ for _ in ()).throw(SystemExit))
        error = SystemExit
    elif where == 'write':
        monkeypatch.setattr(BagWriter, 'write', fail)
    else:
        monkeypatch.setattr(job.Sidecar, 'append', fail)
    with pytest.raises(error):
        anonymize_bag(source, tmp_path / 'out', settings, [detector], progress)
    assert [item.name for item in tmp_path.iterdir()] == ['in']
    # Threads of the second pass end with their results, which the traceback may still hold.
    assert not [item for item in threading.enumerate() if item.name == 'judging']


def test_a_cache_deleted_during_the_run_is_a_note_and_no_error(tmp_path):
    folder = tmp_path / 'cache'
    settings = Settings(padding=0.0, hold_seconds=0.3, detection_cache=str(folder))
    source = write_bag(tmp_path / 'in', frames('/front', walk()))

    class Deleting(Known):
        seen = 0

        def detect(self, *arguments):
            Deleting.seen += 1
            if Deleting.seen == 3:
                shutil.rmtree(folder)
            return super().detect(*arguments)

    report = anonymize_bag(source, tmp_path / 'out', settings, [Deleting()])
    assert report.clean
    assert any('is not kept' in note for note in report.notes)
    again = anonymize_bag(source, tmp_path / 'again', settings, [Known()])
    assert again.notes == []
    assert read_bag(tmp_path / 'out') == read_bag(tmp_path / 'again')


class Hanging(Known):
    """Doesn't answer behind its 200th frame, until it is let go."""

    def __init__(self):
        super().__init__()
        self.hangs, self.goes_on, self.asked = threading.Event(), threading.Event(), 0

    def detect(self, *args):
        self.asked += 1
        if self.asked > 200:
            self.hangs.set()
            self.goes_on.wait(20)
        return super().detect(*args)


@pytest.mark.parametrize('error', [OSError('no room left'), KeyboardInterrupt()])
def test_a_detector_that_hangs_is_not_waited_for_when_the_second_pass_fails(
    settings, tmp_path, monkeypatch, error
):
    monkeypatch.setattr(stages, 'ENDING_SECONDS', 0.1)
    detector = Hanging()
    source = write_bag(tmp_path / 'in', frames('/front', walk(220)))

    def progress(done, count):
        assert detector.hangs.wait(20)
        raise error

    expected = DetectorError if isinstance(error, Exception) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        anonymize_bag(source, tmp_path / 'out', settings, [detector], progress)
    if expected is DetectorError:
        assert 'no room left; and a detector has not answered for 0.1 s' in str(caught.value)
    left = [thread for thread in threading.enumerate() if thread.name == 'judging']
    assert left
    assert all(thread.daemon for thread in left)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ('in', 'cache')] == []
    detector.goes_on.set()
    for thread in left:
        thread.join(20)
        assert not thread.is_alive()
    # Neither has what it said later become part of what is kept.
    report = anonymize_bag(source, tmp_path / 'again', settings, [Known()])
    assert report.clean
    anonymize_bag(
        source, tmp_path / 'fresh', settings.changed(detection_cache=''), [BrightDetector()]
    )
    assert written(tmp_path / 'again') == written(tmp_path / 'fresh')
