"""Which models are known, and that a file is the one it is said to be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from anonymizer_node.core.errors import ModelError
from anonymizer_node.resources import share_path

CATALOGUE = 'models.yaml'
REGISTRY = f'models/{CATALOGUE}'


@dataclass(frozen=True)
class ModelEntry:
    """One entry of models.yaml.

    Attributes:
        name: As given in the setting `model`.
        path: The ONNX file.
        sha256: Of the file, hexadecimal.
        family: Key of `families.FAMILIES`.
        classes: Class names by id.
        source: Where the weights come from.
        licence: SPDX identifier.
        about: The whole entry, for showing.
    """

    name: str
    path: Path
    sha256: str
    family: str
    classes: tuple[str, ...]
    source: str = ''
    licence: str = ''
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ModelFile:
    """A model whose bytes were read and identified.

    Attributes:
        name: Name in models.yaml, or the file's name.
        path: Where it lies.
        sha256: Of `content`, hexadecimal.
        family: Key of `families.FAMILIES`, or empty if only the graph can say.
        classes: Class names by id, or empty if only the graph can say.
        content: The bytes that were hashed, and so those to run: the file may change meanwhile.
    """

    name: str
    path: Path
    sha256: str
    family: str
    classes: tuple[str, ...]
    content: bytes = field(repr=False)


def load_registry(path: Path | None = None) -> dict[str, ModelEntry]:
    """The models of a models.yaml, by name; without a path those that come with the project.

    Raises:
        ModelError: If models.yaml lacks something or isn't YAML.
    """
    path = path or share_path(REGISTRY)
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))['models']
        found = [_entry(entry, path.parent) for entry in entries]
        names = [entry.name for entry in found]
        if len(set(names)) != len(names):
            raise ValueError(f'a name is there twice: {", ".join(names)}')
        return dict(zip(names, found, strict=True))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ModelError(
            f'{str(path)!r} is no list of models ({type(error).__name__}: {error}); '
            'mend it, restore it from the release, or keep the model in another folder.'
        ) from error


def _entry(entry: Mapping[str, Any], folder: Path) -> ModelEntry:
    """One entry as read from YAML; raises ValueError or KeyError where it isn't one."""
    classes = entry['classes']
    if not isinstance(classes, list) or not classes or not _are_strings(classes):
        raise ValueError(f'classes of {entry["name"]!r} is {classes!r}, not a list of names')
    if not _are_strings([entry['name'], entry['file'], entry['family']]):
        raise ValueError(f'name, file or family of {entry["name"]!r} is no string: quote it')
    if not isinstance(entry['sha256'], str):
        raise ValueError(f'sha256 of {entry["name"]!r} is {entry["sha256"]!r}, no string: quote it')
    return ModelEntry(
        name=entry['name'],
        path=folder / entry['file'],
        sha256=entry['sha256'],
        family=entry['family'],
        classes=tuple(classes),
        source=str(entry.get('source', '')),
        licence=str(entry.get('licence', '')),
        about=entry,
    )


def _are_strings(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and value for value in values)


def resolve(model: str, registry: Mapping[str, ModelEntry] | None = None) -> ModelFile:
    """Read the file that a setting `model` means, and check that it is the known one.

    Args:
        model: A name from models.yaml, or a path that ends in .onnx. If a models.yaml beside that
            one has an entry for it, it has to be what that says. Otherwise a file beside it, with
            the same name but .names at its end, has its classes' names, one a line.
        registry: In place of the shipped one.

    Raises:
        ModelError: If there is no such model, or the file's hash isn't that of models.yaml.
    """
    if model.endswith('.onnx'):
        path = Path(model).expanduser()
        beside = _entry_beside(path)
        if beside is not None:
            return _checked(beside)
        content = _content(path)
        return ModelFile(path.stem, path, _sha256(content), '', _names_beside(path), content)
    known = load_registry() if registry is None else registry
    if model not in known:
        raise ModelError(
            f'Model {model!r} is unknown; known are {", ".join(sorted(known))}. '
            'A file of your own is given as a path that ends in .onnx.'
        )
    return _checked(known[model])


def _checked(entry: ModelEntry) -> ModelFile:
    """The file of an entry; raises `ModelError` if it is another one."""
    content = _content(entry.path)
    sha256 = _sha256(content)
    if sha256 != entry.sha256:
        raise ModelError(
            f'{str(entry.path)!r} has SHA-256 {sha256}, but models.yaml says {entry.sha256}: '
            'it is damaged or was altered. Restore it; if it is your own and meant to be another '
            f'one, take its entry out of the {CATALOGUE} beside it.'
        )
    return ModelFile(entry.name, entry.path, sha256, entry.family, entry.classes, content)


def _entry_beside(path: Path) -> ModelEntry | None:
    """What a models.yaml in a model's folder says of it, if there is one that does."""
    catalogue = path.parent / CATALOGUE
    if not catalogue.is_file():
        return None
    entries = load_registry(catalogue).values()
    return next((entry for entry in entries if entry.path.resolve() == path.resolve()), None)


def _names_beside(path: Path) -> tuple[str, ...]:
    """The class names in the `.names` file beside a model, none if there is no such file."""
    beside = path.with_suffix('.names')
    if not beside.exists():
        return ()
    try:
        names = tuple(line.strip() for line in beside.read_text(encoding='utf-8').splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f'The class names in {str(beside)!r} can not be read ({error}); '
            'write them one a line, in UTF-8.'
        ) from error
    while names and not names[-1]:
        names = names[:-1]
    if not all(names):
        raise ModelError(
            f'Line {names.index("") + 1} of {str(beside)!r} is empty; a class of no name has to be '
            'called something, or all after it are off by one.'
        )
    return names


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f'The model {str(path)!r} can not be read: {error.strerror or error}. '
            'Name one that "anonymize model list" shows, or the path of an ONNX file.'
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
