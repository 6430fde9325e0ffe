"""Regions so many and so small that each by itself has little to judge."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from samples.images import compressed, image, photograph
from samples.jpegs import MCU, SAMPLINGS, jpeg_of

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.geometry import to_regions
from anonymizer_node.core.redaction import REDACTORS, redact
from anonymizer_node.formats import jpeg
from anonymizer_node.proof.along import straight_pieces
from anonymizer_node.proof.obscured import why_visible
from anonymizer_node.proof.pictures import Picture, picture_of
from anonymizer_node.proof.raw_images import Layer

WIDTH, HEIGHT = 320, 240
WHOLE = Region(0, 0, WIDTH, HEIGHT)
LIBRARY = pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg')


def rows_of(height, first=0):
    """The picture in strips that are so high."""
    return [
        Region(0, y, WIDTH, min(y + height, HEIGHT)) for y in range(first, HEIGHT, height) if y >= 0
    ]


def as_jpeg(pixels):
    """A picture as a JPEG of halved chroma is read, without the loss."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[:, :, None]
    return Picture((Layer(grey, 1, (1, 1)), Layer(pixels, 3, (2, 2))), 'jpeg')


def raw(pixels):
    return picture_of(image(pixels))


@pytest.mark.parametrize('method', REDACTORS)
def test_stripes_of_a_jpeg_that_are_nothing_but_seam(method):
    before = SimpleNamespace(format='jpeg', data=jpeg_of(photograph(1)))
    after = SimpleNamespace(format='jpeg', data=jpeg_of(photograph(2)))
    pictures = picture_of(before), picture_of(after)
    stripes = [Region(x, 0, x + 2, HEIGHT) for x in range(0, WIDTH, 2)]
    assert 'smaller than blocks' in why_visible(*pictures, stripes, method)
    assert why_visible(*pictures, stripes[-1:], method)  # It has room beside its seam.


@LIBRARY
@pytest.mark.parametrize('method', ['pixelate', 'blur'])
@pytest.mark.parametrize('sampling', SAMPLINGS)
@pytest.mark.parametrize('upright', [True, False])
def test_one_person_before_another_of_other_colours(method, sampling, upright):
    stripes = (np.arange(240) // 48 % 2 * 200 + 20).astype(np.uint8)
    before = np.empty((240, 240, 3), np.uint8)
    before[:, :144], before[:, 144:] = stripes[:, None, None], 240 - stripes[:, None, None]
    before[::5, ::3] = photograph()[:240:5, :240:3]
    regions = [Region(16, 0, 144, 240), Region(130, 40, 170, 230)]
    if not upright:
        before = np.ascontiguousarray(before.transpose(1, 0, 2))
        regions = [Region(y0, x0, y1, x1) for x0, y0, x1, y1 in regions]
    data = jpeg_of(before, sampling)
    done, hidden, note = jpeg.redact(data, regions, method, 0.0)
    pictures = [picture_of(SimpleNamespace(format='jpeg', data=each)) for each in (data, done)]
    assert not note
    assert why_visible(*pictures, hidden, method) == ''


@pytest.mark.parametrize('axis', [0, 1])
def test_edges_stated_within_a_region_take_no_colours_from_being_judged(axis):
    before = photograph()
    grey = np.full_like(before, 128)
    mark = grey.copy()
    mark[80:160, 80:160] = before[80:160, 80:160]
    strips = [
        Region(*((at, 0, at + 8, HEIGHT) if axis else (0, at, WIDTH, at + 8)))
        for at in range(81, 160, 2)
        if (at + 1) % 16 and (at + 7) % 16
    ]
    pictures = as_jpeg(before), Picture((as_jpeg(grey).layers[0], as_jpeg(mark).layers[1]), 'jpeg')
    assert why_visible(*pictures, [WHOLE])
    assert why_visible(*pictures, [WHOLE, *strips])


@pytest.mark.parametrize('axis', [0, 1])
def test_colours_along_the_seams_within_a_region(axis):
    before = photograph()
    mark = np.full_like(before, 128)
    lines = [at for edge in range(16, HEIGHT, 16) for at in (edge - 1, edge)]
    at = (slice(None), lines) if axis else lines
    mark[at] = before[at]
    grey = np.full_like(before, 128)
    strips = [
        Region(*((at - 1, 0, at + 17, HEIGHT) if axis else (0, at - 1, WIDTH, at + 17)))
        for at in range(16, HEIGHT - 17, 16)
    ]
    pictures = as_jpeg(before), Picture((as_jpeg(grey).layers[0], as_jpeg(mark).layers[1]), 'jpeg')
    assert why_visible(*pictures, [WHOLE, *strips])


@pytest.mark.parametrize('across', [False, True])
def test_seams_of_black_strips_are_black_where_another_strip_goes_on(across):
    before = photograph()
    after = np.zeros_like(before)
    strips = rows_of(16)
    if across:
        strips = [Region(x, 0, x + 16, HEIGHT) for x in range(0, WIDTH, 16)]
    assert why_visible(as_jpeg(before), as_jpeg(after), strips, 'blackout') == ''
    for strip in strips[1:]:
        seam = strip._replace(x1=strip.x0 + 1) if across else strip._replace(y1=strip.y0 + 1)
        after[seam.y0 : seam.y1, seam.x0 : seam.x1] = before[seam.y0 : seam.y1, seam.x0 : seam.x1]
    why = why_visible(as_jpeg(before), as_jpeg(after), strips, 'blackout')
    assert why == 'its regions have something between them that is not black'


@pytest.mark.parametrize('method', ['pixelate', 'blur', ''])
def test_seams_of_grey_strips_hold_nothing_that_is_not_beside_them(method):
    before = photograph()
    after = np.full_like(before, 120)
    strips = rows_of(8)
    assert why_visible(as_jpeg(before), as_jpeg(after), strips, method) == ''
    for strip in strips[1:]:
        after[strip.y0] = before[strip.y0]
    why = why_visible(as_jpeg(before), as_jpeg(after), strips, method)
    assert why == 'its regions have something between them that they do not have'


@pytest.mark.parametrize('height', [8, 16])
@pytest.mark.parametrize('method', ['pixelate', 'blur', ''])
def test_strips_of_a_jpeg_that_are_coarse_across_and_fine_along(method, height):
    before = photograph()
    after = before.copy()
    strips = rows_of(height)
    for strip in strips:
        rows = slice(strip.y0, strip.y1)
        after[rows] = before[rows].mean(axis=0).astype(np.uint8)
    why = why_visible(as_jpeg(before), as_jpeg(after), strips, method)
    assert 'shows more than 6 values along it' in why


@pytest.mark.parametrize('method', ['pixelate', 'blur', ''])
def test_raw_rows_that_are_said_to_be_regions(method):
    before = photograph()
    after = before.copy()
    after[0, 0] ^= 1
    assert 'along it' in why_visible(raw(before), raw(after), rows_of(1)[7:8], method)
    assert 'are small' in why_visible(raw(before), raw(after), rows_of(1), method)


def test_rows_each_of_which_is_as_coarse_as_it_should_be():
    before = photograph()
    after = before.copy()
    redact(after, rows_of(1), (0, 0, 0), 'pixelate', 0.0)
    assert why_visible(raw(before), raw(after), rows_of(1)[:1], 'pixelate') == ''
    assert 'are small' in why_visible(raw(before), raw(after), rows_of(1), 'pixelate')


@pytest.mark.parametrize('size', [1, 2, 3, 5])
@pytest.mark.parametrize('method', ['pixelate', 'blur'])
def test_a_mosaic_of_small_regions(size, method):
    before = photograph()[:30, :40]
    after = before.copy()
    regions = [
        Region(x, y, x + size, y + size) for y in range(0, 30, size) for x in range(0, 40, size)
    ]
    regions = [region for region in regions if region.x1 <= 40 and region.y1 <= 30]
    redact(after, regions, (0, 0, 0), method, 0.0)
    assert 'are small' in why_visible(raw(before), raw(after), regions, method)
    redact(after, regions, (0, 0, 0), 'blackout', 0.0)
    assert why_visible(raw(before), raw(after), regions, method) == ''


@pytest.mark.parametrize('method', ['pixelate', 'blur'])
def test_two_values_where_there_is_room_for_one(method):
    before = photograph()
    after = before.copy()
    region = Region(40, 40, 54, 52)
    redact(after, [region], (0, 0, 0), method, 0.0)
    assert why_visible(raw(before), raw(after), [region], method) == ''
    after[40:52, 47:54] += 40
    assert 'room for one' in why_visible(raw(before), raw(after), [region], method)


BORDER = [
    (-9.0, 20.0, 0.4, 90.0),
    (WIDTH - 0.4, 3.0, WIDTH + 30.0, 200.0),
    (-5.0, HEIGHT - 3.2, 70.0, HEIGHT + 9.0),
    (-3.0, -3.0, 1.5, 2.5),
    (100.0, -20.0, 140.0, 5.0),
    (150.2, 100.1, 153.9, 106.0),
]
"""People whom the picture's edge cuts off, and one far away."""


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('kind', ['raw', 'png'])
def test_people_cut_off_by_the_edge_are_obscured_all_the_same(method, kind):
    before = photograph()
    after = before.copy()
    regions = to_regions(np.array(BORDER, np.float32), WIDTH, HEIGHT)
    assert min(region.width for region in regions) == 1
    redact(after, regions, (0, 0, 0), method, 0.0)
    make = raw if kind == 'raw' else lambda pixels: picture_of(compressed(pixels))
    assert why_visible(make(before), make(after), regions, method) == ''


@LIBRARY
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('sampling', [*SAMPLINGS, 'grey'])
@pytest.mark.parametrize('more', [0, 1, 2, 9])
def test_jpegs_whose_last_blocks_are_cut_off(method, sampling, more):
    """At the right and bottom edge a region may be a pixel wide, and there is nothing but seam."""
    step = MCU[sampling]
    width, height = 4 * step[0] + more, 3 * step[1] + more
    before = photograph(more)[:height, :width]
    data = jpeg_of(before, sampling)
    boxes = [
        (width - 0.5, 1.0, width + 5.0, height / 2),
        (3.0, height - 0.5, 2.0 * step[0], height + 3.0),
        (1.0, 1.0, step[0] + 1.0, step[1] - 1.0),
        (step[0] + 1.0, step[1] + 1.0, 2.0 * step[0], 2.0 * step[1]),
    ]
    asked = to_regions(np.array(boxes, np.float32), width, height)
    done, regions, note = jpeg.redact(data, asked, method, 0.0)
    assert not note
    pictures = [picture_of(SimpleNamespace(format='jpeg', data=item)) for item in (data, done)]
    assert why_visible(*pictures, regions, method) == ''


@pytest.mark.parametrize(
    ('line', 'pieces'),
    [
        (np.full(40, 7.0), 1),
        (np.repeat([10.0, 50.0, 20.0], 12), 3),
        (np.interp(np.arange(60), [5, 25, 55], [0, 90, 10]), 4),
        (np.random.default_rng(0).uniform(0, 255, 60), 9),
    ],
)
def test_straight_pieces(line, pieces):
    assert straight_pieces(np.rint(line), 0.6, 8) == pieces
