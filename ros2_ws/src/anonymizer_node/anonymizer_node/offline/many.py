"""Many bags in one call: which there are, and where each one goes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader, Staging, is_recording, recordings_in, sweep
from anonymizer_node.offline.bag import BagReport, anonymize_bag, check_apart, whole_source
from anonymizer_node.offline.output import Output, remarks_of, scratch_beside
from anonymizer_node.offline.plan import TopicPlan, plan
from anonymizer_node.offline.remote import Location, Remote, fetch, outline
from anonymizer_node.offline.upload import check_free, publish


class Task(NamedTuple):
    """One bag, and the directory that is made of it."""

    source: Location
    target: Location


@dataclass
class Planned:
    """What would be done with a bag.

    Attributes:
        task: Which.
        topics: What with each topic.
        losses: What else of it would be lost.
    """

    task: Task
    topics: list[TopicPlan] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing would be left out unasked, as far as can be told without reading it."""
        return not self.losses and not any(topic.lossy for topic in self.topics)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            'source': str(self.task.source),
            'target': str(self.task.target),
            'clean': self.clean,
            'losses': self.losses,
            'topics': [topic.as_dict() for topic in self.topics],
        }


def tasks_of(sources: Sequence[Location], target: Location) -> list[Task]:
    """What there is to do: one bag becomes `target`; of several each gets a directory below it.

    Of a folder every bag in it is taken, and the folders between are there again below the target.

    Raises:
        InputError: If a folder holds no bags, two bags would become the same directory, or the
            target lies in one of the sources.
        StorageError: If a store doesn't answer.
    """
    alone = len(sources) == 1
    tasks: list[Task] = []
    for source in sources:
        with outline(source) if isinstance(source, Remote) else nullcontext(source) as path:
            if is_recording(path) or not path.is_dir():
                tasks.append(Task(source, target if alone else target / _name(path)))
                continue
            _check_apart(source, target)
            found = list(recordings_in(path))
            if not found:
                raise InputError(
                    f'{str(source)!r} is no bag and holds none: neither a metadata.yaml nor a '
                    '.mcap, .db3 or .bag file is in it.'
                )
            top = target if alone else target / path.resolve().name
            for bag in found:
                below = bag.relative_to(path)
                tasks.append(Task(source / below, top / below.parent / _name(bag)))
    _check_targets(tasks)
    if not alone:
        places = [whole(source) for source in (*sources, *(task.source for task in tasks))]
        for task in tasks:
            check_outside(places, task.target, 'target')
    return tasks


def _check_apart(source: Location, target: Location) -> None:
    if isinstance(source, Path) and isinstance(target, Path):
        check_apart(source, target)
    elif isinstance(source, Remote) and source in (target, *target.parents):
        raise InputError(f'The target {str(target)!r} is the source or lies in it; name another.')


def whole(place: Location) -> Location:
    """Where nothing may be written for the sake of a source or a target."""
    return whole_source(place) if isinstance(place, Path) else place


def check_outside(places: Sequence[Location], target: Location, what: str) -> None:
    """Refuse what would be written into one of several places.

    Args:
        places: As `whole` gives them: of sources, or what becomes of them.
        target: What is to be written.
        what: It is called.

    Raises:
        InputError: Of such a target.
    """
    inside: Location = target.resolve() if isinstance(target, Path) else target
    for place in (inside, *inside.parents):
        if place in places:
            raise InputError(
                f'The {what} {str(target)!r} is or lies in {str(place)!r}, which is a source or '
                'becomes a bag; name another.'
            )


def _check_targets(tasks: Sequence[Task]) -> None:
    taken: dict[Location, Location] = {}
    for task in tasks:
        other = taken.get(task.target)
        if other is not None:
            raise InputError(
                f'{str(other)!r} and {str(task.source)!r} would both become {str(task.target)!r}; '
                'anonymise them in two calls.'
            )
        taken[task.target] = task.source
    for task in tasks:
        for place in task.target.parents:
            if place in taken:
                raise InputError(
                    f'{str(task.source)!r} would be written into {str(place)!r}, which '
                    f'{str(taken[place])!r} becomes; anonymise them in two calls.'
                )


@contextmanager
def at_hand(task: Task) -> Iterator[tuple[Path, Path]]:
    """A bag and its target as paths of this machine; what lies elsewhere is fetched.

    A remote target is to be put there by whoever made it here. In between both are in a hidden
    folder: beside a target of this machine, or else where temporary files are kept. It is gone
    in the end, and that of a run that was killed when the next one comes by.

    Raises:
        InputError: If the target lies in the source, or the source can't be fetched.
        StorageError: If a store doesn't answer.
    """
    source, target = task
    _check_apart(source, target)
    if isinstance(source, Path) and isinstance(target, Path):
        yield source, target
        return
    here = scratch_beside(target) if isinstance(target, Path) else Path(tempfile.gettempdir())
    sweep(here)
    with closing(Staging(here, target.name)) as staging:
        for name in ('in', 'out'):
            (staging.folder / name).mkdir()
        if isinstance(source, Remote):
            source = fetch(source, staging.folder / 'in')
        yield source, target if isinstance(target, Path) else staging.folder / 'out' / target.name


def planned(task: Task, settings: Settings, output: Output) -> Planned:
    """What would be done with a bag, without doing it.

    Raises:
        InputError: If it can't be read.
        ConfigError: If the settings don't fit it.
        StorageError: If it can't be fetched.
    """
    with at_hand(task) as (source, target), BagReader(source, scratch_beside(target)) as reader:
        topics = plan(reader, settings)
        packing = output.packing(reader)
        return Planned(task, topics, remarks_of(reader, packing, output).losses)


def anonymize_task(task: Task, settings: Settings, output: Output, **how: Any) -> BagReport:
    """Anonymise a bag, wherever it lies and goes to.

    Args:
        task: The bag.
        settings: How.
        output: How the target is packed.
        **how: As for `anonymize_bag`.

    Raises:
        InputError: If the source can't be read, or the target exists; no target is left then.
        ConfigError: If the settings don't fit the bag.
        ModelError: If the model can't be used.
        StorageError: If it can't be fetched or put there; no target that looks whole is left then.
    """
    if isinstance(task.target, Remote):
        check_free(task.target)
    with at_hand(task) as (source, target):
        report = anonymize_bag(source, target, settings, output=output, **how)
        if isinstance(task.target, Remote):
            publish(target, task.target)
    return report


def _name(source: Path) -> str:
    """Of a bag's directory in the target: a file's without its ending."""
    whole = source.resolve()
    if whole.is_dir():
        return whole.name
    name = source.name.removesuffix('.zstd').removesuffix('.active')
    return Path(name).stem
