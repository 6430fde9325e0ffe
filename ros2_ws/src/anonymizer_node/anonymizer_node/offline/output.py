"""How a bag is packed, and what of it besides its messages goes into the new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.formats.bags import BagReader, BagWriter, Packing, innocent

ATTACHMENT_ACTIONS = ('drop', 'copy')


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
    return next(folder for folder in target.absolute().parents if folder.is_dir())


def carry_over(reader: BagReader, writer: BagWriter, output: Output) -> Remarks:
    """Write what lies beside the messages, when these are written, and say what became of it."""
    packing = output.packing(reader)
    if packing.storage == 'mcap':
        for record in reader.metadata_records:
            if record.innocent:
                writer.add_record(record)
        if output.attachments == 'copy':
            for attachment in reader.read_attachments():
                writer.add_attachment(attachment)
    return remarks_of(reader, packing, output)


def remarks_of(reader: BagReader, packing: Packing, output: Output) -> Remarks:
    """What is to be said of a bag that is packed like that.

    An attachment may hold pictures, and none is read: they are left out unless somebody vouches
    for them. Metadata records are words; one that is large enough for a picture is left out too.
    """
    remarks = Remarks(list(reader.losses), list(reader.notes))
    placeless = f'{packing.storage} has no place for'
    for record in reader.metadata_records:
        said = f'The metadata record {record.name!r} is left out'
        if not record.innocent:
            remarks.losses.append(f'{said}: it is large enough to hold a picture.')
        elif packing.storage != 'mcap':
            remarks.losses.append(f'{said}: {placeless} it.')
    if not innocent(reader.custom_data.items()):
        remarks.losses.append('The custom data is left out: it is large enough to hold a picture.')
    names = ', '.join(repr(name) for name, _, _ in reader.attachments)
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
