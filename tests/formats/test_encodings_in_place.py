"""Contract of every line of ENCODINGS: edited in place, in its own layout, and nothing else."""

import copy
import dataclasses

import numpy as np
import pytest
from samples.encoded import (
    ALL,
    ALPHA,
    BAYER_BYTES,
    DEPTHS,
    FULL,
    HALVED,
    bytes_of,
    data_bytes,
    encoded,
    even,
    row_bytes,
    sample_bytes,
    used,
    widened,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.encodings import ENCODINGS
from anonymizer_node.core.errors import FrameError, RedactionError, UnsupportedEncodingError
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats.image_codecs import ImageCodec

CODEC = ImageCodec()
SIZES = [(40, 24), (33, 21), (41, 24), (40, 25), (1, 1), (2, 2), (7, 1), (1, 6)]
AVERAGING = [method for method in REDACTORS if method != 'blackout']
YUV = [name for name in ALL if 'yu' in name or 'uy' in name or name.startswith('nv')]
SIXTEEN = [name for name in ALL if sample_bytes(name) == 2]


def legal(encoding, size):
    return not any(side % of for side, of in zip(size, even(encoding), strict=True))


def regions_of(width, height):
    """One in each corner and at each edge, one inside, and all of it."""
    third, half = max(1, width // 3), max(1, height // 2)
    boxes = [
        (0, 0, third, half),
        (width - third, height - half, width, height),
        (width - 1, 0, width, height),
        (0, height - 1, width, height),
        (0, 0, width, 1),
        (width // 3, height // 3, max(width // 3 + 1, width * 2 // 3), max(height // 3 + 1, half)),
        (0, 0, width, height),
    ]
    return [Region(*box) for box in dict.fromkeys(boxes)]


def head(message):
    fields = {item.name: getattr(message, item.name) for item in dataclasses.fields(message)}
    return copy.deepcopy({name: value for name, value in fields.items() if name != 'data'})


def redact(message, regions, method='blackout', strength=0.5):
    return CODEC.redact(message, CODEC.measure(message, '/a'), regions, method, strength)


def flat(message):
    return np.frombuffer(bytes(message.data), np.uint8).copy()


def black_bytes(encoding, width, height, step, big_endian):
    """The data of a picture that shows nothing, by hand."""
    data = np.zeros(data_bytes(encoding, height, step), np.uint8)
    if encoding in HALVED + FULL:
        data[height * step :] = 128
    elif encoding in ('yuv422', 'uyvy'):
        data.reshape(height, step)[:, 0 : 2 * width : 2] = 128
    elif encoding in ('yuv422_yuy2', 'yuyv'):
        data.reshape(height, step)[:, 1 : 2 * width : 2] = 128
    elif encoding == '32FC1':
        nan = np.full(width, np.nan, '>f4' if big_endian else '<f4')
        data.reshape(height, step)[:, : width * 4] = np.frombuffer(nan.tobytes(), np.uint8)
    elif encoding in ALPHA:
        size = ALPHA[encoding]
        pixels = data.reshape(height, step)[:, : width * 4 * size]
        pixels.reshape(height, width, 4 * size)[:, :, 3 * size :] = 255
    data[~used(encoding, width, height, step)] = 0
    return data


def test_every_encoding_of_the_table_is_tested_here():
    assert set(ALL) == set(ENCODINGS)


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('big_endian', [0, 1])
@pytest.mark.parametrize('padding', [0, 4, 13])
@pytest.mark.parametrize('method', REDACTORS)
def test_outside_no_byte_changes_and_inside_all_is_hidden(encoding, big_endian, padding, method):
    sizes = [size for size in SIZES if legal(encoding, size)]
    assert (40, 24) in sizes
    for size in sizes:
        width, height = size
        for region in regions_of(width, height):
            message = encoded(encoding, width, height, padding, big_endian)
            before, data = head(message), flat(message)
            done = redact(message, [region], method)
            assert done.message is message
            assert head(message) == before
            assert done.regions == (Region(*widened(encoding, width, height, region)),)
            after, step = flat(message), message.step
            inside = bytes_of(encoding, width, height, step, region)
            pixels = used(encoding, width, height, step)
            assert np.array_equal(after[~inside & pixels], data[~inside & pixels])
            assert not after[~pixels].any(), 'padding is cleared'
            if method == 'blackout' or encoding in DEPTHS:
                black = black_bytes(encoding, width, height, step, big_endian)
                assert np.array_equal(after[inside], black[inside])
            elif inside.sum() > 30 * sample_bytes(encoding) and encoding not in ALPHA:
                same = (after[inside] == data[inside]).mean()
                assert same < 0.1, 'noise does not survive'


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('big_endian', [0, 1])
@pytest.mark.parametrize('padding', [0, 5])
def test_blacking_out_leaves_size_and_head(encoding, big_endian, padding):
    message = encoded(encoding, 12, 8, padding, big_endian)
    before = head(message)
    done = CODEC.blacked_out(message)
    assert head(done) == before
    expected = black_bytes(encoding, 12, 8, message.step, big_endian)
    assert np.array_equal(flat(done), expected)


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('method', AVERAGING)
@pytest.mark.parametrize('strength', [0.0, 1.0])
def test_what_survives_of_a_region_is_six_averages_a_side(encoding, method, strength):
    """Two pictures whose cells are the same but turned become the same picture."""
    width, height = 192, 96
    messages = []
    for turned in (False, True):
        message = encoded(encoding, width, height)
        layout = ENCODINGS[encoding].layout
        views = layout.views(message.data, (width, height), message.step, False)
        if turned:
            for _, view in views.planes:
                # 6 x 3 cells at strength 0, 2 x 1 at strength 1, whatever the plane's scale.
                rows, columns = (3, 6) if strength == 0 else (1, 2)
                high, wide = view.shape[0] // rows, view.shape[1] // columns
                for y in range(0, view.shape[0], high):
                    for x in range(0, view.shape[1], wide):
                        cell = view[y : y + high, x : x + wide]
                        cell[...] = cell[::-1, ::-1].copy()
        messages.append(message)
    assert not np.array_equal(flat(messages[0]), flat(messages[1]))
    for message in messages:
        redact(message, [Region(0, 0, width, height)], method, strength)
    assert np.array_equal(flat(messages[0]), flat(messages[1]))


@pytest.mark.parametrize('encoding', [name for name in SIXTEEN if name not in DEPTHS])
@pytest.mark.parametrize('big_endian', [0, 1])
@pytest.mark.parametrize('method', AVERAGING)
@pytest.mark.parametrize('low', [0, 65000])
def test_averages_of_sixteen_bits_do_not_overflow(encoding, big_endian, method, low):
    message = encoded(encoding, 64, 48, 0, big_endian)
    kind = np.dtype('>u2' if big_endian else '<u2')
    values = np.random.default_rng(1).integers(low, low + 500, len(message.data) // 2)
    pixels = values.astype(kind)
    if encoding in ALPHA:
        pixels[3::4] = 9
    message.data[:] = type(message.data)('B', pixels.tobytes())
    redact(message, [Region(0, 0, 64, 48)], method)
    after = np.frombuffer(message.data, kind)
    colours = after.reshape(-1, 4)[:, :3] if encoding in ALPHA else after
    assert abs(colours.astype(int) - low - 250).max() < 60


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('buffer', ['readonly', 'bytes', 'bytearray', 'ndarray'])
def test_every_kind_of_buffer(encoding, buffer):
    message = encoded(encoding, 12, 8, 3, 1, buffer)
    original, expected = message.data, encoded(encoding, 12, 8, 3, 1)
    before = bytes(original)
    region = [Region(1, 1, 7, 7)]
    done = redact(message, region).message
    redact(expected, region)
    assert bytes(done.data) == bytes(expected.data)
    if buffer in ('readonly', 'bytes'):
        assert bytes(original) == before
    else:
        assert done.data is original


@pytest.mark.parametrize('encoding', ALL)
def test_looking_changes_nothing(encoding):
    message = encoded(encoding, 40, 24, 5)
    before, data = head(message), bytes(message.data)
    CODEC.measure(message, '/a')
    if encoding not in DEPTHS:
        CODEC.decode(message, '/a', 16)
    assert head(message) == before
    assert bytes(message.data) == data


@pytest.mark.parametrize('encoding', ALL)
def test_order_and_overlap_do_not_matter(encoding):
    regions = [Region(1, 1, 30, 20), Region(11, 3, 40, 24), Region(5, 5, 9, 8)]
    for method in REDACTORS:
        results = []
        for order in (regions, regions[::-1], [*regions[1:], *regions]):
            message = encoded(encoding, 40, 24, 3)
            redact(message, order, method)
            results.append(bytes(message.data))
        assert results[0] == results[1] == results[2]


@pytest.mark.parametrize('encoding', ALL)
@pytest.mark.parametrize('bad', [Region(0, 0, 41, 4), Region(-1, 0, 4, 4), Region(0, 23, 4, 25)])
def test_a_region_beyond_the_frame_writes_nothing(encoding, bad):
    message = encoded(encoding, 40, 24, 7)
    before = bytes(message.data)
    with pytest.raises(RedactionError, match='not inside the frame of 40x24'):
        redact(message, [Region(0, 0, 4, 4), bad])
    assert bytes(message.data) == before


@pytest.mark.parametrize('encoding', ALL)
def test_lies_about_size_step_and_length_are_refused(encoding):
    good = encoded(encoding, 40, 24, 0)
    step, length = good.step, len(good.data)
    lies = [
        {'step': step - 1},
        {'step': step + 1},
        {'step': 0},
        {'step': -step},
        {'height': 23},
        {'height': 26},
        {'height': 0},
        {'height': -24},
        {'width': 0},
        {'width': -40},
        {'width': 42},
        {'width': 4_294_967_294},
        {'data': good.data[:-1]},
        {'data': good.data[: length // 2]},
        {'data': good.data + good.data},
        {'data': good.data[:0]},
    ]
    for lie in lies:
        message = dataclasses.replace(good, **lie)
        for attempt in (lambda lie: CODEC.measure(lie, '/a'), CODEC.blacked_out):
            with pytest.raises(FrameError) as raised:
                attempt(message)
            assert not isinstance(raised.value, UnsupportedEncodingError), lie
            assert f'{message.width}x{message.height} {encoding}' in str(raised.value)
            assert f'{len(message.data)} bytes' in str(raised.value)


@pytest.mark.parametrize('encoding', [name for name in ALL if even(name) != (1, 1)])
def test_sizes_that_a_format_can_not_have_are_refused(encoding):
    across, down = even(encoding)
    for width, height in ((41, 24), (40, 25)):
        message = encoded(encoding, 42, 26)
        message.width, message.height = width, height
        message.step = row_bytes(encoding, width)
        message.data = message.data[: data_bytes(encoding, height, message.step)]
        if width % across or height % down:
            with pytest.raises(
                FrameError, match=f'{width}x{height} {encoding}.*groups of {across}'
            ):
                CODEC.measure(message, '/a')
        else:
            CODEC.measure(message, '/a')


@pytest.mark.parametrize('encoding', ALL)
def test_a_picture_in_the_padding_is_refused(encoding):
    message = encoded(encoding, 40, 24, 16)
    with pytest.raises(FrameError, match='bytes that are not zero'):
        CODEC.measure(message, '/a')
    if encoding not in DEPTHS:
        with pytest.raises(FrameError, match='bytes that are not zero'):
            CODEC.decode(message, '/a', 16)
    pixels = used(encoding, 40, 24, message.step)
    data = flat(message)
    data[~pixels] = 0
    message.data = data
    assert CODEC.measure(message, '/a').width == 40


@pytest.mark.parametrize('encoding', [name for name in ALPHA if name.endswith('16')])
@pytest.mark.parametrize('look', [lambda m: CODEC.measure(m, ''), lambda m: CODEC.decode(m, '', 9)])
def test_a_picture_in_alpha_of_sixteen_bits_is_refused(encoding, look):
    message = encoded(encoding, 12, 8)
    message.data[6 * 8 + 6] ^= 1
    with pytest.raises(FrameError, match='fourth channel'):
        look(message)


@pytest.mark.parametrize('encoding', HALVED + FULL)
@pytest.mark.parametrize('said', ['per row of the picture', 'two samples a pixel'])
def test_other_steps_that_drivers_give_with_chroma_behind(encoding, said):
    width, height = 40, 24
    usual, other = (encoded(encoding, width, height) for _ in range(2))
    of_picture = len(other.data) // height
    other.step = of_picture if said == 'per row of the picture' else 2 * width
    step = other.step
    for message in (usual, other):
        redact(message, [Region(3, 5, 21, 20)])
    assert other.step == step
    assert bytes(other.data) == bytes(usual.data)


@pytest.mark.parametrize('method', AVERAGING)
@pytest.mark.parametrize('encoding', DEPTHS)
def test_depth_is_blacked_out_whatever_the_method(method, encoding):
    message = encoded(encoding, 40, 24)
    done = redact(message, [Region(0, 0, 40, 24)], method)
    assert 'blacked out' in done.note
    kind = '<u2' if encoding == '16UC1' else '<f4'
    values = np.frombuffer(message.data, kind)
    assert (values == 0).all() if encoding == '16UC1' else np.isnan(values).all()
    assert redact(encoded(encoding, 40, 24), [Region(0, 0, 9, 9)]).note == ''


@pytest.mark.parametrize('encoding', DEPTHS)
def test_depth_is_not_judged_and_the_remedies_are_said(encoding):
    with pytest.raises(UnsupportedEncodingError) as raised:
        CODEC.decode(encoded(encoding, 40, 24), '/depth', 16)
    odd = encoded(encoding, 40, 24)
    odd.data = odd.data[:-1]
    with pytest.raises(UnsupportedEncodingError):  # Its owner may have it copied as it is.
        CODEC.decode(odd, '/depth', 16)
    for remedy in (encoding, 'follow', 'mono16', 'topic_actions', 'copy'):
        assert remedy in str(raised.value)


def test_bayer_at_odd_sizes_ends_with_the_picture():
    for encoding in BAYER_BYTES:
        message = encoded(encoding, 7, 5)
        done = redact(message, [Region(6, 4, 7, 5)])
        assert done.regions == (Region(6, 4, 7, 5),)
        size = BAYER_BYTES[encoding]
        changed = flat(message) != flat(encoded(encoding, 7, 5))
        assert np.flatnonzero(changed).tolist() == list(range(35 * size - size, 35 * size))
