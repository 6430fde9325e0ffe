"""Contract of everything in REDACTORS, and what each method promises beyond it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.images import noise

from anonymizer_node.core import redaction
from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import ConfigError, RedactionError
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.core.redaction import (
    LEAST_CELL_PX,
    LEAST_CELLS,
    MOST_CELLS,
    REDACTORS,
    cell_edges,
    redact,
    redactor_named,
)

METHODS = list(REDACTORS)
STRENGTHS = (0.0, 0.5, 1.0)
AVERAGING = [method for method in METHODS if method != 'blackout']


def redacted(pixels, regions, method, strength=0.5, black=None):
    result = pixels.copy()
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    redact(result, regions, black or (0,) * channels, method, strength)
    return result


@st.composite
def frames_and_regions(draw):
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    regions = []
    for _ in range(draw(st.integers(1, 4))):
        x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        regions.append(
            Region(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))
        )
    return width, height, regions


@pytest.mark.parametrize('method', METHODS)
@given(frames_and_regions(), st.sampled_from(STRENGTHS), st.sampled_from([1, 3, 4]))
@settings(max_examples=60, deadline=None)
def test_outside_nothing_changes_and_the_order_does_not_matter(method, sample, strength, channels):
    width, height, regions = sample
    pixels = noise(height, width, channels)
    result = redacted(pixels, regions, method, strength)
    outside = ~coverage_mask(regions, width, height)
    assert np.array_equal(result[outside], pixels[outside])
    for order in itertools.islice(itertools.permutations(regions), 6):
        assert np.array_equal(redacted(pixels, order, method, strength), result)
    assert np.array_equal(redacted(pixels, regions * 2, method, strength), result)


@given(frames_and_regions(), st.sampled_from(STRENGTHS))
@settings(max_examples=60, deadline=None)
def test_blackout_is_black_to_the_last_row_and_column_at_any_strength(sample, strength):
    width, height, regions = sample
    black = (0, 0, 0, 255)
    result = redacted(noise(height, width, 4), regions, 'blackout', strength, black)
    inside = coverage_mask(regions, width, height)
    assert (result[inside] == black).all()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('strength', STRENGTHS)
@pytest.mark.parametrize('size', [(8, 8), (20, 60), (61, 33), (200, 400), (16, 300)])
def test_every_pixel_of_a_region_is_replaced_corners_included(method, strength, size):
    """A checkerboard of 10 and 250: what is averaged is near 130, what is left is not."""
    width, height = size
    board = np.indices((height + 4, width + 4)).sum(axis=0) % 2
    pixels = np.where(board[:, :, None], 250, 10).astype(np.uint8)
    region = Region(2, 2, 2 + width, 2 + height)
    inside = redacted(pixels, [region], method, strength)[2:-2, 2:-2].astype(int)
    assert not (np.abs(inside - 10) <= 2).any()
    assert not (np.abs(inside - 250) <= 2).any()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('strength', STRENGTHS)
@pytest.mark.parametrize('size', [(64, 64), (120, 300), (640, 480)])
def test_what_survives_of_a_region_is_a_few_numbers(method, strength, size):
    """Pictures with the same cell averages become the same: nothing finer gets through."""
    width, height = size
    xs, ys = cell_edges(width, height, strength)
    first = noise(height, width)
    second = first.copy()
    for y0, y1 in itertools.pairwise(ys):
        for x0, x1 in itertools.pairwise(xs):
            cell = second[y0:y1, x0:x1]
            second[y0:y1, x0:x1] = cell[::-1, ::-1]
    assert not np.array_equal(first, second)
    whole = [Region(0, 0, width, height)]
    hidden = [redacted(pixels, whole, method, strength) for pixels in (first, second)]
    assert np.array_equal(*hidden)


@pytest.mark.parametrize('method', METHODS)
def test_what_is_outside_a_region_does_not_show_in_it(method):
    inner = noise(40, 40)
    frames = [noise(60, 60, seed=seed) for seed in (1, 2)]
    region = Region(10, 10, 50, 50)
    hidden = []
    for frame in frames:
        frame[10:50, 10:50] = inner
        hidden.append(redacted(frame, [region], method)[10:50, 10:50])
    assert np.array_equal(*hidden)


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_cells_scale_with_the_region_and_have_a_floor(width, height, strength):
    xs, ys = cell_edges(width, height, strength)
    for edges, length in ((xs, width), (ys, height)):
        assert edges[0] == 0
        assert edges[-1] == length
        cells = np.diff(edges)
        assert (cells > 0).all()
        assert len(cells) <= MOST_CELLS
        assert cells.min() >= min(length, LEAST_CELL_PX)
    # Square cells: a tall region is not cut finer across than along.
    assert min(np.diff(xs).min(), np.diff(ys).min()) >= min(
        width, height, int(max(width, height) / MOST_CELLS)
    )


def test_more_strength_is_coarser_down_to_a_least():
    cells = [len(cell_edges(600, 600, strength)[0]) - 1 for strength in np.linspace(0, 1, 21)]
    assert cells == sorted(cells, reverse=True)
    assert cells[0] == MOST_CELLS
    assert cells[-1] == LEAST_CELLS


@pytest.mark.parametrize('method', AVERAGING)
def test_strength_is_no_dimming_that_can_be_undone(method):
    """At the least strength as at the most, no copy of the original is left in the result."""
    pixels = noise(96, 96)
    flat = pixels.astype(float).ravel()
    for strength in STRENGTHS:
        hidden = redacted(pixels, [Region(0, 0, 96, 96)], method, strength)
        correlation = np.corrcoef(flat, hidden.astype(float).ravel())[0, 1]
        # 36 averages of noise can't tell 9216 pixels: what is left is the averages' share.
        assert abs(correlation) < 0.15


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('strength', STRENGTHS)
def test_obscuring_depends_on_no_secret_and_no_chance(method, strength):
    pixels = noise(50, 70)
    regions = [Region(3, 3, 40, 45)]
    runs = [redacted(pixels, regions, method, strength) for _ in range(2)]
    assert np.array_equal(*runs)


@pytest.mark.parametrize('method', METHODS)
def test_where_regions_overlap_the_larger_decides(method):
    pixels = noise(100, 100)
    large, small = Region(0, 0, 90, 90), Region(50, 50, 100, 100)
    both = redacted(pixels, [large, small], method)
    alone = redacted(pixels, [large], method)
    assert np.array_equal(both[:90, :90], alone[:90, :90])
    corner = redacted(pixels, [small], method)
    assert np.array_equal(both[90:, 90:], corner[90:, 90:])


@pytest.mark.parametrize('method', METHODS)
def test_each_region_goes_by_its_own_size(method):
    pixels = noise(200, 200)
    small, large = Region(0, 0, 20, 20), Region(40, 40, 200, 200)
    for order in ([small, large], [large, small]):
        both = redacted(pixels, order, method)
        for region in order:
            alone = redacted(pixels, [region], method)
            cut = np.s_[region.y0 : region.y1, region.x0 : region.x1]
            assert np.array_equal(both[cut], alone[cut])


@pytest.mark.parametrize('method', AVERAGING)
def test_a_small_region_becomes_one_colour(method):
    hidden = redacted(noise(15, 15), [Region(0, 0, 15, 15)], method, 0.0)
    assert len(np.unique(hidden.reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize(
    'region', [Region(0, 0, 1, 1), Region(8, 6, 9, 7), Region(0, 0, 9, 1), Region(8, 0, 9, 7)]
)
def test_regions_one_pixel_wide_are_no_trouble(method, region):
    pixels = noise(7, 9)
    result = redacted(pixels, [region], method)
    outside = ~coverage_mask([region], 9, 7)
    assert np.array_equal(result[outside], pixels[outside])
    if region.area > 1:
        inside = result[~outside]
        assert not np.array_equal(inside, pixels[~outside])
        assert len(np.unique(inside, axis=0)) == 1


@pytest.mark.parametrize('method', METHODS)
def test_sixteen_bits_and_two_dimensions(method):
    pixels = noise(40, 40, 1).astype(np.uint16) * 257
    for view in (pixels, pixels[:, :, 0]):
        result = redacted(view, [Region(5, 5, 40, 40)], method)
        assert result.dtype == np.uint16
        assert result.shape == view.shape
        # 36 cells at most; interpolated, they differ more, but never leave the averages' range.
        assert result[5:, 5:].max() <= view[5:, 5:].max()
        assert not np.array_equal(result, view)
        assert np.array_equal(result[:5], view[:5])


@pytest.mark.parametrize('method', METHODS)
def test_a_flat_region_keeps_its_colour_or_becomes_black(method):
    pixels = np.full((50, 50, 3), 255, np.uint8)
    result = redacted(pixels, [Region(0, 0, 50, 50)], method)
    assert (result == (0 if method == 'blackout' else 255)).all()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize(
    'bad',
    [
        Region(-1, 0, 5, 5),
        Region(0, 0, 11, 5),
        Region(0, 0, 5, 9),
        Region(5, 5, 5, 6),
        Region(6, 0, 5, 5),
        Region(0, -2, 5, 5),
    ],
)
def test_a_region_beyond_the_frame_fails_before_anything_is_written(method, bad):
    pixels = noise(8, 10)
    before = pixels.copy()
    with pytest.raises(RedactionError, match='not inside the frame of 10x8'):
        redact(pixels, [Region(0, 0, 3, 3), bad], (0, 0, 0), method, 0.5)
    assert np.array_equal(pixels, before)


def test_a_method_that_makes_another_shape_fails_before_anything_is_written(monkeypatch):
    table = {**REDACTORS, 'odd': lambda patch, black, strength: patch[:1]}
    monkeypatch.setattr(redaction, 'REDACTORS', table)
    pixels = noise(8, 10)
    before = pixels.copy()
    with pytest.raises(RedactionError, match='odd'):
        redact(pixels, [Region(0, 0, 1, 1), Region(0, 0, 5, 5)], (0, 0, 0), 'odd', 0.5)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize('method', METHODS)
def test_no_regions_no_change(method):
    pixels = noise(8, 10)
    assert np.array_equal(redacted(pixels, [], method), pixels)


def test_an_unknown_method_is_named_with_the_known():
    for name in ('none', '', 'Blur'):
        with pytest.raises(ConfigError) as raised:
            redactor_named(name)
        assert repr(name) in str(raised.value)
        assert 'blackout, pixelate, blur' in str(raised.value)
