"""What lies beside the messages of a bag: files in its folder and in its files, and words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.record import REGIONS_NAME, REPORT_NAME, Record
from anonymizer_node.proof.verdict import Check, Failure, Tally

METADATA_NAME = 'metadata.yaml'


def check_beside(source: BagReader, target: BagReader, record: Record) -> list[Check]:
    """Whether nothing came along that nobody looked into.

    Both readers were read to their ends: of a compressed bag it is only known then what is in it.
    """
    return [_attached(source, target, record), _files(target), _whole(source, target)]


def _attached(source: BagReader, target: BagReader, record: Record) -> Check:
    tally = Tally(
        'attached',
        1,
        'Files and words attached to the bag are those of the input, and files are there only '
        'because their owner said so.',
        'attachments',
    )
    files = Counter(_attachments(target))
    for name, *_ in (files - Counter(_attachments(source))).elements():
        tally.fail(Failure('', f'the attachment {name!r} is not in the input like that'))
    asked = record.summary.get('attachments') == 'copy'
    for name, *_ in files:
        tally.checked += 1
        if not asked:
            what = f'the attachment {name!r} was copied without anybody asking for it'
            tally.fail(Failure('', what))
    words = Counter(_words(target))
    tally.checked += words.total()
    for name, _ in (words - Counter(_words(source))).elements():
        tally.fail(Failure('', f'what is said under {name!r} is not in the input like that'))
    if not record.summary.get('losses'):  # Else something is missing, and the run says so.
        gone = Counter(_of_the_bag(source)) - Counter(_of_the_bag(target))
        for name, _ in gone.elements():
            tally.fail(Failure('', f'what the input says under {name!r} is not there'))
        for name, *_ in Counter(_attachments(source)) - files if asked else ():
            tally.fail(Failure('', f'the attachment {name!r} is not there'))
    if asked and files:
        names = ', '.join(sorted(repr(name) for name, *_ in files))
        tally.detail = f'Copied because their owner said so: {names}'
    return tally.check()


def _files(target: BagReader) -> Check:
    tally = Tally(
        'no-other-files',
        1,
        "In the output's folder is nothing but the bag and its record.",
        'files',
    )
    if target.path.is_dir():
        known = {path.resolve() for path in target.files}
        known |= {target.path.resolve() / name for name in (METADATA_NAME, REPORT_NAME)}
        known.add(target.path.resolve() / REGIONS_NAME)
        for path in sorted(target.path.rglob('*')):
            if path.is_dir() and not path.is_symlink():
                continue
            stray = path.is_symlink() or path.resolve() not in known
            name = str(path.relative_to(target.path))
            what = f'the file {name!r} is no part of the bag, and nobody looked into it'
            tally.seen(Failure('', what) if stray else None)
    return tally.check()


def _whole(source: BagReader, target: BagReader) -> Check:
    tally = Tally(
        'nothing-beyond',
        1,
        "In the output's files is nothing but messages, their topics and types, and what is "
        'attached; and they are whole.',
        'files',
    )
    for loss in target.losses:
        tally.fail(Failure('', f'of the output: {loss}'))
    tally.checked = len(target.files)
    for name, what in target.beyond(source.definitions):
        tally.fail(Failure('', f'the file {name!r} has {what}'))
    return tally.check()


def _attachments(reader: BagReader) -> Iterator[tuple[str, str, int, int, str]]:
    for item in reader.read_attachments():
        digest = hashlib.sha256(item.data).hexdigest()
        yield item.name, item.media_type, item.log_ns, item.create_ns, digest


def _words(reader: BagReader) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    yield from _of_the_bag(reader)
    for topic in reader.topics:
        for key, value in topic.words:
            yield f'{topic.name} {key}', ((key, value),)


def _of_the_bag(reader: BagReader) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for record in reader.metadata_records:
        yield record.name, tuple(record.values)
    for key, value in reader.custom_data.items():
        yield key, ((key, value),)
