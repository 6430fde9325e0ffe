"""What a model's classes are called."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from anonymizer_node.core.errors import ModelError

MOST_CLASSES = 100_000

COCO_80 = tuple(
    """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
    hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
    zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports
    ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine
    glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot
    dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
    vase, scissors, teddy bear, hair drier, toothbrush""".replace('\n    ', ' ').split(', ')
)
"""COCO's classes as detectors number them, from 0."""

_UNUSED_IDS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)


def _coco_ids() -> tuple[str, ...]:
    names = iter(COCO_80)
    return tuple(
        f'unused {number}' if number in _UNUSED_IDS else next(names) for number in range(1, 91)
    )


COCO_90 = _coco_ids()
"""The same by COCO's own ids, 1 to 90, less 1: ten of them were never used."""

BY_COUNT: Mapping[int, tuple[str, ...]] = {
    80: COCO_80,
    90: COCO_90,
    91: ('background', *COCO_90),
}
"""Number of classes -> names, where the number tells them."""

_SETS = {'coco80': COCO_80, 'coco91': COCO_90}


def declared(classes: tuple[str, ...], metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The names that a model comes with: its entry's, else its graph's metadata's, else none.

    `coco80` and `coco91` alone stand for the whole lists.

    Args:
        classes: Of models.yaml, or of the `.names` file beside the model.
        metadata: Of the graph: `classes`, with commas, or `names`, as Ultralytics writes it.

    Raises:
        ModelError: If the metadata can't be read.
    """
    names = classes or parsed(metadata.get('classes', '')) or parsed(metadata.get('names', ''))
    return _SETS.get(names[0].lower(), names) if len(names) == 1 else names


def parsed(text: str) -> tuple[str, ...]:
    """Names from text: with commas or a line each, or a Python list, or a dictionary by id.

    Raises:
        ModelError: If it looks like Python and isn't.
    """
    text = text.strip()
    if text[:1] not in ('{', '['):
        separated = text.replace('\n', ',').split(',')
        return tuple(name.strip() for name in separated if name.strip())
    try:
        return _by_id(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ModelError(
            f"The class names {text[:60]!r} in the model's metadata can not be read ({error}); "
            'write them with commas between.'
        ) from error


def _by_id(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        ids = [int(key) for key in value]
        if ids and not 0 <= min(ids) <= max(ids) < MOST_CLASSES:
            raise ValueError('an id is out of bounds')
        by_id = dict(zip(ids, value.values(), strict=True))
        value = [by_id.get(index, f'unused {index}') for index in range(max(ids, default=-1) + 1)]
    return tuple(str(name).strip() for name in value)
