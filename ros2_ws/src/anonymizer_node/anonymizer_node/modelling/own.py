"""The recipe that quantises a detector of one's own: any that a family of `FAMILIES` reads."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime
from onnx import helper

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.registry import ModelFile, resolve
from anonymizer_node.modelling import agreement as agreeing
from anonymizer_node.modelling import calibration, catalogue
from anonymizer_node.modelling.agreement import Agreement
from anonymizer_node.modelling.build import CALIBRATION_PICTURES, CALIBRATION_SEED, Built
from anonymizer_node.modelling.calibration import Calibration
from anonymizer_node.modelling.own_graph import quantised
from anonymizer_node.modelling.quantize import TARGETS, Target, fused_convolutions

UNKNOWN_LICENCE = 'as given by its owner'
MOST_PICTURES = 1000
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+-]*')


@dataclass(frozen=True)
class OwnRecipe:
    """What to quantise and how.

    Attributes:
        source: The ONNX file.
        calibrate: Folder of pictures, or a bag.
        out: Folder for the model and models.yaml; None: that of the source.
        name: Of the model, to which `_int8` is added; empty: that of the source.
        target: Key of `TARGETS`.
        family: Key of `FAMILIES`; empty: as the model says, or guessed.
        classes: Those that have to agree; empty: those that the settings obscure by default, or
            all of a model that has none of them.
        input_size: Longer side of the input, pixels; None: the graph's own, or the default of the
            settings.
        pictures: How many to calibrate with at most.
        licence: SPDX identifier of the model's licence, or empty.
        force: Whether to replace a model that is there.
    """

    source: Path
    calibrate: Path
    out: Path | None = None
    name: str = ''
    target: str = 'cpu'
    family: str = ''
    classes: tuple[str, ...] = ()
    input_size: int | None = None
    pictures: int = CALIBRATION_PICTURES
    licence: str = ''
    force: bool = False


class _Place(NamedTuple):
    """Where the result goes."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """Of the ONNX file."""
        return self.folder / f'{self.name}.onnx'


def build_own(recipe: OwnRecipe, say: Callable[[str], None] = lambda line: None) -> Built:
    """Quantise a detector. Nothing is written unless it agrees with its original.

    Args:
        recipe: As given.
        say: Called with a line about each step that is done.

    Raises:
        ConfigError: If the input size is out of bounds.
        InputError: If name, target, classes, size or pictures are unusable, or a file is in the
            way.
        ModelError: If the source is no detector in single precision, or the result doesn't agree.
    """
    target = _target(recipe)
    place = _place(recipe)
    catalogue.check_free(place.folder, [place.name], recipe.force)
    settings = Settings() if recipe.input_size is None else Settings(input_size=recipe.input_size)
    source = resolve(str(recipe.source))
    original = _loaded(source, settings, recipe.family)
    if recipe.input_size not in (None, original.input_size):
        raise InputError(
            f'{str(source.path)!r} has an input of {original.input_size} pixels, which its graph '
            f'holds fast; leave out --input-size {recipe.input_size}, or export it with a free '
            'size.'
        )
    classes = _classes(recipe, settings, original)
    say(f'{source.path} is a {original.family} ({original.family_reason})')
    drawn = calibration.draw(
        recipe.calibrate, recipe.pictures, CALIBRATION_SEED, original.input_size
    )
    say(_of_pictures(drawn, recipe.calibrate))
    small = quantised(original, drawn.frames, target)
    _describe(small, original, place.name)
    twin = _twin(small, place, settings, original)
    threshold = settings.score_threshold
    found = agreeing.compare(original, twin, drawn.frames, threshold, classes)
    agreeing.check(found, threshold, classes)
    figures = _figures(recipe, original, drawn, found, threshold, classes)
    if recipe.target == 'cpu':
        fused, total = fused_convolutions(small)
        figures['convolutions_on_integers'] = f'{fused} of {total}'
        say(f'quantised; {fused} of {total} convolutions on integers in onnxruntime on a CPU')
    else:
        say(f'quantised for {recipe.target}, compared with its original on the CPU')
    say(_of_agreement(found, threshold))
    sha256 = catalogue.store(
        place.folder, place.name, small, _entry(recipe, original, small, figures)
    )
    say(_how_to_use(place.path, settings, original))
    return Built(place.name, place.path, sha256)


def _target(recipe: OwnRecipe) -> Target:
    if recipe.target not in TARGETS:
        raise InputError(
            f'--target {recipe.target!r} is unknown; choose from {", ".join(TARGETS)}.'
        )
    if not 1 <= recipe.pictures <= MOST_PICTURES:
        raise InputError(f'--pictures {recipe.pictures} is out of bounds; 1 to {MOST_PICTURES}.')
    return TARGETS[recipe.target]


def _place(recipe: OwnRecipe) -> _Place:
    if recipe.source.suffix != '.onnx':
        raise InputError(
            f'{str(recipe.source)!r} is no path that ends in .onnx; export the model to ONNX first.'
        )
    name = recipe.name or recipe.source.stem
    if not _NAME.fullmatch(name):
        raise InputError(
            f'{name!r} is no name for a model; give one of letters, digits, "_", "-", "+" and "." '
            'as --name.'
        )
    place = _Place(recipe.out or recipe.source.expanduser().parent, f'{name}_int8')
    source = recipe.source.expanduser()
    if source.exists() and place.path.exists() and place.path.samefile(source):
        raise InputError(
            f'{str(source)!r} would be overwritten with its quantised copy; give another --name '
            'or --out.'
        )
    return place


def _loaded(model: ModelFile, settings: Settings, family: str) -> OnnxDetector:
    return OnnxDetector(model, ('cpu',), settings.threads, settings.input_size, family=family)


def _twin(
    small: onnx.ModelProto, place: _Place, settings: Settings, original: OnnxDetector
) -> OnnxDetector:
    """The quantised detector, as it will be loaded from its file."""
    content = small.SerializeToString(deterministic=True)
    sha256 = hashlib.sha256(content).hexdigest()
    file = ModelFile(place.name, place.path, sha256, original.family, original.names, content)
    try:
        return _loaded(file, settings, original.family)
    except ModelError as error:
        raise ModelError(f'Quantised, it is no such detector any more: {error}') from error


def _classes(recipe: OwnRecipe, settings: Settings, original: OnnxDetector) -> tuple[str, ...]:
    for name in recipe.classes:
        if name not in original.names:
            raise InputError(
                f'{str(original.model.path)!r} has no class {name!r}; it has '
                f'{", ".join(original.names)}.'
            )
    usual = tuple(name for name in settings.classes if name in original.names)
    return recipe.classes or usual or original.names


def _describe(model: onnx.ModelProto, original: OnnxDetector, name: str) -> None:
    """Write into the graph what its original said, and where it comes from."""
    metadata = {
        item.key: item.value for item in onnx.load_from_string(original.graph).metadata_props
    }
    names = original.names
    plain = all(one == one.strip() and not set(one) & set(',\n[{') for one in names)
    helper.set_model_props(
        model,
        {
            **metadata,
            'name': name,
            'family': original.family,
            'classes': ','.join(names) if plain else repr(list(names)),
            'source': original.model.path.name,
            'source_sha256': original.model.sha256,
        },
    )


def _figures(
    recipe: OwnRecipe,
    original: OnnxDetector,
    drawn: Calibration,
    found: Agreement,
    threshold: float,
    classes: tuple[str, ...],
) -> dict[str, Any]:
    return {
        'with': f'onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}',
        'target': recipe.target,
        'calibration': {
            'pictures': len(drawn.frames),
            'unreadable': drawn.unreadable,
            'from': f'a {drawn.kind}',
            'seed': CALIBRATION_SEED,
            'input_size': original.input_size,
        },
        'agreement_with_original': {
            'score_threshold': threshold,
            'classes': ', '.join(classes),
            'expected': found.expected,
            'found': found.found,
            'claimed': found.claimed,
            'confirmed': found.confirmed,
            'box_overlap': round(found.overlap, 4),
            'score_shift': round(found.score_shift, 4),
        },
    }


def _entry(
    recipe: OwnRecipe, original: OnnxDetector, model: onnx.ModelProto, figures: dict[str, Any]
) -> dict[str, Any]:
    said = {item.key: item.value for item in model.metadata_props}
    licence = recipe.licence or said.get('licence') or said.get('license') or UNKNOWN_LICENCE
    return {
        'family': original.family,
        'classes': list(original.names),
        'source': f'{original.model.path.name}, SHA-256 {original.model.sha256}',
        'licence': licence,
        'built': figures,
    }


def _how_to_use(path: Path, settings: Settings, original: OnnxDetector) -> str:
    entry = str(path)
    if set(settings.classes).isdisjoint(original.names):
        entry += f' classes={",".join(original.names)}'
    return f'use it with --model {shlex.quote(entry)}'


def _of_pictures(drawn: Calibration, place: Path) -> str:
    beside = ''
    if drawn.unreadable:
        beside = f'; {drawn.unreadable} could not be read, the first since: {drawn.reason}'
    return f'calibrating with {len(drawn.frames)} pictures of {place}{beside}'


def _of_agreement(found: Agreement, threshold: float) -> str:
    least = f'{threshold + agreeing.MARGIN:.2f}'
    return (
        f'agrees: of {found.expected} detections with {least} or more, {found.found} are found '
        f'again, boxes overlap by {found.overlap:.3f}, scores shift by {found.score_shift:.3f}; '
        f'of {found.claimed} now, {found.confirmed} were there before'
    )
