"""What the settings ask of the detectors that there are, and which of their answers count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Detections, Float32Array, Frame, Judgement
from anonymizer_node.core.errors import ConfigError, DetectorError
from anonymizer_node.core.geometry import grow
from anonymizer_node.core.heads import FACES, heads
from anonymizer_node.core.roles import Detector
from anonymizer_node.core.terms import HEAD, WHOLE, Terms
from anonymizer_node.core.turning import TURNS
from anonymizer_node.core.words import counted

MOST_BOXES = 1000
"""So many people are in no picture. Matching ten thousand boxes with those of the last frame takes
gigabytes and half a minute, in which no other frame is served."""


@dataclass(frozen=True)
class Asked:
    """Settings, taken apart for the detectors that there are.

    Attributes:
        settings: As given.
        terms: One for each detector.
        classes: The classes to obscure of each detector, which it has.
        least_size: Pixels of the longer side that a detector makes use of.
        regions: See `Settings.regions`.
    """

    settings: Settings
    terms: tuple[Terms, ...]
    classes: tuple[tuple[str, ...], ...]
    least_size: int
    regions: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, detectors: Sequence[Detector]) -> Asked:
        """Take settings apart.

        Args:
            settings: In force.
            detectors: One for each entry of the setting `model`.

        Raises:
            ConfigError: If a detector doesn't have a class that the settings want of it, or there
                are not as many as models.
        """
        terms, regions = settings.terms(), settings.regions()
        if len(terms) != len(detectors):
            raise ConfigError(
                f'model names {counted(len(terms), "models")}, and there are '
                f'{counted(len(detectors), "detectors")}; models are changed at the start only.'
            )
        classes = tuple(
            item.wanted(detector.names) for item, detector in zip(terms, detectors, strict=True)
        )
        known = list(dict.fromkeys(name for item in detectors for name in item.names))
        shared = [names for item, names in zip(terms, classes, strict=True) if not item.own_classes]
        met = {name for names in shared for name in names}
        unmet = [name for name in settings.classes if shared and name not in met]
        unmet += [name for name in regions if name and name not in known]
        for name in unmet:
            if name in known:
                raise ConfigError(
                    f'The class {name!r} would not be obscured: the models that have it name other '
                    'classes of their own. Add it there.'
                )
            raise ConfigError(f'No model has a class {name!r}; there are {", ".join(known)}.')
        least_size = max(item.input_size for item in detectors)
        return cls(settings, terms, classes, least_size, regions)

    def to_cover(self, frame: Frame | Judgement, found: Sequence[Detections]) -> Float32Array:
        """The boxes to cover, padded, of what each detector found, (N, 4) float32.

        Args:
            frame: Of which the boxes are; its size and orientation count.
            found: In pixels of the frame as stored, as the answer.
        """
        regions = self.regions
        if HEAD not in regions.values():
            return np.concatenate(
                [
                    grow(detections.xyxy, terms.padding)
                    for terms, detections in zip(self.terms, found, strict=True)
                ]
            )
        # A head is on top as the picture is shown, and some viewers don't turn it.
        ways = dict.fromkeys((1, frame.orientation))
        return np.concatenate([self._heads_as_shown(number, frame, found) for number in ways])

    def _heads_as_shown(
        self, orientation: int, frame: Frame | Judgement, found: Sequence[Detections]
    ) -> Float32Array:
        """The same where heads are asked for, in a picture that is turned so."""
        regions = self.regions
        turn = TURNS[orientation]
        shown = turn.size(frame.width, frame.height)
        whole, people, faces = [], [], []
        for terms, detections in zip(self.terms, found, strict=True):
            names = np.array(detections.names)[detections.class_ids]
            is_face = np.isin(names, FACES)
            of_class = [regions.get(name, regions.get('', WHOLE)) for name in detections.names]
            is_head = (np.array(of_class)[detections.class_ids] == HEAD) & ~is_face
            boxes = turn.boxes_shown(detections.xyxy, *shown)
            faces.append(boxes[is_face])
            people.append((boxes[is_head], terms.padding))
            whole.append(grow(boxes[~is_head], terms.padding))
        seen = np.concatenate(faces)
        covered = [*whole, *(grow(heads(boxes, seen), padding) for boxes, padding in people)]
        return turn.boxes_stored(np.concatenate(covered), *shown)


def wanted(
    detections: Detections, frame: Frame, names: Sequence[str], classes: Sequence[str]
) -> Detections:
    """The detections of the classes to obscure.

    Raises:
        DetectorError: If a box has no size, is turned inside out or lies outside the frame, or the
            classes are not those that the detector has. Such an answer is about some other
            picture, or in other words; taken as "nobody here" it would let this one out. Also
            if there are more than `MOST_BOXES`.
    """
    if not isinstance(detections, Detections):
        raise DetectorError(f'The detector answered with a {type(detections).__name__}.')
    if tuple(detections.names) != tuple(names):
        raise DetectorError(
            f'The detector answered with the classes {", ".join(detections.names)}, but it said '
            f'that it has {", ".join(names)}.'
        )
    low, high = detections.xyxy[:, :2], detections.xyxy[:, 2:]
    end = np.array((frame.width, frame.height), np.float32)
    inside = (low < np.minimum(high, end)) & (high > 0)
    if not inside.all():
        worst = detections.xyxy[~inside.all(axis=1)][0].tolist()
        raise DetectorError(
            f'The detector put a box {worst} outside the {frame.width}x{frame.height} frame, or '
            'one without size; the model or its family is wrong.'
        )
    people = detections.of_classes(classes)
    if len(people) > MOST_BOXES:
        raise DetectorError(
            f'The detector answered with {len(people)} boxes to obscure; the most is {MOST_BOXES}. '
            'Raise score_threshold; if that does not help, the model or its family is wrong.'
        )
    return people
