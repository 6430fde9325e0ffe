"""The picture that shows it all: a few moments, as the camera saw them and as they left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import InputError
from anonymizer_node.demo.coverage import KnownFrame
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.pairs import image_pairs
from anonymizer_node.proof.pictures import bgr_of

MOMENTS = 4
APART_NS = 2_000_000_000
"""Two moments of one camera lie at least this far apart."""

IN_VIEW = 0.5
"""Share of a person's pixels from which they count as being shown."""

MOST_OBSCURED = 0.3
"""Share of a frame up to which enough is left around what is obscured."""

MOST_BYTES = 400_000
WIDTHS_PX = (1200, 1100, 1000, 900, 800, 700, 600)
GUTTER_PX = 6
LEVEL_STEP = 4
"""Grey levels are rounded to multiples of this: the sensor's noise would fill the file."""

Picture = NDArray[np.uint8]


class Moment(NamedTuple):
    """One frame to show.

    Attributes:
        topic: Name in the input.
        stamp_ns: Of its header, nanoseconds.
    """

    topic: str
    stamp_ns: int


def choose_moments(
    truth: Sequence[KnownFrame], obscured: Mapping[tuple[str, int], float]
) -> list[Moment]:
    """Frames worth showing: people in full view, nobody twice if it can be helped, room around.

    Args:
        truth: Of the input.
        obscured: (topic, stamp) of every published frame with people -> share obscured.
    """
    chosen: list[KnownFrame] = []
    frames = [frame for frame in truth if (frame.topic, frame.stamp_ns) in obscured]

    def worth(frame: KnownFrame) -> float:
        shown = {person.name for other in chosen for person in other.people}
        names = {
            person.name for person in frame.people if person.visible >= IN_VIEW and not person.cut
        }
        same = [other for other in chosen if other.topic == frame.topic]
        if any(abs(other.stamp_ns - frame.stamp_ns) < APART_NS for other in same):
            return -math.inf
        crowding = max(0.0, obscured[frame.topic, frame.stamp_ns] - MOST_OBSCURED)
        return len(names) + len(names - shown) - len(same) - 5 * crowding

    while len(chosen) < MOMENTS and frames:
        best = max(frames, key=worth)
        if worth(best) == -math.inf:
            break
        chosen.append(best)
    return [Moment(frame.topic, frame.stamp_ns) for frame in chosen]


def pairs_at(
    moments: Sequence[Moment], source: Path, target: Path, prefix: str = ''
) -> list[tuple[Picture, Picture]]:
    """The frames of some moments, before and after, in the order of the moments.

    Raises:
        InputError: If a bag can't be read.
    """
    wanted = {(prefix + moment.topic, moment.stamp_ns) for moment in moments}
    found: dict[tuple[str, int], tuple[Picture, Picture]] = {}
    topics = {topic for topic, _ in wanted}
    with BagReader(source) as before, BagReader(target) as after:
        for pair in image_pairs(before, after, prefix, topics):
            if (pair.topic, pair.stamp_ns) in wanted:
                found[pair.topic, pair.stamp_ns] = bgr_of(pair.before), bgr_of(pair.after)
    keys = [(prefix + moment.topic, moment.stamp_ns) for moment in moments]
    return [found[key] for key in keys if key in found]


def strip(pairs: Sequence[tuple[Picture, Picture]], width: int) -> Picture:
    """Pairs side by side, each above its other, (rows, about width, 3) uint8 BGR."""
    cell = (width - GUTTER_PX * (len(pairs) - 1)) // len(pairs)
    columns = []
    for before, after in pairs:
        height = round(cell * before.shape[0] / before.shape[1])
        small = [
            cv2.resize(picture, (cell, height), interpolation=cv2.INTER_AREA)
            for picture in (before, after)
        ]
        columns.append(np.vstack([small[0], np.full((GUTTER_PX, cell, 3), 255), small[1]]))
    rows = max(column.shape[0] for column in columns)
    parts: list[NDArray[np.integer]] = []
    for column in columns:
        if parts:
            parts.append(np.full((rows, GUTTER_PX, 3), 255))
        parts.append(np.pad(column, ((0, rows - len(column)), (0, 0), (0, 0)), constant_values=255))
    return np.hstack(parts).astype(np.uint8)


def save_before_after(pairs: Sequence[tuple[Picture, Picture]], path: Path) -> None:
    """Write the strip as a PNG fit for a README: as wide as fits into `MOST_BYTES`.

    Raises:
        InputError: If there is nothing to show, or the file can't be written.
    """
    if not pairs:
        raise InputError('No frame with a person was published, so there is nothing to show.')
    for width in WIDTHS_PX:
        calm = strip(pairs, width) // LEVEL_STEP * LEVEL_STEP + LEVEL_STEP // 2 - 1
        data = cv2.imencode('.png', calm, (cv2.IMWRITE_PNG_COMPRESSION, 9))[1]
        if len(data) <= MOST_BYTES:
            break
    path.write_bytes(data.tobytes())
