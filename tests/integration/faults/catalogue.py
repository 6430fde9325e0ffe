"""All faults, by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from faults.inside import INSIDE
from faults.jpegs import FILES
from faults.outside import BOTH, OUTSIDE, Run
from faults.raw import LIES
from faults.shots import PLACES, Shot, jpeg_shot, raw_shot
from faults.stand import Hall, Row


class Fault(NamedTuple):
    """A fault.

    Attributes:
        run: Puts it into a node, and answers with the account.
        on_failure: The settings of `on_failure` to do so with.
        varies: Whether it ends in other ways from run to run.
    """

    run: Run
    on_failure: tuple[str, ...] = BOTH
    varies: bool = False

    def account(self, hall: Hall, on_failure: str) -> Row:
        """Put it into a node."""
        row = self.run(hall, on_failure)
        return replace(row, ends='varies') if self.varies else row


def frames(kind: str, makes: Sequence[Callable[[], Shot]], hall: Hall, on_failure: str) -> Row:
    """Each faulty frame several times, a good one before it and behind it, one at a time."""
    stand = hall.stand(kind, on_failure)
    for _ in range(hall.runs):
        for make in makes:
            stand.good()
            stand.send(make())
            stand.settle()
    stand.good()
    return stand.row()


def _inside(kind: str, asks: str) -> Run:
    make = {'raw': raw_shot, 'jpeg': jpeg_shot}[kind]
    return partial(frames, kind, (partial(make, asks, PLACES[::2]),))


FAULTS: Mapping[str, Fault] = {
    **{
        f'{name}, {kind}': Fault(_inside(kind, asks))
        for name, asks in INSIDE.items()
        for kind in ('raw', 'jpeg')
    },
    **{f'raw: {name}': Fault(partial(frames, 'raw', makes)) for name, makes in LIES.items()},
    **{
        name: Fault(partial(frames, 'jpeg', makes), varies=name == 'JPEG damaged in the scan')
        for name, makes in FILES.items()
    },
    **{name: Fault(run, on_failure) for name, (run, on_failure) in OUTSIDE.items()},
}
