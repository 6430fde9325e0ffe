import cv2
import numpy as np
import pytest
from samples.images import noise

from anonymizer_node.core import scaling
from anonymizer_node.core.scaling import Scaler, resized

CAMERAS = [(640, 480), (848, 480), (1280, 720), (1280, 960), (640, 427), (427, 640), (480, 640)]
INPUTS = (320, 416, 512, 576)


def by_area(pixels, width, height):
    """OpenCV's filter, after as many halvings as there is room for."""
    while pixels.shape[0] >= 2 * height and pixels.shape[1] >= 2 * width:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = cv2.resize(pixels[: 2 * half[1], : 2 * half[0]], half)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def furthest(one, other):
    return int(np.abs(one.astype(int) - other.reshape(one.shape)).max())


def calls_of(monkeypatch, name):
    """The calls of one of OpenCV's functions, counted."""
    calls, genuine = [], getattr(cv2, name)

    def counted(*args, **more):
        calls.append(more)
        return genuine(*args, **more)

    monkeypatch.setattr(scaling.cv2, name, counted)
    return calls


@pytest.mark.parametrize('size', INPUTS)
@pytest.mark.parametrize(('width', 'height'), CAMERAS)
def test_a_frame_is_filtered_by_area_to_the_level(width, height, size):
    pixels = noise(height, width)
    small = round(width * size / max(width, height)), round(height * size / max(width, height))
    seen = resized(pixels, *small)
    assert seen.shape == (small[1], small[0], 3)
    assert furthest(seen, by_area(pixels, *small)) <= 1


@pytest.mark.parametrize('channels', [(), (1,), (3,), (4,)])
@pytest.mark.parametrize('height', [1, 2, 3, 7, 20, 31, 60])
def test_every_size_down_to_one_half_is_filtered_by_area_to_the_level(height, channels):
    scaler = Scaler()
    for width in (height, height + 1, 2 * height):
        pixels = noise(height, width, 4)[:, :, : channels[0] if channels else 1]
        pixels = np.ascontiguousarray(pixels).reshape(height, width, *channels)
        for rows in range(height // 2 + 1, height + 1):
            for columns in (round(width * rows / height), width):
                seen = scaler(pixels, columns, rows)
                assert furthest(seen, by_area(pixels, columns, rows)) <= 1


@pytest.mark.parametrize('size', [(48, 36), (47, 36), (64, 48), (64, 40), (32, 24), (100, 80)])
def test_out_is_where_the_picture_comes_to_lie_and_nothing_beside_it_is_touched(size):
    pixels, scaler = noise(48, 64), Scaler()
    width, height = size
    for _ in range(2):  # The second time in memory that has been used.
        canvas = np.full((height + 7, width + 9, 3), 77, np.uint8)
        out = canvas[3:-4, 5:-4]
        assert scaler(pixels, *size, out) is out
        assert np.array_equal(out, Scaler()(pixels, *size))
        out[...] = 77
        assert (canvas == 77).all()
        pixels = pixels[::-1].copy()


def test_what_is_scaled_later_owes_nothing_to_what_was_scaled_before():
    scaler = Scaler()
    for rows, columns in ((480, 640), (120, 160), (427, 640), (480, 640), (1080, 1920)):
        pixels = noise(rows, columns)
        for size in ((96, 72), (150, 113), (columns // 2 + 8, rows // 2 + 6)):
            assert np.array_equal(scaler(pixels, *size), resized(pixels, *size))


def test_padded_rows_and_parts_of_a_frame_are_scaled_as_a_copy_of_them():
    whole = noise(60, 90)
    for part in (whole[:40, :60], whole[7:47, 11:71], whole[20:, 30:]):
        for size in ((39, 26), (37, 25)):
            assert np.array_equal(resized(part, *size), resized(part.copy(), *size))


@pytest.mark.parametrize('wide', range(97, 192, 5))
def test_a_line_of_one_pixel_counts_the_same_wherever_it_lies(wide):
    small = 96
    for at in range(wide):
        pixels = np.zeros((8, wide, 3), np.uint8)
        pixels[:, at] = 240
        seen = resized(pixels, small, 8)[:, :, 0].sum(axis=1)
        assert np.abs(seen - 240 * small / wide).max() <= 2


@pytest.mark.parametrize('size', [(416, 312), (512, 384), (576, 432), (608, 456)])
def test_a_camera_of_640x480_goes_by_rows(monkeypatch, size):
    enlarged, summed = calls_of(monkeypatch, 'resize'), calls_of(monkeypatch, 'addWeighted')
    resized(noise(480, 640), *size)
    assert not enlarged
    assert 0 < len(summed) <= 4 * scaling.MOST_KINDS


def test_odd_sizes_are_not_summed_row_by_row(monkeypatch):
    summed = calls_of(monkeypatch, 'addWeighted')
    resized(noise(427, 640), 416, 278)
    assert not summed


def test_larger_pictures_and_deeper_samples_are_opencvs():
    pixels = noise(30, 40)
    larger = cv2.resize(pixels, (52, 39), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(resized(pixels, 52, 39), larger)
    deep = pixels.astype(np.uint16) * 257
    exact = cv2.resize(deep, (26, 19), interpolation=cv2.INTER_AREA)
    assert np.array_equal(resized(deep, 26, 19), exact)
    assert resized(deep, 9, 7).dtype == np.uint16
    narrow = cv2.resize(pixels, (10, 28), interpolation=cv2.INTER_AREA)
    assert np.array_equal(resized(pixels, 10, 28), narrow)


def test_a_picture_of_the_size_wanted_is_given_back_itself():
    pixels = noise(6, 8)
    assert resized(pixels, 8, 6) is pixels
