"""Video files: the one stream of pictures that is anonymised, and the file that is made of it.

Everything else in a file may show or name somebody: second streams of pictures, attached pictures,
subtitles, data (positions, telemetry), chapters, metadata. It is left out. Sound is, too, unless it
is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.core.turning import CLOCKWISE, TURNS
from anonymizer_node.formats.video_encoders import ENCODERS, format_for
from anonymizer_node.formats.video_frames import VideoImage, copy_of, require_av

try:
    import av
except ImportError:  # See `require_av`.
    av = None  # type: ignore[assignment]

MOST_HIDDEN_PX = 32
"""Columns or rows that a stream may hold beyond those shown and still be copied as it is: codecs
fill up to whole blocks. More may be the rest of a larger picture, which nobody looked at."""

VideoError: Any = av.error.FFmpegError if av is not None else ()
"""What FFmpeg raises where it can't write."""

_PICTURES_BESIDE = ('attached_pic', 'timed_thumbnails')
_RATE_UNKNOWN = 25


class VideoReader:
    """Reads a video. A context manager.

    Attributes:
        codec: FFmpeg's name, such as 'h264'.
        width: Columns as stored, pixels.
        height: Rows as stored, pixels.
        pixel_format: FFmpeg's name.
        left_out: Streams beside the pictures and the sound, in words.
        second: Other streams of pictures, in words.
        sounds: Streams of sound, in words.
        packets: Coded pictures read by now.
        unshown: How many of these the file itself says are not shown (an edit list).
        lost: Places that could not be decoded, by now.
        retimed: Frames that had no time of their own, by now.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            InputError: If it can't be read or holds no video.
            ConfigError: If PyAV is missing.
        """
        require_av()
        self.path = path
        try:
            self._container = av.open(str(path), 'r', metadata_errors='replace')
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(
                f'{str(path)!r} can not be read as a video: {_said(error)}.'
            ) from error
        self.left_out: list[str] = []
        self.second: list[str] = []
        self.sounds: list[str] = []
        self._audio: list[Any] = []
        videos: list[Any] = []
        for stream in self._container.streams:
            named = f'stream {stream.index} ({stream.type}{_codec_in_words(stream)})'
            if stream.type == 'video' and not _is_beside(stream):
                videos.append(stream)
                self.second += [named] if len(videos) > 1 else []
            elif stream.type == 'audio':
                self._audio.append(stream)
                self.sounds.append(named)
            else:
                self.left_out.append(named)
        if not videos or videos[0].codec_context is None:
            self._container.close()
            raise InputError(f'{str(path)!r} holds no video that can be decoded.')
        self._stream: Any = videos[0]
        context = self._stream.codec_context
        self._stream.thread_type = 'AUTO'
        self.codec = str(context.codec.canonical_name or context.name)
        self.width, self.height = int(context.width), int(context.height)
        self.pixel_format = str(context.pix_fmt or '')
        self.packets = self.unshown = self.lost = self.retimed = 0
        self._matrix: tuple[int, ...] = ()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._container.close()

    def images(self, pixel_format: str = '') -> Iterator[VideoImage]:
        """The frames, in the order in which they are shown; once.

        Args:
            pixel_format: Key of `PIXEL_FORMATS` to convert them to where they are of another one.

        Raises:
            FrameError: If one has another size than the first.
        """
        for item in self.items(pixel_format, sound=False):
            if isinstance(item, VideoImage):
                yield item

    def items(self, pixel_format: str = '', sound: bool = False) -> Iterator[Any]:
        """The frames, see `images`, and between them the packets of sound as they are."""
        streams = [self._stream, *(self._audio if sound else ())]
        last: int | None = None
        for packet in self._packets(streams):
            if packet.stream.index != self._stream.index:
                if packet.size and packet.dts is not None:
                    yield packet
                continue
            if packet.size:
                self.packets += 1
                self.unshown += packet.is_discard
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.lost += 1
                continue
            for frame in frames:
                self.lost += frame.is_corrupt
                last = self._timed(frame, last)
                yield self._image(frame, pixel_format)

    def _packets(self, streams: list[Any]) -> Iterator[Any]:
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.lost += 1
                return
            if packet is None:
                return
            yield packet

    def _timed(self, frame: Any, last: int | None) -> int:
        """See that a frame has a time behind the last one's; the time."""
        base = frame.time_base or self._stream.time_base
        if frame.pts is None or (last is not None and frame.pts <= last):
            rate = self.rate
            step = 1 if frame.pts is not None else max(1, round(1 / (rate * base)))
            frame.pts = 0 if last is None else last + step
            self.retimed += 1
        frame.time_base = base
        return int(frame.pts)

    def _image(self, frame: Any, pixel_format: str) -> VideoImage:
        if (frame.width, frame.height) != (self.width, self.height):
            raise FrameError(
                f'A frame is {frame.width}x{frame.height}, and the first was '
                f'{self.width}x{self.height}; cut the video where its size changes.'
            )
        rotation = getattr(frame, 'rotation', 0)
        turn = CLOCKWISE.get(round(-rotation / 90) * 90 % 360, TURNS[1])
        self._matrix = self._matrix or _display_matrix(frame)
        stamp_ns = int(frame.pts * frame.time_base * 1_000_000_000)
        if pixel_format and frame.format.name != pixel_format:
            frame = frame.reformat(format=pixel_format)
        return VideoImage(frame, turn, stamp_ns)

    @property
    def rate(self) -> Any:
        """Frames a second, on average or as declared."""
        stream = self._stream
        return stream.average_rate or stream.guessed_rate or stream.base_rate or _RATE_UNKNOWN

    @property
    def declared_s(self) -> float:
        """How long the pictures last as the file declares, seconds; 0 if it doesn't."""
        # With sound the file says how long the longer one of the two lasts.
        duration = 0 if self._audio else self._container.duration
        return float(duration or 0) / av.time_base

    @property
    def expected(self) -> int:
        """Frames as the file declares; 0 if it doesn't."""
        return int(self._stream.frames)

    def why_not_copied(self, frames: int) -> str:
        """Why the stream may hold what nobody looked at, or ''; when all of it was read.

        Args:
            frames: That were looked at.
        """
        context = self._stream.codec_context
        beyond = max(context.coded_width - self.width, context.coded_height - self.height)
        encoder = ENCODERS.get(self.codec)
        if encoder is None or encoder.hidden is None:
            return f'{self.codec} may carry more than pictures'
        if self.lost or self.unshown or frames != self.packets:
            return f'{self.packets} coded pictures made {frames} frames'
        if beyond >= MOST_HIDDEN_PX:
            return f'{beyond} columns or rows are not shown'
        return ''


class VideoWriter:
    """Writes a video like another one. A context manager; the file is whole when it is left."""

    def __init__(self, path: Path, like: VideoReader, sound: bool) -> None:
        """Nothing is written yet.

        Args:
            path: Of the new file; its ending says which container.
            like: Read from meanwhile.
            sound: Whether to take the sound over.
        """
        self._like = like
        # Bit-exact: without the names of the programs that wrote it, and the time.
        options = {'fflags': '+bitexact'}
        self._container = av.open(str(path), 'w', options=options)
        # This one has no times: a frame's place in the file is its time.
        self._counted = self._container.format.name == 'avi'
        self._sound = sound
        self._sounds: dict[int, Any] = {}
        self._early: list[Any] = []
        self._stream: Any = None
        self._filter: Any = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc is None and self._stream is not None:
                self._flush()
        finally:
            self._container.close()

    def encode(self, image: VideoImage, codec: str, quality: float) -> None:
        """Code the next frame.

        Args:
            image: It.
            codec: Key of `ENCODERS`, the same for all.
            quality: 0..1.
        """
        if self._stream is None:
            self._begin(image, codec, quality)
        frame = copy_of(image.frame)
        if self._counted:
            frame.pts = round(frame.pts * frame.time_base * self._like.rate)
            frame.time_base = 1 / Fraction(self._like.rate)
        self._container.mux(self._stream.encode(frame))

    def add_sound(self, packet: Any) -> None:
        """Take over a packet of sound; what comes before the first picture waits for that."""
        if self._stream is None:
            self._early.append(packet)
            return
        packet.stream = self._sounds[packet.stream.index]
        self._container.mux(packet)

    def copy_pictures(self) -> None:
        """Take over the coded pictures as they are, and the sound if that is wanted."""
        like = self._like
        source = like._stream
        self._stream = self._container.add_stream_from_template(source)
        self._stream.metadata.clear()
        hidden = ENCODERS[like.codec].hidden
        if hidden:
            self._filter = av.BitStreamFilterContext(hidden, source, self._stream)
        self._add_sounds()
        wanted = [source, *(like._audio if self._sound else ())]
        for packet in like._container.demux(*wanted):
            if packet.stream.index != source.index:
                if packet.size and packet.dts is not None:
                    self.add_sound(packet)
            elif packet.size and packet.dts is not None:
                self._mux(self._filter.filter(packet) if self._filter else [packet])

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.stream = self._stream
            self._container.mux(packet)

    def _begin(self, image: VideoImage, codec: str, quality: float) -> None:
        encoder, like, frame = ENCODERS[codec], self._like, image.frame
        os.environ.setdefault('SVT_LOG', '1')  # Or that encoder writes a page to stderr.
        options = encoder.options(quality)
        stream: Any = self._container.add_stream(encoder.name, rate=like.rate, options=options)
        stream.width, stream.height = frame.width, frame.height
        stream.pix_fmt = frame.format.name
        context = stream.codec_context
        time_base = 1 / Fraction(like.rate) if self._counted else frame.time_base
        context.time_base = stream.time_base = time_base
        if like._stream.sample_aspect_ratio:
            context.sample_aspect_ratio = like._stream.sample_aspect_ratio
        for name in ('color_range', 'color_primaries', 'color_trc', 'colorspace'):
            setattr(context, name, getattr(frame, name, getattr(like._stream, name)))
        if like._matrix:
            if not hasattr(stream, 'set_display_matrix'):
                raise InputError(
                    f'The video is turned when it is shown, and PyAV {av.__version__} can not '
                    'write that; install version 18 or newer.'
                )
            stream.set_display_matrix(like._matrix)
        self._stream = stream
        self._add_sounds()

    def _add_sounds(self) -> None:
        for source in self._like._audio if self._sound else ():
            stream = self._container.add_stream_from_template(source)
            stream.metadata.clear()
            self._sounds[source.index] = stream
        early, self._early = self._early, []
        for packet in early:
            self.add_sound(packet)

    def _flush(self) -> None:
        if self._filter is not None:
            self._mux(self._filter.filter(None))
        elif self._stream.codec_context is not None and self._stream.codec_context.is_encoder:
            self._container.mux(self._stream.encode())


def pixel_format_for(reader: VideoReader, codec: str) -> str:
    """In which pixel format the frames of a video are looked at, obscured and coded."""
    return format_for(ENCODERS[codec], reader.pixel_format)


def _is_beside(stream: Any) -> bool:
    """Whether a stream of pictures is a cover or thumbnails."""
    return any(
        bool(stream.disposition & getattr(type(stream.disposition), name, 0))
        for name in _PICTURES_BESIDE
    )


def _codec_in_words(stream: Any) -> str:
    context = getattr(stream, 'codec_context', None)
    return f', {context.name}' if context is not None else ''


def _display_matrix(frame: Any) -> tuple[int, ...]:
    """How a player turns and mirrors a frame, 9 numbers; () if it doesn't."""
    for data in frame.side_data:
        if data.type.name == 'DISPLAYMATRIX':
            return tuple(memoryview(bytes(data)).cast('i'))
    return ()


def _said(error: Exception) -> str:
    return str(getattr(error, 'strerror', '') or error)
