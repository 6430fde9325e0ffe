"""How videos are coded anew. `ENCODERS` is the table, by codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from anonymizer_node.core.errors import ConfigError


class Encoder(NamedTuple):
    """One way to code a video.

    Attributes:
        name: FFmpeg's name of the encoder.
        options: Its options by quality, 0..1.
        formats: Pixel formats that players show, the first for what is none of them.
        hidden: FFmpeg's filter that takes away what the stream carries beside the pictures that a
            decoder shows, '' if it can't carry anything. None: there is none that takes away all
            (second views and alpha in HEVC), so the stream is never copied as it is.
    """

    name: str
    options: Callable[[float], dict[str, str]]
    formats: tuple[str, ...]
    hidden: str | None = None


def _between(worst: int, best: int) -> Callable[[float], str]:
    """The number for a quality, 0..1, as text."""
    return lambda quality: str(round(worst + (best - worst) * quality))


_YUV = ('yuv420p', 'yuvj420p', 'yuv422p', 'yuvj422p', 'yuv444p', 'yuvj444p', 'nv12')
_X264, _X265, _VPX, _AV1 = _between(40, 10), _between(42, 12), _between(56, 12), _between(56, 16)
_MJPEG = _between(20, 2)

ENCODERS: Mapping[str, Encoder] = {
    'h264': Encoder(
        'libx264',
        lambda quality: {'crf': _X264(quality), 'preset': 'medium'},
        (*_YUV, 'gray'),
        # Slices, parameter sets, delimiters: no SEI, no second view or alpha, nothing unspecified.
        'filter_units=pass_types=1-5|7-11|13',
    ),
    'hevc': Encoder(
        'libx265',
        lambda quality: {
            'crf': _X265(quality),
            'preset': 'medium',
            'x265-params': 'log-level=error',
        },
        ('yuv420p', 'yuvj420p', 'yuv422p', 'yuvj422p', 'yuv444p', 'yuvj444p', 'gray', 'gbrp'),
    ),
    'vp8': Encoder(
        'libvpx',
        lambda quality: {'crf': _VPX(quality), 'b': '50M', 'deadline': 'good', 'cpu-used': '4'},
        ('yuv420p',),
        '',
    ),
    'vp9': Encoder(
        'libvpx-vp9',
        lambda quality: {
            'crf': _VPX(quality),
            'b': '0',
            'deadline': 'good',
            'cpu-used': '4',
            'row-mt': '1',
        },
        ('yuv420p', 'yuv422p', 'yuv444p', 'gbrp'),
        '',
    ),
    'av1': Encoder(
        'libsvtav1',
        lambda quality: {'crf': _AV1(quality), 'preset': '8'},
        ('yuv420p',),
        # Sequence and frame headers, tiles, delimiters: no metadata and no padding.
        'filter_units=pass_types=1-4|6-7',
    ),
    'mjpeg': Encoder(
        'mjpeg',
        lambda quality: {'qmin': _MJPEG(quality), 'qmax': _MJPEG(quality)},
        ('yuvj420p', 'yuvj422p', 'yuvj444p'),
    ),
    'ffv1': Encoder(
        'ffv1', lambda quality: {'level': '3'}, ('yuv420p', 'yuv422p', 'yuv444p', 'gray')
    ),
}
"""By FFmpeg's name of the codec."""

CONTAINERS: Mapping[str, tuple[str, ...]] = {
    '.mp4': ('h264', 'hevc', 'av1', 'vp9'),
    '.m4v': ('h264', 'hevc'),
    '.mov': ('h264', 'hevc', 'mjpeg'),
    '.mkv': ('h264', 'hevc', 'av1', 'vp9', 'vp8', 'mjpeg', 'ffv1'),
    '.webm': ('vp9', 'vp8', 'av1'),
    '.avi': ('mjpeg', 'ffv1'),
    '.ts': ('h264', 'hevc'),
}
"""Ending of a file -> codecs that it is written with, the first for what is none of them."""


def encoder_for(suffix: str, codec: str, asked: str = '') -> str:
    """Key of `ENCODERS`: what is asked for, else the codec of the source, else the usual one.

    Args:
        suffix: Key of `CONTAINERS`.
        codec: Of the source.
        asked: Key of `ENCODERS` or ''.

    Raises:
        ConfigError: If the container doesn't hold what is asked for.
    """
    able = CONTAINERS[suffix]
    if asked and asked not in able:
        raise ConfigError(
            f'{suffix} files are not written with codec {asked}; choose from {", ".join(able)}.'
        )
    return asked or (codec if codec in able else able[0])


def format_for(encoder: Encoder, pixel_format: str) -> str:
    """The pixel format in which an encoder takes frames of another one.

    Of 10 bits and more 8 are kept; chroma is kept as fine as it is where the encoder can.
    """
    if pixel_format in encoder.formats:
        return pixel_format
    full = f'yuvj{pixel_format[3:]}' if pixel_format.startswith('yuv') else ''
    if full in encoder.formats:  # mjpeg has no other.
        return full
    for sampling in ('420', '422', '444'):
        if sampling in pixel_format:
            alike = [name for name in encoder.formats if sampling in name]
            return alike[0] if alike else encoder.formats[0]
    return encoder.formats[0]
