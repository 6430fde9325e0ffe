"""The data that flows: message -codec-> Frame -detector-> Detections -tracker-> Region."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import DetectorError

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]

NO_PIXELS: UInt8Array = np.zeros((0, 0, 1), np.uint8)
"""Of a frame of which nobody looks at more than its size and time."""


class Region(NamedTuple):
    """A rectangle of whole pixels that must be obscured.

    Half-open: column `x1` and row `y1` are the first ones outside. Origin top left, x to the
    right, y down, in pixels of the original frame.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns covered."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows covered."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Pixels covered."""
        return self.width * self.height


@dataclass(frozen=True)
class Frame:
    """One picture, decoded as far as the detector needs it.

    Attributes:
        pixels: (rows, columns) or (rows, columns, channels), in the native `encoding`. For a raw
            message it is a view into the message's own buffer. A codec may hand out a reduced
            picture (a JPEG's scaled decode): `width` and `height` are then larger than it.
        encoding: Name as in sensor_msgs/image_encodings, a key of `encodings.ENCODINGS`.
        width: Columns of the original frame, pixels.
        height: Rows of the original frame, pixels.
        stamp_ns: Time of the header, nanoseconds; orders frames of one source.
        source: Topic or file that the frame came from; regions are held per source.
        frame_id: Of the header: frames of one source that differ in it are of several cameras.
        orientation: How the picture is turned before it is shown, EXIF's number; a detector is
            shown it so. Pixels, size and regions are those of the picture as stored.
    """

    pixels: NDArray[Any]
    encoding: str
    width: int
    height: int
    stamp_ns: int = 0
    source: str = ''
    frame_id: str = ''
    orientation: int = 1


@dataclass(frozen=True)
class Detections:
    """What a detector saw in one frame; no detections is legal.

    Attributes:
        xyxy: (N, 4) float32, left, top, right, bottom in pixels of the original frame, half-open.
        scores: (N,) float32 in 0..1.
        class_ids: (N,) int64, index into `names`.
        names: Class names by id.

    Raises:
        DetectorError: If shapes disagree or a number isn't finite; a detector that answers NaN
            has not judged the frame.
    """

    xyxy: Float32Array
    scores: Float32Array
    class_ids: NDArray[np.int64]
    names: tuple[str, ...] = ('person',)

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        expected = (('xyxy', (count, 4)), ('scores', (count,)), ('class_ids', (count,)))
        for name, shape in expected:
            actual = getattr(self, name).shape
            if actual != shape:
                raise DetectorError(f'Detections.{name} has shape {actual}, expected {shape}.')
        if not (np.isfinite(self.xyxy).all() and np.isfinite(self.scores).all()):
            raise DetectorError('The detector answered with a number that is not finite.')
        if any(not 0 <= number < len(self.names) for number in self.class_ids.tolist()):
            raise DetectorError(f'A class id is outside 0..{len(self.names) - 1}.')

    def __len__(self) -> int:
        return len(self.xyxy)

    def of_classes(self, wanted: Collection[str]) -> Detections:
        """Those of some classes, by name; the names and their ids stay."""
        if all(name in wanted for name in self.names):
            return self
        ids = [index for index, name in enumerate(self.names) if name in wanted]
        keep = np.isin(self.class_ids, ids)
        return Detections(self.xyxy[keep], self.scores[keep], self.class_ids[keep], self.names)

    @classmethod
    def joined(cls, parts: Sequence[Detections]) -> Detections:
        """What several detectors saw in one frame; classes of one name become one."""
        if len(parts) == 1 and len(set(parts[0].names)) == len(parts[0].names):
            return parts[0]
        names = tuple(dict.fromkeys(name for part in parts for name in part.names))
        ids = [
            np.array([names.index(name) for name in part.names], np.int64)[part.class_ids]
            for part in parts
        ]
        return cls(
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate(ids),
            names,
        )

    @classmethod
    def empty(cls, names: tuple[str, ...] = ('person',)) -> Detections:
        """No detections."""
        return cls(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), names
        )


@dataclass(frozen=True)
class Judgement:
    """What the detectors saw in one frame, or why they could not judge it.

    Attributes:
        found: What each detector saw, of the classes that the settings want of it; empty if one
            could not judge the frame.
        width: Frame columns, 0 if unknown.
        height: Frame rows, 0 if unknown.
        stamp_ns: Time of the header, nanoseconds; None if it could not be read.
        cause: Why the frame was not judged, as `Outcome.cause`; empty if it was.
        reason: The same as a sentence with value and remedy.
        orientation: See `Frame.orientation`; the boxes are of the picture as stored.
    """

    found: tuple[Detections, ...] = ()
    width: int = 0
    height: int = 0
    stamp_ns: int | None = None
    cause: str = ''
    reason: str = ''
    orientation: int = 1


class Cover(NamedTuple):
    """What must be covered in a judged frame, by the recording as a whole.

    Attributes:
        kept: (N,) bool, which of the frame's own boxes.
        held: (M, 4) float32 xyxy, and what else: people seen before or after it.
    """

    kept: NDArray[np.bool_]
    held: Float32Array


@dataclass(frozen=True)
class Redacted:
    """What a codec returns for a frame that the detectors have judged.

    Attributes:
        message: The message to publish in place of the input.
        regions: What was really obscured: the regions asked for, widened to what the encoding
            can address (chroma samples, JPEG blocks).
        note: Something that the user should know about how it was done, or empty.
        removed: What was taken out of the message since no detector sees it, such as a thumbnail,
            in words; or empty.
    """

    message: Any
    regions: tuple[Region, ...] = ()
    note: str = ''
    removed: str = ''


@dataclass(frozen=True)
class Outcome:
    """What became of one message. The pipeline alone makes these.

    Attributes:
        status: `anonymized`, `untouched` (nobody in it), `blacked_out` or `dropped`.
        message: What may be published; None if dropped.
        regions: What was obscured, in pixels of the frame.
        detections: What the detectors saw; None if they didn't judge this frame: it failed, or is
            one between two that `detect_every` detects on.
        cause: Why the frame was dropped or blacked out, a short stable word for counting.
        reason: The same as a sentence with value and remedy.
        note: See `Redacted.note`.
        removed: See `Redacted.removed`. Of an `untouched` message, all that was done to it.
        width: Frame columns, 0 if unknown.
        height: Frame rows, 0 if unknown.
    """

    status: str
    message: Any = None
    regions: tuple[Region, ...] = ()
    detections: Detections | None = field(default=None, repr=False)
    cause: str = ''
    reason: str = ''
    note: str = ''
    removed: str = ''
    width: int = 0
    height: int = 0


STATUSES = ('anonymized', 'untouched', 'blacked_out', 'dropped')
