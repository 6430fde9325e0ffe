"""What became of a bag, for people and as anonymization.json."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anonymizer_node import __version__
from anonymizer_node.core.datatypes import STATUSES, Outcome
from anonymizer_node.core.words import counted
from anonymizer_node.offline.plan import TopicPlan

REPORT_NAME = 'anonymization.json'
REGIONS_NAME = 'regions.jsonl'
ENDINGS = ('copied', *STATUSES)
"""What can become of a message."""


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
        removed: From how many frames what was taken out that no detector sees, in words.
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
    removed: Counter[str] = field(default_factory=Counter)

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
        if outcome.removed:
            self.removed[outcome.removed] += 1

    def remarks(self) -> list[str]:
        """What isn't as it was in the source, beside the regions, as sentences."""
        return self.notes + [
            f'Removed from {counted(count, "frames")}, as nobody would have looked at it: {what}.'
            for what, count in self.removed.items()
        ]


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
        attachments: What was asked for the attachments: `copy`, `drop` or ''.
        seal: SHA-256 of it as it is written, see `sealed`; '' before.
        reused: Whether all that was detected is an earlier run's. It isn't written: the same bag,
            models and settings give the same bytes, whatever went before.
    """

    source: str
    models: list[dict[str, str]]
    settings: dict[str, Any]
    topics: dict[str, TopicReport] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attachments: str = ''
    seal: str = ''
    reused: bool = False

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
            'attachments': self.attachments,
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
                    'removed': dict(topic.removed),
                }
                for name, topic in self.topics.items()
            },
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> BagReport:
        """What `as_dict` made, or `sealed`.

        Raises:
            KeyError, TypeError, AttributeError: If it isn't that.
        """
        topics = {
            name: TopicReport(
                msgtype=topic['type'],
                action=topic['action'],
                reason=topic['reason'],
                asked=topic['asked'],
                count=topic['count'],
                statuses=Counter({status: topic[status] for status in ENDINGS if topic[status]}),
                causes=Counter(topic['causes']),
                reasons=dict(topic['reasons']),
                people=topic['most_people'],
                regions=topic['regions'],
                notes=list(topic['notes']),
                removed=Counter(topic['removed']),
            )
            for name, topic in told['topics'].items()
        }
        return cls(
            told['source'],
            list(told['models']),
            dict(told['settings']),
            topics,
            list(told['losses']),
            list(told['notes']),
            told['attachments'],
            told.get('digests', {}).get(REPORT_NAME, ''),
        )


def sealed(report: BagReport, regions: bytes) -> dict[str, Any]:
    """A report for JSON with the digests that hold it and the regions together.

    Whoever changes one of the two files has to change the seal, which is told when the bag is made
    and may be kept elsewhere.

    Args:
        report: Of a bag that is written.
        regions: SHA-256 of `REGIONS_NAME`.
    """
    said = {**report.as_dict(), 'digests': {REGIONS_NAME: regions.hex()}}
    text = json.dumps(said, sort_keys=True, separators=(',', ':'))
    report.seal = said['digests'][REPORT_NAME] = hashlib.sha256(text.encode()).hexdigest()
    return said


def begun(
    plans: Sequence[TopicPlan],
    source: str,
    models: list[dict[str, str]],
    settings: dict[str, Any],
) -> tuple[BagReport, dict[int, TopicReport]]:
    """The report of a run that begins, and the entries in it by `Topic.key`."""
    report = BagReport(source, models, settings)
    entries: dict[int, TopicReport] = {}
    for item in plans:
        name, msgtype = item.topic.name, item.topic.msgtype
        if name in report.topics and report.topics[name].msgtype != msgtype:
            name = f'{name} ({msgtype})'
        entry = report.topics.setdefault(
            name, TopicReport(msgtype, item.action, item.reason, item.asked)
        )
        entry.count += item.topic.count
        entries[item.topic.key] = entry
    return report, entries


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
