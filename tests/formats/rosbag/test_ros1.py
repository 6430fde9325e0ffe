"""ROS 1 bags are read as if rosbag2 had recorded them."""

import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from samples.bags import IMAGE, digest, read_messages
from samples.detectors import BrightDetector
from samples.images import noise

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline.bag import anonymize_bag

OWN = 'vendor_msgs/msg/Reading'
OWN_TEXT = 'Header header\ntime when\nchar[] blob\nfloat32[2] pair\nstring words\n'


def ros1_bag(path, compression=None):
    types = get_typestore(Stores.ROS1_NOETIC)
    types.register(get_types_from_msg(OWN_TEXT, OWN))
    made = types.types
    stamp = made['builtin_interfaces/msg/Time'](12, 34)
    header = made['std_msgs/msg/Header'](77, stamp, 'front')
    pixels = noise(16, 12) // 2
    pixels[4:12, 2:6] |= 0xC8
    messages = [
        ('/front', IMAGE, made[IMAGE](header, 16, 12, 'bgr8', 0, 36, pixels.reshape(-1)), False),
        (
            '/info',
            'sensor_msgs/msg/CameraInfo',
            made['sensor_msgs/msg/CameraInfo'](
                header,
                16,
                12,
                'plumb_bob',
                np.array([0.1, 0.2]),
                np.arange(9.0),
                np.arange(9.0),
                np.arange(12.0),
                0,
                0,
                made['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False),
            ),
            True,
        ),
        (
            '/own',
            OWN,
            made[OWN](
                header, stamp, np.array([1, 2], np.uint8), np.array([1, 2], np.float32), 'hi'
            ),
            False,
        ),
        ('/log', 'std_msgs/msg/String', made['std_msgs/msg/String']('hello'), False),
    ]
    writer = Writer(path)
    if compression is not None:
        writer.set_compression(Writer.CompressionFormat[compression])
    with writer:
        for index, (topic, msgtype, message, latching) in enumerate(messages):
            connection = writer.add_connection(
                topic, msgtype, typestore=types, latching=int(latching)
            )
            data = types.serialize_ros1(message, msgtype)
            writer.write(connection, 1_000_000_000 + index, data)
    return path


@pytest.mark.parametrize('compression', [None, 'LZ4', 'BZ2'])
def test_a_ros1_bag_becomes_messages_of_ros2(tmp_path, compression):
    path = ros1_bag(tmp_path / 'in.bag', compression)
    before = digest(path)
    with BagReader(path) as reader:
        found = {
            m.topic.name: (m, reader.decode(m.topic.msgtype, m.data)) for m in reader.messages()
        }
        topics = {topic.name: topic for topic in reader.topics}
        assert reader.count == 4
        assert 'header.seq' in reader.notes[0]
        assert reader.losses == []
        assert reader.leaves(OWN) is not None
    assert [item[0].time_ns for item in found.values()] == [1_000_000_000 + i for i in range(4)]
    image = found['/front'][1]
    assert (image.header.stamp.sec, image.header.stamp.nanosec) == (12, 34)
    assert (image.header.frame_id, image.encoding, image.step) == ('front', 'bgr8', 36)
    info = found['/info'][1]
    assert info.d.tolist() == [0.1, 0.2], 'fields that ROS 2 calls otherwise'
    assert info.p.tolist() == list(range(12))
    own = found['/own'][1]
    assert (own.words, own.when.sec, own.pair.tolist()) == ('hi', 12, [1.0, 2.0])
    assert found['/log'][1].data == 'hello'
    assert topics['/info'].qos[0].durability == QosDurability.TRANSIENT_LOCAL
    assert topics['/log'].qos[0].durability == QosDurability.VOLATILE
    assert topics['/log'].type_hash.startswith('RIHS01_')
    assert 'std_msgs/Header header' in topics['/own'].definition
    assert digest(path) == before


def test_a_ros1_bag_is_anonymised_into_a_rosbag2(tmp_path):
    path = ros1_bag(tmp_path / 'in.bag')
    settings = Settings(padding=0.0, hold_seconds=0.0, topic_actions=('/own=copy',))
    report = anonymize_bag(path, tmp_path / 'out', settings, [BrightDetector()])
    assert report.clean, report
    assert 'ROS 1' in report.notes[0]
    (image,) = read_messages(tmp_path / 'out', '/front')
    pixels = np.asarray(image.data).reshape(16, 12, 3)
    assert not pixels[4:12, 2:6].any()
    assert pixels[:4].any()
    (own,) = read_messages(tmp_path / 'out', '/own')
    assert own.words == 'hi'


def test_bytes_in_a_ros1_message_are_suspected_like_others(tmp_path):
    path = ros1_bag(tmp_path / 'in.bag')
    settings = Settings(padding=0.0, hold_seconds=0.0)
    report = anonymize_bag(path, tmp_path / 'out', settings, [BrightDetector()])
    assert not report.clean
    assert report.topics['/own'].action == 'drop'


@pytest.mark.parametrize('length', [13, 200, 1000, -100])
def test_a_ros1_bag_that_was_not_closed_is_refused_with_a_remedy(tmp_path, length):
    path = ros1_bag(tmp_path / 'in.bag')
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match='rosbag reindex'), BagReader(path) as reader:
        list(reader.messages())


def test_a_type_without_a_definition_is_left_out_and_named(tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    with Writer(tmp_path / 'in.bag') as writer:
        odd = writer.add_connection(
            '/odd', OWN, msgdef='vendor_msgs/Secret secret\n', md5sum='0' * 32
        )
        log = writer.add_connection('/log', 'std_msgs/msg/String', typestore=types)
        message = types.types['std_msgs/msg/String']('hello')
        writer.write(odd, 1, b'secret')
        writer.write(log, 2, types.serialize_ros1(message, 'std_msgs/msg/String'))
    with BagReader(tmp_path / 'in.bag') as reader:
        assert [message.topic.name for message in reader.messages()] == ['/log']
        assert '/odd is left out with its 1 messages' in reader.losses[0]
