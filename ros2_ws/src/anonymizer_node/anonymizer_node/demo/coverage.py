"""Whether the people who are known to be in the scenes are covered in an output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from anonymizer_node.proof.coverage import (
    LEAST_COVERED,
    LEAST_HEIGHT,
    LEAST_VISIBLE,
    coverage_of,
    stated_regions,
)
from anonymizer_node.proof.verdict import Check, Failure, Tally

WELL_COVERED = 0.9
"""Share from which a person counts as well covered."""


class Known(NamedTuple):
    """One person in one frame of the input.

    Attributes:
        name: Who.
        box: xyxy, pixels of the frame.
        visible: Share of the person in view, 0..1.
        height: Of the box, as a share of the frame's.
        cut: Whether the left or right edge of the frame may cut them off.
    """

    name: str
    box: tuple[float, float, float, float]
    visible: float
    height: float
    cut: bool


class KnownFrame(NamedTuple):
    """One frame of the input.

    Attributes:
        topic: Name in the input.
        stamp_ns: Of its header, nanoseconds.
        people: Who is in it; maybe nobody.
    """

    topic: str
    stamp_ns: int
    people: tuple[Known, ...]


class Sight(NamedTuple):
    """One person in one published frame.

    Attributes:
        topic: Name in the input.
        stamp_ns: Of the frame, nanoseconds.
        person: Who and where.
        covered: Share of the box that is obscured, 0..1.
    """

    topic: str
    stamp_ns: int
    person: Known
    covered: float

    @property
    def judged(self) -> bool:
        """Whether the law asks for this person to be covered here."""
        return self.person.height >= LEAST_HEIGHT and self.person.visible >= LEAST_VISIBLE


@dataclass(frozen=True)
class PeopleFound:
    """What was found of the people in one output.

    Attributes:
        sights: Every person in every published frame.
        unpublished: People in frames that are not in the output.
        empty: Frames in which nobody is.
        empty_marked: How many of those have a region nevertheless: held over, or a false alarm.
    """

    sights: tuple[Sight, ...]
    unpublished: int
    empty: int
    empty_marked: int

    @property
    def judged(self) -> list[Sight]:
        """Those for whom the law asks."""
        return [sight for sight in self.sights if sight.judged]

    @property
    def marginal(self) -> list[Sight]:
        """Those for whom it doesn't ask and who are less covered than it would demand."""
        return [
            sight for sight in self.sights if not sight.judged and sight.covered < LEAST_COVERED
        ]

    @property
    def least(self) -> float:
        """How much of the person covered least is covered, 0..1; 0 if there is nobody."""
        return min((sight.covered for sight in self.judged), default=0.0)

    @property
    def well(self) -> float:
        """Share of those asked for who are well covered, 0..1; 0 if there is nobody."""
        judged = self.judged
        return sum(sight.covered >= WELL_COVERED for sight in judged) / max(1, len(judged))

    def check(self) -> Check:
        """The law as a check. It fails too if nobody was there to be covered."""
        tally = Tally(
            'people-covered',
            1,
            f'Every known person at least {LEAST_HEIGHT:.0%} of the frame high and at least '
            f'{LEAST_VISIBLE:.0%} in view is at least {LEAST_COVERED:.0%} covered in every frame.',
            'people in frames',
        )
        for sight in self.judged:
            what = f'{sight.person.name} is {sight.covered:.0%} covered'
            seen = Failure(sight.topic, what, stamp_ns=sight.stamp_ns)
            tally.seen(seen if sight.covered < LEAST_COVERED else None)
        if not self.judged:
            tally.fail(Failure('', 'no frame with a known person was published'))
        tally.detail = (
            f'Covered least: {self.least:.0%}; covered by {WELL_COVERED:.0%} or more: '
            f'{self.well:.1%}; not asked for and less covered, being at the edge of a frame or '
            f'behind something: {len(self.marginal)}'
        )
        return tally.check()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'people_in_frames': len(self.sights),
            'judged': len(self.judged),
            'least_covered': round(self.least, 4),
            'well_covered': round(self.well, 4),
            'marginal': [
                {
                    'topic': sight.topic,
                    'stamp_ns': sight.stamp_ns,
                    'name': sight.person.name,
                    'visible': sight.person.visible,
                    'covered': round(sight.covered, 4),
                }
                for sight in self.marginal
            ],
            'people_in_unpublished_frames': self.unpublished,
            'frames_without_people': self.empty,
            'frames_without_people_marked': self.empty_marked,
        }


def read_truth(path: Path) -> list[KnownFrame]:
    """What `Recording.save_truth` wrote."""
    return [
        KnownFrame(
            entry['topic'],
            int(entry['stamp_ns']),
            tuple(_known(person, entry['width'], entry['height']) for person in entry['people']),
        )
        for entry in json.loads(path.read_text(encoding='utf-8'))
    ]


def _known(person: dict[str, Any], width: int, height: int) -> Known:
    x0, y0, x1, y1 = person['box']
    cut = x0 <= 0 or x1 >= width
    return Known(person['name'], (x0, y0, x1, y1), person['visible'], (y1 - y0) / height, cut)


def find_people(
    truth: Sequence[KnownFrame], source: Path, target: Path, prefix: str = ''
) -> PeopleFound:
    """Hold an output against what is known of its input.

    Args:
        truth: Of the input.
        source: The input bag.
        target: The output bag.
        prefix: Of the output topics, live.

    Raises:
        InputError: If a bag can't be read.
    """
    boxes: dict[str, dict[int, list[Sequence[float]]]] = {}
    for frame in truth:
        if frame.people:
            stamps = boxes.setdefault(prefix + frame.topic, {})
            stamps[frame.stamp_ns] = [person.box for person in frame.people]
    stated = stated_regions(target, prefix)
    found = coverage_of(boxes, source, target, prefix, stated)
    shares = {(one.topic, one.stamp_ns, one.box): one for one in found.people}
    sights, unpublished = [], 0
    for frame in truth:
        for person in frame.people:
            one = shares[prefix + frame.topic, frame.stamp_ns, person.box]
            if one.published:
                sights.append(Sight(frame.topic, frame.stamp_ns, person, one.share))
            else:
                unpublished += 1
    empty = [frame for frame in truth if not frame.people]
    marked = [frame for frame in empty if stated.get(prefix + frame.topic, {}).get(frame.stamp_ns)]
    return PeopleFound(tuple(sights), unpublished, len(empty), len(marked))
