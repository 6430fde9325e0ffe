"""Anonymises a recorded bag in two passes: what is in every frame, and then what is to be covered.

The second pass follows the first one through the bag, a few seconds of the recording behind it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.roles import Detector
from anonymizer_node.formats.bags import BagReader, BagWriter, Place
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.judging import BagImages, Judging, on_record
from anonymizer_node.offline.output import Output, carry_over, scratch_beside
from anonymizer_node.offline.plan import TopicPlan, plan
from anonymizer_node.offline.redacting import Done, Redacting, is_judged
from anonymizer_node.offline.relay import Digested, Relay
from anonymizer_node.offline.report import (
    ENDINGS,
    REGIONS_NAME,
    REPORT_NAME,
    BagReport,
    TopicReport,
    begun,
    described,
    sealed,
)
from anonymizer_node.offline.sidecar import Sidecar
from anonymizer_node.offline.teams import Team, cache_folder, identity_of, load_teams

__all__ = [
    'ENDINGS',
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


def anonymize_bag(
    source: Path,
    target: Path,
    settings: Settings,
    detectors: Sequence[Detector] = (),
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    output: Output | None = None,
    planned: Callable[[Sequence[TopicPlan]], None] | None = None,
    teams: Sequence[Team] = (),
) -> BagReport:
    """Copy a bag with the people in its images obscured.

    Args:
        source: A rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file; only read. One that
            broke off is read up to the break, and the report's losses say so.
        target: A directory that doesn't exist yet. It appears when all of it is written.
        settings: How.
        detectors: In place of those that the settings name, as many. They get one frame at a time.
        progress: Called after every message.
        notice: Gets sentences for the user while the model is loaded.
        output: How the target is packed, by default as the source is.
        planned: Gets the plan before any work is done on it.
        teams: In place of `detectors`: several sets of them, for as many frames at a time.

    Returns:
        What became of every topic; also in the target as `REPORT_NAME`, with the regions of every
        frame in `REGIONS_NAME`.

    Raises:
        InputError: If the source can't be read, or the target exists; no target is left then.
        ConfigError: If the settings don't fit the bag.
        ModelError: If the model can't be used.
    """
    check_apart(source, target)
    if settings.detection_cache:
        cache = Path(settings.detection_cache).expanduser()
        check_apart(source, cache, 'detection_cache')
        if target.resolve() in (cache.resolve(), *cache.resolve().parents):
            raise InputError(
                f'The detection_cache {str(cache)!r} is the target or lies in it, which appears '
                'when all of it is written; name another.'
            )
    output = output or Output()
    scratch = scratch_beside(target)
    with BagReader(source, scratch) as reader:
        output.packing(reader)  # It refuses what doesn't go together, before any work.
        plans = plan(reader, settings)
        if planned is not None:
            planned(plans)
        teams = teams or ([detectors] if detectors else load_teams(settings, notice))
        pipelines = [Pipeline(settings, team) for team in teams]
        return _Job(source, target, output, reader, plans, pipelines).run(progress)


def whole_source(source: Path) -> Path:
    """Where nothing may be written: a source, or the bag that it is a file of."""
    whole = source.resolve()
    if whole.is_file() and (whole.parent / 'metadata.yaml').exists():
        return whole.parent
    return whole


def check_apart(source: Path, target: Path, what: str = 'target') -> None:
    """Refuse a target that is the source or lies in it.

    Args:
        source: The bag.
        target: What is to be written.
        what: It is called.

    Raises:
        InputError: Of such a target.
    """
    inside = target.resolve()
    if whole_source(source) in (inside, *inside.parents):
        raise InputError(f'The {what} {str(target)!r} is the source or lies in it; name another.')


class _Job:
    """One bag's run."""

    def __init__(
        self,
        source: Path,
        target: Path,
        output: Output,
        reader: BagReader,
        plans: list[TopicPlan],
        pipelines: Sequence[Pipeline],
    ) -> None:
        self._source = source
        self._target = target
        self._output = output
        self._reader = reader
        self._all = plans
        self._plans = {item.topic.key: item for item in plans}
        self._pipelines = pipelines
        self._pipeline = pipelines[0]
        self._wanted: dict[Kind, Sequence[Place]] = {}
        self._counts: dict[Kind, int] = {}
        for item in plans:
            if is_judged(item):
                kind = item.topic.name, item.topic.msgtype
                self._wanted[kind] = item.places
                self._counts[kind] = self._counts.get(kind, 0) + item.topic.count

    def run(self, progress: Progress | None) -> BagReport:
        """Both passes."""
        identity = identity_of(self._reader, list(self._wanted), self._pipeline)
        folder = cache_folder(self._pipeline.settings, identity)
        return on_record(folder, identity, lambda sidecar: self._written(sidecar, progress))

    def _written(self, sidecar: Sidecar, progress: Progress | None) -> BagReport:
        models = [described(detector) for detector in self._pipeline.detectors]
        settings = self._pipeline.settings
        reader = self._reader
        report, entries = begun(self._all, self._source.name, models, settings.as_dict())
        report.reused = sidecar.was_complete
        redacting = Redacting(self._source, reader, self._plans, self._counts, self._pipeline)
        packing = self._output.packing(reader)
        relay = Relay()
        images = (lambda: BagImages(reader, self._wanted, relay)) if self._wanted else None
        messages: Iterator[Digested]
        if images is None or sidecar.was_complete:
            messages = ((message, '') for message in reader.messages())
        else:
            messages = relay.messages(reader, scratch_beside(self._target))
        with (
            BagWriter.like(reader, self._target, packing) as writer,
            Judging(images, self._pipelines, sidecar),
        ):
            targets = {
                key: writer.add_like(item.topic)
                for key, item in self._plans.items()
                if item.action != 'drop'
            }
            with (
                (writer.folder / REGIONS_NAME).open('w', encoding='utf-8') as regions,
                closing(redacting.done(messages, sidecar)) as passed,
            ):
                for count, done in enumerate(passed, 1):
                    message = done.message
                    entry = entries[message.topic.key]
                    _tell(done, sum(entry.statuses.values()), regions)
                    entry.add(done.outcome)
                    if done.data is not None:
                        target = targets[message.topic.key]
                        writer.write(target, message.time_ns, done.data, like=message)
                    if progress is not None:
                        progress(count, reader.count)
            remarks = carry_over(reader, writer, self._output)
            report.losses += remarks.losses
            report.notes += remarks.notes + sidecar.notes
            report.attachments = self._output.attachments
            text = json.dumps(sealed(report, _digest(writer.folder / REGIONS_NAME)), indent=2)
            (writer.folder / REPORT_NAME).write_text(text + '\n', encoding='utf-8')
        return report


def _digest(path: Path) -> bytes:
    with path.open('rb') as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.digest()


def _tell(done: Done, index: int, regions: TextIO) -> None:
    """Write what was obscured in each image of a message."""
    topic, time_ns = done.message.topic, done.message.time_ns
    about = {'topic': topic.name, 'type': topic.msgtype, 'index': index, 'time_ns': time_ns}
    for line in done.lines:
        regions.write(json.dumps({**about, **line}) + '\n')
