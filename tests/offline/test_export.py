"""Training data from a bag: nobody raw by accident, and labels that others can read."""

import json

import cv2
import numpy as np
import pytest
import yaml
from samples.bags import COMPRESSED, IMAGE, SECOND, STRING, Entry, converted, digest, write_bag
from samples.detectors import BrightDetector
from samples.encoded import encoded
from samples.images import Stamp, compressed, image, jpeg_bytes, pixels_of
from samples.jpegs import exif, with_segments

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError, InputError
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.offline.bag import REGIONS_NAME, REPORT_NAME, anonymize_bag
from anonymizer_node.offline.calibration_files import CAMERA_INFO, info_beside
from anonymizer_node.offline.export import EXPORT_NAME, SEVERAL, export_bag, slug
from anonymizer_node.offline.export_report import Choice

HEIGHT, WIDTH = 48, 64
PEOPLE = [False, True, True, False, True, False]
BOX = (16, 8, 40, 48)
COCO = 'annotations/instances_default.json'


def scene(person, level=90):
    room = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    room[::5] = level // 2
    if person:
        room[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 220
    return room


def raw(index, person):
    return image(scene(person, 60 + index), 'rgb8', padding=7, stamp=Stamp(5, index))


def jpeg(index, person):
    return compressed(scene(person, 60 + index), 'jpeg', stamp=Stamp(5, index))


def info(writer, width=WIDTH):
    """A CameraInfo as CDR."""
    types = writer.types.types
    stamp = types['builtin_interfaces/msg/Time'](5, width)
    roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    message = types[CAMERA_INFO](
        types['std_msgs/msg/Header'](stamp, 'front'), HEIGHT, width, 'plumb_bob',
        np.arange(5.0) / 8, np.arange(9.0), np.eye(3).ravel(), np.arange(12.0), 0, 0, roi,
    )  # fmt: skip
    return writer.encode(CAMERA_INFO, message)


def recorded(path, widths=(WIDTH, WIDTH)):
    with BagWriter(path, 'mcap') as writer:
        raws = writer.add_topic('/front/image_raw', IMAGE)
        jpegs = writer.add_topic('/rear/image_raw/compressed', COMPRESSED)
        infos = writer.add_topic('/front/camera_info', CAMERA_INFO)
        log = writer.add_topic('/log', STRING)
        for index, person in enumerate(PEOPLE):
            time_ns = index * SECOND // 2
            for topic, kind, message in (
                (raws, IMAGE, raw(index, person)), (jpegs, COMPRESSED, jpeg(index, person)),
                (log, STRING, 'hello'),
            ):  # fmt: skip
                data = writer.encode(kind, converted(writer.types, kind, message))
                writer.write(topic, time_ns, data)
            if index < len(widths):
                writer.write(infos, time_ns, info(writer, widths[index]))
    return path


@pytest.fixture
def settings():
    return Settings(padding=0.0, hold_seconds=0.0)


@pytest.fixture
def bag(tmp_path, settings):
    anonymize_bag(recorded(tmp_path / 'in'), tmp_path / 'bag', settings, [BrightDetector()])
    return tmp_path / 'bag'


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_pictures_are_those_of_the_bag(tmp_path, bag):
    before = digest(bag)
    export = export_bag(bag, tmp_path / 'out')
    assert digest(bag) == before
    out = tmp_path / 'out'
    assert names_in(out) == [
        'annotations', 'camera_info', 'classes.txt', 'data.yaml', EXPORT_NAME, 'images',
        'label_studio', 'labels',
    ]  # fmt: skip
    assert names_in(out / 'images') == [
        *(f'front-image_raw-{index:06d}.png' for index in range(6)),
        *(f'rear-image_raw-compressed-{index:06d}.jpg' for index in range(6)),
    ]
    for index, person in enumerate(PEOPLE):
        shown = cv2.imread(str(out / f'images/front-image_raw-{index:06d}.png'))
        expected = pixels_of(raw(index, person))[..., ::-1].copy()
        if person:
            expected[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 0
        assert np.array_equal(shown, expected)
        data = (out / f'images/rear-image_raw-compressed-{index:06d}.jpg').read_bytes()
        assert (data == jpeg_bytes(scene(False, 60 + index))) == (not person)
        assert cv2.imdecode(np.frombuffer(data, np.uint8), 1)[BOX[1] + 2 :, 18:38].max() < 200
    assert export.clean
    assert {name: topic.exported for name, topic in export.topics.items()} == {
        '/front/image_raw': 6,
        '/rear/image_raw/compressed': 6,
    }
    assert json.loads((out / EXPORT_NAME).read_text()) == json.loads(json.dumps(export.as_dict()))


@pytest.mark.parametrize('form', ['yolo', 'coco'])
def test_what_measures_detectors_reads_the_labels(tmp_path, bag, form):
    export_bag(bag, tmp_path / 'out')
    path = tmp_path / 'out' / COCO if form == 'coco' else tmp_path / 'out'
    dataset = read_dataset(path, ('person',))
    assert dataset.kind == form
    assert len(dataset.pictures) == 12
    assert dataset.known == ('person',)
    by_name = {picture.path.name: picture for picture in dataset.pictures}
    for index, person in enumerate(PEOPLE):
        picture = by_name[f'front-image_raw-{index:06d}.png']
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
        assert picture.boxes == pytest.approx(np.array([BOX] if person else []).reshape(-1, 4))
        assert picture.path.is_file()
        jpeg_boxes = by_name[f'rear-image_raw-compressed-{index:06d}.jpg'].boxes
        assert len(jpeg_boxes) == person


def test_trainers_look_beside_the_yaml_wherever_they_are_started(tmp_path, bag):
    export_bag(bag, tmp_path / 'out')
    about = yaml.safe_load((tmp_path / 'out' / 'data.yaml').read_text())
    # Ultralytics takes a `path` that exists from where it is started, so `.` is anywhere.
    assert about == {'train': 'images', 'val': 'images', 'names': ['person']}


def test_labels_fit_what_viewers_show_of_a_picture_that_exif_turns(tmp_path, settings):
    message = compressed(scene(True), 'jpeg')
    message.data = with_segments(bytes(message.data), exif(b'', orientation=6))
    write_bag(tmp_path / 'in', [Entry('/front', COMPRESSED, message, 1)])
    anonymize_bag(tmp_path / 'in', tmp_path / 'bag', settings, [BrightDetector()])
    export_bag(tmp_path / 'bag', tmp_path / 'out')
    # Like browsers, labelling tools and trainers, OpenCV turns what EXIF says is to be turned.
    shown = cv2.imread(str(tmp_path / 'out/images/front-000000.jpg'))
    assert shown.shape == (HEIGHT, WIDTH, 3)
    ((x, y, width, height),) = [
        item['bbox'] for item in json.loads((tmp_path / 'out' / COCO).read_text())['annotations']
    ]
    assert (x, y, width, height) == (15, 0, 34, 48), 'with the seam of a JPEG, a pixel wide'
    assert shown[2:46, 18:46].max() < 20
    assert shown[2:46, :14].max() > 50 < shown[2:46, 50:].max()


def test_who_is_obscured_twice_is_labelled_once(tmp_path, settings):
    frames = [Entry('/front', IMAGE, raw(0, True), 1)]
    write_bag(tmp_path / 'in', frames)
    anonymize_bag(tmp_path / 'in', tmp_path / 'bag', settings, [BrightDetector()])
    record = tmp_path / 'bag' / REGIONS_NAME
    line = json.loads(record.read_text())
    line['regions'] *= 2
    record.write_text(json.dumps(line) + '\n')
    export = export_bag(tmp_path / 'bag', tmp_path / 'out')
    assert export.topics['/front'].regions == 1
    assert len(json.loads((tmp_path / 'out' / COCO).read_text())['annotations']) == 1


def test_label_studio_gets_tasks_with_predictions(tmp_path, bag):
    export_bag(bag, tmp_path / 'out')
    folder = tmp_path / 'out' / 'label_studio'
    tasks = json.loads((folder / 'tasks.json').read_text())
    assert len(tasks) == 12
    raws = [task for task in tasks if task['data']['topic'] == '/front/image_raw']
    for task, person in zip(raws, PEOPLE, strict=True):
        _, _, name = task['data']['image'].partition('?d=')
        assert (tmp_path / 'out' / name).is_file()
        results = task['predictions'][0]['result']
        assert len(results) == person
        for result in results:
            value = result['value']
            assert value['rectanglelabels'] == ['person']
            scaled = [value['x'] * WIDTH, value['y'] * HEIGHT, value['width'] * WIDTH]
            assert [number / 100 for number in scaled] == pytest.approx([16, 8, 24])
    assert '<Label value="person"/>' in (folder / 'config.xml').read_text()


def test_every_nth_frame_of_each_topic(tmp_path, bag):
    export = export_bag(bag, tmp_path / 'out', Choice(every=4))
    assert names_in(tmp_path / 'out' / 'images') == [
        'front-image_raw-000000.png', 'front-image_raw-000004.png',
        'rear-image_raw-compressed-000000.jpg', 'rear-image_raw-compressed-000004.jpg',
    ]  # fmt: skip
    assert export.topics['/front/image_raw'].regions == 1, 'the labels are those of its own frame'


@pytest.mark.parametrize(('interval', 'kept'), [(0.9, [0, 2, 4]), (0.5, range(6)), (99, [0])])
def test_one_frame_in_so_many_seconds(tmp_path, bag, interval, kept):
    export_bag(bag, tmp_path / 'out', Choice(('/front/image_raw',), interval_s=interval))
    assert names_in(tmp_path / 'out' / 'images') == [
        f'front-image_raw-{index:06d}.png' for index in kept
    ]


def test_the_calibration_is_as_ros_writes_it(tmp_path, bag):
    export = export_bag(bag, tmp_path / 'out')
    (name,) = names_in(tmp_path / 'out' / 'camera_info')
    assert export.topics['/front/image_raw'].calibration == f'camera_info/{name}'
    assert export.topics['/rear/image_raw/compressed'].calibration == ''
    told = yaml.safe_load((tmp_path / 'out' / 'camera_info' / name).read_text())
    assert list(told) == [
        'image_width', 'image_height', 'camera_name', 'camera_matrix', 'distortion_model',
        'distortion_coefficients', 'rectification_matrix', 'projection_matrix',
    ]  # fmt: skip
    assert (told['image_width'], told['image_height']) == (WIDTH, HEIGHT)
    assert told['camera_name'] == 'front'
    assert told['camera_matrix'] == {'rows': 3, 'cols': 3, 'data': [*map(float, range(9))]}
    assert told['distortion_coefficients']['cols'] == 5
    assert told['projection_matrix']['cols'] == 4
    assert export.topics['/front/image_raw'].notes == []


def test_a_calibration_that_changes_is_said_to(tmp_path, settings):
    source = recorded(tmp_path / 'in', (WIDTH, WIDTH + 1))
    anonymize_bag(source, tmp_path / 'bag', settings, [BrightDetector()])
    export = export_bag(tmp_path / 'bag', tmp_path / 'out')
    assert 'changes, in 1 messages' in export.topics['/front/image_raw'].notes[0]


@pytest.mark.parametrize(
    ('topic', 'info'),
    [
        ('/front/image_raw', '/front/camera_info'),
        ('/front/image_raw/compressed', '/front/camera_info'),
        ('/image', '/camera_info'),
    ],
)
def test_which_camera_info_is_whose(topic, info):
    assert info_beside(topic) == info


# Nobody raw


def test_a_bag_that_was_not_anonymised_is_refused(tmp_path):
    source = recorded(tmp_path / 'in')
    for content in (None, '{}', '{"tool": "other", "topics": {}}', 'no json'):
        if content is not None:
            (source / REPORT_NAME).write_text(content)
        with pytest.raises(InputError, match='not known to be anonymised'):
            export_bag(source, tmp_path / 'out')
    with pytest.raises(InputError, match="absent' does not exist; give what"):
        export_bag(tmp_path / 'absent', tmp_path / 'out')
    assert names_in(tmp_path) == ['in']


def test_with_somebody_s_word_it_is_exported_without_labels(tmp_path):
    export = export_bag(recorded(tmp_path / 'in'), tmp_path / 'out', vouched=True)
    assert not export.anonymized
    assert export.topics['/front/image_raw'].exported == 6
    assert export.topics['/front/image_raw'].regions == 0
    shown = cv2.imread(str(tmp_path / 'out/images/front-image_raw-000001.png'))
    assert np.array_equal(shown, scene(True, 61)[..., ::-1])


def test_a_record_of_another_bag_is_refused(tmp_path, bag, settings):
    """Somebody put the record of an anonymised bag beside a raw one."""
    entries = [Entry('/front/image_raw', IMAGE, raw(9, True), 77)]
    other = write_bag(tmp_path / 'other', entries)
    for name in (REPORT_NAME, REGIONS_NAME):
        (other / name).write_bytes((bag / name).read_bytes())
    with pytest.raises(InputError, match='not of this bag'):
        export_bag(other, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('change', ['missing', 'short', 'damaged'])
def test_a_record_that_is_not_whole_is_refused(tmp_path, bag, change):
    path = bag / REGIONS_NAME
    lines = path.read_text().splitlines(keepends=True)
    if change == 'missing':
        path.unlink()
    else:
        path.write_text(''.join(lines[:-3]) if change == 'short' else '{]' + ''.join(lines))
    with pytest.raises(InputError, match=r'regions\.jsonl'):
        export_bag(bag, tmp_path / 'out')
    assert names_in(tmp_path) == ['bag', 'in']


def test_topics_that_were_copied_or_are_no_images_are_left_out_and_named(tmp_path, settings):
    entries = [
        Entry('/front', IMAGE, raw(0, True), 1),
        Entry('/codes', IMAGE, image(scene(True), stamp=Stamp(5)), 2),
    ]
    entries[1].message.encoding = 'yuv410'
    source = write_bag(tmp_path / 'in', entries)
    copying = settings.changed(topic_actions=('/codes=copy',))
    anonymize_bag(source, tmp_path / 'bag', copying, [BrightDetector()])
    export = export_bag(tmp_path / 'bag', tmp_path / 'out')
    assert list(export.topics) == ['/front']
    assert export.left_out == {'/codes': 'It was copied as it is.'}
    with pytest.raises(ConfigError, match='copied as it is'):
        export_bag(tmp_path / 'bag', tmp_path / 'second', Choice(('/codes',)))


def test_depth_that_follows_colour_is_left_out_and_named(tmp_path, settings):
    depth = encoded('16UC1', 32, 24, 4, stamp=Stamp(5, 0))
    entries = [Entry('/front', IMAGE, raw(0, True), 1), Entry('/depth', IMAGE, depth, 2)]
    source = write_bag(tmp_path / 'in', entries)
    following = settings.changed(follow=('/depth=/front',))
    anonymize_bag(source, tmp_path / 'bag', following, [BrightDetector()])
    export = export_bag(tmp_path / 'bag', tmp_path / 'out')
    assert export.clean
    assert names_in(tmp_path / 'out' / 'images') == ['front-000000.png']
    assert 'depth' in export.left_out['/depth']
    assert '/depth' not in export.topics
    asked = export_bag(tmp_path / 'bag', tmp_path / 'second', Choice(('/depth',)))
    assert not asked.clean


def test_a_damaged_picture_is_counted_with_its_reason(tmp_path):
    entries = [Entry('/front', COMPRESSED, jpeg(index, False), index) for index in range(3)]
    entries[1].message.data = entries[1].message.data[:-9]
    source = write_bag(tmp_path / 'in', entries)
    export = export_bag(source, tmp_path / 'out', vouched=True)
    assert not export.clean
    ((reason, count),) = export.topics['/front'].failed.items()
    assert ('cut off' in reason, count) == (True, 1)
    assert len(names_in(tmp_path / 'out' / 'labels')) == 2


def test_dropped_and_black_frames_keep_the_labels_in_step(tmp_path, settings):
    """A dropped frame has a line in the record and no message; a black one shows nothing."""
    for on_failure in ('drop', 'blackout'):
        entries = [
            Entry('/front', IMAGE, raw(index, person), index) for index, person in enumerate(PEOPLE)
        ]
        detector = BrightDetector()
        look = detector._look

        def failing(frame, detector=detector, look=look):
            if len(detector.frames) == 4:
                raise RuntimeError('told to fail')
            return look(frame)

        detector._answer = failing
        source = write_bag(tmp_path / f'in_{on_failure}', entries)
        bag = tmp_path / f'bag_{on_failure}'
        anonymize_bag(source, bag, settings.changed(on_failure=on_failure), [detector])
        export = export_bag(bag, tmp_path / f'out_{on_failure}')
        topic = export.topics['/front']
        assert (topic.exported, topic.black) == (5, on_failure == 'blackout')
        dataset = read_dataset(tmp_path / f'out_{on_failure}', ('person',))
        labelled = [len(picture.boxes) for picture in dataset.pictures]
        assert labelled == [0, 1, 1, 1, 0]
        for picture in dataset.pictures:
            shown = cv2.imread(str(picture.path))
            assert (not shown[10:, 18:38].any()) == bool(len(picture.boxes))


def test_several_classes_are_labelled_as_what_was_obscured(tmp_path, bag):
    record = json.loads((bag / REPORT_NAME).read_text())
    record['settings']['classes'] = ['person', 'car']
    (bag / REPORT_NAME).write_text(json.dumps(record))
    assert export_bag(bag, tmp_path / 'out').category == SEVERAL
    assert (tmp_path / 'out' / 'classes.txt').read_text() == f'{SEVERAL}\n'


def test_what_can_not_be_done_is_refused(tmp_path, bag):
    (tmp_path / 'there').mkdir()
    with pytest.raises(InputError, match='not overwritten'):
        export_bag(bag, tmp_path / 'there')
    with pytest.raises(InputError, match='lies in it'):
        export_bag(bag, bag / 'out')
    with pytest.raises(ConfigError, match='/absent'):
        export_bag(bag, tmp_path / 'out', Choice(('/absent',)))
    with pytest.raises(ConfigError, match='/log'):
        export_bag(bag, tmp_path / 'out', Choice(('/log',)))
    with pytest.raises(ConfigError, match='not both'):
        Choice(every=2, interval_s=1.0)
    assert names_in(tmp_path) == ['bag', 'in', 'there']


def test_two_topics_never_become_one_file():
    assert slug('/a/b_c') != slug('/a_b/c')
