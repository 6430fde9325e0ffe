import struct
import zlib

import cv2
import numpy as np
import pytest
from samples.images import decoded, noise, png_bytes

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats import png
from anonymizer_node.proof.second_pictures import other_loss, second_picture_in

KINDS = {
    'grey': (1, np.uint8),
    'colour': (3, np.uint8),
    'alpha': (4, np.uint8),
    'grey of 16 bits': (1, np.uint16),
    'colour of 16 bits': (3, np.uint16),
    'alpha of 16 bits': (4, np.uint16),
}


def picture(kind, height=31, width=45):
    channels, dtype = KINDS[kind]
    random = np.random.default_rng(5)
    pixels = random.integers(1, np.iinfo(dtype).max, (height, width, channels), dtype)
    pixels[:, :, 3:] = np.iinfo(dtype).max
    return pixels


def chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', crc)


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 8
    while position < len(data):
        length = struct.unpack('>I', data[position : position + 4])[0]
        content = data[position + 8 : position + 8 + length]
        found.append((data[position + 4 : position + 8], content))
        position += 12 + length
    return found


def built(chunks) -> bytes:
    return png.SIGNATURE + b''.join(chunk(kind, content) for kind, content in chunks)


def header(width, height, depth=8, colour=2) -> bytes:
    return struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)


@pytest.mark.parametrize('kind', KINDS)
def test_the_detector_is_shown_eight_bits(kind):
    pixels = picture(kind)
    shown, encoding, width, height = png.decode(png_bytes(pixels), 64)
    assert (width, height) == (45, 31)
    assert shown.dtype == np.uint8
    alpha = 'bgra8' if pixels.dtype == np.uint8 else 'bgr8'
    assert encoding == {1: 'mono8', 3: 'bgr8', 4: alpha}[pixels.shape[2]]
    if pixels.dtype == np.uint8:
        assert np.array_equal(shown, pixels)
    else:
        assert np.abs(shown[:, :, :3] - pixels[:, :, :3] / 257).max() < 4


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize('kind', KINDS)
def test_every_pixel_outside_keeps_its_value_and_depth(kind, method):
    pixels = picture(kind)
    region = Region(10, 7, 45, 31)
    data, regions, note = png.redact(png_bytes(pixels), [region], method, 0.5)
    after = decoded(data)
    assert regions == (region,)
    assert note == ''
    assert after.dtype == pixels.dtype
    assert after.shape == pixels.shape
    assert np.array_equal(after[:7], pixels[:7])
    assert np.array_equal(after[:, :10], pixels[:, :10])
    inside = after[7:, 10:]
    if method == 'blackout':
        full = np.iinfo(pixels.dtype).max
        black = {1: (0,), 3: (0, 0, 0), 4: (0, 0, 0, full)}[pixels.shape[2]]
        assert (inside == np.array(black)).all()
    else:
        assert not np.array_equal(inside, pixels[7:, 10:])
        assert inside[:, :, :3].std() < pixels[:, :, :3].std() / 2


@pytest.mark.parametrize('kind', KINDS)
def test_blacked_out_keeps_size_channels_and_depth(kind):
    pixels = picture(kind)
    black = decoded(png.blacked_out(png_bytes(pixels)))
    assert black.shape == pixels.shape
    assert black.dtype == pixels.dtype
    assert not black[:, :, :3].any()
    if pixels.shape[2] == 4:
        assert (black[:, :, 3] == np.iinfo(pixels.dtype).max).all()


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_of_sixteen_bits_a_detector_sees_those_that_are_used(channels, bits):
    ramp = np.linspace(0, 2**bits - 1, 64).astype(np.uint16)
    pixels = np.repeat(np.repeat(ramp[None, :, None], 64, axis=0), channels, axis=2)
    pixels[:, :, 3:] = 65535
    # One hot pixel and one dead one must not make the rest grey.
    pixels[5, 5, :3], pixels[6, 6, :3] = 65535, 0
    shown = png.decode(png_bytes(pixels), 64)[0]
    assert shown.dtype == np.uint8
    row = shown[20, :, :3].astype(int)
    assert np.abs(row - np.linspace(0, 255, 64)[:, None]).max() < 6


def test_what_is_darker_than_nearly_all_is_shown_black_and_not_bright():
    pixels = np.random.default_rng(2).integers(30_000, 31_000, (100, 100, 1), np.uint16)
    pixels[4, 4], pixels[7, 7] = 0, 65535
    shown = png.decode(png_bytes(pixels), 64)[0]
    assert (shown[4, 4], shown[7, 7]) == (0, 255)
    assert shown.std() > 50


@pytest.mark.parametrize('value', [0, 7, 65535])
def test_sixteen_bits_of_one_value_are_shown_without_noise(value):
    pixels = np.full((20, 20, 1), value, np.uint16)
    assert np.ptp(png.decode(png_bytes(pixels), 64)[0]) == 0
    pixels[3:9, 3:9] = min(65535, value + 100) - 100 * (value == 65535)
    assert np.ptp(png.decode(png_bytes(pixels), 64)[0]) > 90


def test_only_sixteen_bits_of_grey_may_be_depth():
    for kind, (channels, dtype) in KINDS.items():
        may_be = png.may_be_depth(png_bytes(picture(kind)))
        assert may_be == (channels == 1 and dtype is np.uint16)
    assert not png.may_be_depth(png.SIGNATURE)


def test_a_picture_drawn_in_alpha_is_refused():
    pixels = np.full((20, 20, 4), 200, np.uint8)
    png.decode(png_bytes(pixels), 64)
    pixels[:, :, 3] = noise(20, 20)[:, :, 0]
    for work in (lambda data: png.decode(data, 64), png.blacked_out):
        with pytest.raises(FrameError, match='without alpha'):
            work(png_bytes(pixels))


def test_a_picture_drawn_in_one_transparent_colour_is_refused():
    chunks = chunks_of(png_bytes(noise(20, 20)[:, :, :1]))
    chunks[1:1] = [(b'tRNS', b'\0\7')]
    with pytest.raises(FrameError, match=r'transparen|alpha'):
        png.decode(built(chunks), 64)
    data = built([chunks[0], (b'tRNS', b'\0\7'), *chunks[2:]])
    with pytest.raises(FrameError):
        png.redact(data, [Region(0, 0, 1, 1)], 'blackout', 0.5)


JPEG = b'\xff\xd8\xff\xe0' + bytes(50)


@pytest.mark.parametrize(
    'hidden',
    [
        (b'eXIf', b'II*\0' + JPEG),
        (b'tEXt', b'Comment\0' + png.SIGNATURE),
        (b'zTXt', b'Thumb\0\0' + zlib.compress(JPEG)),
        (b'iTXt', b'Thumb\0\1\0\0\0' + zlib.compress(JPEG)),
        (b'iCCP', b'x\0\0' + zlib.compress(JPEG)),
        (b'iCCP', b'x\0\0' + zlib.compress(bytes(70_000))),
        (b'prVt', bytes(70_000)),
    ],
    ids=['exif', 'text', 'packed text', 'text in utf-8', 'profile', 'long profile', 'unknown'],
)
def test_a_second_picture_goes_whether_anybody_is_found_or_not(hidden):
    plain = png_bytes(noise(20, 20))
    chunks = chunks_of(plain)
    chunks[1:1] = [hidden]
    data = built(chunks)
    png.decode(data, 64)
    assert png.unjudged(data)
    assert second_picture_in(data, False)
    assert png.stripped(data) == plain
    assert other_loss(data, plain) == ''
    after, _, _ = png.redact(data, [Region(0, 0, 5, 5)], 'blackout', 0.5)
    assert {kind for kind, _ in chunks_of(after)} == {b'IHDR', b'IDAT', b'IEND'}


def test_gamma_and_its_like_stay_in_a_redacted_picture():
    chunks = chunks_of(png_bytes(noise(20, 20)))
    stay = [(b'gAMA', struct.pack('>I', 45455)), (b'pHYs', bytes(9))]
    chunks[1:1] = [*stay, (b'tIME', bytes(7))]
    after, _, _ = png.redact(built(chunks), [Region(0, 0, 5, 5)], 'blackout', 0.5)
    assert [item for item in chunks_of(after) if item[0] not in (b'IHDR', b'IDAT', b'IEND')] == stay
    assert chunk(*stay[0]) in after
    png.decode(after, 64)


def test_one_pixel():
    data = png_bytes(noise(1, 1))
    after, _, _ = png.redact(data, [Region(0, 0, 1, 1)], 'blackout', 0.5)
    assert not decoded(after).any()


def test_text_and_thumbnails_are_not_taken_over():
    chunks = chunks_of(png_bytes(noise(20, 20)))
    face = b'the face of somebody'
    chunks[1:1] = [(b'tEXt', b'Comment\0' + face), (b'eXIf', b'II*\0' + face)]
    data = built(chunks)
    png.decode(data, 64)
    after, _, _ = png.redact(data, [Region(0, 0, 5, 5)], 'blackout', 0.5)
    assert face not in after
    assert face not in png.blacked_out(data)
    assert {kind for kind, _ in chunks_of(after)} == {b'IHDR', b'IDAT', b'IEND'}


def test_a_turned_exif_orientation_does_not_move_the_regions():
    pixels = noise(20, 30)
    exif = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0'
    chunks = chunks_of(png_bytes(pixels))
    chunks[1:1] = [(b'eXIf', exif)]
    shown, _, width, height = png.decode(built(chunks), 64)
    assert (width, height) == (30, 20)
    assert np.array_equal(shown, pixels)
    after = decoded(png.redact(built(chunks), [Region(0, 0, 3, 5)], 'blackout', 0.5)[0])
    pixels[:5, :3] = 0
    assert np.array_equal(after, pixels)


def test_a_palette_is_shown_in_its_colours():
    colours = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    rows = b''.join(b'\0' + bytes([index % 4 for index in range(6)]) for _ in range(5))
    data = built(
        [
            (b'IHDR', header(6, 5, 8, 3)),
            (b'PLTE', colours),
            (b'IDAT', zlib.compress(rows)),
            (b'IEND', b''),
        ]
    )
    shown, encoding, _, _ = png.decode(data, 64)
    assert encoding == 'bgr8'
    assert shown[0, :4].tolist() == [[0, 0, 255], [0, 255, 0], [255, 0, 0], [9, 9, 9]]
    after = decoded(png.redact(data, [Region(0, 0, 2, 5)], 'blackout', 0.5)[0])
    assert not after[:, :2].any()
    assert np.array_equal(after[:, 2:], shown[:, 2:])


@pytest.mark.parametrize('channels', [1, 2])
def test_grey_of_few_bits_and_with_alpha(channels):
    grey = [bytes([10 + index, 7][:channels]) for index in range(4)]
    rows = b''.join(b'\0' + b''.join(grey) for _ in range(3))
    colour = {1: 0, 2: 4}[channels]
    data = built(
        [(b'IHDR', header(4, 3, 8, colour)), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')]
    )
    shown, encoding, _, _ = png.decode(data, 64)
    assert encoding == {1: 'mono8', 2: 'bgra8'}[channels]
    assert shown[0, :, 0].tolist() == [10, 11, 12, 13]


@pytest.mark.parametrize('keep', [8, 9, 20, 24, 25, 33, 100, -1, -4, -8, -12, -13])
def test_a_file_cut_off_is_refused(keep):
    data = png_bytes(noise(40, 40))[:keep]
    for work in (lambda: png.decode(data, 64), lambda: png.blacked_out(data)):
        with pytest.raises(FrameError):
            work()
    with pytest.raises(FrameError):
        png.redact(data, [Region(0, 0, 1, 1)], 'blackout', 0.5)


def test_a_picture_whose_rows_end_early_is_not_shown_in_part():
    rows = b''.join(b'\0' + bytes(3 * 40) for _ in range(20))
    for content in (zlib.compress(rows), zlib.compress(rows + bytes(2000))[:-8]):
        data = built([(b'IHDR', header(40, 40)), (b'IDAT', content), (b'IEND', b'')])
        with pytest.raises(FrameError):
            png.decode(data, 64)


def test_a_flipped_bit_is_refused():
    data = bytearray(png_bytes(noise(40, 40)))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(FrameError):
        png.decode(bytes(data), 64)


def test_an_animated_picture_is_refused():
    chunks = chunks_of(png_bytes(noise(20, 20)))
    chunks[1:1] = [(b'acTL', struct.pack('>II', 2, 0))]
    with pytest.raises(UnsupportedEncodingError, match='animated'):
        png.decode(built(chunks), 64)


def test_what_follows_the_picture_is_not_let_through():
    data = png_bytes(noise(20, 20))
    for second in (png_bytes(noise(20, 20, seed=9)), b'a tail'):
        png.decode(data + second, 64)
        assert png.unjudged(data + second) == 'what lies behind the picture'
        assert png.stripped(data + second) == data
        after, _, _ = png.redact(data + second, [Region(0, 0, 1, 1)], 'blackout', 0.5)
        assert chunks_of(after)[-1][0] == b'IEND'
        assert second not in after
    # Zeros to fill up a buffer of fixed size are no content.
    png.decode(data + bytes(100), 64)
    assert png.unjudged(data + bytes(100)) == ''
    after, _, _ = png.redact(data + bytes(100), [Region(0, 0, 1, 1)], 'blackout', 0.5)
    assert chunks_of(after)[-1][0] == b'IEND'


@pytest.mark.parametrize(
    ('width', 'height'), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (0, 10), (10, 0)]
)
def test_a_bomb_is_refused_by_its_size_before_anything_is_allocated(width, height, monkeypatch):
    def never(*args):
        raise AssertionError('decoded')

    monkeypatch.setattr(cv2, 'imdecode', never)
    data = built([(b'IHDR', header(width, height)), (b'IDAT', b''), (b'IEND', b'')])
    with pytest.raises(FrameError, match=f'{width}x{height}'):
        png.decode(data, 64)


@pytest.mark.parametrize(
    'chunks',
    [
        [],
        [(b'IEND', b'')],
        [(b'IDAT', b''), (b'IHDR', header(2, 2)), (b'IEND', b'')],
        [(b'IHDR', header(2, 2)), (b'IEND', b'')],
        [(b'IHDR', b''), (b'IEND', b'')],
        [(b'IHDR', header(2, 2)), (b'IHDR', header(3, 3)), (b'IEND', b'')],
    ],
    ids=str,
)
def test_chunks_that_make_no_picture_are_refused(chunks):
    with pytest.raises(FrameError):
        png.decode(built(chunks), 64)


def test_a_chunk_longer_than_the_file_is_refused():
    data = png_bytes(noise(20, 20))
    with pytest.raises(FrameError):
        png.decode(data[:33] + b'\xff\xff\xff\xf0' + data[37:], 64)


@pytest.mark.parametrize('level', [1, 3, 6, 9])
def test_the_compression_is_as_strong_as_found(level):
    pixels = np.repeat(np.repeat(noise(40, 50), 8, axis=0), 8, axis=1)
    done, buffer = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])
    assert done
    same = buffer.tobytes()
    after = png.redact(same, [Region(0, 0, 8, 8)], 'blackout', 0.5)[0]
    pixels[:8, :8] = 0
    again = cv2.imencode('.png', pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
    assert after == again
    black = cv2.imencode('.png', pixels * 0, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
    assert png.blacked_out(same) == black


def test_a_claim_that_so_few_bytes_can_not_hold_is_refused_before_memory_is_taken(monkeypatch):
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('was decoded'))
    content = zlib.compress(bytes(2000))
    data = built([(b'IHDR', header(11_000, 12_000)), (b'IDAT', content), (b'IEND', b'')])
    with pytest.raises(FrameError, match='exhaust memory'):
        png.decode(data, 64)


def test_a_large_empty_picture_is_no_bomb():
    pixels = np.zeros((3000, 4000, 1), np.uint8)
    assert png.decode(png_bytes(pixels), 64)[2:] == (4000, 3000)
    rows = zlib.compress(bytes(3000 * 501), 9)
    data = built([(b'IHDR', header(4000, 3000, 1, 0)), (b'IDAT', rows), (b'IEND', b'')])
    assert png.decode(data, 64)[2:] == (4000, 3000)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip


@pytest.mark.parametrize('method', REDACTORS)
def test_an_interlaced_picture_keeps_its_pixels(method):
    pixels = noise(21, 13)
    rows = b''
    for x, y, step_x, step_y in ADAM7:
        part = pixels[y::step_y, x::step_x, ::-1]
        rows += b''.join(b'\0' + row.tobytes() for row in part if row.size)
    ihdr = struct.pack('>IIBBBBB', 13, 21, 8, 2, 0, 0, 1)
    data = built([(b'IHDR', ihdr), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')])
    assert np.array_equal(png.decode(data, 64)[0], pixels)
    after = decoded(png.redact(data, [Region(2, 3, 9, 21)], method, 0.5)[0])
    outside = np.ones((21, 13), bool)
    outside[3:21, 2:9] = False
    assert np.array_equal(after[outside], pixels[outside])
    assert not np.array_equal(after, pixels)


def rows_of(pixels) -> bytes:
    return b''.join(b'\0' + row[:, ::-1].tobytes() for row in pixels)


def test_pictures_concealed_among_the_rows_are_refused():
    pixels = noise(48, 20)
    few, rows = rows_of(pixels[:8]), rows_of(pixels)
    ihdr = (b'IHDR', header(20, 8))
    end = (b'IEND', b'')
    plain = built([ihdr, (b'IDAT', zlib.compress(few)), end])
    assert np.array_equal(png.decode(plain, 64)[0], pixels[:8])
    packed = zlib.compress(few)
    split = [ihdr, (b'IDAT', packed[:50]), (b'IDAT', packed[50:]), (b'IDAT', b''), end]
    assert np.array_equal(png.decode(built(split), 64)[0], pixels[:8])
    concealed = {
        'more than': [ihdr, (b'IDAT', zlib.compress(rows)), end],
        'in two places': [
            ihdr,
            (b'IDAT', zlib.compress(few)),
            (b'tEXt', b'a\0b'),
            (b'IDAT', zlib.compress(rows)),
            end,
        ],
        'no decoder shows': [ihdr, (b'IDAT', zlib.compress(few) + zlib.compress(rows)), end],
    }
    for reason, chunks in concealed.items():
        with pytest.raises(FrameError, match=reason):
            png.decode(built(chunks), 64)
    second = [ihdr, (b'IDAT', zlib.compress(few)), (b'IDAT', zlib.compress(rows)), end]
    with pytest.raises(FrameError, match='no decoder shows'):
        png.decode(built(second), 64)


def test_what_hides_in_the_chunks_of_a_picture_is_refused():
    ihdr, rows, end = chunks_of(png_bytes(noise(20, 20)))
    for chunks in (
        [ihdr, rows, (b'IEND', bytes(9000))],
        [ihdr, (b'PLTE', bytes(9000)), rows, end],
        [ihdr, (b'PLTE', bytes(9)), (b'PLTE', bytes(9)), rows, end],
    ):
        with pytest.raises(FrameError):
            png.decode(built(chunks), 64)


def test_a_picture_in_an_unknown_chunk_goes():
    ihdr, rows, end = chunks_of(png_bytes(noise(20, 20)))
    assert png.unjudged(built([ihdr, (b'prVt', bytes(512)), rows, end])) == ''
    for hidden in ([(b'prVt', bytes(513))], [(b'prVt', bytes(300))] * 2):
        data = built([ihdr, *hidden, rows, end])
        assert png.unjudged(data) == 'data that can not be read'
        assert png.stripped(data) == built([ihdr, rows, end])


@pytest.mark.parametrize('kind', [b'tEXt', b'sPLT', b'eXIf'])
def test_pixels_in_what_is_called_text_go(kind):
    ihdr, rows, end = chunks_of(png_bytes(noise(20, 20)))
    assert png.unjudged(built([ihdr, (kind, noise(30, 45).tobytes()), rows, end])) == ''
    data = built([ihdr, (kind, noise(60, 60).tobytes()), rows, end])
    assert png.unjudged(data) == 'data that can not be read'
    assert png.stripped(data) == built([ihdr, rows, end])
    assert second_picture_in(data, False) == '10800 bytes beside the picture inside the PNG'
    assert other_loss(data, png.stripped(data)) == ''
    profile = (b'iCCP', b'x\0\0' + zlib.compress(bytes(60_000)))
    assert png.unjudged(built([ihdr, profile, rows, end])) == ''


@pytest.mark.parametrize('tag', [0x0111, 0x014A], ids=['strips', 'directory below'])
def test_an_uncompressed_thumbnail_in_exif_goes(tag):
    tiff = b'II*\0\x08\0\0\0\0\0\x0e\0\0\0' + struct.pack('<HHHIII', 1, tag, 4, 1, 32, 0)
    ihdr, rows, end = chunks_of(png_bytes(noise(20, 20)))
    gamma = (b'gAMA', struct.pack('>I', 45455))
    data = built([ihdr, gamma, (b'eXIf', tiff + bytes(range(99))), rows, end])
    assert png.unjudged(data) == 'a thumbnail in EXIF'
    assert png.stripped(data) == built([ihdr, gamma, rows, end])


def test_a_file_that_can_not_be_freed_of_pictures_is_refused(monkeypatch):
    monkeypatch.setattr(png, '_carried', lambda _: chunk(b'prVt', bytes(600)))
    with pytest.raises(FrameError, match='still holds data'):
        png.stripped(png_bytes(noise(20, 20)) + b'a tail')


def test_a_picture_in_hexadecimal_goes():
    ihdr, rows, end = chunks_of(png_bytes(noise(20, 20)))
    text = b'Raw profile type exif\0\nexif\n 8\nffd8ffe0\n'
    for hidden in ((b'tEXt', text), (b'zTXt', b'Raw profile type APP1\0\0' + zlib.compress(text))):
        data = built([ihdr, hidden, rows, end])
        assert png.unjudged(data)
        assert png.stripped(data) == built([ihdr, rows, end])
