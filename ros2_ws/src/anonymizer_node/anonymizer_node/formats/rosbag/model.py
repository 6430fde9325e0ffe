"""What a recording is made of, whatever its storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from anonymizer_node.core.errors import ConfigError

STORAGES = ('mcap', 'sqlite3')
ENDINGS = {'mcap': '.mcap', 'sqlite3': '.db3'}
"""Storage -> how its files' names end."""

COMPRESSIONS = ('none', 'file', 'message', 'lz4', 'zstd')
"""What `--compression` takes: rosbag2's own modes, in zstd, and those of an MCAP file's chunks."""

LANGUAGES = ('ros2msg', 'ros2idl', 'omgidl')
"""What the languages of definitions are called. A storage may say anything in that place."""

UNKNOWN_HASH = 'RIHS01_' + '0' * 64
"""Written for a type whose definition the source doesn't hold, such as those of Humble's .db3."""

LEAST_PICTURE = 256
"""Bytes of which a word may be a picture: as a JPEG of a face, small and packed well, needs no more
than some hundreds."""

MOST_WORDS = 4096
"""Bytes that all words of a recording may have together: a picture may lie in many of them."""


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
        language: What the storage calls that of the definition, or '': as the text tells.
        words: What else an MCAP file says of the channel, keys and values.
    """

    name: str
    msgtype: str
    count: int = 0  # type: ignore[assignment]  # Hides tuple.count, which nobody needs here.
    qos: tuple[Qos, ...] = ()
    definition: str = ''
    type_hash: str = ''
    key: int = 0
    language: str = ''
    words: tuple[tuple[str, str], ...] = ()


class BagMessage(NamedTuple):
    """One recorded message.

    Attributes:
        topic: Where it was recorded.
        time_ns: When it was received, nanoseconds.
        data: The message in CDR.
        publish_ns: When it was published; `time_ns` where the storage doesn't know.
        sequence: Its publisher's count, or 0.
        part: Which of the recording's files it is in, from 0.
    """

    topic: Topic
    time_ns: int
    data: bytes
    publish_ns: int = 0
    sequence: int = 0
    part: int = 0


class Stored(NamedTuple):
    """One message as a storage file holds it.

    Attributes:
        channel: The `Topic.key` of its topic within the file.
        time_ns: When it was received, nanoseconds.
        data: As stored: compressed, if rosbag2 compressed message by message.
        publish_ns: When it was published.
        sequence: Its publisher's count, or 0.
    """

    channel: int
    time_ns: int
    data: bytes
    publish_ns: int
    sequence: int = 0


class Attachment(NamedTuple):
    """A file within an MCAP file."""

    name: str
    media_type: str
    log_ns: int
    create_ns: int
    data: bytes


class MetadataRecord(NamedTuple):
    """Words that somebody put into an MCAP file beside the messages."""

    name: str
    values: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Bytes of its words; see `size_of_words`."""
        return size_of_words([(self.name, ''), *self.values])


def size_of_words(values: Iterable[tuple[object, object]]) -> int:
    """Bytes of words in all; more than `MOST_WORDS` if one may be a picture, or is no word."""
    whole = 0
    for word in (item for pair in values for item in pair):
        size = len(word.encode('utf-8', 'surrogatepass')) if isinstance(word, str) else MOST_WORDS
        whole += size if size < LEAST_PICTURE else MOST_WORDS + 1
    return whole


def innocent(values: Iterable[tuple[object, object]]) -> bool:
    """Whether words are too few, and each of them too short, to be a picture."""
    return size_of_words(values) <= MOST_WORDS


def is_hash(text: object) -> bool:
    """Whether this may be the hash of a type, or none was known; longer, it may be a picture."""
    return isinstance(text, str) and len(text) <= len(UNKNOWN_HASH)


class Leaf(NamedTuple):
    """A field at the bottom of a message type.

    Attributes:
        path: Such as 'image.data'.
        base: Such as 'uint8' or 'string'.
        most: Elements it can hold: 1, an array's length, or 0 for a sequence without bound. One
            within arrays of messages counts as all of them together.
        within: The message types around it, outermost first.
        single: Whether it is no array by itself, though it may be within arrays of messages.
    """

    path: str
    base: str
    most: int
    within: tuple[str, ...]
    single: bool = False


class Place(NamedTuple):
    """Where in a message type another type is, or an array of it.

    Attributes:
        path: Names of the fields on the way; () if the message itself is of that type.
        msgtype: The other type.
    """

    path: tuple[str, ...]
    msgtype: str

    def __str__(self) -> str:
        return '.'.join(self.path)


@dataclass(frozen=True)
class Packing:
    """How a recording lies in its files.

    Attributes:
        storage: One of `STORAGES`.
        compression: One of `COMPRESSIONS`; 'lz4' and 'zstd' are an MCAP file's chunks.
        split_bytes: A new file is begun when one has grown to this; 0: where the source began one.
        numbered: Whether the files' names end in their number even if there is but one.
    """

    storage: str = 'mcap'
    compression: str = 'none'
    split_bytes: int = 0
    numbered: bool = False

    def asked(self, storage: str = '', compression: str = '', split_bytes: int = 0) -> Packing:
        """As somebody asked for it; what they left empty is as it is here.

        Raises:
            ConfigError: If they asked for what isn't, or for what doesn't go together.
        """
        for name, value, known in (
            ('storage', storage, STORAGES),
            ('compression', compression, COMPRESSIONS),
        ):
            if value and value not in known:
                raise ConfigError(f'{name} {value!r} is unknown; choose from {", ".join(known)}.')
        chosen = replace(
            self,
            storage=storage or self.storage,
            compression=compression or self.compression,
            split_bytes=split_bytes or self.split_bytes,
            numbered=self.numbered or bool(split_bytes),
        )
        if chosen.storage == 'sqlite3' and chosen.compression in ('lz4', 'zstd'):
            if compression:
                raise ConfigError(
                    f'compression {compression!r} is one of MCAP files; '
                    'for sqlite3 choose none, file or message.'
                )
            chosen = replace(chosen, compression='none')
        return chosen


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
