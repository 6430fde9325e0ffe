import json
import shutil

import cv2
import numpy as np
import pytest
from samples.labelled import SIZE, annotation, write_coco, write_picture, write_yolo

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.labelled import Label, Labelled, pixels_of

PERSON = ('person',)


# --- COCO


@pytest.fixture
def coco(tmp_path):
    return write_coco(
        tmp_path / 'set',
        ['b.png', 'a.png', 'c.png'],
        [
            annotation(1, (10, 20, 30, 60)),
            annotation(1, (0, 0, 5, 5), category=2),
            annotation(2, (40, 0, 100, 80), crowd=1),
            annotation(2, (1.5, 2.5, 3.5, 4.5)),
        ],
    )


def test_boxes_of_the_classes_asked_for_come_in_pixels_with_their_pictures(coco):
    found = read_dataset(coco, PERSON)
    assert (found.kind, found.labels, found.known) == ('coco', PERSON, ('person', 'dog'))
    a, b, c = found.pictures
    assert [picture.path.name for picture in found.pictures] == ['a.png', 'b.png', 'c.png']
    assert all((picture.width, picture.height) == SIZE for picture in found.pictures)
    assert a.boxes.tolist() == [[40, 0, 100, 80], [1.5, 2.5, 3.5, 4.5]]
    assert a.boxes.dtype == np.float32
    assert a.crowd.tolist() == [True, False]
    assert a.boxes_of(PERSON).tolist() == [[1.5, 2.5, 3.5, 4.5]]
    assert a.boxes_of(PERSON, crowd=True).tolist() == [[40, 0, 100, 80]]
    assert b.boxes.tolist() == [[10, 20, 30, 60]]
    assert (c.is_empty, a.is_empty, c.boxes.shape) == (True, False, (0, 4))


def test_a_picture_with_none_but_a_crowd_is_not_empty(tmp_path):
    folder = write_coco(tmp_path, ['a.png'], [annotation(1, (0, 0, 9, 9), crowd=1)])
    assert not read_dataset(folder, PERSON).pictures[0].is_empty


def test_several_classes_keep_their_names(coco):
    found = read_dataset(coco, ('dog', 'person'))
    assert found.pictures[1].names == ('person', 'dog')
    assert found.pictures[1].boxes_of(('dog',)).tolist() == [[0, 0, 5, 5]]


def test_the_annotation_file_itself_can_be_given(coco):
    assert len(read_dataset(coco / 'boxes.json', PERSON).pictures) == 3


@pytest.mark.parametrize(
    ('file', 'images'),
    [
        ('boxes.json', '.'),
        ('annotations/instances_val2017.json', 'val2017'),
        ('annotations/instances_val2017.json', 'images/val2017'),
        ('annotations/instances_val.json', 'images'),
    ],
)
def test_pictures_are_found_where_they_usually_lie(tmp_path, file, images):
    write_coco(tmp_path, ['a.png'], [], file=file, images=images)
    (picture,) = read_dataset(tmp_path, PERSON).pictures
    assert picture.path.resolve() == (tmp_path / images / 'a.png').resolve()


def test_pictures_elsewhere_are_named(coco, tmp_path):
    shutil.move(coco / 'images', tmp_path / 'elsewhere')
    with pytest.raises(InputError, match=r"picture 'a.png' .* \(3 of 3 .*--images"):
        read_dataset(coco, PERSON)
    assert len(read_dataset(coco, PERSON, images=tmp_path / 'elsewhere').pictures) == 3


def test_one_missing_picture_of_many_is_an_error(coco):
    (coco / 'images' / 'b.png').unlink()
    with pytest.raises(InputError, match=r"'b.png' .* \(1 of 3"):
        read_dataset(coco, PERSON)


def test_two_annotation_files_are_not_chosen_from(coco):
    shutil.copy(coco / 'boxes.json', coco / 'other.json')
    with pytest.raises(InputError, match=r'boxes\.json, other\.json'):
        read_dataset(coco, PERSON)


def test_sizes_that_are_not_stated_are_read(coco):
    content = json.loads((coco / 'boxes.json').read_text())
    for image in content['images']:
        del image['width'], image['height']
    (coco / 'boxes.json').write_text(json.dumps(content))
    picture = read_dataset(coco, PERSON).pictures[0]
    assert (picture.width, picture.height) == SIZE


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('{', 'can not be read as JSON'),
        ('[]', 'no COCO annotation file'),
        ('{"images": [], "annotations": []}', 'categories'),
        ('{"images": [{}], "annotations": [], "categories": []}', 'file_name'),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}',
            'lists no pictures',
        ),
    ],
)
def test_a_file_that_is_no_annotations_is_refused(tmp_path, text, said):
    (tmp_path / 'boxes.json').write_text(text)
    with pytest.raises(InputError, match=said):
        read_dataset(tmp_path, PERSON)


@pytest.mark.parametrize('bbox', [[1, 2, 3], [1, 2, 3, '4'], [1, 2, 3, float('nan')], None])
def test_a_box_that_is_none_is_refused(tmp_path, bbox):
    folder = write_coco(tmp_path, ['a.png'], [{'image_id': 1, 'category_id': 1, 'bbox': bbox}])
    with pytest.raises(InputError, match=r'Annotation 10 .* four numbers'):
        read_dataset(folder, PERSON)


def test_a_category_that_is_not_listed_is_refused(tmp_path):
    folder = write_coco(tmp_path, ['a.png'], [annotation(1, (0, 0, 1, 1), category=9)])
    with pytest.raises(InputError, match='category 9'):
        read_dataset(folder, PERSON)


# --- YOLO


def test_lines_become_boxes_in_pixels(tmp_path):
    folder = write_yolo(
        tmp_path,
        {'a': '0 0.5 0.5 0.2 0.5\n\n1 0.1 0.1 0.1 0.1\n', 'b': None, 'c': ''},
    )
    found = read_dataset(folder, PERSON)
    a, b, c = found.pictures
    assert (found.kind, found.known) == ('yolo', ('person', 'dog'))
    np.testing.assert_allclose(a.boxes, [[40, 20, 60, 60]], atol=1e-4)
    assert (a.names, a.crowd.tolist()) == (PERSON, [False])
    assert b.is_empty
    assert c.is_empty


def test_a_polygon_counts_as_its_box(tmp_path):
    folder = write_yolo(tmp_path, {'a': '0 0.1 0.5 0.3 0.25 0.2 0.75'})
    np.testing.assert_allclose(
        read_dataset(folder, PERSON).pictures[0].boxes, [[10, 20, 30, 60]], atol=1e-4
    )


def test_the_validation_split_is_taken_where_there_are_splits(tmp_path):
    write_yolo(tmp_path, {'t': '0 0.5 0.5 1 1'}, split='train')
    write_yolo(tmp_path, {'v': '0 0.5 0.5 0.5 0.5'}, split='val')
    (picture,) = read_dataset(tmp_path, PERSON).pictures
    assert picture.path.stem == 'v'
    assert picture.boxes.tolist() == [[25, 20, 75, 60]]
    (other,) = read_dataset(tmp_path, PERSON, images=tmp_path / 'images/train').pictures
    assert other.boxes.tolist() == [[0, 0, *SIZE]]


def test_of_several_other_splits_none_is_guessed(tmp_path):
    for split in ('one', 'two'):
        write_yolo(tmp_path, {split: None}, split=split)
    with pytest.raises(InputError, match='one, two'):
        read_dataset(tmp_path, PERSON)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('data.yaml', 'names: [dog, person]'),
        ('data.yaml', 'names: {0: dog, 1: person}'),
        ('obj.names', 'dog\nperson\n'),
        ('labels/classes.txt', 'dog\nperson'),
    ],
)
def test_class_names_are_read_wherever_tools_write_them(tmp_path, name, text):
    folder = write_yolo(tmp_path, {'a': '1 0.5 0.5 1 1'})
    (folder / 'classes.txt').unlink()
    (folder / name).write_text(text)
    assert len(read_dataset(folder, PERSON).pictures[0].boxes) == 1


@pytest.mark.parametrize('text', ['names: person', 'nc: 1', ':\n-', 'names: {1: person}'])
def test_class_names_that_are_none_are_refused(tmp_path, text):
    folder = write_yolo(tmp_path, {'a': None})
    (folder / 'data.yaml').write_text(text)
    with pytest.raises(InputError, match=r'data\.yaml.*class names'):
        read_dataset(folder, PERSON)


def test_without_class_names_the_remedy_is_named(tmp_path):
    folder = write_yolo(tmp_path / 'set', {'a': None})
    (folder / 'classes.txt').unlink()
    with pytest.raises(InputError, match=r'classes\.txt'):
        read_dataset(folder, PERSON)


@pytest.mark.parametrize(
    'line',
    [
        '0 0.5 0.5 0.2',
        '0 0.5 0.5 0.2 0.2 0.9',
        '0 0.1 0.2 0.3 0.4 0.5 0.6 0.7',
        '2 0.5 0.5 0.2 0.2',
        '-1 0.5 0.5 0.2 0.2',
        '0.5 0.5 0.5 0.2 0.2',
        'person 0.5 0.5 0.2 0.2',
        '0 nan 0.5 0.2 0.2',
        '0 320 240 64 64',
        '0 0.5 0.5 -0.005 0.2',
    ],
)
def test_a_malformed_line_is_named(tmp_path, line):
    folder = write_yolo(tmp_path, {'a': f'0 0.5 0.5 0.1 0.1\n{line}\n'})
    with pytest.raises(InputError) as raised:
        read_dataset(folder, PERSON)
    said = str(raised.value)
    assert said.startswith(f"Line 2 of '{folder / 'labels' / 'a.txt'}' is '{line}'")


def test_labels_without_their_picture_are_no_less_people(tmp_path):
    folder = write_yolo(tmp_path, {'a': None, 'b': '0 0.5 0.5 1 1'})
    (folder / 'images' / 'b.png').unlink()
    with pytest.raises(InputError, match=r"b\.txt' labels a picture .* \(1 of 1"):
        read_dataset(folder, PERSON)


def test_pictures_whose_folder_of_labels_is_absent_are_not_all_empty(tmp_path):
    folder = write_yolo(tmp_path, {'a': None})
    shutil.move(folder / 'images', folder / 'moved')
    write_picture(folder / 'images' / 'val' / 'a.png')
    with pytest.raises(InputError, match='count as empty'):
        read_dataset(folder, PERSON)


def test_a_folder_without_pictures_is_refused(tmp_path):
    folder = write_yolo(tmp_path, {'a': None})
    (folder / 'images' / 'a.png').unlink()
    with pytest.raises(InputError, match='no pictures'):
        read_dataset(folder, PERSON)


# --- Both


def test_what_is_not_there_or_no_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match='does not exist'):
        read_dataset(tmp_path / 'absent', PERSON)
    with pytest.raises(InputError, match=r'no data set .* COCO .*'):
        read_dataset(tmp_path, PERSON)
    write_coco(tmp_path, ['a.png'], [])
    with pytest.raises(InputError, match='--images'):
        read_dataset(tmp_path, PERSON, images=tmp_path / 'absent')


def test_a_class_that_is_not_labelled_is_an_error_unless_another_is(coco):
    with pytest.raises(InputError, match="labels no 'face'; it labels person, dog"):
        read_dataset(coco, ('person', 'face'))
    assert read_dataset(coco, ('person', 'face'), partly=True).labels == PERSON
    with pytest.raises(InputError, match="labels no 'face'"):
        read_dataset(coco, ('face',), partly=True)


def test_labels_are_clipped_and_what_nothing_is_left_of_is_counted():
    labels = [
        Label('person', (-10, -5, 20, 20)),
        Label('person', (100, 10, 120, 20)),
        Label('person', (10, 10, 10, 20)),
    ]
    picture = Labelled.of('a.png', *SIZE, labels)
    assert picture.boxes.tolist() == [[0, 0, 20, 20]]
    assert picture.left_out == 2


def test_a_picture_of_another_size_than_labelled_is_refused(coco):
    picture = read_dataset(coco, PERSON).pictures[0]
    write_picture(picture.path, (50, 40))
    with pytest.raises(InputError, match='50x40, but labelled as 100x80'):
        pixels_of(picture)


def test_a_picture_labelled_as_stored_is_not_turned(tmp_path):
    """EXIF says: turn by 90 degrees. The labels' size says: they were made without."""
    pixels = np.full((*SIZE[::-1], 3), 100, np.uint8)
    jpeg = cv2.imencode('.jpg', pixels)[1].tobytes()
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    turned = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    path = tmp_path / 'a.jpg'
    path.write_bytes(turned)
    assert pixels_of(Labelled.of(path, *SIZE, [])).shape == (80, 100, 3)
    assert pixels_of(Labelled.of(path, *SIZE[::-1], [])).shape == (100, 80, 3)


@pytest.mark.parametrize('data', [b'', b'GIF89a no'])
def test_a_picture_that_is_none_is_refused(coco, data):
    picture = read_dataset(coco, PERSON).pictures[0]
    picture.path.write_bytes(data)
    with pytest.raises(InputError, match=r'a\.png.*no picture'):
        pixels_of(picture)
