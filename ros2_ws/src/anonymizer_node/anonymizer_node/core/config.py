"""Every setting, once: name, default, unit, bounds and help.

ROS parameters, command-line flags and YAML keys are made from this one list, and so is
`anonymize params`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.option import Option, coerced, from_text, setting
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.core.terms import OPTIONS as TERM_OPTIONS
from anonymizer_node.core.terms import REGIONS, WHOLE, Terms, parse_entry, region_of
from anonymizer_node.core.topic_entries import TOPIC_ACTIONS, actions_of, twins_of

PROVIDERS = ('tensorrt', 'cuda', 'cpu')
ON_FAILURE = ('drop', 'blackout')
THOROUGHNESS = ('fast', 'balanced', 'thorough')
_ABSOLUTE_NAME = re.compile(r'(/[A-Za-z_][A-Za-z0-9_]*)+')


@dataclass(frozen=True)
class Settings:
    """The settings of one run. Checked as a whole when made.

    Raises:
        ConfigError: If a value has the wrong type or is out of bounds, or two contradict.
    """

    input_topics: tuple[str, ...] = setting(
        (),
        'Image topics to anonymise: names, or patterns with * for any characters within a part of '
        'a name and ** for any number of parts, such as "/*/image_raw" or "/robot/**". Patterns '
        'take image topics only, cameras that appear later too, and no output; a bag with none '
        'named: every image topic in it.',
    )
    output_prefix: str = setting(
        '/anonymized', 'Put before the name of an input topic to name its output.', scope='node'
    )
    model: tuple[str, ...] = setting(
        ('person_nanodet_int8',),
        'Detectors: names from models.yaml or paths to ONNX files. What any of them finds is '
        'obscured. Behind each may stand classes, score_threshold, padding, family and input_size '
        'of its own, such as "face.onnx classes=face padding=0.2".',
    )
    family: str = setting(
        '',
        'How the outputs of a model of your own are read, such as yolov8; empty: as the model '
        'says, or guessed from its graph.',
    )
    providers: tuple[str, ...] = setting(
        PROVIDERS,
        'What may run the detector, in order of preference; what is absent is passed over.',
        choices=PROVIDERS,
    )
    threads: int = setting(2, 'Threads of the detector on a CPU.', low=1, high=256)
    engine_cache: str = setting(
        '',
        'Folder that keeps the engines TensorRT builds; empty: in the cache folder of the user.',
    )
    input_size: int = setting(
        512,
        "Longer side of the detector's input; more finds smaller people and costs time.",
        unit='px',
        low=128,
        high=4096,
        multiple_of=32,
        # What two slow x86 cores without VNNI can do thirty times a second.
        live_default=416,
    )
    thoroughness: str = setting(
        'balanced',
        'How hard to look: fast looks once; balanced twice, smaller for who is near and larger for '
        'who is far; thorough four times larger for who is far, in overlapping tiles too.',
        choices=THOROUGHNESS,
        live_default='fast',
    )
    detect_every: int = setting(
        1,
        'Detect on every n-th frame of a camera and carry the regions on, widened, in between; who '
        'comes into view in between is visible until the next, at most 0.2 s later.',
        low=1,
        high=30,
        live=True,
        scope='node',
    )
    # With the padding: where `tests/bench/coverage_bench.py` finds nobody lost. The usual 0.25
    # loses people.
    score_threshold: float = setting(
        0.15,
        'Detections below this are ignored; lower hides more, and more that is nobody.',
        low=0.01,
        high=0.9,
        live=True,
    )
    classes: tuple[str, ...] = setting(
        ('person',),
        'Which classes are obscured. Of several models each must have one of them, or say its own.',
        live=True,
    )
    region: tuple[str, ...] = setting(
        (WHOLE,),
        f'How much of them: {" or ".join(REGIONS)} for all, or CLASS=REGION for one class. A head '
        "is the top of a person's box, and what a detector's class face or head sees there. People "
        'are recognised by their bodies too.',
        live=True,
    )
    padding: float = setting(
        0.05,
        'Growth of each box, on every side, as a share of its width and height.',
        low=0.0,
        high=1.0,
        live=True,
    )
    method: str = setting(
        'blackout', 'How regions are obscured.', choices=tuple(REDACTORS), live=True
    )
    strength: float = setting(
        0.5,
        'How coarse pixelate and blur are; 0 is safe already. Blackout is always complete.',
        low=0.0,
        high=1.0,
        live=True,
    )
    hold_seconds: float = setting(
        0.5,
        'How long a region stays after its person was last detected; in a recording also for how '
        'long before the first time.',
        unit='s',
        low=0.0,
        high=10.0,
        live=True,
    )
    least_sightings: int = setting(
        1,
        'In a recording, who is detected in fewer frames than this, gaps of hold_seconds between '
        'them allowed, is taken for nobody; more than 1 uncovers people who are seen that rarely.',
        low=1,
        high=10,
        scope='bag',
    )
    max_rate_hz: float = setting(
        0.0,
        'Most frames published per camera; what comes faster is dropped and counted. 0: all.',
        unit='Hz',
        low=0.0,
        high=1000.0,
        live=True,
        scope='node',
    )
    detection_cache: str = setting(
        '',
        'Folder that keeps what was detected in a recording, for a run with another method, '
        'strength, padding, hold or pruning; empty: in the cache folder of the user.',
        scope='bag',
    )
    on_failure: str = setting(
        'drop',
        'A frame that failed is dropped, or replaced by a black one of its size and encoding.',
        choices=ON_FAILURE,
        live=True,
    )
    topic_actions: tuple[str, ...] = setting(
        (),
        'What to do with a topic in place of the default, as TOPIC=ACTION with the action '
        f'{", ".join(TOPIC_ACTIONS)}. "copy" passes on what can not be read (depth, video, '
        'coloured point clouds) as it is: only its owner can say that it shows nobody. Images '
        'that can be read are anonymised all the same.',
    )
    follow: tuple[str, ...] = setting(
        (),
        'Topics that are not judged but obscured where their colour twin is at the same time, as '
        'TOPIC=COLOUR_TOPIC: depth, infrared. Regions are scaled by the ratio of the sizes, so '
        'both must show the same view (registered). Depth is always blacked out.',
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value = coerced(item, getattr(self, item.name))
            object.__setattr__(self, item.name, value)
        if not _ABSOLUTE_NAME.fullmatch(self.output_prefix.rstrip('/')):
            raise ConfigError(
                f'output_prefix {self.output_prefix!r} would make outputs equal to their inputs, '
                'relative or no topic names; give one like "/anonymized".'
            )
        if not self.classes:
            raise ConfigError('classes is empty, so nobody would be obscured; name one at least.')
        if not self.providers:
            raise ConfigError(f'providers is empty; choose from {", ".join(PROVIDERS)}.')
        self.actions()
        self.twins()
        self.terms()
        self.regions()

    def terms(self) -> tuple[Terms, ...]:
        """What each model is asked, in the order of `model`.

        Raises:
            ConfigError: If an entry of `model` isn't well formed, or holds a value out of bounds.
        """
        if not self.model:
            raise ConfigError('model is empty, so nobody would be found; name one at least.')
        return tuple(self._terms_of(entry) for entry in self.model)

    def _terms_of(self, entry: str) -> Terms:
        model, given = parse_entry(entry)
        values: dict[str, Any] = {name: getattr(self, name) for name in TERM_OPTIONS}
        known = {item.name: item for item in fields(self)}
        for name, text in given.items():
            try:
                values[name] = coerced(known[name], from_text(values[name], text))
            except ConfigError as error:
                raise ConfigError(f'model {entry!r}: {error}') from error
            except ValueError as error:
                kind = type(values[name]).__name__
                raise ConfigError(f'model {entry!r}: {name} {text!r} is no {kind}.') from error
        if not values['classes']:
            raise ConfigError(f'model {entry!r} names no classes.')
        return Terms(model, own_classes='classes' in given, **values)

    def regions(self) -> Mapping[str, str]:
        """`region` as class name -> `person` or `head`; '' is for every other class.

        Raises:
            ConfigError: If an entry isn't well formed, or a class has two.
        """
        return region_of(self.region)

    def actions(self) -> dict[str, str]:
        """`topic_actions` as topic -> action.

        Raises:
            ConfigError: If an entry isn't TOPIC=ACTION, or a topic has two.
        """
        return actions_of(self.topic_actions)

    def twins(self) -> dict[str, str]:
        """`follow` as topic -> the topic that it follows.

        Raises:
            ConfigError: If an entry isn't TOPIC=COLOUR_TOPIC, a topic has two, one that is followed
                follows itself, or topic_actions has one of the two left out.
        """
        return twins_of(self.follow, self.actions())

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from names and values, such as a YAML file's.

        Raises:
            ConfigError: If a name is unknown or a value isn't allowed.
        """
        known = {item.name for item in fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(
                    f'Setting {name!r} is unknown; known are {", ".join(sorted(known))}.'
                )
        return cls(**values)

    @classmethod
    def of_node(cls, **values: Any) -> Settings:
        """The node's defaults, with some values changed."""
        return cls(**{name: default for name, (default, _) in options(live=True).items()} | values)

    def changed(self, **values: Any) -> Settings:
        """A copy with some values changed, checked anew."""
        return dataclasses.replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """Names and values, lists as lists: fit for YAML and JSON."""
        return {
            item.name: list(value) if isinstance(value, tuple) else value
            for item in fields(self)
            for value in (getattr(self, item.name),)
        }


def options(live: bool = False) -> dict[str, tuple[Any, Option]]:
    """Every setting: name -> (default, what is known of it), in the order to show them.

    Args:
        live: Give the node's defaults, not those of jobs over recordings.
    """
    defaults = Settings()
    told = {}
    for item in fields(Settings):
        option: Option = item.metadata['option']
        default = getattr(defaults, item.name)
        if live and option.live_default is not None:
            default = option.live_default
        told[item.name] = (default, option)
    return told
