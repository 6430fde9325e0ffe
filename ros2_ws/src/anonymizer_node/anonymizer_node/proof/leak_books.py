"""What is asked of an output in which people are known, and what is counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from anonymizer_node.core.errors import InputError
from anonymizer_node.proof.coverage import LEAST_COVERED, LEAST_HEIGHT, LEAST_VISIBLE
from anonymizer_node.proof.truth import KnownPerson


@dataclass(frozen=True)
class Bounds:
    """What is asked of an output.

    Attributes:
        least_height: Share of the image's height from which on a person's visible part counts.
        least_visible: Share of a person that must be in view for it to count, where it is known.
        least_covered: Share of the visible part's box that must be obscured.
        least_frames: In so many frames at least somebody who counts must have been looked for.
        grace_s: How long a frame waits for what belongs to it, seconds.
        tolerance_s: By how much the stamps of a frame and its truth may differ, seconds.
    """

    least_height: float = LEAST_HEIGHT
    least_visible: float = LEAST_VISIBLE
    least_covered: float = LEAST_COVERED
    least_frames: int = 10
    grace_s: float = 2.0
    tolerance_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ('least_height', 'least_visible', 'least_covered'):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f'{name} is {getattr(self, name)}; it is a share, 0 to 1.')
        if self.least_frames < 1:
            raise InputError(
                f'least_frames is {self.least_frames}; a run that checked nothing shows nothing, '
                'so ask for 1 at least.'
            )


class Leak(NamedTuple):
    """Somebody who is less covered than was asked for.

    Attributes:
        topic: Of the output.
        stamp_ns: Of the frame's header, nanoseconds.
        person: Who and where.
        covered: Share of their box that is obscured, 0..1.
    """

    topic: str
    stamp_ns: int
    person: KnownPerson
    covered: float

    def __str__(self) -> str:
        x0, y0, x1, y1 = (round(side) for side in self.person.box)
        seconds, rest = divmod(self.stamp_ns, 1_000_000_000)
        return (
            f'{self.topic} at {seconds}.{rest:09d} s: {self.person.name or "a person"} at x '
            f'{x0} to {x1}, y {y0} to {y1} is {self.covered:.0%} covered'
        )


@dataclass
class TopicCount:
    """What became of one output topic.

    Attributes:
        frames: Output frames heard.
        judged: Of them, in how many somebody who counts was looked for.
        people: How many of those people there were, in all frames.
        least_covered: Of them the one covered least, 0..1; None: nobody was there.
        marginal: People who don't count by `Bounds` and are less covered than it asks.
        early: Frames that were under way before the first truth, and weren't judged.
        unmatched: Frames for which no truth came.
        unreadable: Frames that could not be judged, with the reason of the last.
        unpublished: Frames of the truth that never came out.
        without_input: Judged frames whose input was wanted and not heard: by blackness alone.
        reason: Why the last unreadable one was.
    """

    frames: int = 0
    judged: int = 0
    people: int = 0
    least_covered: float | None = None
    marginal: int = 0
    early: int = 0
    unmatched: int = 0
    unreadable: int = 0
    unpublished: int = 0
    without_input: int = 0
    reason: str = ''
