"""The two files on record against each other, and against what was counted in the bags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from anonymizer_node.formats.bags import BagMessage
from anonymizer_node.proof.inside import by_message
from anonymizer_node.proof.record import FrameRecord, Record
from anonymizer_node.proof.verdict import Check, Failure, Tally, TopicFigures


def check_figures(
    record: Record,
    topics: Mapping[str, TopicFigures],
    stated: Mapping[str, Sequence[FrameRecord]],
) -> Check:
    """anonymization.json against what was counted, and against the other file on record.

    Args:
        record: Of the output.
        topics: What was counted, by name on record.
        stated: Statements by the same names.
    """
    tally = Tally(
        'record-agrees', 4, 'The figures on record are those of the bag.', 'topics on record'
    )
    said = record.summary.get('topics')
    for name in sorted({*(said if isinstance(said, dict) else ()), *topics}):
        tally.seen(_disagreement(name, record.topic(name), topics.get(name), stated))
    return tally.check()


def _disagreement(
    name: str,
    entry: Mapping[str, Any],
    figures: TopicFigures | None,
    stated: Mapping[str, Sequence[FrameRecord]],
) -> Failure | None:
    if not entry:
        return Failure(name, 'is in the bag and not on record')
    if figures is None:
        return Failure(name, 'is on record and not in the bag')
    pairs: list[tuple[str, Any]] = [('type', figures.msgtype), ('count', figures.count_in)]
    if figures.role == 'anonymized':
        frames = by_message(stated[name])
        inside = any(frame.image is not None for frame in frames)
        copied = entry.get('copied', 0) if entry.get('asked') and not inside else 0
        judged = figures.count_in - copied
        if len(frames) != judged:
            what = f'has {judged} messages to be judged and {len(frames)} lines on record'
            return Failure(name, what)
        statuses = Counter(frame.status for frame in frames)
        names = ('anonymized', 'untouched', 'blacked_out', 'dropped')
        pairs += [(status, statuses[status]) for status in names]
    for key, value in pairs:
        if entry.get(key, 0) != value:
            return Failure(name, f'{key} is {value}; the record says {entry.get(key)}')
    return None


def contradiction(said: FrameRecord, message: BagMessage, index: int) -> Failure | None:
    """What is wrong with a statement about a message by itself, or None."""
    name = message.topic.name
    if said.time_ns != message.time_ns:
        return Failure(name, f'is on record at time {said.time_ns}', index, message.time_ns)
    if (said.status == 'anonymized') != bool(said.regions):
        what = f'is on record as {said.status} with {len(said.regions)} regions'
        return Failure(name, what, index, said.stamp_ns)
    return None
