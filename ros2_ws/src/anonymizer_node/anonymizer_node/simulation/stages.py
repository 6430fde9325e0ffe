"""The stages: what stands where, and how the camera moves over it. `STAGES` is the table.

Moments of a movement are shares of the scene's duration, so that a scene of any length shows it
all. Places are pixels of the stage; at zoom 1 a frame of 480 rows shows 480 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from anonymizer_node.simulation import props
from anonymizer_node.simulation.photographs import Cutout, cut_out

Keys = tuple[tuple[float, ...], ...]
"""(moment 0..1, value, ...), moments ascending."""

WIDTH = 4200
HEIGHT = 1200
FLOOR = 800


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
    """

    props: tuple[Prop, ...]
    camera: Keys
    noise: float = 2.5


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


STAGES: Mapping[str, Callable[[np.random.Generator], Stage]] = {
    'workshop': workshop,
    'loading_bay': loading_bay,
    'yard': yard,
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
