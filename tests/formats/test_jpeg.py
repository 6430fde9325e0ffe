"""Redaction, decoding and blacking out of JPEG pictures that are as they should be."""

from __future__ import annotations

import io
import sys
import threading
from importlib.util import find_spec
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.jpegs import (
    MCU,
    VARIANTS,
    exif,
    jpeg_of,
    patched,
    position_of,
    scene,
    scene_jpeg,
    segment,
    shown,
    with_segments,
    without,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import ConfigError, FrameError, RedactionError
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.core.redaction import REDACTORS, cell_edges
from anonymizer_node.formats import jpeg, turbojpeg, turbojpeg_blocks, turbojpeg_library
from anonymizer_node.formats.jpeg_markers import parse

needs_library = pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
SIZES = [(67, 45), (64, 48), (33, 17), (100, 9), (9, 100), (1, 1)]
SEAMS = {'444': (0, 0), '422': (1, 0), '420': (1, 1), '440': (0, 1), '411': (0, 0), 'grey': (0, 0)}
DARK = 2
"""Grey levels that a decoder's rounding may leave of black."""


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)


def regions_in(width, height):
    """One in the middle, one at the last row and column; they overlap in small pictures."""
    return [
        Region(width // 4, height // 4, max(width // 2, width // 4 + 1), height // 2 + 1),
        Region(width * 2 // 3, height * 2 // 3, width, height),
    ]


def block_mask(data, regions, component):
    """Which blocks of a component lie in the MCUs that regions touch, from first principles."""
    header = parse(data).header
    mcus = np.zeros((-(-header.height // header.step_y), -(-header.width // header.step_x)), bool)
    for x0, y0, x1, y1 in regions:
        mcus[
            y0 // header.step_y : (y1 - 1) // header.step_y + 1,
            x0 // header.step_x : (x1 - 1) // header.step_x + 1,
        ] = True
    item = header.components[component]
    columns, rows = header.blocks(item)
    return np.kron(mcus, np.ones((item.vertical, item.horizontal), bool))[:rows, :columns]


def assert_only_regions_changed(before, after, asked, answered, sampling):
    """Law 2 and law 3, by pixels as another decoder shows them and by coefficients."""
    pixels_before, pixels_after = shown(before), shown(after)
    height, width = pixels_before.shape[:2]
    assert pixels_after.shape == pixels_before.shape
    outside = ~coverage_mask(answered, width, height)
    assert (pixels_before[outside] == pixels_after[outside]).all()

    step_x, step_y = MCU[sampling]
    seam_x, seam_y = SEAMS[sampling]
    for region, (x0, y0, x1, y1) in zip(asked, answered, strict=True):
        assert x0 == max(0, region.x0 // step_x * step_x - seam_x)
        assert y0 == max(0, region.y0 // step_y * step_y - seam_y)
        assert x1 == min(width, -(-region.x1 // step_x) * step_x + seam_x)
        assert y1 == min(height, -(-region.y1 // step_y) * step_y + seam_y)

    planes = zip(jpeg.coefficients(before), jpeg.coefficients(after), strict=True)
    for component, (old, new) in enumerate(planes):
        untouched = ~block_mask(before, asked, component)
        assert (old[untouched] == new[untouched]).all()


@needs_library
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('sampling', MCU)
def test_nothing_outside_the_regions_changes(sampling, variant, method):
    for width, height in SIZES:
        data = scene_jpeg(width, height, sampling, variant)
        regions = regions_in(width, height)
        redacted, answered, note = jpeg.redact(data, regions, method, 0.5)
        assert note == ''
        assert_only_regions_changed(data, redacted, regions, answered, sampling)
        assert parse(redacted).header == parse(data).header


@needs_library
@pytest.mark.parametrize('quality', [1, 5, 25, 50, 90, 100])
@pytest.mark.parametrize('sampling', MCU)
def test_blackout_is_black_however_coarse_the_quantisation(sampling, quality):
    data = scene_jpeg(67, 45, sampling, quality=quality)
    regions = regions_in(67, 45)
    redacted, _, _ = jpeg.redact(data, regions, 'blackout', 0.0)
    step_x, step_y = MCU[sampling]
    for x0, y0, x1, y1 in regions:
        inside = shown(redacted)[
            y0 // step_y * step_y : -(-y1 // step_y) * step_y,
            x0 // step_x * step_x : -(-x1 // step_x) * step_x,
        ]
        # The outermost pixels take a shade from their neighbours' chroma, as these do from them.
        assert inside[1:-1, 1:-1].max(initial=0) <= DARK
        assert cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY).mean() <= 12
    for component, plane in enumerate(jpeg.coefficients(redacted)):
        inside = plane[block_mask(data, regions, component)]
        assert not inside[:, 1:].any()
        table = parse(data).tables[parse(data).header.components[component].table]
        assert (inside[:, 0] * table[0] <= -1024).all() if component == 0 else not inside.any()


@needs_library
@pytest.mark.parametrize('sampling', MCU)
@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0])
def test_pixelate_leaves_one_average_per_cell(sampling, strength):
    data = scene_jpeg(331, 215, sampling)
    asked = Region(40, 21, 250, 215)
    redacted, _, _ = jpeg.redact(data, [asked], 'pixelate', strength)
    header = parse(data).header
    widened = header.widened(asked)
    xs, ys = cell_edges(widened.width, widened.height, strength)
    planes = zip(jpeg.coefficients(data), jpeg.coefficients(redacted), strict=True)
    for component, (old, new) in enumerate(planes):
        mask = block_mask(data, [asked], component)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert not new[window][:, :, 1:].any()
        dcs, before = new[window][:, :, 0], old[window][:, :, 0]
        # Neighbouring cells differ in this picture, so changes of value are the cells' edges.
        x_edges = [0, *np.flatnonzero((np.diff(dcs, axis=1) != 0).any(axis=0)) + 1, dcs.shape[1]]
        y_edges = [0, *np.flatnonzero((np.diff(dcs, axis=0) != 0).any(axis=1)) + 1, dcs.shape[0]]
        item = header.components[component]
        pixels_x = np.diff(x_edges) * header.step_x // item.horizontal
        pixels_y = np.diff(y_edges) * header.step_y // item.vertical
        assert len(x_edges) <= len(xs)
        assert len(y_edges) <= len(ys)
        assert pixels_x.min() >= np.diff(xs).min()
        assert pixels_y.min() >= np.diff(ys).min()
        for x0, x1 in pairwise(x_edges):
            for y0, y1 in pairwise(y_edges):
                assert abs(before[y0:y1, x0:x1].mean() - dcs[y0, x0]) <= 0.5


@needs_library
@pytest.mark.parametrize('method', ['pixelate', 'blur', 'blackout'])
def test_pictures_with_equal_averages_become_the_same_picture(method):
    pixels = scene(160, 160)
    other = pixels.copy()
    # Two blocks of one cell change places: nothing of what is where inside a cell survives.
    other[40:48, 40:48], other[48:56, 48:56] = pixels[48:56, 48:56], pixels[40:48, 40:48]
    region = [Region(32, 32, 128, 128)]
    first = jpeg.redact(jpeg_of(pixels, '444'), region, method, 0.5)
    second = jpeg.redact(jpeg_of(other, '444'), region, method, 0.5)
    assert first == second
    assert not (pixels == other).all()


@needs_library
@pytest.mark.parametrize('sampling', ['444', '420', 'grey'])
def test_blur_looks_like_the_blur_of_raw_pixels(sampling):
    data = scene_jpeg(192, 128, sampling, quality=95)
    region = Region(32, 16, 160, 112)
    blurred = shown(jpeg.redact(data, [region], 'blur', 0.5)[0])
    patch = shown(data)[region.y0 : region.y1, region.x0 : region.x1]
    wanted = REDACTORS['blur'](patch, (0, 0, 0), 0.5).astype(int)
    found = blurred[region.y0 : region.y1, region.x0 : region.x1].astype(int)
    assert np.abs(found - wanted)[2:-2, 2:-2].mean() < 6


@needs_library
@pytest.mark.parametrize('method', REDACTORS)
def test_overlapping_regions_do_not_depend_on_their_order(method):
    data = scene_jpeg(200, 150)
    regions = [Region(10, 10, 120, 90), Region(60, 40, 190, 140), Region(70, 50, 80, 60)]
    first, answered, _ = jpeg.redact(data, regions, method, 0.3)
    second, reverse, _ = jpeg.redact(data, regions[::-1] + regions[:1], method, 0.3)
    assert first == second
    assert answered == reverse[:3][::-1]
    # The largest lies on top, as if it alone had been there: averages are of the original.
    alone = jpeg.coefficients(jpeg.redact(data, [regions[1]], method, 0.3)[0])
    for component, plane in enumerate(jpeg.coefficients(first)):
        mask = block_mask(data, [regions[1]], component)
        assert (plane[mask] == alone[component][mask]).all()


@needs_library
@pytest.mark.parametrize('method', REDACTORS)
def test_the_same_input_gives_the_same_bytes_in_any_thread(method):
    files = [scene_jpeg(320, 200, seed=seed) for seed in range(4)]
    region = [Region(50, 50, 200, 150)]
    wanted = [jpeg.redact(data, region, method, 0.5) for data in files]
    found = {}

    def work(name):
        found[name] = [jpeg.redact(data, region, method, 0.5) for data in files for _ in range(3)]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[name] == [item for item in wanted for _ in range(3)] for name in range(4))


@needs_library
@pytest.mark.parametrize('sampling', MCU)
def test_the_whole_picture_can_be_hidden(sampling):
    data = scene_jpeg(67, 45, sampling, 'progressive')
    redacted, answered, _ = jpeg.redact(data, [Region(0, 0, 67, 45)], 'blackout', 0.5)
    assert answered == (Region(0, 0, 67, 45),)
    assert shown(redacted).max() <= DARK


@needs_library
def test_a_picture_stored_as_red_green_blue_becomes_black_not_cyan():
    data = without(scene_jpeg(67, 45, '444'), 0xE0)
    data = with_segments(data, segment(0xEE, b'Adobe\0\x64\0\0\0\0\0'))
    assert not turbojpeg.colours(data, parse(data).header).luma_and_chroma
    redacted, _, _ = jpeg.redact(data, [Region(16, 16, 40, 40)], 'blackout', 0.5)
    before, after = shown(data), shown(redacted)
    assert after[16:40, 16:40].max() <= DARK
    after[16:40, 16:40] = before[16:40, 16:40]
    assert (before == after).all()


@needs_library
def test_grey_with_sampling_factors_keeps_blocks_of_eight():
    data = scene_jpeg(67, 45, 'grey')
    data = patched(data, position_of(data, 0xC0) + 11, b'\x22')
    redacted, answered, _ = jpeg.redact(data, [Region(20, 9, 30, 45)], 'pixelate', 0.5)
    assert answered == (Region(16, 8, 32, 45),)
    before, after = shown(data), shown(redacted)
    outside = ~coverage_mask(answered, 67, 45)
    assert (before[outside] == after[outside]).all()


@needs_library
@pytest.mark.parametrize(
    ('factors', 'plain'),
    [(b'\x22\x12\x12', '422'), (b'\x22\x21\x21', '440'), (b'\x21\x21\x21', '444')],
)
def test_odd_spellings_of_a_sampling_are_read_like_the_plain_ones(factors, plain):
    # Read as another sampling the picture data is too short or too long, so only small ones do.
    data = scene_jpeg(8, 8, '420')
    start = position_of(data, 0xC0)
    for index, factor in enumerate(factors):
        data = patched(data, start + 11 + 3 * index, bytes([factor]))
    header = parse(data).header
    usual = scene_jpeg(8, 8, plain)
    assert turbojpeg.colours(data, header) == turbojpeg.colours(usual, parse(usual).header)
    assert (header.step_x, header.step_y) == (16, 8 * (factors[0] & 15))


@pytest.mark.parametrize('method', ['none', 'mosaic'])
def test_an_unknown_method_is_refused(method):
    with pytest.raises(ConfigError, match='blackout, pixelate, blur'):
        jpeg.redact(scene_jpeg(16, 16), [Region(0, 0, 8, 8)], method, 0.5)


@pytest.mark.parametrize(
    'region',
    [
        Region(0, 0, 17, 8),
        Region(-1, 0, 8, 8),
        Region(8, 8, 8, 12),
        Region(0, 9, 4, 8),
        Region(0, 0, 1, 17),
    ],
)
def test_a_region_outside_the_picture_is_refused(region):
    with pytest.raises(RedactionError, match='not inside'):
        jpeg.redact(scene_jpeg(16, 16), [Region(0, 0, 8, 8), region], 'blackout', 0.5)


def tampered_rows(monkeypatch, tamper):
    """Have `tamper` change what the library tells of rows: (component, row, address) or None."""
    genuine = turbojpeg_blocks._Rows.add

    def add(rows, address, part, plane, component):
        told = tamper(component, part.y // 8, address)
        if told is not None:
            genuine(rows, told[2], part, plane, told[0])

    monkeypatch.setattr(turbojpeg_blocks._Rows, 'add', add)


@needs_library
@pytest.mark.parametrize(
    ('tamper', 'reason'),
    [
        (lambda *told: None, 'did not show all'),
        (lambda *told: None if told[:2] == (2, 3) else told, 'did not show all'),
        (lambda *told: None if told[:2] == (1, 1) else told, 'another order'),
        (lambda *told: (2 - told[0], *told[1:]), 'another order'),
        (lambda *told: (*told[:2], told[2] + 128 * (told[1] == 2)), 'in pieces'),
        (lambda *told: (*told[:2], told[2] % 2**20 // told[1] if told[1] else 64), 'in pieces'),
    ],
    ids=['none', 'without the last', 'with a gap', 'of one component', 'in pieces', 'overlapping'],
)
def test_blocks_that_are_not_shown_as_expected_fail_the_redaction(monkeypatch, tamper, reason):
    tampered_rows(monkeypatch, tamper)
    with pytest.raises(RedactionError, match=reason):
        jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 64, 64)], 'blackout', 0.5)


@needs_library
@pytest.mark.parametrize('edited', [lambda data: data[:-2], lambda data: scene_jpeg(64, 48)])
def test_an_edited_file_that_is_not_whole_or_of_its_size_is_not_let_out(monkeypatch, edited):
    monkeypatch.setattr(turbojpeg_blocks, 'edit_blocks', lambda data, *rest: edited(data))
    with pytest.raises(RedactionError, match='frame header'):
        jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 8, 8)], 'blackout', 0.5)


@needs_library
@pytest.mark.parametrize('method', REDACTORS)
def test_an_error_in_a_filter_comes_out_as_redaction_error(monkeypatch, method):
    def broken(*_):
        raise ZeroDivisionError('on purpose')

    monkeypatch.setattr(jpeg, 'patches', broken)
    with pytest.raises(RedactionError, match='ZeroDivisionError: on purpose'):
        jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 8, 8)], method, 0.5)
    # The handle is still good.
    monkeypatch.undo()
    assert jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 8, 8)], method, 0.5)[0]


@needs_library
def test_an_interrupt_in_a_filter_stays_an_interrupt():
    data = scene_jpeg(64, 64)

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turbojpeg_blocks.read_blocks(data, parse(data).header, interrupted)


@needs_library
def test_every_handle_is_given_back_even_after_an_error(monkeypatch):
    genuine = turbojpeg_library.library()

    class Counting:
        open = 0

        def __getattr__(self, name):
            return getattr(genuine, name)

        def tjInitTransform(self):
            self.open += 1
            return genuine.tjInitTransform()

        def tjDestroy(self, handle):
            self.open -= 1
            genuine.tjDestroy(handle)

    library = Counting()
    monkeypatch.setattr(turbojpeg_library, 'library', lambda: library)
    data = scene_jpeg(64, 64)
    jpeg.redact(data, [Region(0, 0, 8, 8)], 'blur', 0.5)
    with pytest.raises(FrameError):
        jpeg.decode(data[:-400] + data[-2:], 32)
    assert library.open == 0


@needs_library
@pytest.mark.parametrize('method', REDACTORS)
def test_a_baseline_picture_after_a_progressive_one_is_not_corrupt(method):
    # Huffman tables made for one picture must not be used for the next.
    data = scene_jpeg(120, 80, seed=1)
    wanted = jpeg.redact(data, [Region(0, 0, 8, 8)], method, 0.5)
    flat = jpeg_of(np.full((32, 32, 3), 90, np.uint8), '420', 'progressive')
    jpeg.redact(flat, [Region(0, 0, 8, 8)], method, 0.5)
    assert jpeg.redact(data, [Region(0, 0, 8, 8)], method, 0.5) == wanted
    jpeg.decode(wanted[0], 512)


@needs_library
@pytest.mark.parametrize('variant', VARIANTS)
def test_a_picture_without_huffman_tables_is_read_with_the_standard_ones(variant):
    # USB cameras leave them out of MJPEG.
    whole = scene_jpeg(120, 80)
    bare = whole
    for _ in range(4):
        bare = without(bare, 0xC4)
    jpeg.decode(scene_jpeg(50, 50, variant=variant, seed=3), 512)
    assert (jpeg.decode(bare, 512)[0] == jpeg.decode(whole, 512)[0]).all()
    region = [Region(30, 30, 70, 70)]
    assert jpeg.redact(bare, region, 'blur', 0.5) == jpeg.redact(whole, region, 'blur', 0.5)


# Decoding


def test_what_is_known_of_one_file_is_not_taken_for_another():
    one, other = scene_jpeg(40, 24), scene_jpeg(40, 24, '444')
    damaged = one[:-2]
    for data, size in ((one, 2), (other, 1), (one, 2)):
        assert jpeg.decode(data, 512)[2:] == (40, 24)
        assert jpeg.redact(data, [Region(0, 0, 1, 1)], 'blackout', 0.5)[1][0].x1 >= 8 * size
        for _ in range(2):
            with pytest.raises(FrameError):
                jpeg.decode(damaged, 512)
            with pytest.raises(FrameError):
                jpeg.redact(damaged, [Region(0, 0, 1, 1)], 'blackout', 0.5)


@pytest.mark.parametrize('library', [True, False])
@pytest.mark.parametrize('sampling', ['444', '420', 'grey'])
@pytest.mark.parametrize(
    ('least', 'size'), [(512, (67, 101)), (101, (67, 101)), (51, (34, 51)), (50, (34, 51)),
                        (26, (17, 26)), (13, (9, 13)), (1, (9, 13))]
)  # fmt: skip
def test_decoding_reduces_as_far_as_asked_and_no_further(
    monkeypatch, library, sampling, least, size
):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    data = scene_jpeg(67, 101, sampling)
    pixels, encoding, width, height = jpeg.decode(data, least)
    assert (width, height) == (67, 101)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (size[1], size[0], 1 if sampling == 'grey' else 3)
    assert encoding == ('mono8' if sampling == 'grey' else 'bgr8')
    small = cv2.resize(shown(data), size, interpolation=cv2.INTER_AREA)
    assert np.abs(pixels.astype(int).mean((0, 1)) - small.mean((0, 1))).max() < 6


@pytest.mark.parametrize('library', [True, False])
def test_orientation_is_ignored(monkeypatch, library):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    data = with_segments(scene_jpeg(40, 24), exif(b'', orientation=6))
    assert jpeg.decode(data, 512)[0].shape == (24, 40, 3)


@needs_library
def test_a_full_decode_shows_what_others_show():
    for sampling in MCU:
        data = scene_jpeg(67, 45, sampling)
        assert np.abs(jpeg.decode(data, 512)[0].astype(int) - shown(data)).max() <= 1


# Black pictures


@pytest.mark.parametrize('library', [True, False])
@pytest.mark.parametrize('sampling', MCU)
def test_blacked_out_keeps_size_sampling_and_number_of_components(monkeypatch, library, sampling):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    for width, height in [*SIZES, (1920, 1080)]:
        data = scene_jpeg(width, height, sampling, 'progressive')
        black = jpeg.blacked_out(data)
        before, after = parse(data).header, parse(black).header
        assert (after.width, after.height) == (width, height)
        assert [item[1:3] for item in after.components] == [item[1:3] for item in before.components]
        pixels, _, _, _ = jpeg.decode(black, 1)
        assert pixels.max() == 0
        assert shown(black).max() == 0


def test_blacked_out_needs_no_more_than_the_frame_header():
    data = scene_jpeg(67, 45)
    black = jpeg.blacked_out(data[: position_of(data, 0xC4)])
    assert shown(black).shape == (45, 67, 3)
    assert shown(black).max() == 0


# Without the library


@pytest.mark.usefixtures('no_library')
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('sampling', MCU)
def test_without_the_library_pictures_are_encoded_anew_and_it_says_so(sampling, method):
    assert not jpeg.available()
    data = scene_jpeg(90, 70, sampling, quality=77)
    regions = [Region(20, 20, 50, 70)]
    redacted, answered, note = jpeg.redact(data, regions, method, 0.5)
    assert 'libturbojpeg0' in note
    step_x, step_y = MCU[sampling]
    assert answered == (
        Region(20 // step_x * step_x, 20 // step_y * step_y, -(-50 // step_x) * step_x, 70),
    )
    # OpenCV before 4.7 samples colours in one way only, Pillow in three.
    by_pillow = find_spec('PIL') is not None and sampling in ('444', '422', '420')
    by_opencv = hasattr(cv2, 'IMWRITE_JPEG_SAMPLING_FACTOR')
    chooses = sampling == 'grey' or by_opencv or by_pillow
    expected = data if chooses else scene_jpeg(90, 70, '420', quality=77)
    assert parse(redacted).header == parse(expected).header
    for name, table in parse(data).tables.items():
        assert (parse(redacted).tables[name] == table).all()
    before, after = shown(data).astype(int), shown(redacted).astype(int)
    assert np.abs(before - after)[:16].mean() < (6 if chooses else 7)
    if method == 'blackout':
        # With coarser colours than the file's own some of those beside it bleed into the region.
        assert after[20:70, 20:50].max() <= (DARK if chooses else 16)


def of_a_camera(sampling, progressive=False):
    """A file with quantisation tables that no quality stands for."""
    pillow = pytest.importorskip('PIL.Image')
    tables = [[(place * step) % 23 + 2 for place in range(64)] for step in (7, 5)]
    pixels = scene(90, 70)[:, :, 1 if sampling == 'grey' else slice(None, None, -1)]
    options = {} if sampling == 'grey' else {'subsampling': f'4:{sampling[1]}:{sampling[2]}'}
    buffer = io.BytesIO()
    pillow.fromarray(pixels.copy()).save(
        buffer, 'JPEG', qtables=tables, progressive=progressive, **options
    )
    return buffer.getvalue()


def change_outside(data, redacted):
    """Mean of levels, where no region is near."""
    return np.abs(shown(data).astype(int) - shown(redacted))[:, 64:].mean()


@pytest.mark.usefixtures('no_library')
@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('sampling', ['444', '422', '420', 'grey'])
def test_without_the_library_pillow_writes_the_tables_of_the_camera(
    monkeypatch, sampling, progressive
):
    data = of_a_camera(sampling, progressive)
    redacted, _, note = jpeg.redact(data, [Region(16, 16, 48, 48)], 'blackout', 0.5)
    assert 'libturbojpeg0' in note
    before, after = parse(data), parse(redacted)
    assert after.header.progressive == progressive
    for one, other in zip(before.header.components, after.header.components, strict=True):
        assert one[1:3] == other[1:3]
        assert (before.tables[one.table] == after.tables[other.table]).all()
    monkeypatch.setitem(sys.modules, 'PIL', None)
    nearest, _, _ = jpeg.redact(data, [Region(16, 16, 48, 48)], 'blackout', 0.5)
    assert change_outside(data, redacted) < 0.75 * change_outside(data, nearest)


@pytest.mark.usefixtures('no_library')
@pytest.mark.parametrize('why', ['absent', 'fails', 'other tables', 'sampling'])
def test_where_pillow_can_not_do_it_opencv_comes_near(monkeypatch, why):
    data = scene_jpeg(90, 70, '411') if why == 'sampling' else of_a_camera('420')
    if why == 'absent':
        monkeypatch.setitem(sys.modules, 'PIL', None)
    elif why != 'sampling':
        pillow = pytest.importorskip('PIL.Image')
        save = pillow.Image.save

        def saved(image, target, kind, qtables, **options):
            if why == 'fails':
                raise OSError('encoder error -2')
            save(image, target, kind, qtables=[table[::-1] for table in qtables], **options)

        monkeypatch.setattr(pillow.Image, 'save', saved)
    redacted, _, note = jpeg.redact(data, [Region(16, 16, 48, 48)], 'blackout', 0.5)
    assert 'libturbojpeg0' in note
    assert parse(redacted).header.width == 90
    assert change_outside(data, redacted) < 7
    assert shown(redacted)[20:44, 20:44].max() <= 24


@pytest.mark.usefixtures('no_library')
def test_without_the_library_metadata_stays_and_thumbnails_go():
    thumbnail = scene_jpeg(40, 30)
    data = with_segments(scene_jpeg(64, 64), exif(thumbnail), segment(0xFE, b'a comment'))
    redacted, _, _ = jpeg.redact(data, [Region(0, 0, 16, 16)], 'blackout', 0.5)
    assert thumbnail not in redacted
    assert b'Example Cameras' in redacted
    assert b'a comment' in redacted
    assert shown(redacted).shape == (64, 64, 3)


@pytest.mark.usefixtures('no_library')
def test_a_method_without_blocks_is_done_in_pixels(monkeypatch):
    assert jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 8, 8)], 'blur', 0.5)[2]


@needs_library
def test_a_new_method_works_before_it_has_a_form_for_blocks(monkeypatch):
    monkeypatch.setattr(jpeg, 'BLOCK_REDACTORS', {})
    redacted, answered, note = jpeg.redact(scene_jpeg(64, 64), [Region(0, 0, 8, 8)], 'blackout', 0)
    assert 'no form for JPEG blocks' in note
    assert answered == (Region(0, 0, 16, 16),)
    assert shown(redacted)[:15, :15].max() <= DARK


# Properties


@needs_library
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_picture_any_regions(data):
    width = data.draw(st.integers(1, 90), 'width')
    height = data.draw(st.integers(1, 90), 'height')
    sampling = data.draw(st.sampled_from(sorted(MCU)), 'sampling')
    file = scene_jpeg(
        width,
        height,
        sampling,
        data.draw(st.sampled_from(sorted(VARIANTS)), 'variant'),
        data.draw(st.integers(1, 100), 'quality'),
        data.draw(st.integers(0, 9), 'seed'),
    )
    regions = []
    for _ in range(data.draw(st.integers(1, 4), 'count')):
        x0 = data.draw(st.integers(0, width - 1))
        y0 = data.draw(st.integers(0, height - 1))
        x1 = data.draw(st.integers(x0 + 1, width))
        y1 = data.draw(st.integers(y0 + 1, height))
        regions.append(Region(x0, y0, x1, y1))
    method = data.draw(st.sampled_from(sorted(REDACTORS)), 'method')
    strength = data.draw(st.floats(0, 1), 'strength')
    redacted, answered, note = jpeg.redact(file, regions, method, strength)
    assert note == ''
    assert_only_regions_changed(file, redacted, regions, answered, sampling)
    jpeg.decode(redacted, 32)
    if method == 'blackout':
        black = shown(jpeg.redact(redacted, [Region(0, 0, width, height)], method, 0)[0])
        assert black.max() <= DARK
