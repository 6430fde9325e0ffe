import numpy as np
import pytest

from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.geometry import Letterbox
from anonymizer_node.detectors.families import FAMILIES
from anonymizer_node.detectors.family import BGR, GraphInfo, Misfit, Preprocessing, Size
from anonymizer_node.detectors.inputs import TYPES, Preprocessor, place, read_input

PLACEMENTS = ('centre', 'top_left', 'stretch')
FLOAT = 'tensor(float)'


def graph(*inputs):
    named = [(f'in{index}', kind, shape) for index, (kind, shape) in enumerate(inputs)]
    return GraphInfo(tuple(named), (), {})


# --- What a graph takes


@pytest.mark.parametrize(
    ('shape', 'channels_last', 'size', 'batch'),
    [
        ((1, 3, 480, 640), False, Size(640, 480), 1),
        ((1, 480, 640, 3), True, Size(640, 480), 1),
        (('n', 3, 'h', 'w'), False, None, None),
        ((1, 'h', 'w', 3), True, None, 1),
        ((None, None, None, 3), True, None, None),
        (('n', 'c', 'h', 'w'), False, None, None),
        ((1, 'c', 480, 640), False, Size(640, 480), 1),
        ((1, 480, 640, 'c'), True, Size(640, 480), 1),
        ((10, 3, 32, 32), False, Size(32, 32), 10),
        ((1, 3, 'h', 3), False, None, 1),
    ],
)
def test_the_layout_is_read_from_the_shape(shape, channels_last, size, batch):
    if shape == (1, 3, 'h', 3):
        with pytest.raises(Misfit, match='only one side'):
            read_input(graph((FLOAT, shape)))
        return
    takes = read_input(graph((FLOAT, shape)))
    assert (takes.name, takes.kind) == ('in0', FLOAT)
    assert (takes.channels_last, takes.size, takes.batch) == (channels_last, size, batch)


def test_a_second_input_takes_the_size():
    for kind in ('int64', 'int32'):
        takes = read_input(graph((FLOAT, (1, 3, 64, 96)), (f'tensor({kind})', ('n', 2))))
        assert takes.size_name == 'in1'
        feeds = takes.feeds(np.zeros(0), Size(96, 64))
        assert feeds['in1'].tolist() == [[96, 64]]
        assert feeds['in1'].dtype == kind


@pytest.mark.parametrize(
    ('inputs', 'said'),
    [
        ((), 'none'),
        (((FLOAT, (1, 4)),), '[1, 4]'),
        (((FLOAT, (1, 3, 8, 8)),) * 2, 'not one picture'),
        (((FLOAT, (1, 3, 8, 8)), ('tensor(int64)', (1, 2)), ('tensor(int64)', (1, 2))), 'not one'),
        ((('tensor(int64)', (1, 3, 8, 8)),), 'tensor(int64)'),
        ((('tensor(double)', (1, 3, 8, 8)),), 'tensor(double)'),
        (((FLOAT, (1, 1, 8, 8)),), 'no three channels'),
        (((FLOAT, (1, 8, 8, 4)),), 'no three channels'),
        (((FLOAT, (1, 3, 8, 'w')),), 'only one side'),
        (((FLOAT, (1, 3, 8, 8)), (FLOAT, (1, 2))), 'for a size'),
        (((FLOAT, (1, 3, 8, 8)), ('tensor(int64)', (1,))), 'for a size'),
    ],
)
def test_what_is_no_picture_is_refused(inputs, said):
    with pytest.raises(Misfit) as raised:
        read_input(graph(*inputs))
    assert said in str(raised.value)


# --- Where a frame lies


@pytest.mark.parametrize(
    ('placement', 'expected'),
    [
        ('centre', (512, 288, 512, 288, 0, 0)),
        ('top_left', (512, 288, 512, 288, 0, 0)),
        ('stretch', (512, 288, 512, 288, 0, 0)),
    ],
)
def test_a_free_input_has_the_frame_s_shape(placement, expected):
    assert place(1920, 1080, placement, 512, None, 32)[:6] == expected


def test_a_free_input_is_rounded_up():
    assert place(640, 427, 'centre', 512, None, 32)[:6] == (512, 352, 512, 342, 0, 5)
    assert place(640, 427, 'top_left', 512, None, 32)[:6] == (512, 352, 512, 342, 0, 0)
    assert place(640, 427, 'stretch', 512, None, 32)[:6] == (512, 352, 512, 352, 0, 0)


def test_a_coarser_stride_is_kept_to():
    box = place(640, 480, 'centre', 480, None, 64)
    assert box[:2] == (512, 384)
    assert box[:6] == (512, 384, 512, 384, 0, 0)
    assert place(640, 480, 'centre', 512, None, 32) == Letterbox.fit(640, 480, 512)


@pytest.mark.parametrize(
    ('placement', 'expected'),
    [
        ('centre', (640, 640, 640, 360, 0, 140)),
        ('top_left', (640, 640, 640, 360, 0, 0)),
        ('stretch', (640, 640, 640, 640, 0, 0)),
    ],
)
def test_a_fixed_input_is_filled(placement, expected):
    assert place(1920, 1080, placement, 512, Size(640, 640), 32)[:6] == expected


@pytest.mark.parametrize('placement', PLACEMENTS)
@pytest.mark.parametrize(('width', 'height'), [(640, 480), (480, 640), (1920, 1080), (31, 517)])
@pytest.mark.parametrize('fixed', [None, Size(320, 240), Size(640, 640)])
def test_a_frame_s_corners_come_back(placement, width, height, fixed):
    box = place(width, height, placement, 512, fixed, 32)
    right, below = box.left + box.width, box.top + box.height
    assert 0 <= box.left < right <= box.input_width
    assert 0 <= box.top < below <= box.input_height
    corners = np.array([[box.left, box.top, right, below]], np.float32)
    np.testing.assert_allclose(box.to_frame(corners), [[0, 0, width, height]], atol=1e-3)


# --- What a picture becomes


def made(how, kind, channels_last, pixels):
    height, width = pixels.shape[:2]
    box = place(width, height, how.placement, 64, Size(64, 64), 32)
    return Preprocessor(how, kind, channels_last)(Frame(pixels, 'bgr8', width, height), box)


@pytest.mark.parametrize('channels_last', [False, True])
@pytest.mark.parametrize('kind', TYPES)
@pytest.mark.parametrize('name', FAMILIES)
def test_pixels_become_what_the_family_says(name, kind, channels_last):
    how = FAMILIES[name].preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    picture = made(how, kind, channels_last, pixels)
    assert picture.dtype == TYPES[kind]
    assert picture.shape == ((1, 64, 64, 3) if channels_last else (1, 3, 64, 64))
    shown = picture[0] if channels_last else picture[0].transpose(1, 2, 0)
    ordered = pixels[..., ::-1] if how.order == 'rgb' else pixels
    if kind == 'tensor(uint8)':
        assert np.array_equal(shown, ordered)
    elif kind == 'tensor(int8)':
        assert np.array_equal(shown.astype(int), ordered.astype(int) - 128)
    else:
        expected = (ordered * how.scale - np.array(how.mean)) / np.array(how.std)
        atol = 0.06 if kind == 'tensor(float16)' else 1e-5
        np.testing.assert_allclose(shown, expected, atol=atol, rtol=1e-5)


def test_known_preprocessings():
    """One white and one black pixel's values in each family, as their sources have them."""
    expected = {
        'nanodet': (-103.53 / 57.375, (255 - 103.53) / 57.375),
        'nanodet_plus': (-103.53 / 57.375, (255 - 103.53) / 57.375),
        'yolox': (0, 255),
        'yolox_decoded': (0, 255),
        'yolov5': (0, 1),
        'yolov8': (0, 1),
        'yolo_end2end': (0, 1),
        'rtdetr': (0, 1),
        'tfod': (0, 255),
        'yunet': (0, 255),
        'centerface': (0, 255),
        'ultraface': (-127 / 128, 1),
    }
    for name, family in FAMILIES.items():
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, 32:] = 255
        picture = made(family.preprocessing, FLOAT, False, pixels)
        values = picture[0, 0, 10, [10, 50]]
        np.testing.assert_allclose(values, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ('placement', 'rows'), [('centre', slice(16, 48)), ('top_left', slice(0, 32))]
)
def test_beside_the_picture_there_is_the_fill(placement, rows):
    how = Preprocessing(BGR, placement=placement, fill=114)
    picture = made(how, 'tensor(uint8)', True, np.full((32, 64, 3), 200, np.uint8))[0]
    beside = np.ones(64, bool)
    beside[rows] = False
    assert (picture[rows] == 200).all()
    assert (picture[beside] == 114).all()


def test_the_embedded_model_s_input_is_the_canvas_itself():
    make = Preprocessor(FAMILIES['nanodet'].preprocessing, 'tensor(uint8)', True)
    box = place(64, 64, 'centre', 64, None, 32)
    frame = Frame(np.zeros((64, 64, 3), np.uint8), 'bgr8', 64, 64)
    first, second = make(frame, box), make(frame, box)
    assert np.shares_memory(first, second)
    assert np.shares_memory(first, make._canvas)


@pytest.mark.parametrize('kind', TYPES)
def test_nothing_is_left_of_the_frame_before(kind):
    how = Preprocessing(BGR, placement='centre', fill=7)
    make = Preprocessor(how, kind, False)
    shapes = [(64, 64), (32, 64), (64, 32), (64, 64)]
    for seed, (height, width) in enumerate(shapes):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
        box = place(width, height, 'centre', 64, Size(64, 64), 32)
        frame = Frame(pixels, 'bgr8', width, height)
        fresh = Preprocessor(how, kind, False)(frame, box)
        assert np.array_equal(make(frame, box), fresh)
