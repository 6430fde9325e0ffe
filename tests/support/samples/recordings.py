"""Recordings as rosbag2, the mcap library or ROS 1 leave them, whole and broken."""

from __future__ import annotations

from pathlib import Path

from mcap.writer import CompressionType, Writer

from anonymizer_node.formats.bags import BagWriter, Packing
from samples.bags import RELIABLE, STRING

TEXT = 'string data\n'
COMPRESSIONS = {
    '': CompressionType.NONE,
    'lz4': CompressionType.LZ4,
    'zstd': CompressionType.ZSTD,
}


def cdr(text: str) -> bytes:
    """A std_msgs/String in CDR."""
    data = text.encode() + b'\0'
    return b'\0\1\0\0' + len(data).to_bytes(4, 'little') + data


def mcap_file(
    path: Path,
    texts,
    compression='',
    chunk_size=2000,
    attachments=(),
    metadata=(),
    times=(),
    **options,
) -> Path:
    """A .mcap file of strings, each published 7 ns before it was recorded."""
    with path.open('wb') as stream:
        writer = Writer(
            stream, chunk_size=chunk_size, compression=COMPRESSIONS[compression], **options
        )
        writer.start(profile='ros2', library='test')
        schema = writer.register_schema(STRING, 'ros2msg', TEXT.encode())
        channel = writer.register_channel('/log', 'cdr', schema, {'topic_type_hash': 'RIHS01_5'})
        for index, text in enumerate(texts):
            time_ns = times[index] if times else 1000 + index
            writer.add_message(channel, time_ns, cdr(text), time_ns - 7, 40 + index)
        for name, data in attachments:
            writer.add_attachment(3, 4, name, 'image/jpeg', data)
        for name, values in metadata:
            writer.add_metadata(name, values)
        writer.finish()
    return path


def split_bag(path: Path, parts, storage='mcap', compression='none') -> Path:
    """A bag in several files, of the texts of each."""
    packing = Packing(storage, compression, split_bytes=1, numbered=True)
    with BagWriter(path, packing=packing) as writer:
        topic = writer.add_topic('/log', STRING, [RELIABLE])
        time_ns = 1000
        for texts in parts:
            for index, text in enumerate(texts):
                # Only between parts is a file taken to be full.
                writer._series._packing = Packing(
                    storage, compression, split_bytes=2**40 if index else 1, numbered=True
                )
                writer.write(topic, time_ns, cdr(text))
                time_ns += 1
    return path


def texts_of(path: Path) -> list[str]:
    """What the strings of a bag say."""
    from anonymizer_node.formats.bags import BagReader

    with BagReader(path) as reader:
        return [reader.decode(STRING, message.data).data for message in reader.messages()]
