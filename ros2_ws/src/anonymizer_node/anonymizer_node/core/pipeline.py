"""The order of the steps, and the rule that nothing leaves which did not go through all of them.

`Pipeline` is the only maker of `Outcome`s with a message in them. A message is in there because the
detector judged the frame, or its colour twin (`follow`), and the redaction finished, or because the
frame was replaced by a black one; on every other path it isn't. The one exception is asked for by
name: with `detect_every` above 1 the node obscures in the frames between what it carries on from
the last detection.

Over a recording the same steps are taken in two passes: `Pipeline.judge` looks at every frame, and
`Pipeline.redact` obscures what the recording as a whole shows to be somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anonymizer_node.core.asked import Asked, wanted
from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import (
    Cover,
    Detections,
    Float32Array,
    Frame,
    Judgement,
    Outcome,
    Redacted,
    Region,
)
from anonymizer_node.core.errors import (
    AnonymizerError,
    DetectorError,
    UnsupportedEncodingError,
)
from anonymizer_node.core.following import CAUSE, Twin
from anonymizer_node.core.geometry import to_regions
from anonymizer_node.core.roles import Codec, Detector
from anonymizer_node.core.sources import Source
from anonymizer_node.core.turning import as_stored, merged, upright


class Pipeline:
    """Judges and redacts messages, one at a time. Not thread-safe, but for `settings`.

    Attributes:
        detectors: In use, one for each entry of the setting `model`.
    """

    def __init__(
        self, settings: Settings, detectors: Sequence[Detector], live: bool = False
    ) -> None:
        """Nothing is held yet.

        Args:
            settings: In force at first.
            detectors: One for each entry of the setting `model`.
            live: Whether `detect_every` counts: over recordings there is time for every frame.

        Raises:
            ConfigError: If a detector doesn't have a class that the settings want of it, or there
                are not as many as models.
        """
        self.detectors = tuple(detectors)
        self._live = live
        self._sources: dict[str, Source] = {}
        self.settings = settings

    @property
    def settings(self) -> Settings:
        """In force from the next frame on; a frame in work keeps those that it began with."""
        return self._asked.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._asked = Asked.of(settings, self.detectors)

    def forget(self, source: str | None = None) -> None:
        """Hold no region any longer, of one source or of all."""
        if source is None:
            self._sources.clear()
        else:
            self._sources.pop(source, None)

    def process(self, message: Any, codec: Codec, source: str, is_from_one: bool = True) -> Outcome:
        """Do everything to one message. Never raises an `Exception`: it drops the frame.

        Args:
            message: Anything that the codec reads; it may be edited in place.
            codec: For the message's type.
            source: Topic or file; regions are held per source.
            is_from_one: Whether one camera alone is known to send there; otherwise none of its
                frames goes by what was detected in the one before, which may be another camera's.
        """
        asked = self._asked
        settings = asked.settings
        step = 'decode'
        try:
            frame = codec.decode(message, source, asked.least_size)
            step = 'detector'
            detections, boxes = self._judged(frame, asked, is_from_one)
            regions = to_regions(boxes, frame.width, frame.height)
            step = 'redaction'
            return _obscured(message, codec, frame, regions, settings, detections)
        except Exception as error:  # The edge: whatever it was, the frame must not get out.
            return _failed(message, codec, settings, *_why(error, step))

    def judge(self, message: Any, codec: Codec, source: str) -> Judgement:
        """The first pass over a recording: look at one frame, which is left as it is.

        Never raises an `Exception`. May run in several threads on pipelines whose detectors are
        not the same.

        Args:
            message: Anything that the codec reads.
            codec: For the message's type.
            source: Topic or file.
        """
        asked = self._asked
        step = 'decode'
        try:
            frame = codec.decode(message, source, asked.least_size)
            step = 'detector'
            found = tuple(self._found(frame, asked))
            return Judgement(
                found, frame.width, frame.height, frame.stamp_ns, orientation=frame.orientation
            )
        except Exception as error:  # The edge: what it was is on record, and so is the frame.
            cause, reason = _why(error, step)
            return Judgement(cause=cause, reason=reason)

    def to_cover(self, judgement: Judgement) -> Float32Array:
        """A judged frame's own boxes to cover, padded, (N, 4)."""
        return self._asked.to_cover(judgement, judgement.found)

    def regions(self, judgement: Judgement, cover: Cover) -> tuple[Region, ...]:
        """What is to be obscured in a judged frame; args as for `redact`.

        Raises:
            DetectorError: If a box is not finite.
        """
        asked = self._asked
        own = asked.to_cover(judgement, judgement.found)
        if asked.settings.least_sightings > 1:
            own = own[cover.kept]
        boxes = np.concatenate([own, cover.held])
        if not np.isfinite(boxes).all():
            raise DetectorError('A box to cover is not finite.')
        return to_regions(boxes, judgement.width, judgement.height)

    def redact(
        self,
        message: Any,
        codec: Codec,
        source: str,
        judgement: Judgement | None,
        cover: Cover | None,
    ) -> Outcome:
        """The second pass over a recording: obscure what is to be covered in one frame.

        A frame that has no judgement fails, and one that failed in the first pass fails again for
        the same cause. Never raises an `Exception`: it drops the frame. Thread-safe.

        Args:
            message: That `judge` saw; it may be edited in place.
            codec: For the message's type.
            source: Topic or file.
            judgement: Of this very message.
            cover: For it. All of the frame's own boxes are covered, whatever this says, unless
                `least_sightings` asks for more than one sighting.
        """
        asked = self._asked
        settings = asked.settings
        if judgement is not None and judgement.cause:
            return _failed(message, codec, settings, judgement.cause, judgement.reason)
        step = 'unjudged'
        try:
            if judgement is None or cover is None:
                raise DetectorError('There is no record that a detector has judged this frame.')
            width, height = judgement.width, judgement.height
            regions = self.regions(judgement, cover)
            detections = Detections.joined(judgement.found)
            if not regions:
                step = 'redaction'
                return _untouched(codec.stripped(message), width, height, detections)
            step = 'decode'
            frame = codec.revisit(message, source)
            if (frame.width, frame.height, frame.stamp_ns) != (width, height, judgement.stamp_ns):
                step = 'unjudged'
                raise DetectorError(
                    f'The frame is {frame.width}x{frame.height}, and the one that was judged was '
                    f'{width}x{height}, or of another time.'
                )
            step = 'redaction'
            return _obscured(message, codec, frame, regions, settings, detections)
        except Exception as error:  # The edge: whatever it was, the frame must not get out.
            return _failed(message, codec, settings, *_why(error, step))

    def follow(self, message: Any, codec: Codec, source: str, twin: Twin) -> Outcome:
        """Obscure in a message what was obscured in its colour twin. Never raises an `Exception`.

        Args:
            message: Anything that the codec reads; it may be edited in place.
            codec: For the message's type.
            source: Topic or file.
            twin: What became of the frames that it follows.
        """
        settings = self.settings
        step = 'decode'
        try:
            frame = codec.measure(message, source)
            step = CAUSE
            regions = twin.regions_of(frame)
            step = 'redaction'
            return _obscured(message, codec, frame, regions, settings)
        except Exception as error:  # The edge, as above.
            return _failed(message, codec, settings, *_why(error, step))

    def _judged(
        self, frame: Frame, asked: Asked, is_from_one: bool
    ) -> tuple[Detections | None, Float32Array]:
        """What was detected, None if this frame is one between, and the boxes to cover."""
        hold_seconds = asked.settings.hold_seconds
        state = self._sources.get(frame.source)
        if state is None:
            state = self._sources[frame.source] = Source()
        state.tracker.fit(frame.width, frame.height)
        if self._live and not state.due(frame, asked, is_from_one):
            return None, state.tracker.carry(frame.stamp_ns, hold_seconds)
        found = self._found(frame, asked)
        boxes = asked.to_cover(frame, found)
        state.detected(frame, asked, is_from_one)
        return Detections.joined(found), state.tracker.update(frame.stamp_ns, boxes, hold_seconds)

    def _found(self, frame: Frame, asked: Asked) -> list[Detections]:
        """What each detector sees of the classes that are wanted of it."""
        found = [
            wanted(detector.detect(frame, terms.score_threshold), frame, detector.names, classes)
            for detector, terms, classes in zip(
                self.detectors, asked.terms, asked.classes, strict=True
            )
        ]
        if frame.orientation == 1:
            return found
        # Some viewers turn it and others don't: nobody may be seen either way.
        shown = self._found(upright(frame), asked)
        return [
            merged(as_stored(one, frame), other) for one, other in zip(shown, found, strict=True)
        ]


def _obscured(
    message: Any,
    codec: Codec,
    frame: Frame,
    regions: Sequence[Region],
    settings: Settings,
    detections: Detections | None = None,
) -> Outcome:
    """A message without what is in the regions of its picture; there may be none."""
    if not regions:
        return _untouched(codec.stripped(message), frame.width, frame.height, detections)
    done = codec.redact(message, frame, regions, settings.method, settings.strength)
    return Outcome(
        'anonymized',
        done.message,
        done.regions,
        detections,
        note=done.note,
        removed=done.removed,
        width=frame.width,
        height=frame.height,
    )


def _untouched(
    done: Redacted, width: int, height: int, detections: Detections | None = None
) -> Outcome:
    """Nobody is in a frame's picture; there may have been others in its message."""
    return Outcome(
        'untouched',
        done.message,
        detections=detections,
        removed=done.removed,
        width=width,
        height=height,
    )


def _why(error: Exception, step: str) -> tuple[str, str]:
    """Cause and reason of a failure in a step."""
    if isinstance(error, UnsupportedEncodingError):
        step = 'encoding'
    if isinstance(error, AnonymizerError):
        return step, str(error)
    return step, f'{type(error).__name__}: {error}'


def _failed(message: Any, codec: Codec, settings: Settings, cause: str, reason: str) -> Outcome:
    if settings.on_failure == 'blackout':
        try:
            return Outcome('blacked_out', codec.blacked_out(message), cause=cause, reason=reason)
        except Exception as second:  # Still the edge: what can't be blacked out is dropped.
            reason = f'{reason} And it could not be replaced by a black frame: {second}'
    return Outcome('dropped', cause=cause, reason=reason)
