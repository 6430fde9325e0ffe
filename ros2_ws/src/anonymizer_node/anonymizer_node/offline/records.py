"""What is kept of each judged frame of a bag, as JSON and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Detections, Judgement
from anonymizer_node.core.turning import TURNS


class Part(NamedTuple):
    """One image in a message.

    Attributes:
        label: Such as 'views[2].image'; '' if the message itself is the image.
        judgement: Of it.
    """

    label: str
    judgement: Judgement


class Record(NamedTuple):
    """One message with images, and what the detectors saw in them.

    Attributes:
        topic: Name.
        msgtype: Such as 'sensor_msgs/msg/Image'.
        time_ns: When it was received, nanoseconds.
        digest: Of its bytes, see `digest_of`.
        parts: Its images; of a message that can't be read one without a label, which failed.
    """

    topic: str
    msgtype: str
    time_ns: int
    digest: str
    parts: tuple[Part, ...]


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """What tells the bytes of one message from all others."""
    return hashlib.sha256(data).hexdigest()


def as_json(record: Record) -> dict[str, Any]:
    """A record as JSON can hold it. Every float is exactly the one it was."""
    return {
        'topic': record.topic,
        'type': record.msgtype,
        'time_ns': record.time_ns,
        'sha256': record.digest,
        'images': [_part_as_json(part) for part in record.parts],
    }


def from_json(value: Any, names: Sequence[Sequence[str]]) -> Record:
    """The record that JSON holds.

    Args:
        value: That `as_json` made.
        names: Class names of each detector.

    Raises:
        ValueError, KeyError, TypeError, DetectorError: If it is none.
    """
    return Record(
        str(value['topic']),
        str(value['type']),
        int(value['time_ns']),
        str(value['sha256']),
        tuple(_part_from_json(part, names) for part in value['images']),
    )


def failed(record: Record, cause: str) -> bool:
    """Whether an image wasn't judged for a cause."""
    return any(part.judgement.cause == cause for part in record.parts)


def _part_as_json(part: Part) -> dict[str, Any]:
    judgement = part.judgement
    return {
        'label': part.label,
        'width': judgement.width,
        'height': judgement.height,
        'orientation': judgement.orientation,
        'stamp_ns': judgement.stamp_ns,
        'cause': judgement.cause,
        'reason': judgement.reason,
        'found': [
            {
                'xyxy': item.xyxy.astype(np.float64).tolist(),
                'scores': item.scores.astype(np.float64).tolist(),
                'classes': item.class_ids.tolist(),
            }
            for item in judgement.found
        ],
    }


def _part_from_json(value: Any, names: Sequence[Sequence[str]]) -> Part:
    found = tuple(
        Detections(
            np.array(item['xyxy'], np.float32).reshape(-1, 4),
            np.array(item['scores'], np.float32),
            np.array(item['classes'], np.int64),
            tuple(known),
        )
        for item, known in zip(value['found'], names, strict=not value['cause'])
    )
    stamp_ns = value['stamp_ns']
    judgement = Judgement(
        found,
        int(value['width']),
        int(value['height']),
        None if stamp_ns is None else int(stamp_ns),
        str(value['cause']),
        str(value['reason']),
        int(value['orientation']),
    )
    if not judgement.cause and (stamp_ns is None or judgement.width < 1 or judgement.height < 1):
        raise ValueError('A judged frame has a size and a time.')
    if judgement.orientation not in TURNS:
        raise ValueError('A frame has one of eight orientations.')
    return Part(str(value['label']), judgement)
