"""Small bags, made in the test."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.formats.bags import BagReader, BagWriter, qos_profile

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
STRING = 'std_msgs/msg/String'
BEST_EFFORT = qos_profile(reliable=False, depth=5)
RELIABLE = qos_profile(reliable=True)
STORAGES = ('sqlite3', 'mcap')
SECOND = 1_000_000_000


class Entry(NamedTuple):
    """One message to record: `message` is a plain object of `samples.images`, or CDR bytes."""

    topic: str
    msgtype: str
    message: Any
    time_ns: int


def converted(types: Any, msgtype: str, message: Any) -> Any:
    """A plain image object as rosbags' dataclass, or a str as std_msgs/String."""
    if msgtype == STRING:
        return types.types[STRING](message)
    stamp = types.types['builtin_interfaces/msg/Time'](
        message.header.stamp.sec, message.header.stamp.nanosec
    )
    header = types.types['std_msgs/msg/Header'](stamp, message.header.frame_id)
    data = np.frombuffer(bytes(message.data), np.uint8)
    if msgtype == COMPRESSED:
        return types.types[COMPRESSED](header, message.format, data)
    return types.types[IMAGE](
        header,
        message.height,
        message.width,
        message.encoding,
        message.is_bigendian,
        message.step,
        data,
    )


def write_bag(path: Path, entries: list[Entry], storage: str = 'mcap', **about: Any) -> Path:
    """A bag of the entries; images best-effort, the rest reliable."""
    with BagWriter(path, storage, **about) as writer:
        topics = {}
        for entry in entries:
            kind = entry.topic, entry.msgtype
            if kind not in topics:
                qos = BEST_EFFORT if entry.msgtype in (IMAGE, COMPRESSED) else RELIABLE
                topics[kind] = writer.add_topic(entry.topic, entry.msgtype, [qos])
            data = entry.message
            if not isinstance(data, bytes):
                data = writer.encode(
                    entry.msgtype, converted(writer.types, entry.msgtype, entry.message)
                )
            writer.write(topics[kind], entry.time_ns, data)
    return path


def read_bag(path: Path) -> dict[str, list[tuple[int, bytes]]]:
    """Topic -> (time, CDR) of its messages in order."""
    with BagReader(path) as reader:
        found: dict[str, list[tuple[int, bytes]]] = {topic.name: [] for topic in reader.topics}
        for message in reader.messages():
            found[message.topic.name].append((message.time_ns, bytes(message.data)))
    return found


def read_messages(path: Path, name: str) -> list[Any]:
    """The messages of a topic, deserialised."""
    with BagReader(path) as reader:
        return [
            reader.decode(message.topic.msgtype, bytes(message.data))
            for message in reader.messages()
            if message.topic.name == name
        ]


def digest(path: Path) -> dict[str, str]:
    """File -> SHA-256, of a file or of everything in a folder."""
    files = sorted(item for item in path.rglob('*') if item.is_file()) if path.is_dir() else [path]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
