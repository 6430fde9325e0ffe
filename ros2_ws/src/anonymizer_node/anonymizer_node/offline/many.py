"""Many bags in one call: which there are, and where each one goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader, is_recording, recordings_in
from anonymizer_node.offline.bag import check_apart
from anonymizer_node.offline.output import Output, remarks_of, scratch_beside
from anonymizer_node.offline.plan import TopicPlan, plan


class Task(NamedTuple):
    """One bag, and the directory that is made of it."""

    source: Path
    target: Path


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


def tasks_of(sources: Sequence[Path], target: Path) -> list[Task]:
    """What there is to do: one bag becomes `target`; of several each gets a directory below it.

    Of a folder every bag in it is taken, and the folders between are there again below the target.

    Raises:
        InputError: If a folder holds no bags, two bags would become the same directory, or the
            target lies in one of the sources.
    """
    if len(sources) == 1 and (is_recording(sources[0]) or not sources[0].is_dir()):
        return [Task(sources[0], target)]
    tasks: list[Task] = []
    for source in sources:
        if is_recording(source) or not source.is_dir():
            tasks.append(Task(source, target / _name(source)))
            continue
        check_apart(source, target)
        found = list(recordings_in(source))
        if not found:
            raise InputError(
                f'{str(source)!r} is no bag and holds none: neither a metadata.yaml nor a .mcap, '
                '.db3 or .bag file is in it.'
            )
        below = target if len(sources) == 1 else target / source.resolve().name
        for path in found:
            place = below / path.relative_to(source).parent
            tasks.append(Task(path, place / _name(path)))
    _check_targets(tasks)
    return tasks


def _check_targets(tasks: Sequence[Task]) -> None:
    taken: dict[Path, Path] = {}
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


def planned(task: Task, settings: Settings, output: Output) -> Planned:
    """What would be done with a bag, without doing it.

    Raises:
        InputError: If it can't be read.
        ConfigError: If the settings don't fit it.
    """
    check_apart(task.source, task.target)
    with BagReader(task.source, scratch_beside(task.target)) as reader:
        topics = plan(reader, settings)
        packing = output.packing(reader)
        return Planned(task, topics, remarks_of(reader, packing, output).losses)


def _name(source: Path) -> str:
    """Of a bag's directory in the target: a file's without its ending."""
    whole = source.resolve()
    if whole.is_dir():
        return whole.name
    name = source.name.removesuffix('.zstd').removesuffix('.active')
    return Path(name).stem
