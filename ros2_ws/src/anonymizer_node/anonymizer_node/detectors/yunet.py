"""YuNet, a face detector (ShiqiYu/libfacedetection.train; Wu et al., 2023).

Twelve outputs: `cls`, `obj` (1, N, 1), `bbox` (1, N, 4) and `kps` (1, N, 10) of the strides 8, 16
and 32, named like `cls_8`. The score is the root of cls times obj, each clamped to 0..1; the
centre is (column + x, row + y) x stride, the size exp(width), exp(height) x stride (OpenCV,
`modules/objdetect/src/face_detect.cpp`). Pictures are BGR 0..255, padded right and below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import check_scores, check_shape, corners, decoded, grid
from anonymizer_node.detectors.family import (
    BGR,
    TOP_LEFT,
    Decoded,
    Family,
    Fit,
    Misfit,
    Preprocessing,
    Probe,
    Size,
)

STRIDES = (8, 16, 32)
ROLES = {'cls': 1, 'obj': 1, 'bbox': 4}
"""Outputs that are used -> numbers in a cell."""


def _fit(probe: Probe) -> Fit:
    wanted = tuple(f'{role}_{stride}' for role in ROLES for stride in STRIDES)
    missing = [name for name in wanted if name not in probe.outputs]
    if missing:
        raise Misfit(f'it lacks the outputs {", ".join(missing)}')
    for name in wanted:
        role, stride = name.split('_')
        cells = (probe.size.height // int(stride)) * (probe.size.width // int(stride))
        shape = probe.outputs[name].shape
        if shape != (1, cells, ROLES[role]):
            raise Misfit(f'its output {name} is {list(shape)}, not {[1, cells, ROLES[role]]}')
    return Fit(wanted, 1, 'outputs cls, obj and bbox of three strides')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    levels = len(STRIDES)
    cells = grid(STRIDES, *size)
    cls, obj, boxes = (
        np.concatenate(outputs[start : start + levels], axis=1)
        for start in range(0, len(ROLES) * levels, levels)
    )
    for array, numbers in zip((cls, obj, boxes), ROLES.values(), strict=True):
        check_shape(array, (1, len(cells), numbers), size)
    check_scores(cls)
    check_scores(obj)
    scores = np.sqrt(np.clip(cls[0, :, 0], 0, 1) * np.clip(obj[0, :, 0], 0, 1))
    kept = np.flatnonzero(scores >= score_threshold)
    values, strides = boxes[0, kept], cells[kept, 2:]
    with np.errstate(over='ignore'):  # An infinite size is refused with the detections.
        sizes = np.exp(values[:, 2:]) * strides
    centres = (cells[kept, :2] + values[:, :2]) * strides
    return decoded(corners(centres, sizes), scores[kept], np.zeros(len(kept)))


YUNET = Family(
    'YuNet, faces',
    'https://github.com/ShiqiYu/libfacedetection.train',
    Preprocessing(BGR, placement=TOP_LEFT),
    _fit,
    _decode,
    names=('face',),
)
