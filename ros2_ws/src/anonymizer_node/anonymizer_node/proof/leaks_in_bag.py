"""The check of `proof.leaks` over a recording of a simulation."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.errors import FrameError, InputError
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.detections import DEFINITIONS
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leak_topics import STATEMENTS, LeakTopics, image_outputs, parse_outputs
from anonymizer_node.proof.leaks import LeakCheck
from anonymizer_node.proof.truth import READERS


class _Read(NamedTuple):
    """A message and the bag that it is from."""

    reader: BagReader
    message: BagMessage


def check_bag(
    target: Path | str,
    source: Path | str | None = None,
    topics: Collection[str] = (),
    prefix: str = '/anonymized',
    bounds: Bounds | None = None,
    classes: Collection[str] = (),
) -> LeakCheck:
    """Whether somebody got through in a recording of a simulation.

    Args:
        target: A bag with the output topics. Truth, stated regions and inputs may be in it too.
        source: Another bag to look for those in.
        topics: Output topics, as OUTPUT or OUTPUT=TRUTH; none: all image topics with the prefix.
        prefix: Of the output topics.
        bounds: What is asked; None: the defaults.
        classes: As for `people_of`.

    Raises:
        InputError: If a bag can't be read, or holds no such topic.
    """
    with ExitStack() as stack:
        paths = [target] if source is None else [target, source]
        readers = [stack.enter_context(BagReader(path)) for path in paths]
        types = {topic.name: topic.msgtype for reader in readers for topic in reader.topics}
        outputs = parse_outputs(topics or image_outputs(types, prefix), prefix)
        _check_types(types, outputs, prefix)
        check = LeakCheck(
            bounds,
            with_inputs=any(f'{prefix}{name}' in outputs for name in types),
            with_regions=any(kind in STATEMENTS for kind in types.values()),
        )
        for reader in readers:
            reader.teach(DEFINITIONS)
        parts = LeakTopics(check, outputs, prefix, classes)
        streams = [_messages(reader) for reader in readers]
        for reader, message in heapq.merge(*streams, key=lambda read: read.message.time_ns):
            topic, now_s = message.topic, message.time_ns / 1e9
            named = (parts.outputs, parts.truths, parts.inputs)
            if topic.msgtype not in STATEMENTS and not any(topic.name in names for names in named):
                continue
            try:
                decoded = reader.decode(topic.msgtype, message.data)
                parts.hear(topic.name, topic.msgtype, decoded, now_s)
            except (FrameError, ValueError, OverflowError) as error:
                # A truth or a statement is missed where it is needed; an output never is.
                if topic.name in outputs:
                    check.add_unreadable(topic.name, str(error))
            check.settle(now_s)
        check.settle(float('inf'), rest=True)
    return check


def _messages(reader: BagReader) -> Iterator[_Read]:
    for message in reader.messages():
        yield _Read(reader, message)


def _check_types(types: dict[str, str], outputs: dict[str, str], prefix: str) -> None:
    if not outputs:
        raise InputError(
            f'No image topic in the bag begins with {prefix!r}; name the topics, or another prefix.'
        )
    for output, truth in outputs.items():
        if output not in types:
            raise InputError(f'{output!r} is not in the bag; there are {", ".join(types)}.')
        if types.get(truth) not in READERS:
            told = types.get(truth, 'not in the bag')
            raise InputError(
                f'The truth {truth!r} is {told}; it must be {" or ".join(READERS)}. Name another '
                f'as {output}=TRUTH.'
            )
