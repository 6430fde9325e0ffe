"""What each of several detectors is to look for: an entry of the setting `model`, taken apart.

An entry is a name or a path, and behind it, in any order, options that hold for this model alone:

    /site/face.onnx classes=face,mask score_threshold=0.3 padding=0.2

What it doesn't say is as the settings of the same names say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anonymizer_node.core.errors import ConfigError

WHOLE, HEAD = 'person', 'head'
REGIONS = (WHOLE, HEAD)
"""How much of a detection is obscured: all of it, or of a person the head."""

OPTIONS = ('classes', 'score_threshold', 'padding', 'family', 'input_size')
"""Settings that an entry may have for itself."""

_OPTION = re.compile(rf'\s+({"|".join(OPTIONS)})=')
_UNKNOWN = re.compile(r'\s([A-Za-z_]+)=')


@dataclass(frozen=True)
class Terms:
    """What one detector is asked, and what becomes of its answers.

    Attributes:
        model: Name or path.
        classes: Class names to obscure.
        own_classes: Whether they were said for this model: then it must have each of them.
        score_threshold: 0..1.
        padding: Share of a box's size, on every side.
        family: Or empty.
        input_size: Pixels.
    """

    model: str
    classes: tuple[str, ...]
    own_classes: bool
    score_threshold: float
    padding: float
    family: str
    input_size: int

    def wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        """The classes to obscure of those that the detector has.

        Raises:
            ConfigError: If it has none, or lacks one that was said for it.
        """
        has = tuple(name for name in self.classes if name in names)
        lacking = [name for name in self.classes if name not in names]
        if not has or (lacking and self.own_classes):
            shown = ', '.join(names[:20]) + (', ...' if len(names) > 20 else '')
            raise ConfigError(
                f'The model {self.model!r} has no class {lacking[0]!r}; it has {shown}. '
                f'Say which are to be obscured with "{self.model} classes={names[0]}".'
            )
        return has


def parse_entry(entry: str) -> tuple[str, dict[str, str]]:
    """An entry of `model` as the name or path, and the options behind it.

    Raises:
        ConfigError: If there is no name, or an option is unknown, empty or there twice.
    """
    parts = _OPTION.split(entry)
    model, options = parts[0].strip(), {}
    for name, value in zip(parts[1::2], parts[2::2], strict=True):
        if name in options:
            raise ConfigError(f'model {entry!r} says {name} twice.')
        options[name] = value.strip()
    for text in (model, *options.values()):
        unknown = _UNKNOWN.search(text)
        if unknown:
            raise ConfigError(
                f'model {entry!r} has an option {unknown[1]!r}; known are {", ".join(OPTIONS)}.'
            )
    if not model or not all(options.values()):
        raise ConfigError(
            f'model {entry!r} lacks a name or a value; write it like '
            '"face.onnx classes=face padding=0.2".'
        )
    return model, options


def region_of(entries: Sequence[str]) -> Mapping[str, str]:
    """The setting `region` as class name -> `person` or `head`; '' is for every other class.

    Raises:
        ConfigError: If an entry is none, or a class has two.
    """
    told: dict[str, str] = {}
    for entry in entries:
        name, _, region = entry.rpartition('=')
        if region not in REGIONS:
            raise ConfigError(
                f'region {entry!r} is neither {" nor ".join(REGIONS)}, nor one of them for a class '
                'such as "rider=head".'
            )
        if told.setdefault(name, region) != region:
            raise ConfigError(f'region names {name or "every class"!r} twice.')
    return told
