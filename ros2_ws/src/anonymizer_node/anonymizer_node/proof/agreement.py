"""The two files on record against each other, and against what was counted in the bags."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anonymizer_node.core.datatypes import STATUSES
from anonymizer_node.formats.bags import BagMessage
from anonymizer_node.proof.inside import by_message
from anonymizer_node.proof.record import (
    COPIED,
    REGIONS_NAME,
    REPORT_NAME,
    FrameRecord,
    Record,
)
from anonymizer_node.proof.verdict import Check, Failure, Tally, TopicFigures

_LOST = ('dropped', 'blacked_out')
_ACTIONS = {'anonymized': 'anonymize', 'copied': 'copy', 'left out': 'drop'}
"""What was done with topics of a role that nobody asked anything for."""


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
        tally.seen(_disagreement(record, name, topics.get(name), stated))
    of_images = [name for name, item in topics.items() if item.role == 'anonymized']
    lines = sum(len(frames) for frames in record.frames.values())
    strays = lines - sum(len(stated[name]) for name in of_images)
    if strays > 0:
        tally.fail(Failure('', f'{strays} lines of {REGIONS_NAME} are about no image of the bag'))
    return tally.check()


def _disagreement(
    record: Record,
    name: str,
    figures: TopicFigures | None,
    stated: Mapping[str, Sequence[FrameRecord]],
) -> Failure | None:
    entry = record.topic(name)
    if not entry:
        return Failure(name, 'is in the bag and not on record')
    if figures is None:
        return Failure(name, 'is on record and not in the bag')
    asked = record.asked_for(name.split(' ', 1)[0])
    vouched = asked in ('copy', 'drop')
    pairs: list[tuple[str, Any]] = [
        ('type', figures.msgtype),
        ('count', figures.count_in),
        ('missing', 0),
        ('asked', vouched),
        ('action', asked if vouched else _ACTIONS[figures.role]),
    ]
    frames: Sequence[FrameRecord] = ()
    if figures.role == 'anonymized':
        frames = stated[name]
        messages = by_message(frames)
        if len(messages) != figures.count_in:
            what = f'has {figures.count_in} messages to be judged, and {len(messages)} on record'
            return Failure(name, what)
        lost = [message for message in messages if message.status in _LOST]
        if any(not message.cause for message in lost) or any(
            message.cause for message in messages if message.status not in _LOST
        ):
            return Failure(name, 'has frames that were lost without a cause, or have one unlost')
        statuses = Counter(message.status for message in messages)
        causes = dict(Counter(message.cause for message in messages if message.cause))
    else:
        # Whether as many are there is told by the messages themselves.
        causes = figures.causes if figures.role == 'copied' else {}
        dropped = sum(causes.values()) if figures.role == 'copied' else figures.count_in
        statuses = Counter({COPIED: figures.count_in - dropped, 'dropped': dropped})
    pairs += [(status, statuses[status]) for status in (COPIED, *STATUSES)]
    pairs += [('causes', causes), ('regions', sum(len(frame.regions) for frame in frames))]
    pairs.append(('most_people', _most_people(frames)))
    if 'removed' in entry:
        pairs.append(('removed', _removed(frames)))
    for key, value in pairs:
        if entry.get(key, 0) != value:
            return Failure(name, f'{key} is {value}; the record says {entry.get(key)}')
    return None


def _most_people(frames: Sequence[FrameRecord]) -> int:
    """Most people in one message."""
    sums = (sum(frame.people or 0 for frame in item) for item in _of_messages(frames))
    return max(sums, default=0)


def _removed(frames: Sequence[FrameRecord]) -> dict[str, int]:
    """From how many messages what was taken out that no detector sees."""
    found: Counter[str] = Counter()
    for item in _of_messages(frames):
        words = ', '.join(dict.fromkeys(frame.removed for frame in item if frame.removed))
        found.update([words] if words else [])
    return dict(found)


def _of_messages(frames: Sequence[FrameRecord]) -> Iterable[list[FrameRecord]]:
    """The statements about the images in each message together."""
    messages: dict[tuple[int, int], list[FrameRecord]] = {}
    for number, frame in enumerate(frames):
        one = (frame.position, 0) if frame.image is not None else (-1, number)
        messages.setdefault(one, []).append(frame)
    return messages.values()


def check_run(record: Record, unread: Sequence[str] = ()) -> Check:
    """Whether the run that made an output says that it lost something.

    Args:
        record: Of the output.
        unread: What of the input can't be read, as sentences.
    """
    tally = Tally(
        'run-clean',
        4,
        'The run lost nothing: all of the input was read, no frame failed, and no topic was left '
        'out that its owner did not name.',
        'statements on record',
        warning=True,
    )
    summary = record.summary
    losses, topics = summary.get('losses'), summary.get('topics')
    for loss in losses if isinstance(losses, list) else [losses] if losses else []:
        tally.fail(Failure('', f'was lost: {loss}'))
    for loss in () if losses else unread:
        tally.fail(Failure('', f'of the input, and not on record: {loss}'))
    for name in topics if isinstance(topics, dict) else ():
        problem = _loss_of(record.topic(name))
        tally.seen(Failure(name, problem) if problem else None)
    if summary:
        clean = summary.get('clean')
        tally.checked += 1
        if clean is not (not tally.failed):
            what = 'something was lost' if tally.failed else 'nothing was lost by its figures'
            tally.fail(Failure('', f'{REPORT_NAME} says clean: {json.dumps(clean)}, and {what}'))
    return tally.check()


def _loss_of(entry: Mapping[str, Any]) -> str:
    """What of a topic was lost by its entry in the record, or ''."""
    causes = entry.get('causes')
    if causes:
        return f'failed and were dropped or blacked out, by cause: {causes}'
    if entry.get('missing'):
        return f'{entry["missing"]} messages that the input declares were not found'
    if entry.get('action') == 'drop' and entry.get('asked') is not True and entry.get('count'):
        return f'was left out unasked: {entry.get("reason")}'
    return ''


def contradiction(
    said: FrameRecord, message: BagMessage, index: int, least_sightings: int = 1
) -> Failure | None:
    """What is wrong with a statement about a message by itself, or None.

    Args:
        said: The statement.
        message: That it is about.
        index: Of the message among those of its topic.
        least_sightings: Setting on record: above 1, who was seen less often isn't obscured.
    """
    name = message.topic.name
    if said.position not in (-1, index):
        return Failure(name, f'is on record as #{said.position}', index, message.time_ns)
    if said.time_ns != message.time_ns:
        return Failure(name, f'is on record at time {said.time_ns}', index, message.time_ns)
    if said.status == COPIED and said.image is None:
        return Failure(name, 'is on record as copied, and nobody asked for it', index)
    found = bool(said.people) or said.score is not None
    if said.status == 'untouched' and found and least_sightings <= 1:
        what = f'is on record as untouched, with {said.people} people in it'
        return Failure(name, what, index, said.stamp_ns)
    if (said.status == 'anonymized') != bool(said.regions):
        what = f'is on record as {said.status} with {len(said.regions)} regions'
        return Failure(name, what, index, said.stamp_ns)
    return None
