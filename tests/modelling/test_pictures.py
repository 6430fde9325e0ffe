import cv2
import numpy as np
import pytest

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.pictures import choose, load


def test_the_choice_is_the_same_every_time_sorted_and_of_pictures_only(photographs):
    first = choose(photographs, 2, seed=0)
    assert first == choose(photographs, 2, seed=0) == sorted(first)
    assert len(set(first)) == 2
    assert {path.suffix for path in first} == {'.png'}
    assert len({tuple(choose(photographs, 2, seed)) for seed in range(20)}) > 1


@pytest.mark.parametrize('count', [4, 50])
def test_a_folder_with_no_more_than_wanted_is_taken_whole(photographs, count):
    assert [path.name for path in choose(photographs, count, 0)] == [
        '0.png', '1.png', '2.png', '3.png',
    ]  # fmt: skip


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match='has no picture'):
        choose(tmp_path, 1, 0)
    with pytest.raises(InputError, match='is no folder'):
        choose(tmp_path / 'nowhere', 1, 0)


def test_a_picture_lies_in_the_middle_of_black(tmp_path):
    path = tmp_path / 'wide.png'
    cv2.imwrite(str(path), np.full((100, 320, 3), (10, 20, 30), np.uint8))
    loaded = load(path, 320)
    assert loaded.shape == (128, 320, 3)
    assert (loaded[14:114] == (10, 20, 30)).all()
    assert not loaded[:14].any()
    assert not loaded[114:].any()


@pytest.mark.parametrize('size', [(640, 480), (600, 400), (120, 90), (64, 48)])
def test_pictures_are_scaled_to_the_bit_as_those_of_the_shipped_model_were(tmp_path, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    path = tmp_path / 'picture.png'
    cv2.imwrite(str(path), picture)
    loaded = load(path, 96)
    height = round(96 * size[1] / size[0])
    while picture.shape[1] >= 192:
        picture = cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2))
    how = cv2.INTER_AREA if size[0] > 96 else cv2.INTER_LINEAR
    expected = cv2.resize(picture, (96, height), interpolation=how)
    top = (loaded.shape[0] - height) // 2
    assert np.array_equal(loaded[top : top + height], expected)


def test_a_file_that_only_looks_like_a_picture_is_named(tmp_path):
    path = tmp_path / 'broken.jpg'
    path.write_bytes(b'no picture')
    with pytest.raises(InputError, match=r"broken\.jpg' is no picture"):
        load(path, 320)
