"""A bag and its anonymised twin, made by hand so that a test can spoil one thing in it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from samples.bags import COMPRESSED, IMAGE, STRING, Entry, write_bag
from samples.images import Stamp, compressed, image

from anonymizer_node.core.datatypes import Region
from anonymizer_node.formats import jpeg
from anonymizer_node.proof.sealed import known_models
from anonymizer_node.proof.verdict import Verdict
from anonymizer_node.proof.verify import verify_bag

RAW, JPEG, PNG, CHATTER = '/front/image_raw', '/rear/image/compressed', '/side/png', '/chatter'
WIDTH, HEIGHT = 96, 64
PERSON = Region(20, 8, 44, 56)
SECOND_PERSON = Region(40, 20, 96, 64)
SECOND = 1_000_000_000


def scene(seed: int) -> np.ndarray:
    """A picture with detail of every size and no black, (HEIGHT, WIDTH, 3)."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((HEIGHT, WIDTH, 3))
    for size in (4, 8, 16, 48):
        coarse = random.uniform(-45, 45, (HEIGHT // size + 1, WIDTH // size + 1, 3))
        pixels += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(pixels + 128, 20, 235).astype(np.uint8)


def blacked(pixels: np.ndarray, regions: list[Region]) -> np.ndarray:
    """A copy with black regions."""
    done = pixels.copy()
    for x0, y0, x1, y1 in regions:
        done[y0:y1, x0:x1] = 0
    return done


@dataclass
class Twins:
    """An input and its output: entries to write, and what the output states.

    Attributes:
        before: Of the input.
        after: Of the output, one for each of `before` that isn't dropped.
        lines: regions.jsonl.
        summary: anonymization.json.
        folder: To write in.
        sealed: Whether the record holds digests of itself, as the bag job leaves it.
    """

    before: list[Entry]
    after: list[Entry]
    lines: list[dict[str, Any]]
    summary: dict[str, Any]
    folder: Path
    sealed: bool = True
    source: Path = field(init=False)
    target: Path = field(init=False)

    def find(self, topic: str, number: int) -> int:
        """Index in `after` of a topic's message."""
        return [index for index, entry in enumerate(self.after) if entry.topic == topic][number]

    def message(self, topic: str, number: int) -> Any:
        """A message of the output, to spoil."""
        return self.after[self.find(topic, number)].message

    def replace(self, topic: str, number: int, **changes: Any) -> None:
        """Change an entry of the output."""
        index = self.find(topic, number)
        self.after[index] = self.after[index]._replace(**changes)

    def write(self) -> Twins:
        """Write both bags and the record."""
        self.source = write_bag(self.folder / 'in', self.before)
        self.target = write_bag(self.folder / 'out', self.after)
        lines = ''.join(json.dumps(line) + '\n' for line in self.lines)
        (self.target / 'regions.jsonl').write_text(lines, encoding='utf-8')
        self._add_up()
        if self.sealed:
            digests = {'regions.jsonl': hashlib.sha256(lines.encode()).hexdigest()}
            self.summary['digests'] = digests
            text = json.dumps(self.summary, sort_keys=True, separators=(',', ':'))
            digests['anonymization.json'] = hashlib.sha256(text.encode()).hexdigest()
        text = json.dumps(self.summary)
        (self.target / 'anonymization.json').write_text(text, encoding='utf-8')
        return self

    def _add_up(self) -> None:
        """Sum up the lines in the summary, unless it says something of its own."""
        for name, entry in self.summary.get('topics', {}).items():
            lines = [line for line in self.lines if line['topic'] == name]
            entry.setdefault('regions', sum(len(line['regions']) for line in lines))
            entry.setdefault('most_people', max((line['people'] or 0 for line in lines), default=0))
            causes = Counter(line['cause'] for line in lines if line['cause'])
            entry.setdefault('causes', dict(causes))
        lost = any(
            entry['causes'] or (entry['action'] == 'drop' and not entry['asked'])
            for entry in self.summary.get('topics', {}).values()
        )
        self.summary.setdefault('clean', not lost)

    def verdict(self) -> Verdict:
        """Write and verify."""
        self.write()
        return verify_bag(self.source, self.target)


def make_twins(folder: Path) -> Twins:
    """Three frames of each kind of image (nobody, one person, two) and some text between."""
    people: list[list[Region]] = [[], [PERSON], [PERSON, SECOND_PERSON]]
    before, after, lines = [], [], []
    for index, regions in enumerate(people):
        stamp = Stamp(100 + index, 5)
        for number, topic in enumerate((RAW, JPEG, PNG)):
            time_ns = (200 + index) * SECOND + number
            pixels = scene(10 * index + number)
            stated = regions
            if topic == RAW:
                old = image(pixels, padding=3, stamp=stamp)
                new = image(blacked(pixels, regions), padding=3, stamp=stamp)
            else:
                kind = 'jpeg' if topic == JPEG else 'png'
                old = compressed(pixels, kind, 'bytes', stamp)
                new = copy.deepcopy(old)
                if regions and topic == JPEG:
                    new.data, stated, _ = jpeg.redact(old.data, regions, 'blackout', 0.5)
                elif regions:
                    new = compressed(blacked(pixels, regions), kind, 'bytes', stamp)
            msgtype = IMAGE if topic == RAW else COMPRESSED
            before.append(Entry(topic, msgtype, old, time_ns))
            after.append(Entry(topic, msgtype, new, time_ns))
            lines.append(
                {
                    'topic': topic,
                    'index': index,
                    'time_ns': time_ns,
                    'stamp_ns': stamp.sec * SECOND + stamp.nanosec,
                    'status': 'anonymized' if regions else 'untouched',
                    'regions': [list(region) for region in stated],
                    'people': len(regions),
                    'cause': '',
                }
            )
        text = Entry(CHATTER, STRING, f'hello {index}', (200 + index) * SECOND + 3)
        before.append(text)
        after.append(text)
    return Twins(before, after, lines, summary_of(before, lines), folder)


def summary_of(before: list[Entry], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """anonymization.json as the bag job writes it."""
    counts = Counter(entry.topic for entry in before)
    topics = {}
    for entry in before:
        statuses = Counter(line['status'] for line in lines if line['topic'] == entry.topic)
        copied = entry.topic == CHATTER
        topics[entry.topic] = {
            'type': entry.msgtype,
            'action': 'copy' if copied else 'anonymize',
            'reason': 'holds no image' if copied else 'images',
            'asked': False,
            'count': counts[entry.topic],
            'copied': counts[entry.topic] if copied else 0,
            **{
                status: statuses[status]
                for status in ('anonymized', 'untouched', 'blacked_out', 'dropped')
            },
            'reasons': {},
            'notes': [],
        }
    return {
        'tool': 'anonymizer_node',
        'version': '0.1.0',
        'source': 'in',
        'models': [
            {
                'name': 'person_nanodet_int8',
                'sha256': known_models()['person_nanodet_int8'],
                'family': 'nanodet',
                'provider': 'cpu',
            }
        ],
        'settings': {
            'model': ['person_nanodet_int8'],
            'method': 'blackout',
            'strength': 0.5,
            'score_threshold': 0.25,
        },
        'topics': topics,
    }


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Not written yet; spoil it, then ask for its verdict."""
    return make_twins(tmp_path)


@pytest.fixture
def twins_encoded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twins:
    """With JPEGs as they are made on a machine without libjpeg-turbo."""
    monkeypatch.setattr(jpeg, 'available', lambda: False)
    return make_twins(tmp_path)
