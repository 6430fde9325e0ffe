"""What of a video isn't in the new file: by what was read of it, and by the new file itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.video_files import VideoReader
from anonymizer_node.offline.media_report import FileReport

_SAME_TIME_NS = 1_000_000
MOST_MISSING_S = 1.0
"""A video whose frames end earlier than it says by more than this has lost its end, seconds."""


def describe(reader: VideoReader, report: FileReport, stamps: Sequence[int], sound: bool) -> None:
    """Say what of the file isn't in the new one.

    Args:
        reader: Of the file, when all of it was read.
        report: Is told.
        stamps: When each frame of the file is shown, nanoseconds.
        sound: Whether the sound is taken over.
    """
    shown = reader.packets - reader.unshown
    if reader.lost:
        report.losses.append(f'It could not be decoded at {reader.lost} places.')
    if report.frames.count != shown or reader.packets < reader.expected:
        report.losses.append(
            f'It declares {max(shown, reader.expected)} frames, and {report.frames.count} '
            'could be decoded.'
        )
    if stamps and reader.declared_s - (stamps[-1] - stamps[0]) / 1e9 > MOST_MISSING_S:
        report.losses.append(
            f'It declares {reader.declared_s:.1f} s, and its frames end after '
            f'{(stamps[-1] - stamps[0]) / 1e9:.1f} s.'
        )
    report.losses += [f'Its {named} is left out.' for named in reader.second]
    left_out = [*reader.left_out, *(() if sound else reader.sounds)]
    report.notes += [f'Its {named} is left out.' for named in left_out]
    if reader.unshown:
        report.notes.append(f'{reader.unshown} frames that the file hides are left out.')
    if reader.retimed:
        report.notes.append(f'{reader.retimed} frames had no time of their own.')


def compare(target: Path, written: Sequence[int], report: FileReport) -> None:
    """See that the new file has the frames that were written, at their times.

    Args:
        target: The new file.
        written: When each frame that was written is shown, nanoseconds.
        report: Is told.
    """
    with suppress(InputError), VideoReader(target) as reader:
        stamps = [image.stamp_ns for image in reader.images()]
        if len(stamps) != len(written):
            report.losses.append(
                f'{len(written)} frames were written, and {len(stamps)} are in the new file.'
            )
            return
        late = max(
            abs((there - stamps[0]) - (here - written[0]))
            for here, there in zip(written, stamps, strict=True)
        )
        if late > _SAME_TIME_NS:
            report.losses.append(f'Frames are up to {late / 1e9:.3f} s from their times.')
        return
    report.losses.append('The new file can not be read.')
