"""A picture that no detector could see as it is labelled does not pass as one with nobody in it."""

import cv2
import numpy as np
import pytest
from samples.images import Header, Image, Stamp, photograph

from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.label_checks import check_byte_order, check_luma
from anonymizer_node.formats.image_codecs import ImageCodec

CODEC = ImageCodec()


def message(data, encoding, width, height, big_endian=False):
    buffer = np.frombuffer(bytearray(data), np.uint8)
    step = buffer.size // height
    return Image(Header(Stamp()), height, width, encoding, int(big_endian), step, buffer)


def deep(bits):
    """A picture of so many bits in samples of 16, with noise in the lower ones, (240, 320)."""
    grey = cv2.cvtColor(photograph(), cv2.COLOR_BGR2GRAY).astype(float)
    noise = np.random.default_rng(1).normal(0, 3, grey.shape)
    return np.clip((grey + noise) * 2.0 ** (bits - 8), 0, 2**bits - 1).astype('<u2')


def of_422(pixels, luma_first):
    """YUV 4:2:2 of a BGR picture, as bytes."""
    luma, v, u = np.moveaxis(cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb), 2, 0)
    chroma = np.stack([u[:, ::2], v[:, ::2]], 2).reshape(luma.shape)
    order = (luma, chroma) if luma_first else (chroma, luma)
    return np.stack(order, 2).tobytes()


@pytest.mark.parametrize('bits', [10, 12, 14, 16])
@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_grbg16'])
@pytest.mark.parametrize('big_endian', [False, True])
def test_samples_of_another_byte_order_than_told_are_refused(bits, encoding, big_endian):
    samples = deep(bits)
    if encoding == 'rgb16':
        samples = np.repeat(samples, 3, axis=1)
    told, other = '<>'[big_endian] + 'u2', '><'[big_endian] + 'u2'
    right = message(samples.astype(told).tobytes(), encoding, 320, 240, big_endian)
    assert CODEC.decode(right, '/a', 64).width == 320
    wrong = message(samples.astype(other).tobytes(), encoding, 320, 240, big_endian)
    with pytest.raises(FrameError, match=rf'{encoding} .* in the other order.*is_bigendian'):
        CODEC.decode(wrong, '/a', 64)
    # Where it isn't judged but follows, its place alone counts, and that has no order.
    assert CODEC.measure(wrong, '/a').width == 320


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'])
@pytest.mark.parametrize('colours', [True, False])
def test_brightness_in_the_place_of_chroma_is_refused(encoding, colours):
    pixels = photograph()
    if not colours:
        pixels[...] = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[:, :, None]
    luma_first = encoding in ('yuv422_yuy2', 'yuyv')
    right = message(of_422(pixels, luma_first), encoding, 320, 240)
    assert CODEC.decode(right, '/a', 64).width == 320
    wrong = message(of_422(pixels, not luma_first), encoding, 320, 240)
    with pytest.raises(FrameError, match=rf'{encoding} .* looks like brightness.*yuv422_yuy2'):
        CODEC.decode(wrong, '/a', 64)


def test_few_values_around_a_change_of_the_high_byte_pass():
    # A wall before a thermal camera, its halves a few values apart, with noise.
    samples = np.random.default_rng(5).integers(0x74FD, 0x7500, (200, 300)).astype('<u2')
    samples[:, 150:] += 4
    assert CODEC.decode(message(samples.tobytes(), 'mono16', 300, 200), '/a', 64).width == 300
    with pytest.raises(FrameError):
        check_byte_order(samples[:, :, None], (0.0, 65535.0), 'mono16')


@pytest.mark.parametrize(
    'samples',
    [
        np.random.default_rng(2).integers(0, 65536, (200, 300), np.uint16),
        np.zeros((200, 300), np.uint16),
        np.full((200, 300), 0x1234, np.uint16),
        deep(12)[:1, :300],
        deep(16)[:, :1],
        np.random.default_rng(7).integers(0, 65536, (9000, 1), np.uint16),
        deep(8),
        deep(8) * 256,
    ],
    ids=[
        'noise',
        'zero',
        'flat',
        'a row',
        'a column',
        'a long column',
        'of 8 bits',
        'in the high byte',
    ],
)
@pytest.mark.filterwarnings('error')
def test_what_does_not_say_its_byte_order_passes(samples):
    check_byte_order(samples[:, :, None], (0.0, 65535.0), 'mono16')
    check_byte_order(samples.byteswap()[:, :, None], (0.0, 65535.0), 'mono16')


@pytest.mark.parametrize('encoding', ['mono16', 'bayer_rggb16'])
@pytest.mark.parametrize('period', [2, 4, 20, 40, 160])
@pytest.mark.parametrize('kind', ['squares', 'stripes', 'waves'])
def test_patterns_that_repeat_pass(kind, period, encoding):
    y, x = np.mgrid[:240, :320] * 2 / period
    squares, stripes = (x // 1 + y // 1) % 2, x // 1 % 2
    shares = {'squares': squares, 'stripes': stripes, 'waves': np.sin(x * np.pi) / 2 + 0.5}
    noise = np.random.default_rng(6).normal(0, 100, x.shape)
    samples = np.clip(shares[kind] * 60000 + noise, 0, 65535).astype('<u2')
    assert CODEC.decode(message(samples.tobytes(), encoding, 320, 240), '/a', 64).width == 320


def test_a_picture_beside_the_same_picture_passes_in_yuv():
    # As from a stereo camera that looks far, in bad light: the chroma has more noise.
    random = np.random.default_rng(8)
    grey = np.repeat(random.integers(0, 256, (240, 80, 1)).astype(np.uint8), 3, axis=2)
    pixels = np.concatenate([cv2.resize(grey, (320, 240))] * 2, axis=1)
    samples = np.frombuffer(of_422(pixels, True), np.uint8).reshape(-1, 2).astype(float)
    samples += random.normal(0, (3, 8), samples.shape)
    data = np.clip(samples, 0, 255).astype(np.uint8).tobytes()
    assert CODEC.decode(message(data, 'yuyv', 640, 240), '/a', 64).width == 640


@pytest.mark.parametrize('level', [0, 16, 128, 255])
@pytest.mark.parametrize('noise', [0, 4])
@pytest.mark.filterwarnings('error')
def test_a_flat_picture_passes_in_yuv(level, noise):
    random = np.random.default_rng(3)

    def flat(value, shape):
        around = random.integers(-noise, noise + 1, shape)
        return np.clip(value + around, 0, 255).astype(np.uint8)

    check_luma(flat(level, (200, 300, 1)), flat(128, (200, 150, 2)), 'yuyv')
    check_luma(flat(level, (2, 4, 1)), flat(20, (2, 2, 2)), 'yuyv')
    check_luma(flat(level, (9000, 2, 1)), flat(20, (9000, 1, 2)), 'yuyv')


def test_noise_passes_in_yuv():
    random = np.random.default_rng(4)
    check_luma(
        random.integers(0, 256, (200, 300, 1), np.uint8),
        random.integers(0, 256, (200, 150, 2), np.uint8),
        'yuyv',
    )
