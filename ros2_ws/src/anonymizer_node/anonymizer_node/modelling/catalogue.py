"""Writes model files, and what models.yaml says about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import yaml

from anonymizer_node.core.errors import InputError, ModelError

CATALOGUE = 'models.yaml'
_HEADER = (
    '# The detectors that come with the project. `anonymize model build` writes these entries,\n'
    '# all but `measured`. A file whose SHA-256 differs is refused.\n'
)


def check_free(folder: Path, names: list[str], force: bool) -> None:
    """See that models can be written, before the work of making them.

    Raises:
        InputError: If the folder isn't one, or has such a file and `force` is off.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f'{str(folder)!r} is a file; give a folder for the models.')
    for name in names:
        path = folder / f'{name}.onnx'
        if path.exists() and not force:
            raise InputError(f'{str(path)!r} exists; give --force to replace it, or another --out.')


def store(folder: Path, name: str, model: onnx.ModelProto, entry: Mapping[str, Any]) -> str:
    """Write a model and its entry; other entries stay.

    What was `measured` stays if the bytes are the same, and goes if they aren't.

    Args:
        folder: Made if need be.
        name: In models.yaml, and of the file.
        model: Complete.
        entry: What models.yaml says beyond name, file and hash.

    Returns:
        The file's SHA-256, hexadecimal.

    Raises:
        ModelError: If models.yaml is there and isn't a list of models.
    """
    content = model.SerializeToString(deterministic=True)
    sha256 = hashlib.sha256(content).hexdigest()
    catalogue = folder / CATALOGUE
    entries = _entries(catalogue)
    new = {'name': name, 'file': f'{name}.onnx', 'sha256': sha256, **entry}
    old = next((item for item in entries if item.get('name') == name), {})
    if old.get('sha256') == sha256 and 'measured' in old:
        new['measured'] = old['measured']
    kept = [item for item in entries if item.get('name') != name]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{name}.onnx').write_bytes(content)
    text = yaml.safe_dump(
        {'models': sorted([*kept, new], key=lambda item: str(item['name']))},
        sort_keys=False,
        allow_unicode=True,
        width=96,
    )
    catalogue.write_text(_HEADER + text, encoding='utf-8')
    return sha256


def _entries(catalogue: Path) -> list[dict[str, Any]]:
    if not catalogue.exists():
        return []
    try:
        return list(yaml.safe_load(catalogue.read_text(encoding='utf-8'))['models'])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ModelError(
            f'{str(catalogue)!r} is no list of models ({error}); restore or remove it.'
        ) from error
