"""Photo files: what is taken out of them, and the right way up."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from samples.images import decoded, png_bytes
from samples.jpegs import exif, scene, scene_jpeg, segment, shown, with_segments

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.turning import TURNS
from anonymizer_node.formats import jpeg
from anonymizer_node.formats.jpeg_frame import segments
from anonymizer_node.formats.photos import PhotoCodec, as_stored, kind_of, opened, written

THUMBNAIL = scene_jpeg(40, 30, seed=5)
MAKER, EXPOSURE = b'Example Cameras', struct.pack('<II', 1, 250)
GPS_POINTER = struct.pack('<HHI', 0x8825, 4, 1)
CODEC = PhotoCodec()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + check


def png_with(*chunks: bytes) -> bytes:
    data = png_bytes(scene(64, 48))
    return data[:33] + b''.join(chunks) + data[33:]


def photo(*more: bytes, orientation=6) -> bytes:
    return with_segments(scene_jpeg(64, 48), exif(THUMBNAIL, orientation=orientation), *more)


@pytest.mark.parametrize('metadata', [False, True])
def test_thumbnail_gps_and_captions_are_gone_from_a_jpeg_and_the_picture_is_not(metadata):
    xmp = segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x>exif:GPSLatitude</x>')
    iptc = segment(0xED, b'Photoshop 3.0\0 Jane Doe')
    data = photo(xmp, iptc, segment(0xFE, b'Jane Doe')) + b'ftypmp42' + bytes(99) + THUMBNAIL
    before = opened(data, metadata)
    after = written(before.photo)
    for gone in (THUMBNAIL, b'GPS', b'Jane', b'PREVIEW', b'ftyp', GPS_POINTER):
        assert gone not in after
        assert gone in data
    assert (MAKER in after, EXPOSURE in after) == (metadata, metadata)
    assert before.removed == ('metadata', f'{8 + 99 + len(THUMBNAIL)} bytes behind the picture')
    assert np.array_equal(shown(after), shown(data))
    for one, other in zip(
        jpeg.coefficients(after), jpeg.coefficients(scene_jpeg(64, 48)), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('orientation', TURNS)
@pytest.mark.parametrize('metadata', [False, True])
def test_the_orientation_of_a_jpeg_is_known_and_stays(order, orientation, metadata):
    data = with_segments(scene_jpeg(64, 48), exif(THUMBNAIL, order, orientation))
    before = opened(data, metadata)
    assert before.photo.turn == TURNS[orientation]
    assert opened(written(before.photo)).photo.turn == TURNS[orientation]
    viewed = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    again = cv2.imdecode(np.frombuffer(written(before.photo), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(viewed, again)
    frame = CODEC.decode(before.photo, 'photo', 1000)
    assert (frame.height, frame.width) == viewed.shape[:2]
    assert np.abs(frame.pixels.astype(int) - viewed).max() < 40, 'it is seen as it is shown'


@pytest.mark.parametrize('orientation', TURNS)
def test_what_is_found_in_the_picture_as_shown_is_hidden_there(orientation):
    before = opened(photo(orientation=orientation))
    frame = CODEC.decode(before.photo, 'photo', 1000)
    region = Region(0, frame.height - 16, 16, frame.height)
    done = CODEC.redact(before.photo, frame, [region], 'blackout', 0.5)
    after = written(done.message)
    viewed = cv2.imdecode(np.frombuffer(after, np.uint8), cv2.IMREAD_COLOR)
    assert viewed[region.y0 + 1 : -1, 1:15].max() < 12
    assert opened(after).photo.turn == TURNS[orientation]
    (told,) = done.regions
    assert told.x0 <= 0 < 16 <= told.x1
    assert told.y0 <= region.y0 < region.y1 <= told.y1
    was = TURNS[orientation].shown(shown(before.photo.data))
    kept = np.ones(was.shape[:2], bool)
    kept[told.y0 : told.y1, told.x0 : told.x1] = False
    assert np.array_equal(TURNS[orientation].shown(shown(after))[kept], was[kept])


def test_a_black_picture_keeps_the_orientation():
    before = opened(photo())
    black = CODEC.blacked_out(before.photo)
    assert opened(written(black)).photo.turn == TURNS[6]
    assert shown(written(black)).max() < 3


def test_a_photo_with_nothing_beside_is_taken_as_it_is():
    data = scene_jpeg(64, 48)
    assert opened(data).removed == ()
    assert written(opened(data).photo) == data
    data = png_with(chunk(b'gAMA', b'\0\0\xb1\x8f'))
    assert opened(data).removed == ()


def test_a_png_keeps_colours_and_orientation_and_nothing_else():
    tiff = exif(THUMBNAIL, '<', 6)[10:]
    profile = chunk(b'iCCP', b'sRGB\0\0' + zlib.compress(bytes(36) + b'acsp' + bytes(200)))
    gamma = chunk(b'gAMA', b'\0\0\xb1\x8f')
    text = chunk(b'tEXt', b'Raw profile type exif\0GPS')
    data = png_with(gamma, profile, text, chunk(b'eXIf', tiff), chunk(b'tIME', bytes(7)))
    before = opened(data)
    assert before.photo.turn == TURNS[6]
    assert before.removed == ('tEXt', 'tIME', 'eXIf')
    frame = CODEC.decode(before.photo, 'photo', 1000)
    assert (frame.width, frame.height) == (48, 64)
    done = CODEC.redact(before.photo, frame, [Region(0, 0, 10, 20)], 'blackout', 0.5)
    after = written(done.message)
    assert gamma in after
    assert profile in after
    assert THUMBNAIL not in after
    assert GPS_POINTER not in after
    assert b'Raw' not in after
    assert opened(after).photo.turn == TURNS[6]
    turned = TURNS[6].shown(decoded(after))
    expected = TURNS[6].shown(decoded(data)).copy()
    expected[:20, :10] = 0
    assert np.array_equal(turned, expected)


def test_colours_of_16_bits_are_kept_and_grey_that_may_be_depth_is_refused():
    fine = scene(64, 48).astype(np.uint16) * 257
    before = opened(png_bytes(fine))
    frame = CODEC.decode(before.photo, 'photo', 1000)
    done = CODEC.redact(before.photo, frame, [Region(0, 0, 10, 20)], 'blackout', 0.5)
    expected = fine.copy()
    expected[:20, :10] = 0
    assert np.array_equal(decoded(written(done.message)), expected)
    with pytest.raises(UnsupportedEncodingError, match='may be depth'):
        CODEC.decode(opened(png_bytes(fine[..., 0])).photo, 'photo', 1000)


def test_what_only_calls_itself_a_colour_profile_goes():
    for content in (THUMBNAIL, bytes(36) + b'acsp' + THUMBNAIL):
        data = png_with(chunk(b'iCCP', b'x\0\0' + zlib.compress(content)))
        assert opened(data).removed == ('iCCP',)
        assert b'iCCP' not in written(opened(data).photo)


@pytest.mark.parametrize('kind', [b'acTL', b'tRNS'])
def test_what_a_detector_would_not_see_all_of_is_refused(kind):
    blue, green, red = scene(64, 48)[0, 0]
    transparent = bytes([0, red, 0, green, 0, blue])
    content = bytes(8) if kind == b'acTL' else transparent
    taken = opened(png_with(chunk(kind, content))).photo
    with pytest.raises(FrameError):
        CODEC.decode(taken, 'photo', 1000)


@pytest.mark.parametrize(
    ('data', 'named'),
    [
        (b'GIF89a', 'GIF'),
        (b'II*\0\x08\0\0\0', 'TIFF'),
        (b'RIFF\x10\0\0\0WEBPVP8 ', 'WebP'),
        (b'\0\0\0\x18ftypheic', 'HEIF'),
        (b'\0\0\0\x18ftypavif', 'AVIF'),
        (b'hello', 'no picture that is known'),
    ],
)
def test_other_kinds_are_refused_by_name(data, named):
    with pytest.raises(UnsupportedEncodingError, match=named):
        opened(data)


def test_kinds_are_told_by_what_files_begin_with():
    assert kind_of(scene_jpeg(16, 16)) == 'jpeg'
    assert kind_of(png_bytes(scene(16, 16))) == 'png'
    assert kind_of(b'') == ''


def test_a_cut_off_photo_is_refused():
    for data in (photo()[:-700], png_with()[:-9]):
        with pytest.raises(FrameError):
            CODEC.decode(opened(data).photo, 'photo', 1000)


def test_segments_behind_a_scan_are_left_out():
    data = scene_jpeg(64, 48, variant='progressive')
    scans = [item for item in segments(data) if item.marker == 0xDA]
    at = data.index(b'\xff\xda', scans[1].end - len(scans[1].payload) - 6)
    hidden = segment(0xE5, b'Jane Doe')
    after = written(opened(data[:at] + hidden + data[at:]).photo)
    assert b'Jane' not in after
    assert np.array_equal(shown(after), shown(data))


@pytest.mark.parametrize('orientation', TURNS)
def test_as_stored_nobody_turns_it_and_the_rest_stays(orientation):
    caption = segment(0xFE, b'Jane Doe')
    plain = with_segments(scene_jpeg(64, 48), caption)
    turned = with_segments(scene_jpeg(64, 48), exif(THUMBNAIL, orientation=orientation), caption)
    assert as_stored(plain) == plain
    assert as_stored(turned) == (turned if orientation == 1 else plain)
    tiff = exif(b'', orientation=orientation)[10:]
    png_turned = png_with(chunk(b'eXIf', tiff), chunk(b'tEXt', b'Comment\0hello'))
    png_plain = png_with(chunk(b'tEXt', b'Comment\0hello'))
    assert as_stored(png_plain) == png_plain
    assert as_stored(png_turned) == (png_turned if orientation == 1 else png_plain)
