from __future__ import annotations

import pytest

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.ros.topics import COMPRESSED, RAW, patterns_of, plan_cameras, plan_found


def plan(*topics, types=None, remaps=None, **settings):
    types, remaps = types or {}, remaps or {}

    def expand(name):
        return name if name.startswith('/') else f'/ns/{name}'

    return plan_cameras(
        Settings(input_topics=topics, **settings),
        expand,
        lambda name: remaps.get(expand(name), expand(name)),
        lambda name: types.get(name, []),
    )


def test_output_is_the_prefix_and_the_whole_name():
    raw, jpeg = plan('/front/image_raw', '/front/image_raw/compressed')
    assert (raw.output, raw.type_name) == ('/anonymized/front/image_raw', RAW)
    assert (jpeg.output, jpeg.type_name) == ('/anonymized/front/image_raw/compressed', COMPRESSED)


def test_relative_name_is_expanded_and_remapped_once():
    (made,) = plan('camera', remaps={'/ns/camera': '/driver/image', '/driver/image': '/wrong'})
    assert (made.input, made.input_name) == ('/ns/camera', '/driver/image')
    assert made.output == '/anonymized/driver/image'


@pytest.mark.parametrize(
    ('topic', 'offered', 'type_name'),
    [
        ('/a/image', [], RAW),
        ('/a/image/compressed', [], COMPRESSED),
        ('/a/jpegs', [COMPRESSED], COMPRESSED),
        ('/a/compressed', [RAW], RAW),
        ('/a/image', [COMPRESSED, RAW], RAW),
        ('/a/image/compressed', [RAW, COMPRESSED], COMPRESSED),
        ('/a/image', ['std_msgs/msg/String', COMPRESSED], COMPRESSED),
    ],
)
def test_type_is_what_is_offered_or_what_the_name_says(topic, offered, type_name):
    (made,) = plan(topic, types={topic: offered})
    assert made.type_name == type_name


@pytest.mark.parametrize(
    ('topics', 'infos'),
    [
        (['/front/image_raw'], ['/front/camera_info']),
        (['/front/image_raw/compressed'], ['/front/camera_info']),
        (['/front/image_raw', '/front/image_raw/compressed'], ['/front/camera_info', '']),
        (['/front/image_raw', '/rear/image_raw'], ['/front/camera_info', '/rear/camera_info']),
        (['/image'], ['/camera_info']),
    ],
)
def test_camera_info_lies_beside_the_image_and_is_passed_on_once(topics, infos):
    made = plan(*topics)
    assert [camera.info for camera in made] == infos
    for camera in made:
        assert camera.info_output == (f'/anonymized{camera.info}' if camera.info else '')


def test_who_follows_whom_is_planned_by_resolved_names():
    made = plan(
        '/a/depth', '/a/color', '/b', remaps={'/a/color': '/c'}, follow=('/a/depth=/a/color',)
    )
    assert [(camera.input_name, camera.twin) for camera in made] == [
        ('/a/depth', '/c'),
        ('/c', ''),
        ('/b', ''),
    ]


REFUSED = {
    'follows nobody': (['/a'], {'follow': ('/a=/b',)}, "follow names '/b', which is none"),
    'nobody follows': (['/b'], {'follow': ('/a=/b',)}, "follow names '/a', which is none"),
    'none': ((), {}, 'input_topics is empty'),
    'depth': (['/a/compressedDepth'], {}, "give '/a' or '/a/compressed' in its place"),
    'theora': (['/a/theora'], {}, "image_transport of kind 'theora'"),
    'words': (['/a'], {'types': {'/a': ['std_msgs/msg/String']}}, "the type 'std_msgs/msg/String'"),
    'output of ours': (['/anonymized/a'], {}, 'lies under output_prefix'),
    'feeds itself': (['/a', '/anonymized/a'], {}, "Output topic '/anonymized/a' is an input topic"),
    'remapped onto input': (
        ['/a'], {'remaps': {'/anonymized/a': '/a'}}, "Output topic '/a' is an input topic"
    ),
    'remapped onto other input': (
        ['/a', '/b'], {'remaps': {'/anonymized/a': '/b'}}, "Output topic '/b' is an input topic"
    ),
    'info onto itself': (
        ['/x/a'],
        {'remaps': {'/anonymized/x/camera_info': '/x/camera_info'}},
        "Output topic '/x/camera_info' is an input topic",
    ),
    'two names of one': (['/a', '/b'], {'remaps': {'/b': '/a'}}, "'/a' is meant by two"),
    'two outputs in one': (
        ['/a', '/b'], {'remaps': {'/anonymized/a': '/c', '/anonymized/b': '/c'}}, "'/c' is meant by"
    ),
    'prefix of inputs': (['/robot/a'], {'output_prefix': '/robot'}, 'lies under output_prefix'),
    'copy': (
        ['/a'], {'topic_actions': ('/a=copy',)}, "take '/a' out of input_topics and record it"
    ),
    'infos in one': (
        ['/x/a', '/y/a'],
        {'remaps': {'/anonymized/y/camera_info': '/anonymized/x/camera_info'}},
        "'/anonymized/x/camera_info' would get a camera_info and something else",
    ),
    'info onto an output': (
        ['/x/a'],
        {'remaps': {'/anonymized/x/camera_info': '/anonymized/x/a'}},
        "'/anonymized/x/a' would get a camera_info and something else",
    ),
    'info onto an image': (
        ['/x/a', '/y/a'],
        {'remaps': {'/anonymized/x/camera_info': '/y/a'}},
        "Output topic '/y/a' is an input topic",
    ),
    'info onto other info': (
        ['/x/a', '/y/a'],
        {'remaps': {'/anonymized/x/camera_info': '/y/camera_info'}},
        "Output topic '/y/camera_info' is an input topic",
    ),
    'image onto an info': (
        ['/x/a'],
        {'remaps': {'/anonymized/x/a': '/x/camera_info'}},
        "'/x/camera_info' is an image's and the camera_info",
    ),
    'info read from an image': (
        ['/x/a'], {'remaps': {'/x/camera_info': '/x/a'}}, 'would get a camera_info and something'
    ),
    'action for another topic': (
        ['/a'], {'topic_actions': ('/b=copy',)}, "has no effect in the node for '/b'"
    ),
    'all dropped': (['/a'], {'topic_actions': ('/a=drop',)}, 'nothing is left to do'),
}  # fmt: skip


@pytest.mark.parametrize('case', REFUSED)
def test_topics_that_can_not_be_anonymised_are_refused(case):
    topics, about, reason = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        plan(*topics, **about)
    assert reason in str(caught.value)


def test_dropped_topic_is_left_out():
    made = plan('/a', '/b', topic_actions=('/a=drop',))
    assert [camera.input_name for camera in made] == ['/b']
    assert made[0].info == '/camera_info'


def test_camera_info_that_two_cameras_share_by_remapping_is_passed_on_once():
    made = plan('/x/a', '/y/a', remaps={'/y/camera_info': '/x/camera_info'})
    assert [camera.info for camera in made] == ['/x/camera_info', '']


def test_patterns_are_left_for_later_and_names_beside_them_are_planned():
    made = plan('/*/image_raw', '/front/image')
    assert [camera.input_name for camera in made] == ['/front/image']
    assert plan('/*/image_raw') == ()


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('/*/image', '/a/image'),
        ('*/image', '/ns/a/image'),
        ('~/*', '/ns/node/image'),
        ('**', '/ns/a/b'),
    ],
)
def test_pattern_is_made_absolute_as_a_name_is(text, name):
    def expand(given):
        if given == '~':
            return '/ns/node'
        assert '*' not in given
        return given if given.startswith('/') else f'/ns/{given}'

    (pattern,) = patterns_of(Settings(input_topics=(text, '/plain')), expand)
    assert pattern.matches(name)
    assert not pattern.matches('/image')


def test_bad_pattern_is_refused():
    with pytest.raises(ConfigError, match='is not a pattern of topic names'):
        plan('/a**/b')


def test_action_for_what_a_pattern_means_has_an_effect():
    assert plan('/*', topic_actions=('/a=drop',)) == ()
    with pytest.raises(ConfigError, match='or have it dropped where a pattern means it'):
        plan('/*', topic_actions=('/a=copy',))
    with pytest.raises(ConfigError, match=r"none of the input_topics \['/\*'\]"):
        plan('/*', topic_actions=('/a/b=drop',))


def test_all_names_dropped_beside_a_pattern_is_no_error():
    assert plan('/*/image', '/a', topic_actions=('/a=drop',)) == ()


def test_found_camera_is_checked_against_those_that_there_are():
    remaps = {'/anonymized/b': '/a'}
    plans = plan('/a')
    settings = Settings(input_topics=('/**',))

    def find(topic):
        return plan_found(settings, plans, topic, RAW, lambda name: remaps.get(name, name))

    with pytest.raises(ConfigError, match="Output topic '/a' is an input topic too"):
        find('/b')
    found = find('/c')
    assert (found.input, found.output_name, found.info) == ('/c', '/anonymized/c', '')
    other = find('/x/c')
    assert (other.info_name, other.info_output_name) == (
        '/x/camera_info',
        '/anonymized/x/camera_info',
    )
