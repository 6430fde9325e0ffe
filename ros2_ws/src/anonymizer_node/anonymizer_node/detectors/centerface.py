"""CenterFace, a face detector (Star-Clouds/CenterFace, arXiv 1911.03599).

Four outputs on a grid of stride 4: heatmap (1, 1, h, w), scale and offset (1, 2, h, w), landmarks
(1, 10, h, w); in scale and offset the vertical comes first. The centre of a face is (cell + offset
+ 0.5) x 4, its size exp(scale) x 4 (`prj-python/centerface.py`, `decode`). The paper's own NMS is
the peak of the heatmap; as in that program, boxes that overlap are suppressed instead. Pictures
are RGB 0..255. The published file declares a batch of 10 pictures of 32 x 32, which none of its
layers depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.detectors.answers import check_scores, check_shape, corners, decoded
from anonymizer_node.detectors.family import (
    RGB,
    Decoded,
    Family,
    Fit,
    Misfit,
    Preprocessing,
    Probe,
    Size,
)

STRIDE = 4
CHANNELS = (1, 2, 2, 10)


def _fit(probe: Probe) -> Fit:
    names = tuple(probe.outputs)
    if len(names) != len(CHANNELS):
        raise Misfit(f'it has {len(names)} outputs, not {len(CHANNELS)}')
    for name, channels in zip(names, CHANNELS, strict=True):
        expected = _shape(channels, probe.size)
        if probe.outputs[name].shape != expected:
            raise Misfit(
                f'its output {name} is {list(probe.outputs[name].shape)}, not {list(expected)}'
            )
    return Fit(names[:3], 1, 'heatmap, scale, offset and landmarks at a quarter of the size')


def _decode(
    outputs: Sequence[NDArray[Any]], size: Size, score_threshold: float, classes: int
) -> Decoded:
    for output, channels in zip(outputs, CHANNELS[:3], strict=True):
        check_shape(output, _shape(channels, size), size)
    heatmap, scale, offset = outputs
    check_scores(heatmap)
    rows, columns = np.nonzero(heatmap[0, 0] >= score_threshold)
    # Vertical first in the outputs, horizontal first in boxes.
    with np.errstate(over='ignore'):  # An infinite size is refused with the detections.
        sizes = np.exp(scale[0, ::-1, rows, columns]) * STRIDE
    cells = np.stack([columns, rows], axis=1)
    centres = (cells + offset[0, ::-1, rows, columns] + 0.5) * STRIDE
    scores = heatmap[0, 0, rows, columns]
    return decoded(corners(centres, sizes), scores, np.zeros(len(rows)))


def _shape(channels: int, size: Size) -> tuple[int, ...]:
    return (1, channels, size.height // STRIDE, size.width // STRIDE)


CENTERFACE = Family(
    'CenterFace, faces',
    'https://github.com/Star-Clouds/CenterFace',
    Preprocessing(RGB),
    _fit,
    _decode,
    names=('face',),
    placeholder_shape=True,
)
