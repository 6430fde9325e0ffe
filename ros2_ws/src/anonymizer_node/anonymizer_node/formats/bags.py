"""Recordings, read and written as raw messages. What is behind it is in `formats.rosbag`.

Copying a message means copying its serialised bytes; only messages that a codec edits are ever
deserialised.
"""

from anonymizer_node.formats.rosbag.found import is_recording, recordings_in
from anonymizer_node.formats.rosbag.message_types import MessageTypes
from anonymizer_node.formats.rosbag.metadata import FILE_NAME as METADATA_NAME
from anonymizer_node.formats.rosbag.model import (
    COMPRESSIONS,
    LEAST_PICTURE,
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
)
from anonymizer_node.formats.rosbag.reader import BagReader
from anonymizer_node.formats.rosbag.staging import Staging, require_space, sweep
from anonymizer_node.formats.rosbag.writer import BagWriter

__all__ = [
    'COMPRESSIONS',
    'LEAST_PICTURE',
    'METADATA_NAME',
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
    'sweep',
]
