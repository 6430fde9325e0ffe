"""A few frames of each topic to look at: with people, and some without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.pairs import image_pairs
from anonymizer_node.proof.pictures import IMAGE_TYPES, bgr_of
from anonymizer_node.proof.verdict import Moment, TopicFigures, Verdict

TILES = 8
EMPTY_SHARE = 0.25
"""Of the tiles, for frames in which nobody was obscured."""

TILE_WIDTH = 480
_JPEG_QUALITY = 80

Picture = NDArray[np.uint8]


class Tile(NamedTuple):
    """One moment of one topic.

    Attributes:
        moment: What was stated of it.
        after: JPEG of the output frame.
        before: JPEG of the input frame, or None where it may not be shown.
        width: Of both pictures, pixels.
        height: Of both pictures, pixels.
    """

    moment: Moment
    after: bytes
    before: bytes | None
    width: int
    height: int


@dataclass(frozen=True)
class Sheet:
    """The tiles of one topic, in the order of time.

    Attributes:
        topic: In the source.
        output: In the target.
        tiles: May be empty.
    """

    topic: str
    output: str
    tiles: tuple[Tile, ...]


def contact_sheets(
    verdict: Verdict, show_before: bool = False, tiles: int = TILES
) -> tuple[Sheet, ...]:
    """A sheet for every image topic that has an output.

    Args:
        verdict: Of the two bags to take the pictures from.
        show_before: Whether to take the input frames too. They show the people: only for material
            that everybody may see.
        tiles: Most moments per topic.

    Raises:
        InputError: If the bags can't be read any longer.
    """
    chosen = {
        figures.output: {
            moment.stamp_ns: moment
            for moment in chosen_moments(figures, tiles)
            if moment.stamp_ns is not None
        }
        for figures in verdict.topics.values()
        if figures.role == 'anonymized' and figures.output and figures.msgtype in IMAGE_TYPES
    }
    taken = _taken(verdict, chosen, show_before)
    return tuple(
        Sheet(figures.name, figures.output, tuple(taken[figures.output]))
        for figures in verdict.topics.values()
        if figures.output in chosen
    )


def chosen_moments(figures: TopicFigures, count: int = TILES) -> list[Moment]:
    """Moments spread over the frames with people, and some over those without."""
    people = [moment for moment in figures.moments if moment.regions]
    empty = [moment for moment in figures.moments if moment.status == 'untouched']
    for_empty = max(count - len(people), round(count * EMPTY_SHARE))
    chosen = spread(people, count - min(for_empty, len(empty)))
    chosen += spread(empty, count - len(chosen))
    return sorted(chosen, key=lambda moment: moment.time_ns)


def spread(moments: Sequence[Moment], count: int) -> list[Moment]:
    """So many of them at even distances, from the middle of as many equal parts."""
    if count >= len(moments):
        return list(moments)
    return [moments[(2 * index + 1) * len(moments) // (2 * count)] for index in range(count)]


def _taken(
    verdict: Verdict, chosen: Mapping[str, Mapping[int, Moment]], show_before: bool
) -> dict[str, list[Tile]]:
    tiles: dict[str, list[Tile]] = {name: [] for name in chosen}
    with BagReader(verdict.source) as source, BagReader(verdict.target) as target:
        for pair in image_pairs(source, target, verdict.prefix, set(chosen)):
            moment = chosen[pair.topic].get(pair.stamp_ns)
            if moment is None:
                continue
            try:
                after = _small(bgr_of(pair.after))
                before = _small(bgr_of(pair.before)) if show_before else None
            except FrameError:
                continue
            tiles[pair.topic].append(
                Tile(
                    moment,
                    _jpeg(after),
                    _jpeg(before) if before is not None else None,
                    after.shape[1],
                    after.shape[0],
                )
            )
    for found in tiles.values():
        found.sort(key=lambda tile: tile.moment.time_ns)
    return tiles


def _small(bgr: Picture) -> Picture:
    height, width = bgr.shape[:2]
    if width <= TILE_WIDTH:
        return bgr
    size = (TILE_WIDTH, max(1, round(height * TILE_WIDTH / width)))
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(bgr: Picture) -> bytes:
    return bytes(cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
