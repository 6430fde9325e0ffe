"""Anonymises a recorded bag."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from anonymizer_node import __version__
from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import STATUSES, Outcome
from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.core.pipeline import Detector, Pipeline
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.bags import BagMessage, BagReader, BagWriter
from anonymizer_node.formats.image_codecs import CODECS, stamp_ns
from anonymizer_node.offline import clouds
from anonymizer_node.offline.inside import lines_of, process_inside
from anonymizer_node.offline.output import Output, carry_over, scratch_beside
from anonymizer_node.offline.plan import POINT_CLOUD, TopicPlan, plan, readable

REPORT_NAME = 'anonymization.json'
REGIONS_NAME = 'regions.jsonl'
ENDINGS = ('copied', *STATUSES)
"""What can become of a message."""

Progress = Callable[[int, int], None]
"""(messages done, messages in all)."""


@dataclass
class TopicReport:
    """What became of one topic's messages.

    Attributes:
        msgtype: Such as 'sensor_msgs/msg/Image'.
        action: `anonymize`, `copy` or `drop`.
        reason: Why that action.
        asked: Whether the user named the action.
        count: Messages in the source.
        statuses: How many ended with which status of `core.datatypes.STATUSES`, or `copied`.
        causes: How many were dropped or blacked out for which cause.
        reasons: The first reason of each cause, as a sentence.
        people: Most people detected in one frame.
        regions: Regions obscured over all frames.
        notes: What the codec had to say, each once.
    """

    msgtype: str
    action: str
    reason: str
    asked: bool = False
    count: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    people: int = 0
    regions: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Messages that the source declares and that weren't read; below 0 if there were more."""
        return self.count - sum(self.statuses.values())

    def add(self, outcome: Outcome) -> None:
        """Count one frame."""
        self.statuses[outcome.status] += 1
        self.regions += len(outcome.regions)
        if outcome.detections is not None:
            self.people = max(self.people, len(outcome.detections))
        if outcome.cause:
            self.causes[outcome.cause] += 1
            self.reasons.setdefault(outcome.cause, outcome.reason)
        if outcome.note and outcome.note not in self.notes:
            self.notes.append(outcome.note)


@dataclass
class BagReport:
    """What became of a bag; written as anonymization.json.

    Attributes:
        source: Name of the input.
        models: name, sha256, family (and how it was told) and provider of each detector.
        settings: In force.
        topics: By name; a second type on one name is a topic of its own, `NAME (TYPE)`.
        losses: What of the bag as a whole was lost unasked.
        notes: What isn't as it was in the source, of the bag as a whole.
    """

    source: str
    models: list[dict[str, str]]
    settings: dict[str, Any]
    topics: dict[str, TopicReport] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether all was read, every frame came through and nothing was left out unasked."""
        return not self.losses and not any(
            topic.causes
            or topic.missing
            or (topic.action == 'drop' and not topic.asked and topic.count)
            for topic in self.topics.values()
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'tool': 'anonymizer_node',
            'version': __version__,
            'source': self.source,
            'clean': self.clean,
            'models': self.models,
            'settings': self.settings,
            'losses': self.losses,
            'notes': self.notes,
            'topics': {
                name: {
                    'type': topic.msgtype,
                    'action': topic.action,
                    'reason': topic.reason,
                    'asked': topic.asked,
                    'count': topic.count,
                    'missing': topic.missing,
                    **{status: topic.statuses[status] for status in ENDINGS},
                    'causes': dict(topic.causes),
                    'reasons': topic.reasons,
                    'most_people': topic.people,
                    'regions': topic.regions,
                    'notes': topic.notes,
                }
                for name, topic in self.topics.items()
            },
        }


def anonymize_bag(
    source: Path,
    target: Path,
    settings: Settings,
    detectors: Sequence[Detector] = (),
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    output: Output | None = None,
    planned: Callable[[Sequence[TopicPlan]], None] | None = None,
) -> BagReport:
    """Copy a bag with the people in its images obscured.

    Args:
        source: A rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file; only read. One that
            broke off is read up to the break, and the report's losses say so.
        target: A directory that doesn't exist yet. It appears when all of it is written.
        settings: How.
        detectors: In place of those that the settings name, as many.
        progress: Called after every message.
        notice: Gets sentences for the user while the model is loaded.
        output: How the target is packed, by default as the source is.
        planned: Gets the plan before any work is done on it.

    Returns:
        What became of every topic; also in the target as `REPORT_NAME`, with the regions of every
        frame in `REGIONS_NAME`.

    Raises:
        InputError: If the source can't be read, or the target exists; no target is left then.
        ConfigError: If the settings don't fit the bag.
        ModelError: If the model can't be used.
    """
    check_apart(source, target)
    output = output or Output()
    with BagReader(source, scratch_beside(target)) as reader:
        packing = output.packing(reader)
        plans = plan(reader, settings)
        if planned is not None:
            planned(plans)
        detectors = detectors or load_detectors(settings, notice)
        job = _Job(reader, plans, Pipeline(settings, detectors), source.name)
        with BagWriter.like(reader, target, packing) as writer:
            job.run(writer, output, progress)
    return job.report


def check_apart(source: Path, target: Path) -> None:
    """Refuse a target that is the source or lies in it.

    Raises:
        InputError: Of such a target.
    """
    inside = target.resolve()
    whole = source.resolve()
    if whole.is_file() and (whole.parent / 'metadata.yaml').exists():
        whole = whole.parent
    if whole in (inside, *inside.parents):
        raise InputError(f'The target {str(target)!r} is the source or lies in it; name another.')


class _Job:
    """One bag's run: its counters and where each topic goes."""

    def __init__(
        self, reader: BagReader, plans: list[TopicPlan], pipeline: Pipeline, source: str
    ) -> None:
        self._reader = reader
        self._plans = {item.topic.key: item for item in plans}
        self._pipeline = pipeline
        models = [described(detector) for detector in pipeline.detectors]
        self.report = BagReport(source, models, pipeline.settings.as_dict())
        self._entries: dict[int, TopicReport] = {}
        for item in plans:
            name, msgtype = item.topic.name, item.topic.msgtype
            if name in self.report.topics and self.report.topics[name].msgtype != msgtype:
                name = f'{name} ({msgtype})'
            entry = self.report.topics.setdefault(
                name, TopicReport(msgtype, item.action, item.reason, item.asked)
            )
            entry.count += item.topic.count
            self._entries[item.topic.key] = entry

    def run(self, writer: BagWriter, output: Output, progress: Progress | None) -> None:
        """Read every message once and write what may be written."""
        targets = {
            key: writer.add_like(item.topic)
            for key, item in self._plans.items()
            if item.action != 'drop'
        }
        with (writer.folder / REGIONS_NAME).open('w', encoding='utf-8') as regions:
            for done, message in enumerate(self._reader.messages(), 1):
                data = self._passed(message, regions)
                if data is not None:
                    writer.write(targets[message.topic.key], message.time_ns, data, like=message)
                if progress is not None:
                    progress(done, self._reader.count)
        remarks = carry_over(self._reader, writer, output)
        self.report.losses += remarks.losses
        self.report.notes += remarks.notes
        report = json.dumps(self.report.as_dict(), indent=2)
        (writer.folder / REPORT_NAME).write_text(report + '\n', encoding='utf-8')

    def _passed(self, message: BagMessage, regions: TextIO) -> bytes | bytearray | None:
        """What to write for a message, or None."""
        topic = message.topic
        entry = self._entries[topic.key]
        planned = self._plans[topic.key]
        if planned.action == 'drop':
            entry.statuses['dropped'] += 1
            return None
        if planned.action == 'copy' and not (readable(topic) or planned.places):
            why = ''
            if topic.msgtype == POINT_CLOUD and not planned.asked:
                why = clouds.why_picture(self._reader, message)
            if why:
                entry.add(Outcome('dropped', cause=clouds.CAUSE, reason=why))
                return None
            entry.statuses['copied'] += 1
            return message.data
        index = sum(entry.statuses.values())
        if planned.places:
            processed = process_inside(
                self._pipeline,
                self._reader,
                message,
                planned.places,
                vouched=planned.action == 'copy',
            )
            entry.add(processed.outcome)
            for part in lines_of(processed):
                about = {'topic': topic.name, 'type': topic.msgtype, 'index': index}
                regions.write(json.dumps({**about, 'time_ns': message.time_ns, **part}) + '\n')
            return processed.data
        outcome, stamp, data = self._anonymized(message)
        if planned.action == 'copy' and outcome.cause == 'encoding':
            # Its owner vouches for what can't be read; what can be is anonymised all the same.
            outcome, data = Outcome('copied'), message.data
        entry.add(outcome)
        line = {
            'topic': topic.name,
            'type': topic.msgtype,
            'index': index,
            'time_ns': message.time_ns,
            'stamp_ns': stamp,
            'status': outcome.status,
            'regions': [list(region) for region in outcome.regions],
            'cause': outcome.cause,
            'note': outcome.note,
        }
        regions.write(json.dumps(line) + '\n')
        return data

    def _anonymized(
        self, message: BagMessage
    ) -> tuple[Outcome, int | None, bytes | bytearray | None]:
        """The outcome, the header's time, and the bytes to write."""
        topic = message.topic
        buffer = bytearray(message.data)
        codec = _Deserialising(self._reader, topic.msgtype)
        outcome = self._pipeline.process(buffer, codec, topic.name)
        if outcome.message is None:
            return outcome, codec.stamp, None
        if outcome.status == 'untouched':
            return outcome, codec.stamp, message.data
        return outcome, codec.stamp, codec.serialised(outcome.message, message.data)


class _Deserialising:
    """The codec of a message type, for messages that are still bytes.

    It is made for one message, so that a message that can't be deserialised fails inside the
    pipeline like every other frame that can't be read.
    """

    def __init__(self, reader: BagReader, msgtype: str) -> None:
        self._reader = reader
        self._msgtype = msgtype
        self._codec = CODECS[msgtype]
        self._buffer = bytearray()
        self._message: Any = None
        self._pixels: Any = None
        self.stamp: int | None = None

    def decode(self, message: bytearray, source: str, least_size: int) -> Any:
        """See `Codec.decode`; `message` is CDR."""
        self._buffer = message
        self._message = self._reader.decode(self._msgtype, message)
        self._pixels = self._message.data
        self.stamp = stamp_ns(self._message)
        return self._codec.decode(self._message, source, least_size)

    def redact(self, message: bytearray, *args: Any) -> Any:
        """See `Codec.redact`; the result holds the deserialised message."""
        return self._codec.redact(self._message, *args)

    def blacked_out(self, message: bytearray) -> Any:
        """See `Codec.blacked_out`."""
        if self._message is None:
            raise FrameError('Without a readable message its size and encoding are unknown.')
        return self._codec.blacked_out(self._message)

    def serialised(self, message: Any, like: bytes) -> bytes | bytearray:
        """The message in CDR: the edited buffer itself if its pixels were edited in place.

        They were only if they lie in it: rosbags copies what isn't in this machine's byte order.
        """
        buffer = np.frombuffer(self._buffer, np.uint8)
        if message.data is self._pixels and np.may_share_memory(message.data, buffer):
            return self._buffer
        return self._reader.encode(self._msgtype, message, like)


def described(detector: Any) -> dict[str, str]:
    """What a report says of a detector."""
    model = getattr(detector, 'model', None)
    return {
        'name': getattr(model, 'name', type(detector).__name__),
        'sha256': getattr(model, 'sha256', ''),
        'family': getattr(detector, 'family', ''),
        'family_reason': getattr(detector, 'family_reason', ''),
        'provider': getattr(detector, 'provider', ''),
    }
