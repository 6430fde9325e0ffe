"""Recordings, read and written as raw messages. What is behind it is in `formats.rosbag`.

Copying a message means copying its serialised bytes; only messages that a codec edits are ever
serialised anew.
"""

from anonymizer_node.formats.rosbag.found import is_recording, recordings_in
from anonymizer_node.formats.rosbag.message_types import MessageTypes
from anonymizer_node.formats.rosbag.metadata import FILE_NAME as METADATA_NAME
from anonymizer_node.formats.rosbag.model import (
    COMPRESSIONS,
    MOST_WORDS,
    STORAGES,
    UNKNOWN_HASH,
    Attachment,
    BagMessage,
    Leaf,
    MetadataRecord,
    Packing,
    Place,
    Topic,
    innocent,
    qos_profile,
    size_of_words,
)
from anonymizer_node.formats.rosbag.reader import BagReader
from anonymizer_node.formats.rosbag.staging import Staging, require_space, sweep
from anonymizer_node.formats.rosbag.writer import BagWriter

__all__ = [
    'COMPRESSIONS',
    'METADATA_NAME',
    'MOST_WORDS',
    'STORAGES',
    'UNKNOWN_HASH',
    'Attachment',
    'BagMessage',
    'BagReader',
    'BagWriter',
    'Leaf',
    'MessageTypes',
    'MetadataRecord',
    'Packing',
    'Place',
    'Staging',
    'Topic',
    'innocent',
    'is_recording',
    'qos_profile',
    'recordings_in',
    'require_space',
    'size_of_words',
    'sweep',
]
