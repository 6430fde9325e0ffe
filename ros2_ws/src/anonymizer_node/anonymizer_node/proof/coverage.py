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
from anonymizer_node.proof.obscured import black_areas, why_region_visible
from anonymizer_node.proof.pairs import ImagePair, image_pairs
from anonymizer_node.proof.pictures import Picture, outside_of, picture_of
from anonymizer_node.proof.record import Markers, read_markers, read_record

LEAST_HEIGHT = 0.10
"""Of the frame. Smaller people can hardly be recognised, and the detector is weak on them."""

LEAST_VISIBLE = 0.15
"""Share of a person's pixels that must be in view for the law to ask for them: of a sleeve at the
edge of a frame no detector can tell whose it is. What is below this is counted and shown."""

LEAST_COVERED = 0.5
"""Share of a person's box that must be obscured in every frame. The box has corners that are not
the person, and the detector's box may rightly end at a shoulder; half leaves no face."""

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
    return covered_shares(boxes, new, old, regions)


def covered_shares(
    boxes: Sequence[Sequence[float]],
    after: Picture,
    before: Picture | None = None,
    regions: Sequence[Region] | None = None,
) -> list[float]:
    """How much of each box is really obscured in an output frame, 0..1, told from its pixels.

    Args:
        boxes: xyxy, pixels.
        after: The output frame.
        before: Its input; None: unknown, and nothing counts as obscured but black. One of another
            size or kind shows that the output isn't made of it: nothing is covered.
        regions: Stated to be obscured: those that aren't cover nothing, nor does what lies outside
            them. None: nothing is stated, and what has turned black counts.
    """
    if before is not None and _shape(before) != _shape(after):
        return [0.0 for _ in boxes]
    if regions is None:
        covered = black_areas(after, before)
    else:
        old, method = (after, 'blackout') if before is None else (before, '')
        hidden = [
            region
            for region in regions
            if not why_region_visible(old, after, region, regions, method)
        ]
        covered = ~outside_of(hidden, after.width, after.height)
    shares = []
    for left, top, right, bottom in boxes:
        x0, y0 = max(0, int(left)), max(0, int(top))
        part = covered[y0 : max(y0, math.ceil(bottom)), x0 : max(x0, math.ceil(right))]
        shares.append(float(part.mean()) if part.size else 1.0)
    return shares


def _shape(picture: Picture) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.kind
