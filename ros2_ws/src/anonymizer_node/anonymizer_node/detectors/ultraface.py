"""UltraFace, a face detector (Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB).

Two outputs: scores (1, N, 2) of background and face, after the softmax, and boxes (1, N, 4): left,
top, right, bottom as shares of the input's width and height (`detect_imgs_onnx.py`). Pictures are
stretched to 320 x 240 or 640 x 480, RGB, less 127, divided by 128.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import check_scores, check_shape, decoded
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


def _fit(probe: Probe) -> Fit:
    if len(probe.outputs) != 2:
        raise Misfit(f'it has {len(probe.outputs)} outputs, not 2')
    # Some exports give the boxes first.
    scores, boxes = sorted(probe.outputs, key=lambda name: probe.outputs[name].shape[-1:])
    shapes = probe.outputs[scores].shape, probe.outputs[boxes].shape
    rows = shapes[0][1:2]
    if shapes != ((1, *rows, 2), (1, *rows, 4)) or not rows:
        raise Misfit(
            f'its outputs are {list(shapes[0])} and {list(shapes[1])}, not (1, N, 2) and (1, N, 4)'
        )
    sums = probe.outputs[scores].sum(axis=2)
    if not np.allclose(sums, 1, atol=0.1):
        raise Misfit('its scores of background and face do not add up to 1')
    return Fit((scores, boxes), 1, f'scores and boxes of {rows[0]} anchors, background first')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    scores, boxes = outputs
    check_shape(scores, (1, scores.shape[1], 2), size)
    check_shape(boxes, (1, scores.shape[1], 4), size)
    check_scores(scores)
    kept = np.flatnonzero(scores[0, :, 1] >= score_threshold)
    xyxy = boxes[0, kept] * np.array(size * 2, np.float32)
    return decoded(xyxy, scores[0, kept, 1], np.zeros(len(kept)))


ULTRAFACE = Family(
    'UltraFace, faces',
    'https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB',
    Preprocessing(RGB, mean=(127.0,) * 3, std=(128.0,) * 3, placement=STRETCH),
    _fit,
    _decode,
    names=('face',),
)
