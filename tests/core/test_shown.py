"""What detectors are shown of every encoding: the same picture."""

import array

import cv2
import numpy as np
import pytest
from samples.encoded import ALL, BAYER_BYTES, DEPTHS, encoded, even, from_bgr, sample_bytes

from anonymizer_node.core.encodings import DIRECT, ENCODINGS, resized_bgr
from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.image_codecs import ImageCodec

CODEC = ImageCodec()
PICTURES = [name for name in ALL if name not in DEPTHS]
SIXTEEN = [name for name in PICTURES if sample_bytes(name) == 2]


def scene(height=96, width=128, seed=3):
    """Smooth colours with edges, from black to white."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3))
    for size in (8, 16, 32, 64):
        coarse = random.uniform(-30, 30, (height // size + 2, width // size + 2, 3))
        pixels += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(pixels + 120, 20, 235)
    pixels[8:24, 8:24] = 0
    pixels[8:24, 32:48] = 255
    pixels[60:90, 40:70] = (30, 60, 200)
    return pixels.astype(np.uint8)


def seen(message, least_size=1024, size=None):
    """A message as a detector sees it."""
    frame = CODEC.decode(message, '/a', least_size)
    assert ENCODINGS[frame.encoding].shown == DIRECT
    width, height = size or (frame.width, frame.height)
    return resized_bgr(frame.pixels, frame.encoding, width, height)


@pytest.mark.parametrize('encoding', PICTURES)
@pytest.mark.parametrize('big_endian', [0, 1])
def test_colours_are_those_of_the_scene(encoding, big_endian):
    bgr = scene()
    shown = seen(from_bgr(bgr, encoding, big_endian)).astype(int)
    expected = bgr.astype(int)
    if 'mono' in encoding or encoding == '8UC1':
        expected = np.repeat(bgr[:, :, 1:2], 3, axis=2).astype(int)
    assert shown.shape == (96, 128, 3)
    difference = np.abs(shown - expected)
    # Edges blur where chroma or a mosaic is interpolated; areas don't.
    assert np.median(difference) <= 3
    inside = np.s_[66:84, 46:64]
    assert difference[inside].max() <= 8


@pytest.mark.parametrize('encoding', PICTURES)
def test_a_large_frame_is_reduced_and_not_below_what_is_asked(encoding):
    bgr = cv2.resize(scene(), (640, 480), interpolation=cv2.INTER_LINEAR)
    frame = CODEC.decode(from_bgr(bgr, encoding), '/a', 150)
    assert (frame.width, frame.height) == (640, 480)
    if ENCODINGS[encoding].shown == DIRECT:
        assert frame.pixels.shape[:2] == (480, 640)
        return
    assert frame.pixels.shape[:2] == (120, 160)
    small = resized_bgr(frame.pixels, frame.encoding, 160, 120).astype(int)
    expected = cv2.resize(bgr, (160, 120), interpolation=cv2.INTER_AREA).astype(int)
    expected = expected[:, :, 1:2] if 'mono' in encoding else expected
    assert np.median(np.abs(small - expected)) <= 4


@pytest.mark.parametrize('encoding', PICTURES)
def test_the_smallest_and_oddest_frames_are_shown(encoding):
    for size in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 3), (5, 2), (2, 7), (33, 21), (601, 3)):
        if not any(side % of for side, of in zip(size, even(encoding), strict=True)):
            for least_size in (1, 16, 512):
                message = encoded(encoding, *size)
                assert seen(message, least_size).shape == (size[1], size[0], 3)


@pytest.mark.parametrize('encoding', BAYER_BYTES)
def test_a_flat_mosaic_is_flat_at_every_size(encoding):
    for height, width in ((2, 2), (3, 5), (6, 4), (31, 31)):
        flat = np.full((height, width, 3), 90, np.uint8)
        flat[0, 0] = 91  # Else there is nothing to scale 16 bits by.
        shown = seen(from_bgr(flat, encoding), 512)
        middle = np.median(shown)
        assert (middle == 90) if encoding.endswith('8') else (middle in (0, 255))


@pytest.mark.parametrize('encoding', SIXTEEN)
@pytest.mark.parametrize('bits', [10, 12, 14, 16])
def test_how_many_bits_a_camera_uses_makes_no_difference(encoding, bits):
    bgr = scene()
    shown = seen(from_bgr(bgr, encoding, 0, bits)).astype(int)
    other = seen(from_bgr(bgr, encoding, 0, 11)).astype(int)
    assert np.abs(shown - other).max() <= 1


def test_hot_pixels_and_a_lamp_darken_nothing():
    message = from_bgr(scene(), 'mono16')
    values = np.frombuffer(message.data, np.uint16).copy()
    values[:40] = 65535
    bright = from_bgr(scene(), 'mono16')
    bright.data = array.array('B', values.tobytes())
    usual, hot = seen(message).astype(int), seen(bright).astype(int)
    assert np.abs(usual - hot)[1:].max() <= 12


@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_bggr16'])
@pytest.mark.parametrize('end', ['dark', 'bright'])
@pytest.mark.parametrize('least_size', [16, 1024])
def test_who_is_before_a_window_is_still_seen(encoding, end, least_size):
    # A window of a tenth of the picture has sixteen times the light of all else, or, seen by a
    # thermal camera, as much less.
    bgr = scene()
    bytes_per_row = 2 * 128 * (3 if encoding == 'rgb16' else 1)
    message = from_bgr(bgr, encoding)
    full = np.frombuffer(bytes(message.data), '>u2' if message.is_bigendian else '<u2')
    full = full.astype(float) / 16
    rows = full.reshape(96, bytes_per_row // 2)
    rows[:48, -28 * (bytes_per_row // 256) :] = 65535
    if end == 'bright':
        rows = 65535 - rows
    kind = '>u2' if message.is_bigendian else '<u2'
    message.data = np.frombuffer(bytearray(np.rint(rows).astype(kind).tobytes()), np.uint8)
    shown = seen(message, least_size).astype(float)
    beside = shown[:, : shown.shape[1] * 3 // 4]
    assert np.percentile(beside, 95) - np.percentile(beside, 5) > 10
    assert 40 < np.median(beside) < 215


@pytest.mark.parametrize('low', [0, 3000, 60000])
def test_what_is_brighter_is_never_shown_darker(low):
    values = np.sort(np.random.default_rng(6).integers(0, 65536, 8192))
    values[: len(values) * 9 // 10] = low + values[: len(values) * 9 // 10] // 64
    values = np.sort(values).reshape(64, 128)
    message = from_bgr(np.zeros((64, 128, 3), np.uint8), 'mono16', 0)
    message.data = np.frombuffer(bytearray(values.astype('<u2').tobytes()), np.uint8)
    shown = CODEC.decode(message, '/a', 1024).pixels.ravel().astype(int)
    assert (np.diff(shown) >= 0).all()
    assert (shown[0], shown[-1]) == (0, 255)


def test_a_frame_of_one_value_is_shown():
    for value in (0, 1, 65535):
        message = encoded('mono16', 8, 8)
        message.data = array.array('B', np.full(64, value, np.uint16).tobytes())
        assert seen(message).shape == (8, 8, 3)
        values = np.full(64, value, np.uint16)
        values[5] ^= 1
        message.data = array.array('B', values.tobytes())
        assert len(np.unique(seen(message))) == 2, 'what differs at all is shown'


@pytest.mark.parametrize('name', ['nv12', 'nv21'])
@pytest.mark.parametrize('seed', range(8))
def test_two_chroma_planes_called_interleaved_are_refused(seed, name):
    """As v4l2_camera names V4L2_PIX_FMT_YUV420."""
    message = from_bgr(scene(240, 320, seed), name)
    CODEC.decode(message, '/a', 512)
    chroma = np.frombuffer(message.data, np.uint8)[240 * 320 :].reshape(-1, 2)
    planar = bytes(message.data)[: 240 * 320] + chroma.T.tobytes()
    message.data = array.array('B', planar)
    with pytest.raises(FrameError, match='I420'):
        CODEC.decode(message, '/a', 512)
    with pytest.raises(FrameError, match='I420'):
        CODEC.measure(message, '/a')


def test_a_grey_nv21_is_no_trouble():
    message = from_bgr(np.full((48, 64, 3), 77, np.uint8), 'nv21')
    assert CODEC.decode(message, '/a', 512).width == 64
