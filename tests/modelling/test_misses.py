import cv2
import numpy as np
import pytest
from samples.detectors import FakeDetector
from samples.labelled import SIZE, annotation, write_coco

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.datasets import read_dataset
from anonymizer_node.modelling.evaluate import evaluate
from anonymizer_node.modelling.misses import contact_sheet, marked, save

YELLOW, RED = (0, 230, 255), (80, 80, 255)


def evaluated(folder, *people, found=(), method='blackout', names=('1.png',)):
    boxes = [annotation(picture, box) for picture, box in people]
    dataset = read_dataset(write_coco(folder, names, boxes), ('person',))
    settings = Settings(padding=0.0, method=method)
    return evaluate(dataset, settings, {'told': FakeDetector(*found)})


def count(sheet, colour):
    return int((sheet == colour).all(axis=2).sum())


def test_nobody_missed_is_no_sheet(tmp_path):
    assert contact_sheet(evaluated(tmp_path, (1, (10, 10, 30, 50)), found=[(0, 0, *SIZE)])) is None


@pytest.mark.parametrize('method', ['blackout', 'pixelate'])
def test_a_tile_shows_what_is_visible_and_blackens_what_was_obscured(tmp_path, method):
    # 100 x 80: the crop is 80 x 80 from column 0 on, so 4 pixels of the tile for each.
    found = evaluated(tmp_path, (1, (10, 10, 30, 50)), found=[(0, 30, 60, 80)], method=method)
    sheet = contact_sheet(found)
    tile = sheet[48 : 48 + 320, 8 : 8 + 320]
    assert count(tile[210:300, 60:100], (0, 0, 0)) == 90 * 40  # Rows 52 to 75: obscured.
    assert not (tile[60:110, 50:110] == 0).all(axis=2).any()  # Rows 15 to 27: as it is.
    picture = cv2.imread(str(found.dataset.pictures[0].path))
    expected = cv2.resize(picture[:, :80], (320, 320), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(tile[60:110, 50:110], expected[60:110, 50:110])
    assert (tile[40:200, 40] == YELLOW).all()  # The left edge of the labelled box.
    assert count(tile, RED) > 300


def test_tiles_come_in_rows_of_four_and_no_more_than_asked_for(tmp_path):
    people = [(1, (x, 10, x + 8, 30 + x // 10)) for x in range(0, 90, 10)]
    found = evaluated(tmp_path, *people)
    assert contact_sheet(found).shape == (48 + 3 * 372, 8 + 4 * 328, 3)
    assert contact_sheet(found, 4).shape == (48 + 372, 8 + 4 * 328, 3)
    assert contact_sheet(found, 1).shape == (48 + 372, 8 + 2 * 328, 3)


@pytest.mark.parametrize(
    'box', [(0, 0, 2, 2), (98, 78, 100, 80), (0, 0, 100, 80), (0, 79, 100, 80)]
)
def test_a_person_anywhere_is_outlined_inside_their_tile(tmp_path, box):
    sheet = contact_sheet(evaluated(tmp_path, (1, box)))
    tile = sheet[48 : 48 + 320, 8 : 8 + 320]
    assert count(tile, YELLOW) == count(sheet, YELLOW) > 0


def test_the_name_of_the_file_says_that_it_shows_people(tmp_path):
    assert marked(tmp_path / 'misses.png') == tmp_path / 'misses_shows_people.png'
    assert marked(tmp_path / 'x_shows_people.png') == tmp_path / 'x_shows_people.png'
    with pytest.raises(InputError, match=r'ends in \.png'):
        marked(tmp_path / 'misses.jpg')


def test_the_file_is_the_sheet(tmp_path):
    sheet = contact_sheet(evaluated(tmp_path, (1, (10, 10, 30, 50))))
    save(sheet, tmp_path / 'sheet.png')
    assert np.array_equal(cv2.imread(str(tmp_path / 'sheet.png')), sheet)
