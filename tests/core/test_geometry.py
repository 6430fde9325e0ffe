import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.geometry import (
    STRIDE,
    Letterbox,
    aligned,
    coverage_mask,
    grow,
    iou,
    nms,
    to_regions,
)

number = st.floats(-300, 300, width=32)
size = st.integers(1, 200)


@st.composite
def boxes(draw, most=8):
    rows = draw(st.lists(st.tuples(number, number, number, number), max_size=most))
    return np.array(
        [[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in rows], np.float32
    ).reshape(-1, 4)


# --- Regions


@given(boxes(), size, size)
@settings(max_examples=150, deadline=None)
def test_regions_cover_their_boxes_and_stay_in_the_frame(xyxy, width, height):
    regions = to_regions(xyxy, width, height)
    for region in regions:
        assert all(type(value) is int for value in region)
        assert 0 <= region.x0 < region.x1 <= width
        assert 0 <= region.y0 < region.y1 <= height
    expected = []
    for x0, y0, x1, y1 in xyxy.tolist():
        left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
        right, bottom = min(width, math.ceil(x1)), min(height, math.ceil(y1))
        if left < right and top < bottom:
            expected.append((left, top, right, bottom))
    assert list(regions) == expected


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((0, 0, 10, 8), (0, 0, 10, 8)),
        ((0.001, 0.001, 9.001, 7.001), (0, 0, 10, 8)),
        ((-5, -5, 0.1, 0.1), (0, 0, 1, 1)),
        ((9.9, 7.9, 30, 30), (9, 7, 10, 8)),
        ((3.2, 4.7, 3.3, 4.8), (3, 4, 4, 5)),
        ((-1e30, -1e30, 1e30, 1e30), (0, 0, 10, 8)),
        ((-8, 0, 0, 8), None),
        ((10, 0, 12, 8), None),
    ],
)
def test_rounding_is_outward_to_the_last_row_and_column(box, expected):
    regions = to_regions(np.array([box], np.float32), 10, 8)
    assert regions == (() if expected is None else (Region(*expected),))


def test_no_boxes_no_regions():
    assert to_regions(np.zeros((0, 4), np.float32), 10, 10) == ()


@given(boxes(), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_growing_never_shrinks_and_goes_by_each_box_s_own_size(xyxy, fraction):
    grown = grow(xyxy, fraction)
    assert grown.shape == xyxy.shape
    assert (grown[:, :2] <= xyxy[:, :2]).all()
    assert (grown[:, 2:] >= xyxy[:, 2:]).all()
    sides = xyxy[:, 2:] - xyxy[:, :2]
    np.testing.assert_allclose(
        grown[:, 2:] - grown[:, :2], sides * (1 + 2 * fraction), rtol=1e-4, atol=1e-3
    )


def test_growing_by_a_tenth():
    grown = grow(np.array([[10, 20, 30, 60], [0, 0, 100, 10]], np.float32), 0.1)
    np.testing.assert_allclose(grown, [[8, 16, 32, 64], [-10, -1, 110, 11]], rtol=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), size, size, st.integers(1, 16), st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_aligning_only_widens(x0, y0, width, height, step_x, step_y):
    frame_width, frame_height = x0 + width + 3, y0 + height + 3
    region = Region(x0, y0, x0 + width, y0 + height)
    wide = aligned(region, step_x, step_y, frame_width, frame_height)
    assert wide.x0 <= region.x0 <= region.x1 <= wide.x1 <= frame_width
    assert wide.y0 <= region.y0 <= region.y1 <= wide.y1 <= frame_height
    assert wide.x0 % step_x == 0
    assert wide.y0 % step_y == 0
    assert wide.x1 % step_x == 0 or wide.x1 == frame_width
    assert wide.y1 % step_y == 0 or wide.y1 == frame_height
    assert region.x0 - wide.x0 < step_x
    assert wide.x1 - region.x1 < step_x


def test_the_coverage_mask_counts_an_overlap_once():
    mask = coverage_mask([Region(0, 0, 3, 2), Region(2, 1, 5, 4)], 6, 4)
    assert mask.shape == (4, 6)
    assert mask.sum() == 6 + 9 - 1
    assert mask[3, 4]
    assert not mask[0, 3]
    assert not coverage_mask([], 6, 4).any()


# --- Overlap


@given(boxes(), boxes())
@settings(max_examples=100, deadline=None)
def test_iou_is_what_counting_says(a, b):
    result = iou(a, b)
    assert result.shape == (len(a), len(b))
    assert np.isfinite(result).all()
    for row, p in enumerate(a.astype(float).tolist()):
        for column, q in enumerate(b.astype(float).tolist()):
            across = min(p[2], q[2]) - max(p[0], q[0])
            down = min(p[3], q[3]) - max(p[1], q[1])
            shared = max(0, across) * max(0, down)
            union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - shared
            expected = shared / union if union > 0 else 0
            assert result[row, column] == pytest.approx(expected, abs=1e-9)


def test_iou_of_boxes_without_area_is_zero():
    point = np.array([[5, 5, 5, 5]], np.float32)
    assert iou(point, point).tolist() == [[0]]


# --- Suppression


def naive_nms(xyxy, scores, threshold, ids):
    kept = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        rivals = [k for k in kept if ids[k] == ids[index]]
        if all(iou(xyxy[[k]], xyxy[[index]])[0, 0] <= threshold for k in rivals):
            kept.append(index)
    return kept


@given(boxes(), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.data())
@settings(max_examples=100, deadline=None)
def test_nms_is_what_the_definition_says(xyxy, threshold, data):
    count = len(xyxy)
    scores = np.array(
        data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=count, max_size=count)),
        np.float32,
    )
    ids = np.array(data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), np.int64)
    assert nms(xyxy, scores, threshold, ids).tolist() == naive_nms(xyxy, scores, threshold, ids)
    one_class = [0] * count
    assert nms(xyxy, scores, threshold).tolist() == naive_nms(xyxy, scores, threshold, one_class)


@given(boxes())
@settings(max_examples=60, deadline=None)
def test_every_box_that_goes_is_covered_by_a_better_one_that_stays(xyxy):
    scores = np.linspace(0.9, 0.1, len(xyxy)).astype(np.float32)
    kept = nms(xyxy, scores, 0.5)
    for index in set(range(len(xyxy))) - set(kept.tolist()):
        better = [k for k in kept.tolist() if scores[k] >= scores[index]]
        assert iou(xyxy[better], xyxy[[index]]).max() > 0.5


def test_of_two_people_side_by_side_none_stays_visible():
    # As xywh these two would overlap by more than half; as xyxy they only touch.
    xyxy = np.array([[300, 100, 400, 400], [400, 100, 500, 400]], np.float32)
    assert sorted(nms(xyxy, np.array([0.9, 0.8], np.float32), 0.5).tolist()) == [0, 1]


def test_boxes_at_exactly_the_threshold_both_stay():
    xyxy = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)
    scores = np.array([0.5, 0.9], np.float32)
    assert nms(xyxy, scores, 0.5).tolist() == [1, 0]
    assert nms(xyxy, scores, 0.499).tolist() == [1]


def test_equal_scores_stay_in_order_and_nothing_is_legal():
    xyxy = np.array([[0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]], np.float32)
    assert nms(xyxy, np.full(3, 0.5, np.float32), 0.5).tolist() == [0, 1, 2]
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []


# --- Letterbox


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([128, 320, 512, 1280]))
@settings(max_examples=150, deadline=None)
def test_a_letterbox_holds_the_whole_frame_and_no_more_than_it_needs(width, height, input_size):
    box = Letterbox.fit(width, height, input_size)
    assert max(box.input_width, box.input_height) == input_size
    assert box.input_width % STRIDE == 0
    assert box.input_height % STRIDE == 0
    assert 0 <= box.left <= box.input_width - box.width
    assert 0 <= box.top <= box.input_height - box.height
    # The shorter side is rounded to whole pixels, and may take the longer one with it.
    assert input_size * (1 - 0.5 / 32) - 1 <= max(box.width, box.height) <= input_size
    short, padded = sorted([(box.width, box.input_width), (box.height, box.input_height)])[0]
    assert padded - short < STRIDE
    # Centred: the padding of two sides differs by no more than the odd pixel.
    assert box.input_width - box.width - 2 * box.left in (0, 1)
    assert box.input_height - box.height - 2 * box.top in (0, 1)


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([128, 512]))
@settings(max_examples=100, deadline=None)
def test_the_corners_of_the_frame_come_back(width, height, input_size):
    box = Letterbox.fit(width, height, input_size)
    corners = np.array(
        [[box.left, box.top, box.left + box.width, box.top + box.height]], np.float32
    )
    np.testing.assert_allclose(box.to_frame(corners), [[0, 0, width, height]], rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(
    ('frame', 'size', 'expected'),
    [
        ((640, 480), 512, (512, 384)),
        ((1920, 1080), 512, (512, 288)),
        ((1280, 720), 640, (640, 384)),
        ((480, 640), 512, (384, 512)),
        ((100, 100), 416, (416, 416)),
        ((4000, 3), 512, (512, 32)),
    ],
)
def test_inputs_of_usual_frames(frame, size, expected):
    box = Letterbox.fit(*frame, size)
    assert (box.input_width, box.input_height) == expected


def test_a_frame_in_an_input_of_another_shape_is_centred():
    box = Letterbox.into(640, 480, 416, 416)
    assert (box.width, box.height, box.left, box.top) == (416, 312, 0, 52)
    mapped = box.to_frame(np.array([[0, 52, 416, 364]], np.float32))
    np.testing.assert_allclose(mapped, [[0, 0, 640, 480]], atol=1e-3)
    assert box.to_frame(np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize('number', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('side', range(4))
def test_a_box_that_is_no_number_is_not_taken_for_no_region(side, number):
    box = np.array([[10, 20, 30, 40]], np.float32)
    box[0, side] = number
    with pytest.raises((ValueError, OverflowError)):
        to_regions(box, 640, 480)
