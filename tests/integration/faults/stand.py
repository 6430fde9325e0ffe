"""A camera and a receiver with the real node between them, and the books of what passed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import Probe, reliable
from link import Link
from pictures import key
from sensor_msgs.msg import CompressedImage, Image
from world import World, a_world

from faults.checker import leaks
from faults.shots import Shot, jpeg_shot, raw_shot

TOPICS = {'raw': '/front/image_raw', 'jpeg': '/rear/image_raw/compressed'}
KINDS = {'raw': Image, 'jpeg': CompressedImage}
GOOD = {'raw': raw_shot, 'jpeg': jpeg_shot}
OTHERS_CHECKED = 2
"""How many of the frames before are looked for in an output too."""

BOOKS = ('received', 'published', 'anonymized', 'untouched', 'blacked_out', 'dropped', 'pending')


@dataclass
class Row:
    """What came of a fault.

    Attributes:
        sent: Frames, the good ones before and after included.
        published: Received as many, and each was checked.
        dropped: By cause.
        ends: How the frames with the fault end, in words that are the same in each run.
        leaks: What the checker said.
        wrong: Whatever else is not as it has to be.
    """

    sent: int = 0
    published: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    ends: str = ''
    leaks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Gate:
    """Holds a frame where it asked to wait."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    @property
    def entered(self) -> bool:
        return (self.folder / 'entered').exists()

    def open(self) -> None:
        (self.folder / 'open').touch()

    def reset(self) -> None:
        for name in ('open', 'entered'):
            (self.folder / name).unlink(missing_ok=True)


class Stand:
    """One camera of a node.

    Attributes:
        kind: `raw` or `jpeg`.
        link: To and from the node.
        shots: Sent since `begin`, in order.
    """

    def __init__(self, probe: Probe, node: Any, gate: Gate, kind: str, on_failure: str) -> None:
        self.probe, self.node, self.gate = probe, node, gate
        self.kind, self.on_failure = kind, on_failure
        self.topic = TOPICS[kind]
        self.link = Link(probe, KINDS[kind], self.topic)
        self.begin()

    def begin(self) -> None:
        """Forget what was; the books count from here."""
        self.shots: list[Shot] = []
        self._blackout: dict[tuple[int, int], bool] = {}
        self._good: set[tuple[int, int]] = set()
        self.probe.until(self._idle, 'no frame to be in work')
        self._base = self._books()
        self.link.heard.clear()

    def good(self) -> Shot:
        """Send a frame without a fault, and wait until it is through."""
        shot = self.send(GOOD[self.kind]())
        self._good.add(shot.key)
        self.settle()
        return shot

    def send(self, shot: Shot, blackout: bool = True) -> Shot:
        """Send a frame; `blackout`: whether people must be black in what comes of it."""
        self.link.publish(shot.message)
        self.shots.append(shot)
        self._blackout[shot.key] = blackout
        return shot

    def settle(self, pending: int = 0) -> None:
        """Wait until all that was sent has come in, and so many of it are not done."""

        def done() -> bool:
            books = self._books()
            return bool(
                books
                and books['received'] - self._base['received'] >= len(self.shots)
                and books['pending'] == pending
            )

        self.probe.until(done, f'{len(self.shots)} frames to be received, {pending} pending')

    def held(self) -> None:
        """Wait until a frame waits at the gate."""
        self.probe.until(lambda: self.gate.entered, 'a frame to come to the gate')

    def row(self, ended: str = '') -> Row:
        """The account since `begin`, every output checked.

        Args:
            ended: How the node or its camera ended, if its books ended with it.
        """
        row = Row(sent=len(self.shots))
        if not ended:
            self.settle()
            grown = self._grown()
            self.probe.until(
                lambda: len(self._outputs()) >= grown['published'], 'every frame published', 10.0
            )
            row.dropped = grown['by_cause']
            if grown['received'] != row.sent:
                row.wrong.append(f'{grown["received"]} received of {row.sent} sent.')
            if grown['received'] != grown['published'] + grown['dropped']:
                row.wrong.append(f'The books do not add up: {grown}.')
            if grown['published'] != len(self._outputs()):
                row.wrong.append(f'{len(self._outputs())} came out, {grown["published"]} counted.')
            row.ends = _ends(grown, len(self._good))
        outputs = self._outputs()
        row.published = len(outputs)
        if ended:
            row.ends = ended
            if len(outputs) < row.sent:
                row.dropped = {'ended': row.sent - len(outputs)}
        row.leaks = self.check(outputs)
        answered = {key(message) for message in outputs}
        row.wrong += [f'The good frame {each} was lost.' for each in self._good - answered]
        return row

    def check(self, outputs: list[Any]) -> list[str]:
        """What can be seen of anybody in outputs."""
        found = []
        for message in outputs:
            at = next((i for i, shot in enumerate(self.shots) if shot.key == key(message)), 0)
            suspects = self.shots[max(0, at - OTHERS_CHECKED) : at + 1]
            found += leaks(message, suspects, self._blackout.get(key(message), True))
        return found

    def _outputs(self) -> list[Any]:
        return [heard for heard in self.link.heard if key(heard) not in self.link.warm_up]

    def _idle(self) -> bool:
        books = self._books()
        return bool(books) and books['pending'] == 0

    def _books(self) -> dict[str, Any]:
        status = self.probe.next_health(self.topic)
        if status is None or 'received' not in status.values:
            return {}
        books: dict[str, Any] = {name: int(status.values[name]) for name in BOOKS}
        books['by_cause'] = {
            name.removeprefix('dropped: '): int(value)
            for name, value in status.values.items()
            if name.startswith('dropped: ')
        }
        return books

    def _grown(self) -> dict[str, Any]:
        now, base = self._books(), self._base
        grown: dict[str, Any] = {name: now[name] - base[name] for name in BOOKS}
        grown['by_cause'] = {
            cause: more
            for cause, count in now['by_cause'].items()
            if (more := count - base['by_cause'].get(cause, 0))
        }
        return grown


def _ends(grown: Mapping[str, Any], good: int) -> str:
    """How the frames that weren't good ended."""
    ways = []
    if grown['anonymized'] + grown['untouched'] > good:
        ways.append('covered')
    if grown['blacked_out']:
        ways.append('black')
    ways += [f'dropped: {cause}' for cause in sorted(grown['by_cause'])]
    return ', '.join(ways) or 'covered'


class Hall:
    """Keeps a node with two cameras for each `on_failure`, and makes others as they are needed.

    Attributes:
        runs: How often each faulty frame is sent.
    """

    def __init__(self, folder: Path, runs: int) -> None:
        self.runs = runs
        self._folder = folder
        self._numbers = itertools.count()
        self._stack = ExitStack()
        self._stands: dict[tuple[str, str], Stand] = {}

    def __enter__(self) -> Hall:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def stand(self, kind: str, on_failure: str) -> Stand:
        """A camera of the node that many faults share, ready for one."""
        if (kind, on_failure) not in self._stands:
            world, gate = self._stack.enter_context(self.world())
            # Nothing is held: a region of the frame before would cover what a fault lets out.
            node = start(world, gate, on_failure=on_failure, hold_seconds=0.0)
            for each in KINDS:
                self._stands[each, on_failure] = Stand(world.probe, node, gate, each, on_failure)
        stand = self._stands[kind, on_failure]
        stand.gate.reset()
        stand.begin()
        return stand

    @contextmanager
    def own(
        self, kind: str, on_failure: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[Stand]:
        """A camera of a node of its own."""
        with self.world() as (world, gate):
            node = start(world, gate, environment, on_failure=on_failure)
            yield Stand(world.probe, node, gate, kind, on_failure)
            gate.open()

    @contextmanager
    def world(self) -> Iterator[tuple[World, Gate]]:
        """A DDS domain, without a node."""
        folder = self._folder / f'world{next(self._numbers)}'
        folder.mkdir()
        with a_world(folder) as world:
            yield world, Gate(folder / 'gate')


def start(
    world: World,
    gate: Gate,
    environment: Mapping[str, str] | None = None,
    **parameters: Any,
) -> Any:
    """The node of fault_node.py."""
    parameters.setdefault('input_topics', list(TOPICS.values()))
    return world.start(
        script='fault_node.py',
        environment={'FAULT_GATE': str(gate.folder), **(environment or {})},
        **reliable(*TOPICS.values()),
        **parameters,
    )
