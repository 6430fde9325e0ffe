"""Image messages to frames and back. `CODECS` is the table, by message type.

A codec reads any object with the attributes of its message type: rclpy's messages, rosbags'
dataclasses, or a test's own.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from anonymizer_node.core.datatypes import NO_PIXELS, Frame, Redacted, Region, UInt8Array
from anonymizer_node.core.encodings import BITS, DEPTH, DIRECT, check_alpha, encoding_named
from anonymizer_node.core.errors import FrameError, UnsupportedEncodingError
from anonymizer_node.core.layouts import Views, of_plane
from anonymizer_node.core.redaction import BLACKOUT, redact
from anonymizer_node.core.roles import Codec
from anonymizer_node.core.shown import check_interleaved, refuse_depth, shown
from anonymizer_node.formats import jpeg, png

MOST_PADDING = 15
"""Bytes that may follow the pixels of a row, whatever they are: what alignment to 16 bytes needs,
and too narrow a strip to show anyone. More is accepted only if it is all zero, since a wide padding
may be the rest of a larger picture, which no detector sees."""


REPLACED = '\ufffd'
"""What is read in place of bytes that are no character."""

MOST_WORDS = 512
"""Characters that a message's strings may have together: they leave as they are."""


class ImageCodec:
    """sensor_msgs/msg/Image, edited in place in the message's own buffer and its own layout.

    In a frame with regions the padding of its rows is set to zero. Regions are widened to whole
    chroma samples and Bayer cells. Depth is blacked out whatever the method: averages of distances
    are no distances, and one NaN makes them all NaN.
    """

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """See `Codec.decode`. Packed pixels of 8 bits are a view of `message.data`.

        Raises:
            FrameError: Also if there is more beside the pixels than padding, or in alpha than a
                constant.
            UnsupportedEncodingError: Also if it is depth, which has to follow another topic.
        """
        _check_words(message)
        encoding = encoding_named(message.encoding)
        refuse_depth(message.encoding, encoding)
        views = _views(message, message.data)
        _check_padding(message, views)
        size = int(message.width), int(message.height)
        pixels, name = shown(views.planes, message.encoding, encoding, size, least_size)
        return Frame(pixels, name, *size, stamp_ns(message), source, message.header.frame_id)

    def measure(self, message: Any, source: str) -> Frame:
        """See `Codec.measure`. Depth is welcome."""
        _check_words(message)
        encoding_named(message.encoding)
        views = _views(message, message.data)
        _check_padding(message, views)
        pixels = views.planes[0][1]
        if encoding_named(message.encoding).shown in (DIRECT, BITS):
            check_alpha(pixels, message.encoding)
        if len(views.planes) > 1:
            check_interleaved(views.planes[1][1], message.encoding)
        size = int(message.width), int(message.height)
        return Frame(pixels, message.encoding, *size, stamp_ns(message), source)

    def revisit(self, message: Any, source: str) -> Frame:
        """See `Codec.revisit`."""
        return self.measure(message, source)

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """See `Codec.redact`. Writes into the message's buffer and returns the same message."""
        encoding = encoding_named(message.encoding)
        layout = encoding.layout
        widened = [layout.widened(region, frame.width, frame.height) for region in regions]
        if not np.frombuffer(message.data, np.uint8).flags.writeable:
            _replace_data(message, bytes(message.data))
        views = _views(message, message.data)
        note = ''
        if encoding.shown == DEPTH and method != BLACKOUT:
            method, note = BLACKOUT, f'Depth is blacked out, {method} or not.'
        for plane, view in views.planes:
            parts = [of_plane(region, plane, view) for region in widened]
            there = [part for part in parts if part is not None]
            redact(view, there, plane.black, method, strength, plane.stretch)
        for padding in views.padding:
            padding[...] = 0
        return Redacted(message, tuple(dict.fromkeys(widened)), note)

    def stripped(self, message: Any) -> Redacted:
        """See `Codec.stripped`. There is nothing in it but its picture."""
        return Redacted(message)

    def blacked_out(self, message: Any) -> Any:
        """See `Codec.blacked_out`."""
        _check_words(message)
        black = bytearray(len(message.data))
        for plane, view in _views(message, black).planes:
            view[...] = np.array(plane.black, view.dtype)
        _replace_data(message, bytes(black))
        return message


def _views(message: Any, data: Any) -> Views:
    """The samples and padding of a message in a buffer of its layout.

    Raises:
        FrameError: If encoding, size, step and length of the data contradict each other.
    """
    layout = encoding_named(message.encoding).layout
    size = int(message.width), int(message.height)
    step = layout.check(message.encoding, len(message.data), size, int(message.step))
    return layout.views(data, size, step, bool(message.is_bigendian))


def _check_words(message: Any) -> None:
    """Refuse strings in which there is room for a picture, or that can't leave as they came.

    Raises:
        FrameError: If frame_id and format or encoding are longer than `MOST_WORDS` together, or
            were not UTF-8: rclpy has put another character in place of what isn't.
    """
    kind = getattr(message, 'format', '') or getattr(message, 'encoding', '')
    length = len(message.header.frame_id) + len(kind)
    if REPLACED in message.header.frame_id + kind:
        raise FrameError(
            f'The frame_id {message.header.frame_id[:64]!r} of an image, or what it says of its '
            'format, is not UTF-8, so that it would leave changed. Have the driver use ASCII.'
        )
    if length > MOST_WORDS:
        raise FrameError(
            f'The frame_id of an image and what it says of its format have {length} characters, '
            f'more than {MOST_WORDS}: they may hold what nobody looks at. Have the driver name '
            'both in short.'
        )


def _check_padding(message: Any, views: Views) -> None:
    """Refuse what may be the rest of a larger picture.

    Raises:
        FrameError: If there is more than `MOST_PADDING` behind a row, or as much of the picture's
            width behind one of chroma, and it isn't zero.
    """
    bands = encoding_named(message.encoding).layout.bands
    for band, padding in zip(bands, views.padding, strict=True):
        if padding.shape[1] > MOST_PADDING * band.steps and padding.any():
            raise FrameError(
                f'Each row of an image of {message.width}x{message.height} {message.encoding} is '
                f'followed by {padding.shape[1]} bytes that are not zero: they may show what '
                'nobody looks at. Have the driver clear them, or send its whole picture.'
            )


class Compression(Protocol):
    """A still picture's file format: a module such as `jpeg` or `png`."""

    SIGNATURE: bytes

    def decode(self, data: bytes, least_size: int) -> tuple[UInt8Array, str, int, int]:
        """Pixels, their encoding, and the picture's own width and height.

        Raises:
            FrameError: If the data isn't one whole picture.
        """

    def orientation(self, data: bytes) -> int:
        """How a viewer turns the picture of a file that was decoded before, EXIF's number."""

    def size_of(self, data: bytes) -> tuple[int, int]:
        """Width and height of a file that was decoded before, pixels.

        Raises:
            FrameError: If it doesn't say.
        """

    def redact(
        self, data: bytes, regions: Sequence[Region], method: str, strength: float
    ) -> tuple[bytes, tuple[Region, ...], str]:
        """The file with regions obscured, the regions as widened, and a note or ''."""

    def unjudged(self, data: bytes) -> str:
        """What in the file may show somebody and isn't what `decode` shows, in words, or ''.

        `redact` leaves it out, too.
        """

    def stripped(self, data: bytes) -> bytes:
        """The file without that, and with the same picture.

        Raises:
            FrameError: If it can't be left out.
        """

    def blacked_out(self, data: bytes) -> bytes:
        """A black picture of the same size and kind."""


COMPRESSIONS: Mapping[str, Compression] = {'jpeg': jpeg, 'png': png}


class CompressedImageCodec:
    """sensor_msgs/msg/CompressedImage. What the data is decides, not what `format` says it is."""

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """See `Codec.decode`."""
        if _may_be_depth(message, bytes(message.data)):
            raise UnsupportedEncodingError(
                f'A PNG with 16 bits of grey in a message of format {message.format!r} may be '
                'depth, and no detector of people judges depth. Set follow to '
                '"TOPIC=COLOUR_TOPIC" to obscure in it what is obscured in its colour twin; have '
                'the driver name it mono16 if it is intensity; or, in a bag, set topic_actions to '
                '"TOPIC=copy" if it can show nobody.'
            )
        return self._read(message, source, least_size)

    def measure(self, message: Any, source: str) -> Frame:
        """See `Codec.measure`. Depth is welcome."""
        return self._read(message, source, 1)

    def revisit(self, message: Any, source: str) -> Frame:
        """See `Codec.revisit`. No pixel is decoded: to edit the file it is read whole anyway."""
        data = bytes(message.data)
        width, height = self._compression(message, data).size_of(data)
        return Frame(NO_PIXELS, 'mono8', width, height, stamp_ns(message), source)

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """See `Codec.redact`. Replaces the message's data, keeps header and format."""
        data = bytes(message.data)
        blacked = ''
        if _may_be_depth(message, data) and method != BLACKOUT:
            method, blacked = BLACKOUT, f'Depth is blacked out, {method} or not.'
        compression = self._compression(message, data)
        removed = compression.unjudged(data)
        redacted, widened, note = compression.redact(data, regions, method, strength)
        _replace_data(message, redacted)
        return Redacted(message, widened, note or blacked, removed)

    def stripped(self, message: Any) -> Redacted:
        """See `Codec.stripped`. Replaces the message's data where it has to, as `redact` does."""
        data = bytes(message.data)
        compression = self._compression(message, data)
        removed = compression.unjudged(data)
        if removed:
            _replace_data(message, compression.stripped(data))
        return Redacted(message, removed=removed)

    def blacked_out(self, message: Any) -> Any:
        """See `Codec.blacked_out`."""
        data = bytes(message.data)
        _replace_data(message, self._compression(message, data).blacked_out(data))
        return message

    def _read(self, message: Any, source: str, least_size: int) -> Frame:
        data = bytes(message.data)
        compression = self._compression(message, data)
        pixels, encoding, width, height = compression.decode(data, least_size)
        about = stamp_ns(message), source, message.header.frame_id
        orientation = compression.orientation(data)
        return Frame(pixels, encoding, width, height, *about, orientation)

    def _compression(self, message: Any, data: bytes) -> Compression:
        _check_words(message)
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


def _may_be_depth(message: Any, data: bytes) -> bool:
    """Whether a compressed image is of distances, or nothing says that it isn't."""
    is_grey16 = data.startswith(png.SIGNATURE) and png.may_be_depth(data)
    return is_grey16 and not message.format.startswith('mono16')


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
