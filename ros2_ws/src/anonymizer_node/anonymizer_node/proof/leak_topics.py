"""Which topic plays which part in the check of `proof.leaks`, live and in a bag alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import InputError
from anonymizer_node.proof.detections import DETECTIONS
from anonymizer_node.proof.leaks import LeakCheck
from anonymizer_node.proof.pictures import IMAGE_TYPES
from anonymizer_node.proof.record import MARKER, stamp_ns, stated_by
from anonymizer_node.proof.truth import TRUTH_PREFIX, people_of

STATEMENTS = (MARKER, DETECTIONS)
"""Message types with which a node says what it has obscured."""


class LeakTopics:
    """Hands each message to the check as what it is.

    Attributes:
        check: Gets the messages.
        outputs: Output topic -> topic of its truth.
        truths: Truth topic -> the output topics that it tells of.
        inputs: Input topic -> output topic.
    """

    def __init__(
        self,
        check: LeakCheck,
        outputs: Mapping[str, str],
        prefix: str,
        classes: Collection[str] = (),
    ) -> None:
        """Args as named; `classes` as for `people_of`."""
        self.check = check
        self.outputs = dict(outputs)
        self.truths: dict[str, list[str]] = {}
        for output, truth in outputs.items():
            self.truths.setdefault(truth, []).append(output)
            check.expect(output)
        self.inputs = {
            name[len(prefix) :]: name for name in outputs if name.startswith(f'{prefix}/')
        }
        self._classes = tuple(classes)

    def hear(self, topic: str, msgtype: str, message: Any, now_s: float) -> None:
        """A message; one of a topic that plays no part is ignored.

        Raises:
            ValueError, OverflowError: If a truth or a statement holds no people or regions.
        """
        check = self.check
        if topic in self.truths:
            people = people_of(msgtype, message, self._classes)
            for output in self.truths[topic]:
                check.add_truth(output, stamp_ns(message), people, now_s)
        elif topic in self.outputs:
            check.add_output(topic, message, now_s)
        elif topic in self.inputs:
            check.add_input(self.inputs[topic], message, now_s)
        elif msgtype in STATEMENTS:
            # Nobody's box under nobody's topic says nothing: what is black is then looked for.
            said: dict[str, list[Region]] = {}
            for output, region in stated_by(msgtype, message):
                said.setdefault(output, []).extend([] if region is None else [region])
            for output, regions in said.items():
                if output in self.outputs:
                    check.add_regions(output, stamp_ns(message), regions, now_s)


def parse_outputs(words: Collection[str], prefix: str) -> dict[str, str]:
    """Output topic -> truth topic, from OUTPUT or OUTPUT=TRUTH.

    Raises:
        InputError: If one names no topic, or gives no truth where none can be told from its name.
    """
    outputs = {}
    for word in words:
        output, _, truth = word.partition('=')
        if not truth and output.startswith(f'{prefix}/'):
            truth = TRUTH_PREFIX + output[len(prefix) :]
        if not (output.startswith('/') and truth.startswith('/')):
            raise InputError(
                f'{word!r} is not OUTPUT or OUTPUT=TRUTH, two absolute topic names; the second may '
                f'be left out if the first begins with {prefix!r}.'
            )
        outputs[output] = truth
    return outputs


def image_outputs(types: Mapping[str, str], prefix: str) -> list[str]:
    """Of some topics and their types, the image topics whose names begin so."""
    return [
        name
        for name, msgtype in types.items()
        if msgtype in IMAGE_TYPES and name.startswith(f'{prefix}/')
    ]
