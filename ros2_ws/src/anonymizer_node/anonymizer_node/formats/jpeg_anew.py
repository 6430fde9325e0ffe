"""Encoding of a whole JPEG like another one, where its blocks can't be edited.

Pillow takes the quantisation tables themselves, if it is there; OpenCV takes a quality only, of
which the nearest tables come, and before 4.7 no chroma sampling but 4:2:0.
"""

from __future__ import annotations

import functools
import io

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import FrameError, RedactionError
from anonymizer_node.formats.jpeg_markers import Picture, parse

_PILLOW_SAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""Pillow's numbers by the blocks of luma in an MCU, chroma having one."""


def encoded_like(pixels: UInt8Array, picture: Picture) -> bytes:
    """Encode pixels as another file was, as nearly as it can be done here.

    Args:
        pixels: (rows, columns, 1 or 3), grey or BGR.
        picture: What that file is.

    Raises:
        RedactionError: If it can't be written.
    """
    return _by_pillow(pixels, picture) or _by_opencv(pixels, picture)


def _by_pillow(pixels: UInt8Array, picture: Picture) -> bytes:
    """With the very same tables and sampling; b'' where that can't be done."""
    try:
        from PIL import Image
    except ImportError:
        return b''
    header = picture.header
    first, *others = header.components
    sampling = _PILLOW_SAMPLINGS.get((first.horizontal, first.vertical))
    wanted = _tables(picture)
    if sampling is None or any(item[1:3] != (1, 1) for item in others) or len(wanted) > 2:
        return b''
    image = Image.fromarray(pixels[:, :, 0] if header.grey else pixels[:, :, ::-1].copy())
    options = {} if header.grey else {'subsampling': sampling}
    buffer = io.BytesIO()
    try:
        image.save(
            buffer,
            'JPEG',
            qtables=[table.tolist() for table in wanted],
            progressive=header.progressive,
            **options,
        )
        done = parse(buffer.getvalue())
    except (OSError, ValueError, TypeError, FrameError):
        return b''
    # Another version may take the tables in another order.
    return buffer.getvalue() if _coding(done) == _coding(picture) else b''


def _tables(picture: Picture) -> list[NDArray[np.int64]]:
    """The tables of the components, the same one once."""
    used = dict.fromkeys(component.table for component in picture.header.components)
    return [picture.tables[identifier] for identifier in used]


def _coding(picture: Picture) -> tuple[object, ...]:
    """All that decides how pixels are coded."""
    header = picture.header
    components = [
        (*item[1:3], tuple(picture.tables[item.table].tolist())) for item in header.components
    ]
    return header.width, header.height, header.progressive, components


def _by_opencv(pixels: UInt8Array, picture: Picture) -> bytes:
    header = picture.header
    table = picture.tables[header.components[0].table]
    parameters = [cv2.IMWRITE_JPEG_QUALITY, _quality(table)]
    if header.progressive:
        parameters += [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    if not header.grey and hasattr(cv2, 'IMWRITE_JPEG_SAMPLING_FACTOR'):
        step = header.step_x // 8 << 20 | header.step_y // 8 << 16
        parameters += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, step | 0x1111]
    done, encoded = cv2.imencode('.jpg', pixels, parameters)
    if not done:
        raise RedactionError(f'A picture of {pixels.shape} can not be written as JPEG.')
    return bytes(encoded.tobytes())


def _quality(table: NDArray[np.int64]) -> int:
    """The quality, 1 to 100, at which OpenCV's encoder uses the table most like this one."""
    distances = [np.abs(other - table).sum() for other in _tables_by_quality()]
    return 1 + int(np.argmin(distances))


@functools.lru_cache(maxsize=1)
def _tables_by_quality() -> tuple[NDArray[np.int64], ...]:
    tables = []
    for quality in range(1, 101):
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
        encoded = cv2.imencode('.jpg', np.zeros((8, 8), np.uint8), parameters)[1]
        tables.append(parse(encoded.tobytes()).tables[0])
    return tuple(tables)
