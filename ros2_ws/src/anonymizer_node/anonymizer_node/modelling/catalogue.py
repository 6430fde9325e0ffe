"""Writes model files, and what models.yaml says about them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
import yaml

from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.detectors.registry import CATALOGUE

_HEADER = (
    '# Detectors. `anonymize model build` writes these entries, all but `measured`. A file whose\n'
    '# SHA-256 differs is refused.\n'
)


def check_free(folder: Path, names: list[str], force: bool) -> None:
    """See that models can be written, before the work of making them.

    Raises:
        InputError: If the folder isn't one, or has such a file and `force` is off.
        ModelError: If its models.yaml isn't a list of models.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f'{str(folder)!r} is a file; give a folder for the models.')
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(
            f'{str(folder)!r} can not be written to ({error.strerror}); name another --out.'
        ) from error
    for name in names:
        path = folder / f'{name}.onnx'
        if path.exists() and not force:
            raise InputError(f'{str(path)!r} exists; give --force to replace it, or another --out.')
    _entries(folder / CATALOGUE)


def store(folder: Path, name: str, model: onnx.ModelProto, entry: Mapping[str, Any]) -> str:
    """Write a model and its entry; other entries stay, and so do comments at the top.

    What was `measured` stays if the bytes are the same, and goes if they aren't. Each of the two
    files appears whole or not at all.

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
    text = yaml.safe_dump(
        {'models': sorted([*kept, new], key=lambda item: str(item['name']))},
        sort_keys=False,
        allow_unicode=True,
        width=96,
    )
    text = _header(catalogue) + text
    folder.mkdir(parents=True, exist_ok=True)
    _replace({folder / f'{name}.onnx': content, catalogue: text.encode()})
    return sha256


def _entries(catalogue: Path) -> list[dict[str, Any]]:
    if not catalogue.exists():
        return []
    try:
        entries = list(yaml.safe_load(catalogue.read_text(encoding='utf-8'))['models'])
        return [{'name': entry['name'], **entry} for entry in entries]
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f'{str(catalogue)!r} is no list of models ({error}); restore or remove it.'
        ) from error


def _header(catalogue: Path) -> str:
    if not catalogue.exists():
        return _HEADER
    comments = []
    for line in catalogue.read_text(encoding='utf-8').splitlines(keepends=True):
        if not line.startswith('#'):
            break
        comments.append(line)
    return ''.join(comments)


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Write files beside their places, and move them there when all are whole."""
    ready: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            handle, name = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
            ready[path] = Path(name)
            with os.fdopen(handle, 'wb') as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            ready[path].chmod(path.stat().st_mode & 0o777 if path.exists() else _usual_mode())
        for path, beside in ready.items():
            beside.replace(path)
    finally:
        for beside in ready.values():
            with suppress(FileNotFoundError):  # It has been moved.
                beside.unlink()


def _usual_mode() -> int:
    """What a new file would be readable for: `mkstemp` makes files for the owner alone."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
