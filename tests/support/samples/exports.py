"""Tiny ONNX graphs of every detector family, with detections planted where a test wants them.

A graph answers with what was planted if its picture has a bright pixel, else with nobody. What it
answers is encoded here, the other way round than the families decode it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.detectors.families import FAMILIES
from samples.graphs import Graph, TensorProto, helper, model_of

KINDS = {
    'float': (TensorProto.FLOAT, np.float32),
    'float16': (TensorProto.FLOAT16, np.float16),
    'uint8': (TensorProto.UINT8, np.uint8),
    'int8': (TensorProto.INT8, np.int8),
}
WIDTH, HEIGHT = 128, 96
BRIGHT = 200
NAMES = ('person', 'dog', 'car')


class Planted(NamedTuple):
    """A detection: xyxy in pixels of the graph's input."""

    box: Sequence[float]
    score: float
    class_id: int = 0


Outputs = dict[str, np.ndarray]
Encoder = Callable[[Sequence[Planted], int], Outputs]


@dataclass(frozen=True)
class Export:
    """How a family's graphs look.

    Attributes:
        encode: (detections, number of classes) -> outputs.
        kinds: Of input that it can have, keys of `KINDS`.
        channels_last: (1, height, width, 3).
        classes: Class names.
        takes_size: Whether there is a second input, which the output `boxes` is multiplied with.
    """

    encode: Encoder
    kinds: tuple[str, ...] = tuple(KINDS)
    channels_last: bool = False
    classes: tuple[str, ...] = NAMES
    takes_size: bool = False


def _cell(planted: Planted, stride: int, middle: float = 0.5) -> tuple[int, float, float]:
    """Cell of the grid that the centre lies in, and where its middle is, in pixels."""
    x = (planted.box[0] + planted.box[2]) / 2
    y = (planted.box[1] + planted.box[3]) / 2
    column = min(max(int(x // stride), 0), WIDTH // stride - 1)
    row = min(max(int(y // stride), 0), HEIGHT // stride - 1)
    index = row * (WIDTH // stride) + column
    return index, (column + middle) * stride, (row + middle) * stride


def _centre(planted: Planted) -> np.ndarray:
    x0, y0, x1, y1 = planted.box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


def _grid(strides: Sequence[int]) -> np.ndarray:
    """Middles of all cells and a size of one stride, (N, 4)."""
    levels = []
    for stride in strides:
        for row in range(HEIGHT // stride):
            for column in range(WIDTH // stride):
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                levels.append((x, y, stride, stride))
    return np.array(levels)


def _bins(planted: Planted, bins: int, middle: float) -> tuple[int, np.ndarray]:
    """Cell of stride 8 and the logits of its four sides."""
    index, x, y = _cell(planted, 8, middle)
    x0, y0, x1, y1 = planted.box
    logits = np.full((4, bins), -200.0)
    for side, pixels in enumerate((x - x0, y - y0, x1 - x, y1 - y)):
        low, share = divmod(pixels / 8, 1)
        logits[side, int(low)] = np.log(max(1 - share, 1e-30))
        if share:
            logits[side, int(low) + 1] = np.log(share)
    return index, logits.ravel()


def _nanodet(all_planted: Sequence[Planted], classes: int) -> Outputs:
    outputs = {}
    for role, numbers in (('score', classes), ('box', 44)):
        for stride in (8, 16, 32):
            cells = (WIDTH // stride) * (HEIGHT // stride)
            outputs[f'{role}_{stride}'] = np.zeros((1, cells, numbers))
    for planted in all_planted:
        index, logits = _bins(planted, 11, 0.5)
        outputs['score_8'][0, index, planted.class_id] = planted.score
        outputs['box_8'][0, index] = logits
    return outputs


def _nanodet_plus(all_planted: Sequence[Planted], classes: int) -> Outputs:
    # The last level's cells are rounded up: 96 rows are 2 of 64.
    output = np.zeros((1, len(_grid((8, 16, 32))) + 2 * 2, classes + 4 * 8))
    for planted in all_planted:
        index, logits = _bins(planted, 8, 0.0)
        output[0, index, planted.class_id] = planted.score
        output[0, index, classes:] = logits
    return {'output': output}


def _yolox(all_planted: Sequence[Planted], classes: int) -> Outputs:
    output = np.zeros((1, len(_grid((8, 16, 32))), 5 + classes))
    for planted in all_planted:
        index, x, y = _cell(planted, 8, 0.0)
        centre = _centre(planted)
        output[0, index, :2] = (centre[:2] - (x, y)) / 8
        output[0, index, 2:4] = np.log(centre[2:] / 8)
        output[0, index, 4] = 1
        output[0, index, 5 + planted.class_id] = planted.score
    return {'output': output}


def _anchors(all_planted: Sequence[Planted], classes: int, anchors: int) -> Outputs:
    """Boxes in pixels, objectness and classes, `anchors` in each cell of a level in turn."""
    background = np.concatenate([np.tile(_grid((stride,)), (anchors, 1)) for stride in (8, 16, 32)])
    output = np.zeros((1, len(background), 5 + classes))
    output[0, :, :4] = background
    for planted in all_planted:
        index = _cell(planted, 8)[0]
        output[0, index, :4] = _centre(planted)
        output[0, index, 4] = 1
        output[0, index, 5 + planted.class_id] = planted.score
    return {'output': output}


def _yolov8(all_planted: Sequence[Planted], classes: int) -> Outputs:
    background = _grid((8, 16, 32))
    output = np.zeros((1, 4 + classes, len(background)))
    output[0, :4] = background.T
    for planted in all_planted:
        index = _cell(planted, 8)[0]
        output[0, :4, index] = _centre(planted)
        output[0, 4 + planted.class_id, index] = planted.score
    return {'output0': output}


def _yolo_end2end(all_planted: Sequence[Planted], classes: int) -> Outputs:
    output = np.zeros((1, 300, 6))
    for index, planted in enumerate(all_planted):
        output[0, index] = (*planted.box, planted.score, planted.class_id)
    return {'output0': output}


def _rtdetr(all_planted: Sequence[Planted], classes: int) -> Outputs:
    outputs = {
        'labels': np.zeros((1, 50), np.int64),
        'boxes': np.zeros((1, 50, 4)),
        'scores': np.zeros((1, 50)),
    }
    for index, planted in enumerate(all_planted):
        outputs['labels'][0, index] = planted.class_id
        outputs['boxes'][0, index] = np.divide(planted.box, (WIDTH, HEIGHT) * 2)
        outputs['scores'][0, index] = planted.score
    return outputs


def _tfod(all_planted: Sequence[Planted], classes: int) -> Outputs:
    outputs = {
        'detection_boxes': np.zeros((1, 20, 4)),
        'detection_classes': np.ones((1, 20)),
        'detection_scores': np.zeros((1, 20)),
        'num_detections': np.array([len(all_planted)], float),
    }
    # Behind the rows that count there may be anything.
    outputs['detection_scores'][0, len(all_planted) :] = 0.99
    outputs['detection_boxes'][0, len(all_planted) :] = (0.1, 0.1, 0.9, 0.9)
    for index, planted in enumerate(all_planted):
        x0, y0, x1, y1 = planted.box
        box = (y0 / HEIGHT, x0 / WIDTH, y1 / HEIGHT, x1 / WIDTH)
        outputs['detection_boxes'][0, index] = box
        outputs['detection_classes'][0, index] = planted.class_id + 1
        outputs['detection_scores'][0, index] = planted.score
    return outputs


def _yunet(all_planted: Sequence[Planted], classes: int) -> Outputs:
    outputs = {}
    for role, numbers in (('cls', 1), ('obj', 1), ('bbox', 4), ('kps', 10)):
        for stride in (8, 16, 32):
            cells = (WIDTH // stride) * (HEIGHT // stride)
            outputs[f'{role}_{stride}'] = np.zeros((1, cells, numbers))
    for planted in all_planted:
        index, x, y = _cell(planted, 8, 0.0)
        centre = _centre(planted)
        outputs['cls_8'][0, index] = planted.score
        outputs['obj_8'][0, index] = planted.score
        outputs['bbox_8'][0, index, :2] = (centre[:2] - (x, y)) / 8
        outputs['bbox_8'][0, index, 2:] = np.log(centre[2:] / 8)
    return outputs


def _centerface(all_planted: Sequence[Planted], classes: int) -> Outputs:
    rows, columns = HEIGHT // 4, WIDTH // 4
    outputs = {
        name: np.zeros((1, channels, rows, columns))
        for name, channels in (('537', 1), ('538', 2), ('539', 2), ('540', 10))
    }
    for planted in all_planted:
        index, x, y = _cell(planted, 4)
        row, column = divmod(index, columns)
        centre = _centre(planted)
        outputs['537'][0, 0, row, column] = planted.score
        outputs['538'][0, :, row, column] = np.log(centre[[3, 2]] / 4)
        outputs['539'][0, :, row, column] = (centre[[1, 0]] - (y, x)) / 4
    return outputs


def _ultraface(all_planted: Sequence[Planted], classes: int) -> Outputs:
    scores = np.tile([1.0, 0.0], (1, 40, 1))
    boxes = np.zeros((1, 40, 4))
    for index, planted in enumerate(all_planted):
        scores[0, index] = (1 - planted.score, planted.score)
        boxes[0, index] = np.divide(planted.box, (WIDTH, HEIGHT) * 2)
    return {'scores': scores, 'boxes': boxes}


FACE = ('face',)
EXPORTS = {
    'nanodet': Export(_nanodet),
    'nanodet_plus': Export(_nanodet_plus),
    'yolox': Export(_yolox),
    'yolox_decoded': Export(lambda planted, classes: _anchors(planted, classes, 1)),
    'yolov5': Export(lambda planted, classes: _anchors(planted, classes, 3)),
    'yolov8': Export(_yolov8),
    'yolo_end2end': Export(_yolo_end2end),
    'rtdetr': Export(_rtdetr, takes_size=True),
    'tfod': Export(_tfod, kinds=('uint8',), channels_last=True),
    'yunet': Export(_yunet, classes=FACE),
    'centerface': Export(_centerface, classes=FACE),
    'ultraface': Export(_ultraface, classes=FACE),
}


def export(
    name: str,
    planted: Sequence[Planted] = (),
    kind: str = '',
    channels_last: bool | None = None,
    batch: int | str = 1,
    free: bool = False,
    spoil: Callable[[Outputs], None] | None = None,
    metadata: dict[str, str] | None = None,
    **changes: Any,
) -> bytes:
    """A graph of a family.

    Args:
        name: Key of `EXPORTS`.
        planted: What a bright picture shows.
        kind: Of the input, key of `KINDS`; half precision goes for the outputs too.
        channels_last: Of the input; None: as usual.
        batch: That it declares.
        free: Whether it declares free sides; it answers as to 128 x 96 all the same.
        spoil: Edits what is answered to a bright picture.
        metadata: By default the class names.
        changes: Of the `Export`.
    """
    about = replace(EXPORTS[name], **changes)
    kind = kind or about.kinds[0]
    last = about.channels_last if channels_last is None else channels_last
    element, dtype = KINDS[kind]
    nobody = about.encode((), len(about.classes))
    somebody = about.encode(planted, len(about.classes))
    if spoil:
        spoil(somebody)
    graph = Graph()
    bright = graph.add('ReduceMax', graph.add('Cast', 'image', to=TensorProto.FLOAT), keepdims=0)
    bright = graph.add('Greater', bright, graph.constant(np.float32(_bright_value(name, dtype))))
    declared = []
    for output, quiet in nobody.items():
        whole = quiet.dtype.kind == 'i'
        precise = np.int64 if whole else np.float32
        answer = graph.add(
            'Where',
            bright,
            graph.constant(somebody[output].astype(precise)),
            graph.constant(quiet.astype(precise)),
        )
        if about.takes_size and output == 'boxes':
            sides = graph.add('Cast', 'orig_target_sizes', to=TensorProto.FLOAT)
            answer = graph.add('Mul', answer, graph.add('Concat', sides, sides, axis=1))
        given = TensorProto.INT64 if whole else TensorProto.FLOAT
        if kind == 'float16' and not whole:
            given = TensorProto.FLOAT16
        graph.add('Cast', answer, to=given, output=output)
        shape = [None] * quiet.ndim if free else list(somebody[output].shape)
        declared.append(helper.make_tensor_value_info(output, given, shape))
    sides = ['height', 'width'] if free else [HEIGHT, WIDTH]
    shape = [batch, *sides, 3] if last else [batch, 3, *sides]
    inputs = [helper.make_tensor_value_info('image', element, shape)]
    if about.takes_size:
        rows = batch if isinstance(batch, str) else 1
        inputs.append(
            helper.make_tensor_value_info('orig_target_sizes', TensorProto.INT64, [rows, 2])
        )
    if metadata is None:
        metadata = {'classes': ','.join(about.classes)}
    return model_of(graph, inputs, declared, metadata)


def _bright_value(name: str, dtype: Any) -> float:
    """What a pixel of `BRIGHT` becomes in the darkest channel of a graph's input."""
    if dtype is np.uint8:
        return BRIGHT
    if dtype is np.int8:
        return BRIGHT - 128
    how = FAMILIES[name].preprocessing
    return min(
        (BRIGHT * how.scale - mean) / std for mean, std in zip(how.mean, how.std, strict=True)
    )


def to_input(box: Sequence[float], placement: str, width: int, height: int) -> list[float]:
    """A box in pixels of a frame that fits an input of 128 x 96 without a remainder -> there."""
    if placement == 'stretch':
        scales, left, top = (WIDTH / width, HEIGHT / height), 0.0, 0.0
    else:
        scale = min(WIDTH / width, HEIGHT / height)
        scales = (scale, scale)
        centred = placement == 'centre'
        left = (WIDTH - width * scale) / 2 if centred else 0.0
        top = (HEIGHT - height * scale) / 2 if centred else 0.0
    x0, y0, x1, y1 = box
    return [
        x0 * scales[0] + left,
        y0 * scales[1] + top,
        x1 * scales[0] + left,
        y1 * scales[1] + top,
    ]
