"""A recording of a node: its inputs, its outputs, and what it said of them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import get_types_from_msg
from samples.bags import COMPRESSED, IMAGE, STRING, Entry, write_bag
from samples.images import Stamp, compressed, image, noise

from anonymizer_node.core.datatypes import Region
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.proof.coverage import coverage_of, stated_regions
from anonymizer_node.proof.detections import DEFINITIONS, DETECTIONS
from anonymizer_node.proof.record import MARKER
from anonymizer_node.proof.verify import verify_bag

PREFIX = '/anonymized'
TOPIC, JPEG = '/front/image_raw', '/rear/image/compressed'
PERSON = Region(8, 8, 24, 40)
SECOND = 1_000_000_000
DELAY_NS = 30_000_000
STAMPS = [(index, (index + 1) * SECOND) for index in range(5)]


def marker(topic, stamp, regions):
    """An ImageMarker as the node publishes it, in CDR."""
    types = BagWriter('unused').types
    point = types.types['geometry_msgs/msg/Point']
    colour = types.types['std_msgs/msg/ColorRGBA'](1.0, 0.0, 0.0, 1.0)
    time = types.types['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
    span = types.types['builtin_interfaces/msg/Duration'](0, 0)
    header = types.types['std_msgs/msg/Header'](time, 'front_optical')
    points = []
    for x0, y0, x1, y1 in regions:
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        for first, second in pairwise(corners):
            points += [point(float(x), float(y), 0.0) for x, y in (first, second)]
    message = types.types[MARKER](
        header, topic, 0, 3, 0, point(0.0, 0.0, 0.0), 2.0, colour, 0, colour, span, points, []
    )
    return types.serialize_cdr(message, MARKER).tobytes()


def detections(topic, stamp, regions):
    """The same as a Detection2DArray."""
    types = BagWriter('unused').types
    unknown = {}
    for name, text in DEFINITIONS.items():
        unknown.update(get_types_from_msg(text, name))
    types.register(unknown)
    kinds = {name.split('/')[-1]: types.types[name] for name in DEFINITIONS}
    time = types.types['builtin_interfaces/msg/Time'](stamp.sec, stamp.nanosec)
    header = types.types['std_msgs/msg/Header'](time, 'front_optical')
    boxes = []
    for x0, y0, x1, y1 in regions:
        centre = kinds['Pose2D'](kinds['Point2D']((x0 + x1) / 2, (y0 + y1) / 2), 0.0)
        box = kinds['BoundingBox2D'](centre, float(x1 - x0), float(y1 - y0))
        boxes.append(kinds['Detection2D'](header, [], box, topic))
    message = kinds['Detection2DArray'](header, boxes)
    return types.serialize_cdr(message, DETECTIONS).tobytes()


@dataclass
class Recording:
    """Five frames of one camera, every second; somebody is in the second and third."""

    folder: Path
    entries: list = field(default_factory=list)

    def verdict(self):
        bag = write_bag(self.folder / 'bag', sorted(self.entries, key=lambda item: item.time_ns))
        return verify_bag(bag, bag, PREFIX)

    def find(self, topic, number):
        return [index for index, item in enumerate(self.entries) if item.topic == topic][number]

    def drop(self, topic, number):
        del self.entries[self.find(topic, number)]


@pytest.fixture
def recording(tmp_path):
    made = Recording(tmp_path)
    for index, time_ns in STAMPS:
        stamp = Stamp(50 + index, 7)
        before = noise(48, 64, seed=index)
        regions = [PERSON] if index in (1, 2) else []
        after = before.copy()
        if regions:
            after[8:40, 8:24] = 0
        out = time_ns + DELAY_NS
        made.entries += [
            Entry(TOPIC, IMAGE, image(before, stamp=stamp), time_ns),
            Entry('/chatter', STRING, f'{index}', time_ns),
            Entry(PREFIX + TOPIC, IMAGE, image(after, stamp=stamp), out),
            Entry('/anonymizer_node/regions', MARKER, marker(PREFIX + TOPIC, stamp, regions), out),
        ]
    return made


def test_clean_recording_passes(recording):
    verdict = recording.verdict()
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.check('has-input').checked == 5
    assert verdict.check('obscured').checked == 2
    assert verdict.topics[TOPIC].statuses == {'untouched': 3, 'anonymized': 2}
    assert verdict.topics[TOPIC].output == PREFIX + TOPIC
    assert '/chatter' not in verdict.topics


@pytest.fixture
def with_detections(recording):
    """The recording of a node where vision_msgs is installed."""
    for number, (index, _) in enumerate(STAMPS):
        place = recording.find('/anonymizer_node/regions', number)
        entry = recording.entries[place]
        regions = [PERSON] if index in (1, 2) else []
        said = detections(PREFIX + TOPIC, Stamp(50 + index, 7), regions)
        recording.entries[place] = Entry(entry.topic, DETECTIONS, said, entry.time_ns)
    return recording


def test_regions_as_detections_are_read_without_vision_msgs(with_detections):
    verdict = with_detections.verdict()
    assert verdict.passed, [check.failures for check in verdict.checks if check.failed]
    assert verdict.check('obscured').checked == 2
    assert verdict.check('on-record').checked == 5
    assert verdict.topics[TOPIC].statuses == {'untouched': 3, 'anonymized': 2}


@pytest.mark.parametrize('number', [1, 4])
def test_frame_of_which_no_detections_tell_is_not_on_record(with_detections, number):
    with_detections.drop('/anonymizer_node/regions', number)
    assert with_detections.verdict().check('on-record').failed


@pytest.mark.parametrize('name', ['', 'astronaut'])
def test_what_a_simulator_says_in_the_same_bag_is_no_statement_of_the_node(with_detections, name):
    for index, time_ns in STAMPS:
        regions = [PERSON] if index in (1, 2) else []
        said = detections(name, Stamp(50 + index, 7), regions)
        with_detections.entries.append(Entry('/front/boxes', DETECTIONS, said, time_ns))
    # Neither its boxes nor its empty arrays stand in for what the node didn't say.
    with_detections.drop('/anonymizer_node/regions', 4)
    with_detections.drop('/anonymizer_node/regions', 1)
    verdict = with_detections.verdict()
    assert [failure.stamp_ns for failure in verdict.check('on-record').failures] == [
        (50 + index) * SECOND + 7 for index in (1, 4)
    ]


def test_frame_with_people_that_is_said_to_have_none_is_found(with_detections):
    place = with_detections.find('/anonymizer_node/regions', 1)
    said = detections(PREFIX + TOPIC, Stamp(51, 7), [])
    entry = with_detections.entries[place]
    with_detections.entries[place] = Entry(entry.topic, DETECTIONS, said, entry.time_ns)
    assert not with_detections.verdict().passed


def test_two_bags(recording):
    out = [entry for entry in recording.entries if entry.topic.startswith('/anony')]
    source = write_bag(recording.folder / 'in', recording.entries)
    target = write_bag(recording.folder / 'out', out)
    assert verify_bag(source, target, PREFIX).passed


def test_output_recorded_before_its_input(recording):
    recording.entries = [
        entry._replace(time_ns=entry.time_ns - 2 * DELAY_NS)
        if entry.topic.startswith(PREFIX)
        else entry
        for entry in recording.entries
    ]
    assert recording.verdict().passed


def test_frame_not_published_is_accounted(recording):
    recording.drop(PREFIX + TOPIC, 3)
    verdict = recording.verdict()
    assert verdict.passed
    assert verdict.check('accounted').detail.endswith(f'{TOPIC} 1 of 5')
    assert verdict.topics[TOPIC].statuses['unpublished'] == 1
    times = [moment.time_ns for moment in verdict.topics[TOPIC].moments]
    assert times == [time_ns for _, time_ns in STAMPS]


def test_raw_frame_published(recording):
    source = recording.entries[recording.find(TOPIC, 1)]
    number = recording.find(PREFIX + TOPIC, 1)
    recording.entries[number] = recording.entries[number]._replace(message=source.message)
    assert {'nothing-raw', 'obscured'} <= set(recording.verdict().failed())


def test_frame_without_input(recording):
    recording.drop(TOPIC, 2)
    assert recording.verdict().failed() == ['has-input']


def test_frame_of_which_nothing_was_said(recording):
    recording.drop('/anonymizer_node/regions', 4)
    assert recording.verdict().failed() == ['on-record']


def test_frame_published_twice(recording):
    number = recording.find(PREFIX + TOPIC, 0)
    recording.entries.append(recording.entries[number])
    assert not recording.verdict().passed


def test_frames_out_of_order(recording):
    first, second = recording.find(PREFIX + TOPIC, 0), recording.find(PREFIX + TOPIC, 3)
    one, other = recording.entries[first], recording.entries[second]
    recording.entries[second] = other._replace(time_ns=one.time_ns - 1)
    assert 'order-kept' in recording.verdict().failed()


def test_output_of_another_type(recording):
    stamp = Stamp(50, 7)
    recording.entries = [
        entry._replace(msgtype=COMPRESSED, message=compressed(noise(48, 64), stamp=stamp))
        if entry.topic == PREFIX + TOPIC
        else entry
        for entry in recording.entries[:4]
    ]
    verdict = recording.verdict()
    assert 'topics-kept' in verdict.failed()


def test_nothing_was_published(recording):
    recording.entries = [entry for entry in recording.entries if not entry.topic.startswith(PREFIX)]
    assert recording.verdict().failed() == ['accounted']


def test_replaced_frame_is_black(recording):
    number = recording.find(PREFIX + TOPIC, 1)
    black = copy.deepcopy(recording.entries[number].message)
    black.data = bytes(len(black.data))
    recording.entries[number] = recording.entries[number]._replace(message=black)
    said = recording.find('/anonymizer_node/regions', 1)
    whole = marker(PREFIX + TOPIC, Stamp(51, 7), [Region(0, 0, 64, 48)])
    recording.entries[said] = recording.entries[said]._replace(message=whole)
    verdict = recording.verdict()
    assert verdict.passed
    assert verdict.topics[TOPIC].statuses['blacked_out'] == 1


def test_regions_given_by_the_caller(recording):
    bag = write_bag(recording.folder / 'bag', recording.entries)
    stated = {PREFIX + TOPIC: {(50 + index) * SECOND + 7: [] for index, _ in STAMPS}}
    verdict = verify_bag(bag, bag, PREFIX, regions=stated)
    assert verdict.failed() == ['untouched-identical']


def test_coverage_of_a_recording(recording):
    bag = write_bag(recording.folder / 'bag', recording.entries)
    stamp = 51 * SECOND + 7
    truth = {
        PREFIX + TOPIC: {
            stamp: [(8, 8, 24, 40), (16, 8, 32, 40), (40, 40, 60, 48)],
            99 * SECOND: [(0, 0, 8, 8)],
        }
    }
    coverage = coverage_of(truth, bag, bag, PREFIX)
    assert [person.share for person in coverage.people] == [1.0, 0.5, 0.0, 1.0]
    assert [person.published for person in coverage.people] == [True, True, True, False]
    assert coverage.least == 0.0
    assert coverage.as_dict()['half_covered'] == pytest.approx(2 / 3)


def test_region_that_is_not_obscured_covers_nobody(recording):
    number = recording.find(PREFIX + TOPIC, 1)
    source = recording.entries[recording.find(TOPIC, 1)]
    recording.entries[number] = recording.entries[number]._replace(message=source.message)
    bag = write_bag(recording.folder / 'bag', recording.entries)
    truth = {PREFIX + TOPIC: {51 * SECOND + 7: [(8, 8, 24, 40)]}}
    assert coverage_of(truth, bag, bag, PREFIX).least == 0.0


def test_coverage_of_a_bag(twins):
    twins.write()
    stated = stated_regions(twins.target)
    stamp = 101 * SECOND + 5
    assert stated[TOPIC][stamp] == [Region(20, 8, 44, 56)]
    truth = {topic: {stamp: [(20, 8, 44, 56)]} for topic in (TOPIC, JPEG)}
    coverage = coverage_of(truth, twins.source, twins.target)
    assert np.allclose([person.share for person in coverage.people], 1.0)
