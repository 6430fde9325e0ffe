"""Which family a graph is of: the one that is named, or the only one that it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from anonymizer_node.core.errors import DetectorError, ModelError
from anonymizer_node.detectors.families import FAMILIES
from anonymizer_node.detectors.family import Family, Fit, GraphInfo, Misfit, Probe
from anonymizer_node.detectors.names import BY_COUNT

LEAST_SCORE = 0.01
"""Threshold of the trial decoding; the least that the setting `score_threshold` takes."""


class Identified(NamedTuple):
    """What a graph was recognised as.

    Attributes:
        family: Key of `FAMILIES`.
        fit: Its outputs.
        names: Class names by id.
        reason: Why, as a sentence.
    """

    family: str
    fit: Fit
    names: tuple[str, ...]
    reason: str


def named_family(
    path: str, setting: str, entry: str, metadata: Mapping[str, str]
) -> tuple[str, str]:
    """The family that is named and who names it, ('', '') if nobody does.

    Args:
        path: Of the model, for messages.
        setting: What the user says; goes before all else.
        entry: What models.yaml says.
        metadata: Of the graph; `family` in it goes last.

    Raises:
        ModelError: If it is unknown.
    """
    sayings = {
        'the setting "family"': setting,
        'models.yaml': entry,
        'its metadata': metadata.get('family', ''),
    }
    for said_by, name in sayings.items():
        if name and name not in FAMILIES:
            raise ModelError(
                f'{path!r} is said to be of family {name!r} by {said_by}, which is '
                f'unknown; known are {", ".join(FAMILIES)}.'
            )
        if name:
            return name, said_by
    return '', ''


def identify(path: str, probe: Probe, kind: str, named: str, said_by: str) -> Identified:
    """Tell a graph's family.

    Args:
        path: Of the model, for messages.
        probe: Of its graph.
        kind: Type of its input, as onnxruntime calls it.
        named: Key of `FAMILIES`, or '' to guess.
        said_by: Who named it.

    Raises:
        ModelError: If it isn't of the family named, of none or of several, or its classes have
            no names.
    """
    fits: dict[str, Fit] = {}
    misfits: dict[str, str] = {}
    for name in [named] if named else FAMILIES:
        try:
            fits[name] = _fitted(FAMILIES[name], probe, kind)
        except (Misfit, DetectorError) as misfit:
            misfits[name] = str(misfit).rstrip('.')
    if not fits:
        said = '; '.join(f'not {name}, since {misfit}' for name, misfit in misfits.items())
        who = f'of the family {named} as {said_by} says' if named else 'of a known family'
        raise ModelError(
            f'{path!r} is no detector {who}: {said}. {_described(probe.graph)} Class names and '
            'family can be named, see the settings "family" and "model".'
        )
    if len(fits) > 1:
        raise ModelError(
            f'{path!r} could be any of {", ".join(fits)}; name the right one with the setting '
            '"family".'
        )
    ((name, fit),) = fits.items()
    names = FAMILIES[name].names or BY_COUNT.get(fit.classes, ())
    names = probe.names or names
    if not names:
        raise ModelError(
            f'{path!r} ({name}) does not say which classes it detects, nor do its shapes; write '
            'their names, one a line, into a file beside it that ends in .names, or into its '
            'metadata under "classes" ("coco80" and "coco91" stand for the whole lists).'
        )
    how = f'named by {said_by}, and it fits: ' if named else 'guessed: '
    return Identified(name, fit, names, f'{how}{fit.reason}')


def _fitted(family: Family, probe: Probe, kind: str) -> Fit:
    """How a graph fits a family; raises `Misfit` or `DetectorError` if it doesn't."""
    if kind not in family.types:
        raise Misfit(f'its input is {kind}, not {" or ".join(family.types)}')
    if probe.takes_size and not family.takes_size:
        raise Misfit('it has a second input')
    fit = family.fit(probe)
    if family.names and probe.names and len(probe.names) != len(family.names):
        raise Misfit(f'it has {len(family.names)} class, but {len(probe.names)} are named')
    outputs = [probe.outputs[name] for name in fit.outputs]
    family.decode(outputs, probe.size, LEAST_SCORE, fit.classes)
    return fit


def _described(graph: GraphInfo) -> str:
    def sizes(shape: tuple[object, ...]) -> str:
        # Exporters write whole formulas for free sizes.
        return ', '.join(str(size) if isinstance(size, int) else '?' for size in shape)

    def listed(items: tuple[tuple[str, str, tuple[object, ...]], ...]) -> str:
        return ', '.join(f'{name} ({sizes(shape)})' for name, _, shape in items[:12]) or 'nothing'

    return f'It takes {listed(graph.inputs)} and gives {listed(graph.outputs)}.'
