"""Writes video files: one stream of pictures, sound if it is asked for, and nothing else.

Everything else in a file may show or name somebody: second streams of pictures, attached pictures,
subtitles, data (positions, telemetry), chapters, metadata.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from anonymizer_node.formats.video_encoders import ENCODERS
from anonymizer_node.formats.video_files import VideoReader
from anonymizer_node.formats.video_frames import VideoImage, copy_of

try:
    import av
except ImportError:  # See `require_av`.
    av = None  # type: ignore[assignment]

VideoError: Any = av.error.FFmpegError if av is not None else ()
"""What FFmpeg raises where it can't write."""


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
        source = like.stream
        self._stream = self._container.add_stream_from_template(source, opaque=True)
        self._stream.metadata.clear()
        hidden = ENCODERS[like.codec].hidden
        if hidden:
            self._filter = av.BitStreamFilterContext(hidden, source, self._stream)
        self._add_sounds()
        wanted = [source, *(like.audio if self._sound else ())]
        for packet in like.container.demux(*wanted):
            if packet.stream.index != source.index:
                if packet.size and packet.dts is not None:
                    self.add_sound(packet)
            elif packet.size:  # Some have no decoding time: Matroska doesn't store it.
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
        if like.stream.sample_aspect_ratio:
            context.sample_aspect_ratio = like.stream.sample_aspect_ratio
        for name in ('color_range', 'color_primaries', 'color_trc', 'colorspace'):
            setattr(context, name, getattr(frame, name, getattr(like.stream, name)))
        if like.matrix:
            stream.set_display_matrix(like.matrix)
        self._stream = stream
        self._add_sounds()

    def _add_sounds(self) -> None:
        for source in self._like.audio if self._sound else ():
            stream = self._container.add_stream_from_template(source, opaque=True)
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
