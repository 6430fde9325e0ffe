"""The detectors: which there are, how they are made, how good they are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from anonymizer_node.cli.common import add_verbs

VERBS: Mapping[str, str] = {
    'list': 'the models in models.yaml, with their figures',
    'build': 'make the embedded model, or quantise your own',
    'eval': 'how good detectors and settings are on labelled pictures',
    'bench': 'how fast models are, against each other in one run',
}
"""Verb -> what it does. Its code is `cli/model_VERB.py` with `add_arguments` and `main`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    add_verbs(parser, VERBS, 'anonymizer_node.cli.model_', dest='model_verb', run='run_model')


def main(args: argparse.Namespace) -> int:
    """Run the verb's own verb."""
    return int(args.run_model(args))
