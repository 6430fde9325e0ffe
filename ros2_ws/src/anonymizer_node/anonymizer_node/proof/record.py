"""What an output says of itself: anonymization.json and regions.jsonl, or the markers of a node.

None of it is believed; it is what the pixels are held against.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from anonymizer_node.core.datatypes import STATUSES, Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.detections import DEFINITIONS, DETECTIONS, stated

COPIED = 'copied'
REPORT_NAME = 'anonymization.json'
REGIONS_NAME = 'regions.jsonl'
MARKER = 'visualization_msgs/msg/ImageMarker'
_CODED = re.compile(r'[A-Za-z0-9+/_-]{300}')
"""Characters in one run that are no word: SHA-256 are 64 long, the names of files up to 255."""

_KEYS = frozenset(
    {
        *('topic', 'type', 'index', 'time_ns', 'stamp_ns', 'status', 'regions', 'people'),
        *('least_score', 'cause', 'note', 'image', 'removed'),
    }
)
POINTS_PER_REGION = 8
"""A marker draws four edges of two points each."""

Markers = Mapping[str, Mapping[int, Sequence[Region]]]
"""Output topic -> header stamp, nanoseconds -> regions. Under '' are the stamps of frames without
regions of which the topic isn't told."""


class FrameRecord(NamedTuple):
    """What was stated of one image message.

    Attributes:
        topic: Name.
        time_ns: When it was recorded, nanoseconds.
        stamp_ns: Time of its header; None if it could not be read.
        status: As in `core.datatypes.STATUSES`, or `COPIED`.
        regions: What was obscured.
        cause: Why it was dropped or blacked out.
        note: How it was done, if there is something to know; None if the record doesn't say.
        msgtype: Such as 'sensor_msgs/msg/Image'; '' if the record doesn't say.
        position: Of the message among those of its topic.
        image: Which of the images in the message; None if the message is one.
        people: How many people were found in it; None if the record doesn't say.
        score: Of the one who was found least surely, 0..1; None likewise.
        removed: What was taken out of it that no detector sees, in words.
    """

    topic: str
    time_ns: int
    stamp_ns: int | None
    status: str
    regions: tuple[Region, ...]
    cause: str = ''
    note: str | None = None
    msgtype: str = ''
    position: int = -1
    image: str | None = None
    people: int | None = None
    score: float | None = None
    removed: str = ''


@dataclass
class Record:
    """Everything that an output of `anonymize bag` states.

    Attributes:
        summary: anonymization.json, or {}.
        frames: Statements by topic, in the order of the bag.
        problems: Why the record can't be used as it should be.
        regions_sha256: Of regions.jsonl, hexadecimal; '' if there is none.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, list[FrameRecord]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    regions_sha256: str = ''

    @property
    def method(self) -> str:
        """How regions were obscured, or ''."""
        settings = self.summary.get('settings')
        return str(settings.get('method', '')) if isinstance(settings, dict) else ''

    @property
    def least_sightings(self) -> int:
        """How often somebody had to be seen to be obscured."""
        settings = self.summary.get('settings')
        least = settings.get('least_sightings', 1) if isinstance(settings, dict) else 1
        return least if isinstance(least, int) else 1

    def asked_for(self, topic: str) -> str:
        """What the settings on record ask for a topic, such as `copy`; or ''."""
        settings = self.summary.get('settings')
        entries = settings.get('topic_actions') if isinstance(settings, dict) else None
        asked = ''
        for entry in entries if isinstance(entries, list) else ():
            name, _, action = str(entry).partition('=')
            asked = action if name == topic else asked
        return asked

    def frames_of(self, topic: str, msgtype: str) -> list[FrameRecord]:
        """Statements about the messages of one type on a topic, in the order of the bag."""
        frames = self.frames.get(topic, [])
        return [frame for frame in frames if frame.msgtype in ('', msgtype)]

    def topic(self, name: str) -> dict[str, Any]:
        """What anonymization.json says of a topic, or {}; see `topics.labels` for names."""
        topics = self.summary.get('topics')
        entry = topics.get(name) if isinstance(topics, dict) else None
        return entry if isinstance(entry, dict) else {}

    @property
    def seal(self) -> str:
        """SHA-256 of anonymization.json without its own digest, which is the same if unaltered."""
        said = dict(self.summary)
        digests = said.get('digests')
        if isinstance(digests, dict):
            said['digests'] = {name: digests[name] for name in digests if name != REPORT_NAME}
        text = json.dumps(said, sort_keys=True, separators=(',', ':'))
        return hashlib.sha256(text.encode()).hexdigest()

    def reencoded(self, frame: FrameRecord) -> bool:
        """Whether a frame was decoded and encoded again, by its own note or its topic's."""
        said = self.topic(frame.topic).get('notes') if frame.note is None else frame.note
        words = str(said).lower()
        return any(word in words for word in ('anew', 're-encoded', 'reencoded', 'encoded again'))


def read_record(target: Path) -> Record:
    """The record in an output directory. What is absent or damaged is named in `problems`."""
    record = Record()
    coded: set[str] = set()
    folder = target if target.is_dir() else target.parent
    try:
        text = (folder / REPORT_NAME).read_text(encoding='utf-8')
        coded.update([REPORT_NAME] if _CODED.search(text) else [])
        summary = json.loads(text)
        if not isinstance(summary, dict):
            raise ValueError('it is no object')
        record.summary = summary
    except (OSError, ValueError) as error:
        record.problems.append(f'{REPORT_NAME} can not be read: {error}')
    try:
        digest = hashlib.sha256()
        with (folder / REGIONS_NAME).open('rb') as lines:
            for number, line in enumerate(lines, 1):
                digest.update(line)
                coded.update([REGIONS_NAME] if _CODED.search(line.decode('utf-8')) else [])
                _add(record, number, line.decode('utf-8'))
        record.regions_sha256 = digest.hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        record.problems.append(f'{REGIONS_NAME} can not be read: {error}')
    for name in sorted(coded):
        record.problems.append(f'{name} has characters that are no words but may be a picture')
    return record


def read_markers(reader: BagReader) -> tuple[dict[str, dict[int, list[Region]]], int]:
    """What a node stated live, and how many of its messages could not be read.

    Every ImageMarker in the bag counts whose namespace is a topic, and every Detection2DArray whose
    boxes have one for their id; two for one frame add up. Arrays without a box are believed only of
    topics on which every box names a topic: others are a simulator's, or another detector's.
    """
    markers: dict[str, dict[int, list[Region]]] = {}
    empty: dict[str, list[int]] = {}
    strangers: set[str] = set()
    unreadable = 0
    if not any(topic.msgtype in (MARKER, DETECTIONS) for topic in reader.topics):
        return markers, 0
    reader.teach(DEFINITIONS)
    for message in reader.messages():
        kind = message.topic.msgtype
        if kind not in (MARKER, DETECTIONS):
            continue
        try:
            said = reader.decode(kind, message.data)
            listed = stated_by(kind, said)
        except (FrameError, ValueError, OverflowError):
            unreadable += 1
            continue
        teller = message.topic.name
        for topic, region in listed:
            if topic.startswith('/'):
                regions = markers.setdefault(topic, {}).setdefault(stamp_ns(said), [])
                regions.extend([] if region is None else [region])
            elif kind == DETECTIONS and region is not None:
                strangers.add(teller)
            elif not topic:
                empty.setdefault(teller, []).append(stamp_ns(said))
    for teller, stamps in empty.items():
        if teller not in strangers:
            markers.setdefault('', {}).update((stamp, []) for stamp in stamps)
    return markers, unreadable


def stated_by(msgtype: str, message: Any) -> list[tuple[str, Region | None]]:
    """Topic and region of each box in a decoded ImageMarker or Detection2DArray.

    Without a box it is about a frame without regions: None, and '' where the topic isn't told.

    Raises:
        ValueError, OverflowError: If it holds something else.
    """
    return list(stated(message)) if msgtype == DETECTIONS else _stated_by_marker(message)


def _stated_by_marker(marker: Any) -> list[tuple[str, Region | None]]:
    if not marker.ns:
        return []
    return [(marker.ns, region) for region in regions_of(marker)] or [(marker.ns, None)]


def stamp_ns(message: Any) -> int:
    """Time of a message's header, nanoseconds."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def regions_of(marker: Any) -> Iterator[Region]:
    """The boxes that an ImageMarker draws.

    Raises:
        ValueError: If it draws something else.
    """
    points = marker.points
    if len(points) % POINTS_PER_REGION:
        raise ValueError(f'{len(points)} points are no whole regions')
    for start in range(0, len(points), POINTS_PER_REGION):
        edges = points[start : start + POINTS_PER_REGION]
        xs = [round(point.x) for point in edges]
        ys = [round(point.y) for point in edges]
        yield Region(min(xs), min(ys), max(xs), max(ys))


def _add(record: Record, number: int, line: str) -> None:
    try:
        entry = json.loads(line)
        stamp = entry['stamp_ns']
        if not _KEYS.issuperset(entry):
            more = ', '.join(sorted(entry.keys() - _KEYS))
            record.problems.append(f'{REGIONS_NAME}, line {number}, says more: {more[:80]}')
        frame = FrameRecord(
            str(entry['topic']),
            int(entry['time_ns']),
            None if stamp is None else int(stamp),
            str(entry['status']),
            tuple(Region(*map(int, region)) for region in entry['regions']),
            str(entry.get('cause', '')),
            entry.get('note'),
            str(entry.get('type', '')),
            int(entry.get('index', -1)),
            None if entry.get('image') is None else str(entry['image']),
            None if entry.get('people') is None else int(entry['people']),
            None if entry.get('least_score') is None else float(entry['least_score']),
            str(entry.get('removed') or ''),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        record.problems.append(f'{REGIONS_NAME}, line {number}, can not be read: {error!r}')
        return
    # Copied is an image whose owner wants it so, where it can't be read.
    if frame.status not in (*STATUSES, COPIED):
        record.problems.append(f'{REGIONS_NAME}, line {number}: status {frame.status!r} is unknown')
    record.frames.setdefault(frame.topic, []).append(frame)
