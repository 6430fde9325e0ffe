"""A ROS 1 bag, read as if rosbag2 had recorded it: types, definitions and bytes converted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rosbags.convert.converter import is_same_wireformat, migrate_bytes
from rosbags.interfaces import Connection, ConnectionExtRosbag1
from rosbags.rosbag1 import Reader
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from anonymizer_node.formats.rosbag import metadata
from anonymizer_node.formats.rosbag.model import (
    Attachment,
    MetadataRecord,
    Stored,
    Topic,
    qos_profile,
)

RENAMED = {'tf/msg/tfMessage': 'tf2_msgs/msg/TFMessage'}
_HEADER = 'std_msgs/msg/Header'

NOTE = (
    'The source is a ROS 1 bag: its message types are those of ROS 2 in the output, and what these '
    'lack (header.seq) is not there.'
)


class Ros1File:
    """See `reader.StorageFile`."""

    def __init__(self, path: Path) -> None:
        """Look at it.

        Raises:
            Exception: Whatever the parser raises: it is no ROS 1 bag, or was not closed.
        """
        self.path = path
        self.topics: list[Topic] = []
        self.losses: list[str] = []
        self.told: metadata.Metadata | None = None
        self.chunk_compression = ''
        self.metadata_records: list[MetadataRecord] = []
        self.attachments: list[tuple[str, str, int]] = []
        self.first_ns, self.last_ns = 2**63 - 1, 0
        self._converters: dict[int, Callable[[bytes], bytes]] = {}
        with Reader(path) as reader:
            self._describe(reader)
            self.count = sum(topic.count for topic in self.topics)
            if self.count:
                self.first_ns, self.last_ns = reader.start_time, reader.end_time - 1

    def messages(self) -> Iterator[Stored]:
        """All messages by time, converted."""
        with Reader(self.path) as reader:
            wanted = [item for item in reader.connections if item.id in self._converters]
            if not wanted:
                return
            for connection, time_ns, data in reader.messages(wanted):
                converted = self._converters[connection.id](data)
                yield Stored(connection.id, time_ns, converted, time_ns)

    def read_attachments(self) -> Iterator[Attachment]:
        """None: ROS 1 bags hold no others."""
        return iter(())

    def close(self) -> None:
        """Nothing is held."""

    def _describe(self, reader: Reader) -> None:
        before, after = _stores(reader.connections)
        cache: dict[str, object] = {}
        for connection in reader.connections:
            old = connection.msgtype
            new = RENAMED.get(old, old)
            count = sum(info.connection_counts.get(connection.id, 0) for info in reader.chunk_infos)
            try:
                definition = after.generate_msgdef(new, ros_version=2)[0]
                type_hash = after.hash_rihs01(new)
                self._converters[connection.id] = _converter(before, after, old, new, cache)
            except (KeyError, TypesysError):
                self.losses.append(
                    f'{connection.topic} is left out with its {count} messages: the bag holds no '
                    f'readable definition of {old}, without which they can not be converted.'
                )
                continue
            extension = connection.ext
            assert isinstance(extension, ConnectionExtRosbag1)
            qos = qos_profile(reliable=True, latched=bool(extension.latching))
            self.topics.append(
                Topic(
                    connection.topic,
                    new,
                    count,
                    (qos,),
                    definition,
                    type_hash,
                    connection.id,
                )
            )


def _stores(connections: list[Connection]) -> tuple[Typestore, Typestore]:
    """The types as ROS 1 knows them, by the bag's own definitions, and as ROS 2 does."""
    before = get_typestore(Stores.EMPTY)
    known: dict[str, Any] = {}
    for connection in connections:
        if connection.msgdef.data.strip() or connection.msgtype == 'std_msgs/msg/Empty':
            with contextlib.suppress(TypesysError):
                known.update(get_types_from_msg(connection.msgdef.data, connection.msgtype))
    before.register({**get_typestore(Stores.ROS1_NOETIC).fielddefs, **known})
    after = get_typestore(Stores.LATEST)
    own = {
        name: fields
        for name, fields in known.items()
        if RENAMED.get(name, name) not in after.fielddefs and name != _HEADER
    }
    after.register(own)
    return before, after


def _converter(
    before: Typestore, after: Typestore, old: str, new: str, cache: dict[str, object]
) -> Callable[[bytes], bytes]:
    if is_same_wireformat(before, after, old, new):
        return lambda data: bytes(after.ros1_to_cdr(data, new))
    migrate = partial(migrate_bytes, before, after, old, new, cache, src_is2=False, dst_is2=True)
    return lambda data: bytes(migrate(data))
