"""What is in the files of a recording besides what is read from them.

A reader goes where an index leads it, and knows the records and tables that it asks for. Whatever
else lies in a file comes along when it is handed on: behind its end, in records of other kinds, in
chunks that no index names, in comments. Here every table and page of a .db3 file is accounted for;
every byte of an MCAP file is in `beyond_mcap`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
import zstandard
from rosbags.rosbag2.metadata import parse_qos

from anonymizer_node.formats.rosbag import metadata
from anonymizer_node.formats.rosbag.model import Packing, Topic

MOST_NAME = 255
"""Bytes of a name or a hash. What is longer is looked at."""

_BLOCK = 1 << 20

_TABLES = {
    'schema': {'schema_version', 'ros_distro'},
    'metadata': {'id', 'metadata_version', 'metadata'},
    'topics': {
        *('id', 'name', 'type', 'serialization_format'),
        *('offered_qos_profiles', 'type_description_hash'),
    },
    'message_definitions': {
        *('id', 'topic_type', 'encoding', 'encoded_message_definition'),
        'type_description_hash',
    },
    'messages': {'id', 'topic_id', 'timestamp', 'data'},
}


def beyond_metadata(text: str, topics: Collection[Topic]) -> str:
    """What a metadata.yaml, or the copy of it in a storage, says besides what is read; or ''."""
    try:
        values = yaml.safe_load(text)
        written = yaml.safe_dump(values, sort_keys=False, width=2**20, allow_unicode=True)
        told = metadata.parsed(text)
        values = values.get('rosbag2_bagfile_information', values)
        known = yaml.safe_load(metadata.dumped(9, Packing(), [], [], {}, '', rooted=False))
    except Exception as error:  # The edge to a parser: whatever it is, this is no such text.
        return f'a description that can not be read ({type(error).__name__})'
    # What it says is looked at below; here that it says no more.
    if _has_remarks(text) or len(text) > 2 * len(written) + MOST_NAME:
        return 'more than its values in a description'
    more = set(values) - set(known)
    if more:
        return f'{", ".join(sorted(map(str, more)))} in a description'
    names = {(topic.name, topic.msgtype) for topic in topics}
    if any((topic.name, topic.msgtype) not in names for topic in told.topics):
        return 'a topic in a description that is none of the recording'
    entries = [
        *(item['topic_metadata'] for item in values['topics_with_message_count']),
        *(values.get('files') or []),
    ]
    words = [
        str(value)
        for item in entries
        for key, value in item.items()
        if key != 'offered_qos_profiles'
    ]
    if any(len(word.encode()) > MOST_NAME for word in [*words, told.ros_distro]):
        return 'a word in a description that is long enough for a picture'
    if any(not is_plain_qos(item.get('offered_qos_profiles')) for item in entries):
        return 'something else than a QoS in a description'
    return ''


def is_plain_qos(qos: Any) -> bool:
    """Whether what is said of QoS profiles is nothing but these."""
    try:
        if not qos:
            return True
        texts = [metadata.qos_text(parse_qos(qos), version) for version in (8, 9)]
        values = yaml.safe_load(qos) if isinstance(qos, str) else qos
        longest = 2 * max(map(len, texts)) + MOST_NAME
        same = values in [yaml.safe_load(text) for text in texts]
        said = isinstance(qos, str) and _has_remarks(qos)
        return same and not said and len(str(qos)) <= longest
    except Exception:  # The edge to a parser, as above.
        return False


def _has_remarks(text: str) -> bool:
    """Whether there is something in a YAML text that is no value: a comment, a name of a place."""
    end = 0
    for token in yaml.scan(text):
        odd = (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken, yaml.DirectiveToken)
        if isinstance(token, odd) or text[end : token.start_mark.index].strip():
            return True
        end = token.end_mark.index
    return False


def beyond_zstd(path: Path) -> str:
    """What a file that was compressed as a whole has behind its end, in words, or ''."""
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    with path.open('rb') as stream:
        while block := stream.read(_BLOCK):
            unpacking.decompress(block)
            if unpacking.eof:
                behind = len(unpacking.unused_data) + len(stream.read(1))
                return 'bytes behind its end' if behind else ''
    return ''


def beyond_message(data: bytes) -> str:
    """What a message that was compressed by itself has behind its end, in words, or ''."""
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    unpacking.decompress(data)
    return 'bytes behind a compressed message' if unpacking.unused_data else ''


def beyond_database(
    path: Path, topics: Collection[Topic], definitions: Collection[tuple[str, str]]
) -> str:
    """What a .db3 file holds besides what is read from it, in words, or ''.

    Args:
        path: The file.
        topics: Of the recording.
        definitions: Types and their texts that it may hold.
    """
    address = f'file:{quote(str(path.absolute()))}?mode=ro&immutable=1'
    with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        for kind, name, table in database.execute('SELECT type, name, tbl_name FROM sqlite_master'):
            if kind not in ('table', 'index') or table not in _TABLES:
                return f'the {kind} {str(name)[:MOST_NAME]!r}'
        for table, known in _TABLES.items():
            columns = {row[1] for row in database.execute(f'PRAGMA table_info({table})')}
            if not columns <= known:
                return f'the columns {sorted(columns - known)} of {table}'
        (free,) = database.execute('PRAGMA freelist_count').fetchone()
        (pages,) = database.execute('PRAGMA page_count').fetchone()
        (size,) = database.execute('PRAGMA page_size').fetchone()
        if free:
            return f'{free} pages that are not in use'
        if path.stat().st_size != pages * size:
            return 'bytes behind its last page'
        return _beyond_rows(database, topics, definitions)


def _beyond_rows(
    database: sqlite3.Connection,
    topics: Collection[Topic],
    definitions: Collection[tuple[str, str]],
) -> str:
    kinds = {(topic.name, topic.msgtype) for topic in topics}
    tables = {
        row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
    }
    for row in database.execute('SELECT * FROM topics'):
        if (row[1], row[2]) not in kinds:
            return 'a topic that is none of the recording'
        if any(len(str(word)) > MOST_NAME for word in (*row[:4], *row[5:])):
            return 'a word about a topic that is long enough for a picture'
        if len(row) > 4 and not is_plain_qos(row[4]):
            return 'something else than a QoS of a topic'
    if 'message_definitions' in tables:
        asked = 'SELECT topic_type, encoded_message_definition, encoding, type_description_hash'
        for name, text, *words in database.execute(f'{asked} FROM message_definitions'):
            if (name, text) not in definitions or any(len(str(word)) > MOST_NAME for word in words):
                return 'a definition of a type that no topic has'
    if 'schema' in tables:
        rows = database.execute('SELECT * FROM schema').fetchall()
        if len(rows) > 1 or any(len(str(word)) > MOST_NAME for row in rows for word in row):
            return 'more than one line about itself'
    if 'metadata' in tables:
        rows = database.execute('SELECT metadata_version, metadata FROM metadata').fetchall()
        if len(rows) > 1:
            return 'more than one description'
        for version, text in rows:
            said = beyond_metadata(str(text), topics)
            if said or not isinstance(version, int):
                return said or 'a description of a strange version'
    return ''
