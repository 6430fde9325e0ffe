"""JPEG, edited block by block: what isn't hidden keeps every coefficient that it had.

Regions are widened to whole MCUs (8x8 to 32x8 pixels, as the chroma sampling has it), and only
their blocks are replaced. Where chroma is stored at half resolution, decoders interpolate it:

- The pixels next to a replaced MCU take a shade from it. `redact` therefore answers with regions
  that are wider by `SEAM_PX` on the axes where that is so. Outside of these every pixel keeps its
  value. The seam itself is not obscured; what was asked for always is.
- The outermost pixels of a replaced MCU take a shade from outside: they are dark, not black.

The coding of the file may change where pixels don't: restart markers and optimised Huffman tables
are not written, progressive pictures stay progressive. For what else of a file stays see
`jpeg_segments`.

Without libjpeg-turbo (see `turbojpeg`) pictures are decoded and encoded (`jpeg_anew`). A note then
says that pixels outside have changed. Damage to the coded blocks, which the library reports, is
then not noticed: the detector sees what any decoder shows of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region, UInt8Array
from anonymizer_node.core.encodings import encoding_named
from anonymizer_node.core.errors import FrameError, RedactionError
from anonymizer_node.core.redaction import redact as redact_pixels
from anonymizer_node.core.redaction import redactor_named
from anonymizer_node.formats import turbojpeg, turbojpeg_blocks
from anonymizer_node.formats.jpeg_anew import encoded_like
from anonymizer_node.formats.jpeg_black import black_picture
from anonymizer_node.formats.jpeg_blocks import BLOCK_REDACTORS, Patch, patches
from anonymizer_node.formats.jpeg_editor import write_patches
from anonymizer_node.formats.jpeg_frame import FrameHeader, frame_header
from anonymizer_node.formats.jpeg_markers import Picture, parse
from anonymizer_node.formats.jpeg_segments import kept, spliced, taken_apart
from anonymizer_node.formats.jpeg_segments import orientation as orientation_of
from anonymizer_node.formats.jpeg_segments import unjudged as unjudged_in

SIGNATURE = b'\xff\xd8\xff'

SEAM_PX = 1
"""How far the chroma of a block shades its neighbours in a decoder that interpolates, pixels."""

NOTE_WITHOUT_LIBRARY = (
    'libjpeg-turbo is missing, so JPEG pictures were encoded anew and pixels outside the regions '
    'changed a little; install the package libturbojpeg0.'
)
NOTE_WITHOUT_BLOCKS = (
    'The method has no form for JPEG blocks, so pictures were encoded anew and pixels outside '
    'the regions changed a little.'
)

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_REDUCED_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


class _Last(threading.local):
    """The file that a thread parsed last: one with people in it is decoded, then redacted."""

    def __init__(self) -> None:
        self._data = b''
        self._picture: Picture | None = None

    def parsed(self, data: bytes) -> Picture:
        """See `jpeg_markers.parse`."""
        if self._picture is None or data != self._data:
            self._picture = None
            self._picture = parse(data)
            self._data = data
        return self._picture


_last = _Last()


def available() -> bool:
    """Whether blocks can be edited: whether libjpeg-turbo is there."""
    return turbojpeg.available()


def decode(data: bytes, least_size: int) -> tuple[UInt8Array, str, int, int]:
    """Decode a picture as far as a detector needs it, on its stored pixel grid.

    It isn't turned, and regions are on the stored grid too: see `orientation`. Whatever else the
    file shows isn't looked at: see `unjudged`.

    Args:
        data: The file.
        least_size: The longer side is reduced to no less than this, pixels.

    Returns:
        Pixels (rows, columns, channels) uint8, reduced by 1, 2, 4 or 8; their encoding, `bgr8` or
        `mono8`; the picture's own width and height, pixels.

    Raises:
        FrameError: If the data doesn't begin with one whole picture.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    picture = _last.parsed(data)
    header = picture.header
    width, height = header.width, header.height
    longer = max(width, height)
    divisor = next((by for by in (8, 4, 2) if -(-longer // by) >= least_size), 1)
    if available():
        turbojpeg.colours(data, header)
        pixels = turbojpeg.decode(data, header, divisor)
    else:
        pixels = _decoded_by_opencv(data, header, divisor)
    return pixels, _encoding(header), width, height


def orientation(data: bytes) -> int:
    """How a viewer turns the picture, EXIF's number; 1 if not at all.

    Raises:
        FrameError: If the data doesn't begin with one whole picture.
    """
    return orientation_of(_last.parsed(data).segments)


def unjudged(data: bytes) -> str:
    """What in a file may show somebody and isn't what `decode` shows, or ''.

    `redact` and `stripped` leave it out.

    Raises:
        FrameError: If the data doesn't begin with one whole picture.
    """
    picture = _last.parsed(data)
    return unjudged_in(picture.segments, picture.later, picture.behind)


def stripped(data: bytes) -> bytes:
    """The file with its picture and what says how to show it, and nothing else.

    Every byte of the picture is as it was, and so is every pixel.

    Raises:
        FrameError: If the data doesn't begin with one whole picture, or there is something in it
            that can't be left out.
    """
    parts = taken_apart(data)
    done = data[:2] + kept(parts.beside) + parts.picture
    left, header = unjudged(done), _last.parsed(done).header
    if left:
        raise FrameError(f'A JPEG still holds {left} when all beside its picture is left out.')
    if available() and turbojpeg.colours(done, header) != turbojpeg.colours(data, header):
        raise FrameError('A JPEG would have other colours without what is beside its picture.')
    return done


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a picture, pixels; no pixel is decoded.

    Raises:
        FrameError: If the data isn't one whole picture, as far as its markers say.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    header = _last.parsed(data).header
    return header.width, header.height


def redact(
    data: bytes, regions: Sequence[Region], method: str, strength: float
) -> tuple[bytes, tuple[Region, ...], str]:
    """Hide regions of a picture, and leave out all else in the file that may show them.

    See the module for what the regions in the answer mean, and `jpeg_segments` for what else is
    left out.

    Args:
        data: The file.
        regions: Inside the picture, pixels.
        method: Key of `core.redaction.REDACTORS`.
        strength: 0..1.

    Returns:
        The file; the regions outside which every pixel kept its value; a note or ''.

    Raises:
        FrameError: If the data isn't one whole picture.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
        RedactionError: If a region isn't inside the picture or editing didn't finish.
        ConfigError: If the method is unknown.
    """
    redactor_named(method)
    picture = _last.parsed(data)
    header = picture.header
    for region in regions:
        if not (
            0 <= region.x0 < region.x1 <= header.width
            and 0 <= region.y0 < region.y1 <= header.height
        ):
            raise RedactionError(
                f'{region} is not inside the picture of {header.width}x{header.height} pixels.'
            )
    widened = [header.widened(region) for region in regions]
    if not available():
        done = _redacted_pixels(data, picture, widened, method, strength)
        return done, tuple(widened), NOTE_WITHOUT_LIBRARY
    if method not in BLOCK_REDACTORS:
        done = _redacted_pixels(data, picture, widened, method, strength)
        return done, tuple(widened), NOTE_WITHOUT_BLOCKS
    done = _redacted_blocks(data, picture, widened, method, strength)
    return done, tuple(_with_seam(header, region) for region in widened), ''


def blacked_out(data: bytes) -> bytes:
    """A black picture of the same size, chroma sampling and number of components.

    Only the frame header is read: the rest may be damaged.

    Raises:
        FrameError: If the size can't be told.
        UnsupportedEncodingError: If it is a kind of JPEG that isn't supported.
    """
    return black_picture(frame_header(data))


def coefficients(data: bytes) -> tuple[NDArray[np.int16], ...]:
    """What a file stores, to compare two files with.

    Returns:
        For each component (block rows, block columns, 64) quantised DCT coefficients.

    Raises:
        FrameError: If the data isn't one whole picture.
        RedactionError: If libjpeg-turbo is missing.
    """
    header = parse(data).header
    planes: list[NDArray[np.int16]] = []
    turbojpeg_blocks.read_blocks(
        data, header, lambda blocks: planes.extend(plane.copy() for plane in blocks)
    )
    return tuple(planes)


def _redacted_blocks(
    data: bytes, picture: Picture, regions: Sequence[Region], method: str, strength: float
) -> bytes:
    header = picture.header
    colours = turbojpeg.colours(data, header)

    def plan(dcs: Sequence[NDArray[np.int16]]) -> list[Patch]:
        return patches(picture, regions, dcs, method, strength, colours.luma_and_chroma)

    def edit(planes: turbojpeg_blocks.Planes) -> None:
        write_patches(planes, plan, picture.bounded)

    edited = turbojpeg_blocks.edit_blocks(data, header, colours.sampling, edit)
    if frame_header(edited) != header or not edited.endswith(b'\xff\xd9'):
        raise RedactionError('An edited JPEG came out with another frame header, or cut off.')
    return spliced(edited, kept(picture.segments))


def _with_seam(header: FrameHeader, region: Region) -> Region:
    """A region with the pixels beside it that take a shade from its chroma."""
    halved_x = any(2 * item.horizontal * 8 == header.step_x for item in header.components)
    halved_y = any(2 * item.vertical * 8 == header.step_y for item in header.components)
    x, y = SEAM_PX * halved_x, SEAM_PX * halved_y
    return Region(
        max(0, region.x0 - x),
        max(0, region.y0 - y),
        min(header.width, region.x1 + x),
        min(header.height, region.y1 + y),
    )


def _redacted_pixels(
    data: bytes, picture: Picture, regions: Sequence[Region], method: str, strength: float
) -> bytes:
    """Decoded, redacted and encoded anew, as nearly as it can be as the original was."""
    header = picture.header
    pixels = _decoded_by_opencv(data, header, 1)
    if pixels.shape[:2] != (header.height, header.width):
        raise FrameError(
            f'A JPEG of {header.width}x{header.height} was decoded as {pixels.shape}; '
            'it is damaged.'
        )
    redact_pixels(pixels, regions, encoding_named(_encoding(header)).black, method, strength)
    encoded = encoded_like(pixels, picture)
    return spliced(encoded, kept(picture.segments, colour=False), colour=False)


def _decoded_by_opencv(data: bytes, header: FrameHeader, divisor: int) -> UInt8Array:
    flags = (_REDUCED_GREY if header.grey else _REDUCED)[divisor]
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise FrameError(f'A JPEG of {len(data)} bytes can not be decoded: {error}') from error
    if pixels is None:
        raise FrameError(f'A JPEG of {len(data)} bytes can not be decoded; it is damaged.')
    return np.asarray(pixels, np.uint8).reshape(*pixels.shape[:2], 1 if header.grey else 3)


def _encoding(header: FrameHeader) -> str:
    return 'mono8' if header.grey else 'bgr8'
