"""What became of photos and videos, for people and as anonymization.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anonymizer_node import __version__
from anonymizer_node.offline.report import ENDINGS, TopicReport

PHOTO, VIDEO, OTHER = 'photo', 'video', 'other'


@dataclass
class FileReport:
    """What became of one file.

    Attributes:
        kind: `PHOTO`, `VIDEO` or `OTHER`.
        left_out: Why it is not there, or ''.
        asked: Whether the user asked for its being left out.
        how: How it was written, in words.
        frames: What became of its pictures.
        losses: What was lost of it unasked.
        notes: What isn't as it was.
    """

    kind: str
    left_out: str = ''
    asked: bool = False
    how: str = ''
    frames: TopicReport = field(default_factory=lambda: TopicReport('', 'anonymize', ''))
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether it is there with all its pictures, or not asked for."""
        left_out = bool(self.left_out) and not self.asked
        return not (left_out or self.losses or self.frames.causes or self.frames.missing)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        frames = self.frames
        return {
            'kind': self.kind,
            'left_out': self.left_out,
            'asked': self.asked,
            'how': self.how,
            'count': frames.count,
            'missing': frames.missing,
            **{status: frames.statuses[status] for status in ENDINGS},
            'causes': dict(frames.causes),
            'reasons': frames.reasons,
            'most_people': frames.people,
            'regions': frames.regions,
            'losses': self.losses,
            'notes': [*self.notes, *frames.remarks()],
        }


@dataclass
class MediaReport:
    """What became of all of them; written as anonymization.json.

    Attributes:
        source: Name of the input.
        models: As in `BagReport`.
        settings: In force.
        files: By path in the source.
    """

    source: str
    models: list[dict[str, str]]
    settings: dict[str, Any]
    files: dict[str, FileReport] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or left out unasked."""
        return all(file.clean for file in self.files.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'tool': 'anonymizer_node',
            'version': __version__,
            'source': self.source,
            'clean': self.clean,
            'models': self.models,
            'settings': self.settings,
            'files': {name: file.as_dict() for name, file in self.files.items()},
        }
