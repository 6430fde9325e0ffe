"""What else of a JPEG file stays when somebody in it was hidden."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.jpegs import exif, scene_jpeg, segment, shown, with_segments

from anonymizer_node.core.datatypes import Region
from anonymizer_node.formats import jpeg
from anonymizer_node.formats.jpeg_frame import Segment, segments
from anonymizer_node.formats.jpeg_segments import MOST_UNREAD, kept
from anonymizer_node.proof.second_pictures import second_picture_in

THUMBNAIL = scene_jpeg(40, 30, seed=5)
GREY = scene_jpeg(64, 64, 'grey')
PROFILE = bytes(36) + b'acsp' + bytes(range(256)) * 12
REGION = [Region(0, 0, 16, 16)]
SOMEBODY = b'\xff\xd8\xff' + b'SOMEBODY' * 200


def redacted(data):
    return jpeg.redact(data, REGION, 'blackout', 0.5)[0]


def application_data(data):
    """Marker and payload of the APPn and COM segments."""
    return [
        (item.marker, item.payload)
        for item in segments(data)
        if 0xE0 <= item.marker <= 0xEF or item.marker == 0xFE
    ]


def tags(tiff, offset=None):
    """The entries of one directory of a TIFF, tag -> (type, count, value or offset), and next."""
    order = '<' if tiff[:2] == b'II' else '>'
    if offset is None:
        (offset,) = struct.unpack_from(order + 'I', tiff, 4)
    (count,) = struct.unpack_from(order + 'H', tiff, offset)
    entries = {}
    for index in range(count):
        tag, kind, number, value = struct.unpack_from(
            order + 'HHI4s', tiff, offset + 2 + 12 * index
        )
        entries[tag] = (kind, number, value)
    return entries, struct.unpack_from(order + 'I', tiff, offset + 2 + 12 * count)[0]


@pytest.mark.parametrize('order', ['<', '>'])
def test_exif_keeps_orientation_and_settings_but_no_picture(order):
    data = with_segments(scene_jpeg(64, 64), exif(THUMBNAIL, order, orientation=6))
    after = redacted(data)
    assert THUMBNAIL not in after
    assert b'PREVIEW' not in after
    (payload,) = [payload for marker, payload in application_data(after) if marker == 0xE1]
    tiff = payload[6:]
    main, following = tags(tiff)
    assert following == 0
    assert main.keys() == {0x010F, 0x0112, 0x8769, 0x8825}
    assert struct.unpack_from(order + 'H', main[0x0112][2])[0] == 6
    at = struct.unpack(order + 'I', main[0x010F][2])[0]
    assert tiff[at : at + 16] == b'Example Cameras\0'
    below, _ = tags(tiff, struct.unpack(order + 'I', main[0x8769][2])[0])
    assert below.keys() == {0x829A}
    at = struct.unpack(order + 'I', below[0x829A][2])[0]
    assert struct.unpack_from(order + 'II', tiff, at) == (1, 250)
    gps, _ = tags(tiff, struct.unpack(order + 'I', main[0x8825][2])[0])
    assert gps.keys() == {0x0001}


def test_another_decoder_still_finds_the_orientation():
    data = redacted(with_segments(scene_jpeg(64, 40), exif(THUMBNAIL, orientation=6)))
    turned = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape == (64, 40, 3)
    assert shown(data).shape == (40, 64, 3)


@pytest.mark.parametrize(
    'hidden',
    [
        segment(0xE0, b'JFXX\0\x10' + THUMBNAIL),
        segment(0xE0, b'JFXX\0\x13' + b'\2\1' + bytes(range(6))),
        segment(0xE2, b'MPF\0II*\0\x08\0\0\0\0\0'),
        segment(0xE9, b'JFIF\0\1\1\0\0\1\0\1\2\1' + bytes(range(6))),
        segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0' + SOMEBODY),
        segment(0xED, b'Photoshop 3.0\x008BIM' + SOMEBODY),
        segment(0xE1, b'FLIR\0\1' + SOMEBODY),
        segment(0xFE, SOMEBODY),
        segment(0xE1, b'Exif\0\0' + SOMEBODY),
        segment(0xE1, b'Exif\0\0II*\0\xff\xff\0\0' + SOMEBODY),
        b''.join(segment(0xE5, SOMEBODY[at : at + 300]) for at in range(0, 1600, 300)),
    ],
    ids=[
        'jfxx',
        'jfxx-rgb',
        'mpf',
        'jfif-elsewhere',
        'xmp',
        'photoshop',
        'flir',
        'comment',
        'exif',
        'exif2',
        'split',
    ],
)
def test_what_may_show_somebody_is_left_out(hidden):
    plain = scene_jpeg(64, 64)
    data = with_segments(plain, hidden)
    if len(hidden) < 100:
        assert hidden not in redacted(data)
        assert application_data(redacted(data)) == application_data(redacted(plain))
    after = redacted(data)
    assert b'SOMEBODY' * 70 not in after
    assert after.count(b'SOMEBODY') * 8 <= MOST_UNREAD
    assert THUMBNAIL not in after


def test_the_thumbnail_in_jfif_is_left_out():
    data = scene_jpeg(64, 64)
    jfif = b'JFIF\0\1\2\1' + struct.pack('>HH', 72, 72) + b'\2\1' + b'RGBRGB'
    data = data[:2] + segment(0xE0, jfif) + data[20:]
    after = redacted(data)
    assert application_data(after)[0] == (0xE0, jfif[:12] + b'\0\0')


def test_colour_profile_adobe_and_short_comments_stay_as_they_were():
    stay = [
        segment(0xE2, b'ICC_PROFILE\0\1\1' + PROFILE),
        segment(0xEE, b'Adobe\0\x64\0\0\0\0\1'),
        segment(0xFE, b'serial 1234'),
        segment(0xE0, b'AVI1\0\0\0\0'),
    ]
    data = with_segments(scene_jpeg(64, 64), *stay)
    after = redacted(data)
    for item in stay:
        assert item in after
    assert application_data(after) == application_data(data)


@pytest.mark.parametrize(
    'profiles',
    [
        [b'\1\1' + bytes(range(256)) * 12],
        [b'\2\2' + PROFILE],
        [b'\1\1' + PROFILE + SOMEBODY],
        [bytes([number, 3]) + PROFILE + bytes(50_000) for number in (1, 2, 3)],
        [b'\1\2' + PROFILE + b'\xff\xd8', b'\2\2\xff' + SOMEBODY[3:]],
    ],
    ids=['no signature', 'no beginning', 'picture', 'long', 'picture in two'],
)
def test_a_colour_profile_that_is_none_is_left_out(profiles):
    found = [segment(0xE2, b'ICC_PROFILE\0' + content) for content in profiles]
    assert b'ICC_PROFILE' not in redacted(with_segments(scene_jpeg(64, 64), *found))


@pytest.mark.parametrize(
    'hidden',
    [
        exif(THUMBNAIL),
        segment(0xE0, b'JFXX\0\x10' + THUMBNAIL),
        segment(0xE0, b'JFXX\0\x13' + b'\2\1' + bytes(range(6))),
        segment(0xFE, SOMEBODY),
        segment(0xE1, b'FLIR\0' + b'\x89PNG\r\n\x1a\n'),
        segment(0xE4, bytes(40_000)) * 2,
    ],
    ids=['exif', 'jfxx', 'jfxx-rgb', 'comment', 'png', 'long'],
)
def test_a_second_picture_is_noticed_and_goes_with_the_people(hidden):
    data = with_segments(scene_jpeg(64, 64), hidden)
    assert jpeg.unjudged(data)
    assert jpeg.unjudged(redacted(data)) == ''


@pytest.mark.parametrize(
    'trailing',
    [b'junk', SOMEBODY[3:], b'\0\0' + SOMEBODY],
    ids=['junk', 'headless picture', 'padded picture'],
)
def test_what_nobody_looked_at_behind_the_picture_goes_with_the_people(trailing):
    data = scene_jpeg(64, 64) + trailing
    assert jpeg.unjudged(data) == 'what lies behind the picture'
    assert redacted(data) == redacted(scene_jpeg(64, 64))


@pytest.mark.parametrize('trailing', [b'\0' * 500, b'\xff' * 9])
def test_padding_behind_the_picture_is_left_out(trailing):
    plain = scene_jpeg(64, 64)
    assert jpeg.decode(plain + trailing, 512)[2:] == (64, 64)
    assert jpeg.unjudged(plain + trailing) == ''
    assert redacted(plain + trailing) == redacted(plain)
    assert redacted(plain).endswith(b'\xff\xd9')


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0xE0, 0xE1, 0xE2, 0xEE, 0xFE]),
            st.sampled_from(
                [b'', b'Exif\0\0II*\0\x08\0\0\0', b'Exif\0\0MM\0*\0\0\0\x08', b'JFIF\0']
            ),
            st.binary(max_size=300),
        ),
        max_size=5,
    )
)
def test_any_segments_are_cleaned_without_an_error(found):
    items = [Segment(marker, head + rest, 0) for marker, head, rest in found]
    result = kept(items)
    cleaned = list(segments(b'\xff\xd8' + result + b'\xff\xd9'))
    assert all(len(item.payload) < 65534 for item in cleaned)
    # What is clean stays as it is.
    assert kept(cleaned[:-1]) == result


def test_directories_that_share_their_values_do_not_grow_without_end():
    # 5000 entries of one 256 byte value: a megabyte, were each to get its own.
    entries = struct.pack('<H', 5000) + struct.pack('<HHII', 0x9000, 7, 256, 8) * 5000
    assert kept([Segment(0xE1, b'Exif\0\0II*\0\x08\0\0\0' + entries, 0)]) == b''


@pytest.mark.parametrize('most', [300, 5000], ids=['many segments', 'one'])
def test_values_that_lie_one_over_the_other_make_no_room_for_pixels(most):
    entries = b''.join(struct.pack('<HHII', 0x9000 + i, 1, 256, 194) for i in range(15))
    tiff = b'II*\0\x08\0\0\0' + struct.pack('<H', 15) + entries + bytes(4) + bytes(range(256))
    assert len(kept([Segment(0xE1, b'Exif\0\0' + tiff, 0)])) > 4000 > 8 * len(tiff)
    raw = np.random.default_rng(8).integers(0, 250, 60 * 55, np.uint8).tobytes()
    pieces = [segment(0xE7, raw[at : at + most]) for at in range(0, len(raw), most)]
    data = with_segments(scene_jpeg(64, 64), segment(0xE1, b'Exif\0\0' + tiff), *pieces)
    assert jpeg.unjudged(data) == 'data that can not be read'
    assert raw[:600] not in b''.join(body for _, body in application_data(jpeg.stripped(data)))
    assert 'can not be read' in second_picture_in(data, redacted=False)
    alone = with_segments(scene_jpeg(64, 64), segment(0xE1, b'Exif\0\0' + tiff))
    assert jpeg.unjudged(alone) == ''


@pytest.mark.parametrize(('marker', 'head'), [(0xE0, b'JFIF\0\1\1'), (0xEE, b'Adobe')])
def test_a_few_pixels_in_each_of_many_segments_for_colours_go(marker, head):
    raw = np.random.default_rng(8).integers(0, 250, 60 * 56, np.uint8).tobytes()
    pieces = [
        segment(marker, (head + raw[at : at + 5]).ljust(14, b'\0')) for at in range(0, len(raw), 5)
    ]
    data = with_segments(GREY, *pieces)
    assert jpeg.unjudged(data) == 'data that can not be read'
    done = jpeg.stripped(data)
    assert len(done) < len(GREY) + 600
    assert len(redacted(data)) < len(redacted(GREY)) + 600
    few = with_segments(GREY, *pieces[:10])
    assert jpeg.unjudged(few) == ''


def test_a_thumbnail_in_exif_goes_under_any_marker():
    tiff = b'II*\0' + struct.pack('<IHHHIII', 8, 1, 0x0111, 4, 1, 26, 0) + bytes(range(200))
    hidden = segment(0xE3, b'Exif\0\0' + tiff)
    data = with_segments(scene_jpeg(64, 64), hidden)
    assert jpeg.unjudged(data) == 'a thumbnail in EXIF'
    for done in (jpeg.stripped(data), redacted(data)):
        assert bytes(range(200)) not in done
        assert jpeg.unjudged(done) == ''


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('tag', [0x0111, 0x0144], ids=['strips', 'tiles'])
def test_an_uncompressed_thumbnail_in_exif_is_noticed(order, tag):
    head = {'<': b'II*\0', '>': b'MM\0*'}[order]
    first = struct.pack(order + 'IHHHIHHI', 8, 1, 0x0112, 3, 1, 1, 0, 26)
    second = struct.pack(order + 'HHHIII', 1, tag, 4, 1, 44, 0)
    data = with_segments(scene_jpeg(64, 64), segment(0xE1, b'Exif\0\0' + head + first + second))
    assert jpeg.unjudged(data) == 'a thumbnail in EXIF'
    assert jpeg.unjudged(redacted(data)) == ''
    harmless = struct.pack(order + 'HHHIII', 1, 0x0103, 3, 1, 1, 0)
    payload = b'Exif\0\0' + head + first + harmless
    assert jpeg.unjudged(with_segments(scene_jpeg(64, 64), segment(0xE1, payload))) == ''
