"""The topics of a recording, by its metadata.yaml and its files or by the files alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.rosbag import channels, found, metadata
from anonymizer_node.formats.rosbag.definitions import own_types
from anonymizer_node.formats.rosbag.model import Topic, is_hash
from anonymizer_node.formats.rosbag.parts import Parts, StorageFile
from anonymizer_node.formats.rosbag.sqlite_file import SqliteFile

_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'


def defined(files: Parts, told: metadata.Metadata) -> list[Topic]:
    """The topics of metadata.yaml, with the definitions that are in the files."""
    by_topic: dict[tuple[str, str], Topic] = {}
    definitions: dict[str, Topic] = {}
    words: dict[tuple[str, str], channels.Words] = {}
    for number, path in enumerate(files.paths):
        # To look into a compressed file it has to be unpacked: no more of them than needed.
        lacking = any(item.msgtype not in definitions for item in told.topics)
        if number == 0 or lacking or path.suffix != found.ZIPPED:
            for item in files.part(number).topics:
                kind = item.name, item.msgtype
                words[kind] = channels.joined(words.get(kind, ()), item, files.notes)
                if item.definition:
                    definitions.setdefault(item.msgtype, item)
                    by_topic.setdefault(kind, item)
    topics = []
    for item in told.topics:
        kind = item.name, item.msgtype
        known = by_topic.get(kind) or definitions.get(item.msgtype, item)
        topics.append(
            item._replace(
                definition=known.definition,
                language=known.language,
                words=words.get(kind, ()),
            )
        )
    return topics


def added_up(files: Parts) -> tuple[metadata.Metadata, list[Topic]]:
    """What the files say together, where there is no metadata.yaml, and their topics."""
    topics: dict[tuple[Any, ...], Topic] = {}
    whole = metadata.Metadata(start_ns=2**63 - 1)
    last_ns = 0
    files.skip_what_broke_at_once()
    for number, path in enumerate(files.paths):
        part = files.part(number)
        whole.storage = 'sqlite3' if isinstance(part, SqliteFile) else 'mcap'
        if part.told is not None:
            whole.version, whole.ros_distro = part.told.version, part.told.ros_distro
            whole.custom_data = part.told.custom_data
        for item in part.topics:
            known = topics.setdefault(_alike(item), item._replace(count=0))
            topics[_alike(item)] = known._replace(
                count=known.count + item.count,
                definition=known.definition or item.definition,
                type_hash=known.type_hash or item.type_hash,
                language=known.language or item.language,
                words=channels.joined(known.words, item, files.notes),
            )
        whole.count += part.count
        whole.start_ns = min(whole.start_ns, part.first_ns)
        last_ns = max(last_ns, part.last_ns)
        if path.suffix == found.ZIPPED:
            whole.compression = 'file'
    whole.duration_ns = max(0, last_ns - whole.start_ns)
    if _first_is_zipped(files):
        whole.compression = 'message'
    return whole, [item._replace(key=key) for key, item in enumerate(topics.values(), 1)]


def _first_is_zipped(files: Parts) -> bool:
    """Whether messages are compressed: none in CDR begins like a zstd frame."""
    first = next(iter(files.part(0).messages()), None) if files.paths else None
    return first is not None and first.data.startswith(_ZSTD_MAGIC)


def without_false_hashes(topics: Sequence[Topic], losses: list[str]) -> tuple[Topic, ...]:
    """Topics without what stands for a type's hash and is none; `losses` get a sentence of each."""
    for topic in topics:
        if not is_hash(topic.type_hash or ''):
            losses.append(f'The type hash of {topic.name} is left out: it is none.')
    return tuple(
        topic if is_hash(topic.type_hash or '') else topic._replace(type_hash='')
        for topic in topics
    )


def by_channel(
    part: StorageFile,
    topics: Sequence[Topic],
    definitions: Sequence[tuple[str, str]],
    disputed: Collection[str],
) -> dict[int, Topic]:
    """The channels of a file as topics of the recording.

    Args:
        part: The file.
        topics: Of the recording.
        definitions: Message types and their texts that were looked at to decide what is done with
            topics.
        disputed: Types on which these don't agree.

    Raises:
        InputError: If metadata.yaml doesn't have one that has messages, or the file defines a type
            otherwise than those that were looked at.
    """
    later = [item for item in part.definitions if item not in definitions]
    if later and own_types([*definitions, *later])[1].difference(disputed):
        raise InputError(f'{part.path.name} has another definition of a type than the others.')
    exact = {_alike(item): item for item in topics}
    by_type = {(item.name, item.msgtype): item for item in topics}
    known = {}
    for item in part.topics:
        topic = exact.get(_alike(item)) or by_type.get((item.name, item.msgtype))
        if topic is None and item.count:
            raise InputError(f'{part.path.name} has {item.name}, metadata.yaml has not.')
        if topic is not None:
            known[item.key] = topic
    return known


def _alike(topic: Topic) -> tuple[Any, ...]:
    return (topic.name, topic.msgtype, topic.qos)
