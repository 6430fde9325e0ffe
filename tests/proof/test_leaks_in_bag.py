"""The same check over a recording."""

from __future__ import annotations

import numpy as np
import pytest
from samples.bags import STRING, Entry, write_bag
from samples.images import Stamp

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagWriter, MessageTypes, qos_profile
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leaks_in_bag import check_bag
from anonymizer_node.proof.record import MARKER

from .conftest import JPEG, PERSON, RAW, SECOND

OUT, OUT_JPEG = f'/anonymized{RAW}', f'/anonymized{JPEG}'
ONE = Bounds(least_frames=1)


def marker(types, regions, stamp, namespace):
    kinds = types.types.types
    point = kinds['geometry_msgs/msg/Point']
    colour = kinds['std_msgs/msg/ColorRGBA'](0.0, 0.0, 0.0, 0.0)
    corners = []
    for x0, y0, x1, y1 in regions:
        ring = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        corners += [at for index in range(4) for at in (ring[index], ring[(index + 1) % 4])]
    time = kinds['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
    header = kinds['std_msgs/msg/Header'](time, '')
    return types.encode(
        MARKER,
        kinds[MARKER](
            header, namespace, 0, 5, 0, point(0.0, 0.0, 0.0), 2.0, colour, 0, colour,
            kinds['builtin_interfaces/msg/Duration'](0, 0),
            [point(float(x), float(y), 0.0) for x, y in corners], [],
        ),
    )  # fmt: skip


@pytest.fixture
def recorded(twins, tmp_path):
    """A live recording: input and output of a raw and a JPEG camera, markers, and the truth."""

    def write(spoil=lambda entries: entries, name='live'):
        types, entries = MessageTypes(), []
        for topic in (RAW, JPEG):
            inputs = [entry for entry in twins.before if entry.topic == topic]
            outputs = [entry for entry in twins.after if entry.topic == topic]
            for before, after in zip(inputs, outputs, strict=True):
                stamp = before.message.header.stamp
                stamp = Stamp(stamp.sec, stamp.nanosec)
                line = next(
                    one
                    for one in twins.lines
                    if one['topic'] == topic and one['time_ns'] == before.time_ns
                )
                people = [PERSON] if line['regions'] else []
                told = marker(types, people, stamp, 'truth')
                stated = marker(types, line['regions'], stamp, f'/anonymized{topic}')
                entries += [
                    before,
                    Entry(f'/truth{topic}', MARKER, told, before.time_ns),
                    after._replace(topic=f'/anonymized{topic}', time_ns=after.time_ns + 10**7),
                    Entry('/anonymizer_node/regions', MARKER, stated, after.time_ns + 10**7 + 1),
                ]
        entries.append(Entry('/chatter', STRING, 'hello', 200 * SECOND))
        return write_bag(tmp_path / name, sorted(spoil(entries), key=lambda one: one.time_ns))

    return write


def test_a_clean_recording_passes(recorded):
    check = check_bag(recorded(), bounds=Bounds(least_frames=4))

    summary = check.summary()
    assert summary['passed'], summary
    assert set(summary['topics']) == {OUT, OUT_JPEG}
    for count in summary['topics'].values():
        assert (count['frames'], count['judged'], count['without_input']) == (3, 2, 0)


@pytest.mark.parametrize('topic', [RAW, JPEG])
def test_a_raw_frame_in_the_output_fails(recorded, topic):
    def spoil(entries):
        inputs = [entry for entry in entries if entry.topic == topic]
        outputs = [n for n, entry in enumerate(entries) if entry.topic == f'/anonymized{topic}']
        entries[outputs[1]] = entries[outputs[1]]._replace(message=inputs[1].message)
        return entries

    check = check_bag(recorded(spoil), bounds=ONE)

    assert [(leak.topic, leak.person.name) for leak in check.leaks] == [
        (f'/anonymized{topic}', 'person 1')
    ]


def test_inputs_and_truth_may_be_in_a_bag_of_their_own(recorded):
    def outputs_only(entries):
        return [one for one in entries if one.topic.startswith('/anonym')]

    def others_only(entries):
        return [one for one in entries if not one.topic.startswith('/anonym')]

    target, source = recorded(outputs_only, 'out'), recorded(others_only, 'in')

    assert check_bag(target, source, bounds=ONE).summary()['passed']
    with pytest.raises(InputError, match=r'truth.* is not in the bag'):
        check_bag(target, bounds=ONE)


def test_without_inputs_and_statements_black_is_found_by_its_look(recorded):
    def spare(entries):
        return [one for one in entries if one.topic.startswith(('/anonymized', '/truth'))]

    check = check_bag(recorded(spare), topics=[OUT], bounds=ONE)

    assert check.summary()['passed'], check.summary()


def test_an_output_that_is_no_message_fails(recorded):
    def spoil(entries):
        at = next(n for n, entry in enumerate(entries) if entry.topic == OUT)
        entries[at] = entries[at]._replace(message=b'\0\1\0\0\xff')
        return entries

    (reason,) = check_bag(recorded(spoil), bounds=ONE).reasons()

    assert reason.startswith(f'{OUT}: 1 frames can not be judged')


def test_a_bag_without_such_topics_is_refused(tmp_path, recorded):
    with BagWriter(tmp_path / 'text') as writer:
        topic = writer.add_topic('/chatter', STRING, (qos_profile(True),))
        writer.write(topic, 1, writer.encode(STRING, writer.types.types[STRING]('hello')))
    with pytest.raises(InputError, match="begins with '/anonymized'"):
        check_bag(tmp_path / 'text')
    bag = recorded()
    with pytest.raises(InputError, match="'/absent' is not in the bag"):
        check_bag(bag, topics=['/absent=/truth/absent'])
    with pytest.raises(InputError, match='must be visualization_msgs'):
        check_bag(bag, topics=[f'{OUT}={RAW}'])
    with pytest.raises(InputError, match='is not OUTPUT or OUTPUT=TRUTH'):
        check_bag(bag, topics=['/front/image'])
    assert np.isfinite(check_bag(bag, bounds=ONE).judged)
