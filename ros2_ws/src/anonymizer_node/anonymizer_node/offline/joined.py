"""The records of a bag in its order, each with what is to be covered in its frame."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from anonymizer_node.core.datatypes import Cover, Float32Array, Judgement
from anonymizer_node.core.joining import Joiner
from anonymizer_node.offline.records import Record

MOST_QUEUED = 20_000
"""No more records wait for a topic whose next frame is far off: it is decided without that."""

Kind = tuple[str, str]
"""Name and type of a topic."""


@dataclass
class _Entry:
    """A record on its way; a frame that wasn't judged has nothing to wait for."""

    record: Record
    cover: Cover | None = None
    waits: bool = False


class _Source:
    """The frames of one topic that wait, and what decides them."""

    def __init__(self, joiner: Joiner) -> None:
        self.joiner = joiner
        self.waiting: deque[_Entry] = deque()

    def decided(self, covers: list[Cover]) -> None:
        for cover in covers:
            entry = self.waiting.popleft()
            entry.cover, entry.waits = cover, False


def joined(
    records: Iterator[Record],
    counts: Mapping[Kind, int],
    to_cover: Callable[[Judgement], Float32Array],
    joiner: Callable[[], Joiner],
) -> Iterator[tuple[Record, Cover | None]]:
    """Every record, with what is to be covered; None where the frame wasn't judged.

    Of the records no more are taken than are needed to decide the next one.

    Args:
        records: In the order of the bag.
        counts: Messages by topic; when that many have come the topic waits for no more.
        to_cover: A judged frame's own boxes, (N, 4).
        joiner: Makes one for a topic.
    """
    queue: deque[_Entry] = deque()
    sources: dict[Kind, _Source] = {}
    seen: Counter[Kind] = Counter()
    for record in records:
        kind = record.topic, record.msgtype
        source = sources.setdefault(kind, _Source(joiner()))
        entry = _Entry(record)
        queue.append(entry)
        seen[kind] += 1
        judgement = record.judgement
        if not judgement.cause and judgement.stamp_ns is not None:
            entry.waits = True
            source.waiting.append(entry)
            source.decided(source.joiner.add(judgement.stamp_ns, to_cover(judgement)))
        if seen[kind] >= counts.get(kind, 0):
            source.decided(source.joiner.flush())
        if len(queue) > MOST_QUEUED:
            head = queue[0].record
            late = sources[head.topic, head.msgtype]
            late.decided(late.joiner.flush())
        while queue and not queue[0].waits:
            done = queue.popleft()
            yield done.record, done.cover
    for source in sources.values():
        source.decided(source.joiner.flush())
    while queue:
        done = queue.popleft()
        yield done.record, done.cover
