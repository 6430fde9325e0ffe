"""JPEGs of every kind, before and after: what changed is what had to, and nothing else is left.

Files are read by `samples.jpeg_reader`, which shares nothing with the package or its libraries, and
shown by OpenCV, which brings a decoder of its own. For more files than the usual 2000, or fewer:

    JPEG_FILES=20000 python -m pytest tests/formats/test_jpeg_exact.py
"""

from __future__ import annotations

import os
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples.jpeg_reader import ZIGZAG, stored
from samples.jpegs import (
    MCU,
    VARIANTS,
    exif,
    scene_jpeg,
    segment,
    shown,
    with_segments,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.redaction import MOST_CELLS, REDACTORS, cell_edges
from anonymizer_node.formats import jpeg
from anonymizer_node.formats.jpeg_segments import MOST_UNREAD

pytestmark = pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
FILES = int(os.environ.get('JPEG_FILES', '2000'))

SHADED = {'422': (1, 0), '420': (1, 1), '440': (0, 1)}
"""Pixels beside an MCU that take a shade from its chroma, where decoders interpolate it."""

THUMBNAIL = scene_jpeg(24, 16, seed=77)
ROTATED = exif(THUMBNAIL, orientation=6)
PROFILE = segment(0xE2, b'ICC_PROFILE\0\1\1' + bytes(36) + b'acsp' + bytes(80))
STAY = {'nothing': b'', 'a profile': PROFILE, 'a note': segment(0xEB, b'shutter 7 ms')}
GO = {
    'nothing': b'',
    'a thumbnail in JFXX': segment(0xE0, b'JFXX\0\x10' + THUMBNAIL),
    'one in XMP': segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0' + THUMBNAIL),
    'an index of pictures': segment(0xE2, b'MPF\0II*\0\x08\0\0\0\0\0'),
    'a preview of many pieces': b''.join(segment(0xE7, THUMBNAIL[at::7]) for at in range(7)),
}


def case(seed):
    """A file, the regions, how they are obscured, and what was put into the file."""
    chance = random.Random(seed)
    sampling, variant = chance.choice(sorted(MCU)), chance.choice(sorted(VARIANTS))
    width, height = chance.randint(1, 70), chance.randint(1, 70)
    data = scene_jpeg(
        width, height, sampling, variant, chance.randint(1, 100), chance.randrange(2**32)
    )
    stays, goes = chance.choice(sorted(STAY)), chance.choice(sorted(GO))
    rotated = chance.random() < 0.5
    data = with_segments(data, ROTATED * rotated, STAY[stays], GO[goes])
    regions = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        x0, y0 = chance.randrange(width), chance.randrange(height)
        x1, y1 = chance.randint(x0 + 1, width), chance.randint(y0 + 1, height)
        regions.append(Region(x0, y0, x1, y1))
    method = chance.choice(sorted(REDACTORS))
    return data, sampling, regions, method, chance.random(), STAY[stays], rotated


@settings(max_examples=FILES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
# One number for each file: of several, Hypothesis would try many a file twice.
@given(st.integers(0, 2**64 - 1))
def test_only_what_must_change_changes(seed):
    data, sampling, regions, method, strength, stays, rotated = case(seed)
    after, answered, note = jpeg.redact(data, regions, method, strength)
    assert note == ''
    old, new = stored(data), stored(after)
    assert (new.width, new.height) == (old.width, old.height)
    for one, other in zip(old.quantisers, new.quantisers, strict=True):
        assert np.array_equal(one, other)
    check_pixels(data, after, sampling, regions, answered)
    mcus = mcus_touched(old, sampling, regions)
    for index, (before, now) in enumerate(zip(old.planes, new.planes, strict=True)):
        inside = blocks_of(mcus, before.shape, sampling, index)
        assert np.array_equal(before[~inside], now[~inside])
        check_inside(before[inside], now[inside], old.quantisers[index], index, method, regions)
    if method == 'pixelate' and len(regions) == 1:
        check_cells(old, new, sampling, regions[0], strength)
    check_leftovers(new, after, stays, rotated)


def check_pixels(data, after, sampling, regions, answered):
    """Outside the widened regions every pixel has its value, and these are no wider than needed."""
    before, now = shown(data), shown(after)
    height, width = before.shape[:2]
    (step_x, step_y), (shade_x, shade_y) = MCU[sampling], SHADED.get(sampling, (0, 0))
    outside = np.ones((height, width), bool)
    expected = []
    for x0, y0, x1, y1 in regions:
        grown = Region(
            max(0, x0 // step_x * step_x - shade_x),
            max(0, y0 // step_y * step_y - shade_y),
            min(width, -(-x1 // step_x) * step_x + shade_x),
            min(height, -(-y1 // step_y) * step_y + shade_y),
        )
        expected.append(grown)
        outside[grown.y0 : grown.y1, grown.x0 : grown.x1] = False
    assert answered == tuple(expected)
    assert np.array_equal(before[outside], now[outside])


def mcus_touched(picture, sampling, regions):
    step_x, step_y = MCU[sampling]
    mcus = np.zeros((-(-picture.height // step_y), -(-picture.width // step_x)), bool)
    for x0, y0, x1, y1 in regions:
        mcus[y0 // step_y : (y1 - 1) // step_y + 1, x0 // step_x : (x1 - 1) // step_x + 1] = True
    return mcus


def blocks_of(mcus, shape, sampling, component):
    """Which blocks of a component lie in some MCUs: chroma has one in each."""
    step_x, step_y = MCU[sampling]
    across, down = (1, 1) if component else (step_x // 8, step_y // 8)
    return np.kron(mcus, np.ones((down, across), bool))[: shape[0], : shape[1]]


def check_inside(before, now, quantisers, component, method, regions):
    """What the rule says and no more: nothing of the person is in the coefficients."""
    if method == 'blur':
        return
    assert not now[:, 1:].any()
    if method == 'blackout':
        wanted = 0 if component else -1024 // quantisers[0]
        assert (now[:, 0] == wanted).all()
    else:
        assert len(np.unique(now[:, 0])) <= len(regions) * MOST_CELLS**2
        assert before[:, 0].min() <= now[:, 0].min()
        assert now[:, 0].max() <= before[:, 0].max()


def check_cells(old, new, sampling, region, strength):
    """Pixelated: one average a cell, of what was in it, and no cell smaller than asked."""
    step_x, step_y = MCU[sampling]
    x0, x1 = region.x0 // step_x, -(-region.x1 // step_x)
    y0, y1 = region.y0 // step_y, -(-region.y1 // step_y)
    widened = (
        min(x1 * step_x, old.width) - x0 * step_x,
        min(y1 * step_y, old.height) - y0 * step_y,
    )
    asked_x, asked_y = cell_edges(*widened, strength)
    for component, (before, now) in enumerate(zip(old.planes, new.planes, strict=True)):
        across, down = (1, 1) if component else (step_x // 8, step_y // 8)
        window = np.s_[y0 * down : y1 * down, x0 * across : x1 * across, 0]
        was, dcs = before[window], now[window]
        xs = [0, *np.flatnonzero((np.diff(dcs, axis=1) != 0).any(axis=0)) + 1, dcs.shape[1]]
        ys = [0, *np.flatnonzero((np.diff(dcs, axis=0) != 0).any(axis=1)) + 1, dcs.shape[0]]
        assert len(xs) <= len(asked_x)
        assert len(ys) <= len(asked_y)
        for left, right in pairwise(xs):
            for top, bottom in pairwise(ys):
                assert abs(was[top:bottom, left:right].mean() - dcs[top, left]) <= 0.5


def check_leftovers(new, after, stays, rotated):
    """No second picture, whole or in part; what shows nobody is still there."""
    assert new.behind == b''
    assert after.count(b'\xff\xd8\xff') == 1
    assert stays in after
    assert sum(len(payload) for marker, payload in new.segments if marker == 0xE7) <= MOST_UNREAD
    assert not any(payload[:4] in (b'JFXX', b'MPF\0') for _, payload in new.segments)
    exifs = [payload for _, payload in new.segments if payload.startswith(b'Exif')]
    assert len(exifs) == rotated
    for payload in exifs:
        assert THUMBNAIL[3:40] not in payload
        assert b'PREVIEW' not in payload
        assert b'\x12\x01\x03\0\x01\0\0\0\x06\0' in payload


# The reader itself: a test that reads wrongly proves nothing.


@pytest.mark.parametrize('sampling', MCU)
@pytest.mark.parametrize('variant', VARIANTS)
def test_the_reader_sees_what_a_decoder_shows(sampling, variant):
    data = scene_jpeg(40, 24, sampling, variant, quality=95)
    picture = stored(data)
    frequency, sample = np.mgrid[0:8, 0:8]
    basis = np.cos((2 * sample + 1) * frequency * np.pi / 16) / 2
    basis[0] = np.sqrt(1 / 8)
    plane, table = picture.planes[0], picture.quantisers[0]
    blocks = basis.T @ (plane * table).reshape(*plane.shape[:2], 8, 8) @ basis + 128
    luma = blocks.transpose(0, 2, 1, 3).reshape(plane.shape[0] * 8, -1)[:24, :40]
    pixels = shown(data).astype(float)
    seen = pixels @ np.array([0.114, 0.587, 0.299])
    # Colours beyond the range are clipped, so a few pixels differ by more.
    assert np.median(np.abs(luma - seen)) < 1
    assert sorted(ZIGZAG) == list(range(64))


@pytest.mark.parametrize('at', [-30, -10, -3])
def test_the_reader_notices_a_cut(at):
    data = scene_jpeg(40, 24)
    with pytest.raises((AssertionError, ValueError, IndexError)):
        stored(data[:at] + b'\xff\xd9')
