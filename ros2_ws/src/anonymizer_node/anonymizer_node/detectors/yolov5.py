"""YOLOv5 and its like, YOLOv7 too: one output, (1, anchors, 5 + C), decoded in the graph.

The numbers of an anchor are the box's centre, width and height in pixels of the input, objectness
and C class scores, both after the sigmoid; the score is their product (ultralytics/yolov5,
`models/yolo.py`, `Detect.forward`, and `utils/general.py`, `non_max_suppression`). There are
three anchors in each cell of the strides 8, 16, 32 (P6 models: and 64), which tells this family
from YOLOX with its one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from anonymizer_node.detectors.answers import (
    candidates,
    cell_counts,
    check_classes,
    check_pixels,
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

ANCHORS = 3
LEVELS = ((8, 16, 32), (8, 16, 32, 64))


def _fit(probe: Probe) -> Fit:
    check_task(probe)
    name, array = only_output(probe)
    counts = cell_counts(probe.size, LEVELS, ANCHORS)
    if array.shape[1] not in counts:
        raise Misfit(
            f'its output {name} is {list(array.shape)}; three anchors in each cell, '
            f'{" or ".join(map(str, counts))}, were expected'
        )
    classes = array.shape[2] - 5
    check_classes(probe, classes, BY_COUNT)
    check_pixels(array[0, :, :2])
    return Fit((name,), classes, f'three anchors a cell, {array.shape[1]}, and {classes} classes')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    anchors, scores, ids = candidates(outputs[0], size, score_threshold, LEVELS, ANCHORS)
    boxes = outputs[0][0, anchors, :4]
    return decoded(corners(boxes[:, :2], boxes[:, 2:]), scores, ids)


YOLOV5 = Family(
    'YOLOv5, YOLOv7',
    'https://github.com/ultralytics/yolov5',
    YOLO_PREPROCESSING,
    _fit,
    _decode,
)
