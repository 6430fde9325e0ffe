"""The proof reads every encoding: what changed outside, and what is still visible inside."""

import array

import numpy as np
import pytest
from samples.encoded import (
    ALL,
    ALPHA,
    DEPTHS,
    bytes_of,
    encoded,
    from_bgr,
    used,
)
from samples.images import photograph

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.encodings import ENCODINGS
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats.image_codecs import ImageCodec
from anonymizer_node.proof.obscured import is_solid_black, why_visible
from anonymizer_node.proof.pictures import bgr_of, changed_outside, picture_of

CODEC = ImageCodec()
REGIONS = [Region(11, 21, 90, 220), Region(71, 60, 200, 131), Region(230, 181, 320, 240)]
PICTURES = [name for name in ALL if name not in DEPTHS]


def message_of(encoding, big_endian=0, padding=0, seed=3):
    """A photograph of 320 x 240; of depth a plane of random distances."""
    if encoding in DEPTHS:
        return encoded(encoding, 320, 240, padding, big_endian, seed=seed)
    tight = from_bgr(photograph(seed), encoding, big_endian)
    message = encoded(encoding, 320, 240, padding, big_endian)
    data = np.frombuffer(message.data, np.uint8).copy()
    data[used(encoding, 320, 240, message.step)] = np.frombuffer(tight.data, np.uint8)
    message.data = array.array('B', data.tobytes())
    return message


def redacted(message, regions, method, strength=0.0):
    copy = type(message)(**{**vars(message), 'data': array.array('B', bytes(message.data))})
    done = CODEC.redact(copy, CODEC.measure(copy, ''), regions, method, strength)
    return copy, done.regions


def test_every_encoding_of_the_table_is_read():
    assert set(ALL) == set(ENCODINGS)
    for encoding in ALL:
        picture = picture_of(encoded(encoding, 12, 8))
        assert (picture.width, picture.height, picture.kind) == (12, 8, 'raw')


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize(('big_endian', 'padding'), [(0, 0), (1, 6)])
def test_our_methods_obscure_and_change_nothing_else(encoding, method, big_endian, padding):
    message = message_of(encoding, big_endian, padding)
    after, stated = redacted(message, REGIONS, method)
    old, new = picture_of(message), picture_of(after)
    assert why_visible(old, new, stated, method) == ''
    assert changed_outside(old, new, stated) == 0
    assert not is_solid_black(new)


@pytest.mark.parametrize('encoding', ALL)
def test_what_is_not_hidden_is_seen(encoding):
    message = message_of(encoding)
    picture = picture_of(message)
    for method in ('', 'pixelate', 'blackout'):
        assert why_visible(picture, picture, REGIONS, method)


@pytest.mark.parametrize('encoding', ALL)
def test_every_byte_outside_is_compared(encoding):
    message = message_of(encoding)
    after, stated = redacted(message, REGIONS[:1], 'blackout')
    inside = bytes_of(encoding, 320, 240, message.step, REGIONS[0])
    places = np.flatnonzero(~inside & used(encoding, 320, 240, message.step))
    chosen = [places[0], places[-1], *np.random.default_rng(0).choice(places, 12)]
    old = picture_of(message)
    for place in chosen:
        data = array.array('B', bytes(after.data))
        data[int(place)] ^= 0x40
        changed = type(after)(**{**vars(after), 'data': data})
        assert changed_outside(old, picture_of(changed), stated) >= 1


@pytest.mark.parametrize('encoding', ALL)
def test_every_byte_inside_must_be_black(encoding):
    message = message_of(encoding)
    after, stated = redacted(message, REGIONS[:1], 'blackout')
    inside = np.flatnonzero(bytes_of(encoding, 320, 240, message.step, REGIONS[0]))
    old = picture_of(message)
    for place in [inside[0], inside[-1], *np.random.default_rng(0).choice(inside, 12)]:
        data = array.array('B', bytes(after.data))
        data[int(place)] = 0x41
        changed = type(after)(**{**vars(after), 'data': data})
        if encoding == '32FC1' and place % 4 < 2:
            continue  # Still no number.
        assert why_visible(old, picture_of(changed), stated, 'blackout')


@pytest.mark.parametrize('encoding', PICTURES)
@pytest.mark.parametrize('method', ['pixelate', 'blur'])
@pytest.mark.parametrize('side', ['top', 'bottom', 'left', 'right'])
def test_rows_and_columns_left_clear_are_seen(encoding, method, side):
    message = message_of(encoding)
    region = Region(10, 20, 90, 220)
    after, stated = redacted(message, [region], method)
    clear = {
        'top': Region(10, 20, 90, 22),
        'bottom': Region(10, 218, 90, 220),
        'left': Region(10, 20, 12, 220),
        'right': Region(88, 20, 90, 220),
    }[side]
    kept = bytes_of(encoding, 320, 240, message.step, clear)
    data = np.where(
        kept, np.frombuffer(message.data, np.uint8), np.frombuffer(after.data, np.uint8)
    )
    after.data = array.array('B', data.astype(np.uint8).tobytes())
    assert why_visible(picture_of(message), picture_of(after), stated, method)


@pytest.mark.parametrize('encoding', [name for name in ALL if name[:2] in ('yu', 'uy', 'nv')])
def test_colour_left_under_a_black_brightness_is_seen(encoding):
    message = message_of(encoding)
    after, stated = redacted(message, REGIONS[:1], 'blackout')
    layout = ENCODINGS[encoding].layout
    (_, luma), (_, chroma) = layout.views(after.data, (320, 240), after.step, False).planes
    luma[...] = 0
    (_, _), (_, was) = layout.views(message.data, (320, 240), message.step, False).planes
    chroma[...] = was
    assert why_visible(picture_of(message), picture_of(after), stated, 'blackout')
    assert not is_solid_black(picture_of(after))


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('padding', [0, 3])
def test_a_replaced_frame_is_black(encoding, padding):
    message = message_of(encoding, 1, padding)
    assert not is_solid_black(picture_of(message))
    assert is_solid_black(picture_of(CODEC.blacked_out(message)))


@pytest.mark.parametrize('encoding', DEPTHS)
@pytest.mark.parametrize('method', ['', 'pixelate', 'blur'])
def test_averages_of_distances_hide_nothing(encoding, method):
    message = message_of(encoding)
    kind = '<u2' if encoding == '16UC1' else '<f4'
    metres = np.frombuffer(message.data, kind).reshape(240, 320).copy()
    metres[20:220, 10:90] = 2
    flat = type(message)(**{**vars(message), 'data': array.array('B', metres.tobytes())})
    region = [Region(10, 20, 90, 220)]
    assert why_visible(picture_of(message), picture_of(flat), region, method)


@pytest.mark.parametrize('encoding', ALL)
def test_lies_about_the_layout_are_no_picture(encoding):
    message = encoded(encoding, 12, 8)
    message.data = message.data[:-1]
    with pytest.raises(FrameError):
        picture_of(message)


@pytest.mark.parametrize('encoding', PICTURES)
def test_people_are_shown_the_scene(encoding):
    smooth = np.zeros((64, 96, 3), np.uint8)
    smooth[:, :48], smooth[:, 48:] = (200, 60, 30), (40, 90, 220)
    smooth[:8, :12], smooth[:8, 12:24] = 0, 255
    shown = bgr_of(from_bgr(smooth, encoding)).astype(int)
    expected = smooth.astype(int)
    if 'mono' in encoding or encoding == '8UC1':
        expected = expected[:, :, 1:2]
    assert np.abs(shown - expected)[20:60, 4:44].max() <= 6
    assert np.abs(shown - expected)[20:60, 52:92].max() <= 6
    assert encoding in ALPHA or shown.shape == (64, 96, 3)
