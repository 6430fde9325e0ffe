from itertools import count

import numpy as np
import pytest
from samples.detectors import detections

from anonymizer_node.core.datatypes import Judgement
from anonymizer_node.core.joining import Joiner
from anonymizer_node.offline import joined as module
from anonymizer_node.offline.joined import joined
from anonymizer_node.offline.records import Part, Record

MS = 1_000_000
IMAGE = 'sensor_msgs/msg/Image'
PERSON = (10, 10, 30, 50)


def record(topic, stamp_ms, boxes=(), cause='', msgtype=IMAGE):
    judgement = Judgement((detections(*boxes),), 64, 48, stamp_ms * MS)
    if cause:
        judgement = Judgement(stamp_ns=stamp_ms * MS, cause=cause, reason='told to fail')
    return Record(topic, msgtype, stamp_ms * MS, '', (Part('', judgement),))


def run(records, counts=None, hold=0.5, least=1):
    kinds = [(item.topic, item.msgtype) for item in records]
    if counts is None:
        counts = {kind: kinds.count(kind) for kind in kinds}
    answers = list(
        joined(
            iter(records),
            counts,
            lambda judgement: judgement.found[0].xyxy,
            lambda: Joiner(hold, least),
        )
    )
    assert [record for record, _ in answers] == list(records), 'all, in their order'
    return [cover for _, (cover,) in answers]


def test_every_topic_is_joined_by_itself():
    records = [record(topic, step * 100) for step in range(3) for topic in ('/a', '/b')]
    records[2] = record('/a', 100, [PERSON])
    held = [len(cover.held) for cover in run(records)]
    assert held == [1, 0, 0, 0, 1, 0]


def test_two_types_on_a_name_are_two_topics():
    records = [record('/a', 0, [PERSON]), record('/a', 100, msgtype='other')]
    assert [len(cover.held) for cover in run(records)] == [0, 0]


def test_no_records_and_a_topic_of_one_frame():
    assert run([]) == []
    (cover,) = run([record('/a', 0, [PERSON])])
    assert cover.kept.tolist() == [True]


def test_a_frame_that_was_not_judged_has_no_cover_and_breaks_no_gap():
    records = [record('/a', 0, [PERSON]), record('/a', 100, cause='decode'), record('/a', 200)]
    first, second, third = run(records)
    assert second is None
    assert first.kept.tolist() == [True]
    assert len(third.held) == 1


def test_a_frame_waits_for_those_that_bear_on_it_and_no_longer():
    taken = []

    def endless():
        for step in count():
            taken.append(step)
            yield record('/a', step * 100)

    answers = joined(
        endless(), {('/a', IMAGE): 10**9}, lambda judgement: np.zeros((0, 4)), lambda: Joiner(0.5)
    )
    for given in range(1, 200):
        next(answers)
        # Three times half a second and one to get warm, at ten frames a second.
        assert len(taken) <= given + 46 + 1


def test_a_topic_all_of_which_has_come_holds_up_nobody():
    taken = []

    def records():
        yield record('/latched', 0, [PERSON])
        for step in count():
            taken.append(step)
            yield record('/a', step * 100)

    counts = {('/latched', IMAGE): 1, ('/a', IMAGE): 10**9}
    answers = joined(records(), counts, lambda j: j.found[0].xyxy, lambda: Joiner(0.5))
    assert next(answers)[0].topic == '/latched'
    assert taken == []


def test_more_messages_than_were_declared_are_joined_too():
    records = [record('/a', 0, [PERSON]), record('/a', 100), record('/a', 200)]
    covers = run(records, {('/a', IMAGE): 1})
    assert [len(cover.held) for cover in covers] == [0, 1, 1]


def test_a_topic_that_has_gone_quiet_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(module, 'MOST_QUEUED', 50)
    taken = []

    def records():
        yield record('/quiet', 0, [PERSON])
        for step in range(500):
            taken.append(step)
            yield record('/a', step * 100)
        yield record('/quiet', 600, [PERSON])

    counts = {('/quiet', IMAGE): 2, ('/a', IMAGE): 500}
    answers = joined(records(), counts, lambda j: j.found[0].xyxy, lambda: Joiner(0.5))
    assert next(answers)[0].topic == '/quiet'
    assert len(taken) == 50
    assert len(list(answers)) == 501


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_what_the_records_raise_is_raised(error):
    def broken():
        yield record('/a', 0)
        raise error

    answers = joined(broken(), {}, lambda judgement: np.zeros((0, 4)), lambda: Joiner(0.5))
    with pytest.raises(error):
        list(answers)
