"""What the node says of every frame on /diagnostics, held against what was sent and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.verdict import Check, Failure, Tally, TopicFigures

DIAGNOSTICS = '/diagnostics'
DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray'
_DROPPED = 'dropped: '


class Books(NamedTuple):
    """One camera's books, as of the node's last report.

    Attributes:
        received: Frames that came in.
        published: Frames that went out.
        pending: Frames still waiting or in work.
        dropped: The others, by cause.
    """

    received: int
    published: int
    pending: int
    dropped: Mapping[str, int]

    @property
    def add_up(self) -> bool:
        """Whether every frame received is accounted for."""
        return self.received == self.published + self.pending + sum(self.dropped.values())


def read_books(bag: Path) -> dict[str, Books]:
    """The last report on every camera, by input topic.

    Raises:
        InputError: If the bag can't be read.
    """
    books: dict[str, Books] = {}
    with BagReader(bag) as reader:
        for message in reader.messages():
            if message.topic.msgtype != DIAGNOSTICS_TYPE:
                continue
            try:
                report = reader.decode(DIAGNOSTICS_TYPE, message.data)
            except FrameError:
                continue
            for status in report.status:
                values = {entry.key: entry.value for entry in status.values}
                if 'received' in values:
                    books[values['input']] = _books(values)
    return books


def check_books(books: Mapping[str, Books], topics: Mapping[str, TopicFigures]) -> Check:
    """Whether nothing was lost without a line in the books.

    Args:
        books: Of the node, by input topic.
        topics: What the recordings show of every topic.
    """
    tally = Tally(
        'books',
        4,
        'What the node did not publish it counted as dropped, with the cause.',
        'frames received',
    )
    lines = []
    for name, figures in topics.items():
        if figures.role != 'anonymized':
            continue
        entry = books.get(name)
        if entry is None:
            tally.fail(Failure(name, f'the node reported nothing of it on {DIAGNOSTICS}'))
            continue
        tally.checked += entry.received
        if not entry.add_up or entry.pending:
            tally.fail(Failure(name, f'the books do not add up: {entry}'))
        if not figures.count_out <= entry.published <= entry.received <= figures.count_in:
            what = f'{figures.count_in} sent and {figures.count_out} recorded do not fit {entry}'
            tally.fail(Failure(name, what))
        lines.append(_line(name, figures, entry))
    tally.detail = '; '.join(lines)
    return tally.check()


def _books(values: Mapping[str, str]) -> Books:
    dropped = {
        key[len(_DROPPED) :]: int(value)
        for key, value in values.items()
        if key.startswith(_DROPPED)
    }
    received, published, pending = (
        int(values[key]) for key in ('received', 'published', 'pending')
    )
    return Books(received, published, pending, dropped)


def _line(name: str, figures: TopicFigures, books: Books) -> str:
    parts = [f'{name}: {books.received} of {figures.count_in} received']
    parts.append(f'{books.published} published')
    if figures.count_out != books.published:
        parts.append(f'{figures.count_out} of them recorded')
    parts += [f'{count} dropped ({cause})' for cause, count in books.dropped.items() if count]
    return ', '.join(parts)
