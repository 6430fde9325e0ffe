"""Where a JPEG's blocks end is told for every kind of file, and whatever lies behind is found."""

from __future__ import annotations

import io
import random
import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from samples.jpegs import (
    MCU,
    VARIANTS,
    jpeg_of,
    patched,
    position_of,
    scene,
    scene_jpeg,
    segment,
    shown,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats import jpeg, turbojpeg, turbojpeg_blocks
from anonymizer_node.formats.jpeg_black import black_picture
from anonymizer_node.formats.jpeg_frame import frame_header
from anonymizer_node.proof import coded
from anonymizer_node.proof.files import added_to
from anonymizer_node.proof.huffman import Code, codes_in, steps_of_ac, symbols_of

RAW = bytes(range(1, 251)) * 40
SIZES = [(1, 1), (8, 8), (17, 9), (33, 70), (120, 75)]
SOS, DHT, SOF, DRI = 0xDA, 0xC4, 0xC0, 0xDD


def found_in(data: bytes) -> str:
    """What the proof finds in a file that has nothing beside its picture."""
    return added_to(data, data)


def tail_of_scans(data: bytes) -> list[int]:
    """Where the coded bytes of each scan end."""
    ends, at = [], 0
    while (at := data.find(b'\xff\xda', at)) >= 0:
        at += 2
        while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 1
        ends.append(at)
    return ends


def put(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + more + data[at:]


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('sampling', MCU)
def test_files_as_encoders_write_them_have_nothing_behind(sampling, variant):
    for size, quality in product(SIZES, (3, 50, 90, 100)):
        data = scene_jpeg(*size, sampling, variant, quality, seed=quality)
        assert found_in(data) == '', (size, quality)


def test_noise_and_plain_pictures():
    noise = np.random.default_rng(1).integers(0, 256, (96, 120, 3)).astype(np.uint8)
    for pixels, variant in product((noise, np.full_like(noise, 255), noise[:, :, 0]), VARIANTS):
        for quality in (1, 75, 100):
            sampling = 'grey' if pixels.ndim == 2 else '420'
            assert found_in(jpeg_of(pixels, sampling, variant, quality)) == ''


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_what_pillow_writes(mode, progressive):
    images = pytest.importorskip('PIL.Image')
    asked = [{'subsampling': sampling} for sampling in (0, 1, 2)]
    asked += [{'optimize': True}, {'restart_marker_rows': 1}, {'keep_rgb': True}]
    for size, parameters in product(SIZES, asked):
        stream = io.BytesIO()
        picture = images.fromarray(scene(*size)).convert(mode)
        picture.save(stream, 'JPEG', progressive=progressive, **parameters)
        assert found_in(stream.getvalue()) == '', (size, parameters)


@pytest.mark.parametrize('layout', ['yuvj420p', 'yuvj422p', 'yuvj444p'])
def test_what_ffmpeg_writes(layout):
    av = pytest.importorskip('av')
    for (width, height), huffman in product(SIZES[2:], ('default', 'optimal')):
        encoder = av.CodecContext.create('mjpeg', 'w')
        encoder.width, encoder.height, encoder.pix_fmt = width, height, layout
        encoder.time_base, encoder.options = Fraction(1, 10), {'huffman': huffman}
        frame = av.VideoFrame.from_ndarray(scene(width, height), 'bgr24').reformat(format=layout)
        packets = [bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))]
        assert len(packets) == 1
        assert found_in(packets[0]) == ''


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('sampling', MCU)
def test_what_the_run_writes(sampling, method):
    for size, variant in product(SIZES, VARIANTS):
        before = scene_jpeg(*size, sampling, variant, 85)
        region = Region(0, 0, max(1, size[0] // 2), max(1, size[1] // 2))
        after, _, _ = jpeg.redact(before, [region], method, 0.5)
        assert size in SIZES[:2] or after != before
        assert added_to(before, after) == '', (size, variant)
        assert found_in(black_picture(frame_header(before))) == ''


@pytest.mark.parametrize('count', [1, 2, 7, 9500])
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('sampling', ['444', '420', 'grey'])
def test_bytes_behind_the_last_block_of_any_scan(sampling, variant, count):
    data = scene_jpeg(70, 50, sampling, variant)
    ends = tail_of_scans(data)
    assert (len(ends) > 3) == (variant == 'progressive')
    for end in ends:
        for more in (RAW[:count], bytes(count), b'\xff\0' * count):
            found = found_in(put(data, end, more))
            assert found == f'{count} bytes behind its last block, which no decoder shows'


@pytest.mark.parametrize('sampling', ['444', '420', 'grey'])
def test_bytes_in_front_of_any_restart_marker(sampling):
    data = scene_jpeg(70, 50, sampling, 'restart')
    scan = position_of(data, SOS)
    marked = re.finditer(b'\xff[\xd0-\xd7]', data)
    places = [item.start() for item in marked if item.start() > scan]
    assert len(places) > 3
    for number, at in enumerate(places, 1):
        found = found_in(put(data, at, RAW))
        assert found == f'10000 bytes behind its restart interval {number}, which no decoder shows'


def restart_marker(data: bytes) -> int:
    return data.index(b'\xff\xd1', position_of(data, SOS))


RESTARTED = scene_jpeg(70, 50, '420', 'restart')
PLAIN = scene_jpeg(70, 50)
TAMPERED = {
    'a marker and bytes': (put(PLAIN, len(PLAIN) - 2, b'\xff\xd0' + RAW), '10000 bytes behind a'),
    'one marker more': (  # Of 20 MCUs two make an interval, so the last marker is the ninth.
        put(RESTARTED, len(RESTARTED) - 2, b'\xff\xd1'),
        '0 bytes behind a restart marker where no block is left',
    ),
    'one marker less': (
        RESTARTED.replace(b'\xff\xd1', b'', 1),
        'restart markers in another order than theirs',
    ),
    'two markers changed about': (
        patched(RESTARTED, restart_marker(RESTARTED), b'\xff\xd2'),
        'restart markers in another order than theirs',
    ),
    'no interval': (
        patched(RESTARTED, position_of(RESTARTED, DRI) + 4, b'\0\0'),
        'bytes behind a restart marker where no block is left',
    ),
    'an interval that is not kept': (
        put(PLAIN, position_of(PLAIN, SOF), segment(DRI, b'\0\2')),
        'fewer restart intervals than it says',
    ),
    'fill bytes': (
        put(PLAIN, len(PLAIN) - 2, b'\xff' * 99),
        'bytes between its blocks',
    ),
    'fewer columns': (
        patched(PLAIN, position_of(PLAIN, SOF) + 8, bytes([17])),
        'bytes behind its last block, which no decoder shows',
    ),
    'more rows': (
        patched(PLAIN, position_of(PLAIN, SOF) + 5, b'\xff\xff'),
        'coded blocks that',
    ),
    'more rows and columns than there are bytes': (
        patched(PLAIN, position_of(PLAIN, SOF) + 5, b'\xff' * 4),
        'coded blocks that',
    ),
    'no rows': (patched(PLAIN, position_of(PLAIN, SOF) + 5, b'\0\0'), 'a frame header that'),
    'no component': (patched(PLAIN, position_of(PLAIN, SOF) + 9, b'\0'), 'a frame header that'),
    'a component without blocks': (
        patched(PLAIN, position_of(PLAIN, SOF) + 11, b'\0'),
        'a frame header that',
    ),
    'twelve bits': (patched(PLAIN, position_of(PLAIN, SOF) + 4, b'\x0c'), 'a frame header that'),
    'a huge MCU': (patched(PLAIN, position_of(PLAIN, SOF) + 11, b'\x44'), '18 blocks in an MCU'),
    'two frame headers': (
        put(PLAIN, position_of(PLAIN, SOS), PLAIN[position_of(PLAIN, SOF) :][:19]),
        'two frame headers',
    ),
    'no frame header': (
        PLAIN.replace(PLAIN[position_of(PLAIN, SOF) :][:19], b''),
        'a scan without a frame header',
    ),
    'a scan of nothing': (patched(PLAIN, position_of(PLAIN, SOS) + 4, b'\0'), 'a scan header that'),
    'a scan of what there is not': (
        patched(PLAIN, position_of(PLAIN, SOS) + 5, b'\x09'),
        'a scan header that',
    ),
    'a scan of few coefficients': (
        patched(PLAIN, position_of(PLAIN, SOS) + 12, b'\x05'),
        'a scan of coefficients that its kind of picture does not have',
    ),
    'other codes': (patched(PLAIN, position_of(PLAIN, SOS) + 6, b'\x11'), 'block'),
    'no such codes': (
        patched(PLAIN, position_of(PLAIN, SOS) + 6, b'\x33'),
        'codes of which it has no table',
    ),
    'codes that are cut off': (
        put(PLAIN, position_of(PLAIN, SOS), segment(DHT, b'\0' + bytes(15) + b'\5' + b'12')),
        'a table of codes that is cut off',
    ),
    'a code of ones alone': (
        put(PLAIN, position_of(PLAIN, SOS), segment(DHT, b'\0\2' + bytes(15) + b'12')),
        'a table of codes that no encoder writes',
    ),
    'more codes than there can be': (
        put(PLAIN, position_of(PLAIN, SOS), segment(DHT, b'\0\5' + bytes(15) + b'12345')),
        'a table of codes that no encoder writes',
    ),
    'two codes for the same': (
        put(PLAIN, position_of(PLAIN, SOS), segment(DHT, b'\0\0\2' + bytes(14) + b'11')),
        'a table of codes that no encoder writes',
    ),
    'no codes': (
        put(PLAIN, position_of(PLAIN, SOS), segment(DHT, b'\0' + bytes(16))),
        'coded blocks that can not be followed',
    ),
}


@pytest.mark.parametrize('what', TAMPERED)
def test_what_can_not_be_followed_is_named(what):
    data, expected = TAMPERED[what]
    assert expected in found_in(data)


def test_zeros_behind_the_last_block():
    for width in range(20, 60):
        data = bytearray(scene_jpeg(width, 30, 'grey'))
        if data[-3] & 1 and data[-3] != 0xFF:
            data[-3] ^= 1
            # Without ones to fill the byte, its last bit was the last block's.
            found = found_in(bytes(data))
            if found == 'bits behind its last block that are not all ones':
                return
    pytest.fail('no file had a bit to fill')


def test_a_scan_that_shows_again_what_was_shown():
    data = scene_jpeg(70, 50, '420', 'progressive')
    first = position_of(data, SOS)
    end = tail_of_scans(data)[0]
    found = found_in(put(data, end, data[first:end]))
    assert found == 'a scan of what it has shown, or before what it refines'


def test_more_scans_than_a_picture_has():
    data = scene_jpeg(70, 50, '420', 'progressive')
    first, end = position_of(data, SOS), tail_of_scans(data)[0]
    assert found_in(put(data, end, data[first:end] * 200)) != ''


@pytest.mark.parametrize('variant', VARIANTS)
def test_cut_off_anywhere(variant):
    data = scene_jpeg(40, 30, '420', variant)
    for end in range(position_of(data, SOS) + 15, tail_of_scans(data)[0], 3):
        assert found_in(data[:end] + b'\xff\xd9') != '', end


@pytest.mark.parametrize('seed', range(8))
def test_damage_is_told_and_never_raised(seed):
    chance = random.Random(seed)
    files = [scene_jpeg(60, 40, *kind) for kind in product(('420', 'grey'), VARIANTS)]
    told = 0
    for _ in range(150):
        data = bytearray(chance.choice(files))
        for _ in range(chance.choice([1, 3])):
            at = chance.randrange(4, len(data))
            if chance.random() < 0.7:
                data[at] = chance.randrange(256)
            else:
                data[at : at + chance.choice([0, 9])] = chance.randbytes(chance.choice([0, 5, 40]))
        told += bool(found_in(bytes(data)))
    assert told > 75


def test_files_larger_than_what_is_laid_out_at_a_time(monkeypatch):
    monkeypatch.setattr(coded, '_AT_ONCE', 100)
    monkeypatch.setattr(coded, '_AHEAD', 2600)
    for sampling, variant in product(('420', 'grey'), VARIANTS):
        data = scene_jpeg(300, 200, sampling, variant, 95)
        assert found_in(data) == ''
        assert found_in(put(data, len(data) - 2, b'12345')).startswith('5 bytes behind its last')


def test_several_codes_at_a_time_are_those_one_by_one():
    (_, code), *_ = [
        entry for entry in codes_in(PLAIN[position_of(PLAIN, DHT) + 4 :][:29]) if entry
    ]
    data = PLAIN[position_of(PLAIN, DHT) :]
    at = data.index(b'\xff\xc4', 2)
    ((number, code),) = codes_in(
        data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], 'big')]
    )
    assert number == 0x10
    symbols, lengths = symbols_of(code)
    several = steps_of_ac(code, 16)
    packed = 0
    for window in range(1 << 16):
        passed = taken = count = 0
        bits = f'{window:016b}'
        while taken < 16 and several.bits[window] > taken:
            rest = int(bits[taken:].ljust(16, '0'), 2)
            assert lengths[rest]
            run, size = divmod(symbols[rest], 16)
            passed += 128 if symbols[rest] == 0 else run + 1
            taken += lengths[rest] + size
            count += 1
        packed += count > 1
        if several.bits[window]:
            assert (passed, taken) == (several.coefficients[window], several.bits[window])
        else:
            assert several.coefficients[window] == 255
    assert packed > 30000


def test_zeros_in_front_of_an_end_say_nothing_and_are_not_taken():
    # 0: end of block, 10: sixteen zeros, 110: one coefficient of one bit.
    code = Code(bytes([1, 1, 1] + [0] * 13), b'\x00\xf0\x01')
    steps = steps_of_ac(code, 16)
    assert steps.coefficients[0b1000000000000000] == 255
    assert steps.coefficients[0b1011000000000000] == 16 + 1 + 128
    assert steps.bits[0b1011000000000000] == 2 + 4 + 1


def test_tables_are_read_one_after_the_other():
    first, second = b'\x00\1' + bytes(15) + b'\5', b'\x11\0\1' + bytes(14) + b'\x21'
    assert [number for number, _ in codes_in(first + second)] == [0x00, 0x11]
    with pytest.raises(FrameError):
        list(codes_in(first + second[:-1]))


def beneath_black(before: bytes, done: bytes, regions: tuple[Region, ...]) -> bytes:
    """A file that shows the same black, with all of the brightness of the input beneath it."""
    header = frame_header(done)
    was = jpeg.coefficients(before)[0]
    x0, y0, x1, y1 = regions[0]
    place = np.s_[-(-y0 // 8) : y1 // 8, -(-x0 // 8) : x1 // 8]

    def edit(planes):
        planes[0][place][..., 1:] = was[place][..., 1:]
        planes[0][place][..., 0] *= 2

    sampling = turbojpeg.colours(done, header).sampling
    return turbojpeg_blocks.edit_blocks(done, header, sampling, edit)


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('variant', ['baseline', 'progressive'])
@pytest.mark.parametrize('sampling', ['444', '422', '420', 'grey'])
def test_what_lies_beneath_black_is_found(sampling, variant):
    before = scene_jpeg(90, 70, sampling, variant)
    done, regions, _ = jpeg.redact(before, [Region(16, 16, 48, 64)], 'blackout', 0.5)
    assert added_to(before, done, regions) == ''
    spoiled = beneath_black(before, done, regions)
    assert np.array_equal(shown(spoiled), shown(done))
    assert added_to(before, spoiled) == ''
    found = added_to(before, spoiled, regions)
    assert found == '24 blocks that hold more than their one shade'
    # Neither do regions that meet in the middle of blocks leave one out.
    x0, y0, x1, y1 = regions[0]
    halves = (Region(x0, y0, 29, y1), Region(29, y0, x1, y1))
    assert added_to(before, spoiled, halves) == found
    assert added_to(before, done, halves) == ''


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('sampling', MCU)
@pytest.mark.parametrize('method', ['blackout', 'pixelate'])
def test_what_the_run_writes_is_one_shade_a_block(sampling, variant, method, monkeypatch):
    everywhere = (Region(0, 0, 1 << 16, 1 << 16),)
    for size, anew in product(SIZES, (False, True)):
        if anew and method == 'pixelate':
            continue
        before = scene_jpeg(*size, sampling, variant, 85)
        region = Region(size[0] // 3, size[1] // 3, size[0], size[1])
        with monkeypatch.context() as patch:
            if anew:
                patch.setattr(jpeg, 'available', lambda: False)
            after, regions, _ = jpeg.redact(before, [region], method, 0.5)
        assert added_to(before, after, regions) == '', (size, anew)
        assert added_to(before, jpeg.blacked_out(before), everywhere) == ''
        assert size in SIZES[:2] or 'one shade' in added_to(before, before, everywhere)


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('variant', ['baseline', 'progressive'])
@pytest.mark.parametrize('sampling', MCU)
def test_blocks_beyond_the_edge_are_of_whom_they_are_beside(sampling, variant):
    for width, height in product(range(65, 97, 5), (65, 72, 81)):
        before = scene_jpeg(width, height, sampling, variant)
        for region in (Region(8, 8, 64, 64), Region(40, 40, width, height)):
            after, regions, _ = jpeg.redact(before, [region], 'blackout', 0.5)
            assert added_to(before, after, regions) == '', (width, height, region)


@pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
@pytest.mark.parametrize('status', ['anonymized', 'blacked_out'])
def test_a_frame_with_somebody_beneath_its_black_fails(twins, status):
    topic = '/rear/image/compressed'
    message = twins.message(topic, 1)
    before = twins.before[twins.find(topic, 1)].message.data
    (line,) = [item for item in twins.lines if item['topic'] == topic and item['index'] == 1]
    regions = tuple(Region(*region) for region in line['regions'])
    expected = []
    if status == 'blacked_out':
        regions, expected = (Region(0, 0, 96, 64),), ['run-clean']
        message.data, _, _ = jpeg.redact(before, regions, 'blackout', 0.5)
        line.update(status=status, regions=[], cause='detector')
        twins.summary['topics'][topic].update(anonymized=1, blacked_out=1)
    assert twins.verdict().failed() == expected
    message.data = beneath_black(before, bytes(message.data), regions)
    twins.folder = twins.folder / 'put'
    twins.folder.mkdir()
    assert twins.verdict().failed() == ['no-second-picture', *expected]
