"""Image messages of a bag as the pipeline takes them: still bytes, deserialised when needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from anonymizer_node.formats.bags import BagReader
from anonymizer_node.formats.image_codecs import CODECS, stamp_ns


class MessageCodec:
    """The codec of a message type, for messages that are still bytes.

    It is made for one message, so that a message that can't be deserialised fails inside the
    pipeline like every other frame that can't be read.

    Attributes:
        stamp: Time of the header, nanoseconds; None as long as nothing was deserialised.
    """

    def __init__(self, reader: BagReader, msgtype: str) -> None:
        """Args: reader: Knows the bag's types. msgtype: Key of `CODECS`."""
        self._reader = reader
        self._msgtype = msgtype
        self._codec = CODECS[msgtype]
        self._buffer: bytes | bytearray = b''
        self._message: Any = None
        self._pixels: Any = None
        self.stamp: int | None = None

    def decode(self, message: bytes | bytearray, source: str, least_size: int) -> Any:
        """See `Codec.decode`; `message` is CDR."""
        self._open(message)
        return self._codec.decode(self._message, source, least_size)

    def measure(self, message: bytes | bytearray, source: str) -> Any:
        """See `Codec.measure`; `message` is CDR."""
        self._open(message)
        return self._codec.measure(self._message, source)

    def revisit(self, message: bytes | bytearray, source: str) -> Any:
        """See `Codec.revisit`; `message` is CDR. It is a copy of it that will be edited."""
        self._open(bytearray(message))
        return self._codec.revisit(self._message, source)

    def redact(self, message: bytes | bytearray, *args: Any) -> Any:
        """See `Codec.redact`; the result holds the deserialised message."""
        return self._codec.redact(self._message, *args)

    def stripped(self, message: bytes | bytearray) -> Any:
        """See `Codec.stripped`; the result holds the deserialised message."""
        self._open(message)
        return self._codec.stripped(self._message)

    def blacked_out(self, message: bytes | bytearray) -> Any:
        """See `Codec.blacked_out`."""
        self._open(message)
        return self._codec.blacked_out(self._message)

    def serialised(self, message: Any, like: bytes) -> bytes | bytearray:
        """The message in CDR: the edited buffer itself if its pixels were edited in place.

        They were only if they lie in it: rosbags copies what isn't in this machine's byte order.
        """
        buffer = np.frombuffer(self._buffer, np.uint8)
        inside = message.data is self._pixels and np.may_share_memory(message.data, buffer)
        if inside and isinstance(self._buffer, bytearray):
            return self._buffer
        return self._reader.encode(self._msgtype, message, like)

    def _open(self, message: bytes | bytearray) -> None:
        if self._message is None:
            self._buffer = message
            self._message = self._reader.decode(self._msgtype, message)
            self._pixels = self._message.data
            self.stamp = stamp_ns(self._message)
