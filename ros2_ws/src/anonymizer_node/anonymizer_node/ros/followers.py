"""What cameras that are followed have shown, for those that follow them: see `core.following`.

A follower's frames wait for its twin's, without keeping the worker from other cameras. They go when
the twin has gone past their time, or after `MOST_WAIT_S` with what is known then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Outcome
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.following import Seen, Twin
from anonymizer_node.core.topic_patterns import TopicPattern
from anonymizer_node.formats.image_codecs import stamp_ns

MOST_WAIT_S = 1.0
"""How long a follower's frame waits for its twin, seconds: longer than a slow detector takes."""

ROOM = 64
"""Frames of one follower that wait at most; one more, and the oldest is dropped."""


class Twins:
    """The twins by topic. All of it belongs to the worker's thread, but for `forget`."""

    def __init__(self) -> None:
        """Nothing is known of any."""
        self._twins: dict[str, Twin] = {}
        self._told: dict[
            str, int
        ] = {}  # By follower: which frame of it `is_due` was asked of last.

    def judged(self, topic: str, at_ns: int, outcome: Outcome, of_several: bool = False) -> None:
        """What became of a frame, published or not.

        Args:
            topic: Resolved name.
            at_ns: Time of its header.
            outcome: As the pipeline made it.
            of_several: See `Twin.of_several`.
        """
        twin = self._of(topic)
        twin.of_several = of_several
        twin.add(Seen.of(outcome, at_ns)._replace(of_several=of_several))

    def is_due(self, follower: str, topic: str, message: Any, waited_s: float) -> bool:
        """Whether a follower's oldest frame need not wait any longer.

        Args:
            follower: Resolved name of its topic.
            topic: Resolved name of its twin.
            message: The frame.
            waited_s: For how long it has waited.
        """
        twin, at_ns = self._of(topic), stamp_ns(message)
        # Two frames that are there at the same time have no id in common, and the one asked of is
        # there until it is taken.
        twin.expect(follower, at_ns, is_new=self._told.get(follower) != id(message))
        self._told[follower] = id(message)
        return twin.has_passed(at_ns) or waited_s > MOST_WAIT_S

    def known(self, follower: str, topic: str, at_ns: int, of_several: bool = False) -> Twin:
        """What is known of a moment of a twin, for a follower's frame that was taken.

        Args:
            follower: Resolved name of its topic.
            topic: Resolved name of its twin.
            at_ns: Time of the frame's header.
            of_several: Whether the follower's topic has several publishers.
        """
        self._told.pop(follower, None)
        known = self._of(topic).around(at_ns)
        known.of_several = known.of_several or of_several
        return known

    def forget(self) -> None:
        """Know nothing of any. Only while the worker doesn't run."""
        self._twins.clear()
        self._told.clear()

    def _of(self, topic: str) -> Twin:
        return self._twins.setdefault(topic, Twin(topic))


def twins_of(settings: Settings, remap: Callable[[str], str]) -> dict[str, str]:
    """Who follows whom, by resolved names.

    Raises:
        ConfigError: If remapping makes two of them one.
    """
    twins = {remap(topic): remap(colour) for topic, colour in settings.twins().items()}
    for topic, colour in twins.items():
        if colour in twins or len(twins) < len(settings.follow):
            raise ConfigError(
                f'follow has {topic!r} follow {colour!r}, and remapping makes two topics of it '
                'one; take it back.'
            )
    return twins


def refuse_idle(
    twins: Mapping[str, str], inputs: Sequence[str], patterns: Sequence[TopicPattern]
) -> None:
    """Raises: ConfigError: If somebody follows or is followed whom the node doesn't read."""
    for name in (*twins, *twins.values()):
        if name not in inputs and not any(pattern.matches(name) for pattern in patterns):
            entries = [*inputs, *(pattern.text for pattern in patterns)]
            raise ConfigError(
                f'follow names {name!r}, which is none of the input_topics {entries}; add it there.'
            )
