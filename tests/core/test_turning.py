"""Regions stay with what they cover, however a picture is turned."""

import cv2
import numpy as np
import pytest
from samples.detectors import detections

from anonymizer_node.core.datatypes import Frame, Region
from anonymizer_node.core.turning import CLOCKWISE, TURNS, as_stored, upright

STORED = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
OPENCV = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def jpeg_with(orientation, pixels):
    """As OpenCV shows a file with that orientation."""
    tiff = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0' + bytes(
        [orientation, 0, 0, 0, 0, 0, 0, 0]
    )
    segment = b'\xff\xe1' + (len(tiff) + 8).to_bytes(2, 'big') + b'Exif\0\0' + tiff
    data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    turned = np.frombuffer(data[:2] + segment + data[2:], np.uint8)
    return cv2.imdecode(turned, cv2.IMREAD_COLOR)


@pytest.mark.parametrize('orientation', TURNS)
def test_every_orientation_is_shown_as_viewers_show_it(orientation):
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255  # In one corner only.
    pixels[:16, 16:32] = 128
    shown = TURNS[orientation].shown(pixels)
    expected = jpeg_with(orientation, pixels)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() < 12


@pytest.mark.parametrize('degrees', OPENCV)
def test_degrees_turn_with_the_clock(degrees):
    assert np.array_equal(CLOCKWISE[degrees].shown(STORED), cv2.rotate(STORED, OPENCV[degrees]))


@pytest.mark.parametrize('turn', TURNS.values())
def test_a_region_covers_the_same_pixels_stored_and_shown(turn):
    width, height = turn.size(7, 5)
    shown = Region(1, 2, 3, 5)
    (stored,) = turn.regions_stored([shown], width, height)
    marked = STORED.copy()
    marked[stored.y0 : stored.y1, stored.x0 : stored.x1] = 255
    expected = turn.shown(STORED).copy()
    expected[2:5, 1:3] = 255
    assert np.array_equal(turn.shown(marked), expected)
    assert turn.regions_shown([stored], width, height) == [shown]


@pytest.mark.parametrize('turn', TURNS.values())
def test_boxes_are_turned_as_regions_are(turn):
    size = turn.size(7, 5)
    shown = [Region(1, 2, 3, 5), Region(0, 0, 1, 4)]
    boxes = np.array(shown, np.float32)
    stored = turn.boxes_stored(boxes, *size)
    assert stored.tolist() == [list(region) for region in turn.regions_stored(shown, *size)]
    assert turn.boxes_shown(stored, *size).tolist() == boxes.tolist()
    assert boxes.tolist() == [list(region) for region in shown]
    assert turn.boxes_stored(boxes[:0], *size).shape == (0, 4)


@pytest.mark.parametrize('orientation', TURNS)
def test_a_detector_is_shown_what_viewers_show_and_answers_for_what_is_stored(orientation):
    # Reduced to half, as a codec may hand it out.
    frame = Frame(STORED, 'bgr8', 14, 10, 7, '/front', 'camera', orientation)
    shown = upright(frame)
    assert np.array_equal(shown.pixels, TURNS[orientation].shown(STORED))
    assert (shown.width, shown.height) == TURNS[orientation].size(14, 10)
    assert (shown.stamp_ns, shown.source, shown.orientation) == (7, '/front', 1)
    box = detections((2, 4, 6, 10))
    there = [Region(2, 4, 6, 10)]
    (region,) = TURNS[orientation].regions_stored(there, shown.width, shown.height)
    assert as_stored(box, frame).xyxy.tolist() == [list(region)]
