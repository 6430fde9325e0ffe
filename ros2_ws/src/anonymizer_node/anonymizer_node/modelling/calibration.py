"""Pictures to quantise a detector with, as frames: from a folder of pictures, or from a bag."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.formats.bags import BagMessage, BagReader, Topic
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.modelling import pictures

_BAG_SUFFIXES = ('.mcap', '.db3')
_NO_PICTURE = '/compressedDepth'


@dataclass(frozen=True)
class Calibration:
    """Frames that were drawn.

    Attributes:
        frames: At least one.
        kind: What they came from: `folder` or `bag`.
        unreadable: How many more were drawn, but could not be read.
        reason: Why the first of those could not be, or empty.
    """

    frames: tuple[Frame, ...]
    kind: str
    unreadable: int = 0
    reason: str = ''


def draw(place: Path, count: int, seed: int, least_size: int) -> Calibration:
    """Draw frames at random, the same ones every time.

    Args:
        place: A folder of pictures; or a rosbag2 directory, a .mcap or a .db3 file.
        count: How many at most.
        seed: Of the draw.
        least_size: See `Codec.decode`: the detector's input size, pixels.

    Raises:
        InputError: If there is no such place, or no picture in it can be read.
    """
    if not place.exists():
        raise InputError(f'{str(place)!r} does not exist; give a folder of pictures or a bag.')
    if is_bag(place):
        return _of_bag(place, count, seed, least_size)
    if not place.is_dir():
        raise InputError(
            f'{str(place)!r} is neither a folder of pictures nor a bag; a bag is a rosbag2 '
            f'directory or a file that ends in {" or ".join(_BAG_SUFFIXES)}.'
        )
    return _of_folder(place, count, seed)


def is_bag(place: Path) -> bool:
    """Whether a path is a recording, be it readable or not."""
    if place.is_dir():
        inside = {path.suffix for path in place.iterdir()}
        return (place / 'metadata.yaml').exists() or not inside.isdisjoint(_BAG_SUFFIXES)
    return place.suffix in _BAG_SUFFIXES


def _of_folder(folder: Path, count: int, seed: int) -> Calibration:
    frames, reasons = [], []
    for path in pictures.choose(folder, count, seed):
        try:
            picture = pictures.read(path)
        except (InputError, OSError) as error:
            reasons.append(str(error))
            continue
        height, width = picture.shape[:2]
        frames.append(Frame(picture, 'bgr8', width, height, source=path.name))
    return _drawn(folder, 'folder', frames, reasons)


def _of_bag(bag: Path, count: int, seed: int, least_size: int) -> Calibration:
    with BagReader(bag) as reader:
        topics, reasons = _legible(reader, least_size)
        chosen = _spread(sum(topic.count for topic in topics), count, seed)
        keys = {topic.key for topic in topics}
        frames, seen = [], -1
        for message in reader.messages() if chosen else ():
            if message.topic.key not in keys:
                continue
            seen += 1
            if seen in chosen:
                try:
                    frames.append(_frame(reader, message, least_size))
                except FrameError as error:
                    reasons.append(str(error))
                if seen == max(chosen):
                    break
    return _drawn(bag, 'bag', frames, reasons)


def _legible(reader: BagReader, least_size: int) -> tuple[list[Topic], list[str]]:
    """Image topics whose first message can be read, and why those of others can't.

    Depth images have the type of pictures: drawing from all topics alike would waste half.
    """
    waiting = {
        topic.key
        for topic in reader.topics
        if topic.count and topic.msgtype in CODECS and not topic.name.endswith(_NO_PICTURE)
    }
    topics, reasons = [], []
    for message in reader.messages() if waiting else ():
        if message.topic.key in waiting:
            waiting.remove(message.topic.key)
            try:
                _frame(reader, message, least_size)
            except FrameError as error:
                reasons.append(f'{message.topic.name}: {error}')
            else:
                topics.append(message.topic)
            if not waiting:
                break
    return topics, reasons


def _spread(total: int, count: int, seed: int) -> Collection[int]:
    """Numbers below `total`, one at random from each of `count` equal stretches.

    Evenly spaced ones would all be of one camera where two take turns.
    """
    if total <= count:
        return range(total)
    draws = random.Random(seed)  # noqa: S311
    edges = [index * total // count for index in range(count + 1)]
    return {draws.randrange(low, high) for low, high in itertools.pairwise(edges)}


def _frame(reader: BagReader, message: BagMessage, least_size: int) -> Frame:
    msgtype = message.topic.msgtype
    decoded = reader.decode(msgtype, message.data)
    return CODECS[msgtype].decode(decoded, message.topic.name, least_size)


def _drawn(place: Path, kind: str, frames: list[Frame], reasons: list[str]) -> Calibration:
    if not frames:
        why = f' {reasons[0]}' if reasons else ' It has no topic of images.'
        raise InputError(
            f'{str(place)!r} has no picture that can be read to calibrate with.{why} '
            'Give pictures as the robot takes them, people among them.'
        )
    return Calibration(tuple(frames), kind, len(reasons), reasons[0] if reasons else '')
