"""Whether the record is as the run left it, and its models are those that they are said to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from anonymizer_node.core.words import counted
from anonymizer_node.proof.record import REGIONS_NAME, REPORT_NAME, Record
from anonymizer_node.proof.verdict import Check, Failure, Tally
from anonymizer_node.resources import share_path

CATALOGUE = 'models/models.yaml'


def check_seal(record: Record, seal: str = '') -> Check:
    """Whether the digests in the record are those of its two files.

    Args:
        record: Of the output.
        seal: As it was told when the output was made, if it was kept; or ''.
    """
    tally = Tally(
        'record-sealed',
        4,
        'The record is as it was written: its digests are those of its files.',
        'digests',
    )
    digests = record.summary.get('digests')
    stated: Mapping[str, Any] = digests if isinstance(digests, dict) else {}
    found = {REGIONS_NAME: record.regions_sha256, REPORT_NAME: record.seal}
    for name, digest in found.items():
        problem = ''
        if name not in stated:
            problem = f'{REPORT_NAME} holds no digest of it'
        elif stated[name] != digest:
            problem = f'has another digest than {REPORT_NAME} says: it was altered'
        tally.seen(Failure('', f'{name}: {problem}') if problem else None)
    if seal:
        problem = f'the seal is {record.seal}, not {seal}'
        tally.seen(None if seal.lower() == record.seal else Failure('', problem))
    elif REPORT_NAME in stated:  # Else nothing was sealed.
        tally.detail = (
            f'Seal {record.seal}. Whoever alters both files can seal them anew: keep the seal '
            'that "anonymize bag" told, and give it to "anonymize verify" with --seal.'
        )
    return tally.check()


def check_models(record: Record) -> Check:
    """Whether the models on record are known ones."""
    tally = Tally(
        'models-known',
        4,
        'Every model that was named from models.yaml has the SHA-256 that stands there.',
        'models',
    )
    said = record.summary.get('models')
    models = [item for item in said if isinstance(item, dict)] if isinstance(said, list) else []
    entries = _entries(record)
    if len(models) != len(entries):
        what = f'on record are {counted(len(models), "models")}, in the settings {len(entries)}'
        tally.fail(Failure('', what))
    known = known_models()
    others = []
    for model, entry in zip(models, entries, strict=False):
        name, sha256 = str(model.get('name', '')), str(model.get('sha256', ''))
        if name not in known or entry.split()[:1] != [name]:
            others.append(f'{name} {sha256}'.strip())
            continue
        what = f'{name} is on record with SHA-256 {sha256 or "unknown"}, not {known[name]}'
        tally.seen(None if sha256 == known[name] else Failure('', what))
    if others:
        tally.detail = f'Not among those of models.yaml: {", ".join(others)}'
    return tally.check()


def known_models() -> dict[str, str]:
    """SHA-256 by name, of the models that come with this project; {} if the list isn't there."""
    try:
        text = share_path(CATALOGUE).read_text(encoding='utf-8')
        return {entry['name']: entry['sha256'] for entry in yaml.safe_load(text)['models']}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}


def _entries(record: Record) -> list[str]:
    """The setting `model` on record, one entry for each of its models."""
    settings = record.summary.get('settings')
    named = settings.get('model') if isinstance(settings, dict) else None
    if isinstance(named, str):
        return [named]
    return [str(entry) for entry in named] if isinstance(named, list) else []
