"""The order of the steps, and the rule that nothing leaves which did not go through all of them.

`Pipeline.process` is the only maker of `Outcome`s with a message in them. A message is in there
because the detector judged the frame and the redaction finished, or because the frame was replaced
by a black one; on every other path it isn't.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Frame, Outcome, Redacted, Region
from anonymizer_node.core.errors import (
    AnonymizerError,
    ConfigError,
    DetectorError,
    UnsupportedEncodingError,
)
from anonymizer_node.core.geometry import grow, to_regions
from anonymizer_node.core.tracking import Tracker


class Detector(Protocol):
    """What the pipeline asks of a detector."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """Boxes in pixels of the frame, after NMS, with scores at or above the threshold.

        Raises:
            DetectorError: If the frame could not be judged.
        """


class Codec(Protocol):
    """What the pipeline asks of a message type."""

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """Read a message as far as a detector needs.

        Args:
            message: Anything with the attributes of the message type.
            source: Becomes `Frame.source`.
            least_size: The longer side may be reduced down to this, pixels.

        Raises:
            FrameError: If the message isn't a whole picture that this codec can read.
        """

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """The message with regions obscured; may reuse and edit `message`.

        Raises:
            FrameError, RedactionError: If it can't be done; `message` is then unfit to publish.
        """

    def blacked_out(self, message: Any) -> Any:
        """The message with a picture of the same size and encoding that shows nothing.

        Raises:
            FrameError: If size or encoding can't be told.
        """


class Pipeline:
    """Judges and redacts messages, one at a time. Not thread-safe, but for `settings`.

    Attributes:
        detector: In use.
    """

    def __init__(self, settings: Settings, detector: Detector) -> None:
        """Args as named.

        Raises:
            ConfigError: If the detector doesn't have a class that the settings name.
        """
        self.detector = detector
        self._trackers: dict[str, Tracker] = {}
        self.settings = settings

    @property
    def settings(self) -> Settings:
        """In force from the next frame on; a frame in work keeps those that it began with."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        unknown = sorted(set(settings.classes) - set(self.detector.names))
        if unknown:
            raise ConfigError(
                f'The model has no class {unknown[0]!r}; it has {", ".join(self.detector.names)}.'
            )
        self._settings = settings

    def forget(self, source: str | None = None) -> None:
        """Hold no region any longer, of one source or of all."""
        if source is None:
            self._trackers.clear()
        else:
            self._trackers.pop(source, None)

    def process(self, message: Any, codec: Codec, source: str) -> Outcome:
        """Do everything to one message. Never raises an `Exception`: it drops the frame.

        Args:
            message: Anything that the codec reads; it may be edited in place.
            codec: For the message's type.
            source: Topic or file; regions are held per source.
        """
        settings = self._settings
        step = 'decode'
        try:
            frame = codec.decode(message, source, settings.input_size)
            step = 'detector'
            detections = self.detector.detect(frame, settings.score_threshold)
            boxes = _wanted(detections, frame, self.detector.names, settings.classes)
            regions = self._regions(frame, boxes, settings)
            if not regions:
                return Outcome(
                    'untouched',
                    message,
                    detections=detections,
                    width=frame.width,
                    height=frame.height,
                )
            step = 'redaction'
            done = codec.redact(message, frame, regions, settings.method, settings.strength)
            return Outcome(
                'anonymized',
                done.message,
                done.regions,
                detections,
                note=done.note,
                width=frame.width,
                height=frame.height,
            )
        except UnsupportedEncodingError as error:
            return _failed(message, codec, settings, 'encoding', error)
        except Exception as error:  # The edge: whatever it was, the frame must not get out.
            return _failed(message, codec, settings, step, error)

    def _regions(
        self, frame: Frame, detections: Detections, settings: Settings
    ) -> tuple[Region, ...]:
        tracker = self._trackers.setdefault(frame.source, Tracker())
        boxes = tracker.update(frame.stamp_ns, detections.xyxy, settings.hold_seconds)
        return to_regions(grow(boxes, settings.padding), frame.width, frame.height)


def _wanted(
    detections: Detections, frame: Frame, names: Sequence[str], classes: Sequence[str]
) -> Detections:
    """The detections of the classes to obscure.

    Raises:
        DetectorError: If a box has no size, is turned inside out or lies outside the frame, or the
            classes are not those that the detector has. Such an answer is about some other
            picture, or in other words; taken as "nobody here" it would let this one out.
    """
    if not isinstance(detections, Detections):
        raise DetectorError(f'The detector answered with a {type(detections).__name__}.')
    if tuple(detections.names) != tuple(names):
        raise DetectorError(
            f'The detector answered with the classes {", ".join(detections.names)}, but it said '
            f'that it has {", ".join(names)}.'
        )
    xyxy = detections.xyxy
    inside = (
        (xyxy[:, 0] < xyxy[:, 2])
        & (xyxy[:, 1] < xyxy[:, 3])
        & (xyxy[:, 0] < frame.width)
        & (xyxy[:, 1] < frame.height)
        & (xyxy[:, 2] > 0)
        & (xyxy[:, 3] > 0)
    )
    if not inside.all():
        worst = xyxy[~inside][0].tolist()
        raise DetectorError(
            f'The detector put a box {worst} outside the {frame.width}x{frame.height} frame, or '
            'one without size; the model or its family is wrong.'
        )
    ids = [index for index, name in enumerate(detections.names) if name in classes]
    keep = np.isin(detections.class_ids, ids)
    return Detections(
        xyxy[keep], detections.scores[keep], detections.class_ids[keep], detections.names
    )


def _failed(
    message: Any, codec: Codec, settings: Settings, cause: str, error: Exception
) -> Outcome:
    reason = str(error)
    if not isinstance(error, AnonymizerError):
        reason = f'{type(error).__name__}: {error}'
    if settings.on_failure == 'blackout':
        try:
            return Outcome('blacked_out', codec.blacked_out(message), cause=cause, reason=reason)
        except Exception as second:  # Still the edge: what can't be blacked out is dropped.
            reason = f'{reason} And it could not be replaced by a black frame: {second}'
    return Outcome('dropped', cause=cause, reason=reason)
