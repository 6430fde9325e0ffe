"""How a bag is packed, and what of it besides its messages goes into the new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from anonymizer_node.core.errors import ConfigError, InputError
from anonymizer_node.formats.bags import (
    MOST_WORDS,
    BagReader,
    BagWriter,
    MetadataRecord,
    Packing,
    innocent,
    size_of_words,
)
from anonymizer_node.formats.rosbag.staging import Staging, sync, sync_tree

ATTACHMENT_ACTIONS = ('drop', 'copy')

MOST_NAME = 60
"""Characters that the report has of a name."""


@dataclass(frozen=True)
class Output:
    """What somebody asks of the new bag; what is left empty is as in the source.

    Attributes:
        storage: `mcap` or `sqlite3`.
        compression: One of `formats.bags.COMPRESSIONS`.
        split_bytes: A new file is begun when one has grown to this.
        attachments: `copy` or `drop` the files within MCAP files. Left empty they are dropped,
            and the report isn't clean for it.

    Raises:
        ConfigError: If one of these isn't known, or two don't go together.
    """

    storage: str = ''
    compression: str = ''
    split_bytes: int = 0
    attachments: str = ''

    def __post_init__(self) -> None:
        Packing().asked(self.storage, self.compression, self.split_bytes)
        if self.attachments and self.attachments not in ATTACHMENT_ACTIONS:
            raise ConfigError(
                f'attachments {self.attachments!r} is unknown; '
                f'choose from {", ".join(ATTACHMENT_ACTIONS)}.'
            )

    def packing(self, reader: BagReader) -> Packing:
        """How the new bag lies in its files."""
        return reader.packing.asked(self.storage, self.compression, self.split_bytes)


@dataclass
class Remarks:
    """What is to be said of a bag as a whole.

    Attributes:
        losses: What was lost without being asked for: with one of these a report isn't clean.
        notes: What is otherwise than in the source.
    """

    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scratch_beside(target: Path) -> Path:
    """The folder nearest to a target that exists: for what is needed meanwhile."""
    whole = target.absolute()
    # The root of all has no parent; it is refused as a target that is there already.
    return next((folder for folder in whole.parents if folder.is_dir()), whole)


def staged(target: Path) -> Staging:
    """A hidden folder for what becomes a target, beside it.

    Raises:
        InputError: If it can't be made there.
    """
    beside = scratch_beside(target)
    try:
        return Staging(beside, target.name)
    except OSError as error:
        raise InputError(
            f'{str(beside)!r} can not be written to: {error.strerror}. Name another target.'
        ) from error


def check_free(target: Path) -> None:
    """Refuse to overwrite.

    Raises:
        InputError: If something of that name exists.
    """
    if target.exists() or target.is_symlink():
        raise InputError(
            f'{str(target)!r} exists already and is not overwritten; '
            'remove it or name another target.'
        )


def appear(made: Path, target: Path) -> None:
    """Have what is finished on the disk, and give it its name; it is there whole or not at all.

    Args:
        made: A file or a folder on the same disk.
        target: Its name from now on.

    Raises:
        InputError: If something else has it by now, or the folder can't be written to.
    """
    if made.is_dir():
        sync_tree(made)
    else:
        sync(made)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir():
            made.rename(target)  # Fails if a folder with something in it, or a file, is there.
        else:
            target.hardlink_to(made)  # Unlike renaming, this never replaces a file.
    except FileExistsError as error:
        raise InputError(f'{str(target)!r} has come into being meanwhile.') from error
    except OSError as error:
        if target.exists():
            raise InputError(f'{str(target)!r} has come into being meanwhile.') from error
        if made.is_dir():
            raise
        made.rename(target)  # A file system without hard links.
    sync(target.parent)


def carry_over(reader: BagReader, writer: BagWriter, output: Output) -> Remarks:
    """Write what lies beside the messages, when these are written, and say what became of it."""
    packing = output.packing(reader)
    if packing.storage == 'mcap':
        for record, small in _told_apart(reader):
            if small:
                writer.add_record(record)
        if output.attachments == 'copy':
            for attachment in reader.read_attachments():
                writer.add_attachment(attachment)
    return remarks_of(reader, packing, output)


def remarks_of(reader: BagReader, packing: Packing, output: Output) -> Remarks:
    """What is to be said of a bag that is packed like that.

    An attachment may hold pictures, and none is read: they are left out unless somebody vouches
    for them. Metadata records are words; what is large enough for a picture is left out too.
    """
    remarks = Remarks(list(reader.losses), list(reader.notes))
    placeless = f'{packing.storage} has no place for'
    for record, small in _told_apart(reader):
        said = f'The metadata record {_named(record.name)} is left out'
        if not small:
            remarks.losses.append(
                f'{said}: with what else lies beside the messages it is large enough to hold a '
                'picture.'
            )
        elif packing.storage != 'mcap':
            remarks.losses.append(f'{said}: {placeless} it.')
    if not innocent(reader.custom_data.items()):
        remarks.losses.append('The custom data is left out: it is large enough to hold a picture.')
    if reader.words and not reader.words_are_innocent:
        remarks.losses.append(
            'What is said of the channels is left out: it is large enough to hold a picture.'
        )
    elif reader.words and packing.storage != 'mcap':
        said = ', '.join(
            dict.fromkeys(repr(key) for item in reader.topics for key, _ in item.words)
        )
        remarks.losses.append(f'What channels say under {said} is left out: {placeless} it.')
    names = ', '.join(_named(name) for name, _, _ in reader.attachments)
    if names and output.attachments == 'drop':
        remarks.notes.append(f'The attachments {names} are left out, as asked.')
    elif names and not output.attachments:
        remarks.losses.append(
            f'The attachments {names} are left out, since they may hold pictures; '
            '"--attachments copy" vouches that they show nobody, "--attachments drop" says that '
            'nobody needs them.'
        )
    elif names and packing.storage != 'mcap':
        remarks.losses.append(f'The attachments {names} are left out: {placeless} them.')
    if reader.packing.storage == 'mcap' and packing.storage != 'mcap':
        remarks.notes.append(f'{placeless} publish times and sequence numbers: they are not kept.')
    return remarks


def _named(name: str) -> str:
    """A name as the report has it, which is written into the target: too little for a picture."""
    return repr(name if len(name) <= MOST_NAME else f'{name[:MOST_NAME]}...')


def _told_apart(reader: BagReader) -> list[tuple[MetadataRecord, bool]]:
    """Metadata records, and whether each is too small for a picture, with those before it."""
    custom = reader.custom_data.items()
    whole = size_of_words(custom) if innocent(custom) else 0  # Else it is left out.
    whole += size_of_words(reader.words) if reader.words_are_innocent else 0
    found = []
    for record in reader.metadata_records:
        small = whole + record.size <= MOST_WORDS
        whole += record.size if small else 0
        found.append((record, small))
    return found
