"""Footage: scenes as messages that a robot's drivers would publish."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader, BagWriter, MessageTypes
from anonymizer_node.simulation.cameras import Camera
from anonymizer_node.simulation.footage import IMU_TOPIC, Footage, Recording, stamped
from anonymizer_node.simulation.scenes import Scene

pytest.importorskip('skimage', reason='pip install scikit-image matplotlib')

CAMERAS = (
    Camera('front', 'workshop', 'bgr8', 5.0, width=160, height=120),
    Camera('rear', 'workshop', 'jpeg', 4.0, True, 160, 120),
    Camera('side', 'yard', 'mono8', 2.0, width=160, height=120),
)
START_NS = 1_700_000_000_999_999_999


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """One second of three cameras, recorded."""
    path = tmp_path_factory.mktemp('footage') / 'bag'
    with BagWriter(path) as writer:
        footage = Footage(CAMERAS, 1.0, 3, writer)
        recording = Recording(footage, writer)
        for shot in footage.shots():
            stamp_ns = START_NS + shot.offset_ns
            recording.add(shot, stamped(shot.data, stamp_ns), stamp_ns)
        recording.save_truth(writer.folder / 'truth.json')
    return path


def messages(path, topic):
    with BagReader(path) as reader:
        return [
            (message.time_ns, reader.decode(message.topic.msgtype, message.data))
            for message in reader.messages()
            if message.topic.name == topic
        ]


def stamp_of(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def test_every_camera_has_images_and_infos_at_its_rate(bag):
    with BagReader(bag) as reader:
        counts = {topic.name: (topic.msgtype, topic.count) for topic in reader.topics}

    assert counts == {
        '/front/image_raw': ('sensor_msgs/msg/Image', 5),
        '/front/camera_info': ('sensor_msgs/msg/CameraInfo', 5),
        '/rear/image_raw/compressed': ('sensor_msgs/msg/CompressedImage', 4),
        '/rear/camera_info': ('sensor_msgs/msg/CameraInfo', 4),
        '/side/image_raw': ('sensor_msgs/msg/Image', 2),
        '/side/camera_info': ('sensor_msgs/msg/CameraInfo', 2),
        IMU_TOPIC: ('sensor_msgs/msg/Imu', 50),
    }


def test_messages_bear_the_time_at_which_they_were_sent(bag):
    for topic in ('/front/image_raw', '/rear/image_raw/compressed', IMU_TOPIC):
        for time_ns, message in messages(bag, topic):
            assert stamp_of(message) == time_ns
    infos = [stamp_of(message) for _, message in messages(bag, '/front/camera_info')]
    assert infos == [stamp_of(message) for _, message in messages(bag, '/front/image_raw')]


def test_images_show_the_scene(bag):
    scene = Scene('workshop', 160, 120, 5.0, 1.0, 3)
    _, image = messages(bag, '/front/image_raw')[3]
    _, jpeg = messages(bag, '/rear/image_raw/compressed')[0]
    _, grey = messages(bag, '/side/image_raw')[1]

    assert (image.encoding, image.step, image.header.frame_id) == (
        'bgr8',
        480,
        'front_optical_frame',
    )
    assert np.array_equal(image.data.reshape(120, 160, 3), scene.frame(3)[0])
    decoded = cv2.imdecode(jpeg.data, cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - scene.frame(0)[0]).mean() < 6
    assert (grey.encoding, grey.step, len(grey.data)) == ('mono8', 160, 160 * 120)


def test_the_truth_names_everybody_in_every_frame(bag):
    truth = json.loads((bag / 'truth.json').read_text())
    scene = Scene('workshop', 160, 120, 5.0, 1.0, 3)
    stamps = [stamp_of(message) for _, message in messages(bag, '/front/image_raw')]
    front = [entry for entry in truth if entry['topic'] == '/front/image_raw']

    assert len(truth) == 5 + 4 + 2
    assert [entry['stamp_ns'] for entry in front] == stamps
    for index, entry in enumerate(front):
        people = [(person['name'], tuple(person['box'])) for person in entry['people']]
        assert people == [(person.name, person.box) for person in scene.frame(index)[1]]
        assert (entry['width'], entry['height']) == (160, 120)


def test_cameras_may_see_scenes_of_their_own():
    types, other = MessageTypes(), replace(CAMERAS[0], name='other')
    same, apart = (
        [
            shot.people
            for shot in Footage([CAMERAS[0], other], 2.0, 3, types, apart).shots()
            if shot.channel in (0, 2) and shot.offset_ns == 10**9
        ]
        for apart in (False, True)
    )

    assert same[0] == same[1]
    assert apart[0] == same[0]
    assert apart[1] != apart[0]


@pytest.mark.parametrize(
    'text',
    [
        'front=workshop:bgr8:15',
        'rear=yard:jpeg:7.5:reliable',
        'a=passage:mono8:5:320x240',
        'b=passage:jpeg:5:1280x720:reliable',
    ],
)
def test_a_camera_is_read_as_it_is_written(text):
    assert str(Camera.parse(text)) == text


@pytest.mark.parametrize(
    'text',
    [
        '',
        'front',
        'front=workshop',
        'front=workshop:bgr8',
        'front=workshop:bgr8:fast',
        'front=workshop:bgr8:0',
        'front=workshop:bgr9:15',
        'front=workshop:bgr8:15:sometimes',
        'front=workshop:bgr8:15:reliable:more',
        '/front=workshop:bgr8:15',
        'front=workshop:bgr8:15:640',
        'front=workshop:bgr8:15:reliable:640x480',
    ],
)
def test_a_camera_written_otherwise_is_refused_with_the_form(text):
    with pytest.raises(InputError, match='NAME=SCENE:TRANSPORT:RATE'):
        Camera.parse(text)


def test_an_unknown_scene_is_refused(tmp_path):
    with pytest.raises(InputError, match='attic'), BagWriter(tmp_path / 'bag') as writer:
        Footage([Camera('front', 'attic', 'bgr8', 5.0)], 1.0, 1, writer)
