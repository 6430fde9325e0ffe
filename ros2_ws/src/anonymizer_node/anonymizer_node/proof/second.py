"""A second opinion: does another detector still see in the output whom it saw in the input?

Two sightings are of the same person if their boxes overlap by half of the smaller one: of somebody
who is covered in part only a part is seen, at the same place. The detector is given from outside;
no code of this wing knows how one works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Detections, Frame, Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.turning import as_stored, merged, upright
from anonymizer_node.proof.frames import Where
from anonymizer_node.proof.pictures import bgr_of, outside_of
from anonymizer_node.proof.raw_images import DEPTH
from anonymizer_node.proof.second_pictures import orientation_in
from anonymizer_node.proof.verdict import Check, Failure, Tally

SAME_PERSON = 0.5
"""Share of the smaller of two boxes that lies in the other one, from which on both are of one
person."""

MOST_LISTED = 1000
"""Sightings that the JSON lists; all are counted."""


class Detector(Protocol):
    """Anything that finds people in a picture."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """What it sees in a frame."""


@dataclass(frozen=True)
class Judge:
    """Who gives the second opinion.

    Attributes:
        detector: One frame is given to it at a time.
        classes: That count, by name.
        score_threshold: 0..1, for input and output alike.
        about: name, sha256, family and so on, for the report.
    """

    detector: Detector
    classes: tuple[str, ...]
    score_threshold: float
    about: Mapping[str, Any]


class Sighting(NamedTuple):
    """Somebody whom the second detector sees in the output as in the input.

    Attributes:
        topic: Name in the input.
        position: Of the message among those of its topic in the output.
        stamp_ns: Of its header, nanoseconds.
        image: Which of the images in the message; '' if it is one.
        box: xyxy, pixels of the output frame.
        score: Of that sighting, 0..1.
        covered: Share of the box that is stated to be obscured, 0..1.
    """

    topic: str
    position: int
    stamp_ns: int | None
    image: str
    box: tuple[float, ...]
    score: float
    covered: float

    def as_failure(self) -> Failure:
        """For the list of what is wrong."""
        x0, y0, x1, y1 = (round(side) for side in self.box)
        where = f' in {self.image}' if self.image else ''
        what = (
            f'is seen again{where}: x {x0} to {x1}, y {y0} to {y1}, score {self.score:.2f}, '
            f'{self.covered:.0%} of it in a stated region'
        )
        return Failure(self.topic, what, self.position, self.stamp_ns)


class SecondOpinion:
    """Shows pairs of frames to the second detector, one after the other."""

    def __init__(self, judge: Judge) -> None:
        """Nothing was looked at yet."""
        self._judge = judge
        self._tally = Tally(
            'second-detector',
            3,
            'A second detector sees nobody in the output whom it sees in the input.',
            'people seen in the input',
        )
        self._images = self._after = self._again = 0
        self._listed: list[Sighting] = []

    def look(
        self,
        where: Where,
        before: Any,
        after: Any,
        regions: Sequence[Region],
        identical: bool,
        image: str = '',
    ) -> bool:
        """Show it one pair; whether nobody is seen again.

        Depth is not shown: detectors are of pictures. What can't be read has failed elsewhere.

        Args:
            where: Its place in the target.
            before: The input image, decoded.
            after: The output image, decoded.
            regions: Stated for it.
            identical: Whether the two are equal to the last byte.
            image: Which of the images in the message.
        """
        if getattr(after, 'encoding', '') in DEPTH:
            return True
        try:
            old = self._seen(before)
            new = old if identical else self._seen(after)
        except FrameError:
            return True
        boxes, scores = new.xyxy.astype(np.float64), new.scores
        again = same_person(boxes, old.xyxy.astype(np.float64)).any(axis=1)
        self._images += 1
        self._tally.checked += len(old)
        self._after += len(new)
        self._again += int(again.sum())
        for box, score in zip(boxes[again], scores[again], strict=True):
            sides = tuple(round(float(side), 1) for side in box)
            sighting = Sighting(
                where.topic,
                where.index,
                where.stamp_ns,
                image,
                sides,
                round(float(score), 4),
                _covered(box, regions),
            )
            self._tally.fail(sighting.as_failure())
            if len(self._listed) < MOST_LISTED:
                self._listed.append(sighting)
        return not again.any()

    def _seen(self, message: Any) -> Detections:
        """Whom it sees in a picture as stored, and as viewers show it, if they turn it."""
        pixels = bgr_of(message)
        height, width = pixels.shape[:2]
        # Only an image in a file says how it is turned.
        turn = 1 if hasattr(message, 'encoding') else orientation_in(bytes(message.data))
        frame = Frame(pixels, 'bgr8', width, height, orientation=turn)
        found = self._look_at(replace(frame, orientation=1))
        if turn != 1:
            found = merged(found, as_stored(self._look_at(upright(frame)), frame))
        return found.of_classes(self._judge.classes)

    def _look_at(self, frame: Frame) -> Detections:
        return self._judge.detector.detect(frame, self._judge.score_threshold)

    def check(self) -> Check:
        """The result. Whoever sees nobody in the input has nothing to say of the output."""
        name = self._judge.about.get('name', '')
        said = f'{name} saw {self._tally.checked:,} in the input, {self._after:,} in the output'
        others = self._after - self._again
        if others:
            said += f', {others:,} of these where it saw nobody in the input'
        self._tally.detail = said
        return self._tally.check()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self._judge.about,
            'classes': list(self._judge.classes),
            'score_threshold': self._judge.score_threshold,
            'same_person': SAME_PERSON,
            'images': self._images,
            'seen_in_input': self._tally.checked,
            'seen_in_output': self._after,
            'seen_again': self._again,
            'listed': [sighting._asdict() for sighting in self._listed],
        }


def same_person(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes overlap which others by `SAME_PERSON`: (N, 4), (M, 4) -> (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    smaller = np.minimum(_areas(boxes)[:, None], _areas(others)[None, :])
    return np.asarray((shared >= SAME_PERSON * smaller) & (shared > 0))


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))


def _covered(box: NDArray[np.float64], regions: Sequence[Region]) -> float:
    x0, y0 = (int(side) for side in np.floor(box[:2]))
    x1, y1 = (int(side) for side in np.ceil(box[2:]))
    moved = [Region(a - x0, b - y0, c - x0, d - y0) for a, b, c, d in regions]
    clear = outside_of(moved, max(1, x1 - x0), max(1, y1 - y0))
    return round(1 - float(clear.mean()), 4)
