"""Videos as cameras leave them, made in the test."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

try:
    import av
except ImportError:  # On a robot; the tests that need it say so themselves.
    av = None

GPS = '+48.1371+011.5754/'
_OPTIONS = {'libx264': {'crf': '12', 'bf': '2'}, 'libvpx': {'auto-alt-ref': '0'}}


def room(person: bool, width: int = 160, height: int = 96, left: int = 64) -> np.ndarray:
    """A grey room with somebody bright in it, or nobody, (height, width, 3) BGR."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[:, ::16] = 110
    if person:
        pixels[16:80, left : left + 32] = 230
    return pixels


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    codec: str = 'libx264',
    rate: int = 10,
    times: Sequence[int] = (),
    rotation: int = 0,
    pixel_format: str = 'yuv420p',
    sound: bool = False,
    second: bool = False,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A video; `times` in thousandths of a second, by default as the rate has them."""
    with av.open(str(path), 'w', options={'movflags': 'use_metadata_tags'}) as container:
        container.metadata.update(metadata or {})
        streams = [container.add_stream(codec, rate=rate, options=_OPTIONS.get(codec, {}))]
        streams += [container.add_stream('libx264', rate=rate)] if second else []
        for stream in streams:
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pixel_format
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        if rotation:
            streams[0].set_display_rotation(rotation)
        voice = container.add_stream('aac', rate=16000, layout='mono') if sound else None
        for index, pixels in enumerate(pictures):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(pixels, 'bgr24')
                frame.pts = times[index] if times else index * 1000 // rate
                frame.time_base = Fraction(1, 1000)
                container.mux(stream.encode(frame))
        if voice is not None:
            for index in range(len(pictures) * 16000 // rate // 1024):
                hum = np.sin(np.arange(1024) / 9).astype(np.float32)[None]
                frame = av.AudioFrame.from_ndarray(hum, 'fltp', 'mono')
                frame.sample_rate, frame.pts = 16000, index * 1024
                container.mux(voice.encode(frame))
            container.mux(voice.encode())
        for stream in streams:
            container.mux(stream.encode())
    return path


def read_video(path: Path) -> list[np.ndarray]:
    """The frames, (height, width, 3) BGR, as stored."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format='bgr24') for frame in container.decode(video=0)]


def times_of(path: Path) -> list[float]:
    """When each frame is shown, seconds."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def streams_of(path: Path) -> list[str]:
    """Kinds of the streams."""
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def packets_of(path: Path, kind: str = 'video') -> list[bytes]:
    """The coded pictures or sounds."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def container_of(path: Path) -> str:
    """FFmpeg's names of the container, whatever the file is called."""
    with av.open(str(path)) as container:
        return str(container.format.name)


def rotation_of(path: Path) -> int:
    """Degrees, against the clock, by which a player turns the frames."""
    with av.open(str(path)) as container:
        return int(next(container.decode(video=0)).rotation)
