"""The storage files of a recording that is being written, one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import zstandard

from anonymizer_node.formats.rosbag import metadata, zipped
from anonymizer_node.formats.rosbag.found import ZIPPED
from anonymizer_node.formats.rosbag.model import ENDINGS, BagMessage, Packing, Topic
from anonymizer_node.formats.rosbag.staging import send
from anonymizer_node.formats.rosbag.storage_writers import STORAGE_WRITERS, StorageWriter

_SENT_BYTES = 1 << 23
"""So much is written before the disk is told to take it, so that little is left for the end."""


class FileSeries:
    """Begins files, compresses them when they are done, and knows what is in them.

    Whatever a storage raises comes out as it is: `OSError`, `sqlite3.Error`, and errors of numbers
    that it can't hold.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        packing: Packing,
        version: int,
        ros_distro: str,
        custom_data: Mapping[str, str],
    ) -> None:
        """Begin the first file.

        Args:
            folder: Where; it exists.
            name: Of the recording, after which its files are named.
            packing: How it lies in them.
            version: Of the metadata.
            ros_distro: What recorded it.
            custom_data: Of the recording; what is in it when a file ends counts.
        """
        self._folder = folder
        self._name = name
        self._packing = packing
        self._version = version
        self._ros_distro = ros_distro
        self._custom_data = custom_data
        self._topics: list[Topic] = []
        self._counts: Counter[int] = Counter()
        self._files: list[metadata.FileSpan] = []
        self._part = self._sent = 0
        self._compress = zstandard.ZstdCompressor().compress
        self._storage: StorageWriter | None = None
        self._begin_file()

    @property
    def storage(self) -> StorageWriter:
        """The file that is being written."""
        assert self._storage is not None, 'it is finished'
        return self._storage

    def next_key(self) -> int:
        """Of the next topic."""
        return len(self._topics) + 1

    def add_topic(self, topic: Topic) -> None:
        """Announce a topic, in this file and in those to come."""
        self._topics.append(topic)
        self.storage.add_topic(topic, metadata.qos_text(topic.qos, self._version))

    def write(
        self,
        topic: Topic,
        time_ns: int,
        data: bytes | bytearray | memoryview,
        like: BagMessage | None,
    ) -> None:
        """Append a message; see `BagWriter.write`."""
        self._move_on(like, time_ns)
        if self._packing.compression == 'message':
            data = self._compress(bytes(data))
        publish_ns, sequence = (like.publish_ns, like.sequence) if like else (time_ns, 0)
        self.storage.write(topic.key, time_ns, data, publish_ns, sequence)
        # Of a file that is compressed when it is finished only the result has to be on the disk.
        due = self.storage.size >= self._sent + _SENT_BYTES
        if due and self._packing.compression != 'file':
            send(self._folder / self._files[-1].name, self._sent)
            self._sent = self.storage.size
        self._files[-1].add(time_ns)
        self._counts[topic.key] += 1

    def finish(self) -> None:
        """End the last file, and say what there is in all of them."""
        self._finish_file()
        (self._folder / metadata.FILE_NAME).write_text(self._described(), encoding='utf-8')

    def abort(self) -> None:
        """Leave the file unfinished."""
        if self._storage is not None:
            self._storage.abort()

    def _move_on(self, like: BagMessage | None, time_ns: int) -> None:
        """Begin a new file if the next message belongs into one."""
        if self._packing.split_bytes:
            due = self.storage.size >= self._packing.split_bytes and self._files[-1].count > 0
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
        name = f'{self._name}{number}{ENDINGS[self._packing.storage]}'
        self._files.append(metadata.FileSpan(name))
        self._sent = 0
        self._storage = STORAGE_WRITERS[self._packing.storage](
            self._folder / name, self._packing.compression, self._ros_distro
        )
        for topic in self._topics:
            self._storage.add_topic(topic, metadata.qos_text(topic.qos, self._version))

    def _finish_file(self) -> None:
        storage, path = self.storage, self._folder / self._files[-1].name
        storage.close(self._version, self._described(rooted=False))
        self._storage = None
        if self._packing.compression == 'file':
            target = path.with_name(path.name + ZIPPED)
            zipped.pack(path, target)
            self._files[-1] = replace(self._files[-1], name=target.name)

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
