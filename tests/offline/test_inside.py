"""Images inside messages of other types: each is judged, and none gets out unjudged."""

import json

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from samples.bags import IMAGE, converted
from samples.detectors import BrightDetector, FakeDetector, detections
from samples.images import Stamp, compressed, decoded, image, noise

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Cover, Outcome
from anonymizer_node.core.errors import DetectorError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.formats.embedded import IMAGE_FORMS
from anonymizer_node.offline.bag import REGIONS_NAME, REPORT_NAME, anonymize_bag
from anonymizer_node.offline.inside import joined, judge_inside, redact_inside

SETTINGS = Settings(padding=0.0, hold_seconds=0.0)
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
RIG = 'vendor_msgs/msg/Rig'
RIG_TEXT = (
    'std_msgs/Header header\nstring name\nsensor_msgs/Image left\nfloat64[3] pose\n'
    'vendor_msgs/View[] views\n'
    + '=' * 80
    + '\nMSG: vendor_msgs/View\nuint8 kind\nsensor_msgs/CompressedImage shot\n'
)
RAW = 'foxglove_msgs/msg/RawImage'
RAW_TEXT = (
    'builtin_interfaces/Time timestamp\nstring frame_id\nuint32 width\nuint32 height\n'
    'string encoding\nuint32 step\nuint8[] data\n'
)
VIDEO_STILL = 'foxglove_msgs/msg/CompressedImage'
VIDEO_STILL_TEXT = (
    'builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n'
)


def scene(person=True, seed=0):
    """Dim noise; somebody bright at rows 8 to 24, columns 4 to 12."""
    pixels = noise(32, 24, seed=seed) // 2
    if person:
        pixels[8:24, 4:12] |= 0xC8
    return pixels


@pytest.fixture(scope='module')
def types():
    store = get_typestore(Stores.LATEST)
    for msgtype, text in ((RIG, RIG_TEXT), (RAW, RAW_TEXT), (VIDEO_STILL, VIDEO_STILL_TEXT)):
        store.register(get_types_from_msg(text, msgtype))
    return store


def rig(types, left, views):
    made = types.types
    header = converted(types, IMAGE, left).header
    return made[RIG](
        header,
        'rig "7"',
        converted(types, IMAGE, left),
        np.array([1.5, -2.5, 1e300]),
        [made['vendor_msgs/msg/View'](3, converted(types, COMPRESSED, view)) for view in views],
    )


def bag(tmp_path, types, msgtype, text, messages, little=True):
    with BagWriter(tmp_path / 'in') as writer:
        topic = writer.add_topic('/rig', msgtype, definition=text)
        for index, message in enumerate(messages):
            data = types.serialize_cdr(message, msgtype, little_endian=little)
            writer.write(topic, 100 + index, bytes(data))
    return tmp_path / 'in'


def run(tmp_path, detector=None, **values):
    settings = SETTINGS.changed(**values)
    report = anonymize_bag(
        tmp_path / 'in', tmp_path / 'out', settings, [detector or BrightDetector()]
    )
    text = (tmp_path / 'out' / REGIONS_NAME).read_text()
    return report, [json.loads(line) for line in text.splitlines()]


def messages_of(path):
    with BagReader(path) as reader:
        return [reader.decode(item.topic.msgtype, bytes(item.data)) for item in reader.messages()]


@pytest.mark.parametrize('little', [True, False])
def test_each_image_is_obscured_and_the_rest_of_the_message_is_as_it_was(tmp_path, types, little):
    left = image(scene(), stamp=Stamp(5, 6))
    views = [compressed(scene(False, 1)), compressed(scene(True, 2)), compressed(scene(True, 3))]
    bag(tmp_path, types, RIG, RIG_TEXT, [rig(types, left, views)], little)
    report, lines = run(tmp_path)
    assert report.clean
    assert report.topics['/rig'].statuses == {'anonymized': 1}
    assert report.topics['/rig'].regions == 3
    (before,), (after,) = messages_of(tmp_path / 'in'), messages_of(tmp_path / 'out')
    assert (after.name, after.header, after.pose.tolist()) == (
        before.name,
        before.header,
        before.pose.tolist(),
    )
    pixels = np.asarray(after.left.data).reshape(32, 24, 3)
    expected = scene()
    expected[8:24, 4:12] = 0
    assert np.array_equal(pixels, expected)
    assert bytes(after.views[0].shot.data) == bytes(views[0].data)
    for view, seed in ((after.views[1], 2), (after.views[2], 3)):
        expected = scene(True, seed)
        expected[8:24, 4:12] = 0
        assert np.array_equal(decoded(view.shot.data), expected)
        assert (view.kind, view.shot.format) == (3, views[1].format)
    assert [(line['image'], line['status'], len(line['regions'])) for line in lines] == [
        ('left', 'anonymized', 1),
        ('views[0].shot', 'untouched', 0),
        ('views[1].shot', 'anonymized', 1),
        ('views[2].shot', 'anonymized', 1),
    ]
    assert {line['stamp_ns'] for line in lines} == {5_000_000_006}
    with BagReader(tmp_path / 'in') as one, BagReader(tmp_path / 'out') as two:
        assert two.topics == one.topics


def test_a_message_without_anybody_is_the_same_bytes(tmp_path, types):
    message = rig(types, image(scene(False)), [compressed(scene(False, 1))])
    path = bag(tmp_path, types, RIG, RIG_TEXT, [message])
    report, _ = run(tmp_path)
    assert report.topics['/rig'].statuses == {'untouched': 1}
    with BagReader(path) as one, BagReader(tmp_path / 'out') as two:
        assert [m.data for m in one.messages()] == [m.data for m in two.messages()]


def test_images_are_held_each_by_itself(tmp_path, types):
    """A region that is held in one image is not laid over another one."""
    messages = []
    for index in range(4):
        at = Stamp(1, index * 100_000_000)
        shot = compressed(scene(False), stamp=at)
        messages.append(rig(types, image(scene(index < 3), stamp=at), [shot]))
    bag(tmp_path, types, RIG, RIG_TEXT, messages)
    _, lines = run(tmp_path, hold_seconds=0.5)
    held = [(line['image'], len(line['regions'])) for line in lines[-2:]]
    assert held == [('left', 1), ('views[0].shot', 0)]


@pytest.mark.parametrize('on_failure', ['drop', 'blackout'])
def test_one_image_that_can_not_be_read_fails_the_whole_message(tmp_path, types, on_failure):
    odd = image(scene(False))
    odd.encoding = 'yuv422_of_ours'
    messages = [
        rig(types, odd, [compressed(scene())]),
        rig(types, image(scene()), [compressed(scene())]),
    ]
    bag(tmp_path, types, RIG, RIG_TEXT, messages)
    report, lines = run(tmp_path, on_failure=on_failure)
    assert not report.clean
    assert report.topics['/rig'].causes == {'encoding': 1}
    assert (lines[0]['index'], lines[0]['status']) == (0, 'dropped')
    assert len(messages_of(tmp_path / 'out')) == 1


def test_copy_passes_on_what_can_not_be_read_and_still_obscures_the_rest(tmp_path, types):
    odd = image(scene(False))
    odd.encoding = 'yuv422_of_ours'
    bag(tmp_path, types, RIG, RIG_TEXT, [rig(types, odd, [compressed(scene())])])
    report, lines = run(tmp_path, topic_actions=('/rig=copy',))
    assert report.clean
    assert [line['status'] for line in lines] == ['copied', 'anonymized']
    (after,) = messages_of(tmp_path / 'out')
    assert bytes(after.left.data) == bytes(odd.data)
    assert not decoded(after.views[0].shot.data)[8:24, 4:12].any()


def test_one_image_that_can_not_be_judged_fails_the_whole_message(tmp_path, types):
    def fail(frame):
        if frame.source.endswith('views[1].shot'):
            raise DetectorError('told to fail')
        return detections((4, 8, 12, 24))

    message = rig(types, image(scene()), [compressed(scene()), compressed(scene(True, 1))])
    bag(tmp_path, types, RIG, RIG_TEXT, [message])
    report, lines = run(tmp_path, FakeDetector(answer=fail))
    assert report.topics['/rig'].statuses == {'dropped': 1}
    assert report.topics['/rig'].reasons == {'detector': 'told to fail'}
    assert [line['status'] for line in lines] == ['dropped']
    assert messages_of(tmp_path / 'out') == []


def test_one_image_may_be_black_and_the_others_are_judged(tmp_path, types):
    def fail(frame):
        if frame.source.endswith('/left'):
            raise DetectorError('told to fail')
        return detections((4, 8, 12, 24))

    bag(tmp_path, types, RIG, RIG_TEXT, [rig(types, image(scene()), [compressed(scene())])])
    report, lines = run(tmp_path, FakeDetector(answer=fail), on_failure='blackout')
    assert report.topics['/rig'].statuses == {'blacked_out': 1}
    assert [line['status'] for line in lines] == ['blacked_out', 'anonymized']
    (after,) = messages_of(tmp_path / 'out')
    assert not after.left.data.any()
    shot = decoded(after.views[0].shot.data)
    assert not shot[8:24, 4:12].any()
    assert shot[:8].any()


def test_a_message_that_is_cut_off_is_dropped(tmp_path, types):
    bag(tmp_path, types, RIG, RIG_TEXT, [])
    with BagWriter(tmp_path / 'cut') as writer:
        topic = writer.add_topic('/rig', RIG, definition=RIG_TEXT)
        whole = bytes(types.serialize_cdr(rig(types, image(scene()), []), RIG))
        writer.write(topic, 1, whole[:-400])
    report = anonymize_bag(tmp_path / 'cut', tmp_path / 'out', SETTINGS, [BrightDetector()])
    assert report.topics['/rig'].causes == {'decode': 1}
    assert messages_of(tmp_path / 'out') == []


def test_an_image_without_data_shows_nobody(tmp_path, types):
    empty = image(scene())
    empty.data, empty.height, empty.width, empty.step = b'', 0, 0, 0
    bag(tmp_path, types, RIG, RIG_TEXT, [rig(types, empty, []), rig(types, image(scene()), [])])
    report, lines = run(tmp_path)
    assert report.clean
    assert report.topics['/rig'].statuses == {'untouched': 1, 'anonymized': 1}
    assert [(line['image'], line['status']) for line in lines] == [
        ('', 'untouched'),
        ('left', 'anonymized'),
    ]


def test_foxglove_s_images_are_read_like_ros_s(tmp_path, types):
    stamp = types.types['builtin_interfaces/msg/Time'](9, 8)
    pixels = scene()
    raw = types.types[RAW](
        stamp, 'cam', 24, 32, 'bgr8', 72, np.frombuffer(pixels.tobytes(), np.uint8)
    )
    bag(tmp_path, types, RAW, RAW_TEXT, [raw])
    report, lines = run(tmp_path)
    assert report.clean
    (after,) = messages_of(tmp_path / 'out')
    expected = scene()
    expected[8:24, 4:12] = 0
    assert np.array_equal(np.asarray(after.data).reshape(32, 24, 3), expected)
    assert (after.frame_id, after.timestamp.sec, after.encoding) == ('cam', 9, 'bgr8')
    assert lines[0]['stamp_ns'] == 9_000_000_008


def test_foxglove_s_compressed_images_are_read_like_ros_s(tmp_path, types):
    stamp = types.types['builtin_interfaces/msg/Time'](9, 8)
    data = np.frombuffer(bytes(compressed(scene()).data), np.uint8)
    bag(
        tmp_path,
        types,
        VIDEO_STILL,
        VIDEO_STILL_TEXT,
        [types.types[VIDEO_STILL](stamp, 'cam', data, 'png')],
    )
    report, _ = run(tmp_path)
    assert report.clean
    (after,) = messages_of(tmp_path / 'out')
    assert not decoded(after.data)[8:24, 4:12].any()
    assert after.format == 'png'


def test_a_disparity_in_an_encoding_that_nobody_reads_is_dropped_and_named(tmp_path):
    store = get_typestore(Stores.LATEST)
    made = store.types
    plain = converted(store, IMAGE, image(noise(4, 5)))
    plain.encoding, plain.step = '32FC1', 20
    plain.data = np.zeros(80, np.uint8)
    roi = made['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    name = 'stereo_msgs/msg/DisparityImage'
    message = made[name](plain.header, plain, 1.0, 0.1, roi, 0.0, 9.0, 0.1)
    with BagWriter(tmp_path / 'in') as writer:
        writer.write(writer.add_topic('/disparity', name), 1, writer.encode(name, message))
    report, _ = run(tmp_path)
    assert not report.clean
    assert report.topics['/disparity'].causes == {'encoding': 1}
    told = json.loads((tmp_path / 'out' / REPORT_NAME).read_text())
    assert '32FC1' in told['topics']['/disparity']['reasons']['encoding']
    report = anonymize_bag(
        tmp_path / 'in',
        tmp_path / 'copy',
        SETTINGS.changed(topic_actions=('/disparity=copy',)),
        [BrightDetector()],
    )
    assert report.clean
    assert len(messages_of(tmp_path / 'copy')) == 1


@pytest.mark.parametrize(
    ('parts', 'status'),
    [
        ([], 'untouched'),
        (['untouched'], 'untouched'),
        (['copied', 'untouched'], 'untouched'),
        (['untouched', 'anonymized'], 'anonymized'),
        (['anonymized', 'blacked_out'], 'blacked_out'),
        (['blacked_out', 'dropped', 'anonymized'], 'dropped'),
    ],
)
def test_a_message_is_as_bad_as_its_worst_image(parts, status):
    assert joined([Outcome(part) for part in parts]).status == status


# --- Two passes


def test_images_are_covered_before_they_show_somebody_and_a_second_run_detects_nothing(
    tmp_path, types
):
    messages = []
    for index in range(6):
        at = Stamp(1, index * 100_000_000)
        shot = compressed(scene(index == 4, 1), stamp=at)
        messages.append(rig(types, image(scene(False), stamp=at), [shot]))
    bag(tmp_path, types, RIG, RIG_TEXT, messages)
    settings = SETTINGS.changed(hold_seconds=0.25, detection_cache=str(tmp_path / 'cache'))
    texts = []
    for name, looks in (('one', 12), ('two', 0)):
        detector = BrightDetector()
        detector.provider = 'cpu'
        detector.model = type('Model', (), {'name': 'bright', 'sha256': 'ab' * 32})()
        anonymize_bag(tmp_path / 'in', tmp_path / name, settings, [detector])
        assert len(detector.frames) == looks
        texts.append((tmp_path / name / REGIONS_NAME).read_text())
    assert texts[0] == texts[1]
    lines = [json.loads(line) for line in texts[0].splitlines()]
    assert [len(line['regions']) for line in lines if line['image'] == 'left'] == [0] * 6
    views = [len(line['regions']) for line in lines if line['image'] == 'views[0].shot']
    assert views == [0, 0, 1, 1, 1, 1]
    with BagReader(tmp_path / 'one') as one, BagReader(tmp_path / 'two') as two:
        assert [m.data for m in one.messages()] == [m.data for m in two.messages()]


def test_an_image_of_a_message_that_was_not_judged_fails_the_message(tmp_path, types):
    bag(tmp_path, types, RIG, RIG_TEXT, [rig(types, image(scene()), [compressed(scene(True, 1))])])
    pipeline = Pipeline(SETTINGS, [BrightDetector()])
    with BagReader(tmp_path / 'in') as reader:
        (message,) = reader.messages()
        places = reader.places(RIG, IMAGE_FORMS)
        parts = judge_inside(pipeline, reader, message, places)
        assert [part.label for part in parts] == ['left', 'views[0].shot']
        covers = {
            part.label: (part.judgement, Cover(np.array([True]), np.zeros((0, 4), np.float32)))
            for part in parts
        }
        whole = redact_inside(pipeline, reader, message, places, covers)
        assert whole.outcome.status == 'anonymized'
        for label in covers:
            fewer = {name: part for name, part in covers.items() if name != label}
            processed = redact_inside(pipeline, reader, message, places, fewer)
            assert processed.data is None
            assert (processed.outcome.status, processed.outcome.cause) == ('dropped', 'unjudged')
