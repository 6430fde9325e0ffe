"""Cameras found by pattern: also late ones, and none that is an output."""

from __future__ import annotations

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import ACTIVATE, CONFIGURE, DEACTIVATE, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import COVERED, HEIGHT, WIDTH, key, picture  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402

OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'
STATUS = ': input_topics'


def said(probe, level, part):
    """Wait until the status about the patterns has a level and says something."""

    def is_said():
        status = probe.health(STATUS)
        return status and status.level == level and part in status.message and status

    return probe.until(is_said, f'{level!r} {part!r} of the patterns')


def topics_under(probe, prefix):
    return sorted(n for n, _ in probe.node.get_topic_names_and_types() if n.startswith(prefix))


def is_covered(message):
    x0, y0, x1, y1 = COVERED
    pixels = pictures.pixels_of(message).reshape(HEIGHT, WIDTH, 3)
    return not pixels[y0:y1, x0:x1].any()


def test_cameras_that_appear_later_are_anonymised(world):
    node = world.start(input_topics=['/*/image_raw', '/*/image_raw/compressed'])
    probe = world.probe
    said(probe, WARN, 'No camera matches /*/image_raw, /*/image_raw/compressed so far.')
    assert probe.state() == 'active'

    front = Link(probe, Image, '/front/image_raw')
    assert is_covered(front.send(pictures.raw(picture())))
    said(probe, WARN, 'No camera matches /*/image_raw/compressed so far.')
    rear = Link(probe, CompressedImage, '/rear/image_raw/compressed')
    rear.send(pictures.compressed(picture()))
    both = Link(probe, CompressedImage, '/front/image_raw/compressed')
    both.send(pictures.compressed(picture()))
    # The raw one is served as before.
    front.send(pictures.raw(picture()))

    assert said(probe, OK, '3 cameras.').values['cameras'] == (
        '/front/image_raw, /rear/image_raw/compressed, /front/image_raw/compressed'
    )
    assert topics_under(probe, '/anonymized/anonymized') == []
    assert probe.health('/front/image_raw').values['type'] == 'sensor_msgs/msg/Image'
    assert node.running


def test_camera_info_is_passed_on_with_its_late_camera_and_not_before(world):
    world.start(input_topics=['/**/image_raw', '/**/image_raw/compressed'])
    probe = world.probe
    info_out = '/anonymized/arm/left/camera_info'
    info = probe.publisher(CameraInfo, '/arm/left/camera_info', wait=False)
    heard = probe.subscribe(CameraInfo, info_out, wait=False)
    Link(probe, Image, '/base/image_raw')
    # The other camera is served, and the info that has none still isn't.
    assert probe.node.count_publishers(info_out) == 0
    assert info.get_subscription_count() == 0

    jpeg = Link(probe, CompressedImage, '/arm/left/image_raw/compressed')
    Link(probe, Image, '/arm/left/image_raw')
    probe.until(info.get_subscription_count, 'a subscription to the camera_info')
    probe.until(lambda: probe.node.count_publishers(info_out), 'a publisher of the camera_info')
    sent = pictures.stamped(CameraInfo(width=7))
    probe.publish_until_heard(info, sent, heard, 'camera_info')
    assert heard[0] == sent
    assert info.get_subscription_count() == probe.node.count_publishers(info_out) == 1
    jpeg.send(pictures.compressed(picture()))


def test_camera_that_goes_and_returns_is_served_again_and_nothing_grows(world):
    world.start(input_topics=['/*/image_raw'])
    probe = world.probe
    link = Link(probe, Image, '/front/image_raw')

    def entities():
        return (
            probe.node.get_publisher_names_and_types_by_node('anonymizer_node', '/'),
            probe.node.get_subscriber_names_and_types_by_node('anonymizer_node', '/'),
            probe.node.count_publishers('/anonymized/front/image_raw'),
            len(topics_under(probe, '/anonymized')),
        )

    before = entities()
    for _ in range(3):
        probe.node.destroy_publisher(link.publisher)
        probe.until(lambda: not probe.node.count_publishers('/front/image_raw'), 'no camera')
        reported = probe.next_health('/front/image_raw')
        assert reported.values['input'] == '/front/image_raw'
        link.publisher = probe.publisher(Image, '/front/image_raw')
        link.send(pictures.raw(picture()))
        assert entities() == before
    # Each that came is one that was known: no frame was counted by a second camera.
    assert said(probe, OK, '1 cameras.')


def test_outputs_are_never_inputs_wherever_they_are_remapped_to(world):
    remap = '/anonymized/front/image_raw:=/clean/front/image_raw'
    node = world.start('-r', remap, input_topics=['/**'])
    probe = world.probe
    words = probe.publisher(String, '/words', wait=False)
    cut = probe.publisher(CompressedImage, '/front/image_raw/compressedDepth', wait=False)
    camera = probe.publisher(Image, '/front/image_raw')
    heard = probe.subscribe(Image, '/clean/front/image_raw')
    info = probe.subscribe(CameraInfo, '/anonymized/front/camera_info')

    def came():
        camera.publish(pictures.raw(picture()))
        probe.spin_for(0.1)
        return heard

    probe.until(came, 'a frame')
    # Reports, and with them looks at the graph, go on with all outputs in sight.
    for _ in range(8):
        status = probe.next_health(STATUS)
    assert status.level == OK
    assert status.values['cameras'] == '/front/image_raw'
    assert topics_under(probe, '/anonymized') == ['/anonymized/front/camera_info']
    left_out = status.values['left out, no image type that can be read']
    assert left_out.startswith('/front/image_raw/compressedDepth (sensor_msgs/msg/CompressedImage)')
    assert '/words (std_msgs/msg/String)' in left_out
    assert 'camera_info' not in left_out
    assert node.output.count('/words (std_msgs/msg/String)') == 1
    assert words.get_subscription_count() == cut.get_subscription_count() == 0
    assert info == []


def test_two_nodes_with_patterns_do_not_feed_each_other_without_end(world):
    world.start('-r', '__node:=one', input_topics=['/**/image_raw'], output_prefix='/one')
    world.start('-r', '__node:=two', input_topics=['/**/image_raw'], output_prefix='/two')
    probe = world.probe
    probe.publisher(Image, '/front/image_raw')
    expected = ['/one/front/image_raw', '/two/front/image_raw']
    expected += ['/one/two/front/image_raw', '/two/one/front/image_raw']

    def images():
        under = topics_under(probe, '/one') + topics_under(probe, '/two')
        return sorted(name for name in under if name.endswith('image_raw'))

    probe.until(lambda: images() == sorted(expected), 'each to take the output of the other')
    for _ in range(8):
        probe.next_health(STATUS)
    assert images() == sorted(expected)


def test_late_camera_that_would_loop_is_left_out_with_an_error_and_others_go_on(world):
    # What comes of the rear camera would go in as the front camera's.
    remap = '/anonymized/rear/image_raw:=/front/image_raw'
    world.start('-r', remap, input_topics=['/*/image_raw'])
    probe = world.probe
    front = Link(probe, Image, '/front/image_raw')
    rear = probe.publisher(Image, '/rear/image_raw', wait=False)

    status = said(probe, ERROR, '/rear/image_raw is left out')
    assert "'/front/image_raw' is an input topic too" in status.message
    assert "'/front/image_raw' is an input" in status.values['left out']
    assert rear.get_subscription_count() == 0
    assert is_covered(front.send(pictures.raw(picture())))
    side = Link(probe, Image, '/side/image_raw')
    assert is_covered(side.send(pictures.raw(picture())))
    # It is about what is there now.
    probe.node.destroy_publisher(rear)
    said(probe, OK, '2 cameras.')


def test_camera_found_while_inactive_is_opened_with_the_others(world):
    world.start(input_topics=['/*/image_raw'], autostart=False)
    probe = world.probe
    assert probe.change_state(CONFIGURE)
    camera = probe.publisher(Image, '/front/image_raw', wait=False)
    said(probe, OK, '1 cameras.')
    assert camera.get_subscription_count() == 0
    assert probe.node.count_publishers('/anonymized/front/image_raw') == 0
    for _ in range(2):
        assert probe.change_state(ACTIVATE)
        Link(probe, Image, '/front/image_raw').send(pictures.raw(picture()))
        assert probe.change_state(DEACTIVATE)


def test_relative_pattern_and_action_are_by_namespace(world):
    world.start(
        '-r', '__ns:=/robot',
        input_topics=['cam_*/image'],
        topic_actions=['/robot/cam_b/image=drop'],
    )  # fmt: skip
    probe = world.probe
    other = probe.publisher(Image, '/cam_c/image', wait=False)
    dropped = probe.publisher(Image, '/robot/cam_b/image', wait=False)
    Link(probe, Image, '/robot/cam_a/image').send(pictures.raw(picture()))
    assert probe.next_health(STATUS).values['cameras'] == '/robot/cam_a/image'
    assert other.get_subscription_count() == dropped.get_subscription_count() == 0


def test_slow_cameras_lose_nothing_beside_a_fast_one_and_all_is_counted(world):
    # Each frame takes the detector 0.15 s or more; the fast camera alone asks for far more.
    slow = {
        '/a/image_raw': (Image, pictures.raw),
        '/b/image_raw/compressed': (CompressedImage, pictures.compressed),
        '/c/image_raw': (Image, pictures.raw),
    }
    fast = '/z/image_raw/compressed'
    world.start(input_topics=['/*/image_raw', '/*/image_raw/compressed'], **reliable(*slow, fast))
    probe = world.probe
    import marked_node

    def frame(make):
        return make(picture(corner=marked_node.SLOW))

    links = {topic: (Link(probe, kind, topic), make) for topic, (kind, make) in slow.items()}
    rush = Link(probe, CompressedImage, fast)
    before = {topic: link.books() for topic, (link, _) in links.items()} | {fast: rush.books()}
    rounds = 5
    for _ in range(rounds):
        sent = []
        for link, make in links.values():
            message = frame(make)
            link.publish(message)
            sent.append((link, message))
        for _ in range(20):
            rush.publish(frame(pictures.compressed))
            probe.spin_for(0.01)

        def all_came(sent=sent):
            # The fast one goes on: nobody gets a turn because it is silent.
            rush.publish(frame(pictures.compressed))
            return all(link.answer(message) for link, message in sent)

        probe.until(all_came, 'the frames of the slow cameras')

    def settled(link):
        values = link.books()
        return (
            values['pending'] == 0
            and values['received'] - before[link.topic]['received'] >= link.sent
        )

    for link in (*(link for link, _ in links.values()), rush):
        probe.until(lambda link=link: settled(link), f'the books of {link.topic}')
    for topic, (link, _) in links.items():
        grown = {name: link.books()[name] - before[topic][name] for name in ('received', 'dropped')}
        assert grown == {'received': rounds, 'dropped': 0}
        assert [key(message) for message in link.heard] == sorted(map(key, link.heard))
        assert len(link.heard) == rounds
    after = rush.books()
    grown = {name: after[name] - before[fast][name] for name in before[fast] if name in after}
    assert grown['received'] == rush.sent == grown['published'] + grown['dropped']
    assert grown['dropped'] == grown['dropped: overrun'] + grown.get('dropped: transport', 0) > 0
    assert grown['published'] == len(rush.heard) > 0
