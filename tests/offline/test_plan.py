"""The first law for types: what may hold images is never copied unasked."""

import pytest
from samples.bags import BEST_EFFORT, COMPRESSED, IMAGE, RELIABLE, STRING

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.formats.embedded import IMAGE_FORMS
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.offline.plan import plan, why_image_bearing


def bag(path, *topics):
    """A bag of topics (name, type[, definition]) without messages."""
    with BagWriter(path) as writer:
        for name, msgtype, *definition in topics:
            writer.add_topic(name, msgtype, definition=definition[0] if definition else '')
    return path


def planned(path, *topics, **values):
    with BagReader(bag(path / 'bag', *topics)) as reader:
        return {item.topic.name: item for item in plan(reader, Settings(**values))}


def section(name, text):
    return '=' * 80 + f'\nMSG: {name}\n{text}\n'


@pytest.mark.parametrize('msgtype', CODECS)
def test_every_type_in_the_table_is_anonymised(tmp_path, msgtype):
    (item,) = planned(tmp_path, ('/front', msgtype)).values()
    assert (item.action, item.asked) == ('anonymize', False)


INNOCENT = {
    'std_msgs/msg/String': None,
    'std_msgs/msg/Empty': None,
    'sensor_msgs/msg/CameraInfo': None,
    'sensor_msgs/msg/Imu': None,
    'sensor_msgs/msg/LaserScan': None,
    'sensor_msgs/msg/PointCloud2': None,
    'sensor_msgs/msg/JointState': None,
    'nav_msgs/msg/Odometry': None,
    'nav_msgs/msg/OccupancyGrid': None,
    'tf2_msgs/msg/TFMessage': None,
    'rcl_interfaces/msg/ParameterEvent': None,
    'rcl_interfaces/msg/Log': None,
    'diagnostic_msgs/msg/DiagnosticArray': None,
    'geometry_msgs/msg/TwistStamped': None,
    'nav_msgs/msg/GridCells': None,
    'nav_msgs/msg/Path': None,
    'trajectory_msgs/msg/JointTrajectory': None,
    'sensor_msgs/msg/MultiEchoLaserScan': None,
    'sensor_msgs/msg/PointCloud': None,
    'sensor_msgs/msg/Joy': None,
    'sensor_msgs/msg/BatteryState': None,
    'sensor_msgs/msg/NavSatFix': None,
    'sensor_msgs/msg/Range': None,
    'geometry_msgs/msg/PoseArray': None,
    'geometry_msgs/msg/PolygonStamped': None,
    'geometry_msgs/msg/PoseWithCovarianceStamped': None,
    'action_msgs/msg/GoalStatusArray': None,
    'actionlib_msgs/msg/GoalStatusArray': None,
    'livox_ros_driver2/msg/CustomMsg': 'livox_ros_driver2/CustomPoint[] points\n'
    + '=' * 80
    + '\nMSG: livox_ros_driver2/CustomPoint\nuint32 offset_time\nfloat32 x\nfloat32 y\nfloat32 z\n'
    + 'uint8 reflectivity\nuint8 tag\nuint8 line\n',
    'shape_msgs/msg/Mesh': None,
    'statistics_msgs/msg/MetricsMessage': None,
    'rosgraph_msgs/msg/Clock': None,
    'vendor_msgs/msg/Objects': 'vendor_msgs/Object[] objects\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/Object\nfloat32 x\nfloat32 y\nfloat32 score\nint32 class_id\n',
    'vendor_msgs/msg/Boxes': 'vendor_msgs/Box[] boxes\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/Box\ngeometry_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n'
    + '=' * 80
    + '\nMSG: geometry_msgs/Pose2D\nfloat64 x\nfloat64 y\nfloat64 theta\n',
    'vendor_msgs/msg/Goals': (
        'vendor_msgs/Goal[] goals\n'
        + '=' * 80
        + '\nMSG: vendor_msgs/Goal\nunique_identifier_msgs/UUID id\nint8 status\nuint8 kind\n'
        + '=' * 80
        + '\nMSG: unique_identifier_msgs/UUID\nuint8[16] uuid\n'
    ),
    'vendor_msgs/msg/Key': 'uint8[16] uuid\nuint8[239] page\n',
    'vendor_msgs/msg/Levels': 'float32[16] levels\nint8[8] grid\nuint32[<=8] ids\n',
}


@pytest.mark.parametrize('msgtype', INNOCENT)
def test_what_holds_no_image_is_copied(tmp_path, msgtype):
    definition = INNOCENT[msgtype]
    (item,) = planned(tmp_path, ('/x', msgtype, *([definition] if definition else []))).values()
    assert (item.action, item.asked) == ('copy', False), item.reason
    assert item.told == (), 'no message of it can be a picture'


SUSPICIOUS = {
    'blank definition': ('vendor_msgs/msg/Picture', '', 'definition'),
    'broken definition': ('vendor_msgs/msg/Picture', 'uint8[', 'definition'),
    'part unknown': ('vendor_msgs/msg/Picture', 'vendor_msgs/Other other', 'definition'),
    'bytes without bound': ('vendor_msgs/msg/Picture', 'uint8[] data', "'data'"),
    'byte': ('vendor_msgs/msg/Picture', 'byte[] payload', "'payload'"),
    'char': ('vendor_msgs/msg/Picture', 'char[] payload', "'payload'"),
    'bounded': ('vendor_msgs/msg/Picture', 'uint8[<=1000000] data', "'data'"),
    'fixed': ('vendor_msgs/msg/Picture', 'uint8[4096] data', "'data'"),
    'image and bytes inside': (
        'vendor_msgs/msg/Pair',
        'sensor_msgs/Image left\nuint8[] right',
        "'right'",
    ),
    'image that holds more than its pixels': (
        'sensor_msgs/msg/CompressedImage',
        'std_msgs/Header header\nstring format\nuint8[] data\nuint8[] thumbnail\n',
        "'thumbnail'",
    ),
    'image inside that holds more than its pixels': (
        'vendor_msgs/msg/Pair',
        'foxglove_msgs/RawImage left\n'
        + section('foxglove_msgs/RawImage', 'uint8[] data\nuint8[] mask'),
        "'left.mask'",
    ),
    'foxglove video': (
        'foxglove_msgs/msg/CompressedVideo',
        'builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n',
        "'data'",
    ),
    'deep inside': (
        'vendor_msgs/msg/Outer',
        'vendor_msgs/Inner[2] inner\n' + section('vendor_msgs/Inner', 'string name\nuint8[] blob'),
        "'inner.blob'",
    ),
    'cloud inside': (
        'vendor_msgs/msg/Scan',
        'sensor_msgs/PointCloud2 cloud\nuint8 flag\n',
        "'cloud.data'",
    ),
    'cloud of another shape': (
        'sensor_msgs/msg/PointCloud2',
        'uint8[] data\nuint8[] thumbnail\n',
        "'thumbnail'",
    ),
    'compressed cloud': (
        'point_cloud_interfaces/msg/CompressedPointCloud2',
        'uint8[] compressed_data\n',
        "'compressed_data'",
    ),
    'signed bytes': ('vendor_msgs/msg/Picture', 'int8[] data', "'data'"),
    'rows of a picture': (
        'vendor_msgs/msg/Picture',
        'vendor_msgs/Row[] rows\n' + section('vendor_msgs/Row', 'uint8[64] cells'),
        "'rows.cells'",
    ),
    'rows of a fixed picture': (
        'vendor_msgs/msg/Picture',
        'vendor_msgs/Row[64] rows\n' + section('vendor_msgs/Row', 'uint8[64] cells'),
        "'rows.cells'",
    ),
    'video packet': (
        'ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
        'std_msgs/Header header\nint32 width\nstring encoding\nuint8[] data',
        "'data'",
    ),
    'theora without definition': ('theora_image_transport/msg/Packet', '', 'definition'),
    'small': ('vendor_msgs/msg/Picture', 'uint8[256] px', "'px'"),
    'map of other cells': ('nav_msgs/msg/OccupancyGrid', 'uint8[] data', "'data'"),
    'map with a picture': ('octomap_msgs/msg/Octomap', 'int8[] data\nuint8[] photo', "'photo'"),
    'image in an image': (
        'sensor_msgs/msg/CompressedImage',
        'std_msgs/Header header\nstring format\nuint8[] data\nsensor_msgs/Image raw\n',
        "'raw.data'",
    ),
    'multi array': ('std_msgs/msg/UInt8MultiArray', '', "'data'"),
}


RAW_IMAGE = (
    'builtin_interfaces/Time timestamp\nstring frame_id\nuint32 width\nuint32 height\n'
    'string encoding\nuint32 step\nuint8[] data\n'
)
HOLDING = {
    'one': ('vendor_msgs/msg/Pair', 'sensor_msgs/Image left', ['left']),
    'two': (
        'vendor_msgs/msg/Pair',
        'sensor_msgs/Image left\nstring name\nsensor_msgs/CompressedImage right\n',
        ['left', 'right'],
    ),
    'many': ('vendor_msgs/msg/Many', 'sensor_msgs/CompressedImage[] views', ['views']),
    'deep': (
        'vendor_msgs/msg/Outer',
        'vendor_msgs/Inner[2] inner\n'
        + section('vendor_msgs/Inner', 'string name\nsensor_msgs/Image[<=3] frames'),
        ['inner.frames'],
    ),
    'disparity': ('stereo_msgs/msg/DisparityImage', '', ['image']),
    'foxglove': ('foxglove_msgs/msg/RawImage', RAW_IMAGE, ['']),
    'foxglove inside': (
        'vendor_msgs/msg/Shot',
        'foxglove_msgs/RawImage shot\n' + section('foxglove_msgs/RawImage', RAW_IMAGE),
        ['shot'],
    ),
}


@pytest.mark.parametrize('name', HOLDING)
def test_images_inside_other_types_are_anonymised_there(tmp_path, name):
    msgtype, definition, paths = HOLDING[name]
    (item,) = planned(tmp_path, ('/odd', msgtype, definition)).values()
    assert (item.action, item.asked) == ('anonymize', False), item.reason
    assert [str(place) for place in item.places] == paths
    assert all(path in item.reason for path in paths)


@pytest.mark.parametrize('name', SUSPICIOUS)
def test_what_may_hold_images_is_left_out_and_named(tmp_path, name):
    msgtype, definition, said = SUSPICIOUS[name]
    (item,) = planned(tmp_path, ('/odd', msgtype, definition)).values()
    assert (item.action, item.asked) == ('drop', False)
    assert said in item.reason
    assert '"/odd=copy"' in item.reason


@pytest.mark.parametrize('name', SUSPICIOUS)
def test_its_owner_can_say_copy(tmp_path, name):
    msgtype, definition, _ = SUSPICIOUS[name]
    (item,) = planned(
        tmp_path, ('/odd', msgtype, definition), topic_actions=('/odd=copy',)
    ).values()
    assert (item.action, item.asked) == ('copy', True)


TOLD = {
    'depth': ('vendor_msgs/msg/Picture', 'uint16[] depth', "'depth'"),
    'thermal, signed': ('vendor_msgs/msg/Picture', 'int16[] thermal', "'thermal'"),
    'argb': ('vendor_msgs/msg/Picture', 'uint32[] argb', "'argb'"),
    'argb, signed': ('vendor_msgs/msg/Picture', 'int32[] px', "'px'"),
    'argb, wide': ('vendor_msgs/msg/Picture', 'uint64[] px', "'px'"),
    'thermal with fractions': ('vendor_msgs/msg/Picture', 'float32[] thermal', "'thermal'"),
    'silhouette': ('vendor_msgs/msg/Picture', 'bool[] px', "'px'"),
    'pixels one by one': (
        'vendor_msgs/msg/Picture',
        'vendor_msgs/Px[] px\n' + section('vendor_msgs/Px', 'uint8 v\nuint8 w'),
        "'px.v', 'px.w'",
    ),
    'colours one by one': (
        'vendor_msgs/msg/Picture',
        'std_msgs/ColorRGBA[] px',
        "'px.r', 'px.g', 'px.b', 'px.a'",
    ),
    'multi array of floats': ('std_msgs/msg/Float32MultiArray', '', "'data'"),
    'multi array inside': (
        'vendor_msgs/msg/Own',
        'std_msgs/Int32MultiArray heat',
        "'heat.data'",
    ),
    'rows of boxes': (
        'vendor_msgs/msg/Found',
        'vendor_msgs/Box[] boxes\n' + section('vendor_msgs/Box', 'string name\nfloat32[4] xyxy'),
        "'boxes.xyxy'",
    ),
    'small ones that add up': ('vendor_msgs/msg/Key', 'uint8[128] a\nint8[128] b\n', "'a', 'b'"),
    'small and long': ('vendor_msgs/msg/Key', 'uint8[16] a\nfloat32[] b\n', "'a', 'b'"),
    'markers': (
        'visualization_msgs/msg/Marker',
        '',
        "'colors.r', 'colors.g', 'colors.b', 'colors.a', 'texture.data', 'mesh_file.data'",
    ),
}
"""Types of which each message tells, and the fields that it tells by."""


@pytest.mark.parametrize('name', TOLD)
def test_of_numbers_each_message_is_looked_at(tmp_path, name):
    msgtype, definition, said = TOLD[name]
    (item,) = planned(tmp_path, ('/odd', msgtype, definition)).values()
    assert (item.action, item.asked, item.places) == ('copy', False, ())
    assert ', '.join(repr(leaf.path) for leaf in item.told) == said
    assert 'too few numbers' in item.reason


NUMBERS = ('Float32', 'Float64', 'Int16', 'Int32', 'Int64', 'UInt16', 'UInt32', 'UInt64')
MARKERS = ('Control', 'Init', 'Update', '')
USUAL = {
    'left out': {
        *(f'std_msgs/msg/{name}MultiArray' for name in ('Byte', 'Int8', 'UInt8')),
        'visualization_msgs/msg/MeshFile',
    },
    'anonymised': {'stereo_msgs/msg/DisparityImage', *CODECS},
    'looked at': {
        'sensor_msgs/msg/ChannelFloat32',
        *(f'std_msgs/msg/{name}MultiArray' for name in NUMBERS),
        'visualization_msgs/msg/ImageMarker',
        'visualization_msgs/msg/Marker',
        'visualization_msgs/msg/MarkerArray',
        *(f'visualization_msgs/msg/InteractiveMarker{name}' for name in MARKERS),
    },
}
"""What isn't copied as it is, of all types that come with ROS 2."""


def test_all_the_usual_types_but_these_are_copied_as_they_are(tmp_path):
    with BagReader(bag(tmp_path / 'bag')) as reader:
        names = sorted(reader.types.fielddefs)
    items = planned(tmp_path / 'all', *((f'/t{index}', name) for index, name in enumerate(names)))
    found = {key: set() for key in (*USUAL, 'copied')}
    for item in items.values():
        become = {'drop': 'left out', 'anonymize': 'anonymised'}.get(item.action, 'copied')
        found['looked at' if item.told else become].add(item.topic.msgtype)
    copied = found.pop('copied')
    assert found == USUAL
    assert len(copied) > 130


def test_an_image_that_holds_numbers_beside_its_pixels_is_left_out(tmp_path):
    text = 'std_msgs/Header header\nstring format\nuint8[] data\nfloat32[] thumbnail\n'
    (item,) = planned(tmp_path, ('/front', COMPRESSED, text)).values()
    assert (item.action, item.asked) == ('drop', False)
    assert "'thumbnail'" in item.reason


def test_numbers_beside_an_image_inside_are_looked_at(tmp_path):
    text = 'sensor_msgs/Image left\nfloat32[] heat\n'
    (item,) = planned(tmp_path, ('/pair', 'vendor_msgs/msg/Pair', text)).values()
    assert item.action == 'anonymize'
    assert [leaf.path for leaf in item.told] == ['heat']


@pytest.mark.parametrize('msgtype', [IMAGE, COMPRESSED])
def test_compressed_depth_is_left_out(tmp_path, msgtype):
    (item,) = planned(tmp_path, ('/depth/compressedDepth', msgtype)).values()
    assert (item.action, item.asked) == ('drop', False)
    assert 'can not be read' in item.reason
    assert '/depth/compressedDepth=copy' in item.reason


def test_of_the_image_topics_only_the_named_are_anonymised_and_the_rest_is_not_copied(tmp_path):
    items = planned(
        tmp_path,
        ('/front', IMAGE),
        ('/rear', IMAGE),
        ('/rear/compressed', COMPRESSED),
        ('/log', STRING),
        input_topics=('/front',),
    )
    assert {name: item.action for name, item in items.items()} == {
        '/front': 'anonymize',
        '/rear': 'drop',
        '/rear/compressed': 'drop',
        '/log': 'copy',
    }
    assert 'input_topics' in items['/rear'].reason
    assert not items['/rear'].asked


def test_actions_go_before_the_default(tmp_path):
    items = planned(
        tmp_path,
        ('/a', IMAGE),
        ('/b', IMAGE),
        ('/c', IMAGE),
        ('/d', STRING),
        topic_actions=('/a=drop', '/b=copy', '/c=anonymize', '/d=drop'),
    )
    assert {name: (item.action, item.asked) for name, item in items.items()} == {
        '/a': ('drop', True),
        '/b': ('copy', True),
        '/c': ('anonymize', False),
        '/d': ('drop', True),
    }


def test_copy_of_what_can_be_read_is_said_to_hold_only_where_it_can_not(tmp_path):
    items = planned(
        tmp_path,
        ('/a', IMAGE),
        ('/a/compressedDepth', COMPRESSED),
        topic_actions=('/a=copy', '/a/compressedDepth=copy'),
    )
    assert [item.reason for item in items.values()] == [
        'as asked by its owner, where it can not be read',
        'as asked by its owner',
    ]


def test_an_action_adds_to_the_input_topics(tmp_path):
    items = planned(
        tmp_path,
        ('/a', IMAGE),
        ('/b', IMAGE),
        ('/c', IMAGE),
        input_topics=('/a',),
        topic_actions=('/b=anonymize', '/c=copy'),
    )
    assert [item.action for item in items.values()] == ['anonymize', 'anonymize', 'copy']


def test_pattern_means_the_images_that_match_and_other_images_are_left_out(tmp_path):
    items = planned(
        tmp_path,
        ('/a/image', IMAGE),
        ('/a/words', STRING),
        ('/b/image', IMAGE),
        ('/b/image/compressed', COMPRESSED),
        ('/c/image', IMAGE),
        ('/d/other', IMAGE),
        input_topics=('/*/image', '/b/**'),
        topic_actions=('/c/image=copy',),
    )
    assert {name: item.action for name, item in items.items()} == {
        '/a/image': 'anonymize',
        '/a/words': 'copy',
        '/b/image': 'anonymize',
        '/b/image/compressed': 'anonymize',
        '/c/image': 'copy',
        '/d/other': 'drop',
    }


@pytest.mark.parametrize('pattern', ['/frnt/*', '/*/words', '/a/compressedDepth*'])
def test_pattern_that_means_no_image_is_refused_and_not_taken_for_all(tmp_path, pattern):
    topics = (('/front/image', IMAGE), ('/a/words', STRING), ('/a/compressedDepth', COMPRESSED))
    with pytest.raises(ConfigError) as raised:
        planned(tmp_path, *topics, input_topics=(pattern,))
    assert repr(pattern) in str(raised.value)
    assert 'it has /front/image.' in str(raised.value)


def test_pattern_for_what_its_owner_copies_is_not_taken_for_all(tmp_path):
    with pytest.raises(ConfigError, match='matches no images'):
        planned(
            tmp_path,
            ('/a/image', IMAGE),
            ('/b/image', IMAGE),
            input_topics=('/a/*',),
            topic_actions=('/a/image=copy',),
        )


def test_the_same_topic_is_not_both_anonymised_and_copied(tmp_path):
    with pytest.raises(ConfigError, match="'/a'"):
        planned(tmp_path, ('/a', IMAGE), input_topics=('/a',), topic_actions=('/a=copy',))


@pytest.mark.parametrize(
    'values', [{'input_topics': ('/frnt',)}, {'topic_actions': ('/frnt=drop',)}]
)
def test_a_topic_that_is_not_in_the_bag_is_refused_with_those_that_are(tmp_path, values):
    with pytest.raises(ConfigError) as raised:
        planned(tmp_path, ('/front', IMAGE), ('/log', STRING), **values)
    said = str(raised.value)
    assert "'/frnt'" in said
    assert '/front, /log' in said
    assert next(iter(values)) in said


def test_an_empty_bag_has_no_topics(tmp_path):
    assert planned(tmp_path) == {}
    with pytest.raises(ConfigError, match='no topics'), BagReader(tmp_path / 'bag') as reader:
        plan(reader, Settings(input_topics=('/front',)))


@pytest.mark.parametrize(
    'values', [{'input_topics': ('/x',)}, {'topic_actions': ('/x=anonymize',)}]
)
@pytest.mark.parametrize(
    'topic',
    [
        ('/x', STRING),
        ('/x', 'vendor_msgs/msg/Pair', 'sensor_msgs/Image left\nuint8[] right'),
    ],
)
def test_what_can_not_be_anonymised_is_not_promised(tmp_path, values, topic):
    with pytest.raises(ConfigError) as raised:
        planned(tmp_path, topic, **values)
    assert topic[1] in str(raised.value)
    assert all(name in str(raised.value) for name in IMAGE_FORMS)


def test_two_qos_on_one_topic_are_planned_alike(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/front', IMAGE, [RELIABLE])
        writer.add_topic('/front', IMAGE, [BEST_EFFORT])
    with BagReader(tmp_path / 'bag') as reader:
        assert [item.action for item in plan(reader, Settings())] == ['anonymize', 'anonymize']


def test_an_unknown_type_is_never_innocent(tmp_path):
    with BagReader(bag(tmp_path / 'bag')) as reader:
        assert why_image_bearing('nobody_msgs/msg/Ever', reader).why
        assert why_image_bearing('', reader).why
        assert why_image_bearing(STRING, reader) == ('', ())
