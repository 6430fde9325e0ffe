"""Contract of everything in CODECS, ENCODINGS, COMPRESSIONS and REDACTORS, one with the other."""

import array
import copy
import dataclasses
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.detectors import BrightDetector, FakeDetector
from samples.images import (
    BUFFERS,
    PACKED,
    CompressedImage,
    Header,
    Stamp,
    compressed,
    decoded,
    image,
    noise,
    pixels_of,
    rows_of,
)

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.encodings import ENCODINGS
from anonymizer_node.core.errors import FrameError, RedactionError, UnsupportedEncodingError
from anonymizer_node.core.geometry import coverage_mask
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.core.redaction import redact as redact_pixels
from anonymizer_node.core.turning import TURNS
from anonymizer_node.formats import png, turbojpeg
from anonymizer_node.formats.image_codecs import (
    CODECS,
    COMPRESSIONS,
    CompressedImageCodec,
    ImageCodec,
    stamp_ns,
)

IMAGE = ImageCodec()
COMPRESSED = CompressedImageCodec()
SIZES = [(33, 21), (40, 24), (1, 1), (7, 64)]
PADDINGS = [0, 1, 13]


def head(message):
    """Everything of a message but its pixels."""
    fields = {item.name: getattr(message, item.name) for item in dataclasses.fields(message)}
    return copy.deepcopy({name: value for name, value in fields.items() if name != 'data'})


def redact(message, regions, method='blackout', strength=0.5, codec=IMAGE):
    frame = codec.decode(message, '/front', 64)
    return codec.redact(message, frame, regions, method, strength)


def middle(width, height):
    return Region(width // 3, height // 3, max(width // 3 + 1, width * 2 // 3), height)


# --- All codecs


def test_the_table_has_what_issue_2_asks_for():
    assert set(CODECS) >= {'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'}
    assert set(COMPRESSIONS) >= {'jpeg', 'png'}


def message_of(msgtype, kind='png'):
    if msgtype == 'sensor_msgs/msg/Image':
        return image(noise(24, 40))
    return compressed(noise(24, 40), kind)


@pytest.mark.parametrize('msgtype', CODECS)
def test_a_frame_says_size_time_and_source(msgtype):
    message = message_of(msgtype)
    frame = CODECS[msgtype].decode(message, '/front', 64)
    assert (frame.width, frame.height) == (40, 24)
    assert frame.source == '/front'
    assert frame.stamp_ns == 7_500_000_123
    assert frame.encoding in ENCODINGS


@pytest.mark.parametrize('msgtype', CODECS)
def test_a_frame_says_which_camera_it_is_of(msgtype):
    message = message_of(msgtype)
    message.header.frame_id = 'rear_optical'
    assert CODECS[msgtype].decode(message, '/front', 64).frame_id == 'rear_optical'


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize(
    ('msgtype', 'where'),
    [
        ('sensor_msgs/msg/Image', 'frame_id'),
        ('sensor_msgs/msg/Image', 'encoding'),
        ('sensor_msgs/msg/CompressedImage', 'frame_id'),
        ('sensor_msgs/msg/CompressedImage', 'format'),
    ],
)
def test_a_picture_in_the_strings_of_a_message_does_not_leave(msgtype, where, on_failure):
    text = 'iVBORw0KGgo' + 'A' * 600
    message = message_of(msgtype)
    setattr(message.header if where == 'frame_id' else message, where, text)
    pipeline = Pipeline(Settings(on_failure=on_failure), [FakeDetector()])
    outcome = pipeline.process(message, CODECS[msgtype], '/front')
    assert (outcome.status, outcome.message) == ('dropped', None)
    assert 'AAAA' not in outcome.reason
    with pytest.raises(FrameError, match='more than 512'):
        CODECS[msgtype].measure(message, '/front')


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
@pytest.mark.parametrize('msgtype', CODECS)
def test_a_frame_id_that_would_leave_changed_does_not_leave(msgtype, on_failure):
    message = message_of(msgtype)
    message.header.frame_id = b'Kamera_R\xe4der'.decode('utf-8', 'replace')
    pipeline = Pipeline(Settings(on_failure=on_failure), [FakeDetector()])
    outcome = pipeline.process(message, CODECS[msgtype], '/front')
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'decode')
    assert 'not UTF-8' in outcome.reason


@pytest.mark.parametrize('msgtype', CODECS)
def test_decoding_changes_nothing(msgtype):
    message = message_of(msgtype)
    before, data = head(message), bytes(message.data)
    CODECS[msgtype].decode(message, '/front', 64)
    assert head(message) == before
    assert bytes(message.data) == data


def test_stamps_keep_their_nanoseconds():
    message = image(noise(2, 2), stamp=Stamp(1_790_000_000, 123_456_789))
    assert stamp_ns(message) == 1_790_000_000_123_456_789
    assert stamp_ns(image(noise(2, 2), stamp=Stamp(np.int32(2_000_000_000), np.uint32(5)))) == (
        2_000_000_000_000_000_005
    )


# --- Raw images


@pytest.mark.parametrize('padding', [16, 64, 65])
def test_a_picture_in_the_padding_of_rows_is_refused(padding):
    """A strip of 64 pixels of mono8 can show a person from head to foot."""
    message = image(noise(24, 40), padding=padding)
    with pytest.raises(FrameError, match=f'{padding} bytes that are not zero'):
        ImageCodec().decode(message, '/a', 512)


def test_what_aligns_rows_to_16_bytes_passes_as_it_is():
    message = image(noise(24, 39, 1), 'mono8', padding=15)
    assert ImageCodec().decode(message, '/a', 512).width == 39


def test_wide_padding_of_zeros_passes():
    message = image(noise(24, 40), padding=500)
    rows = np.frombuffer(message.data, np.uint8).reshape(24, 620).copy()
    rows[:, 120:] = 0
    message.data = rows.reshape(-1)
    assert ImageCodec().decode(message, '/a', 512).width == 40


@pytest.mark.parametrize('encoding', ['bgra8', 'rgba8'])
def test_a_picture_in_alpha_is_refused(encoding):
    pixels = noise(24, 40, 4)
    pixels[3, 5, 3] += 1
    with pytest.raises(FrameError, match='fourth channel') as raised:
        ImageCodec().decode(image(pixels, encoding), '/a', 512)
    assert not isinstance(raised.value, UnsupportedEncodingError), 'a topic action could copy it'


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('encoding', PACKED)
def test_every_encoding_method_step_and_size(encoding, method, padding, size):
    width, height = size
    layout = ENCODINGS[encoding]
    message = image(noise(height, width, layout.channels), encoding, padding)
    before, rows = head(message), rows_of(message)
    regions = [middle(width, height)]

    done = redact(message, regions, method)

    assert done.message is message
    assert done.regions == tuple(regions)
    assert head(message) == before
    inside = np.zeros(rows.shape, bool)
    across = slice(regions[0].x0 * layout.channels, regions[0].x1 * layout.channels)
    inside[regions[0].y0 : regions[0].y1, across] = True
    after = rows_of(message)
    inside[:, width * layout.channels :] = True
    assert np.array_equal(after[~inside], rows[~inside])
    assert not after[:, width * layout.channels :].any(), 'the padding is cleared'
    hidden = pixels_of(message)[regions[0].y0 : regions[0].y1, regions[0].x0 : regions[0].x1]
    tight = noise(height, width, layout.channels)
    shown = tight[regions[0].y0 : regions[0].y1, regions[0].x0 : regions[0].x1].astype(int)
    if method == 'blackout':
        assert (hidden == layout.black).all()
    elif hidden.size > layout.channels:
        assert np.abs(hidden - shown).mean() > 20, 'noise is far from its averages'
    redact_pixels(tight, regions, layout.black, method, 0.5)
    assert np.array_equal(pixels_of(message), tight), 'the step makes no difference to the pixels'


@pytest.mark.parametrize('buffer', BUFFERS)
@pytest.mark.parametrize('padding', [0, 5])
def test_every_kind_of_buffer(buffer, padding):
    pixels = noise(24, 40)
    message = image(pixels, padding=padding, buffer=buffer)
    rows = rows_of(message)
    kind = type(message.data)
    done = redact(message, [Region(10, 5, 20, 24)])
    expected = rows.copy()
    expected[5:24, 30:60] = 0
    expected[:, 120:] = 0
    assert np.array_equal(rows_of(done.message), expected)
    if buffer in ('array', 'ndarray'):
        assert type(done.message.data) is kind


@pytest.mark.parametrize('buffer', ['array', 'ndarray', 'bytearray'])
def test_what_can_be_written_is_edited_where_it_lies(buffer):
    message = image(noise(24, 40), padding=3, buffer=buffer)
    data = message.data
    frame = IMAGE.decode(message, '/front', 64)
    assert np.shares_memory(frame.pixels, np.frombuffer(data, np.uint8))
    IMAGE.redact(message, frame, [Region(0, 0, 40, 24)], 'blackout', 0.5)
    assert message.data is data
    assert not pixels_of(message).any()


@pytest.mark.parametrize('buffer', ['readonly', 'bytes'])
def test_what_can_not_be_written_is_replaced_and_never_edited(buffer):
    message = image(noise(24, 40), buffer=buffer)
    original = message.data
    before = bytes(original)
    redact(message, [Region(0, 0, 40, 24)])
    assert bytes(original) == before
    assert not pixels_of(message).any()


def test_the_data_of_rclpy_stays_an_array():
    # Anything else is checked element by element when assigned: half a second at 1080p.
    message = image(noise(24, 40))
    IMAGE.blacked_out(message)
    assert isinstance(message.data, array.array)
    assert message.data.typecode == 'B'
    message = compressed(noise(24, 40))
    redact(message, [Region(0, 0, 4, 4)], codec=COMPRESSED)
    assert isinstance(message.data, array.array)


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('encoding', PACKED)
def test_the_whole_frame_is_a_region_too(method, encoding):
    channels = ENCODINGS[encoding].channels
    message = image(noise(64, 80, channels), encoding, 7)
    redact(message, [Region(0, 0, 80, 64)], method, 0.0)
    after = pixels_of(message)
    assert (
        (
            after[[0, 0, -1, -1], [0, -1, 0, -1]]
            != noise(64, 80, channels)[[0, 0, -1, -1], [0, -1, 0, -1]]
        )
        .any(axis=1)
        .all()
    ), 'the corners'
    assert not rows_of(message)[:, 80 * channels :].any()


@pytest.mark.parametrize('method', REDACTORS)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_overlaps_do_not_depend_on_the_order(method, data):
    corner = st.integers(0, 30)
    regions = [
        Region(x, y, x + data.draw(st.integers(1, 20)), y + data.draw(st.integers(1, 20)))
        for x, y in data.draw(st.lists(st.tuples(corner, corner), min_size=2, max_size=5))
    ]
    forwards, backwards = (image(noise(51, 50), padding=2) for _ in range(2))
    redact(forwards, regions, method)
    redact(backwards, regions[::-1], method)
    assert np.array_equal(rows_of(forwards), rows_of(backwards))
    outside = ~coverage_mask(regions, 50, 51)
    assert np.array_equal(pixels_of(forwards)[outside], noise(51, 50)[outside])


@pytest.mark.parametrize('encoding', PACKED)
@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('buffer', BUFFERS)
def test_blacking_out_leaves_nothing_but_size_and_head(encoding, padding, buffer):
    layout = ENCODINGS[encoding]
    message = image(noise(9, 11, layout.channels), encoding, padding, buffer)
    before, size = head(message), len(message.data)
    done = IMAGE.blacked_out(message)
    assert head(done) == before
    assert len(done.data) == size
    assert (pixels_of(done) == layout.black).all()
    assert not rows_of(done)[:, 11 * layout.channels :].any(), 'the padding could hold pixels'


LIES = {
    'step too small': {'step': 119},
    'step zero': {'step': 0},
    'step negative': {'step': -120},
    'step of other rows': {'step': 160},
    'height zero': {'height': 0},
    'height negative': {'height': -24},
    'height less': {'height': 23},
    'height more': {'height': 25},
    'height and step swapped': {'height': 120, 'step': 24},
    'width zero': {'width': 0},
    'width negative': {'width': -40},
    'width more': {'width': 41},
    'width huge': {'width': 4_294_967_295},
    'encoding of more channels': {'encoding': 'bgra8'},
    'no data': {'data': array.array('B')},
    'one byte short': {'data': array.array('B', bytes(2879))},
    'one byte more': {'data': array.array('B', bytes(2881))},
    'twice the rows': {'data': array.array('B', bytes(2880 * 2))},
    'everything zero': {'width': 0, 'height': 0, 'step': 0, 'data': array.array('B')},
}


@pytest.mark.parametrize('lie', LIES)
def test_a_message_that_lies_about_its_layout_is_refused(lie):
    message = dataclasses.replace(image(noise(24, 40)), **LIES[lie])
    for attempt in (lambda: IMAGE.decode(message, '/', 64), lambda: IMAGE.blacked_out(message)):
        with pytest.raises(FrameError) as raised:
            attempt()
        said = str(raised.value)
        assert str(message.step) in said
        assert f'{message.width}x{message.height}' in said
        assert f'{len(message.data)} bytes' in said


@pytest.mark.parametrize(
    'name', ['16SC1', '64FC1', 'bayer_rggb12', 'i420', 'rgb12', '', 'BGR8', 'bgr8 ']
)
def test_an_unknown_encoding_is_refused_with_the_known(name):
    message = image(noise(24, 40))
    message.encoding = name
    for attempt in (lambda: IMAGE.decode(message, '/', 64), lambda: IMAGE.blacked_out(message)):
        with pytest.raises(UnsupportedEncodingError, match='bgr8') as raised:
            attempt()
        assert repr(name) in str(raised.value)


@pytest.mark.parametrize(
    'region', [Region(0, 0, 41, 4), Region(0, 0, 4, 25), Region(-1, 0, 4, 4), Region(3, 3, 3, 4)]
)
def test_a_region_beyond_the_frame_does_not_reach_other_bytes(region):
    message = image(noise(24, 40), padding=15)
    before = bytes(message.data)
    with pytest.raises(RedactionError):
        redact(message, [Region(0, 0, 2, 2), region])
    assert bytes(message.data) == before


def test_what_the_data_is_big_endian_or_not_makes_no_difference_to_bytes():
    for flag in (0, 1):
        message = image(noise(24, 40))
        message.is_bigendian = flag
        redact(message, [Region(0, 0, 4, 4)])
        assert message.is_bigendian == flag


# --- Compressed images


def smooth(height=80, width=112):
    """A picture that JPEG keeps well, nowhere dark."""
    y, x = np.mgrid[:height, :width]
    return np.stack([120 + x // 2, 160 + y // 2, 200 - y // 2], axis=2).astype(np.uint8)


@pytest.mark.parametrize('kind', COMPRESSIONS)
@pytest.mark.parametrize('buffer', BUFFERS)
@pytest.mark.parametrize('method', REDACTORS)
def test_a_compressed_image_keeps_head_format_size_and_all_outside(kind, buffer, method):
    message = compressed(smooth(), kind, buffer)
    before, original = head(message), decoded(message.data)
    region = Region(35, 21, 70, 61)
    done = redact(message, [region], method, codec=COMPRESSED)

    assert done.message is message
    assert head(message) == before
    assert bytes(message.data).startswith(COMPRESSIONS[kind].SIGNATURE)
    after = decoded(message.data)
    assert after.shape == original.shape
    assert after.dtype == original.dtype
    assert len(done.regions) >= 1
    covered = coverage_mask(done.regions, 112, 80)
    assert covered[21:61, 35:70].all(), 'what is reported holds what was asked for'
    # Chroma is interpolated between blocks: a decoder may blend one sample across the border.
    margin = 0 if kind == 'png' else 2
    near = coverage_mask(
        [
            Region(max(0, r.x0 - margin), max(0, r.y0 - margin), r.x1 + margin, r.y1 + margin)
            for r in done.regions
        ],
        112,
        80,
    )
    assert np.array_equal(after[~near], original[~near])
    inside = after[21:61, 35:70].astype(int)
    if method == 'blackout':
        assert inside.max() <= (0 if kind == 'png' else 6)
    else:
        assert not np.array_equal(inside, original[21:61, 35:70])


@pytest.mark.parametrize('kind', COMPRESSIONS)
def test_nothing_of_the_hidden_part_is_left_anywhere_in_the_file(kind):
    """Two pictures that differ only inside the region become the same file."""
    files = []
    for seed in (1, 2):
        pixels = smooth()
        pixels[16:64, 32:80] = noise(48, 48, seed=seed)
        message = compressed(pixels, kind)
        redact(message, [Region(16, 0, 96, 80)], codec=COMPRESSED)
        files.append(bytes(message.data))
    assert files[0] == files[1]


@pytest.mark.parametrize('kind', COMPRESSIONS)
def test_a_compressed_frame_blacked_out_shows_nothing(kind):
    message = compressed(smooth(), kind)
    before = head(message)
    done = COMPRESSED.blacked_out(message)
    assert head(done) == before
    black = decoded(done.data)
    assert black.shape == (80, 112, 3)
    assert not black.any()


@pytest.mark.parametrize('kind', COMPRESSIONS)
@pytest.mark.parametrize('said', ['jpeg', 'png', '', 'rgb8; jpeg compressed bgr8', 'webp'])
def test_what_the_data_is_decides_not_what_the_format_says(kind, said):
    message = compressed(smooth(), kind)
    message.format = said
    redact(message, [Region(0, 0, 112, 80)], codec=COMPRESSED)
    assert message.format == said
    assert bytes(message.data).startswith(COMPRESSIONS[kind].SIGNATURE)


@pytest.mark.parametrize(
    'data', [b'', b'\0', b'GIF89a', b'RIFF\0\0\0\0WEBPVP8 ', b'\x89PNG', b'\xff\xd8', bytes(100)]
)
def test_other_compressions_are_refused(data):
    message = CompressedImage(Header(), 'webp', array.array('B', data))
    for attempt in (
        lambda: COMPRESSED.decode(message, '/front', 64),
        lambda: COMPRESSED.blacked_out(message),
    ):
        with pytest.raises(UnsupportedEncodingError, match='jpeg, png') as raised:
            attempt()
        assert "'webp'" in str(raised.value)


def test_compressed_depth_is_no_picture_whatever_it_begins_with():
    message = compressed(noise(8, 8, 1))
    message.format = '16UC1; compressedDepth png'
    with pytest.raises(UnsupportedEncodingError, match='compressedDepth'):
        COMPRESSED.decode(message, '/front', 64)


@pytest.mark.parametrize('said', ['png', '16UC1; png compressed ', '', '; mono16'])
def test_sixteen_bits_of_grey_are_a_picture_only_if_the_message_says_so(said):
    message = compressed(np.full((8, 8, 1), 1500, np.uint16), 'png')
    message.format = said
    with pytest.raises(UnsupportedEncodingError, match='may be depth') as raised:
        COMPRESSED.decode(message, '/front', 64)
    assert 'follow' in str(raised.value)
    message.format = 'mono16; png compressed '
    assert COMPRESSED.decode(message, '/front', 64).encoding == 'mono8'


@pytest.mark.parametrize('method', REDACTORS)
def test_depth_in_a_png_can_follow_and_is_blacked_out_whatever_the_method(method):
    depth = np.random.default_rng(3).integers(500, 9000, (24, 32, 1), np.uint16)
    message = compressed(depth, 'png')
    message.format = '16UC1; png compressed '
    frame = COMPRESSED.measure(message, '/depth')
    assert (frame.width, frame.height) == (32, 24)
    done = COMPRESSED.redact(message, frame, [Region(4, 4, 30, 20)], method, 0.5)
    assert ('Depth' in done.note) == (method != 'blackout')
    after = decoded(bytes(done.message.data))
    assert after.dtype == np.uint16
    depth[4:20, 4:30] = 0
    assert np.array_equal(after.reshape(depth.shape), depth)
    assert not decoded(bytes(COMPRESSED.blacked_out(message).data)).any()


@pytest.mark.parametrize('kind', COMPRESSIONS)
def test_a_picture_that_was_judged_is_measured_without_decoding_it_again(kind, monkeypatch):
    message = compressed(noise(40, 60), kind)
    seen = COMPRESSED.decode(message, '/front', 64)
    monkeypatch.setattr(COMPRESSIONS[kind], 'decode', None)
    monkeypatch.setattr(png, '_decoded', None)
    monkeypatch.setattr(turbojpeg, 'decode', None)
    again = COMPRESSED.revisit(message, '/front')
    assert again.pixels.size == 0
    assert (again.width, again.height) == (60, 40)
    assert (again.stamp_ns, again.source) == (seen.stamp_ns, '/front')
    for data in (message.data[:-8], b'no picture'):
        message.data = data
        with pytest.raises((FrameError, UnsupportedEncodingError)):
            COMPRESSED.revisit(message, '/front')


@pytest.mark.parametrize('kind', COMPRESSIONS)
@pytest.mark.parametrize('keep', [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_off_is_refused_and_never_shown_in_part(kind, keep):
    message = compressed(noise(64, 64), kind)
    message.data = message.data[: int(len(message.data) * keep)]
    with pytest.raises(FrameError):
        COMPRESSED.decode(message, '/front', 64)


def turned(kind, pixels, orientation):
    """A compressed image that says in EXIF how it is to be turned."""
    message = compressed(pixels, kind)
    data = bytes(message.data)
    tiff = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0' + bytes([orientation, *[0] * 7])
    if kind == 'jpeg':
        app1 = b'\xff\xe1' + (len(tiff) + 8).to_bytes(2, 'big') + b'Exif\0\0' + tiff
        data = data[:2] + app1 + data[2:]
    else:
        body = b'eXIf' + tiff
        chunk = len(tiff).to_bytes(4, 'big') + body + zlib.crc32(body).to_bytes(4, 'big')
        data = data[: png.BEHIND_IHDR] + chunk + data[png.BEHIND_IHDR :]
    message.data = np.frombuffer(bytearray(data), np.uint8)
    return message


@pytest.mark.parametrize('orientation', TURNS)
@pytest.mark.parametrize('kind', COMPRESSIONS)
def test_people_are_looked_for_the_way_viewers_show_them(kind, orientation):
    pixels = np.full((96, 160, 3), 40, np.uint8)
    pixels[16:32, 32:112] = 250
    detector = BrightDetector()
    pipeline = Pipeline(Settings(padding=0.0, hold_seconds=0.0), [detector])
    message = turned(kind, pixels, orientation)
    assert COMPRESSED.decode(message, '/front', 64).orientation == orientation
    outcome = pipeline.process(message, COMPRESSED, '/front')
    # As viewers show it that heed EXIF, and as those do that don't.
    for turn, frame in zip(dict.fromkeys((1, orientation)), detector.frames, strict=True):
        assert (frame.width, frame.height) == TURNS[turn].size(160, 96)
        assert np.abs(frame.pixels.astype(int) - TURNS[turn].shown(pixels)).mean() < 4
    assert len(outcome.detections) == 1
    assert (outcome.status, outcome.width, outcome.height) == ('anonymized', 160, 96)
    covered = coverage_mask(outcome.regions, 160, 96)
    assert covered[16:32, 32:112].all()
    assert covered.sum() < 3 * 16 * 80
    shown = decoded(outcome.message.data)
    assert shown.shape[:2] == (96, 160)
    assert shown[16:32, 32:112].max() < 60


@pytest.mark.parametrize('kind', COMPRESSIONS)
def test_the_detector_is_shown_enough(kind):
    message = compressed(smooth(480, 640), kind)
    frame = COMPRESSED.decode(message, '/front', 128)
    assert (frame.width, frame.height) == (640, 480)
    assert max(frame.pixels.shape[:2]) >= 128
    ratio = frame.pixels.shape[1] / frame.pixels.shape[0]
    assert ratio == pytest.approx(4 / 3, rel=0.02)
