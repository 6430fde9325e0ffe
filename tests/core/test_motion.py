"""The filter alone: what it learns, how unsure it is, and what bounds it."""

import numpy as np
import pytest

from anonymizer_node.core.motion import (
    FIRST_SPEED,
    GROWTH_PER_SECOND,
    Tracks,
)

MS = 1_000_000
SIZE = 80.0  # Root of 50 x 128.


def box(x, y=100.0, width=50.0, height=128.0):
    return np.array([[x, y, x + width, y + height]])


def walked(speed, frames, step_ms=50, start=100.0):
    """A track of somebody who walks to the right at so many pixels per second."""
    tracks = Tracks.begin(box(start), 0)
    for frame in range(1, frames):
        tracks = tracks.continued(box(start + speed * frame * step_ms / 1000), frame * step_ms * MS)
    return tracks


def uncertainty_of_speed(tracks):
    return float(np.sqrt(tracks.spread[0, 2]))


def margin(tracks, stamp_ns):
    """By how much the top of the region lies above the top of a box that keeps its height."""
    return float(tracks.box[0, 1] - tracks.held(stamp_ns)[0, 1])


def test_a_box_seen_once_has_no_velocity():
    tracks = Tracks.begin(box(100), 0)
    assert np.array_equal(tracks.predicted(400 * MS), box(100))
    assert uncertainty_of_speed(tracks) == FIRST_SPEED
    assert margin(tracks, 200 * MS) == pytest.approx(SIZE * GROWTH_PER_SECOND * 0.2)


def test_a_steady_walk_is_learnt():
    tracks = walked(speed=160, frames=8)
    np.testing.assert_allclose(tracks.velocity, [[160, 0, 160, 0]], atol=4)
    np.testing.assert_allclose(tracks.predicted(400 * MS), box(100 + 160 * 0.4), atol=1)


def test_every_sighting_makes_the_speed_surer_and_time_unseen_makes_the_place_less_sure():
    unsure = [uncertainty_of_speed(walked(0, frames)) for frames in range(1, 7)]
    assert unsure == sorted(unsure, reverse=True)
    assert unsure[-1] < FIRST_SPEED / 4

    tracks = walked(0, 6)
    margins = [margin(tracks, (250 + unseen) * MS) for unseen in (20, 60, 120, 200)]
    assert margins == sorted(margins)
    assert margins[-1] > 2 * margins[0] > 0


def test_who_walks_is_widened_more_than_who_stands():
    standing, walking = walked(0, 8), walked(160, 8)
    assert margin(walking, 500 * MS) > 1.5 * margin(standing, 500 * MS)


def test_an_unseen_track_becomes_less_sure_alike_in_both_directions_of_time():
    np.testing.assert_allclose(
        Tracks.begin(box(100), 0).held(-70 * MS), Tracks.begin(box(100), 0).held(70 * MS)
    )
    # A frame that comes late: the way there is as unsure as the way on.
    walking = walked(160, 8)
    assert margin(walking, (350 - 300) * MS) > 0.15 * SIZE


def test_one_box_that_is_far_off_does_not_sweep_the_image():
    tracks = walked(0, 6).continued(box(400, 300, 200, 32), 250 * MS + 1)
    for unseen_ms in (1, 50, 500, 10_000):
        held = tracks.held((250 + unseen_ms) * MS)[0]
        most = 2.2 * SIZE + 1e-6
        assert (held[:2] >= [400 - most, 300 - most]).all()
        assert (held[2:] <= [600 + most, 332 + most]).all()
        assert (held[:2] <= [400, 300]).all()
        assert (held[2:] >= [600, 332]).all()


def test_the_sides_of_a_box_that_shrinks_do_not_pass_each_other():
    tracks = Tracks.begin(box(100, width=200), 0)
    for frame, width in enumerate((150, 100, 50), 1):
        tracks = tracks.continued(box(100, width=width), frame * 50 * MS)
    predicted = tracks.predicted(600 * MS)[0]
    assert predicted[2] - predicted[0] >= 25
    assert (tracks.held(600 * MS)[0, [0, 2]] - [100, 150]) @ [-1, 1] >= 0


def test_a_side_at_the_edge_of_the_frame_stays_there_while_the_other_comes_in():
    tracks = Tracks.begin(np.array([[0.0, 100, 20, 228]]), 0)
    for frame in range(1, 6):
        tracks = tracks.continued(np.array([[0.0, 100, 20 + 8 * frame, 228]]), frame * 50 * MS)
    predicted = tracks.predicted(300 * MS)[0]
    assert predicted[0] == pytest.approx(0, abs=0.5)
    assert predicted[2] == pytest.approx(68, abs=2)


def test_two_frames_of_one_time_teach_no_speed_and_the_newer_is_believed():
    tracks = walked(0, 3)
    with np.errstate(all='raise'):
        again = tracks.continued(box(130), 100 * MS)
    assert np.array_equal(again.velocity, tracks.velocity)
    assert np.array_equal(again.sides, box(130))
    assert np.array_equal(again.spread, tracks.spread)


def test_many_are_computed_as_each_alone():
    parts = [walked(speed, frames) for speed, frames in ((0, 1), (160, 6), (-90, 3))]
    joined = Tracks.joined(*parts)
    assert len(joined) == 3
    alone = np.concatenate([part.held(400 * MS) for part in parts])
    np.testing.assert_allclose(joined.held(400 * MS), alone)


def test_what_is_expected_of_some_rows_is_what_is_expected_of_these_alone():
    joined = Tracks.joined(*(walked(speed, 4) for speed in (0, 160, -90)))
    rows = np.array([2, 0])
    some, alone = joined.at(400 * MS).rows(rows), joined.rows(rows).at(400 * MS)
    assert np.array_equal(some.predicted, alone.predicted)
    assert np.array_equal(some.held(), alone.held())
    boxes = np.concatenate([box(70), box(110)])
    again, as_before = some.continued(boxes), alone.continued(boxes)
    for name in ('box', 'sides', 'velocity', 'spread', 'seen_ns', 'sightings', 'misses'):
        assert np.array_equal(getattr(again, name), getattr(as_before, name)), name
    assert again.seen_ns.tolist() == [400 * MS] * 2
    assert again.sightings.tolist() == [5, 5]
    # What they were taken from is as it was.
    assert joined.sightings.tolist() == [4, 4, 4]


def test_nobody_is_legal():
    nobody = Tracks.begin(np.zeros((0, 4)), 0)
    assert nobody.predicted(1).shape == nobody.held(1).shape == (0, 4)
    assert len(nobody.continued(np.zeros((0, 4)), 5)) == 0
    assert len(Tracks.joined(nobody, nobody).missed()) == 0
