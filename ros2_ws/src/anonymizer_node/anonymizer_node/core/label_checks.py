"""Labels of raw images that can't be true, told by how smooth the picture is under them.

Some drivers give samples of 16 bits another byte order than they say, or brightness and chroma
another place. A detector shown such a picture finds nobody, and whoever reads it rightly sees
everybody. Pictures are smooth: neighbours differ by less than samples far apart. Where that holds
much better for the label not given, the frame is refused. Noise, flat pictures and patterns pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.errors import FrameError

ROUGHER = 1.3
"""By so much must a picture be rougher under its label than under the other one.
`tests/real/test_real_encodings.py` says how often that tells."""

LEAST_SPAN = 8192
"""Values of a wrong byte order are spread over more than this. Those of a camera of 12 bits, or of
a thermal one, mostly are not, and such may be rough where their high bytes change."""

_LEAST_CHROMA, _FLAT, _SMOOTH = 4.0, 2.0, 0.7
"""Mean differences, in levels, and a share."""

_LOOKED_AT = 1 << 16
_LEAST_TOLD, _LEAST_COLUMNS = 4096, 8
"""Samples looked at, and from how many on, in how long rows, there are enough."""


def check_byte_order(samples: NDArray[Any], limits: tuple[float, float], name: str) -> None:
    """Refuse samples whose two bytes are the wrong way round.

    Args:
        samples: (rows, columns, channels) of 16 bits, of which the first channel is looked at.
        limits: Between which most of them are.
        name: Of the encoding.

    Raises:
        FrameError: If they are.
    """
    if limits[1] - limits[0] <= LEAST_SPAN:
        return
    rows = _some_rows(samples[:, :, 0])
    if rows.size < _LEAST_TOLD or rows.shape[1] < _LEAST_COLUMNS:
        return
    near, far = _differences(rows, reach=2)
    other_near, other_far = _differences(rows.byteswap(), reach=2)
    if near * other_far > ROUGHER * other_near * far:
        raise FrameError(
            f'The samples of this {name} image look as if their bytes were in the other order: no '
            'detector would see what they show. Have the driver set is_bigendian as it sends them.'
        )


def check_luma(luma: NDArray[np.uint8], chroma: NDArray[np.uint8], name: str) -> None:
    """Refuse YUV 4:2:2 in which brightness and chroma are in each other's place.

    Args:
        luma: (rows, columns, 1).
        chroma: (rows, columns / 2, 2).
        name: Of the encoding.

    Raises:
        FrameError: If they are.
    """
    bright, coloured = (_some_rows(plane.reshape(len(plane), -1)) for plane in (luma, chroma))
    if bright.size < _LEAST_TOLD or bright.shape[1] < _LEAST_COLUMNS:
        return
    near, far = _differences(bright)
    other_near, other_far = _differences(coloured, kinds=2)  # U is compared with U.
    rough = near * other_far > ROUGHER * other_near * far
    swapped = rough and other_far > max(far, _LEAST_CHROMA)
    # What has no colours is flat in both kinds of chroma.
    colourless = far < _FLAT and other_near < _SMOOTH * other_far
    if swapped or (colourless and other_far > 2 * _LEAST_CHROMA):
        raise FrameError(
            f'The chroma of this {name} image looks like brightness, and its brightness like '
            'chroma: no detector would see what it shows. Have the driver name what begins with '
            'brightness yuv422_yuy2 (yuyv), and what begins with chroma yuv422 (uyvy).'
        )


def _some_rows(samples: NDArray[Any]) -> NDArray[Any]:
    """As many of the rows as need to be looked at, contiguous."""
    return np.ascontiguousarray(samples[:: max(1, samples.size // _LOOKED_AT)])


def _differences(rows: NDArray[Any], kinds: int = 1, reach: int = 1) -> tuple[float, float]:
    """Mean difference of neighbours in a row, and of samples anywhere in it.

    Half a row apart would be some periods of a pattern, or the same place in both halves of a
    stereo picture.

    Args:
        rows: (rows, columns).
        kinds: Samples of so many kinds come in turn; those anywhere are compared with their like.
        reach: How far apart neighbours may be. The distance counts at which they are most alike:
            in a mosaic, or in stripes, not the next one is.
    """
    values = rows.astype(np.int32)
    near = min(float(np.abs(values[:, by:] - values[:, :-by]).mean()) for by in range(1, reach + 1))
    turns = values.reshape(len(values), -1, kinds)
    anywhere = np.random.default_rng(0).permutation(turns.shape[1])
    return near, float(np.abs(turns[:, anywhere] - turns).mean())
