"""Anonymises a recorded bag in two passes: what is in every frame, and then what is to be covered.

The second pass follows the first one through the bag, a few seconds of the recording behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.pipeline import Detector, Pipeline
from anonymizer_node.formats.bags import BagReader, BagWriter
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.judging import Judging
from anonymizer_node.offline.plan import TopicPlan, plan
from anonymizer_node.offline.redacting import Done, Redacting, is_judged
from anonymizer_node.offline.report import (
    ENDINGS,
    MCAP_NOTE,
    REGIONS_NAME,
    REPORT_NAME,
    BagReport,
    TopicReport,
    begun,
    described,
)
from anonymizer_node.offline.sidecar import Sidecar, StaleError
from anonymizer_node.offline.teams import Team, cache_folder, identity_of, load_teams

__all__ = [
    'ENDINGS',
    'MCAP_NOTE',
    'REGIONS_NAME',
    'REPORT_NAME',
    'BagReport',
    'Progress',
    'TopicReport',
    'anonymize_bag',
    'described',
]

Progress = Callable[[int, int], None]
"""(messages done, messages in all)."""

REUSED_NOTE = 'What was detected is that of an earlier run with the same models and settings.'


def anonymize_bag(
    source: Path,
    target: Path,
    settings: Settings,
    detectors: Sequence[Detector] = (),
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> BagReport:
    """Copy a bag with the people in its images obscured.

    The target is not compressed where the source is, and what rosbags doesn't hand out of an MCAP
    file stays behind: publish times, sequence numbers, attachments and metadata records. The
    report's notes say so.

    Args:
        source: A rosbag2 directory, a .mcap or a .db3 file; only read.
        target: A directory that doesn't exist yet. It appears when all of it is written.
        settings: How.
        detectors: In place of those that the settings name, as many. They get one frame at a time.
        progress: Called after every message.
        notice: Gets sentences for the user while the model is loaded.

    Returns:
        What became of every topic; also in the target as `REPORT_NAME`, with the regions of every
        frame in `REGIONS_NAME`.

    Raises:
        InputError: If the source can't be read, or the target exists; no target is left then.
        ConfigError: If the settings don't fit the bag.
        ModelError: If the model can't be used.
    """
    _check_apart(source, target, 'target')
    if settings.detection_cache:
        _check_apart(source, Path(settings.detection_cache).expanduser(), 'detection_cache')
    with BagReader(source) as reader:
        plans = plan(reader, settings)
        teams: Sequence[Team] = [detectors] if detectors else load_teams(settings, notice)
        job = _Job(source, target, reader, plans, [Pipeline(settings, team) for team in teams])
        return job.run(progress)


def _check_apart(source: Path, target: Path, what: str) -> None:
    inside = target.resolve()
    whole = source.resolve()
    if whole.is_file() and (whole.parent / 'metadata.yaml').exists():
        whole = whole.parent
    if whole in (inside, *inside.parents):
        raise InputError(f'The {what} {str(target)!r} is the source or lies in it; name another.')


class _Job:
    """One bag's run."""

    def __init__(
        self,
        source: Path,
        target: Path,
        reader: BagReader,
        plans: list[TopicPlan],
        pipelines: Sequence[Pipeline],
    ) -> None:
        self._source = source
        self._target = target
        self._reader = reader
        self._all = plans
        self._plans = {item.topic.key: item for item in plans}
        self._pipelines = pipelines
        self._pipeline = pipelines[0]
        self._counts: dict[Kind, int] = {}
        for topic in (item.topic for item in plans if is_judged(item)):
            kind = topic.name, topic.msgtype
            self._counts[kind] = self._counts.get(kind, 0) + topic.count

    def run(self, progress: Progress | None) -> BagReport:
        """Both passes; once more from the start if an earlier run's detections are of no use."""
        identity = identity_of(self._reader, list(self._counts), self._pipeline)
        folder = cache_folder(self._pipeline.settings, identity)
        while True:
            with Sidecar(folder, identity) as sidecar:
                try:
                    return self._written(sidecar, progress)
                except StaleError:
                    if not sidecar.was_complete:
                        raise
                    sidecar.discard()

    def _written(self, sidecar: Sidecar, progress: Progress | None) -> BagReport:
        models = [described(detector) for detector in self._pipeline.detectors]
        settings = self._pipeline.settings
        reader = self._reader
        report, entries = begun(reader, self._all, self._source.name, models, settings.as_dict())
        if sidecar.was_complete:
            report.notes.append(REUSED_NOTE)
        redacting = Redacting(self._source, reader, self._plans, self._counts, self._pipeline)
        with (
            BagWriter(self._target, reader.storage, reader.version) as writer,
            Judging(self._source, list(self._counts), self._pipelines, sidecar),
        ):
            writer.set_custom_data(reader.custom_data)
            targets = {
                key: writer.add_like(item.topic)
                for key, item in self._plans.items()
                if item.action != 'drop'
            }
            with (
                (writer.folder / REGIONS_NAME).open('w', encoding='utf-8') as regions,
                closing(redacting.done(sidecar)) as passed,
            ):
                for count, done in enumerate(passed, 1):
                    entry = entries[done.message.topic.key]
                    if done.is_image:
                        _tell(done, sum(entry.statuses.values()), regions)
                    entry.add(done.outcome)
                    if done.data is not None:
                        target = targets[done.message.topic.key]
                        writer.write(target, done.message.time_ns, done.data)
                    if progress is not None:
                        progress(count, reader.count)
            text = json.dumps(report.as_dict(), indent=2)
            (writer.folder / REPORT_NAME).write_text(text + '\n', encoding='utf-8')
        return report


def _tell(done: Done, index: int, regions: TextIO) -> None:
    """Write what was obscured in a frame."""
    line = {
        'topic': done.message.topic.name,
        'type': done.message.topic.msgtype,
        'index': index,
        'time_ns': done.message.time_ns,
        'stamp_ns': done.stamp_ns,
        'status': done.outcome.status,
        'regions': [list(region) for region in done.outcome.regions],
        'cause': done.outcome.cause,
        'note': done.outcome.note,
    }
    regions.write(json.dumps(line) + '\n')
