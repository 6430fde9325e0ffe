"""Nobody was found: what nobody looked at goes all the same, and nothing else changes."""

from __future__ import annotations

import struct
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples.images import Header, Stamp
from samples.jpegs import exif, scene_jpeg, segment, with_segments

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats import jpeg, turbojpeg, turbojpeg_library
from anonymizer_node.formats.exif import begins_picture
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.formats.jpeg_frame import segments
from anonymizer_node.formats.jpeg_segments import MOST_UNREAD
from anonymizer_node.proof.second_pictures import other_loss, second_picture_in

SOI = b'\xff\xd8\xff'
THUMBNAIL = scene_jpeg(64, 48, seed=5)
HEADLESS = b'\0' + THUMBNAIL[1:]
PIXELS = np.random.default_rng(8).integers(0, 256, 40 * 30 * 3, np.uint8).tobytes()
OWN = {
    kind: scene_jpeg(67, 45, *kind.split(), seed=3)
    for kind in ('420 baseline', '444 progressive', 'grey baseline', '422 restart')
}
PROFILE = segment(0xE2, b'ICC_PROFILE\0\1\1' + bytes(36) + b'acsp' + bytes(500))
XMP = b'http://ns.adobe.com/xap/1.0/\0<x xmpGImg:image="/9j/4AAQSkZJRg"/>'


class Entry(NamedTuple):
    """Of a TIFF. A list of entries as value is a directory."""

    tag: int
    kind: int
    number: int
    value: bytes | list


def tiff_of(order: str, first: list[Entry], second: list[Entry] = ()) -> bytes:
    """A TIFF with two directories in its chain, and what they point to behind each."""

    def laid(entries: list[Entry], at: int, following: int = 0) -> bytes:
        table = struct.pack(order + 'H', len(entries))
        behind = at + 2 + 12 * len(entries) + 4
        values = b''
        for tag, kind, number, value in entries:
            where = behind + len(values)
            content = laid(value, where) if isinstance(value, list) else value
            table += struct.pack(order + 'HHI', tag, kind, number)
            if len(content) <= 4 and not isinstance(value, list):
                table += content.ljust(4, b'\0')
            else:
                table += struct.pack(order + 'I', where)
                values += content + b'\0' * (len(content) % 2)
        return table + struct.pack(order + 'I', following) + values

    head = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', 8)
    length = len(laid(first, 8))
    done = head + laid(first, 8, 8 + length if second else 0)
    return done + (laid(second, 8 + length) if second else b'')


def said(tiff: bytes) -> dict:
    """(directory, tag) -> type, number, value, of the first directory, Exif and GPS."""
    order = '<' if tiff[:2] == b'II' else '>'
    widths = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    found = {}
    todo = [(0, struct.unpack_from(order + 'I', tiff, 4)[0])]
    for directory, at in todo:
        (count,) = struct.unpack_from(order + 'H', tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(order + 'HHII', tiff, entry)
            if not directory and tag in (0x8769, 0x8825):
                todo.append((tag, value))
                continue
            size = widths[kind] * number
            start = entry + 8 if size <= 4 else value
            found[directory, tag] = kind, number, tiff[start : start + size]
    if not directory:
        (following,) = struct.unpack_from(order + 'I', tiff, todo[0][1] + 2 + 12 * count)
        assert following == 0
    return found


def exif_in(data: bytes) -> list[bytes]:
    return [item.payload[6:] for item in segments(data) if item.payload[:6] == b'Exif\0\0']


def pieces_of(secret: bytes, data: bytes, length: int = 24) -> int:
    """How many pieces of a picture's coded blocks are in a file."""
    start = max(secret.find(b'\xff\xda') + 14, 14)
    starts = range(start, len(secret) - length, length)
    return sum(secret[at : at + length] in data for at in starts)


@st.composite
def photos(draw):
    """A TIFF with what cameras write, the entries that have to stay, and the pictures in it."""
    order = draw(st.sampled_from('<>'))
    u16 = lambda value: struct.pack(order + 'H', value)  # noqa: E731
    u32 = lambda value: struct.pack(order + 'I', value)  # noqa: E731
    orientation = draw(st.integers(1, 8))
    maker = draw(st.binary(min_size=1, max_size=200).filter(lambda text: not begins_picture(text)))
    stay = {
        (0, 0x010F): (2, len(maker), maker),
        (0, 0x0112): (3, 1, u16(orientation)),
        (0, 0x011A): (5, 1, u32(72) + u32(1)),
        (0x8769, 0x829A): (5, 1, u32(1) + u32(250)),
        (0x8769, 0xA002): (4, 1, u32(67)),
        (0x8825, 0x0001): (2, 2, b'N\0'),
        (0x8825, 0x0002): (5, 3, u32(52) + u32(1) + u32(30) + u32(1) + u32(0) + u32(1)),
    }
    secrets = []
    below = [Entry(tag, *value) for (where, tag), value in stay.items() if where == 0x8769]
    note = draw(st.sampled_from(['none', 'jpeg', 'headless', 'pixels']))
    if note != 'none':
        secret = {'jpeg': THUMBNAIL, 'headless': HEADLESS, 'pixels': PIXELS}[note]
        secrets.append(secret)
        below.append(Entry(0x927C, 7, len(secret) + 8, b'Maker\0\0\0' + secret))
    gps = [Entry(tag, *value) for (where, tag), value in stay.items() if where == 0x8825]
    first = [Entry(tag, *value) for (where, tag), value in stay.items() if not where]
    first += [Entry(0x8769, 4, 1, below), Entry(0x8825, 4, 1, gps)]
    if draw(st.booleans()):
        secrets.append(THUMBNAIL)
        sub = [Entry(0x0201, 7, len(THUMBNAIL), THUMBNAIL), Entry(0x0202, 4, 1, u32(9))]
        first.append(Entry(0x014A, 4, 1, sub))
    kind = draw(st.sampled_from(['none', 'jpeg', 'strips', 'tiles', 'headless']))
    second = []
    if kind in ('jpeg', 'headless'):
        secrets.append({'jpeg': THUMBNAIL, 'headless': HEADLESS}[kind])
        second = [Entry(0x0201, 7, len(secrets[-1]), secrets[-1]), Entry(0x0202, 4, 1, u32(1))]
    elif kind != 'none':
        secrets.append(PIXELS)
        second = [Entry({'strips': 0x0111, 'tiles': 0x0144}[kind], 7, len(PIXELS), PIXELS)]
    return tiff_of(order, first, second), stay, secrets


@settings(max_examples=200, deadline=None)
@given(photos(), st.sampled_from(sorted(OWN)), st.booleans())
def test_pictures_in_exif_go_and_all_that_it_says_in_short_stays(photo, kind, later):
    tiff, stay, secrets = photo
    own = OWN[kind]
    data = with_segments(own, PROFILE, segment(0xE1, b'Exif\0\0' + tiff))
    if later:
        data += THUMBNAIL
    assert jpeg.decode(data, 512)[2:] == (67, 45)
    assert bool(jpeg.unjudged(data)) == bool(secrets or later)
    if not (secrets or later):
        return
    after = jpeg.stripped(data)
    assert after.find(SOI, 1) == -1
    assert not any(pieces_of(secret, after) for secret in secrets)
    (clean,) = exif_in(after)
    assert said(clean) == stay
    assert PROFILE in after
    assert jpeg.unjudged(after) == '' == second_picture_in(after, False)
    assert other_loss(data, after) == ''
    for one, other in zip(jpeg.coefficients(own), jpeg.coefficients(after), strict=True):
        np.testing.assert_array_equal(one, other)
    # Turned as the file says, by a decoder that isn't ours.
    before, now = (
        cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) for file in (data, after)
    )
    np.testing.assert_array_equal(before, now)
    redacted = jpeg.redact(data, [Region(0, 0, 16, 16)], 'blackout', 0.5)[0]
    assert redacted.find(SOI, 1) == -1
    assert said(exif_in(redacted)[0]) == stay
    assert not any(pieces_of(secret, redacted) for secret in secrets)


@settings(max_examples=400, deadline=None)
@given(photos(), st.data())
def test_whatever_exif_claims_no_picture_gets_out(photo, data):
    tiff, _, secrets = photo
    damaged = bytearray(tiff)
    for _ in range(data.draw(st.integers(1, 8))):
        # Most of what counts is in front: directories, types, counts and offsets.
        at = data.draw(st.integers(0, min(len(tiff), 300) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    damaged = bytes(damaged[: data.draw(st.integers(8, len(damaged)))])
    file = with_segments(OWN['420 baseline'], segment(0xE1, b'Exif\0\0' + damaged))
    try:
        jpeg.decode(file, 512)
        after = jpeg.stripped(file) if jpeg.unjudged(file) else file
    except FrameError:
        return
    assert after.find(SOI, 1) == -1
    assert jpeg.unjudged(after) == '' == second_picture_in(after, False)
    # What is too little to show anybody may well be a piece of a picture.
    assert not any(pieces_of(secret, after, MOST_UNREAD + 8) for secret in secrets)
    assert after == file or other_loss(file, after) == ''


BESIDE = {
    'JFIF': segment(0xE0, b'JFIF\0\1\2\1\0\1\0\1' + b'\x28\x1e' + PIXELS),
    'JFXX, JPEG': segment(0xE0, b'JFXX\0\x10' + THUMBNAIL),
    'JFXX, RGB': segment(0xE0, b'JFXX\0\x13\x02\x01' + bytes(range(6))),
    'XMP': segment(0xE1, XMP),
    'Photoshop': segment(0xED, b'Photoshop 3.0\x008BIM\x04\x0c\0\0\0\0\0\0' + THUMBNAIL),
    'Photoshop, pixels': segment(0xED, b'Photoshop 3.0\x008BIM\x04\x09\0\0\0\0\0\0' + PIXELS),
    'FlashPix': segment(0xE2, b'FPXR\0\0\1' + PIXELS),
    'radiometry': segment(0xE1, b'FLIR\0\1' + PIXELS),
    'video in segments': segment(0xE4, b'\0\0\0\1\x67' + PIXELS) * 3,
    'comment': segment(0xFE, THUMBNAIL),
    'pieces': b''.join(segment(0xE7, HEADLESS[at::3]) for at in range(3)),
    'EXIF of no sense': segment(0xE1, b'Exif\0\0II*\0\xff\xff\0\0' + PIXELS),
    'a profile that is none': segment(0xE2, b'ICC_PROFILE\0\1\1' + PIXELS),
}
BEHIND = {
    'a second picture': THUMBNAIL,
    'one without a start': HEADLESS,
    'a picture behind padding': bytes(99) + THUMBNAIL,
    'a video': b'\0\0\0\x18ftypmp42' + PIXELS,
    'some bytes': b'tail',
}


@pytest.mark.parametrize('library', [True, False])
@pytest.mark.parametrize('kind', sorted(OWN))
@pytest.mark.parametrize('name', [*BESIDE, *BEHIND, 'between the scans'])
def test_what_is_beside_the_picture_is_gone_and_the_picture_is_not(
    monkeypatch, name, kind, library
):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    own, stay = OWN[kind], segment(0xE0, b'AVI1\0\0\0\0')
    data = with_segments(own, stay, BESIDE.get(name, b'')) + BEHIND.get(name, b'')
    if name == 'between the scans':
        at = data.rfind(b'\xff\xda') if 'progressive' in kind else data.find(b'\xff\xda')
        data = data[:at] + segment(0xE1, b'?' + PIXELS) + data[at:]
    jpeg.decode(data, 512)
    assert jpeg.unjudged(data)
    kept = BESIDE[name][:2] + b'\0\x10' + BESIDE[name][4:16] + b'\0\0' if name == 'JFIF' else b''
    assert jpeg.stripped(data) == with_segments(own, stay, kept)
    assert second_picture_in(data, False)
    assert other_loss(data, jpeg.stripped(data)) == ''


@pytest.mark.parametrize('order', ['<', '>'])
def test_orientation_stays_where_there_are_too_many_values_beside_it(order):
    values = [Entry(0x0112, 3, 1, struct.pack(order + 'H', 6))]
    values += [Entry(tag, 2, 250, b'x' * 250) for tag in range(0x9000, 0x9020)]
    data = with_segments(OWN['420 baseline'], segment(0xE1, b'Exif\0\0' + tiff_of(order, values)))
    after = jpeg.stripped(data)
    assert said(exif_in(after)[0]) == {(0, 0x0112): (3, 1, struct.pack(order + 'H', 6))}
    assert other_loss(data, after) == ''


def test_no_picture_begins_where_one_segment_ends_and_the_next_begins():
    values = [Entry(0x0112, 3, 1, b'\6\0'), Entry(0x9000, 2, 8, bytes(6) + SOI[:2])]
    for ending in (b'Exif\0\0' + tiff_of('<', values), b'hello' + SOI[:2]):
        data = with_segments(OWN['420 baseline'], segment(0xE1, ending)) + b'a tail'
        assert data.find(SOI, 1) != -1
        after = jpeg.stripped(data)
        assert after.find(SOI, 1) == -1
        assert len(exif_in(after)) == len(exif_in(data))


def test_a_value_that_begins_like_a_picture_goes_alone():
    values = [
        Entry(0x010E, 7, 40, SOI + bytes(37)),
        Entry(0x010F, 2, 6, b'Maker\0'),
        Entry(0x0112, 3, 1, b'\6\0'),
    ]
    data = with_segments(OWN['420 baseline'], segment(0xE1, b'Exif\0\0' + tiff_of('<', values)))
    assert jpeg.unjudged(data) == 'a picture in a segment 0xe1'
    assert said(exif_in(jpeg.stripped(data))[0]).keys() == {(0, 0x010F), (0, 0x0112)}


@pytest.mark.parametrize('tag', [0x0111, 0x0144, 0x0201])
def test_where_a_picture_lay_in_the_first_directory_is_not_told_any_longer(tag):
    values = [Entry(0x0112, 3, 1, b'\6\0'), Entry(tag, 4, 1, b'\x40\0\0\0')]
    data = with_segments(OWN['420 baseline'], segment(0xE1, b'Exif\0\0' + tiff_of('<', values)))
    assert jpeg.unjudged(data) == 'a thumbnail in EXIF'
    assert said(exif_in(jpeg.stripped(data))[0]).keys() == {(0, 0x0112)}


def test_a_small_thumbnail_between_the_scans_goes_and_whatever_else_is_there():
    own = OWN['444 progressive']
    at = own.rfind(b'\xff\xda')
    comment = own[:at] + segment(0xFE, b'hello') + own[at:]
    assert jpeg.unjudged(comment) == ''
    both = own[:at] + segment(0xFE, b'hello') + BESIDE['JFXX, RGB'] + own[at:]
    assert jpeg.unjudged(both) == 'a thumbnail in JFIF'
    assert jpeg.stripped(both) == own


@pytest.mark.parametrize(
    'small',
    [
        segment(0xFE, b'serial 1234'),
        segment(0xE5, bytes(400)),
        PROFILE,
        segment(0xE2, b'MPF\0II*\0\x08\0\0\0\0\0'),
        segment(0xE1, b'Exif\0\0' + tiff_of('<', [Entry(0x0112, 3, 1, b'\6\0')])),
        segment(0xEE, b'Adobe\0\x64\0\0\0\0\1'),
    ],
    ids=['comment', 'unknown', 'profile', 'index', 'exif', 'adobe'],
)
def test_a_file_that_can_show_nobody_else_is_the_same_to_the_last_byte(small):
    data = with_segments(OWN['420 baseline'], small)
    assert jpeg.unjudged(data) == ''
    message = Compressed(data)
    done = CODECS['sensor_msgs/msg/CompressedImage'].stripped(message)
    assert done.message is message
    assert message.data is data
    assert done.removed == ''


class Compressed:
    def __init__(self, data):
        self.header = Header(Stamp())
        self.format = 'jpeg'
        self.data = data


@pytest.mark.parametrize('people', [True, False])
def test_the_codec_says_what_it_removed(people):
    codec = CODECS['sensor_msgs/msg/CompressedImage']
    message = Compressed(with_segments(OWN['420 baseline'], exif(THUMBNAIL)) + THUMBNAIL)
    if people:
        done = codec.redact(message, None, [Region(0, 0, 16, 16)], 'blackout', 0.5)
    else:
        done = codec.stripped(message)
    assert done.removed == 'a thumbnail in EXIF, what lies behind the picture'
    assert bytes(done.message.data).find(SOI, 1) == -1


def test_a_file_with_other_colours_without_what_is_removed_is_refused(monkeypatch):
    data = with_segments(OWN['420 baseline'], exif(THUMBNAIL))
    said_of = turbojpeg.colours
    monkeypatch.setattr(
        turbojpeg,
        'colours',
        lambda file, header: said_of(file, header)._replace(luma_and_chroma=file == data),
    )
    with pytest.raises(FrameError, match='other colours'):
        jpeg.stripped(data)


def test_a_file_that_can_not_be_freed_of_pictures_is_refused(monkeypatch):
    monkeypatch.setattr(jpeg, 'kept', lambda _: BESIDE['comment'])
    with pytest.raises(FrameError, match='still holds a picture'):
        jpeg.stripped(with_segments(OWN['420 baseline'], exif(THUMBNAIL)))


@example(bytes(600))
@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=520, max_size=3000))
def test_nothing_that_can_not_be_read_and_is_long_stays(hidden):
    data = with_segments(OWN['420 baseline'], segment(0xEB, hidden))
    assert jpeg.stripped(data) == OWN['420 baseline']
