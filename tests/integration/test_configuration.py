"""What the node refuses to start with, and what it lets change while it runs."""

from __future__ import annotations

import hashlib
import shutil
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

import pictures  # noqa: E402
from harness import CLEANUP, CONFIGURE, REPOSITORY, reliable  # noqa: E402
from link import Link  # noqa: E402
from pictures import COVERED, HEIGHT, WIDTH, picture  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

RAW = '/front/image_raw'
OUT = '/anonymized' + RAW
ERROR = b'\x02'


def test_bad_setup_ends_the_process_with_the_reason(world):
    # All that is refused is in tests/ros/test_node.py, without a process for each.
    node = world.start(input_topics=[RAW], metod='blur')
    assert node.wait() == 1
    assert "Parameter 'metod' is unknown; known are classes, " in node.output
    assert 'Traceback' not in node.output


def check_refused(world, reason):
    """The node is told to configure, refuses, and says why."""
    probe = world.probe
    heard = probe.subscribe(Image, OUT, wait=False)
    publisher = probe.publisher(Image, RAW, wait=False)
    assert not probe.change_state(CONFIGURE)
    assert probe.state() == 'unconfigured'
    publisher.publish(pictures.raw(picture()))
    status = probe.next_health('detector')
    assert status.level == ERROR
    assert reason in status.message
    assert heard == []
    assert probe.node.count_publishers(OUT) == 0


def test_refused_node_that_is_managed_stays_and_says_why(world):
    world.start(input_topics=[RAW], method='none', autostart=False)
    check_refused(world, "method 'none' is unknown")
    # It can be put right without a restart.
    assert world.probe.set_parameters(method='pixelate').successful
    assert world.probe.change_state(CONFIGURE)


def test_remapping_an_output_onto_its_input_is_refused(world):
    world.start('-r', f'{OUT}:={RAW}', input_topics=[RAW], autostart=False)
    check_refused(world, f"Output topic '{RAW}' is an input topic too")


def test_missing_model_is_refused(world, tmp_path):
    model = tmp_path / 'absent.onnx'
    world.start(script='', input_topics=[RAW], model=str(model), autostart=False)
    check_refused(world, 'can not be read')


def test_file_that_is_no_model_is_refused(world, tmp_path):
    model = tmp_path / 'person.onnx'
    model.write_bytes(b'not a model')
    world.start(script='', input_topics=[RAW], model=str(model), autostart=False)
    check_refused(world, 'can not be loaded as an ONNX model')


def test_altered_model_is_refused(world, tmp_path):
    models = tmp_path / 'models'
    if not (REPOSITORY / 'models' / 'models.yaml').is_file():
        pytest.skip('models/models.yaml is not in this checkout')
    shutil.copytree(REPOSITORY / 'models', models)
    for model in models.glob('*.onnx'):
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)
        altered = hashlib.sha256(content).hexdigest()
    world.start(
        script='other_models_node.py',
        environment={'OTHER_MODELS': str(models)},
        input_topics=[RAW],
        autostart=False,
    )
    check_refused(world, f'has SHA-256 {altered}')


def test_topic_of_another_type_is_refused(world):
    from std_msgs.msg import String

    probe = world.probe
    probe.publisher(String, '/front/words', wait=False)
    world.start(input_topics=['/front/words'], autostart=False)
    probe.state()

    def is_refused() -> bool:
        if probe.change_state(CONFIGURE):  # It has not heard of the publisher yet.
            probe.change_state(CLEANUP)
            return False
        return 'std_msgs/msg/String' in probe.next_health('detector').message

    probe.until(is_refused, 'a refusal')


def test_type_is_taken_from_the_publisher_where_there_is_one(world):
    topic = '/front/jpegs'
    probe = world.probe
    probe.publisher(CompressedImage, topic, wait=False)
    world.start(input_topics=[topic], autostart=False)
    probe.state()

    # The node may need a moment to see the publisher; configuring again is the remedy it names.
    def taken():
        assert probe.change_state(CONFIGURE)
        if probe.next_health(topic).values['type'] == 'sensor_msgs/msg/CompressedImage':
            return True
        assert probe.change_state(CLEANUP)
        return False

    probe.until(taken, 'the type of the publisher')


def test_settings_change_at_run_time_together_or_not_at_all(world):
    world.start(input_topics=[RAW])
    probe = world.probe
    link = Link(probe, Image, RAW)

    refused = probe.set_parameters(method='pixelate', strength=7.0)
    assert not refused.successful
    assert 'strength' in refused.reason
    assert probe.get_parameter('method') == 'blackout'
    refused = probe.set_parameters(padding=0, method='none')
    assert not refused.successful
    assert "'none' is unknown; choose from blackout, pixelate, blur" in refused.reason
    refused = probe.set_parameters(classes=['person', 'unicorn'])
    assert not refused.successful
    assert "No model has a class 'unicorn'" in refused.reason
    refused = probe.set_parameters(input_topics=['/other'])
    assert not refused.successful
    assert 'read-only' in refused.reason
    x0, y0, x1, y1 = COVERED
    inside = pictures.pixels_of(link.send(pictures.raw(picture()))).reshape(HEIGHT, WIDTH, 3)
    assert not inside[y0:y1, x0:x1].any()

    assert probe.set_parameters(method='pixelate', padding=0, strength=1.0).successful
    inside = pictures.pixels_of(link.send(pictures.raw(picture()))).reshape(HEIGHT, WIDTH, 3)
    assert (inside[24:104, 40:88] == (255, 0, 255)).all()  # The average of one colour.
    settings = probe.next_health('detector').values
    assert (settings['method'], settings['padding'], settings['strength']) == (
        'pixelate',
        '0.0',
        '1.0',
    )


def test_max_rate_is_kept_and_its_drops_are_counted(world):
    world.start(input_topics=[RAW], **reliable(RAW))
    probe = world.probe
    link = Link(probe, Image, RAW)
    assert probe.set_parameters(max_rate_hz=5.0).successful
    before = link.books()

    began_s = time.monotonic()
    for _ in range(30):
        link.publish(pictures.raw(picture()))
        probe.spin_for(1 / 30)
    seconds = time.monotonic() - began_s
    after = link.books()

    grown = {name: after[name] - before[name] for name in ('received', 'published')}
    assert grown['received'] == link.sent
    assert 2 <= grown['published'] <= 5.0 * seconds + 2
    assert after['dropped: rate'] == link.sent - grown['published']
    assert probe.health(RAW).level == b'\x00'


def test_descriptions_say_unit_bounds_and_choices(world):
    world.start(input_topics=[RAW])
    hold, size, method, topics = world.probe.describe(
        'hold_seconds', 'input_size', 'method', 'input_topics'
    )
    assert hold.description.endswith('[s]')
    assert (hold.floating_point_range[0].from_value, hold.floating_point_range[0].to_value) == (
        0.0,
        10.0,
    )
    assert size.integer_range[0].step == 32
    assert size.read_only
    assert 'pixelate' in method.additional_constraints
    assert not method.read_only
    assert topics.type == 9


def test_namespace_and_remaps_name_the_output(world):
    world.start(
        '-r', '__ns:=/robot', '-r', 'camera/image:=/driver/image_raw',
        input_topics=['camera/image', 'rear/image'],
    )  # fmt: skip
    probe = world.probe
    probe.subscribe(Image, '/anonymized/driver/image_raw')
    probe.subscribe(Image, '/anonymized/robot/rear/image')
    probe.publisher(Image, '/driver/image_raw')
    probe.publisher(Image, '/robot/rear/image')


def test_qos_can_be_overridden(world):
    from rclpy.qos import QoSReliabilityPolicy

    name = f'qos_overrides.{OUT}.publisher.reliability'
    world.start(input_topics=[RAW], **{name: 'best_effort'})
    probe = world.probe
    probe.subscribe(Image, OUT, reliable=False)
    offered = probe.node.get_publishers_info_by_topic(OUT)[0].qos_profile
    assert offered.reliability == QoSReliabilityPolicy.BEST_EFFORT
