"""A camera's JPEGs begin alike: what is remembered of one changes nothing for the next."""

import numpy as np
import pytest
from samples.jpegs import SAMPLINGS, VARIANTS, scene_jpeg

from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.formats import jpeg_markers
from anonymizer_node.formats.jpeg_frame import SOS, segments
from anonymizer_node.formats.jpeg_markers import parse

KINDS = [(sampling, variant) for sampling in (*SAMPLINGS, 'grey') for variant in VARIANTS]


def said(read, data):
    """What of a file is read, or why it isn't."""
    try:
        picture = read(data)
    except (FrameError, UnsupportedEncodingError) as error:
        return type(error), str(error)
    tables = {name: table.tolist() for name, table in picture.tables.items()}
    return picture.header, tables, picture.segments, picture.later, picture.behind, picture.bounded


def spoilt(data):
    """Files that begin like one, and are others."""
    blocks = next(item.end for item in segments(data) if item.marker == SOS)
    table = next(item for item in segments(data) if item.marker == 0xDB)
    dqt = b'\xff\xdb' + (len(table.payload) + 2).to_bytes(2, 'big') + table.payload
    scan = data[blocks : data.rindex(b'\xff\xd9')]
    again = data[data.rindex(b'\xff\xda') : data.rindex(b'\xff\xd9')]
    comment = b'\xff\xfe\0\4ab'
    yield from (data[:blocks], data[: blocks + 1], data[:-2], data[:-1])
    for behind in (b'\0\0', b'\xff', b'x', data, b'\xff\xd9', bytes(99)):
        yield data + behind
    for between in (
        again,
        comment,
        dqt,
        dqt.replace(b'\x03', b'\x05'),
        b'\xff\xff\xff',
        b'\xff\x01',
    ):
        yield data[:blocks] + scan + between + b'\xff\xd9'
    yield data[:blocks] + b'\xff\xd9'
    yield data[:blocks] + scan + b'\xff\xd0' + scan + b'\xff\xd9'


@pytest.mark.parametrize(('sampling', 'variant'), KINDS)
def test_what_is_remembered_changes_nothing(sampling, variant):
    data = scene_jpeg(48, 40, sampling, variant)
    other = scene_jpeg(48, 40, sampling, variant, seed=1)
    for item in (data, other, *spoilt(data), *spoilt(other)):
        jpeg_markers._heads.kept = []
        expected = said(parse, item)
        parse(data)
        assert said(parse, item) == expected
        assert said(parse, other) == said(jpeg_markers._parsed, other)


def test_a_camera_s_markers_are_read_once(monkeypatch):
    jpeg_markers._heads.kept = []
    pictures = [scene_jpeg(64, 48, seed=seed) for seed in range(3)]
    first = parse(pictures[0])
    monkeypatch.setattr(jpeg_markers, 'segments', None)
    assert all(parse(picture).tables is first.tables for picture in pictures)


def test_no_more_is_remembered_than_some_cameras_send():
    sizes = [(16 * columns, 16) for columns in range(1, 9)]
    pictures = [scene_jpeg(*size) for size in sizes]
    for _ in range(2):
        headers = [parse(picture).header for picture in pictures]
        assert [(header.width, header.height) for header in headers] == sizes
    kept = jpeg_markers._heads.kept
    assert len(kept) == jpeg_markers.MOST_HEADS
    assert len({head for head, _ in kept}) == len(kept)
    long = pictures[0][:2] + (b'\xff\xfe\xff\xff' + bytes(65533)) * 2 + pictures[0][2:]
    parse(long)
    assert jpeg_markers._heads.kept == kept


def test_tables_are_not_mixed_up():
    for quality in (20, 90, 20):
        data = scene_jpeg(64, 48, quality=quality)
        assert np.array_equal(parse(data).tables[0], jpeg_markers._parsed(data).tables[0])
