"""What a detector family is: the input that it takes, and how its outputs become boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array

CENTRE, TOP_LEFT, STRETCH = 'centre', 'top_left', 'stretch'
BGR, RGB = 'bgr', 'rgb'
FLOATS = ('tensor(float)', 'tensor(float16)')
INTEGERS = ('tensor(uint8)', 'tensor(int8)')


class Misfit(Exception):  # noqa: N818 - it is a finding, not a fault, and never leaves `detectors`
    """Why a graph is not of a family; reads on after "since"."""


class Size(NamedTuple):
    """Of a detector's input, pixels."""

    width: int
    height: int


class GraphInfo(NamedTuple):
    """What an ONNX graph says about itself.

    Attributes:
        inputs: (name, type, shape) each; unknown sizes are strings or None.
        outputs: The same.
        metadata: The graph's custom metadata.
    """

    inputs: tuple[tuple[str, str, tuple[Any, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[Any, ...]], ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Probe:
    """What a graph answered, once, to a picture of zeros; declared shapes may be free or wrong.

    Attributes:
        graph: What it says about itself.
        size: Of the picture.
        outputs: By name, in the graph's order; floats as float32.
        names: Class names that are known without the graph's shapes, or none.
        takes_size: Whether it has a second input for the size of the picture.
    """

    graph: GraphInfo
    size: Size
    outputs: Mapping[str, NDArray[Any]]
    names: tuple[str, ...] = ()
    takes_size: bool = False


class Fit(NamedTuple):
    """That a graph is of a family.

    Attributes:
        outputs: Names of the outputs to ask for, in the order that `Family.decode` takes them.
        classes: How many the outputs have room for; 0 if their shapes don't say.
        reason: What it was recognised by.
    """

    outputs: tuple[str, ...]
    classes: int
    reason: str


class Decoded(NamedTuple):
    """Candidates before NMS.

    Attributes:
        xyxy: (N, 4) float32, pixels of the detector's input.
        scores: (N,) float32.
        class_ids: (N,) int64.
    """

    xyxy: Float32Array
    scores: Float32Array
    class_ids: NDArray[np.int64]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a graph's input: `(pixel * scale - mean) / std` for floats.

    An integer input takes the pixels themselves, int8 less 128: a graph with such an input has
    scale, mean and std inside.

    Attributes:
        order: Of the channels, `bgr` or `rgb`.
        scale: Of pixels 0..255.
        mean: Per channel, in that order, after scaling.
        std: The same.
        placement: `centre` or `top_left` of an input that is filled up, or `stretch`: the whole.
        fill: Value of the pixels beside the picture, 0..255.
    """

    order: str
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    placement: str = CENTRE
    fill: int = 0


YOLO_PREPROCESSING = Preprocessing(RGB, scale=1 / 255, fill=114)
"""Of YOLOv5 and those that came of it: RGB from 0 to 1, in the middle of grey."""


@dataclass(frozen=True)
class Family:
    """One way of exporting a detector.

    Attributes:
        title: Which exports these are, for showing.
        source: Where the formulas come from.
        preprocessing: Of the picture.
        fit: Tells from a probe whether a graph is of this family; raises `Misfit` if not.
        decode: `(outputs, size, score_threshold, classes)` -> candidates with scores at or above
            the threshold; `outputs` as `Fit` orders them, floats as float32, `classes` that of
            `Fit`. Raises `DetectorError` if shapes or numbers aren't those of a judged picture.
        nms_iou: Boxes that overlap by more are taken for one; None: the graph has seen to it.
            Lenient: a second box on one person costs nothing, one suppressed may leave a limb
            visible.
        names: Class names, where the family has always the same.
        types: Of the input, as onnxruntime calls them.
        takes_size: Whether a second input gets the picture's width and height.
        placeholder_shape: Whether its graphs are known to declare a fixed batch and size that
            they don't depend on.
    """

    title: str
    source: str
    preprocessing: Preprocessing
    fit: Callable[[Probe], Fit]
    decode: Callable[[Sequence[NDArray[Any]], Size, float, int], Decoded]
    nms_iou: float | None = 0.6
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = field(default=FLOATS + INTEGERS)
    takes_size: bool = False
    placeholder_shape: bool = False
