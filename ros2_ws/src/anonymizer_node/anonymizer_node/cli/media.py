"""Obscures the people in photos and videos, one or a folder of them.

What a file carries beside its pictures is left out: thumbnails, GPS, captions, subtitles, sound.
Outside the regions JPEG and PNG photos keep every pixel. Videos can't: coded anew, every pixel
changes a little. Frames, their times and the rotation stay. A video in which nobody is found
keeps its stream of pictures as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anonymizer_node.cli.common import check_writable, progress_bar, wrote_json
from anonymizer_node.cli.settings import add_setting_flags, settings_from
from anonymizer_node.formats.video_encoders import ENCODERS
from anonymizer_node.offline.media import MediaOutput, anonymize_media
from anonymizer_node.offline.media_report import VIDEO, FileReport, MediaReport
from anonymizer_node.offline.report import ENDINGS
from anonymizer_node.offline.videos import VideoOutput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        'source', metavar='IN', type=Path, help='A JPEG, a PNG, a video, or a folder of these.'
    )
    parser.add_argument(
        'target',
        metavar='OUT',
        type=Path,
        help='A new file, or a new folder with the same tree and a report.',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='Write the report for programs.')
    output = parser.add_argument_group('output')
    output.add_argument(
        '--metadata',
        action='store_true',
        help="Keep the short values of photos' EXIF, such as time and exposure. Thumbnails and GPS "
        'are left out in any case.',
    )
    output.add_argument(
        '--audio',
        choices=('drop', 'copy'),
        default='drop',
        help='The sound of videos: voices tell who somebody is. Default: %(default)s.',
    )
    output.add_argument(
        '--codec',
        choices=sorted(ENCODERS),
        default='',
        help="Of videos. Default: the source's, where it can be written, else h264.",
    )
    output.add_argument(
        '--quality',
        type=_share,
        default=VideoOutput.quality,
        metavar='0..1',
        help='Of videos that are coded anew. Default: %(default)s.',
    )
    output.add_argument(
        '--others',
        choices=('drop',),
        default='',
        help='Nobody needs the files that are neither photos nor videos. Default: they are left '
        'out, too, with exit status 1.',
    )
    add_setting_flags(parser)


def main(args: argparse.Namespace) -> int:
    """Run it."""
    settings = settings_from(args)
    video = VideoOutput(args.codec, args.quality, args.audio == 'copy')
    check_writable(args.json, args.source, args.target)
    console = Console()
    with progress_bar(console) as bar:
        task = bar.add_task('', total=None)
        report = anonymize_media(
            args.source,
            args.target,
            settings,
            progress=lambda what, done, total: bar.update(
                task, description=escape(printable(what)), completed=done, total=total or None
            ),
            notice=lambda text: console.print(text, markup=False),
            output=MediaOutput(video, args.metadata, args.others),
        )
    console.print(summary(report))
    for name, file in report.files.items():
        for line in remarks(file):
            console.print(f'{printable(name)}: {line}', markup=False, soft_wrap=True)
    console.print(f'Written to {args.target}', markup=False, soft_wrap=True)
    written = wrote_json('media', args.json, report.as_dict())
    return 0 if report.clean and written else 1


def summary(report: MediaReport) -> Table:
    """What became of each file."""
    table = Table(box=None, pad_edge=False)
    table.add_column('file', overflow='fold')
    for heading in ('in', 'anonymized', 'untouched', 'black', 'dropped', 'regions'):
        table.add_column(heading, justify='right', no_wrap=True)
    for name, file in report.files.items():
        counts = [file.frames.statuses[status] for status in ENDINGS[1:]]
        cells = [file.frames.count, *counts, file.frames.regions]
        table.add_row(escape(printable(name)), *(str(value) if value else '-' for value in cells))
    return table


def remarks(file: FileReport) -> Iterator[str]:
    """What else is to be said of it."""
    if file.left_out:
        yield f'left out: {file.left_out}'
        return
    if file.kind == VIDEO:
        yield file.how
    for cause, reason in file.frames.reasons.items():
        yield f'{file.frames.causes[cause]} pictures, {cause}: {reason}'
    yield from file.losses
    yield from file.notes
    yield from file.frames.remarks()


def printable(name: str) -> str:
    """A file's name as it can be printed, whatever bytes it is of."""
    return name.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')


def _share(text: str) -> float:
    """A number from 0 to 1; for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 0 to 1')
    return value
