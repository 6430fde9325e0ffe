"""Detector families: what goes into a graph and what its outputs mean. `FAMILIES` is the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Float32Array, UInt8Array
from anonymizer_node.detectors import nanodet


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


class Decoded(NamedTuple):
    """Candidates before NMS, in pixels of the detector's input."""

    xyxy: Float32Array
    scores: Float32Array
    class_ids: NDArray[np.int64]


class Family(Protocol):
    """One way of exporting a detector: a module such as `nanodet`."""

    NMS_IOU: float
    """Boxes that overlap by more are taken for one person."""

    def misfit(self, graph: Any) -> str:
        """Why a graph is not of this family, or ''."""

    def prepare(self, canvas: UInt8Array) -> NDArray[Any]:
        """A letterboxed BGR picture, (height, width, 3) uint8, as the graph's input."""

    def decode(
        self,
        outputs: Sequence[NDArray[Any]],
        input_width: int,
        input_height: int,
        score_threshold: float,
    ) -> Any:
        """The graph's outputs as (xyxy, scores, class_ids) of candidates at or above a score.

        Raises:
            DetectorError: If the outputs don't have the shapes or the finite values they must.
        """


FAMILIES: Mapping[str, Family] = {
    'nanodet': nanodet,
}
