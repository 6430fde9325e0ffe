"""TensorFlow Object Detection API: SSD, EfficientDet, Faster R-CNN with NMS in the graph.

`detection_boxes` (1, N, 4) are top, left, bottom, right as shares of the input's height and width,
`detection_scores` (1, N), `detection_classes` (1, N) count from 1, and of `num_detections` (1,)
rows the first ones count (tensorflow/models, `research/object_detection/exporter.py`). tf2onnx
may have put a ":0" behind the names. The input is uint8, RGB, channels last; the graph scales it.
Which classes there are the shapes don't say: they must be named, `coco91` for COCO's own ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors.answers import check_scores, check_shape, class_ids, decoded
from anonymizer_node.detectors.family import (
    RGB,
    STRETCH,
    Decoded,
    Family,
    Fit,
    Misfit,
    Preprocessing,
    Probe,
    Size,
)

OUTPUTS = ('detection_boxes', 'detection_scores', 'detection_classes', 'num_detections')


def _fit(probe: Probe) -> Fit:
    by_name = {name.split(':')[0]: name for name in probe.outputs}
    if not set(OUTPUTS) <= set(by_name):
        raise Misfit(f'its outputs are {", ".join(probe.outputs)}, not {", ".join(OUTPUTS)}')
    boxes, scores, ids, number = (probe.outputs[by_name[name]] for name in OUTPUTS)
    if scores.ndim != 2 or len(scores) != 1 or ids.shape != scores.shape or number.size != 1:
        raise Misfit(
            f'its scores, classes and number are {list(scores.shape)}, {list(ids.shape)} and '
            f'{list(number.shape)}, not (1, N), (1, N) and (1,)'
        )
    if boxes.shape != (*scores.shape, 4):
        raise Misfit(f'its detection_boxes are {list(boxes.shape)}, not (1, N, 4)')
    outputs = tuple(by_name[name] for name in OUTPUTS)
    return Fit(outputs, 0, f'detection_boxes and its fellows, {scores.shape[1]} rows')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    boxes, scores, ids, number = outputs
    check_shape(scores, (1, scores.shape[-1]), size)
    check_shape(ids, scores.shape, size)
    check_shape(boxes, (*scores.shape, 4), size)
    check_shape(number, number.shape if number.size == 1 else (1,), size)
    (count,) = class_ids(number.reshape(1)).tolist()
    if not 0 <= count <= scores.shape[1]:
        raise DetectorError(
            f'The model says that it has {count} detections, in {scores.shape[1]} rows.'
        )
    scores = scores[0, :count]
    check_scores(scores)
    kept = np.flatnonzero(scores >= score_threshold)
    sides = boxes[0, kept][:, [1, 0, 3, 2]] * np.array(size * 2, np.float32)
    return decoded(sides, scores[kept], class_ids(ids[0, kept]) - 1)


TFOD = Family(
    'TensorFlow Object Detection API: SSD, EfficientDet',
    'https://github.com/tensorflow/models, research/object_detection/exporter.py',
    Preprocessing(RGB, placement=STRETCH),
    _fit,
    _decode,
    nms_iou=None,
    types=('tensor(uint8)',),
)
