from __future__ import annotations

import inspect
import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from anonymizer_node.core import following, pipeline
from anonymizer_node.core.datatypes import Detections, Outcome, Region
from anonymizer_node.ros.books import CAUSES, HUNG, INACTIVE, OVERRUN, RATE, Tally
from anonymizer_node.ros.intake import HUNG_S, Intake


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def intake(clock):
    made = Intake(clock)
    made.open()
    return made


def test_closed_intake_takes_nothing_and_counts_it(clock):
    intake = Intake(clock)
    assert intake.offer('frame', 0) == INACTIVE
    assert intake.take() is None
    assert intake.tally().dropped == {INACTIVE: 1}
    assert intake.tally().adds_up


def test_with_room_for_more_they_wait_in_order_and_the_oldest_goes_first(clock):
    intake = Intake(clock, room=2)
    intake.open()
    assert intake.oldest is None
    assert intake.offer('one', 0) == ''
    clock.now_s += 0.25
    assert intake.offer('two', 0) == ''
    assert intake.oldest == ('one', 0.25)
    assert intake.tally().pending == 2
    assert intake.offer('three', 0) == OVERRUN
    assert intake.take() == 'two'
    assert intake.tally().pending == 2
    intake.settle(Outcome('untouched', 'two'))
    assert intake.take() == 'three'
    assert intake.tally().dropped == {OVERRUN: 1}
    assert intake.tally().adds_up


def test_all_that_wait_are_dropped_when_it_is_closed_or_given_up(clock):
    for end, cause in ((Intake.close, INACTIVE), (lambda it: it.give_up('stuck'), HUNG)):
        intake = Intake(clock, room=5)
        intake.open()
        for name in ('one', 'two', 'three'):
            intake.offer(name, 0)
        end(intake)
        assert intake.take() is None
        assert intake.tally().dropped == {cause: 3}
        assert intake.tally().adds_up


def test_only_those_that_waited_too_long_are_given_up(clock):
    intake = Intake(clock, room=5)
    intake.open()
    intake.offer('old', 0)
    intake.offer('older still', 0)
    clock.now_s += HUNG_S
    intake.offer('new', 0)
    clock.now_s += 0.1
    assert intake.take() == 'new'
    assert intake.tally().dropped == {HUNG: 2}


def test_a_frame_that_follows_is_not_carried(clock):
    for follows in (False, True):
        intake = Intake(clock, follows=follows)
        intake.open()
        intake.offer('frame', 0)
        intake.take()
        intake.settle(Outcome('anonymized', 'frame', (Region(0, 0, 1, 1),)))
        assert intake.tally().carried == (0 if follows else 1)


def test_newest_frame_waits_and_the_older_one_is_counted(intake):
    assert intake.offer('old', 0) == ''
    assert intake.offer('new', 0) == OVERRUN
    assert intake.tally().pending == 1
    assert intake.take() == 'new'
    assert not intake.has_waiting
    assert intake.tally().dropped == {OVERRUN: 1}


def test_frames_that_the_middleware_lost_came_in_and_were_dropped(intake):
    intake.offer('frame', 0)
    intake.lose(3)
    tally = intake.tally()
    assert (tally.received, tally.dropped, tally.failure) == (4, {'transport': 3}, None)
    assert tally.adds_up


def test_frame_in_work_is_pending_until_it_is_settled(intake, clock):
    intake.offer('frame', 0)
    intake.take()
    clock.now_s += 0.5
    assert intake.tally().pending == 1
    assert intake.busy_s() == 0.5
    intake.settle(Outcome('untouched', 'frame'), age_ms=7.0)
    tally = intake.tally()
    assert (tally.pending, tally.untouched, tally.published) == (0, 1, 1)
    assert tally.ages_ms == (7.0,)
    assert tally.work_ms == (pytest.approx(500.0),)
    assert intake.busy_s() == 0.0


def test_closing_drops_what_waits_and_leaves_what_is_in_work(intake):
    intake.offer('in work', 0)
    intake.take()
    intake.offer('waiting', 0)
    intake.close()
    tally = intake.tally()
    assert (tally.pending, tally.dropped) == (1, {INACTIVE: 1})
    intake.settle(Outcome('dropped', cause=INACTIVE))
    assert intake.tally().dropped == {INACTIVE: 2}
    assert intake.tally().adds_up


def test_people_and_regions_are_those_of_the_latest_frame(intake):
    for regions in ((Region(0, 0, 4, 4), Region(8, 8, 12, 12)), ()):
        intake.offer('frame', 0)
        intake.take()
        status = 'anonymized' if regions else 'untouched'
        outcome = Outcome(status, 'frame', regions, Detections.empty())
        intake.settle(outcome, people=len(regions))
        assert intake.tally().regions == intake.tally().people == len(regions)


@pytest.mark.parametrize('status', ['dropped', 'blacked_out'])
def test_failure_is_remembered_with_time_cause_and_reason(intake, clock, status):
    intake.offer('frame', 0)
    intake.take()
    message = None if status == 'dropped' else 'black'
    intake.settle(Outcome(status, message, cause='decode', reason='It is cut off.'))
    assert intake.tally().failure == (clock.now_s, 'decode', 'It is cut off.')


def test_expected_drop_is_no_failure(intake):
    intake.offer('frame', 0)
    intake.take()
    intake.settle(Outcome('dropped', cause=INACTIVE, reason='Deactivated.'))
    assert intake.tally().failure is None


@pytest.mark.parametrize(
    ('camera_hz', 'max_hz', 'expected_hz'),
    [(30, 0, 30), (30, 30, 30), (30, 60, 30), (30, 10, 10), (30, 20, 20), (30, 29, 29), (30, 1, 1)],
)
def test_rate_is_kept_on_average(intake, clock, camera_hz, max_hz, expected_hz):
    seconds = 20
    rng = np.random.default_rng(1)
    passed = 0
    for index in range(camera_hz * seconds):
        clock.now_s = 100 + index / camera_hz + rng.uniform(0, 0.003)
        passed += intake.offer('frame', max_hz) != RATE
    assert abs(passed / seconds - expected_hz) <= 0.1 * expected_hz
    assert passed <= expected_hz * seconds + 1


def test_rate_allows_no_burst_after_a_pause(intake, clock):
    intake.offer('frame', 10)
    clock.now_s += 60
    passed = 0
    for _ in range(10):
        passed += intake.offer('frame', 10) != RATE
        clock.now_s += 0.001
    assert passed <= 2


def test_drained_times_begin_anew(intake):
    intake.offer('frame', 0)
    intake.take()
    intake.settle(Outcome('untouched', 'frame'), age_ms=1.0)
    assert intake.tally(drain=True).ages_ms == (1.0,)
    assert intake.tally().ages_ms == ()


def test_books_add_up_at_every_moment_between_threads(intake):
    stop = threading.Event()
    wrong = []

    def work():
        rng = np.random.default_rng(2)
        while not stop.is_set():
            if intake.take() is not None:
                status = rng.choice(['anonymized', 'untouched', 'blacked_out', 'dropped'])
                intake.settle(Outcome(str(status), cause='detector' if status == 'dropped' else ''))

    def watch():
        while not stop.is_set():
            tally = intake.tally()
            if not tally.adds_up:
                wrong.append(tally)

    threads = [threading.Thread(target=target) for target in (work, watch)]
    for thread in threads:
        thread.start()
    rng = np.random.default_rng(3)
    for index in range(5000):
        intake.offer('frame', 1e5 if rng.random() < 0.1 else 0)
        if index % 500 == 499:
            intake.close()
            intake.offer('late', 0)
            intake.open()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert intake.tally().adds_up
    assert intake.tally().received == 5010


def test_a_frame_without_a_line_in_the_books_is_noticed():
    assert Tally(received=3, untouched=2, pending=1).adds_up
    assert not replace(Tally(received=3, untouched=2), dropped={'rate': 2}).adds_up


def test_frames_that_lost_a_thumbnail_are_counted_and_the_note_says_so(intake):
    for status, removed in (
        ('untouched', 'a thumbnail'),
        ('anonymized', 'a tail'),
        ('untouched', ''),
    ):
        intake.offer('frame', 0)
        intake.take()
        intake.settle(Outcome(status, 'frame', removed=removed))
    tally = intake.tally()
    assert (tally.stripped, tally.untouched, tally.anonymized) == (2, 2, 1)
    assert tally.note == 'Removed, as nobody would have looked at it: a tail.'
    assert tally.adds_up


def test_frames_that_nobody_judged_are_counted_apart(intake):
    for status, judged in (
        ('anonymized', True),
        ('anonymized', False),
        ('untouched', False),
        ('dropped', False),
    ):
        intake.offer('frame', 0)
        intake.take()
        detections = Detections.empty() if judged else None
        intake.settle(Outcome(status, 'frame', detections=detections))
    tally = intake.tally()
    assert (tally.anonymized, tally.untouched, tally.carried) == (2, 1, 2)
    assert tally.adds_up


def test_given_up_intake_drops_what_waits_and_what_comes_until_it_resumes(intake):
    intake.offer('waits', 0)
    intake.give_up('It hangs.')
    assert not intake.has_waiting
    assert [intake.offer('comes', 0) for _ in range(100)] == [HUNG] * 100
    tally = intake.tally()
    assert (tally.dropped, tally.pending) == ({HUNG: 101}, 0)
    assert (tally.failure.cause, tally.failure.reason) == (HUNG, 'It hangs.')
    assert tally.adds_up
    intake.resume()
    assert intake.offer('fresh', 0) == ''
    assert intake.take() == 'fresh'


def test_opening_forgets_that_it_was_given_up(intake):
    intake.give_up('It hangs.')
    intake.close()
    intake.open()
    assert intake.offer('fresh', 0) == ''


def test_frame_that_waited_too_long_is_dropped_when_its_turn_comes(intake, clock):
    intake.offer('old', 0)
    clock.now_s += HUNG_S
    assert intake.take() == 'old'
    assert not intake.overdue
    clock.now_s += HUNG_S + 0.1
    assert intake.overdue
    intake.settle(Outcome('dropped', cause=HUNG))
    intake.offer('older', 0)
    clock.now_s += HUNG_S + 0.1
    assert intake.take() is None
    assert intake.busy_s() == 0.0
    assert intake.tally().dropped == {HUNG: 2}
    assert intake.tally().adds_up


def test_frame_that_could_not_be_offered_came_in_and_failed(intake):
    intake.fail('MemoryError: ')
    tally = intake.tally()
    assert (tally.received, tally.dropped) == (1, {'internal': 1})
    assert tally.failure.cause == 'internal'
    assert tally.adds_up


def test_encoding_and_size_of_the_latest_frame_are_told(intake):
    class Raw:
        encoding = 'bgr8'

    class Compressed:
        format = 'jpeg'

    intake.offer(Raw(), 0)
    assert intake.tally().encoding == 'bgr8'
    intake.offer(Compressed(), 0)
    assert (intake.tally().encoding, intake.tally().size) == ('jpeg', (0, 0))
    Compressed.format = 64 * 'x' + 'iVBORw0KGgo'
    intake.offer(Compressed(), 0)
    assert intake.tally().encoding == 64 * 'x'
    intake.take()
    intake.settle(Outcome('untouched', 'frame', width=64, height=48))
    assert intake.tally().size == (64, 48)
    intake.offer(Compressed(), 0)
    intake.take()
    intake.settle(Outcome('dropped', cause='decode'))
    assert intake.tally().size == (64, 48)


def test_every_cause_of_the_pipeline_is_known():
    source = inspect.getsource(pipeline)
    given = set(re.findall(r"step = '(\w+)'|settings, '(\w+)', error", source))
    of_the_node = {a or b for a, b in given} - {'unjudged'}  # In the second pass over a recording.
    assert of_the_node == {'decode', 'detector', 'redaction', 'encoding'}
    assert of_the_node | {following.CAUSE} < set(CAUSES)
