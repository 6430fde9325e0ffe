"""rosbag2 recordings, read and written as raw messages. The only module that imports rosbags.

Copying a message means copying its serialised bytes; only messages that a codec edits are ever
deserialised.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import (
    Connection,
    MessageDefinition,
    MessageDefinitionFormat,
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer, WriterError
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.store import Typestore

from anonymizer_node.core.errors import FrameError, InputError

STORAGES = ('mcap', 'sqlite3')
UNKNOWN_HASH = 'RIHS01_' + '0' * 64
"""Written for a type whose definition the source doesn't hold, such as those of Humble's .db3."""

_UNWRITABLE = (WriterError, sqlite3.Error, OSError)
_IDL_SEPARATOR = '=' * 80 + '\n'


class Topic(NamedTuple):
    """One topic of a bag as one publisher offered it. A topic with two QoS is two of these.

    Attributes:
        name: Absolute name.
        msgtype: Such as 'sensor_msgs/msg/Image'.
        count: Messages in the bag.
        qos: Offered QoS profiles.
        definition: The message definition's text, or ''.
        type_hash: REP 2011 hash, or ''.
        key: Tells this entry from the other entries of its bag.
    """

    name: str
    msgtype: str
    count: int = 0  # type: ignore[assignment]  # Hides tuple.count, which nobody needs here.
    qos: tuple[Qos, ...] = ()
    definition: str = ''
    type_hash: str = ''
    key: int = 0


class BagMessage(NamedTuple):
    """One recorded message.

    Attributes:
        topic: Where it was recorded.
        time_ns: When it was received, nanoseconds.
        data: The message in CDR.
    """

    topic: Topic
    time_ns: int
    data: bytes


class Leaf(NamedTuple):
    """A field at the bottom of a message type.

    Attributes:
        path: Such as 'image.data'.
        base: Such as 'uint8' or 'string'.
        most: Elements it can hold: 1, an array's length, or 0 for a sequence without bound. An
            array within arrays of messages counts as all of them together.
        within: The message types around it, outermost first.
    """

    path: str
    base: str
    most: int
    within: tuple[str, ...]


class BagReader:
    """Reads a rosbag2 directory, a .mcap or a .db3 file. A context manager.

    Attributes:
        path: As given.
        topics: What is in it.
        storage: One of `STORAGES`.
        version: Of the metadata, as rosbag2 counts it.
        compression: How rosbag2 compressed it: 'file', 'message', or ''.
        custom_data: Keys and values that the recorder attached.
        start_ns: Time of the first message.
        duration_ns: From the first to the last.
        count: Messages in all.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.topics: tuple[Topic, ...] = ()
        self.storage = 'mcap'
        self.version = 8
        self.compression = ''
        self.custom_data: dict[str, str] = {}
        self.start_ns = self.duration_ns = self.count = 0
        self.types: Typestore = get_typestore(Stores.EMPTY)
        self._by_connection: dict[int, Topic] = {}
        self._reader: Reader | None = None

    def __enter__(self) -> BagReader:
        """Open it.

        Raises:
            InputError: If there is no such path, or it isn't a readable bag.
        """
        if not self.path.exists():
            raise InputError(f'{str(self.path)!r} does not exist.')
        try:
            self._reader = Reader(self.path)
            self._reader.open()
            self._describe(self._reader)
        except Exception as error:  # The edge to a parser that isn't ours, and damaged files make
            # it raise nearly anything: errors of storage and decompressor, struct.error,
            # MemoryError at a length that lies.
            self._close()
            raise InputError(
                f'{str(self.path)!r} is not a readable rosbag2 recording: {error} '
                'Give a directory with metadata.yaml, a .mcap or a .db3 file; '
                '"ros2 bag reindex" and "mcap recover" mend recordings that broke off.'
            ) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and reader.is_open:
            reader.close()

    def messages(self) -> Iterator[BagMessage]:
        """All messages in the order of the recording.

        Raises:
            InputError: If the recording is damaged further on.
        """
        assert self._reader is not None, 'BagReader is a context manager'
        try:
            for connection, time_ns, data in self._reader.messages():
                yield BagMessage(self._by_connection[connection.id], time_ns, data)
        except Exception as error:  # As in __enter__; what the consumer raises doesn't come by.
            raise InputError(
                f'{str(self.path)!r} is damaged: {type(error).__name__}: {error} '
                '"ros2 bag reindex" and "mcap recover" save what can be.'
            ) from error

    def decode(self, msgtype: str, data: bytes | bytearray | memoryview) -> Any:
        """A message from CDR. Arrays in it are views of `data`, writable if that is.

        Raises:
            FrameError: If the bytes aren't such a message.
        """
        try:
            return self.types.deserialize_cdr(memoryview(data), msgtype)
        except Exception as error:  # As in __enter__: these bytes may be anything.
            raise FrameError(f'A message is no readable {msgtype}: {error}') from error

    def encode(self, msgtype: str, message: Any, like: bytes) -> bytes:
        """A message to CDR, in the byte order of the message that it was made from."""
        return bytes(self.types.serialize_cdr(message, msgtype, little_endian=bool(like[1])))

    def leaves(self, msgtype: str) -> list[Leaf] | None:
        """Every field at the bottom of a type, or None if the type's definition is unknown."""
        fields = self.types.fielddefs
        try:
            return list(_leaves(msgtype, fields))
        except (KeyError, RecursionError):  # The latter of a type that holds itself.
            return None

    def teach(self, definitions: Mapping[str, str]) -> None:
        """Make types known that the recording doesn't define: Humble's .db3 define none.

        Args:
            definitions: Type -> text of its message definition.
        """
        unknown: dict[str, Any] = {}
        for msgtype, text in definitions.items():
            if msgtype not in self.types.fielddefs:
                unknown.update(get_types_from_msg(text, msgtype))
        self.types.register(unknown)

    def _describe(self, reader: Reader) -> None:
        self.types = _typestore(
            {(connection.msgtype, connection.msgdef) for connection in reader.connections}
        )
        topics = []
        for connection in reader.connections:
            topic = Topic(
                connection.topic,
                connection.msgtype,
                connection.msgcount,
                tuple(getattr(connection.ext, 'offered_qos_profiles', ())),
                connection.msgdef.data,
                connection.digest,
                connection.id,
            )
            topics.append(topic)
            self._by_connection[connection.id] = topic
        self.topics = tuple(topics)
        self.count = reader.message_count
        if self.count:
            self.start_ns, self.duration_ns = reader.start_time, reader.duration - 1
        self.compression = reader.compression_mode or ''
        self.storage = 'sqlite3' if self.path.suffix == '.db3' else 'mcap'
        metadata = self.path / 'metadata.yaml'
        if metadata.is_file():
            text = metadata.read_text(encoding='utf-8')
            if re.search(r'^\s*storage_identifier:\s*["\']?sqlite3', text, re.MULTILINE):
                self.storage = 'sqlite3'
            version = re.search(r'^\s*version:\s*(\d+)', text, re.MULTILINE)
            self.version = int(version.group(1)) if version else 8
        custom = getattr(reader.storage.metadata, 'custom', None) or {}
        self.custom_data = {str(key): str(value) for key, value in custom.items()}


class BagWriter:
    """Writes a rosbag2 directory that appears whole or not at all. A context manager.

    Everything is written into a hidden folder beside the target, synced, and renamed at the end.
    On an exception the folder is removed and the target never existed.

    Attributes:
        path: The target directory.
        folder: Where it is being written; extra files that belong to the bag go in here.
        types: Typestore for making messages, `types.types['std_msgs/msg/String'](...)`.
    """

    def __init__(self, path: Path | str, storage: str = 'mcap', version: int = 8) -> None:
        """Args as named; `version` is that of the metadata: 9 isn't read before Jazzy."""
        self.path = Path(path)
        self.types: Typestore = get_typestore(Stores.LATEST)
        self.folder = self.path
        self._version: Any = 9 if version >= 9 else 8
        self._storage = StoragePlugin[storage.upper()]
        self._connections: dict[int, Connection] = {}
        self._beside = self.path
        self._made: list[Path] = []
        self._writer: Writer | None = None

    def __enter__(self) -> BagWriter:
        """Begin.

        Raises:
            InputError: If the target exists, or its parent can't be written to.
        """
        if self.path.exists() or self.path.is_symlink():
            raise InputError(
                f'{str(self.path)!r} exists already and is not overwritten; '
                'remove it or name another target.'
            )
        self._made = [folder for folder in self.path.parents if not folder.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._beside = Path(
                tempfile.mkdtemp(prefix=f'.{self.path.name}.part-', dir=self.path.parent)
            )
            # rosbag2 names the storage file after its folder, so the folder has its final name.
            self.folder = self._beside / self.path.name
            self._writer = Writer(self.folder, version=self._version, storage_plugin=self._storage)
            self._writer.open()
        except _UNWRITABLE as error:
            self._remove()
            raise InputError(
                f'{str(self.path.parent)!r} can not be written to: {error}. Name another target.'
            ) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._writer is not None, 'BagWriter is a context manager'
        try:
            if exc_type is None:
                self._writer.close()
                self._appear()
            else:
                self._writer.abort()
        except _UNWRITABLE as error:
            # On the way out of another error, that one is the one to report.
            if exc_type is None:
                raise self._unwritable(error) from error
        finally:
            self._remove()

    def _remove(self) -> None:
        """Whatever is not the finished target."""
        if self._beside != self.path:
            shutil.rmtree(self._beside, ignore_errors=True)
        for folder in self._made:
            with contextlib.suppress(OSError):  # It isn't empty: the target is in it.
                folder.rmdir()

    def _unwritable(self, error: Exception) -> InputError:
        return InputError(
            f'{str(self.path)!r} can not be written: {error}. Nothing of it was kept; '
            'make room or name another target.'
        )

    def _appear(self) -> None:
        for file in self.folder.iterdir():
            _sync(file)
        _sync(self.folder)
        if self.path.exists():
            raise InputError(f'{str(self.path)!r} has come into being meanwhile.')
        self.folder.rename(self.path)
        _sync(self.path.parent)

    def set_custom_data(self, values: Mapping[str, str]) -> None:
        """Attach keys and values to the bag."""
        assert self._writer is not None, 'BagWriter is a context manager'
        for key, value in values.items():
            self._writer.set_custom_data(key, value)

    def add_topic(
        self,
        name: str,
        msgtype: str,
        qos: Sequence[Qos] = (),
        definition: str = '',
        type_hash: str = '',
    ) -> Topic:
        """Announce a topic; without a definition, that of the newest ROS that rosbags knows."""
        assert self._writer is not None, 'BagWriter is a context manager'
        known = msgtype in self.types.fielddefs
        if not definition and known:
            definition = self.types.generate_msgdef(msgtype, ros_version=2)[0]
        if not type_hash:
            type_hash = self.types.hash_rihs01(msgtype) if known else UNKNOWN_HASH
        connection = self._writer.add_connection(
            name,
            msgtype,
            msgdef=definition,
            rihs01=type_hash,
            offered_qos_profiles=list(qos),
        )
        topic = Topic(name, msgtype, 0, tuple(qos), definition, type_hash, connection.id)
        self._connections[topic.key] = connection
        return topic

    def add_like(self, topic: Topic) -> Topic:
        """Announce a topic as it was in another bag."""
        return self.add_topic(
            topic.name, topic.msgtype, topic.qos, topic.definition, topic.type_hash
        )

    def write(self, topic: Topic, time_ns: int, data: bytes | bytearray | memoryview) -> None:
        """Append a message in CDR."""
        assert self._writer is not None, 'BagWriter is a context manager'
        try:
            self._writer.write(self._connections[topic.key], time_ns, memoryview(data))
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error

    def encode(self, msgtype: str, message: Any) -> bytes:
        """A message to CDR."""
        return bytes(self.types.serialize_cdr(message, msgtype))


def qos_profile(reliable: bool, depth: int = 10, latched: bool = False) -> Qos:
    """A QoS profile as rosbag2 records it."""
    never = QosTime(0, 0)
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        never,
        never,
        QosLiveliness.AUTOMATIC,
        never,
        False,
    )


def _typestore(definitions: Collection[tuple[str, MessageDefinition]]) -> Typestore:
    """The types of a bag by its own definitions, and the usual ones where it has none.

    A definition that is blank or can't be parsed is none: recorders write an empty text for a type
    that they don't know, and read as a definition it would be one of a message without fields.
    """
    own: dict[str, Any] = {}
    for msgtype, definition in definitions:
        if definition.data.strip():
            with contextlib.suppress(TypesysError):
                own.update(_types_of(msgtype, definition))
    store = get_typestore(Stores.LATEST)
    usual = dict(store.fielddefs)
    try:
        store.register(own)
    except TypesysError:
        # One of the usual types was another one in the release that recorded the bag.
        store = get_typestore(Stores.EMPTY)
        store.register({**usual, **own})
    return store


def _types_of(msgtype: str, definition: MessageDefinition) -> dict[str, Any]:
    if definition.format == MessageDefinitionFormat.MSG:
        return dict(get_types_from_msg(definition.data, msgtype))
    types: dict[str, Any] = {}
    if definition.format == MessageDefinitionFormat.IDL:
        for part in filter(None, definition.data.split(_IDL_SEPARATOR)):
            types.update(get_types_from_idl(re.sub(r'\AIDL: .*\n', '', part)))
    return types


def _leaves(
    msgtype: str,
    fields: Mapping[str, Any],
    prefix: str = '',
    within: tuple[str, ...] = (),
    times: int = 1,
) -> Iterator[Leaf]:
    """See `BagReader.leaves`; `times` is how many of `msgtype` there can be, 0 without bound."""
    within = (*within, msgtype)
    for name, (kind, description) in fields[msgtype][1]:
        path, most = f'{prefix}{name}', 1
        many = kind in (Nodetype.ARRAY, Nodetype.SEQUENCE)
        if many:
            (kind, description), most = description
        if kind == Nodetype.NAME:
            yield from _leaves(description, fields, f'{path}.', within, times * most)
        else:
            yield Leaf(path, description[0], times * most if many else 1, within)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
