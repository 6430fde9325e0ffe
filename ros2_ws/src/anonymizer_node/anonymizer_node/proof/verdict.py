"""What a check of the laws says: data, and the counters that it is made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from anonymizer_node.core.words import counted

LAWS: Mapping[int, str] = {
    1: 'Fail closed',
    2: 'Nothing else changes',
    3: 'What is hidden stays hidden',
    4: 'No silent loss',
}

MOST_FAILURES = 5
"""Failures kept of each check; the rest are counted."""


@dataclass(frozen=True)
class Failure:
    """One thing that broke a law.

    Attributes:
        topic: As named in the target, or in the source where the target doesn't have it.
        what: What is wrong, in words.
        index: Position among the topic's messages in the bag it was found in; None if it isn't
            about one message.
        stamp_ns: Time of the message's header, or of its recording if it has none, nanoseconds.
    """

    topic: str
    what: str
    index: int | None = None
    stamp_ns: int | None = None

    def __str__(self) -> str:
        where = self.topic
        if self.index is not None:
            where += f' #{self.index}'
        if self.stamp_ns is not None:
            where += f' at {self.stamp_ns / 1e9:.3f} s'
        return f'{where}: {self.what}' if where else self.what


@dataclass(frozen=True)
class Check:
    """One statement about a recording, and whether it holds.

    Attributes:
        name: Short and stable, for scripts.
        law: Key of `LAWS`.
        statement: What holds if it passed, in plain words.
        passed: Whether it holds.
        checked: How many things were looked at.
        unit: What they are.
        failed: How many of them broke it.
        failures: The first few.
        detail: Figures or remarks, or ''.
        warning: Whether a failure was to be expected and is stated in the record. What the check
            states could not be shown all the same, so the verdict doesn't pass.
    """

    name: str
    law: int
    statement: str
    passed: bool
    checked: int
    unit: str
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    detail: str = ''
    warning: bool = False

    @property
    def state(self) -> str:
        """`passed`, `failed`, `warning`, or `empty` where there was nothing to look at."""
        if not self.passed:
            return 'warning' if self.warning else 'failed'
        return 'passed' if self.checked else 'empty'

    @property
    def looked_at(self) -> str:
        """How many of what were looked at."""
        return counted(self.checked, self.unit)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'name': self.name,
            'law': self.law,
            'statement': self.statement,
            'state': self.state,
            'checked': self.checked,
            'unit': self.unit,
            'failed': self.failed,
            'failures': [asdict(failure) for failure in self.failures],
            'detail': self.detail,
        }


class Moment(NamedTuple):
    """One image message, for the timeline.

    Attributes:
        time_ns: When it was recorded.
        stamp_ns: Time of its header; None if it could not be read.
        status: As in `core.datatypes.STATUSES`, or `unpublished`: recorded, but nothing came out.
        regions: How many regions were obscured in it.
        share: How much of the picture they take, 0..1.
        position: Of its output among the messages of that topic and type; -1 if it isn't known.
        people: How many people were found in it, by the record; None if that doesn't say.
        score: Of the one who was found least surely, by the record, 0..1; None likewise.
        image: Where in the message that image is, such as 'left'; '' if the message is one.
        sound: Whether nothing was found wrong with it. Of one that isn't, the output may show
            what it shouldn't.
    """

    time_ns: int
    stamp_ns: int | None
    status: str
    regions: int
    share: float
    position: int = -1
    people: int | None = None
    score: float | None = None
    image: str = ''
    sound: bool = True


@dataclass
class TopicFigures:
    """What was found about one topic.

    Attributes:
        name: In the source.
        output: In the target; '' if it isn't there.
        msgtype: Such as 'sensor_msgs/msg/Image'.
        role: `anonymized`, `copied`, `left out`, or `not recorded` (live only).
        count_in: Messages in the source.
        count_out: Messages in the target.
        statuses: Image frames by status.
        regions: Regions obscured in all frames.
        causes: Why frames were dropped or blacked out.
        reason: Why the topic was left out or copied, if the record says.
        vouched: Messages that were copied because their owner said so, and are not anonymised.
        moments: Every image message in the order of the source.
    """

    name: str
    output: str
    msgtype: str
    role: str
    count_in: int = 0
    count_out: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    regions: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    reason: str = ''
    vouched: int = 0
    moments: list[Moment] = field(default_factory=list, repr=False)

    def add(self, moment: Moment) -> None:
        """Count one image message."""
        self.moments.append(moment)
        self.statuses[moment.status] = self.statuses.get(moment.status, 0) + 1
        self.regions += moment.regions

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the moments."""
        values = dict(vars(self))
        values.pop('moments')
        return values


@dataclass(frozen=True)
class Verdict:
    """The whole answer.

    Attributes:
        source: Path of the input.
        target: Path of the output.
        prefix: Of the output topics in a live recording; '' for an anonymised bag.
        checks: In the order of the laws.
        topics: By name in the source.
        record: The target's anonymization.json, or {}.
        second: What a second detector saw, see `proof.second`; {} if none was asked.
    """

    source: str
    target: str
    prefix: str
    checks: tuple[Check, ...]
    topics: Mapping[str, TopicFigures]
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)
    second: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def passed(self) -> bool:
        """Whether every law could be shown to hold."""
        return all(check.passed for check in self.checks)

    @property
    def vouched(self) -> str:
        """The topics of which something is not anonymised, on their owner's word; '' if none."""
        return vouched_for(self.topics.values())

    def check(self, name: str) -> Check:
        """The check of a name.

        Raises:
            KeyError: If there is none.
        """
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f'{name!r} is no check; there are {[item.name for item in self.checks]}.')

    def failed(self) -> list[str]:
        """Names of the checks whose statement could not be shown."""
        return [check.name for check in self.checks if not check.passed]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'passed': self.passed,
            'source': self.source,
            'target': self.target,
            'prefix': self.prefix,
            'checks': [check.as_dict() for check in self.checks],
            'second_detector': dict(self.second),
            'topics': {name: topic.as_dict() for name, topic in self.topics.items()},
        }


def vouched_for(topics: Iterable[TopicFigures]) -> str:
    """In words, of which topics something was copied because their owner said so; '' if none."""
    return ', '.join(
        f'{topic.name} ({topic.vouched:,} of {topic.count_in:,} messages)'
        for topic in topics
        if topic.vouched
    )


class Tally:
    """Counts towards one check."""

    def __init__(
        self, name: str, law: int, statement: str, unit: str, warning: bool = False
    ) -> None:
        self.name = name
        self.law = law
        self.statement = statement
        self.unit = unit
        self.warning = warning
        self.checked = 0
        self.failed = 0
        self.failures: list[Failure] = []
        self.detail = ''

    def seen(self, problem: Failure | None = None) -> None:
        """One thing was looked at; a problem says that it broke the statement."""
        self.checked += 1
        if problem is not None:
            self.fail(problem)

    def fail(self, problem: Failure) -> None:
        """Something broke the statement that isn't one more thing looked at."""
        self.failed += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(problem)

    def check(self) -> Check:
        """The result."""
        return Check(
            self.name,
            self.law,
            self.statement,
            not self.failed,
            self.checked,
            self.unit,
            self.failed,
            tuple(self.failures),
            self.detail,
            self.warning,
        )
