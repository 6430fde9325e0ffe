import numpy as np
import pytest

from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors.family import GraphInfo, Misfit, Probe, Size
from anonymizer_node.detectors.nanodet import NANODET, NANODET_PLUS, PLUS_STRIDES, STRIDES

WIDTH, HEIGHT = 96, 64
BINS = 11
GRIDS = [(HEIGHT // stride, WIDTH // stride) for stride in STRIDES]


def outputs(classes=1, dtype=np.float32):
    """No detections; every side's expectation is 5 bins, the middle."""
    scores = [np.zeros((1, rows * columns, classes), dtype) for rows, columns in GRIDS]
    sides = [np.zeros((1, rows * columns, 4 * BINS), dtype) for rows, columns in GRIDS]
    return scores + sides


def decode(arrays, width, height, threshold):
    return NANODET.decode(arrays, Size(width, height), threshold, 1)


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
    with pytest.raises(DetectorError, match='expected'):
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


# --- One output, as the official exports have it


def one_output(strides, width, height, classes, bins):
    cells = [(-(-height // stride), -(-width // stride)) for stride in strides]
    count = sum(rows * columns for rows, columns in cells)
    return cells, np.zeros((1, count, classes + 4 * bins), np.float32)


@pytest.mark.parametrize(
    ('family', 'strides', 'middle'), [(NANODET, STRIDES, 0.5), (NANODET_PLUS, PLUS_STRIDES, 0.0)]
)
@pytest.mark.parametrize('bins', [8, 11])
@pytest.mark.parametrize(('width', 'height'), [(96, 64), (160, 96), (96, 160)])
def test_one_output_holds_all_strides_one_after_the_other(
    family, strides, middle, bins, width, height
):
    cells, output = one_output(strides, width, height, 80, bins)
    first, expected = 0, []
    for stride, (rows, columns) in zip(strides, cells, strict=True):
        row, column = rows - 1, columns - 1
        anchor = first + row * columns + column
        output[0, anchor, 3] = 0.5
        logits = np.full((4, bins), -1e3)
        logits[:, 2] = 0
        output[0, anchor, 80:] = logits.ravel()
        x, y = (column + middle) * stride, (row + middle) * stride
        expected.append([x - 2 * stride, y - 2 * stride, x + 2 * stride, y + 2 * stride])
        first += rows * columns
    xyxy, scores, ids = family.decode([output], Size(width, height), 0.25, 80)
    np.testing.assert_allclose(xyxy, expected, rtol=1e-6)
    assert scores.tolist() == [0.5] * len(strides)
    assert ids.tolist() == [3] * len(strides)


# --- What is of the family, and what isn't


def probe(*arrays, names=('person',), width=WIDTH, height=HEIGHT):
    named = {f'out{index}': array for index, array in enumerate(arrays)}
    return Probe(GraphInfo((), (), {}), Size(width, height), named, names)


def test_the_embedded_contract_fits():
    fit = NANODET.fit(probe(*outputs()))
    assert fit.outputs == tuple(f'out{index}' for index in range(6))
    assert fit.classes == 1


def test_outputs_in_turn_are_put_in_order():
    blocked = outputs()
    in_turn = [blocked[index] for index in (0, 3, 1, 4, 2, 5)]
    fit = NANODET.fit(probe(*in_turn))
    assert fit.outputs == ('out0', 'out2', 'out4', 'out1', 'out3', 'out5')


@pytest.mark.parametrize('bins', [8, 11])
def test_one_output_of_coco_needs_no_names(bins):
    for family, strides in ((NANODET, STRIDES), (NANODET_PLUS, PLUS_STRIDES)):
        _, output = one_output(strides, WIDTH, HEIGHT, 80, bins)
        assert family.fit(probe(output, names=())).classes == 80


SCORES, BOXES = outputs()[:3], outputs()[3:]


@pytest.mark.parametrize(
    ('arrays', 'said'),
    [
        ((), '0 outputs'),
        (SCORES, '3 outputs'),
        (BOXES + SCORES, 'not 4 times its bins'),
        (SCORES + SCORES, 'not 4 times its bins'),
        ([array[0] for array in outputs()], 'not (1, N, ...)'),
        ([array[:, 1:] for array in outputs()], 'score output'),
        (SCORES + [array[:, 1:] for array in BOXES], 'box output'),
        (outputs(classes=2), '2 classes'),
    ],
)
def test_what_does_not_fit_is_said(arrays, said):
    with pytest.raises(Misfit) as raised:
        NANODET.fit(probe(*arrays))
    assert said in str(raised.value)


def test_plus_and_the_older_one_are_told_apart_by_their_cells():
    for family, strides in ((NANODET, PLUS_STRIDES), (NANODET_PLUS, STRIDES)):
        _, output = one_output(strides, WIDTH, HEIGHT, 80, 8)
        with pytest.raises(Misfit, match='cells of the strides'):
            family.fit(probe(output, names=()))
