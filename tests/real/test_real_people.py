"""Default settings on real pictures and video, judged by the pixels of the output bag."""

from __future__ import annotations

import json
from pathlib import Path

import coverage_bench as coverage
from bench_bags import obscured_masks, video, write_bag

from anonymizer_node.core.config import Settings
from anonymizer_node.modelling.evaluate import share_covered
from anonymizer_node.offline.bag import anonymize_bag

GIF_RATE_HZ = 1000 / 70


def test_nobody_in_coco128_is_less_than_half_covered(shared_data: Path) -> None:
    result = coverage.measure(shared_data / 'coco128', Settings())

    assert result['people_large'] == 169
    assert result['frames'] == 128
    assert result['frames_dropped'] == 0
    assert result['least_covered'] >= coverage.LEAST_COVERED, result['worst']
    assert result['large_90_covered'] >= coverage.LEAST_SHARE_90
    assert result['pixels_obscured'] <= coverage.MOST_OBSCURED


def test_the_worker_is_covered_in_every_frame(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / 'video'
    boxes = json.loads((folder / 'worker-zone-boxes.json').read_text())['boxes']
    write_bag(tmp_path / 'in', video(folder / 'worker-zone-detection.gif', GIF_RATE_HZ))

    report = anonymize_bag(tmp_path / 'in', tmp_path / 'out', Settings())
    masks = obscured_masks(tmp_path / 'out')

    assert report.clean
    assert len(masks) == len(boxes) == 71
    shares = [
        share_covered(mask, box)
        for mask, people in zip(masks, boxes, strict=True)
        for box in people
    ]
    assert min(shares) >= 0.8, [round(share, 2) for share in shares]
