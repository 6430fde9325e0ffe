import numpy as np
import pytest
from samples import bags, images
from samples.bags import COMPRESSED, IMAGE, STRING, Entry

from anonymizer_node.core.errors import InputError
from anonymizer_node.modelling.calibration import draw


def grey(value):
    return np.full((24, 32, 3), value, np.uint8)


def bag_of(tmp_path, entries, storage='mcap'):
    return bags.write_bag(tmp_path / 'bag', entries, storage)


def two_cameras(count=20):
    """Two cameras that take turns: even greys are raw, odd ones PNG."""
    entries = [Entry('/words', STRING, 'hello', 0)]
    for index in range(count):
        name, kind, make = (
            ('/raw/image', IMAGE, images.image)
            if index % 2 == 0
            else ('/packed/image/compressed', COMPRESSED, images.compressed)
        )
        entries.append(Entry(name, kind, make(grey(index)), index + 1))
    return entries


def values(drawn):
    return [int(frame.pixels[0, 0, 0]) for frame in drawn.frames]


def test_a_folder_s_pictures_in_folders_of_its_own_too(photographs):
    (photographs / 'more').mkdir()
    (photographs / 'more' / '9.PNG').write_bytes(images.png_bytes(grey(9)))
    drawn = draw(photographs, 50, 0, 512)
    assert [frame.source for frame in drawn.frames] == [
        '0.png', '1.png', '2.png', '3.png', '9.PNG',
    ]  # fmt: skip
    assert (drawn.kind, drawn.unreadable) == ('folder', 0)
    first = drawn.frames[0]
    assert (first.encoding, first.width, first.height) == ('bgr8', 300, 200)


@pytest.mark.parametrize('content', [b'no picture', b''])
def test_pictures_that_can_not_be_read_are_counted(photographs, content):
    (photographs / 'broken.jpg').write_bytes(content)
    drawn = draw(photographs, 50, 0, 512)
    assert (len(drawn.frames), drawn.unreadable) == (4, 1)
    assert 'broken.jpg' in drawn.reason


def test_a_folder_in_which_none_can_be_read_is_refused(tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'no picture')
    with pytest.raises(InputError, match=r'no picture that can be read.*broken\.jpg'):
        draw(tmp_path, 50, 0, 512)


@pytest.mark.parametrize('storage', bags.STORAGES)
def test_a_small_bag_is_taken_whole_whatever_its_messages(tmp_path, storage):
    bag = bag_of(tmp_path, two_cameras(), storage)
    drawn = draw(bag, 50, 0, 512)
    assert values(drawn) == list(range(20))
    assert {frame.source for frame in drawn.frames} == {'/raw/image', '/packed/image/compressed'}
    (file,) = [path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3')]
    assert values(draw(file, 50, 0, 512)) == list(range(20))


def test_a_draw_is_spread_over_the_time_and_the_cameras_and_repeats(tmp_path):
    bag = bag_of(tmp_path, two_cameras(100))
    drawn = values(draw(bag, 10, 0, 512))
    assert [value // 10 for value in drawn] == list(range(10))
    assert {value % 2 for value in drawn} == {0, 1}
    assert values(draw(bag, 10, 0, 512)) == drawn
    assert values(draw(bag, 10, 1, 512)) != drawn


def test_depth_images_take_no_picture_s_place(tmp_path):
    entries = two_cameras(10)
    for index in range(10):
        depth = images.image(np.zeros((4, 8, 3), np.uint8))
        depth.encoding, depth.step = '16UC1', 24
        entries.append(Entry('/depth', IMAGE, depth, 100 + index))
    drawn = draw(bag_of(tmp_path, entries), 10, 0, 512)
    assert values(drawn) == list(range(10))
    assert drawn.unreadable == 1
    assert '/depth' in drawn.reason


def test_a_damaged_picture_is_counted(tmp_path):
    entries = two_cameras(6)
    entries[4].message.data = b'\x89PNG\r\n\x1a\nbroken'
    drawn = draw(bag_of(tmp_path, entries), 50, 0, 512)
    assert values(drawn) == [0, 1, 2, 4, 5]
    assert drawn.unreadable == 1


def test_a_bag_without_images_is_refused(tmp_path):
    bag = bag_of(tmp_path, [Entry('/words', STRING, 'hello', 0)])
    with pytest.raises(InputError, match='It has no topic of images'):
        draw(bag, 50, 0, 512)


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(InputError, match='does not exist'):
        draw(tmp_path / 'absent', 50, 0, 512)
    (tmp_path / 'video.mp4').touch()
    with pytest.raises(InputError, match='neither a folder of pictures nor a bag'):
        draw(tmp_path / 'video.mp4', 50, 0, 512)
    (tmp_path / 'lost').mkdir()
    (tmp_path / 'lost' / 'lost_0.mcap').write_bytes(b'cut off')
    with pytest.raises(InputError, match='is not a readable recording'):
        draw(tmp_path / 'lost', 50, 0, 512)
