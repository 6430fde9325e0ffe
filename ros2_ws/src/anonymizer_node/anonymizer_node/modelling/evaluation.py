"""What an evaluation found, as figures and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Region
from anonymizer_node.modelling.labelled import Dataset

LEAST_HEIGHT = 0.1
"""Share of the picture's height from which the law asks for a person. Smaller ones can hardly be
recognised, and detectors are weak on them."""

SMALL_PX, LARGE_PX = 32**2, 96**2
"""Areas of COCO's size classes, pixels of the labelled box."""

WELL_COVERED = 0.9
"""Share from which a person is no miss."""

JSON_VERSION = 1


class Person(NamedTuple):
    """One labelled box, no crowd.

    Attributes:
        picture: Number of the picture in the data set.
        name: Of the class.
        box: xyxy, pixels.
        covered: Share of the box that was obscured, 0..1.
        picture_height: Rows, pixels.
    """

    picture: int
    name: str
    box: tuple[float, float, float, float]
    covered: float
    picture_height: int

    @property
    def height(self) -> float:
        """Of the box, pixels."""
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        """Of the box, pixels."""
        return (self.box[2] - self.box[0]) * self.height

    @property
    def uncovered_px(self) -> float:
        """Pixels of the box that are visible."""
        return self.area * (1 - self.covered)


class Hidden(NamedTuple):
    """What the pipeline made of one picture.

    Attributes:
        regions: That it obscured, pixels.
        published: Whether it came out, anonymised or untouched.
        obscured_px: Pixels in the regions.
        people_px: Pixels in labelled boxes, without crowds.
        people: In it, without crowds.
    """

    regions: tuple[Region, ...]
    published: bool
    obscured_px: int
    people_px: int
    people: tuple[Person, ...]


class Precision(NamedTuple):
    """How well one detector ranks what it finds.

    Attributes:
        name: Of the detector.
        classes: Of its, that the settings obscure.
        ap50: Of all labels as one class, 0..1; None if nothing is labelled.
        by_class: The same for each label whose name the detector has, where there are several.
        unjudged: Pictures on which it failed; what is labelled in them counts as not found.
    """

    name: str
    classes: tuple[str, ...]
    ap50: float | None
    by_class: Mapping[str, float | None]
    unjudged: int


class Group(NamedTuple):
    """Some of the people.

    Attributes:
        people: How many; the shares are None if nobody.
        half: Share of them of whom at least half is covered, 0..1.
        covered_70: Of whom at least 70 % is.
        covered_90: Of whom at least 90 % is.
        least: How much is covered of the one covered least, 0..1.
    """

    people: int
    half: float | None
    covered_70: float | None
    covered_90: float | None
    least: float | None

    @classmethod
    def of(cls, shares: list[float]) -> Group:
        """From the covered share of each."""
        if not shares:
            return cls(0, None, None, None, None)
        half, most, nearly = (
            sum(share >= bound for share in shares) / len(shares) for bound in (0.5, 0.7, 0.9)
        )
        return cls(len(shares), half, most, nearly, min(shares))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'people': self.people,
            'half_covered': self.half,
            'covered_70': self.covered_70,
            'covered_90': self.covered_90,
            'least_covered': self.least,
        }


GROUPS: Mapping[str, Callable[[Person], bool]] = {
    'all': lambda person: True,
    'tenth': lambda person: person.height >= LEAST_HEIGHT * person.picture_height,
    'below_tenth': lambda person: person.height < LEAST_HEIGHT * person.picture_height,
    'small': lambda person: person.area < SMALL_PX,
    'medium': lambda person: SMALL_PX <= person.area < LARGE_PX,
    'large': lambda person: person.area >= LARGE_PX,
}
"""Name -> who is in it. Each labelled class is a group besides, as `class NAME`."""


@dataclass(frozen=True)
class Evaluation:
    """All figures. Pictures that weren't published are in none of them but `causes`.

    Attributes:
        dataset: That was measured.
        settings: In force.
        precisions: One for each detector.
        frames: One for each picture.
        causes: Why pictures weren't published, with their number.
        reasons: The first reason of each cause, a sentence.
    """

    dataset: Dataset
    settings: Settings
    precisions: tuple[Precision, ...]
    frames: tuple[Hidden, ...] = field(repr=False)
    causes: Mapping[str, int]
    reasons: Mapping[str, str]

    @property
    def people(self) -> list[Person]:
        """Everybody in a picture that was published."""
        return [person for frame in self.frames if frame.published for person in frame.people]

    def group(self, name: str) -> Group:
        """The figures of a key of `GROUPS`, or of `class NAME`."""
        if name in GROUPS:
            return Group.of([person.covered for person in self.people if GROUPS[name](person)])
        label = name[len('class ') :]
        return Group.of([person.covered for person in self.people if person.name == label])

    @property
    def group_names(self) -> list[str]:
        """All groups."""
        return [*GROUPS, *(f'class {label}' for label in self.dataset.labels)]

    @property
    def pixels_obscured(self) -> float | None:
        """Share of all pixels that was published and obscured, 0..1."""
        return self._of_pixels(sum(frame.obscured_px for frame in self.frames if frame.published))

    @property
    def pixels_of_people(self) -> float | None:
        """Share of the same pixels that lies in labelled boxes, without crowds, 0..1."""
        return self._of_pixels(sum(frame.people_px for frame in self.frames if frame.published))

    def _of_pixels(self, count: int) -> float | None:
        pairs = zip(self.dataset.pictures, self.frames, strict=True)
        total = sum(picture.width * picture.height for picture, frame in pairs if frame.published)
        return count / total if total else None

    @property
    def empty(self) -> list[Hidden]:
        """Published pictures in which nobody is labelled, in a crowd neither."""
        pairs = zip(self.dataset.pictures, self.frames, strict=True)
        return [frame for picture, frame in pairs if frame.published and picture.is_empty]

    @property
    def false_per_empty(self) -> float | None:
        """Regions for each picture in which nobody is."""
        empty = self.empty
        return sum(len(frame.regions) for frame in empty) / len(empty) if empty else None

    @property
    def failed(self) -> int:
        """Pictures that were not published."""
        return sum(self.causes.values())

    def misses(self, count: int) -> list[Person]:
        """The people of whom less than 90 % is covered, most visible pixels first."""
        missed = [person for person in self.people if person.covered < WELL_COVERED]
        return sorted(missed, key=lambda person: -person.uncovered_px)[:count]

    def as_dict(self, misses: int = 12) -> dict[str, Any]:
        """For JSON; docs/evaluation.md says what each key is.

        Args:
            misses: How many of the worst misses to list.
        """
        pictures, empty = self.dataset.pictures, self.empty
        return {
            'version': JSON_VERSION,
            'data': {
                'path': str(self.dataset.path),
                'kind': self.dataset.kind,
                'labels': list(self.dataset.labels),
                'pictures': len(pictures),
                'people': sum(len(frame.people) for frame in self.frames),
                'crowds': sum(int(picture.crowd.sum()) for picture in pictures),
                'labels_left_out': sum(picture.left_out for picture in pictures),
            },
            'settings': self.settings.as_dict(),
            'detectors': [
                {
                    'name': one.name,
                    'classes': list(one.classes),
                    'ap50': one.ap50,
                    'ap50_by_class': dict(one.by_class),
                    'pictures_unjudged': one.unjudged,
                }
                for one in self.precisions
            ],
            'people': {name: self.group(name).as_dict() for name in self.group_names},
            'pixels': {'obscured': self.pixels_obscured, 'of_people': self.pixels_of_people},
            'empty': {
                'pictures': len(empty),
                'with_regions': sum(bool(frame.regions) for frame in empty),
                'false_regions': sum(len(frame.regions) for frame in empty),
                'false_regions_per_picture': self.false_per_empty,
            },
            'failed': {
                'pictures': self.failed,
                'people': sum(len(frame.people) for frame in self.frames if not frame.published),
                'causes': dict(self.causes),
                'reasons': dict(self.reasons),
            },
            'misses': [
                {
                    'picture': pictures[person.picture].path.name,
                    'label': person.name,
                    'box': [round(side, 2) for side in person.box],
                    'covered': person.covered,
                }
                for person in self.misses(misses)
            ],
        }
