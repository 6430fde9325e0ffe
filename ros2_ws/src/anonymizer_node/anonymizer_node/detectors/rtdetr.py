"""RT-DETR, D-FINE, DEIM: labels (1, N), boxes (1, N, 4) and scores (1, N), finished.

A second input, `orig_target_sizes`, (1, 2) int64 of width and height, scales the boxes, left, top,
right, bottom. It is given the input's own size, so that they come in pixels of the input (RT-DETR,
arXiv 2304.08069, lyuwenyu/RT-DETR; D-FINE, arXiv 2410.13842, Peterande/D-FINE, both in
`tools/export_onnx.py` and their postprocessor). Graphs without that input are refused: what their
boxes are measured in can't be known. Labels count from 0; which classes there are the shapes don't
say: they must be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

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

OUTPUTS = ('labels', 'boxes', 'scores')


def _fit(probe: Probe) -> Fit:
    if not set(OUTPUTS) <= set(probe.outputs):
        raise Misfit(f'its outputs are {", ".join(probe.outputs)}, not {", ".join(OUTPUTS)}')
    if not probe.takes_size:
        raise Misfit('it lacks the second input orig_target_sizes')
    labels, boxes, scores = (probe.outputs[name].shape for name in OUTPUTS)
    if len(labels) != 2 or labels[0] != 1 or scores != labels or boxes != (*labels, 4):
        raise Misfit(
            f'its labels, boxes and scores are {list(labels)}, {list(boxes)} and {list(scores)}, '
            'not (1, N), (1, N, 4) and (1, N)'
        )
    return Fit(OUTPUTS, 0, f'labels, boxes and scores of {labels[1]} queries')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    labels, boxes, scores = outputs
    check_shape(scores, (1, scores.shape[-1]), size)
    check_shape(labels, scores.shape, size)
    check_shape(boxes, (*scores.shape, 4), size)
    check_scores(scores)
    kept = scores[0] >= score_threshold
    return decoded(boxes[0, kept], scores[0, kept], class_ids(labels[0, kept]))


RTDETR = Family(
    'RT-DETR, D-FINE, DEIM',
    'https://github.com/lyuwenyu/RT-DETR and https://github.com/Peterande/D-FINE',
    Preprocessing(RGB, scale=1 / 255, placement=STRETCH),
    _fit,
    _decode,
    nms_iou=None,
    takes_size=True,
)
