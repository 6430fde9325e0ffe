"""What regions.jsonl says of the messages of an anonymised bag, as these are read."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagMessage
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.report import REGIONS_NAME


class Statement(NamedTuple):
    """What became of one image.

    Attributes:
        time_ns: When it was recorded.
        stamp_ns: Time of its header; None if it could not be read.
        status: As in `core.datatypes.STATUSES`, or `copied`.
        regions: What was obscured.
    """

    time_ns: int
    stamp_ns: int | None
    status: str
    regions: tuple[Region, ...]


class Statements:
    """Reads the lines of some topics beside their messages. No more of them wait than needed."""

    def __init__(self, bag: Path, wanted: Iterable[Kind]) -> None:
        """Args: bag: An anonymised bag's folder. wanted: Topics of images."""
        self._path = bag / REGIONS_NAME
        self._waiting: dict[Kind, deque[Statement]] = {kind: deque() for kind in wanted}
        self._lines = self._read()

    def of(self, message: BagMessage) -> Statement:
        """What is said of the next message of a topic.

        Raises:
            InputError: If it isn't of this message.
        """
        kind = message.topic.name, message.topic.msgtype
        waiting = self._waiting[kind]
        while not waiting:
            found = next(self._lines, None)
            if found is None:
                raise self._foreign(message, 'nothing')
            self._waiting[found[0]].append(found[1])
        statement = waiting.popleft()
        if statement.time_ns != message.time_ns:
            raise self._foreign(message, f'one of {statement.time_ns}')
        return statement

    def _foreign(self, message: BagMessage, said: str) -> InputError:
        return InputError(
            f'{str(self._path)!r} is not of this bag: of the message of {message.topic.name} of '
            f'{message.time_ns} it says {said}. Anonymise the bag anew.'
        )

    def _read(self) -> Iterator[tuple[Kind, Statement]]:
        """The lines of the wanted topics whose message is in the bag."""
        try:
            with self._path.open(encoding='utf-8') as lines:
                for line in lines:
                    told = json.loads(line)
                    kind = told['topic'], told['type']
                    if kind in self._waiting and told['status'] != 'dropped':
                        regions = tuple(Region(*map(int, region)) for region in told['regions'])
                        yield (
                            kind,
                            Statement(told['time_ns'], told['stamp_ns'], told['status'], regions),
                        )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f'{str(self._path)!r} can not be read ({type(error).__name__}: {error}); '
                'anonymise the bag anew.'
            ) from error
