import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples.graphs import FLOAT, UINT8, doubler, model_file, paint, painted_nanodet, shaped
from samples.images import PACKED

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.encodings import ENCODINGS
from anonymizer_node.core.errors import DetectorError, ModelError, UnsupportedEncodingError
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.onnx import OnnxDetector


def detector(size=128, model=None, **graph):
    return OnnxDetector(model or model_file(painted_nanodet(**graph)), ['cpu'], 1, size)


def blank(width=128, height=96):
    return np.zeros((height, width, 3), np.uint8)


def frame_of(pixels, encoding='bgr8'):
    return Frame(pixels, encoding, pixels.shape[1], pixels.shape[0])


# --- Boxes


def test_a_painted_person_is_found_where_painted():
    pixels = blank()
    box = paint(pixels, 5, 6, 200, across=2, down=4)
    found = detector().detect(frame_of(pixels), 0.25)
    np.testing.assert_allclose(found.xyxy, [box], atol=1e-3)
    np.testing.assert_allclose(found.scores, [200 / 255], rtol=1e-6)
    assert found.names == ('person',)
    assert found.xyxy.dtype == np.float32


def test_the_three_parts_of_a_detection_give_the_whole():
    pixels = blank()
    paint(pixels, 5, 6, 200, across=2, down=4)
    one, frame = detector(), frame_of(pixels)
    prepared = one.prepare(frame)
    pictures = [picture.shape for picture in prepared.feeds.values()]
    assert pictures == [(1, *prepared.size[::-1], 3)]
    candidates = one.decode(one.infer(prepared), prepared, frame, 0.25)
    found = one.chosen(candidates)
    assert found.xyxy.tolist() == one.detect(frame, 0.25).xyxy.tolist()
    assert len(found) == 1


def test_a_detector_once_more_has_the_same_session_and_a_frame_of_its_own():
    pixels, others = blank(), blank()
    box = paint(pixels, 5, 6, 200, across=2, down=4)
    paint(others, 1, 1, 100)
    one = detector()
    two = one.again()
    assert two._session is one._session
    assert (two.names, two.input_size, two.provider) == (one.names, one.input_size, one.provider)
    frame, other = frame_of(pixels), frame_of(others)
    alone = [one.detect(item, 0.25).xyxy.tolist() for item in (frame, other)]
    np.testing.assert_allclose(alone[0], [box], atol=1e-3)
    # What one is given stays, whatever the other one is given meanwhile.
    first, second = one.prepare(frame), two.prepare(other)
    for each, prepared, item, found in ((one, first, frame, 0), (two, second, other, 1)):
        candidates = each.decode(each.infer(prepared), prepared, item, 0.25)
        assert each.chosen(candidates).xyxy.tolist() == alone[found]


def test_detectors_that_share_a_session_may_run_at_the_same_time():
    one = detector()
    places = [(2, 3), (5, 6), (9, 4)]
    frames = []
    for column, row in places:
        pixels = blank()
        paint(pixels, column, row, 200)
        frames.append(frame_of(pixels))
    alone = [one.detect(frame, 0.25).xyxy.tolist() for frame in frames]
    assert len({str(boxes) for boxes in alone}) == 3
    begin = threading.Barrier(3, timeout=60)

    def look(number):
        mine = one.again()
        begin.wait()
        return [mine.detect(frames[number], 0.25).xyxy.tolist() for _ in range(200)]

    with ThreadPoolExecutor(3) as pool:
        for expected, found in zip(alone, pool.map(look, range(3)), strict=True):
            assert found == [expected] * 200


def test_nobody_is_no_detections():
    found = detector().detect(frame_of(blank()), 0.25)
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)


def test_a_score_at_exactly_the_threshold_counts_and_the_next_below_does_not():
    pixels = blank()
    paint(pixels, 2, 2, 51)
    paint(pixels, 8, 10, 50)
    assert detector().detect(frame_of(pixels), 0.2).scores.tolist() == [np.float32(0.2)]
    assert len(detector().detect(frame_of(pixels), 50 / 255)) == 2
    assert len(detector().detect(frame_of(pixels), 0.21)) == 0


def test_of_two_people_side_by_side_both_are_found():
    pixels = blank()
    left = paint(pixels, 6, 5, 250, across=2, down=4)
    right = paint(pixels, 6, 9, 240, across=2, down=4)
    assert left[2] == right[0]
    found = detector().detect(frame_of(pixels), 0.25)
    np.testing.assert_allclose(found.xyxy, [left, right], atol=1e-3)


def test_two_answers_for_one_person_become_the_better_one():
    pixels = blank()
    paint(pixels, 6, 6, 200, across=4, down=4)
    best = paint(pixels, 6, 7, 240, across=4, down=4)
    np.testing.assert_allclose(detector().detect(frame_of(pixels), 0.25).xyxy, [best], atol=1e-3)


@pytest.mark.parametrize(
    ('row', 'column', 'across', 'down'),
    [(0, 0, 3, 3), (11, 15, 3, 3), (0, 15, 1, 10), (11, 0, 10, 1)],
)
def test_a_person_cut_off_by_the_edge_is_kept(row, column, across, down):
    pixels = blank()
    box = paint(pixels, row, column, 200, across, down)
    found = detector().detect(frame_of(pixels), 0.25)
    np.testing.assert_allclose(found.xyxy, [box], atol=1e-3)


@pytest.mark.parametrize(
    ('width', 'height'), [(128, 96), (96, 128), (128, 72), (128, 128), (128, 40)]
)
@pytest.mark.parametrize('scale', [1, 2, 5])
def test_boxes_are_in_pixels_of_a_frame_of_any_shape(width, height, scale):
    """Painted on the letterboxed input, then taken apart and enlarged: a frame that fits it."""
    input_width, input_height = (-(-side // 32) * 32 for side in (width, height))
    left, top = (input_width - width) // 2, (input_height - height) // 2
    canvas = blank(input_width, input_height)
    box = paint(canvas, input_height // 16, input_width // 16, 200, 1, 1)
    inner = canvas[top : top + height, left : left + width]
    pixels = inner.repeat(scale, axis=0).repeat(scale, axis=1)
    found = detector().detect(frame_of(pixels), 0.25)
    expected = (np.array(box) - (left, top, left, top)) * scale
    np.testing.assert_allclose(found.xyxy, [expected], atol=1e-2)


def test_a_small_frame_is_enlarged():
    pixels = blank(64, 48)
    pixels[20:24, 24:28] = (200, 1, 1)
    found = detector().detect(frame_of(pixels), 0.5)
    np.testing.assert_allclose(found.xyxy, [[22, 18, 30, 26]], atol=1e-3)


def test_a_reduced_picture_still_gives_boxes_of_the_whole_frame():
    pixels = blank()
    x0, y0, x1, y1 = paint(pixels, 5, 6, 200, across=2, down=4)
    found = detector().detect(Frame(pixels, 'bgr8', 1024, 768), 0.25)
    np.testing.assert_allclose(found.xyxy, [[8 * x0, 8 * y0, 8 * x1, 8 * y1]], atol=1e-2)


@pytest.mark.parametrize('encoding', PACKED)
def test_every_encoding_is_shown_as_bgr(encoding):
    bgr = blank()
    paint(bgr, 5, 6, 10, across=10, down=10)
    order = {'rgb8': [2, 1, 0], 'rgba8': [2, 1, 0, 0], 'bgra8': [0, 1, 2, 0]}.get(
        encoding, [0, 1, 2]
    )
    pixels = np.ascontiguousarray(bgr[:, :, order][:, :, : ENCODINGS[encoding].channels])
    found = detector().detect(frame_of(pixels, encoding), 0.02)
    assert len(found) == 1


def test_an_unknown_encoding_is_refused():
    with pytest.raises(UnsupportedEncodingError):
        detector().detect(frame_of(blank(), 'yuv422'), 0.25)


def test_a_box_in_the_letterbox_alone_is_about_nothing_in_the_frame():
    # 128 x 40 lies in 128 x 64 with 12 rows of padding; a box around row 0 of the input.
    pixels = blank(128, 40)
    pixels[0:4, 48:56] = (200, 1, 1)  # Rows 12..16 of the input, cell row 1: centre row 12.
    found = detector().detect(frame_of(pixels), 0.25)
    assert len(found) == 1
    assert found.xyxy[0, 1] < 0 < found.xyxy[0, 3]


def test_the_padding_is_black_again_after_a_frame_of_another_shape():
    one = detector(128)
    bright = np.full((120, 128, 3), 255, np.uint8)
    bright[..., 1:] = 1
    assert len(one.detect(frame_of(bright), 0.25)) > 0
    assert len(one.detect(frame_of(blank(128, 100)), 0.25)) == 0
    # The same input size, another letterbox: 128 x 128 either way.
    assert len(one.detect(frame_of(blank(100, 128)), 0.25)) == 0


def test_the_frame_itself_is_not_changed():
    pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    before = pixels.copy()
    detector().detect(frame_of(pixels), 0.25)
    assert np.array_equal(pixels, before)


# --- A model that answers nonsense


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_not_nobody(bad):
    # 0 x inf is NaN too: such a model doesn't even load.
    with pytest.raises(ModelError, match='finite'):
        detector(score_times=bad)


def test_boxes_that_are_no_numbers_are_not_nobody():
    pixels = blank()
    paint(pixels, 5, 6, 200)
    broken = detector(logits_plus=np.nan)
    with pytest.raises(DetectorError, match='finite'):
        broken.detect(frame_of(pixels), 0.25)


def test_outputs_that_do_not_fit_the_input_are_refused():
    with pytest.raises(ModelError, match='score output score_8'):
        detector(every=16)


def test_a_class_without_a_name_is_refused():
    with pytest.raises(ModelError, match='3 classes, but 1 are named'):
        detector(classes=3)


def test_classes_have_the_names_of_the_model():
    pixels = blank()
    paint(pixels, 5, 6, 200)
    content = painted_nanodet(classes=2, metadata={'classes': ' dog , person '})
    found = detector(model=model_file(content)).detect(frame_of(pixels), 0.25)
    assert found.names == ('dog', 'person')
    assert found.class_ids.tolist() == [1]


def test_a_session_that_fails_is_a_detector_that_did_not_judge(monkeypatch):
    one = detector()

    class Broken:
        def run(self, *args):
            raise RuntimeError('CUDA error 700')

    monkeypatch.setattr(one, '_session', Broken())
    with pytest.raises(DetectorError, match='CUDA error 700'):
        one.detect(frame_of(blank()), 0.25)


# --- A file that can't be used


@pytest.mark.parametrize(
    'content', [b'', b'<!DOCTYPE html>', b'\x08\x07' + b'\0' * 40, b'version https://git-lfs']
)
def test_a_file_that_is_no_onnx_is_refused(content):
    with pytest.raises(ModelError) as raised:
        detector(model=model_file(content))
    assert "'/models/tiny.onnx'" in str(raised.value)
    assert 'ONNX' in str(raised.value)


def test_a_truncated_model_is_refused():
    whole = painted_nanodet()
    with pytest.raises(ModelError):
        detector(model=model_file(whole[: len(whole) // 2]))


MISFITS = {
    'no detector': doubler(),
    'nothing in': shaped([], [[1, 4]] * 6, {}),
    'float in': shaped([(FLOAT, [1, 'h', 'w', 3])], [[1, 4, 1]] * 3 + [[1, 4, 44]] * 3, {}),
    'two in': shaped([(UINT8, [1, 'h', 'w', 3])] * 2, [[1, 4, 1]] * 3 + [[1, 4, 44]] * 3, {}),
    'fixed size': shaped([(UINT8, [1, 320, 320, 3])], [[1, 4, 1]] * 3 + [[1, 4, 44]] * 3, {}),
    'yolo': shaped([(UINT8, [1, 'h', 'w', 3])], [[1, 84, 8400]], {}),
}


@pytest.mark.parametrize('name', MISFITS)
def test_an_onnx_that_is_no_detector_is_refused(name):
    with pytest.raises(ModelError) as raised:
        detector(model=model_file(MISFITS[name], classes=('person',)))
    assert "'/models/tiny.onnx'" in str(raised.value)
    assert 'since it' in str(raised.value)


def test_a_detector_of_another_family_than_named_is_refused():
    for family, metadata in (('yolox', {}), ('', {'family': 'yolox', 'classes': 'person'})):
        content = painted_nanodet(metadata=metadata)
        with pytest.raises(ModelError, match='not yolox, since it has 6 outputs, not 1'):
            detector(model=model_file(content, family, ('person',)))


def test_a_family_that_nobody_knows_is_refused_with_the_known():
    for family, metadata in (('yolo', {}), ('', {'family': 'yolo', 'classes': 'person'})):
        content = painted_nanodet(metadata=metadata)
        with pytest.raises(ModelError) as raised:
            detector(model=model_file(content, family, ('person',)))
        assert "'yolo'" in str(raised.value)
        assert 'known are nanodet' in str(raised.value)
    with pytest.raises(ModelError, match='the setting "family"'):
        OnnxDetector(model_file(painted_nanodet()), ['cpu'], 1, 128, family='Nanodet')


def test_the_setting_goes_before_what_the_model_says():
    content = painted_nanodet(metadata={'family': 'yolox', 'classes': 'person'})
    one = OnnxDetector(model_file(content, 'yolov5'), ['cpu'], 1, 128, family='nanodet')
    assert one.family == 'nanodet'


@pytest.mark.parametrize('metadata', [{}, {'classes': ''}, {'classes': ' , '}])
def test_a_model_that_does_not_say_its_classes_is_refused(metadata):
    with pytest.raises(ModelError, match='classes'):
        detector(model=model_file(painted_nanodet(metadata=metadata)))
    named = model_file(painted_nanodet(metadata=metadata), 'nanodet', ('person',))
    assert detector(model=named).names == ('person',)


# --- From settings


def test_a_detector_is_loaded_as_the_settings_say(tmp_path):
    path = tmp_path / 'own.onnx'
    path.write_bytes(painted_nanodet())
    settings = Settings(model=str(path), input_size=128, threads=1, providers=('cpu',))
    (one,) = load_detectors(settings.changed(thoroughness='fast'))
    assert one.model.name == 'own'
    pixels = blank(256, 192)
    paint(pixels, 5, 5, 200, 2, 2)
    assert len(one.detect(frame_of(pixels), 0.05)) == 1
