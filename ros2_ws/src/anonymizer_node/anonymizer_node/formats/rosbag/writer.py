"""Writes rosbag2 recordings that appear whole or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import zstandard
from rosbags.interfaces import Qos

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import metadata, zipped
from anonymizer_node.formats.rosbag.found import ZIPPED
from anonymizer_node.formats.rosbag.message_types import MessageTypes
from anonymizer_node.formats.rosbag.model import (
    ENDINGS,
    STORAGES,
    UNKNOWN_HASH,
    Attachment,
    BagMessage,
    MetadataRecord,
    Packing,
    Topic,
    innocent,
)
from anonymizer_node.formats.rosbag.reader import BagReader
from anonymizer_node.formats.rosbag.staging import (
    NO_ROOM,
    Staging,
    require_space,
    send,
    sweep,
    sync,
    sync_tree,
)
from anonymizer_node.formats.rosbag.storage_writers import STORAGE_WRITERS, StorageWriter

_UNWRITABLE = (sqlite3.Error, OSError, OverflowError, struct.error)
"""The latter two of times that a storage can't hold."""


_SENT_BYTES = 1 << 23
"""So much is written before the disk is told to take it, so that little is left for the end."""


class BagWriter(MessageTypes):
    """Writes a rosbag2 directory that appears whole or not at all. A context manager.

    Everything is written into a hidden folder beside the target, synced, and renamed at the end.
    On an exception the folder is removed and the target never existed; what a killed run left is
    removed by the next one beside it.

    Attributes:
        path: The target directory.
        folder: Where it is being written; extra files that belong to the bag go in here.
    """

    def __init__(
        self,
        path: Path | str,
        storage: str = 'mcap',
        version: int = 8,
        packing: Packing | None = None,
        ros_distro: str = '',
        expected_bytes: int = 0,
    ) -> None:
        """A new recording.

        Args:
            path: Its directory.
            storage: One of `STORAGES`; `packing` goes before it.
            version: Of the metadata: 9 isn't read before Jazzy.
            packing: How it lies in its files.
            ros_distro: What recorded it.
            expected_bytes: What it will take, checked before anything is written.
        """
        assert storage in STORAGES, storage
        super().__init__()
        self.path = Path(path)
        self.folder = self.path
        self._packing = packing or Packing(storage)
        self._version = 9 if version >= 9 else 8
        self._ros_distro = ros_distro or 'rosbags'
        self._expected_bytes = expected_bytes
        self._made: list[Path] = []
        self._staging: Staging | None = None
        self._storage: StorageWriter | None = None
        self._topics: list[Topic] = []
        self._counts: Counter[int] = Counter()
        self._custom_data: dict[str, str] = {}
        self._with_words = False
        self._files: list[metadata.FileSpan] = []
        self._part = self._sent = 0
        self._compress = zstandard.ZstdCompressor().compress

    @classmethod
    def like(cls, reader: BagReader, path: Path | str, packing: Packing | None = None) -> BagWriter:
        """One with the storage, compression, versions and custom data of another recording.

        Args:
            reader: Of the other one, open.
            path: The new directory.
            packing: In place of the other one's.
        """
        packing = packing or reader.packing
        writer = cls(
            path,
            packing.storage,
            reader.version,
            packing,
            reader.ros_distro,
            reader.expected_bytes_as(packing),
        )
        if innocent(reader.custom_data.items()):
            writer.set_custom_data(reader.custom_data)
        writer._with_words = reader.words_are_innocent
        return writer

    def __enter__(self) -> BagWriter:
        """Begin.

        Raises:
            InputError: If the target exists, its parent can't be written to, or there is less room
                than it will take.
        """
        sweep(self.path.parent)
        if self.path.exists() or self.path.is_symlink():
            raise InputError(
                f'{str(self.path)!r} exists already and is not overwritten; '
                'remove it or name another target.'
            )
        self._made = [folder for folder in self.path.parents if not folder.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._expected_bytes:
                require_space(self.path.parent, self._expected_bytes, 'Writing the recording')
            self._staging = Staging(self.path.parent, self.path.name)
            # rosbag2 names the storage file after its folder, so the folder has its final name.
            self.folder = self._staging.folder / self.path.name
            self.folder.mkdir()
            self._begin_file()
        except _UNWRITABLE as error:
            self._remove()
            raise InputError(
                f'{str(self.path.parent)!r} can not be written to: {error}. Name another target.'
            ) from error
        except BaseException:  # Whatever it is, it leaves nothing behind.
            self._remove()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                self._finish()
                self._appear()
            elif isinstance(exc, OSError) and exc.errno in NO_ROOM:
                # From one of the files that belong to the bag.
                raise self._unwritable(exc) from exc
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error
        finally:
            if self._storage is not None:
                # On the way out of another error, that one is the one to report.
                with contextlib.suppress(*_UNWRITABLE):
                    self._storage.abort()
            self._remove()

    def _remove(self) -> None:
        """Whatever is not the finished target."""
        staging, self._staging = self._staging, None
        if staging is not None:
            staging.close()
        for folder in self._made:
            with contextlib.suppress(OSError):  # It isn't empty: the target is in it.
                folder.rmdir()

    def _unwritable(self, error: Exception) -> InputError:
        return InputError(
            f'{str(self.path)!r} can not be written: {error}. Nothing of it was kept; '
            'make room or name another target.'
        )

    def _appear(self) -> None:
        sync_tree(self.folder)
        if self.path.exists():
            raise InputError(f'{str(self.path)!r} has come into being meanwhile.')
        self.folder.rename(self.path)
        sync(self.path.parent)

    def set_custom_data(self, values: Mapping[str, str]) -> None:
        """Attach keys and values to the bag."""
        self._custom_data.update(values)

    def add_topic(
        self,
        name: str,
        msgtype: str,
        qos: Sequence[Qos] = (),
        definition: str = '',
        type_hash: str = '',
        language: str = '',
        words: Sequence[tuple[str, str]] = (),
    ) -> Topic:
        """Announce a topic; without a definition, that of the newest ROS that rosbags knows."""
        assert self._storage is not None, 'BagWriter is a context manager'
        known = msgtype in self.types.fielddefs
        if not definition and known:
            definition, language = self.types.generate_msgdef(msgtype, ros_version=2)[0], ''
        if not type_hash:
            type_hash = self.types.hash_rihs01(msgtype) if known else UNKNOWN_HASH
        key = len(self._topics) + 1
        topic = Topic(
            name, msgtype, 0, tuple(qos), definition, type_hash, key, language, tuple(words)
        )
        self._topics.append(topic)
        try:
            self._storage.add_topic(topic, metadata.qos_text(topic.qos, self._version))
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error
        return topic

    def add_like(self, topic: Topic) -> Topic:
        """Announce a topic as it was in another bag, by `like`."""
        return self.add_topic(
            topic.name,
            topic.msgtype,
            topic.qos,
            topic.definition,
            topic.type_hash,
            topic.language,
            topic.words if self._with_words else (),
        )

    def add_record(self, record: MetadataRecord) -> None:
        """Put words into the MCAP file that is being written."""
        self._add(lambda storage: storage.add_record(record))

    def add_attachment(self, attachment: Attachment) -> None:
        """Put a file into the MCAP file that is being written."""
        self._add(lambda storage: storage.add_attachment(attachment))

    def _add(self, what: Callable[[StorageWriter], None]) -> None:
        assert self._storage is not None, 'BagWriter is a context manager'
        try:
            what(self._storage)
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error

    def write(
        self,
        topic: Topic,
        time_ns: int,
        data: bytes | bytearray | memoryview,
        like: BagMessage | None = None,
    ) -> None:
        """Append a message in CDR.

        Args:
            topic: As announced here.
            time_ns: When it was received, nanoseconds.
            data: The message in CDR.
            like: The message that it was made from. It has that one's publish time and sequence
                number, and a new file is begun where that one's recording began one.
        """
        assert self._storage is not None, 'BagWriter is a context manager'
        try:
            self._move_on(like, time_ns)
            if self._packing.compression == 'message':
                data = self._compress(bytes(data))
            publish_ns, sequence = (like.publish_ns, like.sequence) if like else (time_ns, 0)
            self._storage.write(topic.key, time_ns, data, publish_ns, sequence)
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error
        # Of a file that is compressed when it is finished only the result has to be on the disk.
        due = self._storage.size >= self._sent + _SENT_BYTES
        if due and self._packing.compression != 'file':
            send(self.folder / self._files[-1].name, self._sent)
            self._sent = self._storage.size
        self._files[-1].add(time_ns)
        self._counts[topic.key] += 1

    def _move_on(self, like: BagMessage | None, time_ns: int) -> None:
        """Begin a new file if the next message belongs into one."""
        assert self._storage is not None
        if self._packing.split_bytes:
            due = self._storage.size >= self._packing.split_bytes and self._files[-1].count > 0
            if like is not None and like.part > self._part:
                self._part = like.part
                # Within a file all are read by time, and in the recording this one came later.
                due = due or (self._files[-1].count > 0 and time_ns < self._files[-1].last_ns)
        else:
            due = like is not None and like.part > self._part
            if due and like is not None:
                self._part = like.part
                # Of a file of which nothing may be written there is none.
                due = self._files[-1].count > 0
        if due:
            self._finish_file()
            self._begin_file()

    def _begin_file(self) -> None:
        number = f'_{len(self._files)}' if self._packing.numbered or self._files else ''
        name = f'{self.path.name}{number}{ENDINGS[self._packing.storage]}'
        self._files.append(metadata.FileSpan(name))
        self._sent = 0
        chunks = self._packing.compression
        self._storage = STORAGE_WRITERS[self._packing.storage](
            self.folder / name, chunks, self._ros_distro
        )
        for topic in self._topics:
            self._storage.add_topic(topic, metadata.qos_text(topic.qos, self._version))

    def _finish_file(self) -> None:
        assert self._storage is not None
        storage, path = self._storage, self.folder / self._files[-1].name
        storage.close(self._version, self._described(rooted=False))
        self._storage = None
        if self._packing.compression == 'file':
            target = path.with_name(path.name + ZIPPED)
            zipped.pack(path, target)
            self._files[-1] = replace(self._files[-1], name=target.name)

    def _finish(self) -> None:
        self._finish_file()
        (self.folder / metadata.FILE_NAME).write_text(self._described(), encoding='utf-8')

    def _described(self, rooted: bool = True) -> str:
        topics = [topic._replace(count=self._counts[topic.key]) for topic in self._topics]
        return metadata.dumped(
            self._version,
            self._packing,
            topics,
            self._files,
            self._custom_data,
            self._ros_distro,
            rooted,
        )
