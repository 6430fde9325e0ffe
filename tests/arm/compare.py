"""Holds what two machines saw in the same bag against each other: compare.py OURS THEIRS

Every candidate at or above the threshold on one must be one on the other, with a score and corners
that differ by no more than is said here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from anonymizer_node.core.config import Settings

MOST_SCORE = 0.02
MOST_PX = 2.0


def lines(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text(encoding='utf-8').splitlines()]


def differences(ours: dict, theirs: dict, least: float) -> list[tuple[float, float]]:
    """For each of our candidates by how much the nearest of theirs differs: (score, pixels)."""
    boxes = np.array(theirs['boxes'], np.float64).reshape(-1, 4)
    scores = np.array(theirs['scores'], np.float64)
    found = []
    for box, score in zip(ours['boxes'], ours['scores'], strict=True):
        if score < least:
            continue
        by_score = np.abs(scores - score)
        by_px = np.abs(boxes - box).max(axis=1)
        nearest = np.maximum(by_score / MOST_SCORE, by_px / MOST_PX).argmin()
        found.append((by_score[nearest], by_px[nearest]))
    return found


def main() -> int:
    ours, theirs = lines(sys.argv[1]), lines(sys.argv[2])
    assert [(a['topic'], a['time_ns']) for a in ours] == [
        (b['topic'], b['time_ns']) for b in theirs
    ]
    least = Settings().score_threshold
    found = []
    for a, b in zip(ours, theirs, strict=True):
        found += differences(a, b, least) + differences(b, a, least)
    assert found, 'Nobody was seen, so nothing was compared.'
    score, apart = np.array(found).max(axis=0)
    print(
        f'{len(ours)} frames, {len(found)} candidates: scores differ by {score:.4f} at most '
        f'(allowed {MOST_SCORE}), corners by {apart:.2f} px (allowed {MOST_PX})'
    )
    return int(score > MOST_SCORE or apart > MOST_PX)


if __name__ == '__main__':
    sys.exit(main())
