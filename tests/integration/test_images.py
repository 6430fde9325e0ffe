"""What goes in and what comes out, over the real DDS."""

from __future__ import annotations

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import cv2  # noqa: E402
import pictures  # noqa: E402
from harness import reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import COVERED, HEIGHT, WIDTH, key, picture  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from told import Regions, regions_of, topic_of  # noqa: E402

RAW = '/front/image_raw'
JPEG = '/front/image_raw/compressed'


@pytest.fixture(scope='module')
def probe(module_world):
    module_world.start(input_topics=[RAW, JPEG, '/best/effort'], **reliable(RAW, JPEG))
    return module_world.probe


@pytest.fixture(scope='module')
def raw_link(probe):
    return Link(probe, Image, RAW)


@pytest.fixture(scope='module')
def jpeg_link(probe):
    return Link(probe, CompressedImage, JPEG)


def outside(shape):
    x0, y0, x1, y1 = COVERED
    mask = np.ones(shape, bool)
    mask[y0:y1, x0:x1] = False
    return mask


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'bgra8', 'rgba8', '8UC3'])
@pytest.mark.parametrize('spare', [0, 13])
def test_raw_image_is_black_inside_and_equal_outside(raw_link, encoding, spare):
    pixels = picture()
    channels = 4 if 'a' in encoding else 3
    if encoding.startswith('rgb'):
        pixels = pixels[..., ::-1]
    if channels == 4:
        pixels = np.concatenate([pixels, np.full((HEIGHT, WIDTH, 1), 200, np.uint8)], axis=2)
    sent = pictures.raw(np.ascontiguousarray(pixels), encoding, spare)

    got = raw_link.send(sent)

    assert got.header == sent.header
    for field in ('height', 'width', 'encoding', 'is_bigendian', 'step'):
        assert getattr(got, field) == getattr(sent, field)
    before, after = pictures.pixels_of(sent), pictures.pixels_of(got)
    used = WIDTH * channels
    # What lies behind the rows of a frame with people might show them too.
    assert not after[:, used:].any()
    before, after = (a[:, :used].reshape(HEIGHT, WIDTH, channels) for a in (before, after))
    mask = outside((HEIGHT, WIDTH))
    assert (after[mask] == before[mask]).all()
    assert not after[~mask][:, :3].any()


def test_endianness_is_kept(raw_link):
    got = raw_link.send(pictures.raw(picture(), is_bigendian=1))
    assert got.is_bigendian == 1


def test_jpeg_is_black_inside_and_equal_outside(jpeg_link):
    sent = pictures.compressed(picture())

    got = jpeg_link.send(sent)

    assert got.header == sent.header
    assert got.format == sent.format
    before, after = pictures.decoded(sent), pictures.decoded(got)
    assert after.shape == before.shape
    x0, y0, x1, y1 = COVERED
    # At the edge of a block the decoder smooths colour over from the neighbour.
    assert after[y0:y1, x0:x1].max() <= 32
    assert after[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].max() <= 8
    # Blocks of 16x16 that the region touches may be black too.
    touched = np.zeros((HEIGHT, WIDTH), bool)
    touched[max(0, y0 // 16 * 16 - 16) : y1 + 32, max(0, x0 // 16 * 16 - 16) : x1 + 32] = True
    assert (after[~touched] == before[~touched]).all()
    assert (~touched).any()


def test_png_is_black_inside_and_equal_outside(jpeg_link):
    sent = pictures.compressed(picture(), 'png')

    got = jpeg_link.send(sent)

    before, after = pictures.decoded(sent), pictures.decoded(got)
    mask = outside((HEIGHT, WIDTH))
    assert (after[mask] == before[mask]).all()
    assert not after[~mask].any()
    assert got.format == sent.format


@pytest.fixture
def nobody_held(probe):
    """People seen by an earlier test are covered no longer."""
    assert probe.set_parameters(hold_seconds=0.0).successful
    yield
    assert probe.set_parameters(hold_seconds=0.5).successful


def test_frame_without_people_leaves_as_the_same_bytes(raw_link, jpeg_link, nobody_held):
    for link, sent in (
        (raw_link, pictures.raw(picture(person=False), spare=5)),
        (jpeg_link, pictures.compressed(picture(person=False))),
        (jpeg_link, pictures.compressed(picture(person=False), 'png')),
    ):
        assert link.send(sent) == sent


@pytest.mark.parametrize('publish_reliable', [True, False])
@pytest.mark.parametrize('hear_reliable', [True, False])
def test_every_reliability_is_served(probe, publish_reliable, hear_reliable):
    link = Link(
        probe,
        Image,
        '/best/effort',
        publish_reliable=publish_reliable,
        hear_reliable=hear_reliable,
    )
    sent = pictures.raw(picture())
    assert link.send(sent).header == sent.header


def test_camera_info_is_passed_on_unchanged_and_once(probe):
    heard = probe.subscribe(CameraInfo, '/anonymized/front/camera_info')
    publisher = probe.publisher(CameraInfo, '/front/camera_info')
    info = pictures.stamped(
        CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob', d=[0.1, -0.2, 0.0])
    )
    info.k = [float(value) for value in range(9)]
    info.roi.width = 7

    published = probe.publish_until_heard(publisher, info, heard, 'camera_info')
    probe.spin_for(0.2)
    # Two images lie beside it, and it comes once all the same.
    assert 1 <= len(heard) <= published
    assert all(message == info for message in heard)
    assert probe.node.count_publishers('/anonymized/front/camera_info') == 1


def test_regions_say_what_was_obscured(probe, raw_link, nobody_held):
    heard = probe.subscribe(Regions, '/anonymizer_node/regions')
    probe.until(
        lambda: probe.node.get_publishers_info_by_topic('/anonymizer_node/regions'), 'regions'
    )
    with_person, without = pictures.raw(picture()), pictures.raw(picture(person=False))

    def marker_for(message):
        # The node publishes regions only to who is known to listen.
        raw_link.publisher.publish(message)
        return next((m for m in heard if key(m) == key(message)), None)

    marker = probe.until(lambda: marker_for(with_person), 'a marker')
    assert marker.header == with_person.header
    assert topic_of(marker) == '/anonymized' + RAW
    assert regions_of(marker) == (COVERED,)
    assert regions_of(probe.until(lambda: marker_for(without), 'a marker')) == ()


def test_diagnostics_account_for_every_frame(probe, raw_link):
    raw_link.send(pictures.raw(picture()))
    values = probe.until(
        lambda: (said := probe.health(RAW)) and said.values['people'] == '1' and said, 'one person'
    ).values
    counted = sum(
        int(values[name])
        for name in ('anonymized', 'untouched', 'blacked_out', 'dropped', 'pending')
    )
    assert int(values['received']) == counted > 0
    assert float(values['age median [ms]']) < 1000
    detector = probe.health('detector')
    assert detector.level == b'\x00'
    assert detector.values['method'] == 'blackout'
    assert float(detector.values['latency median [ms]']) >= 0


def test_real_detector_covers_a_real_person(world):
    data = pytest.importorskip('skimage.data', reason='needs scikit-image for its photograph')
    photograph = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    world.start(script='', input_topics=[RAW])
    link = Link(world.probe, Image, RAW)
    sent = pictures.raw(photograph)

    got = link.send(sent)

    after = pictures.pixels_of(got).reshape(photograph.shape)
    # Her face, by eye.
    assert not after[70:190, 175:270].any()
    changed = (after != photograph).any(axis=2)
    assert not after[changed].any()
