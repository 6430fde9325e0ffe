import numpy as np
import pytest

from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors import nanodet
from anonymizer_node.detectors.families import GraphInfo
from anonymizer_node.detectors.nanodet import BINS, STRIDES, decode

WIDTH, HEIGHT = 96, 64
GRIDS = [(HEIGHT // stride, WIDTH // stride) for stride in STRIDES]


def outputs(classes=1, dtype=np.float32):
    """No detections; every side's expectation is 5 bins, the middle."""
    scores = [np.zeros((1, rows * columns, classes), dtype) for rows, columns in GRIDS]
    sides = [np.zeros((1, rows * columns, 4 * BINS), dtype) for rows, columns in GRIDS]
    return scores + sides


def put(arrays, level, row, column, score, sides, class_id=0):
    """A detection at a cell; `sides` in bins, halves mean between two."""
    anchor = row * GRIDS[level][1] + column
    arrays[level][0, anchor, class_id] = score
    logits = np.full((4, BINS), -1e3)
    for side, bins in enumerate(sides):
        logits[side, int(np.floor(bins))] = 0
        logits[side, int(np.ceil(bins))] = 0
    arrays[level + len(STRIDES)][0, anchor] = logits.ravel()


@pytest.mark.parametrize('level', range(len(STRIDES)))
@pytest.mark.parametrize(('row', 'column'), [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_a_cell_s_box_is_where_its_centre_and_sides_say(level, row, column):
    arrays, stride = outputs(), STRIDES[level]
    put(arrays, level, row, column, 0.75, (1, 2, 3.5, 10))
    xyxy, scores, ids = decode(arrays, WIDTH, HEIGHT, 0.25)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    expected = [[x - stride, y - 2 * stride, x + 3.5 * stride, y + 10 * stride]]
    np.testing.assert_allclose(xyxy, expected, rtol=1e-6)
    assert scores.tolist() == [0.75]
    assert ids.tolist() == [0]
    assert (xyxy.dtype, scores.dtype, ids.dtype) == (np.float32, np.float32, np.int64)


def test_the_sides_are_left_top_right_bottom_and_the_expectation_over_the_bins():
    arrays = outputs()
    put(arrays, 0, 4, 6, 0.5, (0, 0, 0, 0))
    logits = np.random.default_rng(3).normal(size=(4, BINS)).astype(np.float32)
    arrays[3][0, 4 * GRIDS[0][1] + 6] = logits.ravel()
    xyxy, _, _ = decode(arrays, WIDTH, HEIGHT, 0.25)
    shares = np.exp(logits.astype(float))
    shares /= shares.sum(axis=1, keepdims=True)
    left, top, right, bottom = (shares * np.arange(BINS)).sum(axis=1) * 8
    np.testing.assert_allclose(xyxy[0], [52 - left, 36 - top, 52 + right, 36 + bottom], rtol=1e-5)


def test_large_logits_do_not_overflow():
    arrays = outputs()
    put(arrays, 0, 4, 6, 0.5, (1, 1, 1, 1))
    arrays[3] += np.float32(1e4)
    with np.errstate(all='raise', under='ignore'):
        xyxy, _, _ = decode(arrays, WIDTH, HEIGHT, 0.25)
    np.testing.assert_allclose(xyxy, [[44, 28, 60, 44]])


@pytest.mark.parametrize('threshold', [0.01, 0.1, 0.2, 0.25, 0.3, 0.7, 0.9])
def test_a_score_at_exactly_the_threshold_counts(threshold):
    arrays = outputs()
    exact = np.float32(threshold)
    put(arrays, 0, 0, 0, exact, (1, 1, 1, 1))
    put(arrays, 0, 2, 2, np.nextafter(exact, np.float32(0)), (1, 1, 1, 1))
    put(arrays, 1, 1, 1, np.nextafter(exact, np.float32(1)), (1, 1, 1, 1))
    _, scores, _ = decode(arrays, WIDTH, HEIGHT, threshold)
    assert sorted(scores.tolist()) == sorted(
        [float(exact), float(np.nextafter(exact, np.float32(1)))]
    )


def test_nobody_is_an_empty_answer():
    xyxy, scores, ids = decode(outputs(), WIDTH, HEIGHT, 0.25)
    assert (xyxy.shape, scores.shape, ids.shape) == ((0, 4), (0,), (0,))


def test_one_cell_may_hold_two_classes():
    arrays = outputs(classes=3)
    put(arrays, 2, 1, 2, 0.5, (1, 1, 1, 1), class_id=0)
    put(arrays, 2, 1, 2, 0.6, (1, 1, 1, 1), class_id=2)
    xyxy, scores, ids = decode(arrays, WIDTH, HEIGHT, 0.25)
    assert ids.tolist() == [0, 2]
    np.testing.assert_allclose(scores, [0.5, 0.6])
    assert np.array_equal(xyxy[0], xyxy[1])


def test_the_last_cell_of_every_level_is_read():
    arrays = outputs()
    for level, (rows, columns) in enumerate(GRIDS):
        put(arrays, level, rows - 1, columns - 1, 0.5, (0, 0, 0.5, 0.5))
    xyxy, _, _ = decode(arrays, WIDTH, HEIGHT, 0.25)
    np.testing.assert_allclose(xyxy[:, 2], WIDTH)
    np.testing.assert_allclose(xyxy[:, 3], HEIGHT)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('level', range(3))
def test_a_score_that_is_no_number_is_not_nobody(bad, level):
    arrays = outputs()
    arrays[level][0, 1, 0] = bad
    with pytest.raises(DetectorError, match='finite'):
        decode(arrays, WIDTH, HEIGHT, 0.25)


def test_a_box_that_is_no_number_is_not_left_out():
    arrays = outputs()
    put(arrays, 0, 0, 0, 0.5, (1, 1, 1, 1))
    arrays[3][0, 0, 5] = np.nan
    xyxy, _, _ = decode(arrays, WIDTH, HEIGHT, 0.25)
    assert len(xyxy) == 1
    assert not np.isfinite(xyxy).all()


@pytest.mark.parametrize('index', range(6))
@pytest.mark.parametrize('change', ['fewer', 'more', 'flat', 'batch', 'empty'])
def test_outputs_of_the_wrong_shape_are_refused(index, change):
    arrays = outputs()
    right = arrays[index]
    arrays[index] = {
        'fewer': right[:, :-1],
        'more': np.concatenate([right, right], axis=1),
        'flat': right[0],
        'batch': np.concatenate([right, right]),
        'empty': right[:, :0],
    }[change]
    with pytest.raises(DetectorError, match='expected'):
        decode(arrays, WIDTH, HEIGHT, 0.25)


@pytest.mark.parametrize('width', [4 * BINS - 1, 4 * BINS + 4, 32])
def test_another_number_of_bins_is_refused(width):
    arrays = outputs()
    arrays[4] = np.zeros((1, arrays[4].shape[1], width), np.float32)
    with pytest.raises(DetectorError, match='stride 16'):
        decode(arrays, WIDTH, HEIGHT, 0.25)


def test_rows_and_columns_swapped_are_not_noticed_by_shape_but_by_size():
    with pytest.raises(DetectorError):
        decode(outputs(), WIDTH + 32, HEIGHT, 0.25)


@pytest.mark.parametrize('dtype', [np.float16, np.float64])
def test_other_precisions_do(dtype):
    arrays = outputs(dtype=dtype)
    put(arrays, 0, 0, 0, 0.5, (0, 0, 1, 2))
    xyxy, scores, _ = decode(arrays, WIDTH, HEIGHT, 0.25)
    np.testing.assert_allclose(xyxy, [[4, 4, 12, 20]])
    assert scores.dtype == np.float32


def test_preparing_copies_nothing():
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ready = nanodet.prepare(canvas)
    assert ready.shape == (1, HEIGHT, WIDTH, 3)
    assert np.shares_memory(ready, canvas)


INPUT = ('image', 'tensor(uint8)', (1, 'height', 'width', 3))
SCORE = ('score', 'tensor(float)', (1, None, 1))
BOX = ('box', 'tensor(float)', (1, 'n', 44))


def test_the_contract_fits():
    assert nanodet.misfit(GraphInfo((INPUT,), (SCORE,) * 3 + (BOX,) * 3, {})) == ''


@pytest.mark.parametrize(
    ('inputs', 'outputs', 'said'),
    [
        ((), (SCORE,) * 3 + (BOX,) * 3, '0 inputs'),
        ((INPUT, INPUT), (SCORE,) * 3 + (BOX,) * 3, '2 inputs'),
        ((INPUT,), (), '0 outputs'),
        ((INPUT,), (SCORE,) * 3, '3 outputs'),
        ((INPUT,), (BOX,) * 3 + (SCORE,) * 3, 'box output'),
        ((INPUT,), (SCORE,) * 3 + (('b', 'tensor(float)', (1, 4)),) * 3, 'box output'),
        ((INPUT,), (('s', 'tensor(float)', (1, None)),) * 3 + (BOX,) * 3, 'score output'),
        ((('x', 'tensor(float)', (1, 'h', 'w', 3)),), (SCORE,) * 3 + (BOX,) * 3, 'uint8'),
        ((('x', 'tensor(uint8)', (1, 3, 'h', 'w')),), (SCORE,) * 3 + (BOX,) * 3, 'width, 3'),
        ((('x', 'tensor(uint8)', ()),), (SCORE,) * 3 + (BOX,) * 3, 'uint8'),
        ((('x', 'tensor(uint8)', (1, 320, 320, 3)),), (SCORE,) * 3 + (BOX,) * 3, 'fixed'),
    ],
)
def test_what_does_not_fit_is_said(inputs, outputs, said):
    assert said in nanodet.misfit(GraphInfo(tuple(inputs), tuple(outputs), {}))
