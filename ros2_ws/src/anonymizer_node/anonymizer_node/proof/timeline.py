"""People over time as a drawing: one strip per topic, as SVG shapes without any text.

Words stand beside it in HTML, where they keep their size on a phone and are read aloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from anonymizer_node.proof.moments import LOST
from anonymizer_node.proof.verdict import Moment, TopicFigures

MOST_BINS = 240
MOST_SPANS = 4
"""Of time with people, that are told in words."""

RAIL = 7.0
"""Height of the two rails, of the 100 of the drawing."""


@dataclass(frozen=True)
class Strip:
    """One topic's drawing.

    Attributes:
        topic: Name.
        bins: Width of the drawing's coordinates; its height is 100.
        people: Path of the regions per frame, from the bottom up.
        frames: Path along the bottom where frames are.
        lost: Path along the top where frames were dropped or not published.
        most: Most regions in one frame.
        described: The drawing in words.
    """

    topic: str
    bins: int
    people: str
    frames: str
    lost: str
    most: int
    described: str


def strips(topics: Sequence[TopicFigures]) -> list[Strip]:
    """The drawings of all topics that have frames, on one axis of time and one of people."""
    shown = [topic for topic in topics if topic.moments]
    if not shown:
        return []
    start, end = span_ns(shown)
    bins = max(1, min(MOST_BINS, *(len(topic.moments) for topic in shown)))
    most = max(moment.regions for topic in shown for moment in topic.moments)
    return [_strip(topic, start, end, bins, most) for topic in shown]


def span_ns(topics: Sequence[TopicFigures]) -> tuple[int, int]:
    """First and last time of any frame; (0, 0) if there is none."""
    times = [moment.time_ns for topic in topics for moment in topic.moments]
    return (min(times), max(times)) if times else (0, 0)


def _strip(topic: TopicFigures, start: int, end: int, bins: int, most: int) -> Strip:
    regions = [-1] * bins
    lost = [False] * bins
    length = max(1, end - start)
    for moment in topic.moments:
        place = min(bins - 1, (moment.time_ns - start) * bins // length)
        if moment.status in LOST:
            lost[place] = True
        else:
            regions[place] = max(regions[place], moment.regions)
    heights = [(100 - 2 * RAIL) * count / max(1, most) for count in regions]
    return Strip(
        topic.name,
        bins,
        _path(heights),
        _path([RAIL if count >= 0 else 0.0 for count in regions]),
        _path([RAIL if gone else 0.0 for gone in lost], hanging=True),
        max((moment.regions for moment in topic.moments), default=0),
        _described(topic, topic.moments, start),
    )


def _path(heights: Sequence[float], hanging: bool = False) -> str:
    """Bars that stand on the bottom or hang from the top; neighbours of one height are one."""
    parts = []
    left = 0
    for height, group in groupby(heights):
        width = len(list(group))
        if height > 0:
            top = 0 if hanging else 100 - height
            parts.append(f'M{left} {top:.4g}h{width}v{height:.4g}h-{width}z')
        left += width
    return ''.join(parts)


def clock(span_ns: int, tenths: bool = False) -> str:
    """A span of time as hours, minutes and seconds: 1:02:03 or 0:07.5."""
    total = span_ns // 100_000_000 / 10 if tenths else round(span_ns / 1e9)
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f'{seconds:04.1f}' if tenths else f'{int(seconds):02d}'
    return f'{hours}:{minutes:02d}:{shown}' if hours else f'{minutes}:{shown}'


def spans_of(moments: Sequence[Moment], start: int) -> list[tuple[int, int]]:
    """When somebody was obscured without a frame between in which nobody was, from `start` on."""
    spans = []
    for people, group in groupby(moments, lambda moment: moment.regions > 0):
        if people:
            times = [moment.time_ns for moment in group]
            spans.append((times[0] - start, times[-1] - start))
    return spans


def _described(topic: TopicFigures, moments: Sequence[Moment], start: int) -> str:
    people = sum(moment.regions > 0 for moment in moments)
    most = max((moment.regions for moment in moments), default=0)
    lost = sum(moment.status in LOST for moment in moments)
    words = (
        f'{topic.name}: {len(moments)} frames, {people} of them with regions obscured, '
        f'at most {most} in one frame'
    )
    words += f', {lost} dropped or not published.' if lost else '.'
    spans = spans_of(moments, start)
    told = [f'from {clock(begin, True)} to {clock(end, True)}' for begin, end in spans[:MOST_SPANS]]
    if len(spans) > MOST_SPANS:
        told.append(f'{len(spans) - MOST_SPANS} more times')
    return words + (f' Regions {", ".join(told)}.' if told else '')
