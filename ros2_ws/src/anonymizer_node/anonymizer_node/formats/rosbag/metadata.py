"""metadata.yaml, which describes a rosbag2 recording; a copy of it lies in its storage files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import yaml
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v8, dump_qos_v9, parse_qos

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag.model import STORAGES, Packing, Topic

FILE_NAME = 'metadata.yaml'
NEWEST = 9
"""Newest version of it that is known here. 9 isn't read before Jazzy."""

_ROOT = 'rosbag2_bagfile_information'


@dataclass
class FileSpan:
    """One storage file: its name, its messages, and their first and last time, nanoseconds."""

    name: str
    count: int = 0
    first_ns: int = 2**63 - 1
    last_ns: int = 0

    def add(self, time_ns: int) -> None:
        """Count a message."""
        self.count += 1
        self.first_ns = min(self.first_ns, time_ns)
        self.last_ns = max(self.last_ns, time_ns)

    @property
    def duration_ns(self) -> int:
        """From the first to the last."""
        return max(0, self.last_ns - self.first_ns)


@dataclass
class Metadata:
    """What metadata.yaml says, or a storage file of itself.

    Attributes:
        version: As rosbag2 counts it.
        storage: One of `STORAGES`.
        compression: 'file', 'message' or ''.
        files: Names of the storage files, in order.
        topics: With their counts; without definitions.
        custom_data: Keys and values that the recorder attached.
        ros_distro: What recorded it, or ''.
        count: Messages in all.
        start_ns: Time of the first.
        duration_ns: From the first to the last.
    """

    version: int = 8
    storage: str = 'mcap'
    compression: str = ''
    files: list[str] = field(default_factory=list)
    topics: list[Topic] = field(default_factory=list)
    custom_data: dict[str, str] = field(default_factory=dict)
    ros_distro: str = ''
    count: int = 0
    start_ns: int = 0
    duration_ns: int = 0


def parsed(text: str) -> Metadata:
    """Read it.

    Raises:
        InputError: If it is of a kind that can't be read here.
        yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError: If it is no such text.
    """
    whole = yaml.safe_load(text)
    values: dict[str, Any] = whole.get(_ROOT, whole)
    version = int(values['version'])
    if version > NEWEST:
        raise InputError(f'Its metadata has version {version}; known are those up to {NEWEST}.')
    storage = values['storage_identifier']
    if storage not in STORAGES:
        raise InputError(f'Its storage is {storage!r}; known are {", ".join(STORAGES)}.')
    mode = (values.get('compression_mode') or '').lower()
    compression = '' if mode == 'none' else mode
    if compression and values.get('compression_format') != 'zstd':
        raise InputError(f'It is compressed as {values.get("compression_format")!r}, not zstd.')
    topics = []
    for key, item in enumerate(values['topics_with_message_count'], 1):
        told = item['topic_metadata']
        if told['serialization_format'] != 'cdr':
            raise InputError(f'{told["name"]} is serialised as {told["serialization_format"]!r}.')
        topics.append(
            Topic(
                told['name'],
                told['type'],
                int(item['message_count']),
                tuple(parse_qos(told.get('offered_qos_profiles') or [])),
                '',
                told.get('type_description_hash') or '',
                key,
            )
        )
    # Its values are words, though they look like numbers.
    words = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # It makes nothing but strings.
    custom = words.get(_ROOT, words).get('custom_data')
    return Metadata(
        version,
        storage,
        compression,
        [PurePath(name).name for name in values.get('relative_file_paths') or []],
        topics,
        dict(custom) if isinstance(custom, dict) else {},
        values.get('ros_distro') or '',
        int(values['message_count']),
        int(values['starting_time']['nanoseconds_since_epoch']),
        int(values['duration']['nanoseconds']),
    )


def qos_text(qos: Sequence[Qos], version: int) -> str:
    """QoS profiles as a storage file holds them."""
    if version < 9:
        return dump_qos_v8(list(qos))
    profiles = dump_qos_v9(list(qos))
    return yaml.safe_dump(profiles, sort_keys=False).strip() if profiles else ''


def dumped(
    version: int,
    packing: Packing,
    topics: Sequence[Topic],
    files: Sequence[FileSpan],
    custom_data: Mapping[str, str],
    ros_distro: str,
    rooted: bool = True,
) -> str:
    """Write it, as rosbag2 does from version 8 on.

    Args:
        version: 8 or 9.
        packing: Of the recording.
        topics: With their counts.
        files: In order.
        custom_data: Keys and values.
        ros_distro: What recorded it.
        rooted: Whether the outermost key is there: in the file it is, in a storage it isn't.
    """
    spans = [span for span in files if span.count]
    first = min((span.first_ns for span in spans), default=2**63 - 1)
    last = max((span.last_ns for span in spans), default=0)
    dump_qos: Any = dump_qos_v9 if version >= 9 else dump_qos_v8
    mode = packing.compression if packing.compression in ('file', 'message') else ''
    values = {
        'version': version,
        'storage_identifier': packing.storage,
        'duration': {'nanoseconds': max(0, last - first)},
        'starting_time': {'nanoseconds_since_epoch': first},
        'message_count': sum(span.count for span in files),
        'topics_with_message_count': [
            {
                'topic_metadata': {
                    'name': topic.name,
                    'type': topic.msgtype,
                    'serialization_format': 'cdr',
                    'offered_qos_profiles': dump_qos(list(topic.qos)),
                    'type_description_hash': topic.type_hash,
                },
                'message_count': topic.count,
            }
            for topic in topics
        ],
        'compression_format': 'zstd' if mode else '',
        'compression_mode': mode.upper(),
        'relative_file_paths': [span.name for span in files],
        'files': [
            {
                'path': span.name,
                'starting_time': {'nanoseconds_since_epoch': span.first_ns},
                'duration': {'nanoseconds': span.duration_ns},
                'message_count': span.count,
            }
            for span in files
        ],
        'custom_data': dict(custom_data) or None,
        'ros_distro': ros_distro,
    }
    whole = {_ROOT: values} if rooted else values
    return str(yaml.safe_dump(whole, sort_keys=False, width=2**20, allow_unicode=True))
