"""JPEG files that must be refused: damaged, lying, unsupported, or made to do harm."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.jpegs import (
    VARIANTS,
    exif,
    jpeg_of,
    patched,
    position_of,
    scene_jpeg,
    segment,
    with_segments,
    without,
)

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import AnonymizerError, FrameError, UnsupportedEncodingError
from anonymizer_node.formats import jpeg, turbojpeg_library
from anonymizer_node.formats.jpeg_black import black_picture
from anonymizer_node.formats.jpeg_markers import parse
from anonymizer_node.proof.second_pictures import other_loss, second_picture_in

needs_library = pytest.mark.skipif(not jpeg.available(), reason='needs libturbojpeg0')
GOOD = scene_jpeg(67, 45)
PROGRESSIVE = scene_jpeg(67, 45, '420', 'progressive')
SOF = position_of(GOOD, 0xC0)
SOS = position_of(GOOD, 0xDA)
REGION = [Region(0, 0, 16, 16)]


def size(width, height):
    return height.to_bytes(2, 'big') + width.to_bytes(2, 'big')


def scans_of(data):
    """Positions of the scans' markers."""
    return [at for at in range(len(data)) if data[at : at + 2] == b'\xff\xda']


DAMAGED = {
    'nothing': b'',
    'another format': b'\x89PNG\r\n\x1a\n' + bytes(50),
    'start only': b'\xff\xd8\xff',
    'two bytes': b'\xff\xd8',
    'no picture': b'\xff\xd8\xff\xd9',
    'no frame header': without(GOOD, 0xC0),
    'no scan': GOOD[:SOS] + b'\xff\xd9',
    'no quantisation': without(without(GOOD, 0xDB), 0xDB),
    'one quantisation table missing': without(GOOD, 0xDB),
    'scan before frame': GOOD[:SOF] + GOOD[SOS : SOS + 14] + GOOD[SOF:],
    'two frame headers': GOOD[:SOF] + GOOD[SOF : SOF + 19] * 2 + GOOD[SOF + 19 :],
    'cut in the header': GOOD[: SOF + 7],
    'cut in the picture': GOOD[: SOS + 200],
    'no end marker': GOOD[:-2],
    'half an end marker': GOOD[:-1],
    'length 0': patched(GOOD, 4, b'\0\0'),
    'length beyond the end': patched(GOOD, 4, b'\xff\xff'),
    'no marker where one belongs': GOOD[:20] + b'??' + GOOD[20:],
    'unknown marker': with_segments(GOOD, segment(0xF3, b'x')),
    'number of lines': GOOD[:-2] + segment(0xDC, b'\0\x2d') + b'\xff\xd9',
    'no columns': patched(GOOD, SOF + 5, size(0, 45)),
    'no rows': patched(GOOD, SOF + 5, size(67, 0)),
    'most pixels': patched(GOOD, SOF + 5, size(65000, 65000)),
    'sampling 0': patched(GOOD, SOF + 11, b'\0'),
    'sampling 5': patched(GOOD, SOF + 11, b'\x51'),
    'quantisation table 9': patched(GOOD, SOF + 12, b'\x09'),
    'equal components': patched(GOOD, SOF + 13, b'\1'),
    'no components': GOOD[:SOF] + segment(0xC0, b'\x08' + size(67, 45) + b'\0') + GOOD[SOF + 19 :],
    'long frame header': patched(GOOD, SOF + 9, b'\2'),
    'scan of a stranger': patched(GOOD, SOS + 5, b'\x77'),
    'malformed scan': patched(GOOD, SOS + 4, b'\2'),
    'empty scan': GOOD[:SOS] + segment(0xDA, b'') + GOOD[SOS + 14 :],
    'zero quantiser': patched(GOOD, position_of(GOOD, 0xDB) + 9, b'\0'),
    'short quantisation': with_segments(GOOD, segment(0xDB, b'\0' + b'\1' * 63)),
    'quantisation of 4 bytes': with_segments(GOOD, segment(0xDB, b'\x20' + b'\1' * 64)),
    'a scan twice': GOOD[:-2] + GOOD[SOS:],
    'a progressive scan missing': PROGRESSIVE[: scans_of(PROGRESSIVE)[-1]] + b'\xff\xd9',
    'many scans': PROGRESSIVE[:-2]
    + PROGRESSIVE[scans_of(PROGRESSIVE)[-1] : -2] * 120
    + b'\xff\xd9',
    'quantisation changes': PROGRESSIVE[: scans_of(PROGRESSIVE)[1]]
    + segment(0xDB, b'\0' + b'\7' * 64)
    + PROGRESSIVE[scans_of(PROGRESSIVE)[1] :],
}
DAMAGED_INSIDE = {
    'rows that the header conceals': patched(GOOD, SOF + 5, size(67, 24)),
    'more rows than there are': patched(GOOD, SOF + 5, size(67, 200)),
    'more columns than there are': patched(GOOD, SOF + 5, size(200, 45)),
    'end marker put behind a cut': GOOD[: SOS + 300] + b'\xff\xd9',
    'hole': GOOD[: SOS + 300] + GOOD[SOS + 500 :],
    'stray bytes at the end': GOOD[:-2] + bytes(40) + b'\xff\xd9',
    'restart marker out of place': GOOD[: SOS + 300] + b'\xff\xd0' + GOOD[SOS + 300 :],
    'other sampling': patched(GOOD, SOF + 11, b'\x11'),
}
UNSUPPORTED = {
    'CMYK': GOOD[:SOF]
    + segment(
        0xC0, b'\x08' + size(67, 45) + b'\4' + b'\1\x11\0' + b'\2\x11\0' + b'\3\x11\0' + b'\4\x11\0'
    )
    + GOOD[SOF + 19 :],
    'two components': GOOD[:SOF]
    + segment(0xC0, b'\x08' + size(67, 45) + b'\2' + b'\1\x11\0' + b'\2\x11\0')
    + GOOD[SOF + 19 :],
    '12 bits': patched(patched(GOOD, SOF + 1, b'\xc1'), SOF + 4, b'\x0c'),
    '16 bits': patched(patched(GOOD, SOF + 1, b'\xc3'), SOF + 4, b'\x10'),
    'arithmetic': patched(GOOD, SOF + 1, b'\xc9'),
    'arithmetic progressive': patched(GOOD, SOF + 1, b'\xca'),
    'arithmetic conditioning': with_segments(GOOD, segment(0xCC, b'\0\0')),
    'lossless': patched(GOOD, SOF + 1, b'\xc3'),
    'hierarchical': with_segments(GOOD, segment(0xDE, GOOD[SOF + 4 : SOF + 19])),
    'differential': patched(GOOD, SOF + 1, b'\xc5'),
}


def assert_refused(data, error):
    for attempt in (
        lambda: jpeg.decode(data, 512),
        lambda: jpeg.decode(data, 8),
        lambda: jpeg.redact(data, REGION, 'blackout', 0.5),
        lambda: jpeg.redact(data, REGION, 'blur', 0.5),
    ):
        with pytest.raises(error) as caught:
            attempt()
        assert len(str(caught.value)) > 20


@pytest.mark.parametrize('library', [True, False])
@pytest.mark.parametrize('name', DAMAGED)
def test_a_damaged_file_is_refused(monkeypatch, name, library):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    assert_refused(DAMAGED[name], FrameError)


@needs_library
@pytest.mark.parametrize('name', DAMAGED_INSIDE)
def test_damage_inside_the_picture_is_refused(name):
    assert_refused(DAMAGED_INSIDE[name], FrameError)


@pytest.mark.parametrize('name', UNSUPPORTED)
def test_a_kind_that_is_not_supported_says_so(name):
    assert_refused(UNSUPPORTED[name], UnsupportedEncodingError)


@needs_library
@pytest.mark.parametrize('factors', [b'\x22\x22\x11', b'\x11\x22\x22', b'\x31\x21\x11'])
def test_a_sampling_that_can_not_be_edited_is_refused_when_decoding(factors):
    data = GOOD
    for index, factor in enumerate(factors):
        data = patched(data, SOF + 11 + 3 * index, bytes([factor]))
    with pytest.raises(UnsupportedEncodingError, match='sampling'):
        jpeg.decode(data, 512)


@needs_library
@pytest.mark.parametrize('count', [1, 2, 31])
@pytest.mark.parametrize('variant', VARIANTS)
def test_a_few_stray_bytes_before_the_end_are_no_damage(variant, count):
    clean = scene_jpeg(67, 45, '420', variant)
    data = clean[:-2] + bytes(count) + clean[-2:]
    assert (jpeg.decode(data, 512)[0] == jpeg.decode(clean, 512)[0]).all()
    assert jpeg.redact(data, REGION, 'blur', 0.5) == jpeg.redact(clean, REGION, 'blur', 0.5)


@needs_library
@pytest.mark.parametrize('method', ['blackout', 'blur'])
def test_coefficients_that_the_encoder_would_corrupt_are_refused(method):
    header = parse(scene_jpeg(16, 8, 'grey')).header
    # The first DC becomes -1031: its code word has 11 bits in place of 8.
    data = black_picture(header).replace(b'\0\x08\x10\1', b'\0\x0b\x10\1')
    data = data[:-4] + b'\x9f\xc0' + data[-2:]
    assert jpeg.coefficients(data)[0][0, :, 0].tolist() == [-1031, -1031]
    with pytest.raises(FrameError, match='-1031'):
        jpeg.redact(data, [Region(8, 0, 9, 1)], method, 0.5)


@needs_library
@pytest.mark.parametrize('method', ['blackout', 'pixelate', 'blur'])
@pytest.mark.parametrize('table', [b'\x10', b'\x11'], ids=['first table', 'second table'])
def test_an_ac_coefficient_of_eleven_bits_is_refused(method, table):
    plain = black_picture(parse(scene_jpeg(16, 8, 'grey')).header)
    dc_codes = b'\0' + bytes([1, 1]) + bytes(14) + bytes([0, 8])
    ac_codes = table + bytes([1, 1]) + bytes(14) + bytes([0, 11])
    # DC -128, AC 1025, end of block; DC as before, end of block; filling.
    bits = '10' + '01111111' + '10' + '10000000001' + '0' + '00' + '111111'
    scan = segment(0xDA, b'\1\1' + bytes([table[0] & 1]) + b'\0\x3f\0')
    data = plain[: position_of(plain, 0xC4)] + segment(0xC4, dc_codes + ac_codes) + scan
    data += int(bits, 2).to_bytes(4, 'big') + b'\xff\xd9'
    assert jpeg.coefficients(data)[0][0, 0, 1] == 1025
    with pytest.raises(FrameError, match='1025'):
        jpeg.redact(data, [Region(8, 0, 9, 1)], method, 0.5)


def test_a_claim_of_too_many_pixels_is_refused_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(turbojpeg_library, 'library', lambda: pytest.fail('was decoded'))
    data = patched(GOOD, SOF + 5, size(16384, 8193))
    with pytest.raises(FrameError, match='16384x8193'):
        jpeg.decode(data, 512)
    with pytest.raises(FrameError, match='16384x8193'):
        jpeg.blacked_out(data)


@pytest.mark.parametrize('data', [GOOD, PROGRESSIVE], ids=['baseline', 'progressive'])
def test_a_claim_that_so_few_bytes_can_not_hold_is_refused_before_memory_is_taken(
    monkeypatch, data
):
    monkeypatch.setattr(turbojpeg_library, 'library', lambda: pytest.fail('was decoded'))
    claimed = patched(data, data.index(b'\0\x11\x08') + 3, size(8000, 8000))
    for work in (
        lambda: jpeg.decode(claimed, 512),
        lambda: jpeg.redact(claimed, REGION, 'blackout', 0.5),
    ):
        with pytest.raises(FrameError, match='exhaust memory'):
            work()


@needs_library
@pytest.mark.parametrize('sampling', ['420', '444', 'grey'])
@pytest.mark.parametrize('variant', VARIANTS)
def test_the_shortest_file_of_its_size_is_no_bomb(sampling, variant):
    flat = np.full((720, 1280, 3), 90, np.uint8)
    data = jpeg_of(flat, sampling, variant, quality=1)
    assert jpeg.decode(data, 2000)[2:] == (1280, 720)
    black = black_picture(parse(data).header)
    assert jpeg.decode(black, 2000)[2:] == (1280, 720)


@pytest.mark.parametrize('name', ['nothing', 'no frame header', 'no columns', 'most pixels'])
def test_without_a_size_nothing_is_blacked_out(name):
    with pytest.raises(FrameError):
        jpeg.blacked_out(DAMAGED[name])


def test_fill_bytes_before_markers_are_legal():
    data = GOOD[:SOF] + b'\xff' * 7 + GOOD[SOF:-2] + b'\xff' * 5 + GOOD[-2:]
    assert jpeg.decode(data, 512)[2:] == (67, 45)


@pytest.mark.parametrize(
    ('marker', 'table'), [(0xDB, b'\x03'), (0xC4, b'\x13' + bytes(15) + b'\x40')]
)
def test_pixels_in_tables_that_nothing_uses_are_refused(marker, table):
    """Decoders read one table after the other, and use the last of each name."""
    raw = np.random.default_rng(8).integers(1, 250, 70 * 64, np.uint8).tobytes()
    tables = b''.join(table + raw[at : at + 64] for at in range(0, len(raw), 64))
    for pieces in (
        [tables],
        [tables[at : at + len(tables) // 70] for at in range(0, len(tables), len(tables) // 70)],
    ):
        data = GOOD[:2] + b''.join(segment(marker, piece) for piece in pieces) + GOOD[2:]
        with pytest.raises(FrameError, match='bytes of tables'):
            jpeg.decode(data, 416)
    few = GOOD[:2] + segment(marker, table + raw[:64]) + GOOD[2:]
    assert jpeg.decode(few, 416)[2:] == (67, 45)


def test_a_bomb_of_fill_bytes_or_scans_is_refused_quickly():
    begin = time.perf_counter()
    for data in (b'\xff\xd8' + b'\xff' * 500_000, GOOD[:SOS] + b'\xff\xda\0\2' * 50_000):
        with pytest.raises(FrameError):
            jpeg.decode(data, 512)
    assert time.perf_counter() - begin < 5


def attempt_all(data):
    """Everything that is done to a file; what isn't refused must come out whole."""
    how_often_whole(data)


def how_often_whole(data):
    """The same, and by how many methods of three it came out."""
    whole = 0
    with suppress(AnonymizerError):
        jpeg.decode(data, 32)
        if jpeg.unjudged(data):
            stripped = jpeg.stripped(data)
            assert jpeg.decode(stripped, 512)[2] >= 1
            assert jpeg.unjudged(stripped) == '' == second_picture_in(stripped, False)
            assert other_loss(data, stripped) == ''
    with suppress(AnonymizerError):
        jpeg.blacked_out(data)
    for method in ('blackout', 'pixelate', 'blur'):
        try:
            redacted, _, _ = jpeg.redact(data, REGION, method, 0.5)
        except AnonymizerError:
            continue
        assert jpeg.decode(redacted, 512)[2] >= 16
        whole += 1
    return whole


def mutations(count, seed):
    """Files that are nearly right."""
    chance = random.Random(seed)
    samplings = ['444', '422', '420', '440', '411', 'grey']
    sources = [
        with_segments(scene_jpeg(67, 45, sampling, variant), exif(b'\xff\xd8\xff' + bytes(99)))
        for sampling in samplings
        for variant in VARIANTS
    ]
    for _ in range(count):
        data = bytearray(chance.choice(sources))
        header = data.find(b'\xff\xda')
        for _ in range(chance.choice([1, 1, 2, 5])):
            at = chance.randrange(2, header if chance.random() < 0.6 else len(data))
            kind = chance.randrange(5)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del data[at : at + chance.randrange(1, 9)]
            elif kind == 3:
                data[at:at] = chance.choice([b'\xff', b'\0', b'\xff\xd9', b'\xff\xd8', b'\xff\xda'])
            else:
                data[at : at + 2] = chance.choice([b'\xff\xff', b'\0\0', b'\x7f\xff', b'\xff\xc4'])
            header = min(header, len(data))
        yield bytes(data)


@pytest.mark.parametrize('library', [True, False])
def test_nearly_right_files_are_refused_or_come_out_whole(monkeypatch, library):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    counts = [how_often_whole(data) for data in mutations(300 if library else 60, seed=11)]
    assert counts.count(0) > len(counts) / 5, 'some are refused'
    assert counts.count(3) > len(counts) / 5, 'and some are not'


@pytest.mark.parametrize('library', [True, False])
def test_what_fuzzing_found_is_refused_or_comes_out_whole(monkeypatch, library):
    if not library:
        monkeypatch.setattr(turbojpeg_library, 'library', lambda: None)
    with zipfile.ZipFile(Path(__file__).with_name('jpeg_corpus.zip')) as archive:
        names = archive.namelist()
        for name in names:
            attempt_all(archive.read(name))
    assert len(names) > 40


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_refused(data, begins_well):
    data = b'\xff\xd8\xff' + data if begins_well else data
    with pytest.raises(FrameError):
        jpeg.decode(data, 512)


@needs_library
def test_hostile_files_do_not_crash_the_process():
    # In a process of its own: what a segmentation fault would take down is this one.
    script = (
        f'import sys; sys.path[:0] = {sys.path!r}\n'
        'import test_jpeg_hostile as hostile\n'
        'for data in hostile.mutations(200, seed=5): hostile.attempt_all(data)\n'
        "print('alive')"
    )
    done = subprocess.run(
        [sys.executable, '-c', script],
        cwd=__file__.rsplit('/', 1)[0],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == 'alive\n', done.stderr[-2000:]
