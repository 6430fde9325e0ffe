"""A frame without people may lose a thumbnail, has to, and may lose nothing else."""

from __future__ import annotations

import struct

import pytest
from samples.jpegs import exif, jpeg_of, position_of, scene, segment, with_segments, without

from anonymizer_node.formats import jpeg, png
from anonymizer_node.proof.second_pictures import other_loss, second_picture_in

JPEG, PNG = '/rear/image/compressed', '/side/png'
THUMBNAIL = jpeg_of(scene(40, 30, seed=5))
APP1 = 0xE1


def photographed(twins, *segments, behind=b''):
    """Frame 0 of the JPEGs, in which nobody is: as it came with a thumbnail, and as it left."""
    (before,) = [
        entry.message for entry in twins.before if entry.topic == JPEG and entry.time_ns < 201e9
    ]
    after = twins.message(JPEG, 0)
    before.data = with_segments(before.data, *segments) + behind
    after.data = jpeg.stripped(before.data)
    return before, after


def test_a_thumbnail_may_go_and_the_page_says_so(twins):
    photographed(twins, exif(THUMBNAIL), behind=THUMBNAIL)
    verdict = twins.verdict()
    assert verdict.passed
    assert verdict.check('untouched-identical').detail == '1 without a thumbnail or the like'


@pytest.mark.parametrize(
    ('segments', 'behind'),
    [
        ([exif(THUMBNAIL)], b''),
        ([segment(0xE0, b'JFXX\0\x10' + THUMBNAIL)], b''),
        ([segment(0xE0, b'JFXX\0\x13\2\1' + bytes(6))], b''),
        ([segment(0xE1, b'Exif\0\0' + bytes(8) + b'\0' + THUMBNAIL[1:])], b''),
        ([segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x i="/9j/4AAQ"/>')], b''),
        ([segment(0xE1, b'FLIR\0' + bytes(range(256)) * 6)], b''),
        ([segment(0xE2, b'ICC_PROFILE\0\1\1' + bytes(range(256)) * 6)], b''),
        ([], THUMBNAIL),
        ([], bytes(9) + THUMBNAIL[1:]),
    ],
    ids=['exif', 'jfxx', 'rgb', 'headless', 'xmp', 'flir', 'profile', 'behind', 'headless behind'],
)
def test_a_thumbnail_left_in_a_frame_without_people(twins, segments, behind):
    before, after = photographed(twins, *segments, behind=behind)
    assert second_picture_in(before.data, False)
    assert second_picture_in(after.data, False) == ''
    after.data = before.data
    assert twins.verdict().failed() == ['no-second-picture']


def turned(data):
    """The same with another orientation."""
    return data.replace(b'\x12\1\3\0\1\0\0\0\6\0', b'\x12\1\3\0\1\0\0\0\x08\0')


SPOILT = {
    'a pixel': lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    'a quantiser': lambda data: (
        data[: position_of(data, 0xDB) + 30]
        + bytes([data[position_of(data, 0xDB) + 30] ^ 1])
        + data[position_of(data, 0xDB) + 31 :]
    ),
    'the orientation': turned,
    'all of the EXIF': lambda data: without(data, APP1),
    'a comment of its own': lambda data: with_segments(data, segment(0xFE, b'Jane Doe')),
    'a value of its own': lambda data: data.replace(b'Example Cameras', b'Another Cameras'),
    'bytes behind': lambda data: data + b'tail',
    'no end': lambda data: data[:-2],
}


@pytest.mark.parametrize('name', SPOILT)
def test_what_else_has_changed_with_the_thumbnail(twins, name):
    _, after = photographed(twins, exif(THUMBNAIL))
    spoilt = SPOILT[name](after.data)
    assert spoilt != after.data
    after.data = spoilt
    assert 'untouched-identical' in twins.verdict().failed()


def test_a_frame_may_not_lose_what_can_show_nobody(twins):
    before, after = photographed(twins, segment(0xFE, b'serial 1234'))
    assert jpeg.unjudged(before.data) == ''
    after.data = without(before.data, 0xFE)
    verdict = twins.verdict()
    assert verdict.failed() == ['untouched-identical']


@pytest.mark.parametrize('left', [False, True])
def test_of_a_png_what_is_behind_its_picture_has_to_go(twins, left):
    after = twins.message(PNG, 0)
    (before,) = [
        entry.message for entry in twins.before if entry.topic == PNG and entry.time_ns < 201e9
    ]
    before.data = before.data + THUMBNAIL
    assert png.stripped(before.data) == after.data
    if left:
        after.data = before.data
    assert twins.verdict().failed() == ['no-second-picture'] * left


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('tag', [0x0111, 0x0144, 0x014A, 0x0201])
def test_a_small_thumbnail_in_the_second_directory(order, tag):
    head = {'<': b'II*\0', '>': b'MM\0*'}[order]
    first = struct.pack(order + 'IHHHIHHI', 8, 1, 0x0112, 3, 1, 1, 0, 26)
    second = struct.pack(order + 'HHHIII', 1, tag, 4, 1, 44, 0)
    data = with_segments(jpeg_of(scene(40, 30)), segment(APP1, b'Exif\0\0' + head + first + second))
    assert second_picture_in(data, False) == 'a thumbnail in EXIF'
    assert other_loss(data, jpeg.stripped(data)) == ''
