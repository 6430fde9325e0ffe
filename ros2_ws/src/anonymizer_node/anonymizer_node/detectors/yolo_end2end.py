"""YOLOv10, YOLO26 and exports with `nms=True`: one output, (1, N, 6), finished.

A row is left, top, right, bottom in pixels of the input, score and class (YOLOv10, arXiv
2405.14458; ultralytics/ultralytics, `nn/modules/head.py`, `Detect.postprocess`). Rows that aren't
needed have a score of about 0. Which classes there are the shape doesn't say: they must be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import (
    cell_counts,
    check_scores,
    check_shape,
    check_task,
    class_ids,
    decoded,
    only_output,
)
from anonymizer_node.detectors.family import (
    YOLO_PREPROCESSING,
    Decoded,
    Family,
    Fit,
    Misfit,
    Probe,
    Size,
)

LEVELS = ((8, 16, 32), (8, 16, 32, 64))


def _fit(probe: Probe) -> Fit:
    check_task(probe)
    name, array = only_output(probe)
    if array.shape[2] != 6:
        raise Misfit(f'its output {name} is {list(array.shape)}, not (1, N, 6)')
    grids = cell_counts(probe.size, LEVELS) + cell_counts(probe.size, LEVELS, 3)
    if array.shape[1] in grids and probe.graph.metadata.get('end2end') != 'True':
        raise Misfit(f'its {array.shape[1]} rows are anchors of one class, not finished boxes')
    corners = array[0, :, :4]
    if corners.any() and np.abs(corners).max() <= 2:
        raise Misfit('its boxes are not in pixels of the input')
    return Fit((name,), 0, f'{array.shape[1]} finished boxes of 6 numbers')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    output = outputs[0]
    check_shape(output, (1, output.shape[1], 6), size)
    scores = output[0, :, 4]
    check_scores(scores)
    rows = output[0, scores >= score_threshold]
    return decoded(rows[:, :4], rows[:, 4], class_ids(rows[:, 5]))


YOLO_END2END = Family(
    'YOLOv10, YOLO26, and YOLO exported with NMS',
    'https://github.com/THU-MIG/yolov10',
    YOLO_PREPROCESSING,
    _fit,
    _decode,
    nms_iou=None,
)
