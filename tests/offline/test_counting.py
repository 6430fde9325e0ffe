"""Messages with many numbers: what may be a picture stays out, and the rest gets through."""

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from samples.bags import IMAGE, converted, read_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, image, noise, pixels_of

from anonymizer_node.core.config import Settings
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.offline.payloads import LEAST_PAYLOAD
from anonymizer_node.proof.verify import verify_bag

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
RNG = np.random.default_rng(5)
MARKER = 'visualization_msgs/msg/Marker'
MARKERS = 'visualization_msgs/msg/MarkerArray'
PIXEL_TEXT = 'vendor_msgs/Px[] px\n' + '=' * 80 + '\nMSG: vendor_msgs/Px\nuint8 v\nuint16 w\n'
TEXTS = {
    'vendor_msgs/msg/Wide': 'uint64[] words\n',
    'vendor_msgs/msg/Packed': 'uint32[] argb\n',
    'vendor_msgs/msg/Depth': 'uint16[] depth\n',
    'vendor_msgs/msg/Bits': 'bool[] bits\n',
    'vendor_msgs/msg/Pixels': PIXEL_TEXT,
    'vendor_msgs/msg/Heat': 'vendor_msgs/Cell[] cells\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/Cell\nfloat32 v\n',
    'vendor_msgs/msg/Words': 'vendor_msgs/Word[] words\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/Word\nuint32 argb\n',
    'vendor_msgs/msg/Small': ''.join(f'uint8[64] part{index}\n' for index in range(6)),
    'vendor_msgs/msg/Pair': 'sensor_msgs/Image left\nfloat32[] heat\nstring words\n',
}


@pytest.fixture(scope='module')
def types():
    store = get_typestore(Stores.LATEST)
    for msgtype, text in TEXTS.items():
        store.register(get_types_from_msg(text, msgtype))
    return store


def made(types: Typestore, msgtype: str, **given):
    """A message of a type: fields as given, the others empty or zero."""
    values = {}
    for name, (kind, about) in types.fielddefs[msgtype][1]:
        if name in given:
            values[name] = given[name]
        elif kind == 1:
            values[name] = '' if about[0] == 'string' else 0
        elif kind == 2:
            values[name] = made(types, about)
        elif kind == 4:
            values[name] = []
        else:
            values[name] = np.zeros(about[1])
        dtype = {'float32': np.float32, 'float64': np.float64}
        if kind in (3, 4) and about[0][0] == 1 and about[0][1][0] != 'string':
            base = about[0][1][0]
            values[name] = np.asarray(
                values[name], dtype.get(base, 'u1' if base == 'bool' else base)
            )
    return types.types[msgtype](**values)


def colour(types, r=0.0, g=0.0, b=0.0, a=1.0):
    return types.types['std_msgs/msg/ColorRGBA'](r, g, b, a)


def points(types, count):
    return [types.types['geometry_msgs/msg/Point'](*row) for row in RNG.random((count, 3)).tolist()]


def bag(path, types, msgtype, *messages):
    with BagWriter(path) as writer:
        topic = writer.add_topic('/x', msgtype, definition=TEXTS.get(msgtype, ''))
        for index, message in enumerate(messages):
            data = message if isinstance(message, bytes) else types.serialize_cdr(message, msgtype)
            writer.write(topic, 100 + index, bytes(data))
    return path


def run(tmp_path, types, msgtype, *messages, **values):
    """The report on the topic, and which of the messages got through."""
    source = bag(tmp_path / 'in', types, msgtype, *messages)
    report = anonymize_bag(source, tmp_path / 'out', SETTINGS.changed(**values), [BrightDetector()])
    topic = report.topics['/x']
    assert report.clean == (not topic.causes)
    assert sum(topic.statuses.values()) == len(messages)
    verdict = verify_bag(source, tmp_path / 'out')
    assert verdict.failed() == ([] if report.clean else ['run-clean'])
    before, after = (read_bag(path).get('/x', []) for path in (source, tmp_path / 'out'))
    assert [item for item in before if item in after] == after
    return topic, [item in after for item in before]


# What must get through, to the last byte.


def scan(types):
    return made(types, 'sensor_msgs/msg/LaserScan', ranges=RNG.random(1440))


def joints(types):
    return made(
        types,
        'sensor_msgs/msg/JointState',
        name=[f'joint {index}' for index in range(300)],
        position=RNG.random(300),
        velocity=RNG.random(300),
    )


def trajectory(types):
    name = 'trajectory_msgs/msg/JointTrajectoryPoint'
    steps = [made(types, name, positions=RNG.random(7)) for _ in range(200)]
    return made(types, 'trajectory_msgs/msg/JointTrajectory', points=steps)


def path_(types):
    pose = 'geometry_msgs/msg/PoseStamped'
    return made(types, 'nav_msgs/msg/Path', poses=[made(types, pose) for _ in range(500)])


def grid(types):
    cells = RNG.integers(-1, 101, 64 * 64)
    return made(types, 'nav_msgs/msg/OccupancyGrid', data=cells.astype(np.int8))


def diagnostics(types):
    status = 'diagnostic_msgs/msg/DiagnosticStatus'
    pair = types.types['diagnostic_msgs/msg/KeyValue']
    values = [pair(f'key {index}', f'{index} of many') for index in range(300)]
    statuses = [made(types, status, values=values) for _ in range(5)]
    return made(types, 'diagnostic_msgs/msg/DiagnosticArray', status=statuses)


def transforms(types):
    name = 'geometry_msgs/msg/TransformStamped'
    return made(types, 'tf2_msgs/msg/TFMessage', transforms=[made(types, name) for _ in range(99)])


def command(types):
    return made(types, 'std_msgs/msg/Float64MultiArray', data=RNG.random(LEAST_PAYLOAD - 1))


def flat(types):
    """A cost map without a wall."""
    return made(types, 'std_msgs/msg/Float32MultiArray', data=np.full(640 * 480, 0.25))


def strip(types):
    return made(types, MARKER, points=points(types, 3000), color=colour(types, 1.0))


def obstacles(types):
    """A thousand of one colour, and some of others."""
    shades = [colour(types, 1.0)] * 900 + [colour(types, g=index / 127) for index in range(127)]
    return made(types, MARKERS, markers=[made(types, MARKER, color=item) for item in shades])


def cells(types):
    shades = [colour(types, *row) for row in RNG.random((LEAST_PAYLOAD - 1, 4)).tolist()]
    return made(types, MARKER, points=points(types, len(shades)), colors=shades)


def nothing_known(types):
    return made(types, 'std_msgs/msg/Float32MultiArray', data=np.full(1000, np.nan))


INNOCENT = {
    'sensor_msgs/msg/LaserScan': scan,
    'sensor_msgs/msg/JointState': joints,
    'trajectory_msgs/msg/JointTrajectory': trajectory,
    'nav_msgs/msg/Path': path_,
    'nav_msgs/msg/OccupancyGrid': grid,
    'diagnostic_msgs/msg/DiagnosticArray': diagnostics,
    'tf2_msgs/msg/TFMessage': transforms,
    'std_msgs/msg/Float64MultiArray': command,
    'std_msgs/msg/Float32MultiArray': flat,
    'std_msgs/msg/Float32MultiArray of NaN': nothing_known,
    f'{MARKER} of a line': strip,
    f'{MARKER} of some colours': cells,
    MARKERS: obstacles,
}


@pytest.mark.parametrize('name', INNOCENT)
def test_what_can_not_be_a_picture_is_copied(tmp_path, types, name):
    topic, kept = run(tmp_path, types, name.split(' ')[0], INNOCENT[name](types))
    assert kept == [True]
    assert dict(topic.causes) == {}


# What must not.


def of(msgtype, **arrays):
    return lambda types: made(types, msgtype, **arrays)


def picture(rows, columns, low=0, high=256):
    return noise(rows, columns, seed=9)[..., 0].astype(np.int64).ravel().clip(low, high)


def cloud_of_colours(types):
    shades = [colour(types, *row) for row in RNG.random((32 * 32, 3)).tolist()]
    return made(types, MARKER, points=points(types, len(shades)), colors=shades)


def cubes(types, **parts):
    shades = [colour(types, **{key: float(value) for key in parts}) for value in picture(16, 16)]
    return made(types, MARKERS, markers=[made(types, MARKER, color=item) for item in shades])


def colours_here_and_there(types):
    """Too few in each marker and in each field, and enough together."""
    shades = [colour(types, *row) for row in RNG.random((8, 3)).tolist()]
    marks = [made(types, MARKER, colors=shades, color=shades[index % 8]) for index in range(30)]
    return made(types, MARKERS, markers=marks)


def textured(types):
    texture = made(types, 'sensor_msgs/msg/CompressedImage', data=np.arange(9, dtype=np.uint8))
    return made(types, MARKER, texture=texture)


def modelled(types):
    mesh = made(types, 'visualization_msgs/msg/MeshFile', data=np.arange(9, dtype=np.uint8))
    return made(types, MARKER, mesh_file=mesh)


def menu(types):
    control = made(
        types,
        'visualization_msgs/msg/InteractiveMarkerControl',
        markers=[cloud_of_colours(types)],
    )
    return made(types, 'visualization_msgs/msg/InteractiveMarker', controls=[control])


def outlines(types):
    shades = [colour(types, *row) for row in RNG.random((300, 3)).tolist()]
    return made(types, 'visualization_msgs/msg/ImageMarker', outline_colors=shades)


def silhouette(types):
    """Somebody of 128 pixels in an empty picture."""
    bits = np.zeros((48, 64), np.uint8)
    bits[10:26, 20:28] = 1
    return made(types, 'vendor_msgs/msg/Bits', bits=bits.ravel())


def pixels_one_by_one(types):
    pixel = types.types['vendor_msgs/msg/Px']
    rows = picture(10, 10).tolist()
    return made(types, 'vendor_msgs/msg/Pixels', px=[pixel(value, value) for value in rows])


def one_by_one(types, whole, field, part, rows, columns):
    """A picture of which every pixel is a message of one number."""
    pixel = types.types[f'vendor_msgs/msg/{part}']
    values = picture(rows, columns).tolist()
    return made(types, f'vendor_msgs/msg/{whole}', **{field: [pixel(value) for value in values]})


def in_parts(types):
    parts = {f'part{index}': picture(8, 8).astype(np.uint8) for index in range(6)}
    return made(types, 'vendor_msgs/msg/Small', **parts)


def thumbnail(types):
    """The smallest picture that is one."""
    return made(types, 'std_msgs/msg/Float32MultiArray', data=picture(16, 16))


PICTURES = {
    'std_msgs/msg/Float32MultiArray': of('std_msgs/msg/Float32MultiArray', data=picture(480, 640)),
    'std_msgs/msg/Float32MultiArray of 16 x 16': thumbnail,
    'std_msgs/msg/Float64MultiArray': of('std_msgs/msg/Float64MultiArray', data=picture(24, 32)),
    'std_msgs/msg/Int16MultiArray': of('std_msgs/msg/Int16MultiArray', data=picture(12, 11)),
    'std_msgs/msg/UInt32MultiArray': of('std_msgs/msg/UInt32MultiArray', data=picture(8, 8)),
    'vendor_msgs/msg/Packed': of('vendor_msgs/msg/Packed', argb=picture(8, 8) * 0x010101),
    'vendor_msgs/msg/Wide': of('vendor_msgs/msg/Wide', words=picture(6, 6)),
    'vendor_msgs/msg/Depth': of('vendor_msgs/msg/Depth', depth=picture(24, 32) * 20),
    'vendor_msgs/msg/Bits': silhouette,
    'vendor_msgs/msg/Pixels': pixels_one_by_one,
    'vendor_msgs/msg/Heat': lambda types: one_by_one(types, 'Heat', 'cells', 'Cell', 24, 32),
    'vendor_msgs/msg/Words': lambda types: one_by_one(types, 'Words', 'words', 'Word', 8, 8),
    'vendor_msgs/msg/Small': in_parts,
    f'{MARKER} of coloured points': cloud_of_colours,
    f'{MARKER} with a texture': textured,
    f'{MARKER} with a model': modelled,
    f'{MARKERS} in red': lambda types: cubes(types, r=1),
    f'{MARKERS} in transparency': lambda types: cubes(types, a=1),
    f'{MARKERS} of some colours each': colours_here_and_there,
    'visualization_msgs/msg/InteractiveMarker': menu,
    'visualization_msgs/msg/ImageMarker': outlines,
}


@pytest.mark.parametrize('name', PICTURES)
def test_what_may_be_a_picture_is_left_out_and_the_topic_goes_on(tmp_path, types, name):
    msgtype = name.split(' ')[0]
    empty = made(types, msgtype)
    topic, kept = run(tmp_path, types, msgtype, empty, PICTURES[name](types), empty)
    assert kept == [True, False, True]
    assert dict(topic.causes) == {'numbers': 1}
    assert 'that may be an image' in topic.reasons['numbers']
    assert '"/x=copy"' in topic.reasons['numbers']


@pytest.mark.parametrize('name', PICTURES)
def test_its_owner_may_vouch_for_it(tmp_path, types, name):
    msgtype, message = name.split(' ')[0], PICTURES[name](types)
    topic, kept = run(tmp_path, types, msgtype, message, topic_actions=('/x=copy',))
    assert kept == [True]
    assert dict(topic.causes) == {}


def test_bytes_may_be_a_code_and_none_of_them_get_through(tmp_path, types):
    """A packet of a video that stands still has few."""
    for index, msgtype in enumerate(
        ('std_msgs/msg/UInt8MultiArray', 'std_msgs/msg/Int8MultiArray')
    ):
        folder = tmp_path / str(index)
        folder.mkdir()
        packet = made(types, msgtype, data=np.arange(60) % 7)
        report = anonymize_bag(
            bag(folder / 'in', types, msgtype, packet), folder / 'out', SETTINGS, [BrightDetector()]
        )
        assert report.topics['/x'].action == 'drop'
        assert not report.clean
        assert read_bag(folder / 'out') == {}


def pair(types, person=False, **beside):
    pixels = noise(32, 24, seed=1) // 2
    if person:
        pixels[8:24, 4:12] |= 0xC8
    left = converted(types, IMAGE, image(pixels, stamp=Stamp(3, 0)))
    return made(types, 'vendor_msgs/msg/Pair', left=left, **beside)


@pytest.mark.parametrize('person', [False, True])
@pytest.mark.parametrize(
    ('beside', 'cause'),
    [
        ({'heat': picture(24, 32)}, 'numbers'),
        ({'words': 'QUJD' * 100}, 'coded_text'),
        ({'heat': picture(10, 10), 'words': 'two of them'}, ''),
    ],
)
def test_what_is_beside_an_image_in_a_message_is_looked_at_too(
    tmp_path, types, beside, cause, person
):
    msgtype = 'vendor_msgs/msg/Pair'
    source = bag(tmp_path / 'in', types, msgtype, pair(types, person, **beside))
    report = anonymize_bag(source, tmp_path / 'out', SETTINGS, [BrightDetector()])
    assert dict(report.topics['/x'].causes) == ({cause: 1} if cause else {})
    assert len(read_bag(tmp_path / 'out')['/x']) == (not cause)
    failed = verify_bag(source, tmp_path / 'out').failed()
    assert failed == (['run-clean'] if cause else [])
    if not cause:
        with BagReader(tmp_path / 'out') as reader:
            (message,) = reader.messages()
            after = reader.decode(msgtype, message.data)
        np.testing.assert_array_equal(after.heat, beside['heat'])
        assert pixels_of(after.left)[8:24, 4:12].any() != person


# What the proof says of it, by its own look.


@pytest.mark.parametrize('name', [name for name in PICTURES if name.startswith(('std_', 'visu'))])
def test_the_proof_finds_what_was_copied_without_being_asked_for(tmp_path, types, name):
    msgtype, message = name.split(' ')[0], PICTURES[name](types)
    source = bag(tmp_path / 'in', types, msgtype, message)
    anonymize_bag(
        source, tmp_path / 'out', SETTINGS.changed(topic_actions=('/x=copy',)), [BrightDetector()]
    )
    asked = verify_bag(source, tmp_path / 'out')
    assert asked.check('no-picture-copied').passed, 'its owner asked for it'
    told = tmp_path / 'out' / 'anonymization.json'
    told.write_text(told.read_text().replace('"asked": true', '"asked": false'))
    check = verify_bag(source, tmp_path / 'out').check('no-picture-copied')
    small = ('Int16', 'UInt32', 'model', 'of some colours each')
    assert check.passed == any(word in name for word in small), 'fewer than it looks for'
    assert check.passed or 'may be a picture' in check.failures[0].what
