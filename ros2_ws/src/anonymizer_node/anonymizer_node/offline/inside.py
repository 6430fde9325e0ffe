"""Obscures the people in images that are inside messages of other types.

Each image goes through the pipeline by itself. What fails in one of them fails the whole message:
half a message is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Cover, Detections, Judgement, Outcome
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagMessage, BagReader, Place
from anonymizer_node.formats.embedded import images_in
from anonymizer_node.formats.image_codecs import stamp_ns
from anonymizer_node.offline.records import Part

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


def judge_inside(
    pipeline: Pipeline, reader: BagReader, message: BagMessage, places: Sequence[Place]
) -> tuple[Part, ...]:
    """The first pass over the images in one message, which is left as it is.

    Args:
        pipeline: Judges.
        reader: Of the bag that the message is from.
        message: As recorded.
        places: Where images are in messages of its type.
    """
    try:
        decoded = reader.decode(message.topic.msgtype, message.data)
        images = [(item, stamp_ns(item.image)) for item in images_in(decoded, places)]
    except (FrameError, AttributeError, TypeError) as error:
        return (Part('', Judgement(cause=UNREADABLE, reason=str(error))),)
    return tuple(
        Part(
            item.label,
            replace(
                pipeline.judge(item.image, item.codec, _source(message, item.label)),
                stamp_ns=stamp,
            ),
        )
        for item, stamp in images
    )


def redact_inside(
    pipeline: Pipeline,
    reader: BagReader,
    message: BagMessage,
    places: Sequence[Place],
    parts: Mapping[str, tuple[Judgement, Cover | None]],
    vouched: bool = False,
) -> Processed:
    """The second pass over the images in one message.

    Args:
        pipeline: Redacts.
        reader: Of the bag that the message is from.
        message: That was judged.
        places: Where images are in messages of its type.
        parts: What was judged, and what is to be covered, by label. An image without fails.
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
    outcomes = []
    for item in images:
        judgement, cover = parts.get(item.label, (None, None))
        source = _source(message, item.label)
        outcome = pipeline.redact(item.image, item.codec, source, judgement, cover)
        if vouched and outcome.cause == 'encoding' and outcome.status == 'dropped':
            outcome = Outcome('copied')
        outcomes.append((item.label, outcome))
    outcome = joined([part for _, part in outcomes])
    if outcome.status == 'dropped':
        return Processed(outcome, tuple(outcomes), stamp, None)
    if outcome.status in ('untouched', 'copied') and not outcome.removed:
        return Processed(outcome, tuple(outcomes), stamp, message.data)
    data: bytes | bytearray = buffer
    if not all(
        item.image.data is was and np.may_share_memory(was, np.frombuffer(buffer, np.uint8))
        for item, was in zip(images, before, strict=True)
    ):
        data = reader.encode(message.topic.msgtype, decoded, message.data)
    return Processed(outcome, tuple(outcomes), stamp, data)


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
        removed=', '.join(dict.fromkeys(part.removed for part in parts if part.removed)),
    )


def _source(message: BagMessage, label: str) -> str:
    """What an image's frames come from."""
    return f'{message.topic.name}/{label}' if label else message.topic.name


def lines_of(processed: Processed) -> list[dict[str, Any]]:
    """What regions.jsonl says of it: a line for each image, or one for the whole message."""
    parts = processed.parts
    if processed.data is None or not parts:
        parts = (('', processed.outcome),)
    return [{'image': label, **line_of(part, processed.stamp_ns)} for label, part in parts]


def line_of(outcome: Outcome, stamp: int | None) -> dict[str, Any]:
    """What regions.jsonl says of one image: what became of it, and the time of its header."""
    seen = outcome.detections
    scores = [] if seen is None else seen.scores.tolist()
    return {
        'stamp_ns': stamp,
        'status': outcome.status,
        'regions': [list(region) for region in outcome.regions],
        'people': None if seen is None else len(seen),
        'least_score': round(min(scores), 4) if scores else None,
        'cause': outcome.cause,
        'note': outcome.note,
        'removed': outcome.removed,
    }
