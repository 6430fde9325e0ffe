"""The files of a recording: which they are, and each of them opened when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import found, metadata, ros1_file, zipped
from anonymizer_node.formats.rosbag.mcap_file import McapFile
from anonymizer_node.formats.rosbag.model import Attachment, MetadataRecord, Stored, Topic
from anonymizer_node.formats.rosbag.ros1_file import Ros1File
from anonymizer_node.formats.rosbag.sqlite_file import SqliteFile
from anonymizer_node.formats.rosbag.staging import Staging, sweep


class StorageFile(Protocol):
    """What is asked of one file of a recording, whatever its format.

    Attributes:
        path: It.
        topics: What is in it; `key` is what its messages call their channel.
        losses: What of it could not be read, as sentences.
        told: What it says of the recording it is from, or None.
        chunk_compression: Of an MCAP file's chunks.
        metadata_records: Of an MCAP file, but for rosbag2's own.
        attachments: Name, media type and size of each.
        count: Messages in it, as far as it knows.
        first_ns: Time of the first.
        last_ns: Time of the last.
    """

    path: Path
    topics: list[Topic]
    losses: list[str]
    told: metadata.Metadata | None
    chunk_compression: str
    metadata_records: list[MetadataRecord]
    count: int
    first_ns: int
    last_ns: int

    @property
    def attachments(self) -> list[tuple[str, str, int]]:
        """Name, media type and size of each."""

    def messages(self) -> Iterator[Stored]:
        """All messages, by time."""

    def read_attachments(self) -> Iterator[Attachment]:
        """The files in it."""

    def close(self) -> None:
        """Let go of what was made for it."""


class Parts:
    """The files of one recording.

    Attributes:
        path: Of the recording.
        paths: Of its files, in order.
        told: What metadata.yaml says; None if there is none.
        losses: What of them could not be read, as sentences.
        notes: What is otherwise in them than it was recorded, as sentences.
        attachments: Name, media type and size of each file in the MCAP files.
        metadata_records: Of the MCAP files, but for rosbag2's own.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        """Nothing is opened yet; `scratch` is where a hidden folder is made if one is needed."""
        self.path = path
        self.paths: list[Path] = []
        self.told: metadata.Metadata | None = None
        self.losses: list[str] = []
        self.notes: list[str] = []
        self.attachments: list[tuple[str, str, int]] = []
        self.metadata_records: list[MetadataRecord] = []
        self._scratch = scratch
        self._staging: Staging | None = None
        self._parts: dict[int, StorageFile] = {}
        self._looked_at: set[int] = set()

    def close(self) -> None:
        """Let go of all that was opened, and of what was made for it."""
        for part in self._parts.values():
            part.close()
        self._parts.clear()
        self._looked_at.clear()
        staging, self._staging = self._staging, None
        if staging is not None:
            staging.close()

    def opened(self) -> list[StorageFile]:
        """Those that are open."""
        return list(self._parts.values())

    def find(self) -> None:
        """Which files there are, and what metadata.yaml says."""
        if not self.path.is_dir():
            self.paths = [self.path]
            if not found.is_recording(self.path):
                raise InputError(f'its name ends in {self.path.suffix!r}')
        elif text := self._metadata_text():
            self.told = metadata.parsed(text)
            self.paths = [self.path / name for name in self.told.files]
            absent = [path.name for path in self.paths if not path.is_file()]
            if absent:
                raise InputError(f'{", ".join(absent)} is absent')
        else:
            self.paths = found.parts_of(self.path)
            if not self.paths:
                raise InputError(f'it holds no {metadata.FILE_NAME}, nor files of one recording')
            self.losses.append(
                f'There is no {metadata.FILE_NAME}, or it is empty: the recording broke off, and '
                'what had not '
                'been written by then is lost.'
            )

    def _metadata_text(self) -> str:
        """What is in metadata.yaml; '' if there is none, or nothing had been written into it."""
        path = self.path / metadata.FILE_NAME
        return path.read_text(encoding='utf-8').strip('\0 \r\n') if path.is_file() else ''

    def skip_what_is_empty(self) -> None:
        """A recorder that was killed may leave a file that it hadn't begun to fill."""
        empty = [path for path in self.paths if not path.stat().st_size]
        if empty and len(empty) < len(self.paths):
            self.paths = [path for path in self.paths if path not in empty]
            self.losses.append(f'{", ".join(path.name for path in empty)} is empty.')

    def skip_what_broke_at_once(self) -> None:
        """The last file may have broken off before there was anything to be read in it."""
        last = len(self.paths) - 1
        if last > 0:
            try:
                self.part(last)
            except InputError as error:
                self.losses.append(f'Nothing of {self.paths[last].name} could be saved: {error}.')
                del self.paths[last]

    def part(self, number: int) -> StorageFile:
        """One of the files; of compressed ones only the last that was asked for is kept."""
        if number in self._parts:
            return self._parts[number]
        path = self.paths[number]
        losses: list[str] = []
        if path.suffix == found.ZIPPED:
            for key, other in list(self._parts.items()):
                if self.paths[key].suffix == found.ZIPPED:
                    other.close()
                    other.path.unlink(missing_ok=True)
                    del self._parts[key]
            opened = self._folder() / found.bare(path).name
            losses += zipped.unpack(path, opened, may_break=self.told is None)
        else:
            opened = path
        part = self._opened(opened)
        part.losses[:0] = losses
        self.losses += [text for text in part.losses if text not in self.losses]
        if isinstance(part, Ros1File) and ros1_file.NOTE not in self.notes:
            self.notes.append(ros1_file.NOTE)
        if number not in self._looked_at:
            self._looked_at.add(number)
            self.attachments += part.attachments
            self.metadata_records += part.metadata_records
        self._parts[number] = part
        return part

    def _opened(self, path: Path) -> StorageFile:
        if path.name.endswith(found.ROS1):
            return Ros1File(path)
        if path.suffix == '.db3':
            return SqliteFile(path, self._folder, counted=self.told is None)
        return McapFile(path)

    def _folder(self) -> Path:
        if self._staging is None:
            sweep(self._scratch)
            self._staging = Staging(self._scratch, self.path.stem or 'recording')
        return self._staging.folder
