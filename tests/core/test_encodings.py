from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.images import PACKED, image, noise

from anonymizer_node.core.encodings import ENCODINGS, encoding_named, resized_bgr
from anonymizer_node.core.errors import UnsupportedEncodingError
from anonymizer_node.formats.image_codecs import ImageCodec

COLOURS = {
    'bgr8': (10, 20, 30),
    '8UC3': (10, 20, 30),
    'rgb8': (30, 20, 10),
    'bgra8': (10, 20, 30, 40),
    'rgba8': (30, 20, 10, 40),
    'mono8': (20,),
    '8UC1': (20,),
}


def test_the_table_has_what_issue_2_asks_for():
    assert set(ENCODINGS) >= set(COLOURS)


@pytest.mark.parametrize('name', PACKED)
def test_black_has_a_value_for_every_channel_and_shows_nothing(name):
    layout = ENCODINGS[name]
    assert len(layout.black) == layout.channels
    pixels = np.full((4, 4, layout.channels), layout.black, np.uint8)
    assert not resized_bgr(pixels, name, 4, 4).any()


@pytest.mark.parametrize('name', PACKED)
@pytest.mark.parametrize(('width', 'height'), [(9, 7), (5, 3), (20, 11), (1, 1), (9, 3)])
def test_the_detector_is_shown_bgr_of_the_size_it_asked_for(name, width, height):
    colour = COLOURS[name]
    pixels = np.full((7, 9, len(colour)), colour, np.uint8)
    shown = resized_bgr(pixels, name, width, height)
    assert shown.shape == (height, width, 3)
    assert shown.dtype == np.uint8
    expected = (20, 20, 20) if len(colour) == 1 else (10, 20, 30)
    assert (shown == expected).all()


@pytest.mark.parametrize('name', PACKED)
def test_row_padding_is_not_shown(name):
    pixels = noise(6, 5, ENCODINGS[name].channels)
    tight, padded = image(pixels, name), image(pixels, name, padding=13)
    for size in ((5, 6), (3, 2), (10, 12)):
        seen = [
            resized_bgr(ImageCodec().decode(message, '', 64).pixels, name, *size)
            for message in (tight, padded)
        ]
        assert np.array_equal(*seen)


def test_two_dimensions_do_for_one_channel():
    pixels = noise(6, 5, 1)[:, :, 0]
    assert np.array_equal(resized_bgr(pixels, 'mono8', 5, 6)[:, :, 1], pixels)


def test_shrinking_averages_so_that_thin_limbs_stay():
    pixels = np.zeros((64, 64, 1), np.uint8)
    pixels[:, 5] = 255
    shown = resized_bgr(pixels, 'mono8', 8, 8)
    assert (shown[:, 0] > 0).all()
    exact = cv2.resize(pixels, (8, 8), interpolation=cv2.INTER_AREA)
    assert np.array_equal(shown[:, :, 0], exact)


def test_an_unknown_encoding_is_named_with_the_known():
    with pytest.raises(UnsupportedEncodingError) as raised:
        encoding_named('bayer_rggb12')
    assert "'bayer_rggb12'" in str(raised.value)
    assert all(name in str(raised.value) for name in ENCODINGS)
    assert 'topic_actions' in str(raised.value)
    with pytest.raises(UnsupportedEncodingError):
        resized_bgr(noise(2, 2), 'BGR8', 2, 2)


def test_the_documentation_names_every_encoding():
    text = (Path(__file__).parents[2] / 'docs' / 'encodings.md').read_text(encoding='utf-8')
    rows = [line.split('|')[1] for line in text.splitlines() if line.startswith('| `')]
    named = [name.strip(' `') for row in rows for name in row.split(',')]
    assert sorted(named) == sorted(ENCODINGS)
