from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from anonymizer_node.core.config import Settings
from anonymizer_node.core.topic_patterns import TopicPattern
from anonymizer_node.ros.diagnostics import ERROR, OK, WARN
from anonymizer_node.ros.discovery import MOST_NAMED, Discovery
from anonymizer_node.ros.topics import COMPRESSED, RAW

REPOSITORY = Path(__file__).resolve().parents[2]
INFO = 'sensor_msgs/msg/CameraInfo'
WORDS = 'std_msgs/msg/String'
OURS = '/anonymizer_node'


class World:
    """A graph, and a discovery that looks at it."""

    def __init__(self, *patterns, remaps=None, **settings):
        self.topics = {}
        self.asked = []
        self.noticed = []
        self.plans = []
        settings = Settings(input_topics=patterns, **settings)
        remaps = remaps or {}
        self.discovery = Discovery(
            settings,
            [TopicPattern(pattern) for pattern in patterns],
            OURS,
            self,
            lambda name: remaps.get(name, name),
            self.noticed.append,
        )

    def offer(self, topic, *types, node='driver', publishes=True):
        self.topics[topic] = (types, node if publishes else None)

    def get_topic_names_and_types(self):
        return [(name, list(types)) for name, (types, _) in self.topics.items()]

    def get_publishers_info_by_topic(self, topic):
        self.asked.append(topic)
        types, node = self.topics[topic]
        return [
            SimpleNamespace(topic_type=kind, node_namespace='/', node_name=node)
            for kind in types
            if node
        ]

    def look(self):
        """The names found, which are taken in."""
        found = self.discovery.look(self.plans)
        self.plans += found
        return [plan.input_name for plan in found]

    @property
    def status(self):
        (status,) = self.discovery.statuses(OURS, self.plans)
        return status

    @property
    def values(self):
        return {entry.key: entry.value for entry in self.status.values}


def test_each_camera_is_found_once_when_it_appears():
    world = World('/*/image_raw', '/*/image_raw/compressed')
    assert world.look() == []
    world.offer('/b/image_raw', RAW)
    world.offer('/a/image_raw/compressed', COMPRESSED)
    world.offer('/a/other', RAW)
    assert world.look() == ['/a/image_raw/compressed', '/b/image_raw']
    assert world.look() == []
    world.offer('/a/image_raw', RAW)
    assert world.look() == ['/a/image_raw']
    # Gone and back again is nothing new.
    world.topics.clear()
    assert world.look() == []
    world.offer('/b/image_raw', RAW)
    assert world.look() == []
    assert [plan.type_name for plan in world.plans] == [COMPRESSED, RAW, RAW]
    assert [plan.info for plan in world.plans] == ['/a/camera_info', '/b/camera_info', '']


@pytest.mark.parametrize(
    ('topic', 'types'),
    [
        ('/anonymized/a', [RAW]),
        ('/other/anonymized/a', [RAW]),
        ('/camera_info', [INFO]),
    ],
)
def test_output_and_camera_info_are_left_out_without_a_word(topic, types):
    world = World('/**')
    world.offer('/a', RAW)
    world.offer(topic, *types)
    assert world.look() == ['/a']
    assert world.noticed == []
    assert world.status.level == OK


def test_output_that_is_remapped_is_left_out_though_it_was_there_first():
    world = World('/**', remaps={'/anonymized/a': '/clean'})
    world.offer('/a', RAW)
    world.look()
    world.offer('/clean', RAW, node='somebody')
    assert world.look() == []
    assert world.noticed == []


def test_what_a_node_of_our_name_publishes_is_no_camera():
    # Such as an earlier process, which is gone and still seen for a while.
    world = World('/**')
    world.offer('/clean', RAW, node='anonymizer_node')
    assert world.look() == []
    world.offer('/clean', RAW, node='driver')
    assert world.look() == ['/clean']


def test_topic_that_is_only_listened_to_is_no_camera_yet():
    world = World('/**')
    world.offer('/a', RAW, publishes=False)
    assert world.look() == []
    assert world.noticed == []
    assert world.status.level == WARN
    world.offer('/a', RAW)
    assert world.look() == ['/a']


def test_what_no_codec_reads_is_named_once_and_nobody_is_asked_about_it():
    world = World('/**')
    world.offer('/words', WORDS)
    world.offer('/z/compressedDepth', COMPRESSED)
    world.offer('/a', RAW)
    for _ in range(3):
        world.look()
    assert world.asked == ['/a']
    (notice,) = world.noticed
    told = f'/z/compressedDepth ({COMPRESSED}), /words ({WORDS})'
    assert told in notice
    assert world.values['left out, no image type that can be read'] == told
    assert world.status.level == OK
    for number in range(MOST_NAMED + 5):
        world.offer(f'/n{number}', WORDS)
    world.look()
    assert len(world.noticed) == 2
    assert 'and 5 more' in world.noticed[1]
    assert '/words' not in world.noticed[1]


def test_topic_that_becomes_readable_is_taken():
    world = World('/**')
    world.offer('/a', WORDS)
    assert world.look() == []
    world.offer('/a', WORDS, RAW)
    assert world.look() == ['/a']
    assert world.values['left out, no image type that can be read'] == ''


REFUSED = {
    'output is an input': ({'/anonymized/b': '/a'}, '/b', "'/a' is an input topic too"),
    'input is an output': ({'/anonymized/b': '/z/c'}, '/z/c', None),
    'outputs are one': ({'/anonymized/b': '/c', '/anonymized/a': '/c'}, '/b', "'/c' is meant by"),
    'renamed by ourselves': ({'/b': '/c'}, '/b', "remapped to '/c'"),
    'infos are one': (
        {'/anonymized/y/camera_info': '/anonymized/camera_info'}, '/y/b', 'would get a camera_info'
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', REFUSED)
def test_clash_is_left_out_with_an_error_and_others_go_on(case):
    remaps, topic, reason = REFUSED[case]
    world = World('/**', remaps=remaps)
    world.offer('/a', RAW)
    world.look()
    world.offer('/b', RAW)
    world.offer(topic, RAW)
    world.offer('/last', RAW)
    found = world.look()
    assert '/last' in found
    if reason is None:  # It is the output of a camera found in the same look: not a word.
        assert topic not in found
        assert world.noticed == []
        return
    assert topic not in found
    assert world.status.level == ERROR
    assert topic in world.status.message
    assert f'{topic}: ' in world.values['left out']
    assert reason in world.values['left out']
    world.look()
    assert len([notice for notice in world.noticed if reason in notice]) == 1
    del world.topics[topic]
    world.look()
    assert world.status.level == OK


def test_plan_that_could_not_be_carried_out_is_an_error():
    world = World('/**')
    world.offer('/a', RAW)
    (plan,) = world.discovery.look([])
    world.discovery.refuse(plan, 'RCLError: no room')
    assert world.status.level == ERROR
    assert world.status.message == '/a is left out: RCLError: no room'
    assert world.noticed == ['/a is left out, though input_topics matches: RCLError: no room']


def test_dropped_by_its_owner_is_left_out_without_a_word():
    world = World('/*', topic_actions=('/a=drop',))
    world.offer('/a', RAW)
    assert world.look() == []
    assert world.noticed == []


def test_pattern_without_a_camera_is_warned_about():
    world = World('/*/a', '/*/b')
    world.look()
    assert (world.status.level, world.status.message) == (
        WARN,
        'No camera matches /*/a, /*/b so far.',
    )
    world.offer('/x/a', RAW)
    world.look()
    assert world.status.message == 'No camera matches /*/b so far.'
    assert world.values['cameras'] == '/x/a'


def test_without_patterns_nothing_is_looked_for_or_said():
    world = World()
    world.offer('/a', RAW)
    assert world.look() == []
    assert world.discovery.statuses(OURS, []) == []


def test_document_has_every_key_and_no_other():
    document = (REPOSITORY / 'docs' / 'diagnostics.md').read_text(encoding='utf-8')
    section = document.split('\n## Keys of input_topics\n')[1].split('\n## ')[0]
    rows = [line.split('`')[1] for line in section.splitlines() if line.startswith('| `')]
    assert rows == list(World('/*').values)


def test_examples_of_the_document_hold():
    document = (REPOSITORY / 'docs' / 'cameras.md').read_text(encoding='utf-8')
    table = document.split('\n## Which topics\n')[1].split('\n## ')[0]
    rows = [line for line in table.splitlines() if line.startswith('| `/')]
    assert len(rows) == 4
    for row in rows:
        text, names = row.strip('| ').split(' | ')
        pattern = TopicPattern(text.strip('`'))
        for part in names.split(','):
            for name in re.findall(r'`(/[^`]+)`', part):
                if name != '/robot':
                    assert pattern.matches(name) is ('not' not in part)
