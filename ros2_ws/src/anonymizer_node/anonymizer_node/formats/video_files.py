"""Reads video files: the one stream of pictures that is anonymised, and what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.core.turning import CLOCKWISE, TURNS
from anonymizer_node.formats.video_encoders import ENCODERS, format_for
from anonymizer_node.formats.video_frames import VideoImage, require_av

try:
    import av
except ImportError:  # See `require_av`.
    av = None  # type: ignore[assignment]

MOST_HIDDEN_PX = 32
"""Columns or rows that a stream may hold beyond those shown and still be copied as it is: codecs
fill up to whole blocks. More may be the rest of a larger picture, which nobody looked at."""

_ONLY = {'format_whitelist': 'mov,mp4,matroska,webm,avi,mpegts', 'protocol_whitelist': 'file'}
"""No playlists, which would have other files or addresses read."""

_HARMLESS = frozenset({'mpegts_stream_id', 'skip_samples', 'prft'})
"""What packets may carry beside a coded picture, and show nobody."""

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
        laden: How many of these carry more than themselves (alpha).
        lost: Places that could not be decoded, by now.
        retimed: Frames that had no time of their own, by now.
        container, stream, audio: FFmpeg's, for a writer.
        matrix: How players turn and mirror the pictures, 9 numbers; () if they don't.
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
            self.container = av.open(
                str(path.absolute()), 'r', options=dict(_ONLY), metadata_errors='replace'
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(
                f'{str(path)!r} can not be read as a video: {_said(error)}.'
            ) from error
        self.left_out: list[str] = []
        self.second: list[str] = []
        self.sounds: list[str] = []
        self.audio: list[Any] = []
        videos: list[Any] = []
        for stream in self.container.streams:
            named = f'stream {stream.index} ({stream.type}{_codec_in_words(stream)})'
            if stream.type == 'video' and not _is_beside(stream):
                videos.append(stream)
                self.second += [named] if len(videos) > 1 else []
            elif stream.type == 'audio':
                self.audio.append(stream)
                self.sounds.append(named)
            else:
                self.left_out.append(named)
        if not videos or videos[0].codec_context is None:
            self.container.close()
            raise InputError(f'{str(path)!r} holds no video that can be decoded.')
        self.stream: Any = videos[0]
        context = self.stream.codec_context
        self.stream.thread_type = 'AUTO'
        self.codec = str(context.codec.canonical_name or context.name)
        self.width, self.height = int(context.width), int(context.height)
        self.pixel_format = str(context.pix_fmt or '')
        self.packets = self.unshown = self.lost = self.retimed = self.laden = 0
        self.matrix: tuple[int, ...] = ()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.container.close()

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
        streams = [self.stream, *(self.audio if sound else ())]
        last: int | None = None
        for packet in self._packets(streams):
            if packet.stream.index != self.stream.index:
                if packet.size and packet.dts is not None:
                    yield packet
                continue
            if packet.size:
                self.packets += 1
                self.unshown += packet.is_discard
                self.laden += not _HARMLESS.issuperset(
                    side.data_type for side in packet.iter_sidedata()
                )
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
        packets = self.container.demux(*streams)
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
        base = frame.time_base or self.stream.time_base
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
        self.matrix = self.matrix or _display_matrix(frame)
        stamp_ns = int(frame.pts * frame.time_base * 1_000_000_000)
        if pixel_format and frame.format.name != pixel_format:
            frame = frame.reformat(format=pixel_format)
        return VideoImage(frame, turn, stamp_ns)

    @property
    def rate(self) -> Any:
        """Frames a second, on average or as declared."""
        stream = self.stream
        return stream.average_rate or stream.guessed_rate or stream.base_rate or _RATE_UNKNOWN

    @property
    def declared_s(self) -> float:
        """How long the pictures last as the file declares, seconds; 0 if it doesn't."""
        # With sound the file says how long the longer one of the two lasts.
        duration = 0 if self.audio else self.container.duration
        return float(duration or 0) / av.time_base

    @property
    def expected(self) -> int:
        """Frames as the file declares; 0 if it doesn't."""
        return int(self.stream.frames)

    def why_not_copied(self, frames: int) -> str:
        """Why the stream may hold what nobody looked at, or ''; when all of it was read.

        Args:
            frames: That were looked at.
        """
        context = self.stream.codec_context
        beyond = max(context.coded_width - self.width, context.coded_height - self.height)
        encoder = ENCODERS.get(self.codec)
        if encoder is None or encoder.hidden is None:
            return f'{self.codec} may carry more than the pictures that are shown'
        if self.laden:
            return f'{self.laden} coded pictures carry something else'
        if self.lost or self.unshown or frames != self.packets:
            return f'{self.packets} coded pictures made {frames} frames'
        if beyond >= MOST_HIDDEN_PX:
            return f'{beyond} columns or rows are not shown'
        return ''


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
