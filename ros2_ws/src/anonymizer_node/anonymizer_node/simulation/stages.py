"""The stages: what stands where, and how the camera moves over it. `STAGES` is the table.

Moments of a movement are shares of the scene's duration, so that a scene of any length shows it
all. Places are pixels of the stage; at zoom 1 a frame of 480 rows shows 480 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.simulation import props
from anonymizer_node.simulation.photographs import PORTRAITS, Cutout, cut_out, mirrored

Keys = tuple[tuple[float, ...], ...]
"""(moment 0..1, value, ...), moments ascending."""

WIDTH = 4200
HEIGHT = 1200
FLOOR = 800

LOOKS = 4
"""How often the camera turns in a `passage`."""

FARTHEST_LOOK = 600
"""And by how much at most, pixels of the stage."""

PASSAGE_S = 8.0
"""How long that takes at least. Its quickest turn then moves the picture by some 600 pixels of 640
in a second, in a few seeds by 1000: with a lens of 60 degrees, a robot turning 1 to 1.6 rad/s."""


@dataclass(frozen=True)
class Prop:
    """Something in a scene.

    Attributes:
        cutout: Its picture; a person if it has a body.
        path: (moment, left, top), pixels of the stage.
        scale: Stage pixels per pixel of the picture.
        depth: How much it shifts when the camera pans: 1 with the people, less behind them.
        name: Who it is, for a person.
    """

    cutout: Cutout
    path: Keys
    scale: float = 1.0
    depth: float = 1.0
    name: str = ''


@dataclass(frozen=True)
class Stage:
    """Everything that a scene is drawn from.

    Attributes:
        props: From back to front.
        camera: (moment, x, y, zoom, gain); x and y are the centre of the frame.
        noise: Standard deviation of the sensor's noise, grey levels.
        shutter_s: How long each frame is exposed, seconds: what moves is blurred. 0: not at all.
        least_s: How long the whole movement takes at least, seconds: a scene that is shorter shows
            the beginning of it, not all of it in a hurry.
    """

    props: tuple[Prop, ...]
    camera: Keys
    noise: float = 2.5
    shutter_s: float = 0.0
    least_s: float = 0.0


def workshop(rng: np.random.Generator) -> Stage:
    """A workshop in colour: the robot drives along the benches, stops at people, drives on."""
    nudge = rng.uniform(-40, 40, 3)
    return Stage(
        props=(
            _backdrop(props.hall(WIDTH, HEIGHT, FLOOR, (176, 190, 188), rng)),
            _still(props.rack(620, 640, rng), 150, FLOOR - 620, depth=0.9),
            _still(props.framed('skimage', 'data/rocket.jpg', 14), 1010, 210, 0.62, depth=0.9),
            _still(props.rack(560, 600, rng), 1960, FLOOR - 580, depth=0.9),
            _still(props.framed('skimage', 'data/coffee.png', 12), 2760, 240, depth=0.9),
            _person('astronaut', 1020 + nudge[0], 400, 0.86),
            _person('admiral', 2330 + nudge[1], 345, 0.74),
            _still(props.bench(900, 300, rng), 860, 790),
            _still(props.crates(5, 2, 170, rng), 2080, 720),
            _still(props.crates(3, 1, 150, rng), 160, 830),
        ),
        camera=(
            (0.00, 420, 620, 0.66, 1.0),
            (0.12, 470, 620, 0.66, 1.0),
            (0.34, 1230, 600, 0.80, 1.05),
            (0.46, 1250, 560, 1.15, 1.0),
            (0.58, 1790, 600, 0.72, 0.9),
            (0.74, 2480, 590, 0.80, 1.0),
            (0.82, 2500, 570, 0.95, 1.0),
            (1.00, 3420, 620, 0.70, 1.1),
        ),
    )


def loading_bay(rng: np.random.Generator) -> Stage:
    """A loading bay in colour: far and near people, one of whom walks past the other."""
    nudge = rng.uniform(-40, 40, 2)
    return Stage(
        props=(
            _backdrop(props.hall(WIDTH, HEIGHT, FLOOR, (150, 186, 206), rng)),
            _still(props.rack(700, 600, rng), 600, FLOOR - 580, depth=0.9),
            _still(props.rack(520, 520, rng), 1760, FLOOR - 500, depth=0.9),
            _still(props.framed('skimage', 'data/rocket.jpg', 12), 2600, 200, 0.9, depth=0.9),
            _person('astronaut', 1330 + nudge[0], 500, 0.60),
            _still(props.crates(4, 1, 150, rng), 1260, 770),
            Prop(
                cut_out('admiral'),
                ((0.00, 2900, 420), (0.28, 2900, 420), (0.76, 420 + nudge[1], 420)),
                0.78,
                name='admiral',
            ),
            _still(props.bench(3000, 300, rng), 300, 840),
            _still(props.crates(3, 2, 140, rng), 2960, 800),
        ),
        camera=(
            (0.00, 330, 600, 0.80, 0.95),
            (0.12, 350, 600, 0.80, 0.95),
            (0.32, 1300, 620, 0.66, 1.05),
            (0.52, 1520, 620, 0.66, 1.0),
            (0.72, 1480, 640, 1.30, 1.0),
            (0.78, 1500, 640, 1.25, 1.0),
            (1.00, 3230, 600, 0.72, 1.05),
        ),
    )  # fmt: skip


def yard(rng: np.random.Generator) -> Stage:
    """A yard at dusk, grey throughout, as a monochrome camera sees it: noisier, dimmer."""
    nudge = rng.uniform(-40, 40, 2)
    return Stage(
        props=(
            _backdrop(props.brick_yard(WIDTH, HEIGHT, FLOOR, rng)),
            _still(props.grey(props.rack(560, 560, rng)), 380, FLOOR - 540, depth=0.9),
            _still(props.grey(props.framed('skimage', 'data/rocket.jpg', 14)), 2500, 240, 0.8, 0.9),
            Prop(
                props.grey(cut_out('cameraman')), ((0.0, 1290 + nudge[0], 400),), 0.95,
                name='cameraman',
            ),
            Prop(
                props.grey(cut_out('astronaut')), ((0.0, 2080 + nudge[1], 480),), 0.64,
                name='astronaut',
            ),
            _still(props.grey(props.crates(1, 3, 150, rng)), 1150 + nudge[0], 632),
            _still(props.grey(props.crates(3, 1, 170, rng)), 1310 + nudge[0], 690),
            _still(props.grey(props.bench(700, 260, rng)), 1950, 760),
        ),
        camera=(
            (0.00, 620, 600, 0.70, 1.0),
            (0.10, 640, 600, 0.70, 1.0),
            (0.35, 1480, 590, 0.78, 1.05),
            (0.50, 1500, 580, 1.05, 1.0),
            (0.75, 2240, 620, 0.85, 1.1),
            (0.82, 2260, 620, 0.90, 1.1),
            (1.00, 3230, 600, 0.70, 1.0),
        ),
        noise=4.0,
    )  # fmt: skip


def passage(rng: np.random.Generator) -> Stage:
    """A different hall or yard for every seed.

    Who stands or walks where, how far off, what is in the way, how the robot drives and turns, and
    how bright it is: all left to chance.
    """
    mono = bool(rng.random() < 0.3)
    blue, green, red = (rng.integers(130, 200) + rng.integers(-15, 16, 3)).tolist()
    backdrop = (
        props.brick_yard(WIDTH, HEIGHT, FLOOR, rng)
        if mono
        else props.hall(WIDTH, HEIGHT, FLOOR, (blue, green, red), rng)
    )
    behind = [
        _still(props.rack(600, 600, rng), x + rng.uniform(-200, 200), FLOOR - 580, depth=0.9)
        for x in range(300, WIDTH, 1100)
    ]
    people = [
        piece
        for scale in sorted(rng.uniform(np.log(0.16), np.log(1.05), rng.integers(4, 7)))
        for piece in _passer_by(float(np.exp(scale)), mono, rng)
    ]
    before = [
        _still(props.crates(1, int(rng.integers(2, 5)), 150, rng), x, FLOOR - rng.uniform(-150, 60))
        for x in rng.uniform(300, WIDTH - 300, 4)
    ]
    camera = [_look(0.0, people, None, rng)]
    for stop in np.linspace(0.18, 0.92, LOOKS) + rng.uniform(-0.05, 0.05, LOOKS):
        camera.append(_look(float(stop), people, camera[-1], rng))
    camera.append((1.0, *camera[-1][1:]))
    shown = (*behind, *people, *before)
    if mono:
        shown = tuple(replace(prop, cutout=props.grey(prop.cutout)) for prop in shown)
    noise = float(rng.uniform(2, 5))
    return Stage((_backdrop(backdrop), *shown), tuple(camera), noise, 1 / 60, PASSAGE_S)


def _passer_by(scale: float, mono: bool, rng: np.random.Generator) -> tuple[Prop, Prop]:
    """Somebody who stands or walks, and what they stand behind or push."""
    names = sorted(PORTRAITS) if mono else ['admiral', 'astronaut']
    name = str(rng.choice(names))
    cutout = cut_out(name)
    if rng.random() < 0.5:
        cutout = mirrored(cutout)
    height, width = (side * scale for side in cutout.alpha.shape)
    # The farther off, the nearer to the horizon the feet are.
    top = FLOOR + 320 * scale + rng.uniform(-40, 40) - height * 1.12
    box = max(24, round(height * 0.28))
    cart = props.crates(1 + int(width / (1.2 * box)), 1, box, rng)
    start = rng.uniform(900, 3000)
    way = rng.uniform(300, 1500) * rng.choice([-1, 1]) if rng.random() < 0.6 else 0.0
    stop = min(WIDTH - 300.0, max(100.0, start + way))
    sets_off, arrives = np.sort(rng.uniform(0.02, 0.98, 2)).tolist()

    def path(right: float, down: float) -> Keys:
        here, there = (start + right, top + down), (stop + right, top + down)
        return ((0.0, *here), (sets_off, *here), (arrives, *there), (1.0, *there))

    return (
        Prop(cutout, path(0.0, 0.0), scale, name=name),
        Prop(cart, path((width - cart.alpha.shape[1]) / 2, height * 0.80)),
    )


def _look(
    moment: float,
    people: Sequence[Prop],
    before: tuple[float, ...] | None,
    rng: np.random.Generator,
) -> tuple[float, ...]:
    """A key of the camera, at or near somebody, with an exposure of its own."""
    prop = people[2 * int(rng.integers(len(people) // 2))]
    x, y = prop.path[0 if moment < 0.5 else -1][1:]
    half = prop.scale * prop.cutout.alpha.shape[1] / 2
    zoom = float(np.exp(rng.uniform(np.log(0.62), np.log(1.25))))
    x += half + rng.normal(0, 200)
    if before is not None:
        x = min(before[1] + FARTHEST_LOOK, max(before[1] - FARTHEST_LOOK, x))
    y = min(y + 1.2 * half + rng.normal(0, 60), HEIGHT - 250 / zoom)
    return (moment, x, y, zoom, float(np.exp(rng.uniform(np.log(0.6), np.log(1.5)))))


STAGES: Mapping[str, Callable[[np.random.Generator], Stage]] = {
    'workshop': workshop,
    'loading_bay': loading_bay,
    'yard': yard,
    'passage': passage,
}


def _backdrop(picture: UInt8Array) -> Prop:
    opaque = np.full(picture.shape[:2], 255, np.uint8)
    return _still(Cutout(picture, opaque), -300, 0, depth=0.9)


def _still(
    cutout: Cutout, x: float, y: float, scale: float = 1.0, depth: float = 1.0, name: str = ''
) -> Prop:
    return Prop(cutout, ((0.0, x, y),), scale, depth, name)


def _person(name: str, x: float, y: float, scale: float) -> Prop:
    return _still(cut_out(name), x, y, scale, name=name)
