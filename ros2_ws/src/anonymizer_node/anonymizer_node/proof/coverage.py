"""How much of each person is hidden, where it is known from elsewhere where the people are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.obscured import why_region_visible
from anonymizer_node.proof.pairs import ImagePair, image_pairs
from anonymizer_node.proof.pictures import outside_of, picture_of
from anonymizer_node.proof.record import Markers, read_markers, read_record

Truth = Mapping[str, Mapping[int, Sequence[Sequence[float]]]]
"""Output topic -> header stamp, nanoseconds -> boxes of people, xyxy in pixels."""


class Covered(NamedTuple):
    """One person in one frame.

    Attributes:
        topic: Output topic.
        stamp_ns: Time of the header, nanoseconds.
        box: Of the person, xyxy in pixels.
        share: Part of the box, inside the frame, that is obscured, 0..1.
        published: Whether the frame is in the output at all.
    """

    topic: str
    stamp_ns: int
    box: tuple[float, float, float, float]
    share: float
    published: bool


@dataclass(frozen=True)
class Coverage:
    """All people of a truth.

    Attributes:
        people: One entry for each person and frame.
    """

    people: tuple[Covered, ...]

    def share_above(self, share: float) -> float:
        """Part of the published people whose boxes are covered by at least a share, 0..1."""
        shares = self.shares()
        return float(np.mean([value >= share for value in shares])) if shares else 1.0

    def shares(self) -> list[float]:
        """Covered share of every person in a frame that was published."""
        return [person.share for person in self.people if person.published]

    @property
    def least(self) -> float:
        """Of the person covered least, 0..1."""
        return min(self.shares(), default=1.0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'people': len(self.people),
            'published': len(self.shares()),
            'least': self.least,
            'half_covered': self.share_above(0.5),
            'nine_tenths_covered': self.share_above(0.9),
        }


def coverage_of(
    truth: Truth,
    source: Path | str,
    target: Path | str,
    prefix: str = '',
    regions: Markers | None = None,
) -> Coverage:
    """How much of each person lies in a stated region that is really obscured.

    A region that `proof.obscured` doesn't accept covers nothing.

    Args:
        truth: True boxes. Frames that the output doesn't have count as not published.
        source: The input bag.
        target: The output bag.
        prefix: Of the output topics, as for `verify_bag`.
        regions: Stated, in place of those that the target states itself.

    Raises:
        InputError: If a bag can't be read.
    """
    if regions is None:
        regions = stated_regions(target, prefix)
    shares: dict[tuple[str, int], list[float]] = {}
    with BagReader(source) as before, BagReader(target) as after:
        for pair in image_pairs(before, after, prefix, truth.keys()):
            boxes = truth[pair.topic].get(pair.stamp_ns)
            if boxes:
                stated = regions.get(pair.topic, {}).get(pair.stamp_ns, ())
                shares[pair.topic, pair.stamp_ns] = _shares(pair, boxes, stated)
    people = []
    for topic, stamps in truth.items():
        for stamp, boxes in stamps.items():
            found = shares.get((topic, stamp))
            for number, box in enumerate(boxes):
                share = found[number] if found is not None else 1.0
                left, top, right, bottom = (float(side) for side in box)
                box_xyxy = (left, top, right, bottom)
                people.append(Covered(topic, stamp, box_xyxy, share, found is not None))
    return Coverage(tuple(people))


def stated_regions(target: Path | str, prefix: str = '') -> Markers:
    """What an output states of itself: regions by topic and header time."""
    if prefix:
        with BagReader(target) as reader:
            return read_markers(reader)[0]
    stated: dict[str, dict[int, list[Region]]] = {}
    for topic, frames in read_record(Path(target)).frames.items():
        for frame in frames:
            if frame.stamp_ns is not None:
                stated.setdefault(topic, {}).setdefault(frame.stamp_ns, []).extend(frame.regions)
    return stated


def _shares(
    pair: ImagePair, boxes: Sequence[Sequence[float]], regions: Sequence[Region]
) -> list[float]:
    try:
        old, new = picture_of(pair.before), picture_of(pair.after)
    except FrameError:
        return [0.0 for _ in boxes]
    if (old.width, old.height, old.kind) != (new.width, new.height, new.kind):
        return [0.0 for _ in boxes]
    hidden = [region for region in regions if not why_region_visible(old, new, region, regions)]
    covered = ~outside_of(hidden, new.width, new.height)
    shares = []
    for left, top, right, bottom in boxes:
        x0, y0 = max(0, int(left)), max(0, int(top))
        part = covered[y0 : max(y0, math.ceil(bottom)), x0 : max(x0, math.ceil(right))]
        shares.append(float(part.mean()) if part.size else 1.0)
    return shares
