"""Why frames of a camera are dropped, and the books about all of them at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from anonymizer_node.core.following import CAUSE as TWIN

OVERRUN = 'overrun'
RATE = 'rate'
INACTIVE = 'inactive'
INTERNAL = 'internal'
TRANSPORT = 'transport'
HUNG = 'hung'

EXPECTED = frozenset({OVERRUN, RATE, INACTIVE, TRANSPORT})
"""Causes for which a frame is dropped though nothing failed. Every other cause is a failure."""

CAUSES = (
    *('decode', 'encoding', 'detector', 'redaction', TWIN, HUNG, INTERNAL),
    *(OVERRUN, RATE, TRANSPORT, INACTIVE),
)
"""All causes there are: those of `core.pipeline`, and those of the node."""


class Failure(NamedTuple):
    """A frame that failed.

    Attributes:
        at_s: When, on the monotonic clock.
        cause: Short stable word, as counted.
        reason: A sentence.
    """

    at_s: float
    cause: str
    reason: str


@dataclass(frozen=True)
class Tally:
    """The books at one moment. Counts run from the node's configuration on.

    Attributes:
        received: Frames that came in, or that the middleware says it lost on the way in.
        anonymized: Published with regions obscured.
        untouched: Published with the picture as it came, since nobody was in it.
        carried: Of both, those between two detections (`detect_every`): nobody judged them.
        stripped: Of both, those out of which something was taken that no detector sees.
        blacked_out: Published as a black frame, since something failed.
        dropped: Not published, by cause.
        pending: Waiting or in work.
        people: Detected in the latest frame that was judged.
        regions: Obscured in the latest frame published.
        received_s: When the latest frame came in, on the monotonic clock; None before the first.
        encoding: Of the latest frame that came in, as its message names it.
        size: Width and height of the latest frame that could be read, pixels; (0, 0) before.
        failure: The latest one; None before the first.
        note: What the codec last had to say about how it obscured something.
        ages_ms: Of the frames published since the last tally: publication minus header stamp.
        work_ms: Time in work of the frames done since the last tally.
    """

    received: int = 0
    anonymized: int = 0
    untouched: int = 0
    carried: int = 0
    stripped: int = 0
    blacked_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    people: int = 0
    regions: int = 0
    received_s: float | None = None
    encoding: str = ''
    size: tuple[int, int] = (0, 0)
    failure: Failure | None = None
    note: str = ''
    ages_ms: tuple[float, ...] = ()
    work_ms: tuple[float, ...] = ()

    @property
    def published(self) -> int:
        """Frames that went out."""
        return self.anonymized + self.untouched + self.blacked_out

    @property
    def adds_up(self) -> bool:
        """Whether every frame that came in is accounted for."""
        return self.received == self.published + sum(self.dropped.values()) + self.pending
