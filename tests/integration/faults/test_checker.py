"""The checker finds whoever is visible, however little of them, and nobody else."""

from __future__ import annotations

import array

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures
from samples.jpegs import jpeg_of

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats.image_codecs import CODECS
from faults import jpegs
from faults.checker import leaks
from faults.shots import (
    HEIGHT,
    PLACES,
    RING_PX,
    WIDTH,
    jpeg_shot,
    painted,
    raw_shot,
    shot,
)

RAW, COMPRESSED = CODECS['sensor_msgs/msg/Image'], CODECS['sensor_msgs/msg/CompressedImage']
PERSON = PLACES[0]


def redacted(codec, sent, method='blackout', region=PERSON):
    """What the codec makes of a frame in which one region is to be covered."""
    frame = codec.decode(sent.message, 'test', 512)
    return codec.redact(sent.message, frame, [Region(*region)], method, 0.0).message


def pixels_of(message):
    """(rows, columns, 3), a view of a raw message."""
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def as_raw(sent, pixels, **fields):
    """A raw message with other pixels, under the stamp of one sent."""
    message = pictures.raw(pixels)
    message.header = sent.message.header
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def as_file(sent, data):
    message = pictures.compressed(np.zeros((8, 8, 3), np.uint8))
    message.header = sent.message.header
    message.data = array.array('B', data)
    return message


@pytest.mark.parametrize('method', REDACTORS)
@pytest.mark.parametrize(('codec', 'make'), [(RAW, raw_shot), (COMPRESSED, jpeg_shot)])
def test_nobody_is_found_where_the_person_is_covered(codec, make, method):
    for _ in range(10):
        sent, other = make(), make()
        message = redacted(codec, sent, method)
        assert leaks(message, [sent, other], blackout=method == 'blackout') == []


def test_nobody_is_found_in_a_black_frame():
    for codec, sent in ((RAW, raw_shot()), (COMPRESSED, jpeg_shot())):
        assert leaks(codec.blacked_out(sent.message), [sent]) == []


@pytest.mark.parametrize('blackout', [True, False])
@pytest.mark.parametrize('make', [raw_shot, jpeg_shot])
def test_raw_frame_is_found(make, blackout):
    for _ in range(10):
        sent = make()
        found = leaks(sent.message, [sent], blackout)
        assert any('shows what was there' in each for each in found)
        assert any('shows somebody of' in each for each in found)


@pytest.mark.parametrize('share', [0.5, 0.8])
@pytest.mark.parametrize('axis', ['x', 'y'])
def test_half_covered_frame_is_found(share, axis):
    x0, y0, x1, y1 = PERSON
    for codec, make in ((RAW, raw_shot), (COMPRESSED, jpeg_shot)):
        for method in REDACTORS:
            half = (x0, y0, round(x0 + share * (x1 - x0)), y1)
            if axis == 'y':
                half = (x0, y0, x1, round(y0 + share * (y1 - y0)))
            sent = make()
            message = redacted(codec, sent, method, half)
            assert leaks(message, [sent], blackout=False), (method, make)


def test_one_pixel_left_is_found():
    sent = raw_shot()
    x0, y0, x1, y1 = PERSON
    for x, y in ((x0, y0), (x1 - 1, y1 - 1), (60, 50)):
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        assert leaks(as_raw(sent, pixels), [sent]) == []
        pixels[y, min(x, x1 - 1)] = 1
        assert leaks(as_raw(sent, pixels), [sent]) == [f'At {sent.people[0]} it is not black.']


def test_somebody_of_another_frame_is_found():
    sent, before = raw_shot(), raw_shot(places=PLACES[1:2])
    pixels = pixels_of(before.message).copy()
    assert leaks(as_raw(sent, pixels), [sent], blackout=False) == []
    assert leaks(as_raw(sent, pixels), [before, sent], blackout=False)


def test_answer_to_nothing_is_found():
    assert leaks(raw_shot().message, []) == ['It answers to no frame that was sent.']


def test_sheared_picture_is_found():
    sent = raw_shot()
    data = bytes(sent.message.data)
    pixels = np.frombuffer(data[10:] + data[:10], np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert any('Bytes' in each for each in leaks(as_raw(sent, pixels), [sent]))
    other = as_raw(sent, pixels_of(sent.message), width=7, encoding='nonsense')
    assert any('Bytes' in each for each in leaks(other, [sent]))


def test_somebody_in_one_channel_only_is_found():
    sent = raw_shot()
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, :, 3] = pixels_of(sent.message)[:, :, 0]
    message = as_raw(sent, pixels, encoding='bgra8')
    assert any('shows' in each for each in leaks(message, [sent]))
    file = as_file(sent, cv2.imencode('.png', pixels)[1].tobytes())
    assert any('shows' in each for each in leaks(file, [sent]))


@pytest.mark.parametrize(
    'place', [jpegs.in_jfif, jpegs.in_jfxx, jpegs.in_exif, jpegs.in_comment, jpegs.behind]
)
@pytest.mark.parametrize('half', [1, 2, 4])
def test_thumbnail_is_found(place, half):
    if place is jpegs.in_jfif and half != 1:
        pytest.skip('That thumbnail is of one size.')
    black = jpeg_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    other = painted(PLACES[1:2])
    small = cv2.resize(other, (WIDTH // half, HEIGHT // half), interpolation=cv2.INTER_AREA)
    secret = jpegs.secret(other, PLACES[1])
    sent = shot(as_file(raw_shot(), black), other, (), secrets=(secret,))
    assert leaks(sent.message, [sent]) == []
    leaking = as_file(sent, place(black, jpeg_of(small, '444')))
    assert any('shows somebody' in each for each in leaks(leaking, [sent]))


def test_people_are_as_the_shots_say():
    sent = raw_shot(places=PLACES[::2])
    assert [tuple(person) for person in sent.people] == list(PLACES[::2])
    pixels = pixels_of(sent.message)
    for (x0, y0, x1, y1), noise in zip(sent.people, sent.secrets, strict=True):
        assert (pixels[y0, x0] == (255, 0, 255)).all()
        assert (pixels[y1 - 1, x1 - 1] == (255, 0, 255)).all()
        assert (pixels[y0 + RING_PX, x0 + RING_PX] == noise[0, 0]).all()
        assert noise.shape == (y1 - y0 - 2 * RING_PX, x1 - x0 - 2 * RING_PX)
        assert noise.std() > 60
