"""One video in two passes: what is in every frame, and then what is to be covered."""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from anonymizer_node.core.datatypes import Cover, Outcome
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.joining import Joiner
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.rosbag.staging import NO_ROOM
from anonymizer_node.formats.video_encoders import encoder_for
from anonymizer_node.formats.video_files import VideoReader, pixel_format_for
from anonymizer_node.formats.video_frames import VideoCodec, VideoImage
from anonymizer_node.formats.video_writer import VideoError, VideoWriter
from anonymizer_node.offline.inside import line_of
from anonymizer_node.offline.joined import joined
from anonymizer_node.offline.judging import Judging, on_record
from anonymizer_node.offline.media_report import VIDEO, FileReport
from anonymizer_node.offline.records import Part, Record
from anonymizer_node.offline.report import TopicReport
from anonymizer_node.offline.sidecar import Sidecar, StaleError
from anonymizer_node.offline.teams import cache_folder, looks_of
from anonymizer_node.offline.video_checks import compare, describe

_HEAD_BYTES = 1 << 20
_COPIED = 'the same stream of pictures'


@dataclass(frozen=True)
class VideoOutput:
    """How videos are written.

    Attributes:
        codec: Key of `ENCODERS`; empty: as the source's, where that can be written.
        quality: 0..1.
        sound: Whether the sound is taken over: voices tell who somebody is.
    """

    codec: str = ''
    quality: float = 0.75
    sound: bool = False


class VideoImages:
    """The frames of a video, for the first pass; see `judging.Images`."""

    def __init__(self, path: Path, name: str, pixel_format: str) -> None:
        """Open it."""
        self._reader = VideoReader(path)
        self._name = name
        self._pixel_format = pixel_format

    def __enter__(self) -> VideoImages:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.__exit__(exc_type, exc, traceback)

    def items(self) -> Iterator[tuple[VideoImage, str]]:
        """See `Images`."""
        for image in self._reader.images(self._pixel_format):
            yield image, image.digest()

    def judged(self, pipeline: Pipeline, item: VideoImage, digest: str) -> Record:
        """See `Images`."""
        judgement = replace(pipeline.judge(item, VideoCodec(), self._name), stamp_ns=item.stamp_ns)
        return Record(self._name, VIDEO, item.stamp_ns, digest, (Part('', judgement),))

    def is_of(self, record: Record, item: VideoImage, digest: str) -> bool:
        """See `Images`."""
        return is_of(record, item, digest)


def is_of(record: Record, image: VideoImage, digest: str) -> bool:
    """Whether a record was made of this very frame, which has this digest, and of nothing else."""
    return (
        [part.label for part in record.parts] == ['']
        and record.msgtype == VIDEO
        and (record.time_ns, record.digest) == (image.stamp_ns, digest)
    )


def anonymize_video(
    source: Path,
    target: Path,
    name: str,
    pipelines: Sequence[Pipeline],
    output: VideoOutput,
    regions: Path,
    progress: Callable[[int, int], None] | None = None,
) -> FileReport:
    """Write a video with the people in it obscured.

    Where nobody is found, and nothing in the stream was passed over by the decoder, the stream of
    pictures is copied as it is.

    Args:
        source: Only read.
        target: Doesn't exist; if this raises it may be there, and is of no use.
        name: Of the source, in reports.
        pipelines: As many frames are judged at a time.
        output: How it is written.
        regions: A file that is made: a line for each frame, in JSON.
        progress: Called with the frames done, and those declared, 0 if unknown.

    Raises:
        InputError: If it can't be read, or changes while it is read.
        FrameError: If its size changes.
        ConfigError: If PyAV is missing, or the codec doesn't go into the file.
    """
    with VideoReader(source) as reader:
        codec = encoder_for(target.suffix.lower(), reader.codec, output.codec)
        pixel_format = pixel_format_for(reader, codec)
        may_copy = codec == reader.codec
    output = replace(output, codec=codec)
    job = _Job(source, target, name, pipelines, output, pixel_format, may_copy, progress)
    with source.open('rb') as file:
        head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    about = {'bytes': source.stat().st_size, 'head': head, 'name': name, 'pixels': pixel_format}
    identity = {'video': about, **looks_of(pipelines[0])}
    folder = cache_folder(pipelines[0].settings, identity)
    try:
        return on_record(folder, identity, lambda sidecar: job.run(sidecar, regions))
    except VideoError as error:
        if getattr(error, 'errno', None) in NO_ROOM:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise InputError(f'It can not be written as {codec}: {error}') from error


class _Job:
    """One video's run."""

    def __init__(
        self,
        source: Path,
        target: Path,
        name: str,
        pipelines: Sequence[Pipeline],
        output: VideoOutput,
        pixel_format: str,
        may_copy: bool,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._name = name
        self._pipelines = pipelines
        self._pipeline = pipelines[0]
        self._output = output
        self._pixel_format = pixel_format
        self._may_copy = may_copy
        self._progress = progress
        self._regions: TextIO

    def run(self, sidecar: Sidecar, regions: Path) -> FileReport:
        """Both passes."""
        self._target.unlink(missing_ok=True)
        with (
            regions.open('w', encoding='utf-8') as self._regions,
            Judging(self._images, self._pipelines, sidecar),
        ):
            return self._copied(sidecar) or self._encoded(sidecar)

    def _images(self) -> VideoImages:
        return VideoImages(self._source, self._name, self._pixel_format)

    def _decided(self, sidecar: Sidecar) -> Iterator[tuple[Record, Sequence[Cover | None]]]:
        """Every record with what is to be covered."""
        settings = self._pipeline.settings
        return joined(
            sidecar.records(),
            {(self._name, VIDEO): sys.maxsize},
            self._pipeline.to_cover,
            lambda: Joiner(settings.hold_seconds, settings.least_sightings),
        )

    def _copied(self, sidecar: Sidecar) -> FileReport | None:
        """Take over the stream of pictures if it shows nobody; None if that can't be said."""
        if not self._may_copy:
            return None
        for count, (record, (cover,)) in enumerate(self._decided(sidecar), 1):
            ((_, judgement),) = record.parts
            if judgement.cause or cover is None or self._pipeline.regions(judgement, cover):
                return None
            if self._progress is not None:
                self._progress(count, 0)
        report = _begun(_COPIED)
        stamps = array('q')
        with VideoReader(self._source) as reader:
            # No record is believed but for the very frame that it was made of.
            for image, _, _ in self._paired(reader.images(self._pixel_format), sidecar):
                stamps.append(image.stamp_ns)
            if not stamps or reader.why_not_copied(len(stamps)):
                return None
            with (
                VideoReader(self._source) as again,
                VideoWriter(self._target, again, self._output.sound) as writer,
            ):
                writer.copy_pictures()
            if not self._is_as_judged(sidecar):
                return None
            seen = Outcome('untouched', width=reader.width, height=reader.height)
            for stamp_ns in stamps:
                self._count(report, seen, stamp_ns)
            describe(reader, report, stamps, self._output.sound)
        compare(self._target, stamps, report)
        return report

    def _is_as_judged(self, sidecar: Sidecar) -> bool:
        """Whether a copied stream shows the frames that were judged, all of them and no other.

        What was copied was read once more: the source may have been another one by then.
        """
        records = sidecar.records()
        with VideoReader(self._target) as reader:
            for image in reader.images(self._pixel_format):
                record = next(records, None)
                if record is None:
                    return False
                timed = replace(image, stamp_ns=record.time_ns)
                if not is_of(record, timed, timed.digest()):
                    return False
        return next(records, None) is None

    def _paired(
        self, items: Iterator[Any], sidecar: Sidecar
    ) -> Iterator[tuple[Any, Record | None, Cover | None]]:
        """Every frame with its record and what is to be covered; sound with None and None.

        Raises:
            StaleError: If a frame isn't the one that was judged.
        """
        decided = self._decided(sidecar)
        for item in items:
            if not isinstance(item, VideoImage):
                yield item, None, None
                continue
            record, covers = next(decided, (None, ()))
            if record is None or not is_of(record, item, item.digest()):
                raise _stale(self._source)
            yield item, record, covers[0]
        if next(decided, None) is not None:
            raise _stale(self._source)

    def _encoded(self, sidecar: Sidecar) -> FileReport:
        """Code every frame anew, obscured where somebody is."""
        report = _begun(f'coded anew as {self._output.codec}')
        output, codec = self._output, VideoCodec()
        stamps, written = array('q'), array('q')
        with VideoReader(self._source) as reader:
            with VideoWriter(self._target, reader, output.sound) as writer:
                items = reader.items(self._pixel_format, output.sound)
                for item, record, cover in self._paired(items, sidecar):
                    if record is None:
                        writer.add_sound(item)
                        continue
                    ((_, judgement),) = record.parts
                    stamps.append(item.stamp_ns)
                    outcome = self._pipeline.redact(item, codec, self._name, judgement, cover)
                    self._count(report, outcome, item.stamp_ns)
                    if self._progress is not None:
                        self._progress(report.frames.count, reader.expected)
                    if outcome.message is not None:
                        writer.encode(outcome.message, output.codec, output.quality)
                        written.append(item.stamp_ns)
            describe(reader, report, stamps, self._output.sound)
            if output.codec != reader.codec:
                report.notes.append(f'It was {reader.codec}.')
            if self._pixel_format != reader.pixel_format:
                report.notes.append(
                    f'Pixels of {reader.pixel_format} are {self._pixel_format} now.'
                )
        if not written:
            raise InputError(f'None of its {report.frames.count} frames came through.')
        compare(self._target, written, report)
        return report

    def _count(self, report: FileReport, outcome: Outcome, stamp_ns: int) -> None:
        index = report.frames.count
        report.frames.count += 1
        report.frames.add(outcome)
        line = {'file': self._name, 'index': index, **line_of(outcome, stamp_ns)}
        self._regions.write(json.dumps(line) + '\n')


def _begun(how: str) -> FileReport:
    return FileReport(VIDEO, how=how, frames=TopicReport(VIDEO, 'anonymize', ''))


def _stale(source: Path) -> StaleError:
    return StaleError(
        f'{str(source)!r} is not as it was when its frames were judged; it changes while it is '
        'read. Let nothing write to it.'
    )
