"""Two passes over real video: with detections taken away, whoever they showed stays covered.

What all detections show is the yardstick here, so that only the joining is judged. The job of
`anonymize bag` runs on pictures of the same times that show nothing, with a detector that answers
what the real one saw; what is covered is read from the pixels that come out.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from bench_bags import video
from numpy.typing import NDArray
from samples.bags import IMAGE, Entry, read_messages, write_bag
from samples.images import Stamp, image, pixels_of

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Frame
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.modelling.evaluate import share_covered
from anonymizer_node.offline.bag import anonymize_bag

RATE_HZ = 10
SCALE = 4
"""The pictures are smaller than the video by this: their size bears on nothing here."""

CERTAIN = 0.3
"""Score from which a detection is a person; see test_real_time.py."""

LEAST_COVERED = 0.9
VISIT_ENDS = 10
"""Frames without anybody certain after which the next one is another visit."""


class Replaying:
    """Answers what was seen, but for frames of which it is to know nothing."""

    names = ('person',)
    input_size = 512

    def __init__(self, seen: list[Detections], blind: Collection[int]) -> None:
        self.seen = seen
        self.blind = blind

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        index = round(frame.stamp_ns * RATE_HZ / 1e9) - RATE_HZ
        return Detections.empty() if index in self.blind else self.seen[index]


@pytest.fixture(scope='module')
def seen(shared_data: Path) -> list[Detections]:
    """What the detectors of a bag see of people who walk one by one to a table and leave."""
    settings = Settings()
    (detector,) = load_detectors(settings)
    found = []
    path = shared_data / 'video' / 'one-by-one-person-detection.mp4'
    for _, pixels in video(path, RATE_HZ):
        height, width = pixels.shape[:2]
        frame = Frame(np.ascontiguousarray(pixels), 'bgr8', width, height)
        of_video = detector.detect(frame, settings.score_threshold)
        assert (width, height) == (768, 432)
        xyxy = of_video.xyxy / SCALE
        found.append(Detections(xyxy, of_video.scores, of_video.class_ids, of_video.names))
    return found


@pytest.fixture(scope='module')
def blank(seen: list[Detections], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many pictures, none of which is black anywhere."""
    pixels = np.full((432 // SCALE, 768 // SCALE, 1), 9, np.uint8)
    times = [(index + RATE_HZ) * 10**9 // RATE_HZ for index in range(len(seen))]
    entries = [
        Entry('/a', IMAGE, image(pixels, 'mono8', stamp=Stamp(*divmod(time, 10**9))), time)
        for time in times
    ]
    return write_bag(tmp_path_factory.mktemp('blank') / 'in', entries)


def hidden(blank: Path, target: Path, detector: Replaying) -> list[NDArray[np.bool_]]:
    """Which pixels of every frame are black in the output bag."""
    report = anonymize_bag(blank, target, Settings(), [detector])
    assert report.clean
    masks = [pixels_of(message)[..., 0] == 0 for message in read_messages(target, '/a')]
    assert len(masks) == len(detector.seen)
    return masks


def people(seen: list[Detections]) -> list[NDArray[np.float32]]:
    return [item.xyxy[item.scores >= CERTAIN] for item in seen]


def visits(seen: list[Detections]) -> list[tuple[int, int]]:
    """First and last frame of everybody's visits."""
    found: list[tuple[int, int]] = []
    for index, boxes in enumerate(people(seen)):
        if len(boxes):
            if found and index - found[-1][1] <= VISIT_ENDS:
                found[-1] = (found[-1][0], index)
            else:
                found.append((index, index))
    return found


def uncovered(seen: list[Detections], masks: list[NDArray[np.bool_]]) -> list[tuple[int, float]]:
    short = []
    height, width = masks[0].shape
    for index, boxes in enumerate(people(seen)):
        for box in boxes:
            share = share_covered(masks[index], np.clip(box, 0, [width, height] * 2).tolist())
            if share < LEAST_COVERED:
                short.append((index, round(share, 2)))
    return short


@pytest.mark.parametrize('phase', range(3))
def test_with_every_third_frame_s_detections_taken_away_nobody_is_uncovered(
    seen: list[Detections], blank: Path, tmp_path: Path, phase: int
) -> None:
    blind = range(phase, len(seen), 3)
    assert sum(len(boxes) for boxes in people(seen)[phase::3]) > 300
    masks = hidden(blank, tmp_path / 'out', Replaying(seen, blind))
    assert uncovered(seen, masks) == []


def test_the_first_and_the_last_frames_of_a_visit_are_covered_by_those_beside_them(
    seen: list[Detections], blank: Path, tmp_path: Path
) -> None:
    found = visits(seen)
    assert len(found) == 6
    edges = {at for first, last in found for at in (first, first + 1, last - 1, last)}
    masks = hidden(blank, tmp_path / 'out', Replaying(seen, edges))
    assert uncovered(seen, masks) == []


def test_a_third_of_the_frames_taken_away_by_chance_uncovers_nobody(
    seen: list[Detections], blank: Path, tmp_path: Path
) -> None:
    blind = set(np.flatnonzero(np.random.default_rng(5).random(len(seen)) < 1 / 3).tolist())
    masks = hidden(blank, tmp_path / 'out', Replaying(seen, blind))
    assert uncovered(seen, masks) == []


def test_joining_obscures_little_more_than_is_detected(
    seen: list[Detections], blank: Path, tmp_path: Path
) -> None:
    masks = hidden(blank, tmp_path / 'out', Replaying(seen, ()))
    assert uncovered(seen, masks) == []
    assert np.mean([mask.mean() for mask in masks]) < 0.27
