"""Photographs of people that PyPI packages carry, cut out along outlines drawn by hand.

The pictures: Eileen Collins (NASA, public domain; scikit-image's `astronaut`), Grace Hopper (US
Navy, public domain; matplotlib's sample data), and a student with a camcorder (CC0; scikit-image's
`camera`, grey). None of them is copied into this package.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import InputError

Outline = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Portrait:
    """Where a photograph is and where in it the person is.

    Attributes:
        package: Importable name of the package that carries the file.
        path: Of the file, inside the package.
        outline: Polygon of what is cut out, pixels of the photograph.
        body: Polygon of the person alone, without what they hold; empty: as `outline`.
        holes: Polygons inside the outline through which the background would show.
    """

    package: str
    path: str
    outline: Outline
    body: Outline = ()
    holes: tuple[Outline, ...] = ()


_ASTRONAUT_LEFT: Outline = (
    (38, 512), (30, 500), (25, 480), (24, 455), (23, 430), (19, 415), (20, 390), (25, 370),
    (27, 345), (33, 318), (40, 300), (44, 280), (55, 262), (65, 247), (85, 230), (105, 213),
    (116, 203), (114, 190), (120, 185), (124, 172), (135, 160), (150, 152), (170, 148), (185, 150),
    (181, 133), (176, 128), (172, 118), (160, 108), (154, 92), (153, 68), (160, 52), (175, 42),
    (190, 37), (200, 25), (212, 19), (228, 16), (250, 17), (275, 28), (291, 45), (298, 65),
    (301, 88), (295, 110), (284, 122), (277, 130), (270, 137), (261, 158), (256, 174), (275, 190),
    (292, 208), (302, 228), (304, 236), (318, 243), (335, 256), (344, 272), (350, 290), (355, 310),
)  # fmt: skip

PORTRAITS: Mapping[str, Portrait] = {
    'astronaut': Portrait(
        'skimage',
        'data/astronaut.png',
        outline=(
            *_ASTRONAUT_LEFT,
            (359, 330), (364, 346), (380, 345), (400, 344), (420, 346), (440, 352), (460, 365),
            (478, 385), (490, 410), (495, 435), (497, 453), (503, 458), (500, 470), (507, 485),
            (511, 500), (511, 512),
        ),
        # Without the helmet on her arm.
        body=(
            *_ASTRONAUT_LEFT,
            (358, 330), (350, 346), (328, 362), (308, 386), (290, 412), (281, 440), (277, 475),
            (279, 512),
        ),
    ),
    'admiral': Portrait(
        'matplotlib',
        'mpl-data/sample_data/grace_hopper.jpg',
        outline=(
            (10, 600), (14, 560), (20, 490), (26, 440), (38, 405), (50, 387), (70, 375), (100, 364),
            (130, 356), (160, 343), (180, 330), (198, 316), (196, 300), (185, 292), (172, 280),
            (162, 265), (160, 240), (156, 215), (154, 195), (158, 178), (153, 160), (152, 120),
            (153, 98), (160, 91), (174, 85), (178, 66), (190, 53), (205, 46), (218, 41), (224, 31),
            (232, 26), (243, 23), (265, 23), (285, 30), (300, 40), (320, 47), (338, 60), (350, 78),
            (353, 88), (362, 86), (368, 98), (371, 130), (371, 155), (370, 180), (376, 187),
            (373, 205), (367, 230), (362, 260), (358, 280), (348, 295), (336, 305), (333, 315),
            (360, 338), (400, 356), (430, 366), (465, 378), (490, 390), (500, 415), (508, 440),
            (512, 452), (512, 600),
        ),
    ),
    'cameraman': Portrait(
        'skimage',
        'data/camera.png',
        outline=(
            (0, 512), (0, 250), (20, 228), (35, 205), (50, 180), (65, 155), (80, 142), (100, 131),
            (125, 124), (131, 122), (145, 108), (160, 105), (163, 95), (172, 82), (185, 70),
            (203, 64), (220, 68), (240, 79), (255, 92), (267, 108), (270, 120), (266, 131),
            (257, 132), (258, 141), (285, 141), (310, 140), (325, 140), (325, 150), (318, 152),
            (319, 168), (328, 170), (331, 190), (325, 205), (318, 215), (308, 226), (307, 246),
            (299, 247), (303, 272), (296, 280), (296, 312), (289, 312), (289, 286), (270, 300),
            (245, 312), (230, 307), (206, 295), (190, 318), (170, 345), (142, 380), (148, 420),
            (150, 512),
        ),
        body=(
            (0, 512), (0, 250), (20, 228), (35, 205), (50, 180), (65, 155), (80, 142), (100, 131),
            (125, 124), (131, 122), (145, 108), (160, 105), (163, 95), (172, 82), (185, 70),
            (203, 64), (220, 68), (240, 79), (255, 92), (267, 108), (270, 120), (266, 131),
            (253, 146), (254, 166), (246, 185), (242, 215), (262, 214), (275, 190), (318, 184),
            (331, 190), (325, 205), (318, 215), (303, 228), (303, 272), (289, 286), (270, 300),
            (245, 312), (230, 307), (206, 295), (190, 318), (170, 345), (142, 380), (148, 420),
            (150, 512),
        ),
        holes=(
            ((254, 150), (259, 152), (259, 178), (274, 186), (274, 200), (244, 206), (247, 186),
             (252, 178)),
            ((98, 448), (140, 512), (90, 512)),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Cutout:
    """A picture to place in a scene.

    Attributes:
        bgr: (rows, columns, 3) uint8.
        alpha: (rows, columns) uint8, 255 where it is opaque.
        body: (rows, columns) uint8, 255 where the person is; None if it shows nobody.
    """

    bgr: UInt8Array
    alpha: UInt8Array
    body: UInt8Array | None = None


def photograph(package: str, path: str) -> UInt8Array:
    """A picture that an installed package carries, (rows, columns, 3) uint8, BGR.

    Raises:
        InputError: If package or file is missing.
    """
    remedy = 'install what the demo needs: pip install scikit-image matplotlib.'
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f'The photograph {path} comes with {package!r}, which is absent; {remedy}')
    file = Path(spec.submodule_search_locations[0]) / path
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f'The photograph {str(file)!r} is absent or unreadable; {remedy}')
    return np.asarray(picture, np.uint8)


def cut_out(name: str) -> Cutout:
    """A person of `PORTRAITS`, without the background of the photograph.

    Raises:
        InputError: If there is no such portrait, or the package that carries it is absent.
    """
    if name not in PORTRAITS:
        raise InputError(f'Portrait {name!r} is unknown; choose from {", ".join(PORTRAITS)}.')
    portrait = PORTRAITS[name]
    bgr = photograph(portrait.package, portrait.path)
    opaque = _filled(bgr.shape[:2], portrait.outline, portrait.holes)
    body = _filled(bgr.shape[:2], portrait.body or portrait.outline, portrait.holes)
    # A pixel off the edge and a soft rim: the photograph's own background doesn't shine through.
    inner = cv2.erode(opaque, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    alpha = cv2.GaussianBlur(inner, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    return Cutout(bgr, np.asarray(alpha, np.uint8), body)


def mirrored(cutout: Cutout) -> Cutout:
    """The same, left and right exchanged."""
    body = None if cutout.body is None else np.ascontiguousarray(cutout.body[:, ::-1])
    bgr, alpha = (np.ascontiguousarray(part[:, ::-1]) for part in (cutout.bgr, cutout.alpha))
    return Cutout(bgr, alpha, body)


def _filled(shape: tuple[int, ...], outline: Outline, holes: tuple[Outline, ...]) -> UInt8Array:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(outline, np.int32)], 255)
    for hole in holes:
        cv2.fillPoly(mask, [np.array(hole, np.int32)], 0)
    return mask
