"""Reads recordings as raw messages: copying a message means copying its serialised bytes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.formats.rosbag import (
    beyond,
    beyond_mcap,
    channels,
    found,
    metadata,
    topics,
    zipped,
)
from anonymizer_node.formats.rosbag.definitions import leaves_of, own_types, places_of, typestore_of
from anonymizer_node.formats.rosbag.model import (
    Attachment,
    BagMessage,
    Leaf,
    Packing,
    Place,
    Topic,
    innocent,
)
from anonymizer_node.formats.rosbag.parts import Parts
from anonymizer_node.formats.rosbag.sqlite_file import SqliteFile
from anonymizer_node.formats.rosbag.staging import NoRoomError


class BagReader:
    """Reads a rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file. A context manager.

    A recording that broke off is read up to the break, which `losses` tells. The source is opened
    for reading only, and nothing is made beside it.

    Attributes:
        path: As given.
        topics: What is in it.
        storage: One of `STORAGES`.
        version: Of the metadata, as rosbag2 counts it.
        compression: How rosbag2 compressed it: 'file', 'message', or ''.
        packing: How it lies in its files.
        custom_data: Keys and values that the recorder attached.
        ros_distro: What recorded it, or ''.
        start_ns: Time of the first message.
        duration_ns: From the first to the last.
        count: Messages in all.
        size: Of its files, bytes.
        definitions: Message types and their texts, every one that was found in its files.
        losses: What of it could not be read, as sentences.
        notes: What is otherwise in it than it was recorded, as sentences.
        attachments: Name, media type and size of each file in its MCAP files.
        metadata_records: Of its MCAP files, but for rosbag2's own.
    """

    def __init__(self, path: Path | str, scratch: Path | None = None) -> None:
        """Nothing is opened yet.

        Args:
            path: Of the recording.
            scratch: Where a hidden folder is made for large files that are needed meanwhile, if
                any are; by default the system's folder for such.
        """
        self.path = Path(path)
        self.topics: tuple[Topic, ...] = ()
        self.storage = 'mcap'
        self.version = 8
        self.compression = ''
        self.packing = Packing()
        self.custom_data: dict[str, str] = {}
        self.ros_distro = ''
        self.start_ns = self.duration_ns = self.count = self.size = 0
        self.types: Typestore = get_typestore(Stores.EMPTY)
        self._files = Parts(self.path, scratch or Path(tempfile.gettempdir()))
        self.losses = self._files.losses
        self.notes = self._files.notes
        self.attachments = self._files.attachments
        self.metadata_records = self._files.metadata_records
        self.definitions: tuple[tuple[str, str], ...] = ()
        self._disputed: frozenset[str] = frozenset()
        self._open = False

    def __enter__(self) -> BagReader:
        """Open it.

        Raises:
            InputError: If there is no such path, or it isn't a readable bag.
        """
        if not self.path.exists():
            raise InputError(f'{str(self.path)!r} does not exist; give the path of a recording.')
        try:
            self._files.find()
            self.size = sum(path.stat().st_size for path in self._files.paths)
            self._describe()
        except NoRoomError:  # It says nothing against the recording.
            self._close()
            raise
        except Exception as error:  # The edge to parsers that aren't ours, and damaged files make
            # them raise nearly anything: errors of storage and decompressor, struct.error,
            # MemoryError at a length that lies.
            self._close()
            said = str(error).rstrip('. ') or type(error).__name__
            raise InputError(
                f'{str(self.path)!r} is not a readable recording: {said}. '
                'Give a rosbag2 directory, a .mcap, a .db3 or a ROS 1 .bag file; '
                '"ros2 bag reindex", "mcap recover" and "rosbag reindex" mend damaged ones.'
            ) from error
        self._open = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._open = False
        self._files.close()

    @property
    def expected_bytes(self) -> int:
        """About what writing it again as it is takes, with what is needed meanwhile."""
        return self.expected_bytes_as(self.packing)

    def expected_bytes_as(self, packing: Packing) -> int:
        """About what writing it again takes, packed like that, with what is needed meanwhile.

        How much is in messages that were compressed one by one only reading all of them would tell.
        """
        sizes = [zipped.whole_size(path) for path in self._files.paths]
        whole = sum(sizes) + sum(part.saved_bytes for part in self._files.opened())
        written = whole if packing.compression == 'none' else self.size
        # One file as it is without compression is there meanwhile: to be read by either pass, and
        # as written.
        copies = 2 * (self.compression == 'file') + (packing.compression == 'file')
        return written + copies * max(sizes, default=0)

    @property
    def words(self) -> channels.Words:
        """What is said of channels, each word once: one that is there again shows nothing more."""
        return channels.each_once(self.topics)

    @property
    def words_are_innocent(self) -> bool:
        """Whether these are no picture, the custom data taken with them."""
        custom = list(self.custom_data.items())
        return innocent([*(custom if innocent(custom) else ()), *self.words])

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that its messages are in."""
        return tuple(self._files.paths)

    def messages(self) -> Iterator[BagMessage]:
        """All messages in the order of the recording. May be called again.

        Raises:
            InputError: If the recording is damaged further on.
        """
        assert self._open, 'BagReader is a context manager'
        try:
            for number in range(len(self._files.paths)):
                part = self._files.part(number)
                by_channel = topics.by_channel(part, self.topics, self.definitions, self._disputed)
                for stored in part.messages():
                    packed = self.compression == 'message'
                    data = zipped.message(stored.data) if packed else stored.data
                    yield BagMessage(
                        by_channel[stored.channel],
                        stored.time_ns,
                        data,
                        stored.publish_ns,
                        stored.sequence,
                        number,
                    )
        except NoRoomError:
            raise
        except Exception as error:  # As in __enter__; what the consumer raises doesn't come by.
            said = str(error).rstrip('. ')
            raise InputError(
                f'{str(self.path)!r} is damaged: {type(error).__name__}: {said}. '
                '"ros2 bag reindex" and "mcap recover" save what can be.'
            ) from error

    def read_attachments(self) -> Iterator[Attachment]:
        """The files in its MCAP files."""
        for number in range(len(self._files.paths)):
            yield from self._files.part(number).read_attachments()

    def beyond(self, definitions: Collection[tuple[str, str]] = ()) -> Iterator[tuple[str, str]]:
        """What its files hold besides what is read from them: name of a file, and what, in words.

        Reads all of it.

        Args:
            definitions: Types and texts that it may hold besides those of its topics.
        """
        texts = {(topic.msgtype, topic.definition) for topic in self.topics} | set(definitions)
        text_file = self.path / metadata.FILE_NAME
        if text_file.is_file():
            said = beyond.beyond_metadata(text_file.read_text(encoding='utf-8'), self.topics)
            if said:
                yield text_file.name, said
        for number, path in enumerate(self._files.paths):
            part = self._files.part(number)
            said = beyond.beyond_zstd(path) if path.suffix == found.ZIPPED else ''
            database = isinstance(part, SqliteFile)
            look = beyond.beyond_database if database else beyond_mcap.beyond_mcap
            said = said or look(part.path, self.topics, texts)
            if self.compression == 'message':
                packed = (beyond.beyond_message(stored.data) for stored in part.messages())
                said = said or next(filter(None, packed), '')
            if said:
                yield path.name, said

    def decode(self, msgtype: str, data: bytes | bytearray | memoryview) -> Any:
        """A message from CDR. Arrays in it are views of `data`, writable if that is.

        Raises:
            FrameError: If the bytes aren't such a message.
        """
        try:
            return self.types.deserialize_cdr(memoryview(data), msgtype)
        except Exception as error:  # As in __enter__: these bytes may be anything.
            raise FrameError(f'A message is no readable {msgtype}: {error}') from error

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

    def encode(self, msgtype: str, message: Any, like: bytes) -> bytes:
        """A message to CDR, in the byte order of the message that it was made from."""
        return bytes(self.types.serialize_cdr(message, msgtype, little_endian=bool(like[1])))

    def leaves(self, msgtype: str) -> list[Leaf] | None:
        """Every field at the bottom of a type, or None if the type's definition is unknown."""
        fields = self.types.fielddefs
        try:
            return list(leaves_of(msgtype, fields))
        except (KeyError, RecursionError):  # The latter of a type that holds itself.
            return None

    def places(self, msgtype: str, wanted: Collection[str]) -> tuple[Place, ...]:
        """Where in a type others are; () too if its definition is unknown."""
        try:
            return tuple(places_of(msgtype, self.types.fielddefs, wanted))
        except (KeyError, RecursionError):
            return ()

    def _describe(self) -> None:
        told = self._files.told
        if told is None:
            self._files.skip_what_is_empty()
            told, found_topics = topics.added_up(self._files)
        else:
            found_topics = topics.defined(self._files, told)
        self.topics = topics.without_false_hashes(found_topics, self.losses)
        self.definitions = tuple(dict.fromkeys(self._files.definitions))
        self._disputed = own_types(self.definitions)[1]
        self.types = typestore_of(self.definitions)
        self.storage, self.version = told.storage, told.version
        self.compression, self.custom_data = told.compression, told.custom_data
        self.ros_distro, self.count = told.ros_distro, told.count
        if self.count:
            self.start_ns, self.duration_ns = told.start_ns, told.duration_ns
        elif self.losses and any(part.losses for part in self._files.opened()):
            raise InputError(f'nothing of it could be saved: {" ".join(self.losses)}')
        chunks = {part.chunk_compression for part in self._files.opened()} - {''}
        numbered = any(re.search(r'_\d+$', found.bare(path).stem) for path in self._files.paths)
        self.packing = Packing(
            self.storage,
            self.compression or (sorted(chunks)[0] if chunks else 'none'),
            numbered=numbered or len(self._files.paths) > 1,
        )
