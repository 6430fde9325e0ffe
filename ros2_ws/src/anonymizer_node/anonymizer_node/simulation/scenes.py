"""Scenes with known people: what stands where, and a camera that moves over it.

A scene is deterministic: name, size, rate, duration and seed decide every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.core.errors import InputError
from anonymizer_node.simulation.photographs import Cutout
from anonymizer_node.simulation.stages import STAGES, Keys, Prop

NOISE_TILES = 4
"""Sensor noise repeats after so many different tiles; each is shifted anew in every frame."""

NOISE_SHIFT = 64
"""By how much at most, pixels."""

EXPOSE_EVERY_PX = 2.0
"""A moving thing is drawn anew after so many pixels, while the shutter is open."""

MOST_EXPOSURES = 12
"""And so often at most."""

Mask = NDArray[np.bool_]

OPAQUE = 128
"""From this alpha on a pixel shows the thing and no longer what is behind it."""


class TruePerson(NamedTuple):
    """A person who can be seen in a frame.

    Attributes:
        box: x0, y0, x1, y1 of the part that can be seen, pixels of the frame, half-open.
        visible: Share of the person's own pixels that can be seen, 0..1: less where the frame
            cuts them off or something stands before them.
        name: Who.
    """

    box: tuple[float, float, float, float]
    visible: float
    name: str


class View(NamedTuple):
    """Where the camera looks.

    Attributes:
        x: Centre of the frame, pixels of the stage.
        y: Centre of the frame, pixels of the stage.
        zoom: Frame pixels per stage pixel.
        gain: Exposure; 1 is neutral.
    """

    x: float
    y: float
    zoom: float
    gain: float


@dataclass(frozen=True)
class _Sprite:
    """A prop made ready: its pictures at halving sizes."""

    prop: Prop
    levels: tuple[Cutout, ...]


class Scene:
    """A stage and a camera that moves over it.

    Attributes:
        name: Key of `STAGES`.
        width: Frame columns, pixels.
        height: Frame rows, pixels.
        rate_hz: Frames a second.
        duration_s: How long the movement takes, seconds.
        seed: Decides everything that is left to chance.
        frames: How many frames there are.
    """

    def __init__(
        self, name: str, width: int, height: int, rate_hz: float, duration_s: float, seed: int
    ) -> None:
        """Draws the stage.

        Raises:
            InputError: If the name is unknown, a number can't be, or a photograph is absent.
        """
        if name not in STAGES:
            raise InputError(f'Scene {name!r} is unknown; choose from {", ".join(STAGES)}.')
        if min(width, height) < 16 or rate_hz <= 0 or duration_s <= 0:
            raise InputError(
                f'A scene of {width}x{height} pixels, {rate_hz} Hz and {duration_s} s can not be; '
                'give at least 16x16, and a rate and duration above 0.'
            )
        self.name, self.width, self.height = name, width, height
        self.rate_hz, self.duration_s, self.seed = rate_hz, duration_s, seed
        self.frames = max(1, round(rate_hz * duration_s))
        rng = np.random.default_rng((seed, *name.encode()))
        stage = STAGES[name](rng)
        self._camera = stage.camera
        self._shutter_s = stage.shutter_s
        self._shown = min(1.0, duration_s / stage.least_s) if stage.least_s else 1.0
        self._frame_of_reference = (width / 640, height / 480)
        self._sprites = tuple(_Sprite(prop, _halvings(prop.cutout)) for prop in stage.props)
        self._shake = rng.uniform(0, 2 * np.pi, 4)
        self._noise = [
            _grain(rng, stage.noise, height + NOISE_SHIFT, width + NOISE_SHIFT)
            for _ in range(NOISE_TILES)
        ]

    def view(self, moment: float) -> View:
        """Where the camera looks at a moment, in frames."""
        share = self._share(moment)
        x, y, zoom, gain = at(self._camera, share)
        seconds = share / self._shown * self.duration_s
        # The unevenness of a floor: a robot's camera is never quite still.
        sway = np.sin(seconds * np.array([5.3, 7.9, 11.7, 6.1]) + self._shake)
        return View(x + sway[0] * 1.5 + sway[2], y + sway[1] + 0.7 * sway[3], zoom, gain)

    def frame(self, index: int) -> tuple[UInt8Array, tuple[TruePerson, ...]]:
        """One picture and who is in it.

        Args:
            index: 0 to `frames` - 1.

        Returns:
            (height, width, 3) uint8, BGR, and the people, those in the back first.
        """
        if not 0 <= index < self.frames:
            raise InputError(f'Frame {index} is outside the scene; it has {self.frames}.')
        moments = self._moments(index)
        canvas, people = self._drawn(moments[len(moments) // 2])
        if len(moments) > 1:
            total = np.zeros(canvas.shape, np.uint16)
            for moment in moments:
                total += self._drawn(moment)[0]
            canvas = np.asarray(total // len(moments), np.uint8)
        return self._exposed(canvas, self.view(index).gain, index), _truth(people)

    def _drawn(self, moment: float) -> tuple[UInt8Array, list[tuple[str, float, Mask]]]:
        """The picture at a moment, and of each person name, whole area and what can be seen."""
        view, share = self.view(moment), self._share(moment)
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        people: list[tuple[str, float, Mask]] = []
        for sprite in self._sprites:
            scale, matrix = self._placed(sprite, view, share)
            drawn = _draw(canvas, sprite, scale, matrix)
            if drawn is None:
                continue
            rows, columns, alpha, body, area = drawn
            for _, _, mask in people:
                mask[rows, columns] &= alpha < OPAQUE
            if body is not None:
                mask = np.zeros((self.height, self.width), bool)
                mask[rows, columns] = body >= OPAQUE
                people.append((sprite.prop.name, area, mask))
        return canvas, people

    def _moments(self, index: int) -> list[float]:
        """When the shutter is open, in frames: as often as it takes to blur what moves."""
        reach = self._shutter_s * self.rate_hz
        if not reach:
            return [index]
        begin, end = index - reach / 2, index + reach / 2
        places = [
            [
                self._placed(sprite, self.view(moment), self._share(moment))[1][:, 2]
                for sprite in self._sprites
            ]
            for moment in (begin, end)
        ]
        moved = float(np.abs(np.array(places[1]) - np.array(places[0])).max(initial=0))
        count = min(MOST_EXPOSURES, 1 + int(moved / EXPOSE_EVERY_PX))
        return [begin + reach * (number + 0.5) / count for number in range(count)]

    def _share(self, moment: float) -> float:
        return min(1.0, max(0.0, moment / max(1, self.frames - 1))) * self._shown

    def _placed(
        self, sprite: _Sprite, view: View, share: float
    ) -> tuple[float, NDArray[np.float64]]:
        """Frame pixels per pixel of the prop, and the 2x3 matrix from one to the other."""
        prop = sprite.prop
        x, y = at(prop.path, share)
        zoom = view.zoom * self._frame_of_reference[1]
        left = (x - view.x * prop.depth) * zoom + self.width / 2
        top = (y - view.y) * zoom + self.height / 2
        scale = prop.scale * zoom
        return scale, np.array([[scale, 0, left], [0, scale, top]])

    def _exposed(self, canvas: UInt8Array, gain: float, index: int) -> UInt8Array:
        rng = np.random.default_rng((self.seed, index))
        down, right = rng.integers(0, NOISE_SHIFT, 2).tolist()
        noise = self._noise[index % NOISE_TILES]
        window = noise[down : down + self.height, right : right + self.width]
        exposed = cv2.convertScaleAbs(canvas, alpha=gain)
        return np.asarray(cv2.add(exposed, window, dtype=cv2.CV_8U), np.uint8)


def at(keys: Keys, share: float) -> tuple[float, ...]:
    """The values of a movement at a moment: it speeds up and slows down between its keys.

    Args:
        keys: (moment, value, ...) with moments ascending from 0 to 1.
        share: The moment, 0..1.
    """
    for before, after in pairwise(keys):
        if share <= after[0]:
            part = (share - before[0]) / (after[0] - before[0])
            eased = part * part * (3 - 2 * part)
            return tuple(
                low + (high - low) * eased for low, high in zip(before[1:], after[1:], strict=True)
            )
    return tuple(keys[-1][1:])


def _grain(rng: np.random.Generator, deviation: float, height: int, width: int) -> NDArray[np.int8]:
    noise = np.clip(np.rint(rng.normal(0, deviation, (height, width, 1))), -127, 127)
    return np.repeat(noise.astype(np.int8), 3, axis=2)


def _halvings(cutout: Cutout) -> tuple[Cutout, ...]:
    levels = [cutout]
    while min(levels[-1].alpha.shape) > 64 and len(levels) < 4:
        last = levels[-1]
        levels.append(
            Cutout(
                np.asarray(cv2.pyrDown(last.bgr), np.uint8),
                np.asarray(cv2.pyrDown(last.alpha), np.uint8),
                None if last.body is None else np.asarray(cv2.pyrDown(last.body), np.uint8),
            )
        )
    return tuple(levels)


def _draw(
    canvas: UInt8Array, sprite: _Sprite, scale: float, matrix: NDArray[np.float64]
) -> tuple[slice, slice, UInt8Array, UInt8Array | None, float] | None:
    """Put a prop into a picture.

    Returns:
        The rows and columns it may touch, its alpha and its person there, and how many pixels the
        whole person would have at this scale; None if it lies outside.
    """
    height, width = canvas.shape[:2]
    level = min(len(sprite.levels) - 1, max(0, int(np.floor(-np.log2(scale) + 1e-9))))
    cutout = sprite.levels[level]
    full = sprite.levels[0].alpha.shape
    x0, y0 = (max(0, int(np.floor(edge))) for edge in matrix[:, 2])
    x1 = min(width, int(np.ceil(matrix[0, 2] + full[1] * scale)))
    y1 = min(height, int(np.ceil(matrix[1, 2] + full[0] * scale)))
    if x1 <= x0 or y1 <= y0:
        return None
    local = matrix.copy()
    local[:, :2] *= 2**level
    local[:, 2] -= (x0, y0)
    size = (x1 - x0, y1 - y0)
    bgr = cv2.warpAffine(cutout.bgr, local, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = np.asarray(cv2.warpAffine(cutout.alpha, local, size), np.uint8)
    rows, columns = slice(y0, y1), slice(x0, x1)
    patch = canvas[rows, columns]
    _blend(patch, np.asarray(bgr, np.uint8), alpha)
    whole = sprite.levels[0].body
    if cutout.body is None or whole is None:
        return rows, columns, alpha, None, 0.0
    body = np.asarray(cv2.warpAffine(cutout.body, local, size), np.uint8)
    area = float(np.count_nonzero(whole)) * scale * scale
    return rows, columns, alpha, body, area


def _blend(patch: UInt8Array, bgr: UInt8Array, alpha: UInt8Array) -> None:
    rim = (alpha > 0) & (alpha < 255)
    weight = alpha[rim].astype(np.uint16)[:, None]
    mixed = (bgr[rim] * weight + patch[rim] * (255 - weight) + 127) // 255
    cv2.copyTo(bgr, (alpha == 255).astype(np.uint8), patch)
    patch[rim] = mixed


def _truth(people: Sequence[tuple[str, float, Mask]]) -> tuple[TruePerson, ...]:
    truth = []
    for name, area, mask in people:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            x0, x1 = float(columns[0]), float(columns[-1] + 1)
            y0, y1 = float(rows[0]), float(rows[-1] + 1)
            visible = float(min(1.0, np.count_nonzero(mask) / area))
            truth.append(TruePerson((x0, y0, x1, y1), visible, name))
    return tuple(truth)
