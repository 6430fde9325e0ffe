"""The rule for 'really obscured', against methods that are and methods that aren't."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from samples.images import compressed, image, photograph
from samples.jpegs import jpeg_of, shown

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.redaction import REDACTORS, redact
from anonymizer_node.formats import jpeg
from anonymizer_node.proof.limits import limits_of
from anonymizer_node.proof.obscured import is_solid_black, why_visible
from anonymizer_node.proof.pictures import changed_outside, picture_of

REGIONS = (Region(10, 20, 90, 220), Region(70, 60, 200, 130), Region(230, 180, 320, 240))


def why(before, after, regions=REGIONS, method=''):
    return why_visible(picture_of(image(before)), picture_of(image(after)), regions, method)


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0])
@pytest.mark.parametrize('seed', range(3))
def test_our_methods_obscure(method, strength, seed):
    before = photograph(seed)
    after = before.copy()
    redact(after, REGIONS, (0, 0, 0), method, strength)
    assert why(before, after, method=method) == ''


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('quality', [40, 90])
@pytest.mark.parametrize('sampling', ['444', '422', '420'])
def test_our_methods_obscure_jpegs(method, quality, sampling):
    if not jpeg.available():
        pytest.skip('needs libturbojpeg')
    data = jpeg_of(photograph(), sampling, quality=quality)
    done, regions, note = jpeg.redact(data, REGIONS, method, 0.0)
    before = picture_of(SimpleNamespace(format='jpeg', data=data))
    after = picture_of(SimpleNamespace(format='jpeg', data=done))
    assert not note
    assert why_visible(before, after, regions, method) == ''
    assert changed_outside(before, after, regions) == 0


@pytest.mark.parametrize('rows', [18, 26, 30])
def test_a_blur_that_goes_on_at_the_end_of_a_picture_is_none_left_clear(rows):
    if not jpeg.available():
        pytest.skip('needs libturbojpeg')
    # Its last block goes on behind the picture, where the blur would turn flat.
    random = np.random.default_rng(3)
    slope = np.linspace(255, 0, rows)[:, None] + random.normal(0, 20, (rows, 64))
    pixels = np.clip(np.concatenate([np.full((224, 64), 200), slope]), 0, 255).astype(np.uint8)
    data = jpeg_of(pixels, 'grey', quality=75)
    done, regions, _ = jpeg.redact(data, [Region(0, 224, 8, 224 + rows)], 'blur', 0.0)
    before, after = (picture_of(SimpleNamespace(format='', data=item)) for item in (data, done))
    assert why_visible(before, after, regions, 'blur') == ''


def dimmed(patch):
    return (patch * 0.3).astype(np.uint8)


def fine_blur(patch):
    return cv2.GaussianBlur(patch, (15, 15), 0)


def fine_tiles(patch):
    rows, columns = patch.shape[:2]
    small = cv2.resize(patch, (columns // 6, rows // 6), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_NEAREST)


def ellipse(patch):
    rows, columns = patch.shape[:2]
    done = patch.copy()
    centre, axes = (columns // 2, rows // 2), (columns // 2, rows // 2)
    cv2.ellipse(done, centre, axes, 0, 0, 360, (0, 0, 0), -1)
    return done


def mirrored(patch):
    return patch[::-1, ::-1]


def inverted(patch):
    return 255 - patch


def shuffled(patch):
    rows = np.random.default_rng(1).permutation(len(patch))
    return patch[rows]


def red_only(patch):
    done = patch.copy()
    done[:, :, :2] = 0
    return done


def faint(patch):
    return (40 + patch // 24).astype(np.uint8)


@pytest.mark.parametrize(
    'weak',
    [dimmed, fine_blur, fine_tiles, ellipse, mirrored, inverted, shuffled, red_only, faint],
)
def test_weak_methods_are_seen_through(weak):
    before = photograph()
    after = before.copy()
    x0, y0, x1, y1 = REGIONS[0]
    after[y0:y1, x0:x1] = weak(before[y0:y1, x0:x1])
    assert 'detail' in why(before, after, REGIONS[:1])
    assert 'not black' in why(before, after, REGIONS[:1], 'blackout')


@pytest.mark.parametrize('method', ['pixelate', 'blur'])
@pytest.mark.parametrize('side', ['top', 'bottom', 'left', 'right'])
def test_one_row_or_column_left_clear(method, side):
    before = photograph()
    after = before.copy()
    redact(after, REGIONS[:1], (0, 0, 0), method, 1.0)
    x0, y0, x1, y1 = REGIONS[0]
    rows, columns = {
        'top': (slice(y0, y0 + 1), slice(x0, x1)),
        'bottom': (slice(y1 - 1, y1), slice(x0, x1)),
        'left': (slice(y0, y1), slice(x0, x0 + 1)),
        'right': (slice(y0, y1), slice(x1 - 1, x1)),
    }[side]
    after[rows, columns] = before[rows, columns]
    assert why(before, after, REGIONS[:1])


def test_a_plain_wall_has_nothing_to_hide():
    wall = np.full((240, 320, 3), 90, np.uint8)
    assert why(wall, wall) == ''
    assert why(wall, wall, method='blackout')


def test_alpha_must_not_show_an_outline():
    pixels = np.full((40, 40, 4), 200, np.uint8)
    after = pixels.copy()
    after[5:35, 5:35, :3] = 0
    region = (Region(5, 5, 35, 35),)
    before = picture_of(image(pixels, 'bgra8'))
    assert why_visible(before, picture_of(image(after, 'bgra8')), region, 'blackout') == ''
    after[10:20, 10:20, 3] = 0
    assert why_visible(before, picture_of(image(after, 'bgra8')), region, 'blackout')


def test_sixteen_bits():
    pixels = photograph().astype(np.uint16) * 257
    after = pixels.copy()
    redact(after, REGIONS, (0, 0, 0), 'pixelate', 0.0)
    before, after = picture_of(compressed(pixels)), picture_of(compressed(after))
    assert why_visible(before, after, REGIONS) == ''
    assert why_visible(before, before, REGIONS)
    assert not is_solid_black(before)


@pytest.mark.parametrize('method', ['pixelate', 'blur'])
@pytest.mark.parametrize('region', REGIONS)
def test_one_pixel_put_back_is_seen_however_large_the_region(method, region):
    before = photograph(2)
    after = before.copy()
    redact(after, REGIONS, (0, 0, 0), method, 0.0)
    y, x = region.y0 + 40, region.x0 + 13
    after[y, x] += 128
    assert why(before, after, method=method)


@pytest.mark.parametrize('method', ['pixelate', 'blur'])
def test_one_pixel_put_back_is_seen_when_nobody_says_how_it_was_obscured(method):
    before = photograph(2)
    after = before.copy()
    redact(after, REGIONS, (0, 0, 0), method, 0.0)
    assert why(before, after) == ''
    after[60, 23] = np.where(after[60, 23] < 128, after[60, 23] + 15, after[60, 23] - 15)
    assert 'stands out' in why(before, after)


def test_tiles_that_differ_by_a_single_level_anywhere_are_no_tiles():
    before = photograph(2)
    region = REGIONS[0]
    after = before.copy()
    redact(after, [region], (0, 0, 0), 'pixelate', 0.0)
    assert why(before, after, [region], 'pixelate') == ''
    rng = np.random.default_rng(3)
    places = [(region.y0, region.x0), (region.y1 - 1, region.x1 - 1), (region.y0, region.x1 - 1)]
    for _ in range(20):
        places.append((rng.integers(region.y0, region.y1), rng.integers(region.x0, region.x1)))
    for y, x in places:
        changed = after.copy()
        changed[y, x, 1] ^= 1
        assert why(before, changed, [region], 'pixelate').endswith('is not made of tiles')
        assert why(before, changed, [region], 'blur') == ''


def test_blur_that_is_said_to_be_tiles_is_none():
    before = photograph(2)
    after = before.copy()
    redact(after, REGIONS[:1], (0, 0, 0), 'blur', 0.0)
    assert why(before, after, REGIONS[:1], 'pixelate').endswith('is not made of tiles')


def with_a_ghost(data, done, share, levels=0):
    """A JPEG with some of what was hidden put back, encoded as it was."""
    pixels = shown(done).astype(float)
    before = shown(data).astype(float)
    for x0, y0, x1, y1 in REGIONS:
        was = before[y0:y1, x0:x1]
        pixels[y0:y1, x0:x1] += share * (was - was.mean()) + levels * (was > was.mean())
    return jpeg_of(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), '444')


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('method', ['pixelate', 'blur'])
@pytest.mark.parametrize('seed', range(3))
def test_a_faint_ghost_in_a_jpeg_is_seen(method, seed):
    data = jpeg_of(photograph(seed), '444')
    done, regions, _ = jpeg.redact(data, REGIONS, method, 0.0)
    before = picture_of(SimpleNamespace(format='jpeg', data=data))
    for share, levels, seen in ((0, 0, False), (0.08, 0, True), (0.04, 0, True), (0, 8, True)):
        ghost = with_a_ghost(data, done, share, levels)
        after = picture_of(SimpleNamespace(format='jpeg', data=ghost))
        assert bool(why_visible(before, after, regions, method)) == seen, (share, levels)


@pytest.mark.parametrize('levels', [2, 8])
def test_a_faint_ghost_in_black_is_seen(levels):
    data = jpeg_of(photograph(), '444')
    done, regions, _ = jpeg.redact(data, REGIONS, 'blackout', 0.0)
    before = picture_of(SimpleNamespace(format='jpeg', data=data))
    for shade in (0, levels):
        ghost = with_a_ghost(data, done, 0, shade)
        after = picture_of(SimpleNamespace(format='jpeg', data=ghost))
        why = why_visible(before, after, regions, 'blackout')
        assert why.endswith('is not black') == bool(shade)


def test_what_is_rounding_follows_the_quantisers():
    fine, coarse = (
        picture_of(
            SimpleNamespace(format='jpeg', data=jpeg_of(photograph(), '444', quality=quality))
        )
        for quality in (95, 20)
    )
    assert limits_of(fine).levels < 1 < limits_of(coarse).levels <= 5
    assert limits_of(fine).peak < 24 < limits_of(coarse).peak <= 72
    assert limits_of(fine).peak < limits_of(fine, anew=True).peak
    assert limits_of(fine).black == 0
    black = np.zeros((64, 64, 3), np.uint8)
    for quality in range(1, 101):
        picture = picture_of(SimpleNamespace(format='jpeg', data=jpeg_of(black, quality=quality)))
        assert picture.layers[1].pixels.max() <= limits_of(picture).black, quality
        assert is_solid_black(picture)
