"""Which moments are shown, and how time is drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.moments import chosen_moments, spread
from anonymizer_node.proof.timeline import strips
from anonymizer_node.proof.verdict import Moment, TopicFigures

SECOND = 1_000_000_000


def topic(*counts, name='/front/image_raw'):
    """A topic with a frame a second; a count of None is a frame that was dropped."""
    figures = TopicFigures(name, name, 'sensor_msgs/msg/Image', 'anonymized')
    for index, count in enumerate(counts):
        status = 'dropped' if count is None else 'anonymized' if count else 'untouched'
        figures.add(Moment(index * SECOND, index, status, count or 0, 0.1 if count else 0.0))
    return figures


def test_moments_with_and_without_people():
    moments = chosen_moments(topic(*[0] * 20, *[1] * 40, None), 8)
    assert len(moments) == 8
    assert [moment.regions for moment in moments] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert [moment.time_ns for moment in moments] == sorted(moment.time_ns for moment in moments)


@pytest.mark.parametrize(
    ('counts', 'people', 'empty'),
    [
        ([], 0, 0),
        ([None, None], 0, 0),
        ([0] * 30, 0, 8),
        ([1] * 30, 8, 0),
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], 2, 6),
        ([1] * 30 + [0], 7, 1),
    ],
)
def test_moments_where_one_kind_is_rare(counts, people, empty):
    moments = chosen_moments(topic(*counts), 8)
    assert sum(moment.regions > 0 for moment in moments) == people
    assert sum(moment.regions == 0 for moment in moments) == empty


def test_spread_is_even():
    assert spread(list(range(100)), 4) == [12, 37, 62, 87]
    assert spread([1, 2], 5) == [1, 2]
    assert spread([1, 2], 0) == []


def test_sheets_show_the_output(twins):
    verdict = twins.verdict()
    sheets = {sheet.topic: sheet for sheet in contact_sheets(verdict)}
    assert set(sheets) == {'/front/image_raw', '/rear/image/compressed', '/side/png'}
    for sheet in sheets.values():
        assert [tile.moment.regions for tile in sheet.tiles] == [0, 1, 2]
        for tile in sheet.tiles:
            assert tile.before is None
            pixels = cv2.imdecode(np.frombuffer(tile.after, np.uint8), cv2.IMREAD_COLOR)
            assert pixels.shape[:2] == (tile.height, tile.width)
            dark = pixels[12:52, 24:36].max() < 60
            assert dark == bool(tile.moment.regions)


def test_sheets_show_the_input_on_request(twins):
    sheet = contact_sheets(twins.verdict(), show_before=True)[0]
    before = cv2.imdecode(np.frombuffer(sheet.tiles[1].before, np.uint8), cv2.IMREAD_COLOR)
    assert before[12:52, 24:36].max() > 100


def test_large_frames_are_made_small(twins):
    sheet = contact_sheets(twins.verdict())[0]
    assert sheet.tiles[0].width == 96


def test_strips_share_their_axes():
    front, rear = strips([topic(0, 1, 2, 4), topic(2, 2, 2, 2, name='/rear')])
    assert (front.most, rear.most) == (4, 2)
    assert front.bins == rear.bins == 4
    assert rear.people == 'M0 57h4v43h-4z'
    assert front.people.count('M') == 3
    assert front.described.startswith('/front/image_raw: 4 frames, 3 of them')


def test_strip_shows_what_was_lost():
    (strip,) = strips([topic(0, None, 0, 0)])
    assert strip.lost == 'M1 0h1v7h-1z'
    assert strip.frames.count('M') == 2
    assert '1 dropped or not published' in strip.described


def test_strips_of_nothing():
    assert strips([]) == []
    assert strips([topic()]) == []
    (strip,) = strips([topic(0)])
    assert (strip.people, strip.lost, strip.bins) == ('', '', 1)


def test_long_recording_is_drawn_in_few_bins():
    (strip,) = strips([topic(*[index % 5 for index in range(3000)])])
    assert strip.bins == 240
    assert len(strip.people) < 8000
