import numpy as np
import pytest

from anonymizer_node.core.config import THOROUGHNESS
from anonymizer_node.detectors.family import Decoded
from anonymizer_node.detectors.views import (
    FULL,
    OVERLAP,
    SMALL,
    SMALLER,
    View,
    join_cut,
    plan_views,
    tiles,
)

SIZES = (320, 416, 512, 640, 1280)


def pixels(views):
    """Of all inputs of a square frame."""
    return sum(view.size**2 for view in views)


@pytest.mark.parametrize('size', SIZES)
def test_fast_is_one_look(size):
    assert plan_views('fast', size) == (View(FULL, size),)


@pytest.mark.parametrize('size', SIZES)
def test_balanced_costs_at_most_twice_that(size):
    views = plan_views('balanced', size)
    assert pixels(views) <= 2 * size**2
    assert [view.crop for view in views] == [FULL, FULL]
    near, far = views
    assert near.size < size < far.size
    assert (near.most, far.most) == (np.inf, SMALL)


@pytest.mark.parametrize('size', SIZES)
def test_thorough_looks_at_tiles_and_at_another_scale_too(size):
    whole = [view for view in plan_views('thorough', size) if view.crop == FULL]
    tiled = [view for view in plan_views('thorough', size) if view.crop != FULL]
    assert len({view.size for view in whole}) == 2
    assert tuple(view.crop for view in tiled) == tiles(2, 2)
    assert {view.most for view in tiled} == {SMALLER}
    assert any(np.isinf(view.most) for view in whole)


@pytest.mark.parametrize('thoroughness', THOROUGHNESS)
@pytest.mark.parametrize('size', SIZES)
def test_every_input_is_a_multiple_of_the_stride_and_somebody_near_is_looked_for(
    thoroughness, size
):
    views = plan_views(thoroughness, size)
    assert all(view.size % 32 == 0 for view in views)
    assert any(view.crop == FULL and np.isinf(view.most) for view in views)


@pytest.mark.parametrize(('thoroughness', 'looks'), [('fast', 1), ('balanced', 3), ('thorough', 5)])
def test_a_graph_of_one_size_gets_tiles_in_place_of_sizes(thoroughness, looks):
    views = plan_views(thoroughness, 640, fixed=True)
    assert len(views) == looks
    assert {view.size for view in views} == {640}
    assert views[0] == View(FULL, 640)


@pytest.mark.parametrize(('columns', 'rows'), [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_tiles_make_up_the_frame_and_overlap(columns, rows):
    parts = np.array(tiles(columns, rows))
    assert len(parts) == columns * rows
    xs, ys = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    points = np.stack([xs.ravel(), ys.ravel()], axis=1)
    inside = (points[:, None] >= parts[:, :2] - 1e-9) & (points[:, None] <= parts[:, 2:] + 1e-9)
    assert inside.all(axis=2).any(axis=1).all()
    assert parts.min() == 0
    assert parts.max() == 1
    widths = parts[:, 2] - parts[:, 0]
    np.testing.assert_allclose(widths, widths[0])
    if columns > 1:
        np.testing.assert_allclose(parts[0, 2] - parts[1, 0], OVERLAP * widths[0])


def test_a_tile_makes_use_of_more_of_the_frame_than_its_input_has():
    assert View((0, 0, 0.5, 0.5), 512).frame_size == 1024
    assert View(FULL, 512).frame_size == 512


# --- Joining. Tiles of a 100 x 60 frame: columns 0..60 and 40..100.

LEFT, RIGHT = [0, 0, 60, 60], [40, 0, 100, 60]


def joined(*found):
    """Each: box, crop, class, score."""
    boxes, crops, ids, scores = (np.array(part, np.float32) for part in zip(*found, strict=True))
    return join_cut(Decoded(boxes, scores, ids.astype(np.int64)), crops, (100, 60))


def test_what_two_tiles_show_of_one_person_becomes_one_box():
    xyxy, scores, ids = joined(([30, 10, 60, 20], LEFT, 1, 0.4), ([40, 10, 75, 21], RIGHT, 1, 0.7))
    assert xyxy.tolist() == [[30, 10, 60, 20], [40, 10, 75, 21], [30, 10, 75, 21]]
    assert scores.tolist() == [np.float32(0.4), np.float32(0.7), np.float32(0.7)]
    assert ids.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    'second',
    [
        ([40, 10, 75, 21], RIGHT, 0, 0.7),
        ([40, 40, 75, 50], RIGHT, 1, 0.7),
        ([40, 10, 75, 21], LEFT, 1, 0.7),
        ([62, 10, 75, 21], RIGHT, 1, 0.7),
        ([45, 10, 75, 21], RIGHT, 1, 0.7),
    ],
    ids=['another class', 'another place', 'same tile', 'not in both', 'not cut'],
)
def test_what_is_not_of_one_person_stays_apart(second):
    found = joined(([30, 10, 60, 20], LEFT, 1, 0.4), second)
    assert len(found.xyxy) == 2


def test_the_borders_of_the_frame_cut_nobody_in_two():
    found = joined(([0, 10, 30, 20], LEFT, 0, 0.5), ([70, 10, 100, 20], RIGHT, 0, 0.5))
    assert len(found.xyxy) == 2


def test_nobody_is_joined_to_nobody():
    empty = Decoded(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert join_cut(empty, np.zeros((0, 4), np.float32), (100, 60)) is empty
