"""The detectors: which there are, how they are made, how good they are."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping

VERBS: Mapping[str, str] = {
    'list': 'the models in models.yaml, with their figures',
    'build': 'make the embedded model, or quantise your own',
    'eval': 'how good detectors and settings are on labelled pictures',
    'bench': 'how fast models are, against each other in one run',
}
"""Verb -> what it does. Its code is `cli/model_VERB.py` with `add_arguments` and `main`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(dest='model_verb', metavar='VERB', required=True)
    for name, purpose in VERBS.items():
        module = importlib.import_module(f'anonymizer_node.cli.model_{name}')
        verb = verbs.add_parser(name, help=purpose, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(run_model=module.main)


def main(args: argparse.Namespace) -> int:
    """Run the verb's own verb."""
    return int(args.run_model(args))
