"""Pictures to measure with: a photographed person before a photographed background.

The photographs come with scikit-image, so that everybody measures with the same. A camera's noise
is added: without it a JPEG would be half as large, and a photograph that was scaled up has none.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import Region

NOISE = 2.0
"""Standard deviation, grey levels: a good camera by day."""
_BAND = 64


def street(
    width: int, height: int, people: int = 1, seed: int = 0
) -> tuple[NDArray[np.uint8], Region]:
    """A picture, (height, width, 3) BGR, and where the first person in it is.

    Args:
        width: Columns, pixels.
        height: Rows, pixels.
        people: How many there are, side by side, as large as they fit.
        seed: Of the noise.
    """
    import skimage

    folder = Path(skimage.__file__).parent / 'data'
    portrait = cv2.imread(str(folder / 'astronaut.png'))
    background = cv2.imread(str(folder / 'coffee.png'))
    image = cv2.resize(background, (width, height), interpolation=cv2.INTER_CUBIC)
    columns = int(np.ceil(np.sqrt(people * width / height)))
    side = min(width // columns, height // -(-people // columns), height * 2 // 3)
    pasted = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    places = []
    for index in range(people):
        left, top = index % columns * (width // columns), index // columns * side
        image[top : top + side, left : left + side] = pasted
        places.append((left, top))
    random = np.random.default_rng(seed)
    for top in range(0, height, _BAND):  # Memory is measured too: none for all of it at once.
        band = image[top : top + _BAND]
        noisy = band + random.normal(0, NOISE, band.shape)
        band[...] = np.clip(np.rint(noisy), 0, 255)
    left, top = places[0]
    # She takes the left two thirds of her picture.
    region = Region(left + side // 20, top, left + side * 3 // 4, top + side)
    return image, region
