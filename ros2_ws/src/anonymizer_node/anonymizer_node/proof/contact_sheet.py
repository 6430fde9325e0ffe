"""A few frames of each topic to look at: as they left, and on request as they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.inside import pictures_in
from anonymizer_node.proof.moments import (
    DOUBTFUL,
    TILES,
    Doubt,
    chosen_moments,
    doubtful_moments,
)
from anonymizer_node.proof.pictures import bgr_of
from anonymizer_node.proof.topics import Kind
from anonymizer_node.proof.verdict import Moment, TopicFigures, Verdict

MOST_PICTURES = 64
"""Of the output, of all topics together: a page of many cameras stays small."""

TILE_WIDTH = 640
_JPEG_QUALITY = 80

Picture = NDArray[np.uint8]


class Tile(NamedTuple):
    """One moment of one topic.

    Attributes:
        moment: What was stated of it.
        after: JPEG of the output frame; None where it is withheld: something is wrong with it, so
            that it may show somebody.
        before: JPEG of the input frame, or None where it may not be shown.
        width: Of both pictures, pixels.
        height: Of both pictures, pixels.
        why: Why it is to be looked at, or ''.
    """

    moment: Moment
    after: bytes | None
    before: bytes | None
    width: int
    height: int
    why: str = ''


@dataclass(frozen=True)
class Sheet:
    """The tiles of one topic.

    Attributes:
        topic: In the source.
        output: In the target.
        tiles: In the order of time; may be empty.
        doubtful: Those to be looked at, the most doubtful first; may be empty.
    """

    topic: str
    output: str
    tiles: tuple[Tile, ...]
    doubtful: tuple[Tile, ...] = ()


def contact_sheets(verdict: Verdict, show_before: bool = False) -> tuple[Sheet, ...]:
    """A sheet for every image topic that has an output, or for the first `MOST_PICTURES` of many.

    Unless the input may be shown it isn't opened, and output frames with which something is wrong
    are withheld: they may be as they came.

    Args:
        verdict: Of the two bags to take the pictures from.
        show_before: Whether to take the input frames too. They show the people: only for material
            that everybody may see.

    Raises:
        InputError: If the bags can't be read any longer.
    """
    shown = [
        figures
        for figures in verdict.topics.values()
        if figures.role == 'anonymized' and figures.output and figures.moments
    ][:MOST_PICTURES]
    if not shown:
        return ()
    each = MOST_PICTURES // len(shown)
    doubtful = min(DOUBTFUL, each // 2)
    doubts = {figures.name: doubtful_moments(figures, doubtful) for figures in shown}
    chosen = {
        figures.name: chosen_moments(figures, min(TILES, each - doubtful)) for figures in shown
    }
    moments = {
        figures.name: [*chosen[figures.name], *(doubt.moment for doubt in doubts[figures.name])]
        for figures in shown
    }
    after = _taken(verdict.target, _by_position(shown, moments, show_before), by_position=True)
    before: Mapping[tuple[str, Moment], Picture] = {}
    if show_before:
        before = _taken(verdict.source, _by_time(shown, moments), by_position=False)

    def tiles_of(name: str, wanted: Sequence[Doubt]) -> tuple[Tile, ...]:
        made = (
            _tile(moment, after.get((name, moment)), before.get((name, moment)), why)
            for moment, why in wanted
        )
        return tuple(tile for tile in made if tile is not None)

    return tuple(
        Sheet(
            figures.name,
            figures.output,
            tiles_of(figures.name, [Doubt(moment, '') for moment in chosen[figures.name]]),
            tiles_of(figures.name, doubts[figures.name]),
        )
        for figures in shown
    )


Wanted = Mapping[tuple[Kind, int], Sequence[tuple[str, Moment]]]
"""Topic and type, and position or time of a message, -> (topic in the source, moment)."""


def _by_position(
    shown: Sequence[TopicFigures], moments: Mapping[str, Sequence[Moment]], all_of_them: bool
) -> Wanted:
    wanted: dict[tuple[Kind, int], list[tuple[str, Moment]]] = {}
    for figures in shown:
        for moment in moments[figures.name]:
            if moment.position >= 0 and (moment.sound or all_of_them):
                key = (figures.output, figures.msgtype), moment.position
                wanted.setdefault(key, []).append((figures.name, moment))
    return wanted


def _by_time(shown: Sequence[TopicFigures], moments: Mapping[str, Sequence[Moment]]) -> Wanted:
    wanted: dict[tuple[Kind, int], list[tuple[str, Moment]]] = {}
    for figures in shown:
        # A second type on one name is called `NAME (TYPE)`.
        name = figures.name.removesuffix(f' ({figures.msgtype})')
        for moment in moments[figures.name]:
            key = (name, figures.msgtype), moment.time_ns
            wanted.setdefault(key, []).append((figures.name, moment))
    return wanted


def _taken(path: str, wanted: Wanted, by_position: bool) -> dict[tuple[str, Moment], Picture]:
    """The pictures of some messages; the first of those that have one time."""
    taken: dict[tuple[str, Moment], Picture] = {}
    positions: Counter[Kind] = Counter()
    kinds = {kind for kind, _ in wanted}
    with BagReader(path) as reader:
        for message in reader.messages():
            kind = message.topic.name, message.topic.msgtype
            if kind not in kinds:
                continue
            at = positions[kind] if by_position else message.time_ns
            positions[kind] += 1
            for name, moment in wanted.get((kind, at), ()):
                if (name, moment) not in taken:
                    picture = _picture(reader, message, moment.image)
                    if picture is not None:
                        taken[name, moment] = picture
    return taken


def _picture(reader: BagReader, message: BagMessage, image: str) -> Picture | None:
    try:
        decoded = reader.decode(message.topic.msgtype, message.data)
        found = dict(pictures_in(decoded)).get(image)
        return None if found is None else _small(bgr_of(found))
    except FrameError:
        return None


def _tile(moment: Moment, after: Picture | None, before: Picture | None, why: str) -> Tile | None:
    picture = after if after is not None else before
    if picture is None:
        # Withheld; one that merely can't be read has no tile.
        return None if moment.sound else Tile(moment, None, None, 4, 3, why)
    return Tile(
        moment,
        None if after is None else _jpeg(after),
        None if before is None else _jpeg(before),
        picture.shape[1],
        picture.shape[0],
        why,
    )


def _small(bgr: Picture) -> Picture:
    height, width = bgr.shape[:2]
    if width <= TILE_WIDTH:
        return bgr
    size = (TILE_WIDTH, max(1, round(height * TILE_WIDTH / width)))
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(bgr: Picture) -> bytes:
    return bytes(cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
