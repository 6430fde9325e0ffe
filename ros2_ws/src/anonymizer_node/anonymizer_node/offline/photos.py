"""One photo."""

from __future__ import annotations

import json
from pathlib import Path

from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.photos import PhotoCodec, opened, written
from anonymizer_node.offline.inside import line_of
from anonymizer_node.offline.media_report import PHOTO, FileReport
from anonymizer_node.offline.report import TopicReport


def anonymize_photo(
    source: Path, target: Path, name: str, pipeline: Pipeline, metadata: bool, regions: Path
) -> FileReport:
    """Write a photo with the people in it obscured, and without what else it carries.

    Args:
        source: Only read.
        target: Is made, unless the photo comes to nothing.
        name: Of the source, in reports.
        pipeline: Used by nobody else meanwhile.
        metadata: Whether EXIF's short values stay. Thumbnails and GPS never do.
        regions: A file that is made: what became of the picture, a line in JSON.

    Raises:
        FrameError: If it is of a kind that can't be read, or damaged.
    """
    data = source.read_bytes()
    before = opened(data, metadata)
    report = FileReport(PHOTO, frames=TopicReport(PHOTO, 'anonymize', '', count=1))
    outcome = pipeline.process(before.photo, PhotoCodec(), name)
    pipeline.forget(name)
    report.frames.add(outcome)
    line = {'file': name, 'index': 0, **line_of(outcome, None)}
    regions.write_text(json.dumps(line) + '\n', encoding='utf-8')
    if outcome.message is None:
        report.left_out = outcome.reason
        return report
    if before.removed:
        report.notes.append(f'Removed: {", ".join(before.removed)}.')
    same = outcome.status == 'untouched' and not before.removed and not outcome.removed
    report.how = 'the same file' if same else 'the picture outside the regions as it was'
    target.write_bytes(data if same else written(outcome.message))
    return report
