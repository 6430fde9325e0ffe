"""Followers wait for their twin, the order stays, and no wait is for ever."""

from typing import NamedTuple

from anonymizer_node.core.datatypes import Frame, Region
from anonymizer_node.core.following import Seen, TwinError
from anonymizer_node.offline import in_step
from anonymizer_node.offline.in_step import InStep, Step

MS = 1_000_000
REGION = Region(1, 2, 3, 4)


class Item(NamedTuple):
    topic: str
    time_ms: int
    stamp_ms: int | None = None
    failed: bool = False
    size: int = 10


def about(item):
    stamp_ns = None if item.stamp_ms is None else item.stamp_ms * MS
    seen = None
    if item.topic == '/color' and stamp_ns is not None:
        seen = Seen(stamp_ns) if item.failed else Seen(stamp_ns, 8, 8, (REGION,))
    twin = '/color' if item.topic in ('/depth', '/infra') else ''
    return Step(item.time_ms * MS, item.size, item.topic, seen, twin, stamp_ns)


class Source:
    """Items, and how many were taken when each was released."""

    def __init__(self, *items, count=None):
        self.items = items
        self.taken = 0
        colours = sum(item.topic == '/color' for item in items)
        self._stage = InStep(about, {'/color': colours if count is None else count})

    def _given(self):
        for item in self.items:
            self.taken += 1
            yield item

    def released(self):
        return [(item, twin, self.taken) for item, twin in self._stage.released(self._given())]


def told(twin, stamp_ms):
    try:
        return len(twin.regions_of(Frame(None, '16UC1', 8, 8, stamp_ms * MS)))
    except TwinError as error:
        return 'failed' if 'failed' in str(error) else 'none'


def test_a_follower_waits_until_its_twin_has_passed_and_the_order_stays():
    items = [
        Item('/depth', 0, 1005),
        Item('/log', 1),
        Item('/color', 2, 1000),
        Item('/log', 3),
        Item('/color', 34, 1033),
        Item('/log', 35),
        Item('/color', 70, 1066),
    ]
    released = Source(*items).released()
    assert [item for item, _, _ in released] == items
    depth, twin, taken = released[0]
    assert taken == 5, 'the first frame of the twin behind its time'
    assert told(twin, depth.stamp_ms) == 2, 'before and after'
    assert [count for _, _, count in released[1:]] == [5, 5, 5, 5, 6, 7]
    assert all(twin is None for _, twin, _ in released[1:])


def test_a_follower_behind_its_twin_does_not_wait():
    items = [Item('/color', 0, 1000), Item('/depth', 5, 1000), Item('/color', 33, 1033)]
    released = Source(*items).released()
    assert [taken for _, _, taken in released] == [1, 2, 3]
    assert told(released[1][1], 1000) == 1


def test_a_twin_that_failed_fails_its_follower():
    items = [Item('/depth', 0, 1000), Item('/color', 1, 1000, failed=True)]
    assert told(Source(*items).released()[0][1], 1000) == 'failed'


def test_nobody_waits_for_a_twin_that_has_no_more_frames():
    items = [Item('/color', 0, 1000), Item('/depth', 1, 1050), Item('/log', 2), Item('/log', 3)]
    released = Source(*items).released()
    assert [taken for _, _, taken in released] == [1, 2, 3, 4]
    assert told(released[1][1], 1050) == 1
    items = [Item('/depth', 1, 1050), Item('/log', 2)]
    released = Source(*items).released()
    assert released[0][2] == 1
    assert told(released[0][1], 1050) == 'none'


def test_a_twin_that_never_comes_is_not_waited_for_longer_than_a_while():
    items = [Item('/depth', 0, 1000), *(Item('/log', time) for time in range(100, 4000, 100))]
    released = Source(*items, count=5).released()
    assert [item for item, _, _ in released] == items
    _, twin, taken = released[0]
    assert items[taken - 1].time_ms == 3100
    assert told(twin, 1000) == 'none'


def test_no_more_is_held_back_than_fits(monkeypatch):
    monkeypatch.setattr(in_step, 'MOST_HELD_BYTES', 55)
    items = [Item('/depth', 0, 1000), *(Item('/log', time) for time in range(1, 20))]
    released = Source(*items, count=5).released()
    assert [item for item, _, _ in released] == items
    assert released[0][2] == 6
    assert told(released[0][1], 1000) == 'none'


def test_a_follower_that_can_not_be_read_does_not_wait_and_knows_nothing():
    released = Source(Item('/depth', 0), Item('/color', 1, 1000)).released()
    assert released[0][2] == 1
    assert told(released[0][1], 1000) == 'none'


def test_two_followers_of_one_twin():
    items = [Item('/depth', 0, 1000), Item('/infra', 1, 1001), Item('/color', 2, 1000)]
    items += [Item('/color', 35, 1033)]
    released = Source(*items).released()
    assert [item for item, _, _ in released] == items
    assert [told(twin, item.stamp_ms) for item, twin, _ in released[:2]] == [1, 2]


def test_a_recording_that_loops_does_not_take_the_frames_of_the_first_round():
    """The second round has the same stamps; its own frames have failed."""
    first = [Item('/color', 0, 1000), Item('/depth', 1, 1000)]
    first += [Item('/color', 2000, 3000), Item('/depth', 2001, 3000)]
    second = [Item('/depth', 4000, 1000), Item('/color', 4001, 1000, failed=True)]
    released = Source(*first, *second).released()
    assert told(released[1][1], 1000) == 1
    assert told(released[4][1], 1000) == 'failed'
