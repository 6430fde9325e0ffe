"""The records of a bag in its order, each with what is to be covered in its images."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from anonymizer_node.core.datatypes import Cover, Float32Array, Judgement
from anonymizer_node.core.joining import Joiner
from anonymizer_node.offline.records import Record

MOST_QUEUED = 20_000
"""No more records wait for a topic whose next frame is far off: it is decided without that."""

Kind = tuple[str, str]
"""Name and type of a topic."""


class _Entry:
    """A record on its way; an image that wasn't judged has nothing to wait for."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.covers: list[Cover | None] = [None] * len(record.parts)
        self.waits = 0


class _Source:
    """The frames of one source that wait, and what decides them."""

    def __init__(self, joiner: Joiner) -> None:
        self.joiner = joiner
        self._waiting: deque[tuple[_Entry, int]] = deque()

    def add(
        self, entry: _Entry, index: int, stamp_ns: int, size: tuple[int, int], boxes: Float32Array
    ) -> None:
        """Take the next frame: a part of an entry."""
        entry.waits += 1
        self._waiting.append((entry, index))
        self._decided(self.joiner.add(stamp_ns, size, boxes))

    def flush(self) -> None:
        """Decide all that wait."""
        self._decided(self.joiner.flush())

    def _decided(self, covers: list[Cover]) -> None:
        for cover in covers:
            entry, index = self._waiting.popleft()
            entry.covers[index] = cover
            entry.waits -= 1


def joined(
    records: Iterator[Record],
    counts: Mapping[Kind, int],
    to_cover: Callable[[Judgement], Float32Array],
    joiner: Callable[[], Joiner],
) -> Iterator[tuple[Record, Sequence[Cover | None]]]:
    """Every record, with what is to be covered in each image; None where it wasn't judged.

    Of the records no more are taken than are needed to decide the next one. Images of one label
    in the messages of one topic are a source.

    Args:
        records: In the order of the bag.
        counts: Messages by topic; when that many have come the topic waits for no more.
        to_cover: A judged frame's own boxes, (N, 4).
        joiner: Makes one for a source.
    """
    queue: deque[_Entry] = deque()
    sources: dict[Kind, dict[str, _Source]] = {}
    seen: Counter[Kind] = Counter()
    for record in records:
        kind = record.topic, record.msgtype
        of_kind = sources.setdefault(kind, {})
        entry = _Entry(record)
        queue.append(entry)
        seen[kind] += 1
        for index, (label, judgement) in enumerate(record.parts):
            if not judgement.cause and judgement.stamp_ns is not None:
                source = of_kind.setdefault(label, _Source(joiner()))
                size = judgement.width, judgement.height
                source.add(entry, index, judgement.stamp_ns, size, to_cover(judgement))
        if seen[kind] >= counts.get(kind, 0):
            _flush(of_kind.values())
        if len(queue) > MOST_QUEUED:
            head = queue[0].record
            _flush(sources[head.topic, head.msgtype].values())
        while queue and not queue[0].waits:
            done = queue.popleft()
            yield done.record, done.covers
    for of_kind in sources.values():
        _flush(of_kind.values())
    while queue:
        done = queue.popleft()
        yield done.record, done.covers


def _flush(sources: Iterable[_Source]) -> None:
    for source in sources:
        source.flush()
