"""Default settings on a real video, judged by the pixels of the new file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench_bags import video
from samples.videos import read_video, times_of, write_video

from anonymizer_node.core.config import Settings
from anonymizer_node.modelling.evaluate import share_covered
from anonymizer_node.offline.media import anonymize_media

pytest.importorskip('av')

RATE_HZ = 14


def test_the_worker_is_covered_in_every_frame_of_a_video(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / 'video'
    boxes = json.loads((folder / 'worker-zone-boxes.json').read_text())['boxes']
    frames = video(folder / 'worker-zone-detection.gif', RATE_HZ)
    pictures = [np.ascontiguousarray(pixels) for _, pixels in frames]
    source = write_video(tmp_path / 'in.mp4', pictures, rate=RATE_HZ)

    report = anonymize_media(source, tmp_path / 'out.mp4', Settings())

    after = read_video(tmp_path / 'out.mp4')
    assert report.clean
    assert len(after) == len(boxes) == 71
    assert times_of(tmp_path / 'out.mp4') == pytest.approx(times_of(source), abs=1e-3)
    shares = [
        share_covered(frame.max(axis=2) < 30, box)
        for frame, people in zip(after, boxes, strict=True)
        for box in people
    ]
    assert min(shares) >= 0.8, [round(share, 2) for share in shares]
