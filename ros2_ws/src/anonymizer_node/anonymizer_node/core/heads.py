"""Heads in place of whole people, where that is asked for.

Whoever is shown with the head alone obscured can still be known by body, clothes and company
(arXiv 2506.12344 among others): it is for those who must keep the bodies, and not the default.
"""

from __future__ import annotations

import numpy as np

from anonymizer_node.core.datatypes import Float32Array

FACES = ('face', 'head')
"""Classes whose boxes say where a head is."""

HEAD_OF_HEIGHT = 0.3
"""The head's share of a standing person's box. A head is 1/7.5 of an adult's height (the canon of
figure drawing); the rest is for bending, helmets, children and boxes that are too tall."""

HEAD_OF_WIDTH = 0.75
"""Head and shoulders: a head's height is less than this share of a box's width. It matters where a
person is cut off below, sits or crouches, so that the box is wide for its height."""

LEAST_FACE = 0.2
"""A face lower than this share of where the head should be is a badge, a poster or noise."""

AROUND_FACE = (0.35, 0.6, 0.35, 0.25)
"""Left, top, right, bottom: a face's box ends at forehead and cheeks; by these shares of its size
the head goes on, with hair and ears."""


def heads(people: Float32Array, faces: Float32Array) -> Float32Array:
    """Where the heads of people are.

    A face counts as a person's if its centre lies where the head should be; each counts for one
    person, so that of two who overlap the one turned away isn't taken for the other.

    Args:
        people: (N, 4) xyxy, whole people.
        faces: (M, 4) xyxy.

    Returns:
        (N, 4): the top of each person's box, and what is around the face of each who has one. The
        top stays covered too: the face may be another's, behind somebody who is turned away.
    """
    tops = people.copy()
    size = people[:, 2:] - people[:, :2]
    reach = np.maximum(size[:, 1] * HEAD_OF_HEIGHT, size[:, 0] * HEAD_OF_WIDTH)
    tops[:, 3] = np.minimum(people[:, 3], people[:, 1] + reach)
    if not len(people) or not len(faces):
        return tops
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    expected = (tops[:, :2] + tops[:, 2:]) / 2
    inside = (
        (centres[None, :, :] >= tops[:, None, :2]) & (centres[None, :, :] <= tops[:, None, 2:])
    ).all(axis=2)
    apart = np.linalg.norm((centres[None] - expected[:, None]) / size[:, None], axis=2)
    lower = (faces[:, 3] - faces[:, 1])[None] < LEAST_FACE * reach[:, None]
    apart[~inside | lower] = np.inf
    result = tops.copy()
    for _ in range(min(apart.shape)):
        person, face = np.unravel_index(np.argmin(apart), apart.shape)
        if not np.isfinite(apart[person, face]):
            break
        head = around(faces[face : face + 1])[0]
        result[person, :2] = np.minimum(result[person, :2], head[:2])
        result[person, 2:] = np.maximum(result[person, 2:], head[2:])
        apart[person, :] = apart[:, face] = np.inf
    return result


def around(faces: Float32Array) -> Float32Array:
    """Heads from the boxes of faces, (M, 4) -> (M, 4)."""
    size = np.tile(faces[:, 2:] - faces[:, :2], 2)
    signs = np.array([-1, -1, 1, 1], np.float32)
    return np.asarray(faces + signs * size * np.array(AROUND_FACE, np.float32), np.float32)
