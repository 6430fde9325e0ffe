"""People over a recording: entering, leaving, gaps, cuts; the same backwards in time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer_node.core import joining
from anonymizer_node.core.geometry import coverage_mask, to_regions
from anonymizer_node.core.joining import Joiner
from anonymizer_node.core.motion import between

MS = 1_000_000
SECOND = 1000 * MS
NOBODY = np.zeros((0, 4), np.float32)
HOLD = 0.5
SIZE = (700, 300)


def box(x, y=100.0, width=50.0, height=120.0):
    return np.array([[x, y, x + width, y + height]], np.float32)


def joined(frames, hold=HOLD, least=1):
    """Covers of (stamp_ns, boxes), as they come, one for each."""
    joiner = Joiner(hold, least)
    covers = [cover for frame in frames for cover in joiner.add(frame[0], SIZE, frame[1])]
    covers += joiner.flush()
    assert len(covers) == len(frames)
    return covers


def every(step_ms, boxes):
    return [(index * step_ms * MS, found) for index, found in enumerate(boxes)]


def boxes_of(frame, cover):
    return np.concatenate([frame[1][cover.kept], cover.held])


def covers(answer, wanted):
    """Whether one region holds a box wholly."""
    x0, y0, x1, y1 = np.asarray(wanted).reshape(4)
    left, top, right, bottom = answer.T
    return bool(((left <= x0) & (top <= y0) & (right >= x1) & (bottom >= y1)).any())


def mask(answer):
    return coverage_mask(to_regions(answer, 700, 300), 700, 300)


def test_who_comes_in_is_covered_before_the_first_sight_and_after_the_last():
    frames = every(100, [NOBODY] * 10 + [box(100)] + [NOBODY] * 10)
    held = [covers(cover.held, box(100)) for cover in joined(frames)]
    assert held == [False] * 5 + [True] * 5 + [False] + [True] * 5 + [False] * 5


def test_before_the_first_sight_where_they_must_have_been_is_covered_too():
    walk = [box(100 + 12 * index) for index in range(12)]
    frames = every(100, [NOBODY] * 4 + walk[4:8] + [NOBODY] * 4)
    answers = joined(frames)
    for index in (*range(4), *range(8, 12)):
        assert covers(answers[index].held, walk[index]), index
    assert all(len(answers[index].held) == 0 for index in range(4, 8))


def test_a_gap_is_covered_on_the_way_from_one_sight_to_the_other():
    """Seen once before and once after, nobody knows a speed: neither sight reaches the middle."""
    frames = every(100, [box(100, width=80), NOBODY, NOBODY, NOBODY, box(148, width=80)])
    answers = joined(frames)
    for index in (1, 2, 3):
        assert covers(answers[index].held, box(100 + 12 * index, width=80)), index
    alone = joined(frames[:4])
    assert not covers(alone[2].held, box(100 + 24, width=80))


def test_a_gap_longer_than_the_hold_is_covered_from_both_ends_only():
    frames = every(100, [box(100)] + [NOBODY] * 19 + [box(100)])
    held = [len(cover.held) > 0 for cover in joined(frames)]
    assert held == [False] + [True] * 5 + [False] * 9 + [True] * 5 + [False]


def test_where_only_a_part_of_somebody_is_detected_all_of_them_stays_covered():
    whole, part = box(100, 40, 80, 200), box(120, 40, 40, 60)
    frames = every(100, [whole] * 4 + [part] * 2 + [whole] * 4)
    for index in (4, 5):
        assert covers(joined(frames)[index].held, whole)
    # Who really becomes smaller bit by bit is not held on.
    sizes = [box(100, 40, 80 * 0.9**step, 200 * 0.9**step) for step in range(12)]
    assert all(len(cover.held) == 0 for cover in joined(every(100, sizes)))


def test_people_who_cross_are_both_covered_though_one_hides_the_other():
    frames, truth = [], []
    for index in range(25):
        both = np.concatenate([box(100 + 12 * index), box(388 - 12 * index)])
        truth.append(both)
        hidden = 9 <= index <= 15
        frames.append((index * 50 * MS, both[:1] if hidden else both))
    for index, (frame, cover) in enumerate(zip(frames, joined(frames), strict=True)):
        answer = mask(boxes_of(frame, cover))
        for person in truth[index]:
            (region,) = to_regions(person[None], 700, 300)
            assert answer[region.y0 : region.y1, region.x0 : region.x1].mean() >= 0.9, index


@pytest.mark.parametrize('jump_s', [-60, 60])
def test_nobody_is_carried_over_a_jump_of_time_either_way(jump_s):
    first = every(100, [box(100)] * 5)
    second = [(stamp + jump_s * SECOND, NOBODY) for stamp, _ in every(100, [NOBODY] * 5)]
    third = [(stamp + 2 * jump_s * SECOND, found) for stamp, found in every(100, [box(400)] * 5)]
    answers = joined([*first, *second, *third])
    assert all(len(cover.held) == 0 for cover in answers)


def test_nobody_is_carried_over_a_jump_of_the_camera_either_way():
    here = np.concatenate([box(20 + 130 * index, 20) for index in range(4)])
    there = np.concatenate([box(80 + 130 * index, 160) for index in range(4)])
    frames = every(100, [here] * 5 + [there] * 5)
    assert all(len(cover.held) == 0 for cover in joined(frames))


def test_one_frame_alone_and_no_frame_at_all():
    assert joined([]) == []
    (cover,) = joined([(7, box(100))])
    assert cover.kept.tolist() == [True]
    assert cover.held.shape == (0, 4)
    assert cover.held.dtype == np.float32
    (cover,) = joined([(7, NOBODY)])
    assert cover.kept.shape == (0,)


def test_without_hold_every_frame_is_decided_at_once():
    joiner = Joiner(0.0)
    for index in range(3):
        (cover,) = joiner.add(index * SECOND, SIZE, box(100))
        assert len(cover.held) == 0
    assert joiner.flush() == []


def test_frames_are_decided_on_the_way_and_the_same_as_in_one_piece(monkeypatch):
    rng = np.random.default_rng(3)
    frames = []
    for index in range(600):
        seen = rng.random() < 0.6
        frames.append((index * 50 * MS, box(100 + 20 * np.sin(index / 9)) if seen else NOBODY))
    joiner, covered, longest = Joiner(HOLD), [], 0
    for count, frame in enumerate(frames, 1):
        covered += joiner.add(frame[0], SIZE, frame[1])
        longest = max(longest, count - len(covered))
    covered += joiner.flush()
    # Three spans of half a second and one to get warm.
    assert longest <= 3 * 1.5 / 0.05 + 2
    monkeypatch.setattr(joining, 'SPANS', 1000)
    for (_, found), part, whole in zip(frames, covered, joined(frames), strict=True):
        if not len(found):
            assert len(part.held)
            assert mask(part.held)[mask(whole.held)].mean() > 0.97


def test_a_driver_that_never_sets_the_stamp_does_not_make_frames_wait_for_ever(monkeypatch):
    monkeypatch.setattr(joining, 'MOST_WAITING', 16)
    joiner, given = Joiner(HOLD), 0
    for index in range(100):
        given += len(joiner.add(0, SIZE, box(100) if index % 2 else NOBODY))
        assert index + 1 - given <= 16
    assert given + len(joiner.flush()) == 100


def test_a_frame_that_was_overtaken_uncovers_nobody():
    stamps = [0, 100, 200, 400, 300, 500, 600]
    boxes = [box(100), box(100), NOBODY, NOBODY, NOBODY, box(100), box(100)]
    frames = [(stamp * MS, found) for stamp, found in zip(stamps, boxes, strict=True)]
    for (_, found), cover in zip(frames, joined(frames), strict=True):
        assert len(found) or covers(cover.held, box(100))


# A camera that changes its resolution

SIZES = {'same aspect': (1400, 600), 'smaller': (350, 150), 'another aspect': (1400, 450)}


def resized(frames, sizes, least=1):
    """Covers of (stamp_ns, boxes as in `SIZE`), in frames of sizes."""
    joiner, covers = Joiner(HOLD, least), []
    for (stamp_ns, boxes), size in zip(frames, sizes, strict=True):
        covers += joiner.add(stamp_ns, size, scaled(boxes, size))
    return covers + joiner.flush()


def scaled(boxes, size):
    across, down = size[0] / SIZE[0], size[1] / SIZE[1]
    return (boxes * [across, down, across, down]).astype(np.float32)


@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
@pytest.mark.parametrize('change', [4, 6, 8])
def test_whoever_is_missed_where_the_resolution_changes_is_covered_there(size, change):
    """Missed in four frames: the change is at either end of them or within."""
    frames = every(100, [box(100)] * 4 + [NOBODY] * 4 + [box(100)] * 4)
    sizes = [SIZE] * change + [size] * (12 - change)
    answers = resized(frames, sizes)
    for index in range(4, 8):
        wanted = scaled(box(100), sizes[index])
        held = answers[index].held
        assert covers(held, wanted), index
        # No more than the way needs: what isn't scaled lies elsewhere, and reaches far out.
        left, top, right, bottom = scaled(box(70, 60, 110, 200), sizes[index])[0]
        assert (held >= [left, top, left, top]).all()
        assert (held <= [right, bottom] * 2).all()
    for index in (*range(3), *range(9, 12)):
        assert not len(answers[index].held), 'who is detected is held nowhere else'
        assert answers[index].kept.tolist() == [True]


@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
@pytest.mark.parametrize('seen', [range(4, 8), range(8, 12)])
def test_before_the_first_sight_and_after_the_last_a_change_of_the_resolution_counts(size, seen):
    """The change is at the 8th frame: who is seen up to it is held behind it, and the reverse."""
    frames = every(100, [box(100) if index in seen else NOBODY for index in range(16)])
    sizes = [SIZE] * 8 + [size] * 8
    answers = resized(frames, sizes)
    reach = range(seen[0] - 5, seen[-1] + 6)
    for index in set(range(16)) - set(seen):
        assert covers(answers[index].held, scaled(box(100), sizes[index])) == (index in reach)


def test_a_camera_that_goes_to_another_resolution_and_back_is_followed_both_times():
    walk = [box(100 + 6 * index) for index in range(30)]
    missed = (9, 10, 11, 19, 20, 21)
    frames = every(50, [NOBODY if index in missed else walk[index] for index in range(30)])
    sizes = [SIZE] * 10 + [SIZES['same aspect']] * 10 + [SIZE] * 10
    answers = resized(frames, sizes)
    for index in missed:
        assert covers(answers[index].held, scaled(walk[index], sizes[index])), index


@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
def test_sightings_count_across_a_change_of_the_resolution(size):
    frames = every(100, [box(400) if index in (4, 5, 6, 7) else NOBODY for index in range(12)])
    sizes = [SIZE] * 6 + [size] * 6
    for least, kept in ((4, True), (5, False)):
        answers = resized(frames, sizes, least)
        assert [answers[index].kept.tolist() for index in (4, 5, 6, 7)] == [[kept]] * 4


# Pruning


def test_by_default_one_sight_is_enough():
    frames = every(100, [NOBODY, box(100), NOBODY])
    assert [cover.kept.tolist() for cover in joined(frames)] == [[], [True], []]


def test_who_is_seen_too_rarely_is_taken_for_nobody_and_held_nowhere():
    rare = [box(400) if index in (3, 5) else NOBODY for index in range(30)]
    often = [box(100) if 10 <= index < 13 else NOBODY for index in range(30)]
    frames = every(100, [np.concatenate(pair) for pair in zip(rare, often, strict=True)])
    for (_, found), cover in zip(frames, joined(frames, least=3), strict=True):
        assert cover.kept.tolist() == [row[0] < 300 for row in found]
        assert not covers(cover.held, box(400))
    answers = joined(frames, least=3)
    assert covers(answers[9].held, box(100))
    assert covers(answers[13].held, box(100))
    both = joined(frames, least=2)
    assert covers(both[4].held, box(400))


def test_sightings_count_on_both_sides_and_over_gaps():
    seen = (2, 5, 8, 11)
    frames = every(100, [box(100) if index in seen else NOBODY for index in range(14)])
    for least, kept in ((4, True), (5, False)):
        answers = joined(frames, least=least)
        assert all(answers[index].kept.tolist() == [kept] for index in seen)


def test_pruning_of_a_long_recording_counts_across_its_parts():
    frames = every(100, [box(100)] * 300)
    assert all(cover.kept.all() for cover in joined(frames, least=10))
    frames = every(100, [box(100) if index % 20 < 9 else NOBODY for index in range(300)])
    for (_, found), cover in zip(frames, joined(frames, least=10), strict=True):
        assert not len(found) or not cover.kept.any()


# Backwards


def test_the_way_between_is_the_same_from_either_end():
    first, second = box(100).astype(np.float64), box(180, 90, 60, 140).astype(np.float64)
    for share in (0.0, 0.3, 0.5, 1.0):
        there = between(first, second, np.array([share]), np.array([0.4]))
        back = between(second, first, np.array([1 - share]), np.array([-0.4]))
        np.testing.assert_allclose(there, back)
    middle = between(first, second, np.array([0.5]), np.array([0.4]))
    assert covers(middle, (first + second) / 2)


def hides(answer, wanted, own):
    """Whether regions hide boxes but for what rounding may take: which ones are left out, since
    others hide them, hangs on it.
    """
    hidden = mask(np.concatenate([answer, own]))
    low = np.ceil(wanted[:, :2] + 1 / joining.GRID).astype(int).clip(0)
    high = np.floor(wanted[:, 2:] - 1 / joining.GRID).astype(int).clip(0)
    boxes = np.concatenate([low, high], axis=1).tolist()
    return all(hidden[y0:y1, x0:x1].all() for x0, y0, x1, y1 in boxes)


def mirrored(frames):
    return [(-stamp, found) for stamp, found in reversed(frames)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([33, 50, 100, 400, 700]),
            st.lists(st.tuples(st.integers(0, 600), st.integers(0, 160)), max_size=3),
        ),
        max_size=25,
    ),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([1, 1, 2, 3]),
)
@settings(max_examples=80, deadline=None)
def test_time_reversed_covers_the_same_and_every_detection_holds_both_ways(steps, hold, least):
    stamp, frames = 0, []
    for step_ms, corners in steps:
        stamp += step_ms * MS
        boxes = np.array([[x, y, x + 40, y + 90] for x, y in corners], np.float32).reshape(-1, 4)
        frames.append((stamp, boxes))
    there = joined(frames, hold, least)
    back = joined(mirrored(frames), hold, least)[::-1]
    for (_, found), one, other in zip(frames, there, back, strict=True):
        assert one.kept.tolist() == other.kept.tolist()
        assert np.isfinite(one.held).all()
        assert hides(other.held, one.held, found[one.kept])
        assert hides(one.held, other.held, found[one.kept])
    if least > 1:
        return
    for index, (_, found) in enumerate(frames):
        assert there[index].kept.all()
        # Whoever is seen in the frames beside one without anybody is covered in it too.
        for beside in (index - 1, index + 1):
            near = 0 <= beside < len(frames) and not len(found)
            if near and abs(frames[beside][0] - frames[index][0]) <= hold * SECOND:
                assert all(covers(there[index].held, row) for row in frames[beside][1])
