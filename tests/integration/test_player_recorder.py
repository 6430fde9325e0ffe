"""The camera player and the recorder, as processes over the real DDS."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')
pytest.importorskip('skimage', reason='pip install scikit-image matplotlib')

import harness

from anonymizer_node.demo.processes import Children, StageError
from anonymizer_node.formats.bags import BagReader

DOMAINS = range(102, 121)
TOPICS = ('/front/image_raw', '/rear/image_raw/compressed', '/front/camera_info', '/imu/data')


@pytest.fixture
def children(tmp_path):
    env = harness.environment(DOMAINS[os.getpid() % len(DOMAINS)], tmp_path)
    with Children(env | {'PYTHONUNBUFFERED': '1'}, tmp_path) as made:
        yield made


def start_recorder(children, out, *more):
    return children.start(
        'recorder',
        [sys.executable, '-m', 'anonymizer_node.ros.recorder', str(out), *more],
    )


def start_player(children, out, *more):
    cameras = ('front=workshop:bgr8:10:reliable', 'rear=yard:jpeg:10:reliable')
    words = [word for camera in cameras for word in ('--camera', camera)]
    return children.start(
        'player',
        [sys.executable, '-m', 'anonymizer_node.ros.camera_player', str(out), *words,
         '--seconds', '1', '--wait', '30', *more],
    )  # fmt: skip


def contents(bag):
    """Topic -> messages in CDR, in order, without the zeros that DDS pads it with."""
    found = {}
    with BagReader(bag) as reader:
        for message in reader.messages():
            found.setdefault(message.topic.name, []).append(message.data.rstrip(b'\0'))
    return found


def qos(bag):
    with BagReader(bag) as reader:
        return {topic.name: topic.qos[0].reliability for topic in reader.topics}


def test_what_is_played_is_recorded_byte_for_byte(children, tmp_path):
    recorder = start_recorder(
        children, tmp_path / 'recorded', '--regex', '/(front|rear|imu)/.*', '--expect', *TOPICS
    )
    player = start_player(children, tmp_path / 'played', '--on-command')
    children.wait_for_line(player, 'player: ready', 60)
    children.wait_for_line(recorder, 'recorder: ready', 60)
    player.send_line()
    children.wait_for_line(player, 'player: played', 60)
    recorder.interrupt()
    recorder.wait(60)
    player.end_input()
    player.wait(60)

    played, recorded = contents(tmp_path / 'played'), contents(tmp_path / 'recorded')
    assert {name: len(messages) for name, messages in played.items()} == {
        '/front/image_raw': 10,
        '/front/camera_info': 10,
        '/rear/image_raw/compressed': 10,
        '/rear/camera_info': 10,
        '/imu/data': 50,
    }
    assert recorded == played
    assert qos(tmp_path / 'recorded') == qos(tmp_path / 'played')
    truth = json.loads((tmp_path / 'played' / 'truth.json').read_text())
    assert len(truth) == 20


def test_the_recorder_ends_by_itself_once_it_has_what_was_asked_for(children, tmp_path):
    recorder = start_recorder(
        children,
        tmp_path / 'recorded',
        '--regex',
        '/front/image_raw|/rear/.*|/imu/.*',
        '--count',
        '/front/image_raw=10',
        '/rear/image_raw/compressed=10',
    )
    player = start_player(children, tmp_path / 'played')
    recorder.wait(60)
    player.wait(60)

    assert len(contents(tmp_path / 'recorded')['/front/image_raw']) == 10


def test_the_player_says_who_does_not_listen(children, tmp_path):
    player = start_player(children, tmp_path / 'played', '--wait', '0.5')

    with pytest.raises(StageError, match='nobody subscribes to /front/image_raw'):
        player.wait(60)


def test_the_recorder_says_who_does_not_publish(children, tmp_path):
    recorder = start_recorder(
        children, tmp_path / 'recorded', '--expect', '/absent', '--wait', '0.5'
    )

    with pytest.raises(StageError, match='nobody publishes /absent'):
        recorder.wait(60)


@pytest.mark.parametrize('handler', [signal.default_int_handler, signal.SIG_IGN])
def test_the_player_interrupted_leaves_no_bag(children, tmp_path, handler):
    before = signal.signal(signal.SIGINT, handler)  # Ignored in what a script has put behind.
    start_recorder(children, tmp_path / 'recorded', '--regex', '/front/image_raw|/rear/.*|/imu/.*')
    player = start_player(children, tmp_path / 'played', '--on-command')
    signal.signal(signal.SIGINT, before)
    children.wait_for_line(player, 'player: ready', 60)

    player.interrupt()

    with pytest.raises(StageError, match='no bag was written'):
        player.wait(60)
    assert not (tmp_path / 'played').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [(('--count', 'x'), 'TOPIC=N'), (('--regex', '('), 'pattern')],
)
def test_a_recorder_that_is_called_wrongly_says_so(children, tmp_path, words, message):
    recorder = start_recorder(children, tmp_path / 'recorded', *words)

    with pytest.raises(StageError, match=message):
        recorder.wait(60)
