"""Anonymises photos and videos, one or a folder of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import AnonymizerError, InputError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.roles import Detector
from anonymizer_node.formats.rosbag.staging import (
    NO_ROOM,
    in_words,
    require_space,
    sweep,
)
from anonymizer_node.formats.video_frames import require_av
from anonymizer_node.offline.bag import check_apart
from anonymizer_node.offline.media_files import Found, check_single, files_in
from anonymizer_node.offline.media_report import OTHER, PHOTO, VIDEO, FileReport, MediaReport
from anonymizer_node.offline.output import appear, check_free, scratch_beside, staged
from anonymizer_node.offline.photos import anonymize_photo
from anonymizer_node.offline.report import REGIONS_NAME, REPORT_NAME, described
from anonymizer_node.offline.stages import in_order
from anonymizer_node.offline.teams import Team, load_teams
from anonymizer_node.offline.videos import VideoOutput, anonymize_video

Progress = Callable[[str, int, int], None]
"""(what is in work, how much of it is done, how much there is; 0 if unknown)."""


@dataclass(frozen=True)
class MediaOutput:
    """What somebody asks of the new files.

    Attributes:
        video: How videos are written.
        metadata: Whether EXIF's short values stay in photos. Thumbnails and GPS never do.
        others: `drop`: files that are neither photos nor videos are not missed. Left empty they
            are left out as well, and the report isn't clean for it.
    """

    video: VideoOutput = field(default_factory=VideoOutput)
    metadata: bool = False
    others: str = ''


def anonymize_media(
    source: Path,
    target: Path,
    settings: Settings,
    detectors: Sequence[Detector] = (),
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    output: MediaOutput | None = None,
    teams: Sequence[Team] = (),
) -> MediaReport:
    """Write photos and videos with the people in them obscured.

    Args:
        source: A photo, a video or a folder of them; only read.
        target: Doesn't exist yet: a file, or a folder with the same tree. It appears when all of
            it is written.
        settings: How.
        detectors: In place of those that the settings name. They get one frame at a time.
        progress: Told how far it is.
        notice: Gets sentences for the user while the model is loaded.
        output: How the files are written.
        teams: In place of `detectors`: several sets of them, for as many frames at a time.

    Returns:
        What became of every file; of a folder also in the target as `REPORT_NAME`, with the
        regions of every picture in `REGIONS_NAME`.

    Raises:
        InputError: If the source can't be read, the target exists, or a single file came to
            nothing; no target is left then.
        ConfigError: If the settings don't fit, or PyAV is missing and there are videos.
        ModelError: If the model can't be used.
    """
    output = output or MediaOutput()
    check_apart(source, target)
    if settings.detection_cache and source.is_dir():
        check_apart(source, Path(settings.detection_cache).expanduser(), 'detection_cache')
    found = list(files_in(source))
    if source.is_dir():
        if all(file.kind == OTHER for file in found):
            raise InputError(f'{str(source)!r} holds neither photos nor videos.')
    else:
        check_single(found[0], target)
    if any(file.kind == VIDEO and not file.refused for file in found):
        require_av()
    check_free(target)
    beside = scratch_beside(target)
    sweep(beside)
    size = sum(file.path.stat().st_size for file in found if file.kind != OTHER)
    require_space(beside, size, f'Writing about {in_words(size)} of pictures')
    teams = teams or ([detectors] if detectors else load_teams(settings, notice))
    pipelines = [Pipeline(settings, team) for team in teams]
    models = [described(detector) for detector in pipelines[0].detectors]
    report = MediaReport(source.name, models, settings.as_dict())
    staging = staged(target)
    try:
        single = '' if source.is_dir() else target.name
        job = _Job(staging.folder, pipelines, output, progress, single)
        report.files.update(job.run(found))
        made = staging.folder / 'made'
        if source.is_dir():
            shutil.move(job.regions, made / REGIONS_NAME)
            text = json.dumps(report.as_dict(), indent=2)
            (made / REPORT_NAME).write_text(text + '\n', encoding='utf-8')
        else:
            made = made / single
            if report.files[found[0].name].left_out:
                raise InputError(f'{str(source)!r}: {report.files[found[0].name].left_out}')
        appear(made, target)
    finally:
        staging.close()
    return report


class _Job:
    """All files of a run."""

    def __init__(
        self,
        folder: Path,
        pipelines: Sequence[Pipeline],
        output: MediaOutput,
        progress: Progress | None,
        single: str,
    ) -> None:
        self._made = folder / 'made'
        self._work = folder / 'regions'
        self.regions = folder / REGIONS_NAME
        self._pipelines = pipelines
        self._free: SimpleQueue[Pipeline] = SimpleQueue()
        for pipeline in pipelines:
            self._free.put(pipeline)
        self._output = output
        self._progress = progress
        # Of one file: what it becomes, whose ending says in which container.
        self._single = single

    def run(self, found: Sequence[Found]) -> dict[str, FileReport]:
        """What became of each file, by its name, in the order of the names."""
        self._made.mkdir()
        self._work.mkdir()
        reports: dict[str, FileReport] = {}
        photos = [file for file in found if file.kind == PHOTO and not file.refused]
        workers = len(self._pipelines)
        photographed = in_order(photos, self._photo, workers, 2 * workers)
        for count, (file, report) in enumerate(zip(photos, photographed, strict=True), 1):
            reports[file.name] = report
            self._tell('photos', count, len(photos))
        for file in found:
            if file.refused:
                asked = file.kind == OTHER and self._output.others == 'drop'
                reports[file.name] = FileReport(file.kind, file.refused, asked)
            elif file.kind == VIDEO:
                reports[file.name] = self._video(file)
        # Not meanwhile: another file may be about to be written there.
        for folder in sorted(self._made.rglob('*'), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        with self.regions.open('wb') as regions:
            for file in found:
                lines = self._lines(file)
                if lines.exists():
                    with lines.open('rb') as part:
                        shutil.copyfileobj(part, regions)
        return {file.name: reports[file.name] for file in found}

    def _photo(self, file: Found) -> FileReport:
        """Runs in several threads."""
        pipeline = self._free.get()
        try:
            return self._made_of(
                file,
                lambda target, lines: anonymize_photo(
                    file.path, target, file.name, pipeline, self._output.metadata, lines
                ),
            )
        finally:
            self._free.put(pipeline)

    def _video(self, file: Found) -> FileReport:
        def progress(done: int, declared: int) -> None:
            self._tell(file.name, done, max(done, declared) if declared else 0)

        return self._made_of(
            file,
            lambda target, lines: anonymize_video(
                file.path, target, file.name, self._pipelines, self._output.video, lines, progress
            ),
        )

    def _made_of(self, file: Found, make: Callable[[Path, Path], FileReport]) -> FileReport:
        """What became of a file; where nothing could be made of it, nothing is there."""
        target, lines = self._made / (self._single or file.name), self._lines(file)
        for path in (target, lines):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            report = make(target, lines)
        except AnonymizerError as error:
            report = FileReport(file.kind, str(error))
        except Exception as error:  # The edge: whatever a file has in it, the others go on.
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            report = FileReport(file.kind, f'{type(error).__name__}: {error}')
        if report.left_out:
            for path in (target, lines):
                path.unlink(missing_ok=True)
        return report

    def _lines(self, file: Found) -> Path:
        return self._work / f'{file.name}.jsonl'

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(what, done, total)
