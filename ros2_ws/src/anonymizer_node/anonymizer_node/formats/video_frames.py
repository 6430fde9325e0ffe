"""Decoded video frames, obscured in the planes that they are coded in.

A frame never is converted for being obscured: colours that go there and back again are not the
same. What a detector sees is a reduced copy, turned as a player turns it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import NO_PIXELS, Frame, Redacted, Region, UInt8Array
from anonymizer_node.core.errors import ConfigError, FrameError
from anonymizer_node.core.geometry import aligned
from anonymizer_node.core.redaction import redact
from anonymizer_node.core.turning import Turn

try:
    import av
except ImportError:  # Photos and bags don't need it.
    av = None  # type: ignore[assignment]

LEAST_AV = (17, 1)
"""Version of PyAV."""

FULL_RANGE = 2
"""FFmpeg's number for frames whose black is 0."""


class Plane(NamedTuple):
    """One plane of a pixel format.

    Attributes:
        across: Columns of the frame that share a sample.
        down: Rows of the frame that share a sample.
        black: A sample where nothing is shown, in full range and in the usual one.
        samples: Of one position, side by side.
    """

    across: int = 1
    down: int = 1
    black: tuple[int, int] = (0, 0)
    samples: int = 1


_LUMA = Plane(black=(0, 16))


def _chroma(across: int, down: int) -> tuple[Plane, Plane, Plane]:
    grey = Plane(across, down, (128, 128))
    return _LUMA, grey, grey


PIXEL_FORMATS: Mapping[str, tuple[Plane, ...]] = {
    'yuv420p': _chroma(2, 2),
    'yuvj420p': _chroma(2, 2),
    'yuv422p': _chroma(2, 1),
    'yuvj422p': _chroma(2, 1),
    'yuv444p': _chroma(1, 1),
    'yuvj444p': _chroma(1, 1),
    'nv12': (_LUMA, Plane(2, 2, (128, 128), samples=2)),
    'gray': (Plane(),),
    'gbrp': (Plane(), Plane(), Plane()),
}
"""FFmpeg's names -> the planes. Frames of other formats are converted to one of these."""


def require_av() -> None:
    """Refuse to work on videos without the library for them.

    Raises:
        ConfigError: If it is missing or older than `LEAST_AV`: those neither tell which part of a
            stream's pictures is not shown, nor write how they are turned.
    """
    least = '.'.join(map(str, LEAST_AV))
    if av is None or tuple(map(int, av.__version__.split('.')[:2])) < LEAST_AV:
        there = 'is missing' if av is None else f'is there in version {av.__version__}'
        raise ConfigError(
            f'Videos are read and written with PyAV {least} or newer, which {there}; install it '
            f'with "pip install \'av>={least}\'", or this package with its extra "media".'
        )


@dataclass(frozen=True)
class VideoImage:
    """A decoded frame as the pipeline takes it; a message of `VideoCodec`.

    Attributes:
        frame: FFmpeg's, of one of `PIXEL_FORMATS`. Never written to: the decoder may need it.
        turn: How it is turned before it is shown.
        stamp_ns: When it is shown, nanoseconds.
    """

    frame: Any
    turn: Turn
    stamp_ns: int

    def digest(self) -> str:
        """What tells its pixels and time from all others."""
        digest = hashlib.sha256(str((self.stamp_ns, self.frame.format.name)).encode())
        for _, view in planes_of(self.frame):
            digest.update(np.ascontiguousarray(view).data)
        return digest.hexdigest()


def planes_of(frame: Any) -> list[tuple[Plane, UInt8Array]]:
    """The planes of a frame, and the samples of each as a view (rows, columns, samples).

    Raises:
        FrameError: If they don't lie in memory as they should.
    """
    found = []
    for plane, held in zip(PIXEL_FORMATS[frame.format.name], frame.planes, strict=True):
        columns, rows = -(-frame.width // plane.across), -(-frame.height // plane.down)
        step = held.line_size
        data = np.frombuffer(held, np.uint8)
        if step < columns * plane.samples or data.size < step * rows:
            raise FrameError(
                f'A frame of {frame.width}x{frame.height} {frame.format.name} has rows of {step} '
                f'bytes, {data.size} in all; it is damaged.'
            )
        samples = data[: step * rows].reshape(rows, step)[:, : columns * plane.samples]
        found.append((plane, samples.reshape(rows, columns, plane.samples)))
    return found


def copy_of(frame: Any) -> Any:
    """A frame of the same pixels and time that is nobody else's, without side data: captions."""
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for (_, here), (_, there) in zip(planes_of(copy), planes_of(frame), strict=True):
        here[...] = there
    copy.pts, copy.time_base = frame.pts, frame.time_base
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    for name in ('color_primaries', 'color_trc', 'duration'):
        if hasattr(copy, name) and getattr(frame, name) is not None:
            setattr(copy, name, getattr(frame, name))
    return copy


class VideoCodec:
    """Frames of a video as the pipeline takes them. Regions are those of the picture as shown."""

    def decode(self, message: VideoImage, source: str, least_size: int) -> Frame:
        """See `Codec.decode`."""
        frame = message.frame
        by = max(1, max(frame.width, frame.height) // max(1, least_size))
        size = {'width': -(-frame.width // by), 'height': -(-frame.height // by)}
        reduced = frame.reformat(**size, format='bgr24', interpolation='AREA')
        pixels = message.turn.shown(reduced.to_ndarray())
        shown = message.turn.size(frame.width, frame.height)
        return Frame(pixels, 'bgr8', *shown, message.stamp_ns, source)

    def measure(self, message: VideoImage, source: str) -> Frame:
        """See `Codec.measure`."""
        return self.decode(message, source, 1)

    def revisit(self, message: VideoImage, source: str) -> Frame:
        """See `Codec.revisit`."""
        size = message.turn.size(message.frame.width, message.frame.height)
        return Frame(NO_PIXELS, 'bgr8', *size, message.stamp_ns, source)

    def redact(
        self,
        message: VideoImage,
        frame: Frame,
        regions: Sequence[Region],
        method: str,
        strength: float,
    ) -> Redacted:
        """See `Codec.redact`. Regions are widened to whole samples of chroma."""
        size, turn = (frame.width, frame.height), message.turn
        copy = copy_of(message.frame)
        planes = planes_of(copy)
        grid = max(plane.across for plane, _ in planes), max(plane.down for plane, _ in planes)
        stored = turn.regions_stored(regions, *size)
        widened = [aligned(region, *grid, copy.width, copy.height) for region in stored]
        for plane, view in planes:
            parts = [
                Region(
                    region.x0 // plane.across,
                    region.y0 // plane.down,
                    -(-region.x1 // plane.across),
                    -(-region.y1 // plane.down),
                )
                for region in widened
            ]
            black = (float(_black(plane, copy)),) * plane.samples
            redact(view, parts, black, method, strength, (plane.across, plane.down))
        done = tuple(dict.fromkeys(turn.regions_shown(widened, *size)))
        return Redacted(replace(message, frame=copy), done)

    def stripped(self, message: VideoImage) -> Redacted:
        """See `Codec.stripped`. There is nothing in it but its picture."""
        return Redacted(message)

    def blacked_out(self, message: VideoImage) -> VideoImage:
        """See `Codec.blacked_out`."""
        copy = copy_of(message.frame)
        for plane, view in planes_of(copy):
            view[...] = _black(plane, copy)
        return replace(message, frame=copy)


def _black(plane: Plane, frame: Any) -> int:
    full = frame.format.name.startswith('yuvj') or frame.color_range == FULL_RANGE
    return plane.black[0 if full else 1]
