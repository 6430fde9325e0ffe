"""The tracker among several people, between detections, at a jump, and on random walks."""

import numpy as np
import pytest

from anonymizer_node.core.geometry import coverage_mask, to_regions
from anonymizer_node.core.tracking import Tracker

MS = 1_000_000
SECOND = 1000 * MS
NOBODY = np.zeros((0, 4), np.float32)
HOLD = 0.5


def box(x, y=100.0, width=50.0, height=120.0):
    return np.array([[x, y, x + width, y + height]], np.float32)


def people(*places):
    return np.concatenate([box(*place) for place in places])


def inside(answer, wanted):
    """Of (M, 4), which hold a box wholly."""
    x0, y0, x1, y1 = np.asarray(wanted).reshape(4)
    left, top, right, bottom = answer.T
    return (left <= x0) & (top <= y0) & (right >= x1) & (bottom >= y1)


def share(answer, wanted, width=2000, height=1000):
    """Which share of a box the regions cover, pixel by pixel."""
    mask = coverage_mask(to_regions(answer, width, height), width, height)
    (region,) = to_regions(np.asarray(wanted, np.float32).reshape(1, 4), width, height)
    return mask[region.y0 : region.y1, region.x0 : region.x1].mean()


# Several people


def test_people_who_cross_keep_their_ways():
    tracker = Tracker()
    for frame in range(20):
        both = people((100 + 12 * frame,), (328 - 12 * frame,))
        tracker.update(frame * 50 * MS, both, HOLD)
    answer = tracker.update(20 * 50 * MS, NOBODY, HOLD)
    assert inside(answer, box(340)).any()
    assert inside(answer, box(88)).any()
    # Had they been taken for each other, each would be expected where the other came from.
    assert len(answer) == 2
    assert (answer[:, 2] - answer[:, 0] < 50 + 12 + 40).all()


def test_people_who_change_places_between_two_frames_are_not_taken_for_each_other():
    tracker = Tracker()
    for frame in range(7):
        both = people((100 + 20 * frame,), (320 - 20 * frame,))
        tracker.update(frame * 50 * MS, both, HOLD)
    # From the frame before the last, one went from 200 to 220 and the other the way back.
    answer = tracker.update(7 * 50 * MS, NOBODY, HOLD)
    for place in (200 + 20 + 20, 220 - 20 - 20):
        assert inside(answer, box(place)).any()


def test_people_who_cross_while_one_hides_the_other_keep_their_ways():
    tracker = Tracker()
    for frame in range(20):
        both = people((100 + 12 * frame,), (328 - 12 * frame,))
        hidden = 7 <= frame <= 11
        answer = tracker.update(frame * 50 * MS, both[:1] if hidden else both, HOLD)
        if hidden:
            assert share(answer, both[1]) >= 0.9
    answer = tracker.update(20 * 50 * MS, NOBODY, HOLD)
    assert inside(answer, box(340)).any()
    assert inside(answer, box(88)).any()


def test_a_small_person_who_runs_is_found_again_though_no_boxes_overlap():
    tracker = Tracker()
    for frame in range(4):
        tracker.update(frame * 100 * MS, box(100 + 30 * frame, 100, 20, 60), HOLD)
    answer = tracker.update(400 * MS, NOBODY, HOLD)
    assert inside(answer, box(220, 100, 20, 60)).any()


def test_who_is_near_a_lost_one_may_be_somebody_else_so_both_are_held():
    tracker = Tracker()
    for frame in range(3):
        tracker.update(frame * 33 * MS, box(100), HOLD)
    answer = tracker.update(99 * MS, box(160), HOLD)
    assert inside(answer, box(100)).any()
    for frame in range(4, 10):
        answer = tracker.update(frame * 33 * MS, NOBODY, HOLD)
        assert inside(answer, box(100)).any()
        assert inside(answer, box(160)).any()


@pytest.mark.parametrize(
    ('name', 'second'),
    [
        ('too far', box(100 + 1.2 * np.sqrt(50 * 120))),
        ('much smaller', box(155, 130, 20, 50)),
    ],
)
def test_nobody_gets_the_speed_of_one_who_is_no_other(name, second):
    tracker = Tracker()
    tracker.update(0, box(100), HOLD)
    tracker.update(33 * MS, second, HOLD)
    answer = tracker.update(66 * MS, NOBODY, HOLD)
    # Where the second was, widened alike on both sides: it stands.
    held = answer[inside(answer, second)]
    assert len(held) == 1, name
    middle = (second[0, 0] + second[0, 2]) / 2
    assert (held[0, 0] + held[0, 2]) / 2 == pytest.approx(middle, abs=0.01)


def test_one_jittery_match_makes_no_region_of_the_whole_image():
    tracker = Tracker()
    for frame in range(10):
        tracker.update(frame * 33 * MS, box(500), HOLD)
    tracker.update(330 * MS, box(530, 80, 50, 170), HOLD)
    for frame in range(11, 25):
        answer = tracker.update(frame * 33 * MS, NOBODY, HOLD)
        assert inside(answer, box(530, 80, 50, 170)).any()
        assert (answer[:, 2] - answer[:, 0]).max() < 4 * 50
        assert (answer[:, 3] - answer[:, 1]).max() < 2 * 170


def test_nothing_goes_from_one_tracker_to_another():
    first, second = Tracker(), Tracker()
    first.update(0, box(100), HOLD)
    assert len(second.update(1, NOBODY, HOLD)) == 0
    assert len(second.carry(2, HOLD)) == 0
    assert len(first.carry(2, HOLD)) == 1


# Between detections


def test_between_detections_everybody_is_covered_where_they_were_and_where_they_should_be():
    tracker = Tracker()
    for frame in range(6):
        both = people((100 + 10 * frame,), (600,))
        answer = tracker.update(frame * 50 * MS, both, HOLD)
    answer = tracker.carry(300 * MS, HOLD)
    assert answer.dtype == np.float32
    assert answer.shape == (2, 4)
    for place in (150, 158, 600):
        assert inside(answer, box(place)).sum() == 1


def test_carrying_is_no_miss_and_does_not_age_the_hold():
    carried, plain = Tracker(), Tracker()
    for frame in range(4):
        both = people((100 + 6 * frame,), (600,))
        for tracker in (carried, plain):
            tracker.update(frame * 30 * MS, both, HOLD)
        for between in range(1, 3):
            once = carried.carry((frame * 30 + between * 10) * MS, HOLD)
            assert np.array_equal(once, carried.carry((frame * 30 + between * 10) * MS, HOLD))
    for stamp_ms in (120, 300, 590):
        stamp_ns = stamp_ms * MS
        assert np.array_equal(
            carried.update(stamp_ns, NOBODY, HOLD), plain.update(stamp_ns, NOBODY, HOLD)
        )
    # The last detection was at 90 ms.
    assert len(carried.carry(590 * MS, HOLD)) == 2
    assert len(carried.carry(590 * MS + 1, HOLD)) == 0
    assert len(carried.update(590 * MS + 1, NOBODY, HOLD)) == 0


def test_one_who_was_missed_at_the_last_detection_is_carried_too():
    tracker = Tracker()
    tracker.update(0, people((100,), (600,)), HOLD)
    tracker.update(50 * MS, box(100), HOLD)
    answer = tracker.carry(80 * MS, HOLD)
    assert len(answer) == 2
    assert inside(answer, box(600)).any()


def test_nothing_is_carried_over_a_gap_or_a_loop():
    tracker = Tracker()
    tracker.update(100 * SECOND, box(100), HOLD)
    assert len(tracker.carry(101 * SECOND, HOLD)) == 0
    assert len(tracker.carry(1 * SECOND, HOLD)) == 0
    assert len(Tracker().carry(0, HOLD)) == 0


# A jump of the camera

SCENE = people((100,), (300,), (500,))
OTHER = people((180, 400), (420, 420), (900, 400))


def watching(scene):
    tracker = Tracker()
    for frame in range(3):
        tracker.update(frame * 33 * MS, scene, HOLD)
    return tracker


def test_at_a_jump_of_the_camera_nothing_is_carried_over():
    tracker = watching(SCENE)
    assert np.array_equal(tracker.update(99 * MS, OTHER, HOLD), OTHER)
    assert np.array_equal(tracker.update(132 * MS, OTHER, HOLD), OTHER)
    assert len(tracker.carry(140 * MS, HOLD)) == 3


def test_at_a_jump_one_of_five_may_stand_where_another_stood():
    tracker = watching(ROW)
    after = np.concatenate([box(0), people(*((150 * index, 500) for index in range(4)))])
    assert np.array_equal(tracker.update(99 * MS, after, HOLD), after)


ROW = people(*((150 * index,) for index in range(5)))


@pytest.mark.parametrize(
    ('why', 'before', 'after'),
    [
        ('as many are lost by a plain miss', SCENE[:2], OTHER),
        ('one is found', SCENE, np.concatenate([SCENE[:1], OTHER])),
        (
            'two of five are found',
            ROW,
            np.concatenate([ROW[:2], people(*((150 * index, 500) for index in range(5)))]),
        ),
        ('fewer appear', SCENE, OTHER[:2]),
        ('nobody appears', SCENE, NOBODY),
        ('the others touch who is held', SCENE, SCENE + np.float32([0, 110, 0, 110])),
        ('all are a little way off: the camera turns', SCENE, SCENE + np.float32([60, 0, 60, 0])),
    ],
)
def test_where_a_jump_is_in_doubt_everybody_is_held(why, before, after):
    tracker = watching(before)
    answer = tracker.update(99 * MS, after, HOLD)
    for person in before:
        assert share(answer, person) == 1, why


def test_boxes_seen_once_make_no_jump():
    tracker = Tracker()
    tracker.update(0, SCENE, HOLD)
    answer = tracker.update(33 * MS, OTHER, HOLD)
    for person in SCENE:
        assert share(answer, person) == 1


def test_those_lost_before_make_no_jump():
    tracker = watching(SCENE)
    tracker.update(99 * MS, NOBODY, HOLD)
    answer = tracker.update(132 * MS, OTHER, HOLD)
    for person in SCENE:
        assert share(answer, person) == 1


# Both directions of time


def answers(frames, stamps, hold=HOLD):
    tracker = Tracker()
    return [tracker.update(stamp, boxes, hold) for stamp, boxes in zip(stamps, frames, strict=True)]


def test_a_bag_that_runs_backwards_with_negated_stamps_is_tracked_alike():
    """One who walks out and back looks the same from either end."""
    way = [100, 108, 116, 124, None, 132, 124, None, 116, 108, 100]
    way = [*way[:5], None, *way[::-1][6:]]
    assert way == way[::-1]
    frames = [NOBODY if x is None else box(x) for x in way]
    stamps = [7 * SECOND + 40 * MS * index for index in range(len(way))]
    forwards = answers(frames, stamps)
    backwards = answers(frames[::-1], [-stamp for stamp in stamps[::-1]])
    for ahead, back in zip(forwards, backwards, strict=True):
        np.testing.assert_allclose(ahead, back, rtol=1e-6)


def test_backwards_one_is_held_before_they_were_first_seen():
    tracker = Tracker()
    frames = {10: box(200), 9: box(190), 8: box(180), 7: NOBODY}
    for index, boxes in frames.items():
        answer = tracker.update(-index * 50 * MS, boxes, HOLD)
    assert inside(answer, box(180)).any()
    assert inside(answer, box(171)).any()
    assert len(tracker.carry(-8 * 50 * MS + 500 * MS, HOLD)) == 1
    assert len(tracker.carry(-8 * 50 * MS + 500 * MS + 1, HOLD)) == 0


# Random walks


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('rate_hz', [10, 30])
def test_a_person_on_a_random_walk_is_covered_while_missed_for_up_to_three_frames(seed, rate_hz):
    """Their true box: a person of 1.7 m accelerates by up to 1 m/s^2, at up to 1.5 m/s.

    Their box's size, the root of 0.6 x 1.7 m, is 1 m. The detector is off by up to 2 % of it on
    every side. Before the first miss, and after each, they are seen three times.
    """
    random = np.random.default_rng(seed)
    size = random.uniform(30, 150)
    half = size * np.array([0.3, 0.85])
    place, speed = np.array([1000.0, 500.0]), random.uniform(-1, 1, 2) * size
    tracker = Tracker()
    seen, left, misses = 0, 0, 0
    step = 1 / rate_hz
    for frame in range(150):
        push = random.uniform(-1, 1, 2)
        push *= size * random.uniform(0, 1) / np.hypot(*push)
        speed = speed + push * step
        speed *= min(1.0, 1.5 * size / np.hypot(*speed))
        away = np.abs(place + speed * step - [1000, 500]) > [700, 250]
        speed = np.where(away, 0, speed)  # At the wall they stop, which is harder.
        place = place + speed * step
        true = np.concatenate([place - half, place + half])
        if left == 0 and seen >= 3 and random.random() < 0.5:
            left, seen = int(random.integers(1, 4)), 0
        stamp_ns = round(frame * 1e9 / rate_hz)
        if left:
            left -= 1
            misses += 1
            held = tracker.update(stamp_ns, NOBODY, HOLD)
            assert share(held, true) >= 0.9, f'frame {frame}'
        else:
            seen += 1
            noisy = true + random.uniform(-0.02, 0.02, 4) * size
            tracker.update(stamp_ns, noisy[None].astype(np.float32), HOLD)
    assert misses > 30
