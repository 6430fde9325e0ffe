"""Obscures the people in images that are inside messages of other types.

Each image goes through the pipeline by itself. What fails in one of them fails the whole message:
half a message is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Detections, Outcome
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagMessage, BagReader, Place
from anonymizer_node.formats.embedded import Embedded, images_in
from anonymizer_node.formats.image_codecs import stamp_ns

UNREADABLE = 'decode'
"""The cause of a message that can't be read at all."""


class Processed(NamedTuple):
    """What became of a message.

    Attributes:
        outcome: Of it as a whole. Its `message` is None: `data` is what may be written.
        parts: Label and outcome of each image in it.
        stamp_ns: Time of the first image's header, nanoseconds; None if there is none.
        data: What to write, or None.
    """

    outcome: Outcome
    parts: tuple[tuple[str, Outcome], ...]
    stamp_ns: int | None
    data: bytes | bytearray | None


def process_inside(
    pipeline: Pipeline,
    reader: BagReader,
    message: BagMessage,
    places: Sequence[Place],
    vouched: bool = False,
) -> Processed:
    """Do everything to the images in one message.

    Args:
        pipeline: Judges and redacts.
        reader: Of the bag that the message is from.
        message: As recorded.
        places: Where images are in messages of its type.
        vouched: Its owner says that images in encodings that can't be read show nobody; the
            others are anonymised all the same.
    """
    buffer = bytearray(message.data)
    try:
        decoded = reader.decode(message.topic.msgtype, buffer)
        images = list(images_in(decoded, places))
        stamp = stamp_ns(images[0].image) if images else None
    except (FrameError, AttributeError, TypeError) as error:
        outcome = Outcome('dropped', cause=UNREADABLE, reason=str(error))
        return Processed(outcome, (), None, None)
    before = [item.image.data for item in images]
    parts = tuple((item.label, _one(pipeline, message, item, vouched)) for item in images)
    outcome = joined([part for _, part in parts])
    if outcome.status == 'dropped':
        return Processed(outcome, parts, stamp, None)
    if outcome.status in ('untouched', 'copied'):
        return Processed(outcome, parts, stamp, message.data)
    data: bytes | bytearray = buffer
    if not all(
        item.image.data is was and np.may_share_memory(was, np.frombuffer(buffer, np.uint8))
        for item, was in zip(images, before, strict=True)
    ):
        data = reader.encode(message.topic.msgtype, decoded, message.data)
    return Processed(outcome, parts, stamp, data)


def joined(parts: Sequence[Outcome]) -> Outcome:
    """What became of a message, by what became of its images; without the message itself."""
    for status in ('dropped', 'blacked_out', 'anonymized', 'untouched', 'copied'):
        first = next((part for part in parts if part.status == status), None)
        if first is not None:
            break
    else:
        return Outcome('untouched')
    if status == 'dropped':
        return replace(first, message=None, regions=())
    seen = [part.detections for part in parts if part.detections is not None]
    return replace(
        first,
        message=None,
        regions=tuple(region for part in parts for region in part.regions),
        detections=Detections.joined(seen) if seen else None,
        note=' '.join(dict.fromkeys(part.note for part in parts if part.note)),
    )


def _one(pipeline: Pipeline, message: BagMessage, item: Embedded, vouched: bool) -> Outcome:
    source = f'{message.topic.name}/{item.label}' if item.label else message.topic.name
    outcome = pipeline.process(item.image, item.codec, source)
    if vouched and outcome.cause == 'encoding' and outcome.status == 'dropped':
        return Outcome('copied')
    return outcome


def lines_of(processed: Processed) -> list[dict[str, Any]]:
    """What regions.jsonl says of it: a line for each image, or one for the whole message."""
    parts = processed.parts
    if processed.data is None or not parts:
        parts = (('', processed.outcome),)
    return [
        {
            'image': label,
            'stamp_ns': processed.stamp_ns,
            'status': part.status,
            'regions': [list(region) for region in part.regions],
            'cause': part.cause,
            'note': part.note,
        }
        for label, part in parts
    ]
