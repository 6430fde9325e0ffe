"""Image messages to frames and back. `CODECS` is the table, by message type.

A codec reads any object with the attributes of its message type: rclpy's messages, rosbags'
dataclasses, or a test's own.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from anonymizer_node.core.datatypes import Frame, Redacted, Region, UInt8Array
from anonymizer_node.core.encodings import check_alpha, encoding_named
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.pipeline import Codec
from anonymizer_node.core.redaction import redact
from anonymizer_node.formats import jpeg, png

MOST_PADDING = 64
"""Bytes that may follow the pixels of a row, whatever they are: what alignment needs, and too
narrow a strip to show anyone. More is accepted only if it is all zero, since a wide padding may
be the rest of a larger picture, which no detector sees."""


class ImageCodec:
    """sensor_msgs/msg/Image, edited in place in the message's own buffer.

    In a frame with regions the padding of its rows is set to zero.
    """

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """See `Codec.decode`. The frame's pixels are a view of `message.data`.

        Raises:
            FrameError: Also if there is more beside the pixels than padding, or in alpha than a
                constant.
        """
        pixels = self._view(message)
        height, width, channels = pixels.shape
        padding = self._rows(message)[:, width * channels :]
        if padding.shape[1] > MOST_PADDING and padding.any():
            raise FrameError(
                f'Each row of an image of {width}x{height} {message.encoding} is followed by '
                f'{padding.shape[1]} bytes that are not zero: they may show what nobody looks at. '
                'Have the driver clear them, or send its whole picture.'
            )
        check_alpha(pixels, message.encoding)
        return Frame(pixels, message.encoding, width, height, stamp_ns(message), source)

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """See `Codec.redact`. Writes into the message's buffer and returns the same message."""
        pixels = frame.pixels
        if not pixels.flags.writeable:
            _replace_data(message, bytes(message.data))
            pixels = self._view(message)
        redact(pixels, regions, encoding_named(frame.encoding).black, method, strength)
        self._rows(message)[:, pixels.shape[1] * pixels.shape[2] :] = 0
        return Redacted(message, tuple(regions))

    def blacked_out(self, message: Any) -> Any:
        """See `Codec.blacked_out`."""
        shape = self._view(message).shape
        black = encoding_named(message.encoding).black
        rows = np.zeros((shape[0], message.step), np.uint8)
        rows[:, : shape[1] * len(black)] = np.tile(np.array(black, np.uint8), shape[1])
        _replace_data(message, rows.tobytes())
        return message

    def _view(self, message: Any) -> UInt8Array:
        """The pixels of a message, (height, width, channels) uint8, where they lie.

        Raises:
            FrameError: If encoding, size, step and length of the data contradict each other.
        """
        channels = encoding_named(message.encoding).channels
        height, width, step = message.height, message.width, message.step
        size = len(message.data)
        if height < 1 or width < 1 or step < width * channels or size != step * height:
            raise FrameError(
                f'An image of {width}x{height} {message.encoding} with step {step} should hold '
                f'{height} rows of at least {width * channels} bytes; it holds {size} bytes. '
                'The driver fills the message wrongly.'
            )
        rows = self._rows(message)
        return rows[:, : width * channels].reshape(height, width, channels)

    def _rows(self, message: Any) -> UInt8Array:
        return np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)


class Compression(Protocol):
    """A still picture's file format: a module such as `jpeg` or `png`."""

    SIGNATURE: bytes

    def decode(self, data: bytes, least_size: int) -> tuple[UInt8Array, str, int, int]:
        """Pixels, their encoding, and the picture's own width and height.

        Raises:
            FrameError: If the data isn't one whole picture.
        """

    def redact(
        self, data: bytes, regions: Sequence[Region], method: str, strength: float
    ) -> tuple[bytes, tuple[Region, ...], str]:
        """The file with regions obscured, the regions as widened, and a note or ''."""

    def blacked_out(self, data: bytes) -> bytes:
        """A black picture of the same size and kind."""


COMPRESSIONS: Mapping[str, Compression] = {'jpeg': jpeg, 'png': png}


class CompressedImageCodec:
    """sensor_msgs/msg/CompressedImage. What the data is decides, not what `format` says it is."""

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """See `Codec.decode`."""
        data = bytes(message.data)
        pixels, encoding, width, height = self._compression(message, data).decode(data, least_size)
        return Frame(pixels, encoding, width, height, stamp_ns(message), source)

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """See `Codec.redact`. Replaces the message's data, keeps header and format."""
        data = bytes(message.data)
        redacted, widened, note = self._compression(message, data).redact(
            data, regions, method, strength
        )
        _replace_data(message, redacted)
        return Redacted(message, widened, note)

    def blacked_out(self, message: Any) -> Any:
        """See `Codec.blacked_out`."""
        data = bytes(message.data)
        _replace_data(message, self._compression(message, data).blacked_out(data))
        return message

    def _compression(self, message: Any, data: bytes) -> Compression:
        if 'compresseddepth' not in message.format.lower():
            for compression in COMPRESSIONS.values():
                if data.startswith(compression.SIGNATURE):
                    return compression
        raise UnsupportedEncodingError(
            f'A compressed image of format {message.format!r} beginning with '
            f'{data[:4].hex() or "nothing"} is not supported; supported are '
            f'{", ".join(COMPRESSIONS)}. Have the driver publish one of these, or set '
            'topic_actions to "TOPIC=copy" if this topic can show nobody.'
        )


CODECS: Mapping[str, Codec] = {
    'sensor_msgs/msg/Image': ImageCodec(),
    'sensor_msgs/msg/CompressedImage': CompressedImageCodec(),
}


def stamp_ns(message: Any) -> int:
    """The time in a message's header, nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _replace_data(message: Any, data: bytes) -> None:
    # Assigning anything but the message's own kind of array costs up to half a second at 1080p:
    # rclpy checks it element by element.
    if isinstance(message.data, array.array):
        message.data = array.array('B', data)
    else:
        message.data = np.frombuffer(bytearray(data), np.uint8)
