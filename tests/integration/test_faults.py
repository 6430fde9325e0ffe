"""Whatever goes wrong with a frame, it does not get out; it is counted, and the next one passes."""

from __future__ import annotations

import array

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import marked_node  # noqa: E402
import pictures  # noqa: E402
from harness import Probe, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import HEIGHT, WIDTH, key, picture  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from told import Regions, regions_of  # noqa: E402

RAW = '/front/image_raw'
JPEG = '/front/image_raw/compressed'
ERROR = b'\x02'


def with_corner(colour):
    return pictures.raw(picture(corner=colour))


def unknown_encoding():
    return pictures.raw(picture(), encoding='bayer_of_the_future')


def lying_step():
    message = pictures.raw(picture())
    message.step += 64
    return message


def too_little_data():
    message = pictures.raw(picture())
    message.data = message.data[:-1]
    return message


def empty_image():
    return pictures.stamped(Image(encoding='bgr8'))


def cut_jpeg():
    message = pictures.compressed(picture())
    message.data = message.data[: len(message.data) // 2]
    return message


def no_picture():
    message = pictures.compressed(picture())
    message.data = array.array('B', b'\xff\xd8\xff not a picture')
    return message


def other_compression():
    message = pictures.compressed(picture())
    message.data = array.array('B', b'RIFF\x00\x00\x00\x00WEBPVP8 ')
    return message


RAW_FAULTS = {
    'detector_raises': (lambda: with_corner(marked_node.RAISES), 'detector'),
    'detector_answers_nan': (lambda: with_corner(marked_node.ANSWERS_NAN), 'detector'),
    'detector_answers_outside': (lambda: with_corner(marked_node.ANSWERS_OUTSIDE), 'detector'),
    'detector_has_no_memory': (lambda: with_corner(marked_node.NO_MEMORY), 'detector'),
    'detector_answers_nothing': (lambda: with_corner(marked_node.NO_ANSWER), 'detector'),
    'unknown_encoding': (unknown_encoding, 'encoding'),
    'lying_step': (lying_step, 'decode'),
    'too_little_data': (too_little_data, 'decode'),
    'empty_image': (empty_image, 'decode'),
}
JPEG_FAULTS = {
    'cut_jpeg': (cut_jpeg, 'decode'),
    'no_picture': (no_picture, 'decode'),
    'other_compression': (other_compression, 'encoding'),
}


@pytest.fixture(scope='module')
def probe(module_world):
    module_world.start(input_topics=[RAW, JPEG], **reliable(RAW, JPEG))
    return module_world.probe


@pytest.fixture(scope='module')
def raw_link(probe):
    return Link(probe, Image, RAW)


@pytest.fixture(scope='module')
def jpeg_link(probe):
    return Link(probe, CompressedImage, JPEG)


def check_dropped(link, message, cause, good):
    status = link.probe.health(link.topic)
    before = int(status.values.get(f'dropped: {cause}', 0)) if status else 0

    link.publish(message)

    status = link.probe.counted(link.topic, f'dropped: {cause}', before + 1)
    assert status.level == ERROR
    assert status.message.startswith(f'Frames fail, {cause}: ')
    assert status.values['last failure'].startswith(cause)
    assert link.send(good).header == good.header
    assert link.answer(message) is None


@pytest.mark.parametrize('fault', RAW_FAULTS)
def test_raw_frame_is_dropped_and_the_next_one_passes(raw_link, fault):
    make, cause = RAW_FAULTS[fault]
    check_dropped(raw_link, make(), cause, pictures.raw(picture()))


@pytest.mark.parametrize('fault', JPEG_FAULTS)
def test_compressed_frame_is_dropped_and_the_next_one_passes(jpeg_link, fault):
    make, cause = JPEG_FAULTS[fault]
    check_dropped(jpeg_link, make(), cause, pictures.compressed(picture()))


def test_frame_id_that_rclpy_would_change_is_dropped(raw_link):
    message = pictures.raw(picture())
    message.header.frame_id = 'Kamera_links'
    # As a driver in C++ sends it that names things in Latin-1.
    data = serialize_message(message).replace(b'Kamera_links', b'Kamera_R\xe4der')
    before = raw_link.books()['dropped: decode']
    raw_link.publisher.publish(data)
    raw_link.sent += 1
    status = raw_link.probe.counted(RAW, 'dropped: decode', before + 1)
    assert 'not UTF-8' in status.message
    assert raw_link.answer(message) is None


def test_every_frame_is_accounted_for(raw_link):
    before = raw_link.books()
    raw_link.sent = 0
    for make, _ in RAW_FAULTS.values():
        raw_link.publish(make())
        raw_link.send(pictures.raw(picture()))
    after = raw_link.books()
    grown = {name: after[name] - before[name] for name in ('received', 'published', 'dropped')}
    assert grown['received'] == raw_link.sent
    assert grown['published'] + grown['dropped'] == raw_link.sent
    assert grown['published'] == len(RAW_FAULTS)


def test_topic_offered_with_another_type_is_an_error(module_world, probe):
    # Fast DDS lets no participant have one topic with two types, so it takes another one.
    intruder = Probe(module_world.domain_id)
    intruder.publisher(CompressedImage, RAW, wait=False)
    status = probe.until(
        lambda: (said := probe.health(RAW)) and 'is offered as' in said.message and said, 'an error'
    )
    assert status.level == ERROR
    assert 'sensor_msgs/msg/CompressedImage' in status.message
    intruder.close()


def test_failed_frame_is_replaced_by_a_black_one_if_so_set(world):
    world.start(input_topics=[RAW, JPEG], on_failure='blackout', **reliable(RAW, JPEG))
    probe = world.probe
    raw, jpeg = Link(probe, Image, RAW), Link(probe, CompressedImage, JPEG)
    markers = probe.subscribe(Regions, '/anonymizer_node/regions')
    probe.until(
        lambda: raw.send(pictures.raw(picture())) and markers, 'regions to be published to us'
    )

    sent = with_corner(marked_node.RAISES)
    got = raw.send(sent)
    assert got.header == sent.header
    assert (got.height, got.width, got.encoding, got.step) == (HEIGHT, WIDTH, 'bgr8', WIDTH * 3)
    assert not np.frombuffer(got.data, np.uint8).any()
    marker = probe.until(
        lambda: next((m for m in markers if key(m) == key(sent)), None), 'a marker'
    )
    assert regions_of(marker) == ((0, 0, WIDTH, HEIGHT),)

    sent = pictures.compressed(picture(corner=marked_node.RAISES))
    got = jpeg.send(sent)
    assert got.format == sent.format
    assert pictures.decoded(got).shape == (HEIGHT, WIDTH, 3)
    assert pictures.decoded(got).max() <= 8

    # Of what size a black frame should be can't be told here.
    jpeg.publish(other_compression())
    assert probe.counted(JPEG, 'dropped: encoding', 1).level == ERROR
    assert int(probe.health(RAW).values['blacked_out']) == 1


def test_newest_frame_goes_first_and_older_ones_are_counted(world):
    world.start(input_topics=[RAW], **reliable(RAW))
    probe = world.probe
    link = Link(probe, Image, RAW)
    before = link.books()
    slow = [with_corner(marked_node.SLOW) for _ in range(10)]

    for message in slow:
        link.publish(message)
        probe.spin_for(0.02)
    got = probe.until(lambda: link.answer(slow[-1]), 'the newest frame')

    assert got.header == slow[-1].header
    after = link.books()
    overrun = after['dropped: overrun'] - before['dropped: overrun']
    assert overrun >= 5
    assert after['received'] - before['received'] == link.sent
    assert after['published'] - before['published'] + overrun == link.sent
    stamps = [key(message) for message in link.heard]
    assert stamps == sorted(stamps)


def test_other_publisher_on_the_output_topic_is_an_error_that_names_it(world):
    world.start(input_topics=[RAW])
    probe = world.probe
    link = Link(probe, Image, RAW)
    link.send(pictures.raw(picture()))
    assert probe.next_health(RAW).level != ERROR
    stranger = probe.node.create_publisher(Image, '/anonymized' + RAW, 10)

    def told():
        status = probe.next_health(RAW)
        return status.level == ERROR and status.message

    said = probe.until(told, 'an error')
    assert f'publishes on /anonymized{RAW}: /{probe.node.get_name()}; recordings' in said
    probe.node.destroy_publisher(stranger)
    probe.until(lambda: probe.next_health(RAW).level != ERROR, 'the error to end')
