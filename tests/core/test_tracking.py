import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer_node.core import tracking
from anonymizer_node.core.motion import GROWTH_PER_SECOND, MOST_MARGIN
from anonymizer_node.core.tracking import Tracker

MS = 1_000_000
SECOND = 1000 * MS
NOBODY = np.zeros((0, 4), np.float32)


def box(x, y=100.0, width=50.0, height=120.0):
    return np.array([[x, y, x + width, y + height]], np.float32)


def covers(answer, wanted):
    wanted = np.asarray(wanted).reshape(4)
    return any(
        row[0] <= wanted[0] and row[1] <= wanted[1] and row[2] >= wanted[2] and row[3] >= wanted[3]
        for row in answer
    )


def test_nobody_was_never_there():
    tracker = Tracker()
    for frame in range(5):
        assert tracker.update(frame * 33 * MS, NOBODY, 0.5).shape == (0, 4)


def test_what_is_detected_comes_back_as_it_is():
    tracker = Tracker()
    for frame in range(5):
        boxes = np.concatenate([box(100 + frame), box(400 - frame)])
        answer = tracker.update(frame * 33 * MS, boxes, 0.5)
        assert answer.dtype == np.float32
        assert np.array_equal(answer, boxes)


@pytest.mark.parametrize('missed', [1, 5, 15])
def test_a_person_missed_for_a_moment_stays_covered(missed):
    tracker = Tracker()
    tracker.update(0, box(100), 0.5)
    for frame in range(1, missed + 1):
        answer = tracker.update(frame * 33 * MS, NOBODY, 0.5)
        assert covers(answer, box(100))


def test_holding_ends_after_hold_seconds_and_not_before():
    tracker = Tracker()
    tracker.update(0, box(100), 0.5)
    assert len(tracker.update(500 * MS, NOBODY, 0.5)) == 1
    assert len(tracker.update(500 * MS + 1, NOBODY, 0.5)) == 0
    # And it does not come back.
    assert len(tracker.update(502 * MS, NOBODY, 0.5)) == 0


@pytest.mark.parametrize('hold', [0.29, 2.03, 2.11])
def test_a_hold_that_no_float_has_exactly_ends_to_the_nanosecond(hold):
    tracker = Tracker()
    tracker.update(0, box(100), hold)
    assert len(tracker.update(round(hold * SECOND), NOBODY, hold)) == 1
    assert len(tracker.update(round(hold * SECOND) + 1, NOBODY, hold)) == 0


def test_a_held_box_does_not_hold_itself():
    tracker = Tracker()
    tracker.update(0, box(100), 0.2)
    seen = [len(tracker.update(step * 50 * MS, NOBODY, 0.2)) for step in range(1, 10)]
    assert seen == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_without_hold_only_the_detections_remain():
    tracker = Tracker()
    tracker.update(0, box(100), 0.0)
    assert len(tracker.update(1, NOBODY, 0.0)) == 0


@pytest.mark.parametrize('speed', [-300, -60, 60, 300])
def test_one_who_walked_on_and_one_who_stopped_are_both_inside(speed):
    tracker = Tracker()
    last = 0.0
    for frame in range(6):
        last = 300 + speed * frame / 30
        tracker.update(frame * SECOND // 30, box(last), 0.5)
    for missed in range(1, 10):
        answer = tracker.update((5 + missed) * SECOND // 30, NOBODY, 0.5)
        assert len(answer) == 1
        assert covers(answer, box(last)), 'stopped'
        assert covers(answer, box(last + speed * missed / 30)), 'walked on'


def test_a_box_seen_once_widens_with_time_by_its_own_size_and_not_for_ever():
    tracker = Tracker()
    tracker.update(0, box(100, 100, 50, 128), 10.0)
    for milliseconds, margin in ((400, 80 * GROWTH_PER_SECOND * 0.4), (9000, 80 * MOST_MARGIN)):
        answer = tracker.update(milliseconds * MS, NOBODY, 10.0)
        expected = [[100 - margin, 100 - margin, 150 + margin, 228 + margin]]
        np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_of_two_people_the_one_missed_is_held_and_the_other_not_twice():
    tracker = Tracker()
    tracker.update(0, np.concatenate([box(100), box(400)]), 0.5)
    answer = tracker.update(33 * MS, box(401), 0.5)
    assert len(answer) == 2
    assert np.array_equal(answer[:1], box(401))
    assert covers(answer, box(100))


def test_two_people_who_touch_are_two():
    tracker = Tracker()
    both = np.concatenate([box(100), box(130)])
    tracker.update(0, both, 0.5)
    answer = tracker.update(33 * MS, box(101), 0.5)
    assert covers(answer, box(130))


def test_a_detection_that_merges_two_people_leaves_the_other_held():
    tracker = Tracker()
    tracker.update(0, np.concatenate([box(100), box(140)]), 0.5)
    merged = np.array([[100, 100, 190, 220]], np.float32)
    answer = tracker.update(33 * MS, merged, 0.5)
    assert len(answer) == 2


def test_one_detection_that_becomes_two_people_holds_both():
    tracker = Tracker()
    tracker.update(0, np.array([[100, 100, 190, 220]], np.float32), 0.5)
    tracker.update(33 * MS, np.concatenate([box(100), box(140)]), 0.5)
    answer = tracker.update(66 * MS, NOBODY, 0.5)
    assert len(answer) == 2
    assert covers(answer, box(100))
    assert covers(answer, box(140))


def test_equal_stamps_hold_and_do_not_divide_by_nothing():
    tracker = Tracker()
    with np.errstate(all='raise'):
        tracker.update(7, box(100), 0.5)
        tracker.update(7, box(104), 0.5)
        assert covers(tracker.update(7, NOBODY, 0.5), box(104))
        answer = tracker.update(7 + 33 * MS, NOBODY, 0.5)
    assert np.isfinite(answer).all()
    assert covers(answer, box(104))


def test_a_driver_that_never_sets_the_stamp_can_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(tracking, 'MOST_TRACKS', 16)
    tracker = Tracker()
    for frame in range(60):
        answer = tracker.update(0, box(1000 * frame), 0.5)
        assert len(answer) <= 17
    # Those that stay are the newest.
    assert {int(row[0]) // 1000 for row in answer} == set(range(43, 60))


def test_far_gaps_forget():
    tracker = Tracker()
    tracker.update(0, box(100), 10.0)
    assert len(tracker.update(60 * SECOND, NOBODY, 10.0)) == 0
    tracker.update(60 * SECOND, box(100), 10.0)
    # A gap as long as this makes no velocity either.
    tracker.update(200 * SECOND, box(120), 10.0)
    np.testing.assert_allclose(tracker.update(200 * SECOND, NOBODY, 10.0), box(120))
    assert len(tracker.carry(300 * SECOND, 10.0)) == 0


def test_a_bag_that_loops_carries_nothing_over():
    tracker = Tracker()
    tracker.update(100 * SECOND, box(100), 0.5)
    assert len(tracker.update(1 * SECOND, NOBODY, 0.5)) == 0
    assert len(tracker.update(2 * SECOND, NOBODY, 0.5)) == 0


def test_a_frame_that_arrives_late_does_not_uncover_anybody():
    tracker = Tracker()
    tracker.update(1000 * MS, box(100), 0.5)
    assert covers(tracker.update(967 * MS, NOBODY, 0.5), box(100))
    assert covers(tracker.update(1033 * MS, NOBODY, 0.5), box(100))


def test_time_may_run_backwards_when_negated():
    forwards, backwards = Tracker(), Tracker()
    forwards.update(0, box(100), 0.5)
    backwards.update(-5 * SECOND, box(100), 0.5)
    np.testing.assert_allclose(
        forwards.update(100 * MS, NOBODY, 0.5),
        backwards.update(-5 * SECOND + 100 * MS, NOBODY, 0.5),
    )


def test_a_shorter_hold_takes_effect_at_once():
    tracker = Tracker()
    tracker.update(0, box(100), 5.0)
    assert len(tracker.update(1 * SECOND, NOBODY, 5.0)) == 1
    assert len(tracker.update(1 * SECOND + 1, NOBODY, 0.1)) == 0


def test_today_s_nanoseconds_lose_nothing():
    answers = []
    for start in (0, 1_790_000_000_123_456_789):
        tracker = Tracker()
        for frame in range(4):
            tracker.update(start + frame * 33 * MS, box(100 + 10 * frame), 0.5)
        answers.append(tracker.update(start + 4 * 33 * MS, NOBODY, 0.5))
    assert covers(answers[0], box(130))
    assert covers(answers[0], box(138, 101, 50, 118))
    assert np.array_equal(*answers)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2000),
            st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400)), max_size=3),
        ),
        max_size=25,
    ),
    st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=80, deadline=None)
def test_whatever_comes_detections_are_kept_and_held_boxes_are_sound(frames, hold):
    tracker = Tracker()
    seen: list[tuple[int, np.ndarray]] = []
    for stamp_ms, corners in sorted(frames, key=lambda frame: frame[0]):
        boxes = np.array([[x, y, x + 40, y + 90] for x, y in corners], np.float32).reshape(-1, 4)
        answer = tracker.update(stamp_ms * MS, boxes, hold)
        assert answer.dtype == np.float32
        assert np.array_equal(answer[: len(boxes)], boxes)
        assert np.isfinite(answer).all()
        assert (answer[:, :2] < answer[:, 2:]).all()
        if not len(boxes):
            # Nobody found: all that was in the last frame with somebody is still covered.
            for then, earlier in seen[-1:]:
                if (stamp_ms - then) <= hold * 1000:
                    assert all(covers(answer, row) for row in earlier)
        else:
            seen.append((stamp_ms, boxes))
