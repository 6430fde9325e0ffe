"""YOLOv8, YOLOv9, YOLO11 and their like: one output, (1, 4 + C, cells), decoded in the graph.

The numbers of a cell are the box's centre, width and height in pixels of the input and C class
scores after the sigmoid; there is no objectness (ultralytics/ultralytics, `nn/modules/head.py`,
`Detect`, and `utils/ops.py`, `non_max_suppression`). Cells are those of the strides 8, 16, 32;
P6 models have 64 too, P2 models 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import (
    cell_counts,
    check_classes,
    check_count,
    check_pixels,
    check_scores,
    check_task,
    corners,
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
from anonymizer_node.detectors.names import BY_COUNT

LEVELS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))


def _fit(probe: Probe) -> Fit:
    check_task(probe)
    name, array = only_output(probe)
    counts = cell_counts(probe.size, LEVELS)
    if array.shape[2] not in counts:
        raise Misfit(
            f'its output {name} is {list(array.shape)}; in the last place '
            f'{" or ".join(map(str, counts))} cells were expected'
        )
    classes = array.shape[1] - 4
    check_classes(probe, classes, BY_COUNT)
    check_pixels(array[0, :2])
    return Fit((name,), classes, f'{array.shape[2]} cells last, after {classes} classes')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    output = outputs[0]
    check_count(output.shape[2:], cell_counts(size, LEVELS), output.shape, size)
    scores = output[0, 4:]
    check_scores(scores)
    ids, cells = np.nonzero(scores >= score_threshold)
    boxes = output[0, :4, cells]
    return decoded(corners(boxes[:, :2], boxes[:, 2:]), scores[ids, cells], ids)


YOLOV8 = Family(
    'YOLOv8, YOLOv9, YOLO11, YOLO12',
    'https://github.com/ultralytics/ultralytics',
    YOLO_PREPROCESSING,
    _fit,
    _decode,
)
