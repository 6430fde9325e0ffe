"""Which frames of a bag are exported, and what became of them, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from anonymizer_node import __version__
from anonymizer_node.core.errors import ConfigError


@dataclass(frozen=True)
class Choice:
    """Which frames to export.

    Attributes:
        topics: Of these topics; empty: of all that hold anonymised images.
        every: Of each topic every n-th.
        interval_s: Of each topic one in so many seconds of the recording, in place of `every`.

    Raises:
        ConfigError: If a number is out of bounds, or both are given.
    """

    topics: tuple[str, ...] = ()
    every: int = 1
    interval_s: float = 0.0

    def __post_init__(self) -> None:
        if self.every < 1 or not 0 <= self.interval_s < float('inf'):
            raise ConfigError(
                f'every {self.every} or interval {self.interval_s:g} s is out of bounds; give '
                'every from 1 on, or an interval above 0 s.'
            )
        if self.every > 1 and self.interval_s:
            raise ConfigError('Give every or an interval, not both.')


@dataclass
class TopicExport:
    """What was exported of one topic.

    Attributes:
        msgtype: Such as 'sensor_msgs/msg/Image'.
        count: Messages in the bag.
        exported: Pictures.
        regions: Labels on them.
        black: Frames passed over as they were blacked out: they show nothing.
        failed: Frames that could not be read, by cause.
        calibration: File of its camera_info, or ''.
        notes: What else is to be said.
    """

    msgtype: str
    count: int
    exported: int = 0
    regions: int = 0
    black: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    calibration: str = ''
    notes: list[str] = field(default_factory=list)


@dataclass
class Export:
    """What was exported of a bag; written as `EXPORT_NAME`.

    Attributes:
        source: Name of the bag.
        anonymized: Whether the bag's own record says that it was; else somebody vouched for it.
        category: What the labels are called.
        choice: Which frames.
        topics: By name; a second type on one name is `NAME (TYPE)`.
        left_out: Topics with images that were not exported -> why.
    """

    source: str
    anonymized: bool
    category: str
    choice: Choice
    topics: dict[str, TopicExport] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether every frame that was chosen is there."""
        return not any(topic.failed for topic in self.topics.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'tool': 'anonymizer_node',
            'version': __version__,
            'source': self.source,
            'anonymized': self.anonymized,
            'clean': self.clean,
            'category': self.category,
            'every': self.choice.every,
            'interval_s': self.choice.interval_s,
            'topics': {name: vars(topic) for name, topic in self.topics.items()},
            'left_out': self.left_out,
        }


def remarks_of(export: Export) -> Iterator[str]:
    """What is to be said of an export beside its figures."""
    for name, topic in export.topics.items():
        for reason, count in topic.failed.items():
            yield f'{name}: {count} frames could not be read: {reason}'
        for note in topic.notes:
            yield f'{name}: {note}'
    for name, why in export.left_out.items():
        yield f'{name} is not exported: {why}'
